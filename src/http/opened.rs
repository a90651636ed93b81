//! A broadcast that is open, of either kind, with the one face that whoever keeps it open needs.

use std::sync::Arc;

use tokio::sync::watch;

use crate::http::hls::hub::HlsHub;
use crate::http::stream::StreamHub;

/// What players of an open broadcast are served from. Cloning shares it.
#[derive(Debug, Clone)]
pub enum Opened {
    /// MPEG-TS.
    Ts(Arc<StreamHub>),
    Hls(Arc<HlsHub>),
}

impl Opened {
    /// Those who watch at this moment; not 0 while anybody does.
    pub fn viewers(&self) -> usize {
        match self {
            Self::Ts(hub) => hub.viewers(),
            Self::Hls(hub) => hub.viewers(),
        }
    }

    /// The same, at each change.
    pub fn watch_viewers(&self) -> watch::Receiver<usize> {
        match self {
            Self::Ts(hub) => hub.watch_viewers(),
            Self::Hls(hub) => hub.watch_viewers(),
        }
    }

    /// Ends the broadcast for all who watch it.
    pub fn end(&self, reason: impl Into<String>) {
        match self {
            Self::Ts(hub) => hub.end(reason),
            Self::Hls(hub) => hub.end(reason),
        }
    }
}
