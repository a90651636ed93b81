//! What a process gives each of its nodes: when to stop, and where to say that it listens.

use tokio::sync::watch;

use crate::obs::systemd::Progress;

/// A node's thread to the process that it runs in.
#[derive(Debug, Clone)]
pub struct Life {
    /// Turns true when the node is to end.
    pub stop: watch::Receiver<bool>,
    progress: watch::Sender<Progress>,
}

impl Life {
    /// With what the node reports.
    pub fn new(stop: watch::Receiver<bool>) -> (Self, watch::Receiver<Progress>) {
        let (progress, reported) = watch::channel(Progress::default());
        (Self { stop, progress }, reported)
    }

    /// The node has all that it needs and listens on `port`.
    pub fn listens(&self, port: u16) {
        self.report(Progress { is_ready: true, status: format!("listens on {port}") });
    }

    /// Replaces what was reported before.
    pub fn report(&self, progress: Progress) {
        self.progress.send_replace(progress);
    }
}

impl From<watch::Receiver<bool>> for Life {
    /// For a node whose progress is of no interest.
    fn from(stop: watch::Receiver<bool>) -> Self {
        Self::new(stop).0
    }
}
