//! Why a player does not get what it asked for, in one line for the person at the player.

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::Response;

use crate::base::ids::{Infohash, PieceId};
use crate::http::reply::line;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    #[error("nothing of it came within {} s", .0.as_secs_f64())]
    TimedOut(Duration),
    #[error("the broadcast ended: {0}")]
    Ended(String),
    #[error("no broadcast {0} is open; /ace/manifest.m3u8?infohash={0} opens it")]
    NotOpen(Infohash),
    #[error("stream_id={asked}: the broadcast has {count} streams, counted from 0")]
    NoSuchStream { asked: String, count: usize },
    #[error("quality={asked}: there is {}", .known.join(", "))]
    NoSuchQuality { asked: String, known: Vec<String> },
    #[error("no segment {0}: it is not there yet, or too old")]
    NoSuchSegment(PieceId),
    #[error("segment {0} is lost")]
    Lost(PieceId),
    #[error("no such initialisation section")]
    NoSuchInit,
    #[error(
        "its segments are {what}, of which no transport stream can be made: play /ace/manifest.m3u8?infohash={infohash}"
    )]
    NoTransportStream { what: &'static str, infohash: Infohash },
    #[error("the range is outside the {length} bytes of the segment")]
    BadRange { length: u64 },
}

impl Unavailable {
    pub fn status(&self) -> StatusCode {
        match self {
            Self::TimedOut(_) => StatusCode::GATEWAY_TIMEOUT,
            Self::Ended(_) => StatusCode::BAD_GATEWAY,
            Self::NoTransportStream { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BadRange { .. } => StatusCode::RANGE_NOT_SATISFIABLE,
            _ => StatusCode::NOT_FOUND,
        }
    }
}

impl From<Unavailable> for Response {
    fn from(why: Unavailable) -> Self {
        line(why.status(), why.to_string())
    }
}
