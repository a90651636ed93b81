//! An HLS origin: offers the segments of the clip live, paced by the clock, counts what it sends to whom,
//! and can be made to misbehave.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use super::clip::{self, SegmentId};
use super::playlist::About;

/// Words in the path of every playlist, and in the name of every segment and key: what finds one of them
/// has found an address of the origin.
pub const FOLDER: &str = "vault-4711";
pub const SEGMENT_STEM: &str = "lodestar-";
pub const KEY_NAME: &str = "skeleton-0815.bin";
/// Segments that the origin keeps after its playlist has dropped them.
const KEPT: u64 = 6;

/// What the origin is, from its start to its end.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Of a segment.
    pub duration: Duration,
    /// Segments that the playlist lists.
    pub window: u64,
    /// The oldest one that is listed at the start.
    pub first: u64,
    /// Two variants, of which number 0 has the larger segments.
    pub is_master: bool,
    /// Locked with AES-128.
    pub is_locked: bool,
    /// Names the initialisation vector of each segment.
    pub names_iv: bool,
    /// A discontinuity before every segment whose number is a multiple; 0 for none.
    pub discontinuity_every: u64,
    pub answers_ranges: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(1),
            window: 6,
            first: 300 * clip::SEGMENTS,
            is_master: false,
            is_locked: false,
            names_iv: false,
            discontinuity_every: 0,
            answers_ranges: true,
        }
    }
}

/// How playlists are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaylistMood {
    Fine,
    /// Nothing new comes.
    Stuck,
    /// Nothing is dropped any more, and thousands of old entries stand before the rest.
    Endless,
    /// Media sequence and segments of some time ago.
    WentBack(u64),
    Status(u16),
    Html,
    /// A head and no segments.
    NoSegments,
    RedirectLoop,
    /// A byte a second.
    Trickle,
}

/// How segments are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentMood {
    Fine,
    Status(u16),
    /// Half of what was promised, and the end of the connection.
    Half,
    /// A length that is ten bytes too much.
    TooLongLength,
    /// Two lengths that contradict each other.
    TwoLengths,
    /// 500 MB of zeros.
    Huge,
    /// Zeros for ever, without a length.
    Endless,
    RedirectLoop,
    /// A byte a second.
    Trickle,
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    Master,
    Media(u32),
    Segment(SegmentId),
    Key,
    Other,
}

/// An answer that was given, or is being given.
#[derive(Debug, Clone, Copy)]
pub struct Served {
    pub from: IpAddr,
    pub asked: Asked,
    pub status: u16,
    /// Bytes of body that were sent.
    pub bytes: u64,
}

pub struct HlsOrigin {
    address: SocketAddr,
    shared: Arc<Shared>,
}

pub struct Shared {
    pub plan: Plan,
    pub host: String,
    is_over: AtomicBool,
    state: Mutex<State>,
    served: Mutex<Vec<Served>>,
    open: Mutex<Vec<TcpStream>>,
}

#[derive(Debug, Clone)]
struct State {
    era: u32,
    era_since: Instant,
    era_first: u64,
    stuck_at: Option<u64>,
    playlists: PlaylistMood,
    segments: SegmentMood,
    is_away: bool,
    /// Empty means everybody.
    admitted: BTreeSet<IpAddr>,
}

impl HlsOrigin {
    pub fn start(plan: Plan) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let state = State {
            era: 0,
            era_since: Instant::now(),
            era_first: plan.first,
            stuck_at: None,
            playlists: PlaylistMood::Fine,
            segments: SegmentMood::Fine,
            is_away: false,
            admitted: BTreeSet::new(),
        };
        let shared = Arc::new(Shared {
            plan,
            host: address.to_string(),
            is_over: AtomicBool::new(false),
            state: Mutex::new(state),
            served: Mutex::default(),
            open: Mutex::default(),
        });
        let accepting = shared.clone();
        thread::spawn(move || accepting.accept(&listener));
        Self { address, shared }
    }

    /// Where a broadcaster would say that the stream is.
    pub fn url(&self) -> String {
        let name = if self.shared.plan.is_master { "master" } else { "high/live" };
        format!("http://{}/{FOLDER}/{name}.m3u8", self.shared.host)
    }

    /// Words that betray where playlists, segments or keys are.
    pub fn secrets(&self) -> Vec<String> {
        [FOLDER, SEGMENT_STEM, KEY_NAME, &self.shared.host].map(str::to_owned).to_vec()
    }

    /// The newest segment that is listed, whatever the mood.
    pub fn newest(&self) -> u64 {
        let state = self.shared.state();
        self.shared.newest(&state)
    }

    pub fn era(&self) -> u32 {
        self.shared.state().era
    }

    /// What the playlist says of a segment beside its address.
    pub fn about(&self, number: u64) -> About {
        self.shared.about(number)
    }

    pub fn set_playlists(&self, mood: PlaylistMood) {
        let mut state = self.shared.state();
        state.stuck_at = (mood == PlaylistMood::Stuck).then(|| self.shared.newest(&state));
        state.playlists = mood;
    }

    pub fn set_segments(&self, mood: SegmentMood) {
        self.shared.state().segments = mood;
    }

    /// The packager starts again: a full playlist from this number on. Segments of a new era differ from
    /// those that had their numbers before.
    pub fn restart_at(&self, first: u64, is_new_era: bool) {
        let mut state = self.shared.state();
        state.era += u32::from(is_new_era);
        (state.era_first, state.era_since) = (first, Instant::now());
    }

    /// From now on only these are answered; others get 403.
    pub fn admit(&self, only: &[Ipv4Addr]) {
        self.shared.state().admitted = only.iter().map(|ip| IpAddr::V4(*ip)).collect();
    }

    /// Breaks every connection and takes no new one, until `come_back`.
    pub fn go_away(&self) {
        self.shared.state().is_away = true;
        for stream in self.shared.open.lock().expect("no panic").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub fn come_back(&self) {
        self.shared.state().is_away = false;
    }

    pub fn served(&self) -> Vec<Served> {
        self.shared.served.lock().expect("no panic").clone()
    }

    /// How many requests were such.
    pub fn count(&self, is_it: impl Fn(&Served) -> bool) -> usize {
        self.served().iter().filter(|served| is_it(served)).count()
    }

    /// Bytes sent of answers that were such.
    pub fn bytes(&self, is_it: impl Fn(&Served) -> bool) -> u64 {
        self.served().iter().filter(|served| is_it(served)).map(|served| served.bytes).sum()
    }

    /// How many times these segments of a stream were sent, by bytes.
    pub fn copies(&self, stream: u32, numbers: std::ops::Range<u64>) -> f64 {
        let era = self.era();
        let length = |number| clip::segment(SegmentId { stream, era, number }).len() as u64;
        let one_copy: u64 = numbers.clone().map(length).sum();
        let is_one = |served: &Served| {
            matches!(served.asked, Asked::Segment(id)
                if id.stream == stream && id.era == era && numbers.contains(&id.number))
        };
        self.bytes(is_one) as f64 / one_copy as f64
    }
}

impl Drop for HlsOrigin {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        self.go_away();
        // wakes the accept loop
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn accept(self: Arc<Self>, listener: &TcpListener) {
        for connection in listener.incoming() {
            if self.is_over() {
                return;
            }
            let Ok(mut connection) = connection else { continue };
            if self.state().is_away {
                continue;
            }
            self.open.lock().expect("no panic").extend(connection.try_clone().ok());
            let shared = self.clone();
            thread::spawn(move || {
                super::origin_answers::serve(&shared, &mut connection);
                // the list of open ones has a handle too
                let _ = connection.shutdown(Shutdown::Both);
            });
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic")
    }

    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Whether answers shall go on.
    pub fn is_there(&self) -> bool {
        !self.is_over() && !self.state().is_away
    }

    pub fn admits(&self, ip: IpAddr) -> bool {
        let state = self.state();
        state.admitted.is_empty() || state.admitted.contains(&ip)
    }

    pub fn playlist_mood(&self) -> PlaylistMood {
        self.state().playlists
    }

    pub fn segment_mood(&self) -> SegmentMood {
        self.state().segments
    }

    /// Era, and the first and last number that are listed now.
    pub fn listed(&self) -> (u32, u64, u64) {
        let state = self.state();
        let newest = state.stuck_at.unwrap_or_else(|| self.newest(&state));
        let newest = match state.playlists {
            PlaylistMood::WentBack(by) => newest.saturating_sub(by),
            _ => newest,
        };
        (state.era, (newest + 1).saturating_sub(self.plan.window), newest)
    }

    /// Whether the segment can be had now.
    pub fn has(&self, id: SegmentId) -> bool {
        let state = self.state();
        let newest = self.newest(&state);
        let oldest = state.era_first.max((newest + 1).saturating_sub(self.plan.window + KEPT));
        let has_stream = id.stream < if self.plan.is_master { 2 } else { 1 };
        has_stream && id.era == state.era && (oldest..=newest).contains(&id.number)
    }

    fn newest(&self, state: &State) -> u64 {
        let elapsed = state.era_since.elapsed().as_millis() / self.plan.duration.as_millis();
        state.era_first + self.plan.window - 1 + elapsed as u64
    }

    pub fn about(&self, number: u64) -> About {
        let every = self.plan.discontinuity_every;
        let duration_ms = self.plan.duration.as_millis() as u64;
        let ms = number * duration_ms % 86_400_000;
        let (hour, minute) = (ms / 3_600_000, ms / 60_000 % 60);
        let (second, ms) = (ms / 1000 % 60, ms % 1000);
        About {
            duration_ms,
            date: Some(format!("2026-01-31T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")),
            is_discontinuity: every != 0 && number.is_multiple_of(every),
            ..About::default()
        }
    }

    /// Notes an answer that begins; its place is where its bytes are counted.
    pub fn note(&self, from: IpAddr, asked: Asked, status: u16) -> usize {
        let mut served = self.served.lock().expect("no panic");
        served.push(Served { from, asked, status, bytes: 0 });
        served.len() - 1
    }

    pub fn note_bytes(&self, place: usize, bytes: usize) {
        self.served.lock().expect("no panic")[place].bytes += bytes as u64;
    }
}
