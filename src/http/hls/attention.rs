//! Which streams somebody watches: players of HLS come and go with each request, so a stream stays
//! watched for a while after the last one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// The streams that were asked for, and the requests that wait for something.
#[derive(Debug, Default)]
pub struct Attention {
    streams: BTreeMap<u32, Interest>,
    /// Requests that wait without a stream of their own.
    waiting: usize,
}

#[derive(Debug)]
struct Interest {
    waiting: usize,
    until: Instant,
}

impl Attention {
    /// A request waits for something of `stream`, or to learn which streams there are. `true` when nobody
    /// watched the stream before.
    pub fn begin(&mut self, stream: Option<u32>, now: Instant) -> bool {
        let Some(stream) = stream else {
            self.waiting += 1;
            return false;
        };
        let is_new = !self.streams.contains_key(&stream);
        self.streams.entry(stream).or_insert(Interest { waiting: 0, until: now }).waiting += 1;
        is_new
    }

    /// The request waits no longer; its stream is watched `until` then at least.
    pub fn finish(&mut self, stream: Option<u32>, until: Instant) {
        match stream.map(|stream| self.streams.get_mut(&stream)) {
            None => self.waiting = self.waiting.saturating_sub(1),
            Some(None) => {}
            Some(Some(interest)) => {
                interest.waiting = interest.waiting.saturating_sub(1);
                interest.until = interest.until.max(until);
            }
        }
    }

    /// Drops the streams that nobody waits for and whose time is over, and returns them.
    pub fn expire(&mut self, now: Instant) -> Vec<u32> {
        let over = self.streams.extract_if(.., |_, interest| interest.waiting == 0 && interest.until <= now);
        over.map(|(stream, _)| stream).collect()
    }

    /// The streams that somebody watches.
    pub fn watched(&self) -> BTreeSet<u32> {
        self.streams.keys().copied().collect()
    }

    /// How many watch, as far as can be told: not 0 while anybody does.
    pub fn viewers(&self) -> usize {
        self.waiting + self.streams.values().map(|interest| interest.waiting.max(1)).sum::<usize>()
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "any moment will do to count from")]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn stream_is_watched_until_its_time_is_over() {
        let (mut attention, start) = (Attention::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(attention.begin(Some(2), at(0)));
        assert!(!attention.begin(Some(2), at(0)), "it was watched already");
        attention.finish(Some(2), at(10));
        assert!(attention.expire(at(60)).is_empty(), "somebody still waits");
        attention.finish(Some(2), at(5));
        assert_eq!((attention.expire(at(9)), attention.viewers()), (vec![], 1));
        assert_eq!((attention.expire(at(10)), attention.viewers()), (vec![2], 0));
        assert!(attention.watched().is_empty());
    }

    #[test]
    fn request_that_knows_no_stream_is_a_viewer_and_watches_nothing() {
        let (mut attention, now) = (Attention::default(), Instant::now());
        attention.begin(None, now);
        assert_eq!((attention.viewers(), attention.watched().len()), (1, 0));
        attention.finish(None, now);
        assert_eq!(attention.viewers(), 0);
    }
}
