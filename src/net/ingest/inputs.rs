//! Several inputs of one broadcast: read in their order, the first one that works, and back to an earlier
//! one when it has recovered.
//!
//! An earlier input is tried on the side, on a connection of its own, and takes over on that connection once
//! it has given packets for a while: the broadcast never waits for it.
#![allow(clippy::disallowed_methods, reason = "the shell owns the clock")]

use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tracing::{info, warn};

use super::address::SourceAddress;
use super::session::Ingest;
use super::{Failure, IngestError, IngestEvent, IngestOptions};
use crate::base::limits::RECONNECT_PAUSE_MAX;
use crate::media::splice::Splicer;
use crate::net::backoff::Backoff;
use crate::obs::node_name::of_node;

const LOG: &str = "acestream.InfiniteHTTPStream";
/// Pause between two trials of earlier inputs.
const TRIAL_INTERVAL: Duration = Duration::from_secs(5);
/// An earlier input must give packets for so long before it takes over.
const STEADY_MIN: Duration = Duration::from_secs(3);
/// The same for one that failed soon after it had taken over, again and again.
const STEADY_MAX: Duration = Duration::from_secs(300);
/// An input that fails so soon after it took over must be steady for twice as long next time.
const SOON: Duration = Duration::from_secs(60);
/// What one input gives and nobody took yet.
const EVENTS_MAX: usize = 16;

/// Which input is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InUse {
    /// Counted from 0.
    pub input: usize,
    /// How often another one took over.
    pub switches: u64,
}

/// One opening of one input.
struct Reading {
    input: usize,
    events: mpsc::Receiver<IngestEvent>,
    task: JoinHandle<Result<(), Failure>>,
    since: Instant,
}

pub(super) struct Inputs {
    addresses: Vec<SourceAddress>,
    options: IngestOptions,
    out: mpsc::Sender<IngestEvent>,
    in_use: watch::Sender<InUse>,
    splicer: Splicer,
    backoff: Backoff,
    /// The first reasons why inputs can never work; once there was a packet nothing is final.
    refusals: Vec<IngestError>,
    failures: usize,
    has_streamed: bool,
    steady: Duration,
}

/// Nobody takes the packets any more.
struct Over;

impl Inputs {
    pub(super) fn new(
        addresses: Vec<SourceAddress>,
        options: IngestOptions,
        out: mpsc::Sender<IngestEvent>,
        in_use: watch::Sender<InUse>,
    ) -> Self {
        let seed = getrandom::u64().unwrap_or_default();
        let backoff = Backoff::new(options.reconnect_interval, RECONNECT_PAUSE_MAX, seed);
        Self {
            addresses,
            options,
            out,
            in_use,
            splicer: Splicer::default(),
            backoff,
            refusals: Vec::new(),
            failures: 0,
            has_streamed: false,
            steady: STEADY_MIN,
        }
    }

    /// Reads until nobody takes the packets any more.
    ///
    /// # Errors
    /// When no input can ever work, before the first packet.
    pub(super) async fn run(mut self) -> Result<(), IngestError> {
        let mut reading = self.open(0);
        loop {
            match self.read(&mut reading).await {
                Err(Over) => return Ok(()),
                Ok(Some(better)) => {
                    info!(target: LOG, "source {} is back and takes over", self.addresses[better.input]);
                    reading = better;
                    self.took_over(&reading);
                    continue;
                }
                Ok(None) => {}
            }
            let failed = reading.input;
            let why = self.why_of(&mut reading).await?;
            if self.failed_soon(&reading) {
                self.steady = (self.steady * 2).min(STEADY_MAX);
            }
            self.failures += 1;
            let next = (failed + 1) % self.addresses.len();
            let retry_in = match self.failures.is_multiple_of(self.addresses.len()) {
                true => self.backoff.next_pause(),
                false => Duration::ZERO,
            };
            let seconds = retry_in.as_secs_f64();
            warn!(target: LOG, "{why}; source {} is next, in {seconds:.1} s", self.addresses[next]);
            if self.out.send(IngestEvent::Lost { why, retry_in }).await.is_err() {
                return Ok(());
            }
            sleep(retry_in).await;
            reading = self.open(next);
        }
    }

    fn open(&self, input: usize) -> Reading {
        let (out, events) = mpsc::channel(EVENTS_MAX);
        let (address, options) = (self.addresses[input].clone(), self.options.clone());
        let task = tokio::spawn(of_node(Ingest::once(address, options, out)));
        Reading { input, events, task, since: Instant::now() }
    }

    /// Passes on what an input gives, until it fails (`None`) or an earlier one has shown that it works.
    async fn read(&mut self, reading: &mut Reading) -> Result<Option<Reading>, Over> {
        let mut trial = Trial { next: 0, next_at: Instant::now() + TRIAL_INTERVAL, on_trial: None };
        loop {
            tokio::select! {
                event = reading.events.recv() => match event {
                    Some(event) => self.pass_on(reading, event).await?,
                    None => return Ok(None),
                },
                better = trial.proven(self, reading.input) => return Ok(Some(better)),
            }
        }
    }

    async fn pass_on(&mut self, reading: &Reading, event: IngestEvent) -> Result<(), Over> {
        let event = match event {
            IngestEvent::Packets(packets) => IngestEvent::Packets(self.splicer.push(packets)),
            IngestEvent::Connected => {
                self.took_over(reading);
                IngestEvent::Connected
            }
            lost => lost,
        };
        self.out.send(event).await.map_err(|_closed| Over)
    }

    /// The next packets are of this reading.
    fn took_over(&mut self, reading: &Reading) {
        if self.has_streamed {
            self.splicer.cut();
        }
        let is_first = !std::mem::replace(&mut self.has_streamed, true);
        (self.failures, self.refusals) = (0, Vec::new());
        self.backoff.reset();
        let input = reading.input;
        self.in_use.send_if_modified(|in_use| {
            let is_switch = in_use.input != input;
            in_use.switches += u64::from(is_switch && !is_first);
            in_use.input = input;
            is_switch
        });
    }

    fn failed_soon(&self, reading: &Reading) -> bool {
        let is_earlier = reading.input + 1 < self.addresses.len();
        let has_recovered = self.in_use.borrow().switches > 1;
        is_earlier && has_recovered && reading.since.elapsed() < SOON + self.steady
    }

    /// Why a reading ended.
    ///
    /// # Errors
    /// When this was the last input that could have worked.
    async fn why_of(&mut self, reading: &mut Reading) -> Result<String, IngestError> {
        let address = &self.addresses[reading.input];
        match (&mut reading.task).await {
            Ok(Err(Failure::Final(error))) => {
                let why = error.to_string();
                if !self.has_streamed {
                    self.refusals.push(error);
                    if self.refusals.len() == self.addresses.len() {
                        return Err(self.refusals.swap_remove(0));
                    }
                }
                Ok(why)
            }
            Ok(Err(Failure::Transient(why))) => {
                self.refusals.clear();
                Ok(format!("source {address}: {why}"))
            }
            Ok(Ok(())) => Ok(format!("source {address}: the stream ended")),
            Err(error) => Ok(format!("source {address}: {error}")),
        }
    }
}

/// Earlier inputs, tried one after the other beside the one that is read.
struct Trial {
    next: usize,
    next_at: Instant,
    on_trial: Option<OnTrial>,
}

struct OnTrial {
    reading: Reading,
    /// Since when it has given packets.
    steady_since: Option<Instant>,
}

impl Trial {
    /// Returns once an input before `current` has given packets for long enough; it is not read then, but its
    /// next packets wait. May be dropped at any moment and called again.
    async fn proven(&mut self, inputs: &Inputs, current: usize) -> Reading {
        if current == 0 {
            return std::future::pending().await;
        }
        loop {
            let Some(trial) = &mut self.on_trial else {
                tokio::time::sleep_until(self.next_at.into()).await;
                let reading = inputs.open(self.next % current);
                self.on_trial = Some(OnTrial { reading, steady_since: None });
                self.next += 1;
                continue;
            };
            match trial.reading.events.recv().await {
                Some(IngestEvent::Connected) => trial.steady_since = Some(Instant::now()),
                Some(IngestEvent::Packets(_)) => {
                    let is_proven = trial.steady_since.is_some_and(|since| since.elapsed() >= inputs.steady);
                    if is_proven && let Some(mut proven) = self.on_trial.take() {
                        proven.reading.since = Instant::now();
                        return proven.reading;
                    }
                }
                Some(IngestEvent::Lost { .. }) | None => {
                    self.on_trial = None;
                    self.next_at = Instant::now() + TRIAL_INTERVAL;
                }
            }
        }
    }
}
