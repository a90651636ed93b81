//! The replies that carry HLS, and their headers. Pages of any origin may read them.

use std::ops::Range;

use axum::body::Body;
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;

use crate::http::hls::range::{self, Wanted};
use crate::http::hls::reader::SegmentReader;
use crate::http::hls::unavailable::Unavailable;

const PLAYLIST: &str = "application/vnd.apple.mpegurl";
const TRANSPORT_STREAM: &str = "video/mp2t";
const FRAGMENTED_MP4: &str = "video/mp4";
const NO_STORE: &str = "no-store";
/// An initialisation section is named by its hash, so it never changes.
const FOR_EVER: &str = "max-age=86400, immutable";

/// A playlist, which is old at the next moment.
pub fn playlist(text: String) -> Response {
    (headers(PLAYLIST, NO_STORE), text).into_response()
}

pub fn init(bytes: Bytes) -> Response {
    (headers(FRAGMENTED_MP4, FOR_EVER), bytes).into_response()
}

/// The segment, or the part of it that is asked for: what is there at once, and the rest as it comes. A
/// segment that is lost on the way breaks the connection off.
pub fn segment(mut reader: SegmentReader, request: &HeaderMap) -> Response {
    let (mut headers, length) = of_segment(&reader);
    let wanted = length.map_or(Wanted::Whole, |length| range::wanted(request, length));
    let (status, sent) = match (wanted, length) {
        (Wanted::Outside, Some(length)) => return outside(length),
        (Wanted::Part(part), Some(length)) => {
            headers.insert(header::CONTENT_RANGE, content_range(&part, length));
            reader.seek(part.clone());
            (StatusCode::PARTIAL_CONTENT, Some(part.end - part.start))
        }
        (_, length) => (StatusCode::OK, length),
    };
    headers.extend(sent.map(|bytes| (header::CONTENT_LENGTH, HeaderValue::from(bytes))));
    let parts = stream::try_unfold(reader, |mut reader| async move {
        Ok::<_, Unavailable>(reader.next().await?.map(|part| (part, reader)))
    });
    (status, headers, Body::from_stream(parts)).into_response()
}

/// The head of the same, for HEAD, without waiting for anything.
pub fn segment_head(reader: &SegmentReader) -> Response {
    let (headers, length) = of_segment(reader);
    head(headers, length)
}

/// The head of a playlist.
pub fn playlist_head() -> Response {
    head(headers(PLAYLIST, NO_STORE), None)
}

/// What a page's browser asks before it sends a request with a range.
pub fn preflight() -> Response {
    let allowed = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
        (header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, OPTIONS")),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("Range")),
        (header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400")),
    ];
    (StatusCode::NO_CONTENT, HeaderMap::from_iter(allowed)).into_response()
}

fn of_segment(reader: &SegmentReader) -> (HeaderMap, Option<u64>) {
    let known = reader.look(|segment| (segment.info.init.is_some(), segment.length()));
    let (is_mp4, length) = known.unwrap_or_default();
    // Numbers may begin anew, so the same address may come to mean another segment.
    let mut headers = headers(if is_mp4 { FRAGMENTED_MP4 } else { TRANSPORT_STREAM }, NO_STORE);
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    (headers, length)
}

fn head(mut headers: HeaderMap, length: Option<u64>) -> Response {
    match length {
        Some(length) => headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length)),
        // Otherwise a length of 0 is made up for the body.
        None => headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked")),
    };
    (headers, Body::from_stream(stream::empty::<Result<Bytes, Unavailable>>())).into_response()
}

fn outside(length: u64) -> Response {
    let mut reply = Response::from(Unavailable::BadRange { length });
    if let Ok(value) = HeaderValue::from_str(&format!("bytes */{length}")) {
        reply.headers_mut().insert(header::CONTENT_RANGE, value);
    }
    reply
}

fn content_range(part: &Range<u64>, length: u64) -> HeaderValue {
    let text = format!("bytes {}-{}/{length}", part.start, part.end - 1);
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("bytes */*"))
}

fn headers(content_type: &'static str, cache: &'static str) -> HeaderMap {
    let pairs: [(HeaderName, &'static str); 4] = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, cache),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, "Content-Length, Content-Range"),
    ];
    pairs.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect()
}
