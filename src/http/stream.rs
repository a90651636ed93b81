//! One broadcast, served to any number of players.
//!
//! The hub holds the window; each reader is a cursor into it, so a player that does not read costs
//! nobody else anything. A reader counts as a viewer until it is dropped.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::watch;

use crate::base::limits::{PLAYER_READ_MAX_BYTES, PLAYOUT_MAX_BYTES, PLAYOUT_MAX_SPAN};
use crate::live::piece::VerifiedPiece;
use crate::live::playout::{Cursor, Playout, Read};

/// The window of a broadcast and those who read it.
#[derive(Debug)]
pub struct StreamHub {
    state: Mutex<State>,
    news: watch::Sender<()>,
    readers: watch::Sender<usize>,
}

#[derive(Debug)]
struct State {
    playout: Playout,
    end: Option<String>,
}

/// Why a player has nothing to play.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    #[error("no point to start at came within {} s", .0.as_secs_f64())]
    TimedOut(Duration),
    #[error("the broadcast ended: {0}")]
    Ended(String),
}

impl Default for StreamHub {
    fn default() -> Self {
        Self::new(PLAYOUT_MAX_BYTES, PLAYOUT_MAX_SPAN)
    }
}

impl StreamHub {
    /// A hub whose window holds at most `max_bytes` and `max_span` of stream, whichever is less.
    pub fn new(max_bytes: u64, max_span: Duration) -> Self {
        let state = Mutex::new(State { playout: Playout::new(max_bytes, max_span), end: None });
        Self { state, news: watch::Sender::default(), readers: watch::Sender::default() }
    }

    /// Hands a piece's payload to all readers. Numbers ascend; see [`Playout::push`].
    pub fn publish(&self, piece: &VerifiedPiece) {
        self.push(piece.number(), piece.time(), &piece.payload());
    }

    /// Hands a part of the stream to all readers; see [`Playout::push`].
    pub fn push(&self, number: u64, time: f64, payload: &[Bytes]) {
        self.lock().playout.push(number, time, payload);
        self.news.send_replace(());
    }

    /// Ends the broadcast: readers get what is left and then the end. The first reason stays.
    pub fn end(&self, reason: impl Into<String>) {
        self.lock().end.get_or_insert(reason.into());
        self.news.send_replace(());
    }

    /// Readers at this moment.
    pub fn viewers(&self) -> usize {
        *self.readers.borrow()
    }

    /// The number of readers, at each change.
    pub fn watch_viewers(&self) -> watch::Receiver<usize> {
        self.readers.subscribe()
    }

    /// Seconds of stream taken in so far.
    pub fn seconds(&self) -> f64 {
        self.lock().playout.seconds()
    }

    /// A new reader that begins with what [`Playout::join`] chooses.
    pub fn join(self: &Arc<Self>, buffer: Duration) -> Reader {
        let cursor = self.lock().playout.join(buffer);
        self.readers.send_modify(|readers| *readers += 1);
        Reader { cursor, news: self.news.subscribe(), hub: Arc::clone(self) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One player's way through the broadcast.
#[derive(Debug)]
pub struct Reader {
    cursor: Cursor,
    news: watch::Receiver<()>,
    hub: Arc<StreamHub>,
}

impl Reader {
    /// Waits until there is a point to start at.
    pub async fn ready(&mut self, patience: Duration) -> Result<(), NotReady> {
        let waiting = tokio::time::timeout(patience, self.start());
        waiting.await.map_err(|_| NotReady::TimedOut(patience))?
    }

    async fn start(&mut self) -> Result<(), NotReady> {
        loop {
            self.news.mark_unchanged();
            let ended = {
                let state = self.hub.lock();
                if state.playout.is_ready(&mut self.cursor) {
                    return Ok(());
                }
                state.end.clone()
            };
            if let Some(reason) = ended {
                return Err(NotReady::Ended(reason));
            }
            self.news_or_end().await?;
        }
    }

    async fn news_or_end(&mut self) -> Result<(), NotReady> {
        self.news.changed().await.map_err(|_| NotReady::Ended("its hub is gone".into()))
    }

    /// The next whole packets, as soon as there are any; `None` at the end of the broadcast.
    pub async fn next(&mut self) -> Option<Vec<Bytes>> {
        loop {
            self.news.mark_unchanged();
            let (read, ended) = {
                let state = self.hub.lock();
                (state.playout.read(&mut self.cursor, PLAYER_READ_MAX_BYTES), state.end.is_some())
            };
            match read {
                Read::Data(packets) => return Some(packets),
                Read::Skipped { lost_bytes } => {
                    tracing::debug!(target: "acestream.httpserver", lost_bytes, "player too slow, skipped ahead")
                }
                Read::NothingYet if ended => return None,
                Read::NothingYet => self.news_or_end().await.ok()?,
            }
        }
    }

    /// The endless reply of a player: from a point to start at to the end of the broadcast.
    pub fn into_response(self) -> Response {
        let frames = stream::unfold((self, VecDeque::new()), |(mut reader, mut queue)| async move {
            if queue.is_empty() {
                queue.extend(reader.next().await?);
            }
            let frame: Bytes = queue.pop_front()?;
            Some((Ok::<_, Infallible>(frame), (reader, queue)))
        });
        (headers(), Body::from_stream(frames)).into_response()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.hub.readers.send_modify(|readers| *readers = readers.saturating_sub(1));
    }
}

/// The head of a player's reply, for HEAD.
pub fn head_response() -> Response {
    let mut headers = headers();
    // An unsized body and a named encoding: otherwise a length of 0 is made up for the body.
    headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    (headers, Body::from_stream(stream::empty::<Result<Bytes, Infallible>>())).into_response()
}

fn headers() -> HeaderMap {
    HeaderMap::from_iter([
        (header::CONTENT_TYPE, HeaderValue::from_static("video/mp2t")),
        (header::ACCEPT_RANGES, HeaderValue::from_static("none")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    ])
}
