//! A part of a resource of the origin, as its bytes come: asked for with a Range, cut out here where the
//! server has no ranges. It decides whether the answer is the part that was asked for, and whether it comes
//! fast enough.

use std::time::Duration;

use bytes::{Buf, Bytes};
use reqwest::header::{CONTENT_RANGE, HeaderMap, HeaderValue, RANGE};
use reqwest::{Response, StatusCode};
use tokio::time::{Instant, timeout};

use super::client::OriginClient;
use super::error::OriginError;
use crate::base::limits::{
    ORIGIN_MIN_BYTES_PER_SECOND, ORIGIN_READ_TIMEOUT, ORIGIN_SLOW_GRACE, SEGMENT_MAX_BYTES,
};
use crate::wire::hls::segment::Resource;

/// The bytes of a resource from one on.
#[derive(Debug)]
pub(super) struct Part {
    response: Response,
    /// What the answer has before the part.
    skip: u64,
    /// What is still to come; `None`: all until the body ends.
    left: Option<u64>,
    /// Bytes of the whole resource, or of its range; `None`: the server does not say.
    total: Option<u64>,
    pace: Pace,
}

/// Where a part is: absolute, the end exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    start: u64,
    end: Option<u64>,
}

/// `Content-Range` of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ContentRange {
    start: u64,
    /// Exclusive.
    end: u64,
    total: Option<u64>,
}

/// How long the server was waited for.
#[derive(Debug, Default)]
struct Pace {
    waited: Duration,
    received: u64,
}

impl OriginClient {
    /// Asks for the bytes of `at` from its byte `from` on: `length` of them, or all.
    pub(super) async fn part(
        &self,
        at: &Resource,
        from: u64,
        length: Option<u64>,
    ) -> Result<Part, OriginError> {
        let span = Span::of(at, from, length)?;
        let response = self.get(&at.url, span.headers()).await?;
        let (skip, left, total) = match response.status() {
            StatusCode::OK => span.in_whole(response.content_length())?,
            StatusCode::PARTIAL_CONTENT => span.in_part(ContentRange::of(&response))?,
            StatusCode::RANGE_NOT_SATISFIABLE => return Err(OriginError::OutOfRange),
            status => return Err(OriginError::Status(status)),
        };
        if skip.max(left.unwrap_or_default()) > SEGMENT_MAX_BYTES {
            return Err(OriginError::TooLarge { max_bytes: SEGMENT_MAX_BYTES });
        }
        let total = at.range.map(|range| range.length).or(total);
        Ok(Part { response, skip, left, total, pace: Pace::default() })
    }
}

impl Span {
    fn of(at: &Resource, from: u64, length: Option<u64>) -> Result<Self, OriginError> {
        let (first, size) = at.range.map_or((0, None), |range| (range.start, Some(range.length)));
        if size.is_some_and(|size| from >= size || length.is_some_and(|length| length > size - from)) {
            return Err(OriginError::OutOfRange);
        }
        let length = length.or(size.map(|size| size - from));
        let start = first.checked_add(from).ok_or(OriginError::OutOfRange)?;
        let end =
            length.map(|length| start.checked_add(length).ok_or(OriginError::OutOfRange)).transpose()?;
        Ok(Self { start, end })
    }

    fn headers(self) -> HeaderMap {
        let range = match (self.start, self.end) {
            (0, None) => return HeaderMap::new(),
            (start, None) => format!("bytes={start}-"),
            (start, Some(end)) => format!("bytes={start}-{}", end.saturating_sub(1)),
        };
        HeaderValue::try_from(range).map(|range| (RANGE, range)).into_iter().collect()
    }

    /// What to skip, what is left, and how long the resource is, when the server sends all of it.
    fn in_whole(self, length: Option<u64>) -> Result<(u64, Option<u64>, Option<u64>), OriginError> {
        let end = self.end.or(length);
        if length.is_some_and(|length| self.start >= length) && self.start > 0 {
            return Err(OriginError::OutOfRange);
        }
        if let (Some(length), Some(end)) = (length, end)
            && length < end
        {
            return Err(OriginError::Short);
        }
        Ok((self.start, end.map(|end| end.saturating_sub(self.start)), length))
    }

    /// The same when it sends a part.
    fn in_part(self, sent: Option<ContentRange>) -> Result<(u64, Option<u64>, Option<u64>), OriginError> {
        let sent = sent.filter(|sent| sent.start == self.start).ok_or(OriginError::OtherRange)?;
        match self.end.or(sent.total) {
            Some(end) if sent.end < end => Err(OriginError::Short),
            Some(end) if sent.end > end => Err(OriginError::OtherRange),
            _ => Ok((0, Some(sent.end - sent.start), sent.total)),
        }
    }
}

impl ContentRange {
    fn of(response: &Response) -> Option<Self> {
        Self::parse(response.headers().get(CONTENT_RANGE)?.to_str().ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let (span, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
        let (start, last) = span.split_once('-')?;
        let (start, last): (u64, u64) = (start.trim().parse().ok()?, last.trim().parse().ok()?);
        let total = match total.trim() {
            "*" => None,
            total => Some(total.parse().ok()?),
        };
        let end = last.checked_add(1).filter(|&end| end > start)?;
        Some(Self { start, end, total })
    }
}

impl Part {
    /// Bytes of the whole resource, or of its range, where the server says so.
    pub(super) fn total(&self) -> Option<u64> {
        self.total
    }

    /// The next bytes; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, OriginError> {
        while self.left != Some(0) {
            let Some(mut bytes) = self.pace.next(&mut self.response).await? else {
                let is_short = self.left.is_some() || self.skip > 0;
                return if is_short { Err(OriginError::Short) } else { Ok(None) };
            };
            let skipped = self.skip.min(bytes.len() as u64);
            self.skip -= skipped;
            bytes.advance(skipped as usize);
            if let Some(left) = &mut self.left {
                bytes.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= bytes.len() as u64;
            }
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }
}

impl Pace {
    async fn next(&mut self, response: &mut Response) -> Result<Option<Bytes>, OriginError> {
        let start = Instant::now();
        let answer = timeout(ORIGIN_READ_TIMEOUT, response.chunk()).await;
        let bytes = answer.map_err(|_elapsed| OriginError::TooSlow)?.map_err(OriginError::broken_off)?;
        self.waited += start.elapsed();
        self.received += bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
        let due = self.waited.as_secs() * ORIGIN_MIN_BYTES_PER_SECOND;
        if bytes.is_some() && self.waited > ORIGIN_SLOW_GRACE && self.received < due {
            return Err(OriginError::TooSlow);
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::hls::segment::ByteRange;

    fn resource(range: Option<(u64, u64)>) -> Resource {
        let range = range.map(|(start, length)| ByteRange { start, length });
        Resource { url: "http://origin.example/1.ts".into(), range }
    }

    fn asked(range: Option<(u64, u64)>, from: u64, length: Option<u64>) -> String {
        let headers = Span::of(&resource(range), from, length).unwrap().headers();
        headers.get(RANGE).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    }

    #[test]
    fn parts_are_asked_for_by_their_place_in_the_resource() {
        assert_eq!(asked(None, 0, None), "");
        assert_eq!(asked(None, 16384, None), "bytes=16384-");
        assert_eq!(asked(None, 0, Some(10)), "bytes=0-9");
        assert_eq!(asked(Some((1000, 500)), 0, None), "bytes=1000-1499");
        assert_eq!(asked(Some((1000, 500)), 100, Some(50)), "bytes=1100-1149");
    }

    #[test]
    fn parts_outside_their_resource_are_not_asked_for() {
        let outside =
            [(Some((0, 10)), 10, None), (Some((0, 10)), 5, Some(6)), (Some((u64::MAX, 10)), 5, None)];
        for (range, from, length) in outside {
            let span = Span::of(&resource(range), from, length);
            assert!(matches!(span, Err(OriginError::OutOfRange)), "{range:?} {from} {length:?}");
        }
    }

    #[test]
    fn answer_must_be_the_part_that_was_asked_for() {
        let span = Span { start: 100, end: Some(200) };
        let sent = |text| span.in_part(ContentRange::parse(text));
        assert_eq!(sent("bytes 100-199/1000").unwrap(), (0, Some(100), Some(1000)));
        assert_eq!(sent("bytes 100-199/*").unwrap(), (0, Some(100), None));
        assert!(matches!(sent("bytes 100-150/1000"), Err(OriginError::Short)));
        for other in
            ["bytes 0-199/1000", "bytes 100-200/1000", "bytes 100-99/1000", "items 1-2/3", "bytes */9"]
        {
            assert!(matches!(sent(other), Err(OriginError::OtherRange)), "{other}");
        }
        let open = Span { start: 100, end: None };
        assert!(matches!(open.in_part(ContentRange::parse("bytes 100-150/1000")), Err(OriginError::Short)));
    }

    #[test]
    fn part_is_cut_out_of_a_whole_answer() {
        let span = Span { start: 100, end: Some(200) };
        assert_eq!(span.in_whole(Some(1000)).unwrap(), (100, Some(100), Some(1000)));
        assert_eq!(span.in_whole(None).unwrap(), (100, Some(100), None));
        assert!(matches!(span.in_whole(Some(150)), Err(OriginError::Short)));
        assert!(matches!(span.in_whole(Some(100)), Err(OriginError::OutOfRange)));
        let all = Span { start: 0, end: None };
        assert_eq!(all.in_whole(Some(7)).unwrap(), (0, Some(7), Some(7)));
    }
}
