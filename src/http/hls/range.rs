//! `Range` of a request, against a resource whose length is known.

use std::ops::Range;

use axum::http::{HeaderMap, header};

/// Which part of a resource is asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Wanted {
    /// No range, or one that may be ignored: of another unit, of several parts, or malformed.
    Whole,
    /// At least one byte.
    Part(Range<u64>),
    /// Outside the resource.
    Outside,
}

/// What the request wants of `length` bytes. `If-Range` compares with a validator, which segments have
/// none of.
pub fn wanted(headers: &HeaderMap, length: u64) -> Wanted {
    let value = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    match value {
        Some(value) if !headers.contains_key(header::IF_RANGE) => {
            parse(value, length).unwrap_or(Wanted::Whole)
        }
        _ => Wanted::Whole,
    }
}

fn parse(value: &str, length: u64) -> Option<Wanted> {
    let (first, last) = value.strip_prefix("bytes=")?.trim().split_once('-')?;
    let range = match (digits(first)?, digits(last)?) {
        (None, None) => return None,
        (None, Some(tail)) => length.saturating_sub(tail)..length,
        (Some(first), None) => first..length,
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(length),
        _ => return None,
    };
    Some(if range.is_empty() { Wanted::Outside } else { Wanted::Part(range) })
}

/// The number, if there is one; `None` for anything else.
fn digits(text: &str) -> Option<Option<u64>> {
    match text.bytes().all(|digit| digit.is_ascii_digit()) {
        true if text.is_empty() => Some(None),
        true => text.parse().ok().map(Some),
        false => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(range: &str, length: u64) -> Wanted {
        let headers = HeaderMap::from_iter([(header::RANGE, range.parse().unwrap())]);
        wanted(&headers, length)
    }

    #[test]
    fn one_range_is_understood_in_each_form() {
        for (range, part) in [
            ("bytes=0-", 0..100),
            ("bytes=0-0", 0..1),
            ("bytes=10-19", 10..20),
            ("bytes=90-1000", 90..100),
            ("bytes=99-18446744073709551615", 99..100),
            ("bytes=-10", 90..100),
            ("bytes=-1000", 0..100),
        ] {
            assert_eq!(of(range, 100), Wanted::Part(part), "{range}");
        }
    }

    #[test]
    fn range_outside_is_told() {
        for range in ["bytes=100-", "bytes=100-200", "bytes=-0"] {
            assert_eq!(of(range, 100), Wanted::Outside, "{range}");
        }
        assert_eq!(of("bytes=0-", 0), Wanted::Outside);
    }

    #[test]
    fn anything_else_means_the_whole() {
        for range in [
            "bytes=",
            "bytes=-",
            "bytes=5-4",
            "bytes=1-2,4-5",
            "bytes=+1-2",
            "items=0-1",
            "0-1",
            "bytes=a-b",
            "bytes=99999999999999999999-",
        ] {
            assert_eq!(of(range, 100), Wanted::Whole, "{range}");
        }
        let both =
            [(header::RANGE, "bytes=0-1".parse().unwrap()), (header::IF_RANGE, "\"x\"".parse().unwrap())];
        assert_eq!(wanted(&HeaderMap::from_iter(both), 100), Wanted::Whole);
        assert_eq!(wanted(&HeaderMap::new(), 100), Wanted::Whole);
    }
}
