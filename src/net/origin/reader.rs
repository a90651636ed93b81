//! The task that takes commands and owns all others: pollers, fetches, checks. It never waits for anything
//! but the next command, so that whoever commands is never kept waiting.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::Instant;

use super::access::Access;
use super::cadence::Cadence;
use super::check::Check;
use super::complaints::Complaints;
use super::fetch::Fetch;
use super::inits::Inits;
use super::manifest::{self, First, Manifest};
use super::poller::{Orders, Poller, Progress};
use super::{Numbers, OriginConfig};
use crate::base::ids::PieceId;
use crate::base::limits::{HLS_STREAMS_MAX, ORIGIN_CHECKS_MAX, ORIGIN_FETCHES_MAX, ORIGIN_TASKS_MAX};
use crate::base::rng::Rng;
use crate::media::playlist::sequencer::{Numbering, Sequencer};
use crate::net::stop::stopped;
use crate::obs::node_name::of_node;
use crate::swarm::hls::event::{OriginCommand, OriginEvent};
use crate::wire::hls::catalog::Catalog;

pub(super) struct Reader {
    config: OriginConfig,
    access: Arc<Access>,
    events: mpsc::Sender<OriginEvent>,
    streams: Option<Streams>,
    followed: BTreeSet<u32>,
    pollers: BTreeMap<u32, watch::Sender<Orders>>,
    fetches: BTreeMap<PieceId, AbortHandle>,
    /// Places for the fetches of each stream, and for checks.
    fetching: BTreeMap<u32, Arc<Semaphore>>,
    checking: Arc<Semaphore>,
    tasks: JoinSet<Ended>,
    rng: Rng,
}

/// What the manifest says, once it was read.
struct Streams {
    catalog: Arc<Catalog>,
    urls: Vec<Arc<str>>,
    first: Option<(First, Instant)>,
}

/// What a task leaves.
enum Ended {
    Manifest(Box<Manifest>),
    Other,
}

impl Reader {
    pub(super) fn new(config: OriginConfig, events: mpsc::Sender<OriginEvent>) -> Self {
        let access = Access::new(config.client.clone(), Complaints::new(config.log_urls));
        let mut reader = Self {
            access: Arc::new(access),
            rng: Rng::new(config.seed),
            config,
            events,
            streams: None,
            followed: BTreeSet::new(),
            pollers: BTreeMap::new(),
            fetches: BTreeMap::new(),
            fetching: BTreeMap::new(),
            checking: Arc::new(Semaphore::new(ORIGIN_CHECKS_MAX)),
            tasks: JoinSet::new(),
        };
        reader.read_manifest();
        reader
    }

    /// Dropping it ends all tasks.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<OriginCommand>) {
        let (mut stop, events) = (self.config.stop.clone(), self.events.clone());
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.obey(command),
                    None => return,
                },
                Some(ended) = self.tasks.join_next_with_id() => self.ended(ended),
                () = stopped(&mut stop) => return,
                () = events.closed() => return,
            }
        }
    }

    fn obey(&mut self, command: OriginCommand) {
        match command {
            OriginCommand::Follow(streams) => self.follow(streams),
            OriginCommand::ReadNow { stream } => self.read_now(stream),
            OriginCommand::Fetch { piece, at, first_chunk, decrypt } => {
                let rng = self.rng.fork();
                self.fetch(Fetch { piece, at, next: first_chunk, decrypt, total: None, rng });
            }
            OriginCommand::Cancel { piece } => self.cancel(piece),
            OriginCommand::Check { piece, at, chunk, length, decrypt } => {
                self.check(Check { piece, at, chunk, length, decrypt });
            }
        }
    }

    fn ended(&mut self, ended: Result<(Id, Ended), JoinError>) {
        let id = match &ended {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        self.fetches.retain(|_, task| task.id() != id);
        if let Ok((_, Ended::Manifest(manifest))) = ended {
            let Manifest { catalog, urls, first } = *manifest;
            let first = first.map(|first| (first, Instant::now()));
            self.streams = Some(Streams { catalog, urls, first });
            self.start_pollers();
        }
    }

    fn read_manifest(&mut self) {
        let Some(url) = self.config.manifest_url.clone() else { return };
        let (access, events, seed) = (self.access.clone(), self.events.clone(), self.rng.next_u64());
        self.tasks.spawn(of_node(async move {
            let manifest = manifest::read(&access, &url, seed).await;
            // nobody hears it: the node stops
            let _unheard = events.send(OriginEvent::Catalog(manifest.catalog.clone())).await;
            Ended::Manifest(Box::new(manifest))
        }));
    }

    fn follow(&mut self, streams: BTreeSet<u32>) {
        for (stream, orders) in &self.pollers {
            let is_followed = streams.contains(stream);
            orders.send_if_modified(|orders| {
                std::mem::replace(&mut orders.is_followed, is_followed) != is_followed
            });
        }
        self.followed = streams;
        self.start_pollers();
    }

    fn start_pollers(&mut self) {
        let new = self.followed.iter().copied().filter(|stream| !self.pollers.contains_key(stream));
        for stream in new.collect::<Vec<_>>() {
            let (orders, receiver) = watch::channel(Orders { is_followed: true, reads: 0 });
            if let Some(poller) = self.poller(stream, receiver) {
                self.pollers.insert(stream, orders);
                self.tasks.spawn(of_node(async move {
                    poller.run().await;
                    Ended::Other
                }));
            }
        }
    }

    /// `None` while the stream is not known.
    fn poller(&mut self, stream: u32, orders: watch::Receiver<Orders>) -> Option<Poller> {
        let numbering = self.numbering(stream);
        let streams = self.streams.as_mut()?;
        let url = streams.urls.get(stream as usize)?.clone();
        let manifest_url = self.config.manifest_url.as_deref().filter(|_| streams.catalog.is_master);
        let master = manifest_url.map(|url| (url.into(), streams.catalog.clone()));
        Some(Poller {
            access: self.access.clone(),
            events: self.events.clone(),
            orders,
            stream,
            url,
            master,
            first: streams.first.take(),
            sequencer: Sequencer::new(numbering, self.config.bad_manifest_max_errors),
            inits: Inits::new(self.config.decrypts),
            decrypts: self.config.decrypts,
            bad_manifest_pause: self.config.bad_manifest_retry_interval,
            cadence: Cadence::new(Instant::now(), self.rng.fork()),
            progress: Progress::default(),
        })
    }

    fn numbering(&self, stream: u32) -> Numbering {
        match &self.config.numbers {
            Numbers::OfOrigin => Numbering::Origin,
            Numbers::Monotonic { last } => Numbering::Monotonic { last_number: last.get(&stream).copied() },
        }
    }

    fn read_now(&mut self, stream: u32) {
        if let Some(orders) = self.pollers.get(&stream) {
            orders.send_modify(|orders| orders.reads += 1);
        }
    }

    fn fetch(&mut self, fetch: Fetch) {
        let piece = fetch.piece;
        self.cancel(piece);
        let Some(places) = self.places(piece.stream).filter(|_| self.has_room()) else {
            self.say(OriginEvent::Failed { piece, is_gone: false });
            return;
        };
        let (access, events) = (self.access.clone(), self.events.clone());
        let task = self.tasks.spawn(of_node(async move {
            // they are never closed
            let _place = places.acquire_owned().await;
            fetch.run(access, events).await;
            Ended::Other
        }));
        self.fetches.insert(piece, task);
    }

    fn check(&mut self, check: Check) {
        let (piece, chunk) = (check.piece, check.chunk);
        if !self.has_room() {
            self.say(OriginEvent::Checked { piece, chunk, hash: None });
            return;
        }
        let (access, events, places) = (self.access.clone(), self.events.clone(), self.checking.clone());
        self.tasks.spawn(of_node(async move {
            let _place = places.acquire_owned().await;
            check.run(access, events).await;
            Ended::Other
        }));
    }

    fn cancel(&mut self, piece: PieceId) {
        if let Some(fetch) = self.fetches.remove(&piece) {
            fetch.abort();
        }
    }

    fn places(&mut self, stream: u32) -> Option<Arc<Semaphore>> {
        let is_stream = stream < HLS_STREAMS_MAX;
        let new = || Arc::new(Semaphore::new(ORIGIN_FETCHES_MAX));
        is_stream.then(|| self.fetching.entry(stream).or_insert_with(new).clone())
    }

    fn has_room(&self) -> bool {
        self.tasks.len() < ORIGIN_TASKS_MAX + self.pollers.len()
    }

    /// By a task, since the event may have to wait.
    fn say(&mut self, event: OriginEvent) {
        let events = self.events.clone();
        self.tasks.spawn(of_node(async move {
            // nobody hears it: the node stops
            let _unheard = events.send(event).await;
            Ended::Other
        }));
    }
}
