//! What a service manager is told (`sd_notify`): when the process is ready, what it is at, that it lives, and
//! that it stops. Without `NOTIFY_SOCKET` nothing is told to anybody.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

/// How far a node, or all the nodes of a process, have come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Every node listens, or was tried and is tried again.
    pub is_ready: bool,
    /// A line for people.
    pub status: String,
}

/// Tells of `progress` as it comes, and twice in each watchdog interval that the runtime lives, until `stop`
/// turns true or nobody reports any more.
pub async fn follow(mut progress: watch::Receiver<Progress>, mut stop: watch::Receiver<bool>) {
    let is_watched = sd_notify::watchdog_enabled().filter(|period| !period.is_zero());
    let mut pings = interval(is_watched.unwrap_or(Duration::from_secs(3600)) / 2);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = Progress::default();
    let mut is_stopping = false;
    loop {
        tokio::select! {
            _ = pings.tick() => if is_watched.is_some() {
                tell(&[NotifyState::Watchdog]);
            },
            changed = progress.changed() => match changed {
                Ok(()) => {
                    let now = progress.borrow_and_update().clone();
                    tell_progress(&told, &now);
                    told = now;
                }
                Err(_) => break,
            },
            // the watchdog is fed while the nodes take their leave
            _ = stop.wait_for(|&stop| stop), if !is_stopping => {
                is_stopping = true;
                stopping();
            }
        }
    }
}

/// Says that the process comes to its end.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell_progress(told: &Progress, now: &Progress) {
    if now.is_ready && !told.is_ready {
        tell(&[NotifyState::Ready, NotifyState::Status(&now.status)]);
    } else if now.status != told.status {
        tell(&[NotifyState::Status(&now.status)]);
    }
}

/// A manager that does not listen is no reason to stop.
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(target: "acestream", "the service manager was not told: {error}");
    }
}
