//! A transport stream out of segments: back to back, in the order of their numbers, each as it grows.
//!
//! One for all players of a stream, from the first to some time after the last. A segment that is lost, or
//! marked as a discontinuity, tears the stream, as lost pieces do.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::base::ids::Infohash;
use crate::http::hls::hub::{HlsHub, State};
use crate::http::hls::reader::SegmentReader;
use crate::http::hls::segment::Segment;
use crate::http::hls::shelf::Shelf;
use crate::http::hls::unavailable::Unavailable;
use crate::http::stream::{Reader, StreamHub};
use crate::media::ts::SYNC_BYTE;
use crate::obs::node_name::of_node;
use crate::swarm::hls::event::SegmentInfo;

/// How many segments before the end of the playlist to begin: as few as a player of HLS may.
const SEGMENTS_BEHIND: usize = 3;

/// Whether a transport stream can be made of such segments.
///
/// # Errors
/// The line names the address where they can be played.
pub fn check(info: &SegmentInfo, infohash: Infohash) -> Result<(), Unavailable> {
    let what = match (info.init, &info.key) {
        (Some(_), _) => "fragmented MP4",
        (None, Some(_)) => "encrypted",
        (None, None) => return Ok(()),
    };
    Err(Unavailable::NoTransportStream { what, infohash })
}

/// A player of the stream's feed, which begins with its first player.
pub fn join(hub: &Arc<HlsHub>, stream: u32, buffer: Duration) -> Reader {
    let mut state = hub.lock();
    let feed = state.feeds.entry(stream).or_insert_with(|| {
        let out = Arc::<StreamHub>::default();
        tokio::spawn(of_node(run(Arc::clone(hub), stream, Arc::clone(&out))));
        out
    });
    feed.join(buffer)
}

async fn run(hub: Arc<HlsHub>, stream: u32, out: Arc<StreamHub>) {
    let ended = tokio::select! {
        why = pump(&hub, stream, &out) => why.to_string(),
        () = unwatched(&hub, stream, &out) => "nobody watches".to_owned(),
    };
    drop_feed(&mut hub.lock(), stream, &out);
    out.end(ended);
}

/// Lets nobody join any more; another feed may have taken the place already.
fn drop_feed(state: &mut State, stream: u32, out: &Arc<StreamHub>) {
    if state.feeds.get(&stream).is_some_and(|feed| Arc::ptr_eq(feed, out)) {
        state.feeds.remove(&stream);
    }
}

/// Returns once nobody has read for a while; nobody can join any more then.
async fn unwatched(hub: &HlsHub, stream: u32, out: &Arc<StreamHub>) {
    let mut viewers = out.watch_viewers();
    loop {
        let nobody_came = timeout(hub.watched_min(), viewers.wait_for(|&count| count > 0)).await.is_err();
        if nobody_came {
            let mut state = hub.lock();
            if out.viewers() == 0 {
                return drop_feed(&mut state, stream, out);
            }
        }
        // an error says that the sender is gone, which `out` holds
        let _ = viewers.wait_for(|&count| count == 0).await;
    }
}

/// Hands segment after segment to `out`, until the end of the broadcast or a segment that does not fit in.
async fn pump(hub: &Arc<HlsHub>, stream: u32, out: &StreamHub) -> Unavailable {
    let _watch = hub.watch(Some(stream));
    let mut tape = Tape::default();
    loop {
        let next = hub.wait_for(|state| next(state, stream, &tape)).await;
        let (serial, info) = match next {
            Ok(next) => next,
            Err(why) => return why,
        };
        if let Err(why) = check(&info, hub.infohash()) {
            return why;
        }
        tape.begin(serial, &info);
        if let Err(NoPackets) = tape.copy(SegmentReader::of(hub, info.piece, serial), out).await {
            let what = "sound without packets around it, or text";
            return Unavailable::NoTransportStream { what, infohash: hub.infohash() };
        }
    }
}

/// The segment after the last one; at first, one that leaves a player something to go on with.
fn next(state: &State, stream: u32, tape: &Tape) -> Option<(u64, Arc<SegmentInfo>)> {
    let shelf = state.holdings.shelf(stream)?;
    let found = match tape.last_serial {
        Some(last) => shelf.segments().find(|segment| segment.serial > last),
        None => start(shelf),
    };
    found.map(|segment| (segment.serial, Arc::clone(&segment.info)))
}

fn start(shelf: &Shelf) -> Option<&Segment> {
    let listed: Vec<_> = shelf.listed().collect();
    listed.get(listed.len().saturating_sub(SEGMENTS_BEHIND)).copied()
}

/// A segment does not begin with a packet of a transport stream: packed audio, or subtitles.
#[derive(Debug)]
struct NoPackets;

/// How far the stream has come.
#[derive(Debug, Default)]
struct Tape {
    last_serial: Option<u64>,
    last_number: u64,
    /// Whether all of the last segment went out.
    is_whole: bool,
    /// Counts what was handed over; one number is left out where the stream is torn.
    counter: u64,
    /// Seconds of the segments before.
    time: f64,
    duration: Duration,
}

impl Tape {
    fn begin(&mut self, serial: u64, info: &SegmentInfo) {
        let follows = self.last_number.checked_add(1) == Some(info.piece.number);
        if !self.is_whole || !follows || info.tags.discontinuity {
            self.counter += 1;
        }
        self.time += self.duration.as_secs_f64();
        self.duration = Duration::from_micros(info.duration_us);
        self.last_serial = Some(serial);
        self.last_number = info.piece.number;
        self.is_whole = false;
    }

    async fn copy(&mut self, mut reader: SegmentReader, out: &StreamHub) -> Result<(), NoPackets> {
        let mut is_first = true;
        loop {
            match reader.next().await {
                Ok(Some(part)) if is_first && part.first() != Some(&SYNC_BYTE) => return Err(NoPackets),
                Ok(Some(part)) => out.push(self.counter, self.time, &[part]),
                Ok(None) => {
                    self.is_whole = true;
                    return Ok(());
                }
                Err(_) => return Ok(()),
            }
            is_first = false;
            self.counter += 1;
        }
    }
}
