//! The forms of values: text in, a type that cannot be wrong out, or what is wrong with the text.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use crate::base::civil::Civil;
use crate::base::limits::{HLS_URL_MAX_BYTES, PROVIDER_TEXT_MAX_BYTES, TRACKER_URL_MAX_BYTES};
use crate::base::listed::Listed;
use crate::obs::level::{ModuleLevels, parse_modules};
use crate::wire::hls::transport::is_playlist_url;

/// `0` or `1`.
pub fn bool01(text: &str) -> Result<bool, String> {
    match text {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => Err("expected 0 or 1".to_owned()),
    }
}

/// A whole number within bounds.
pub fn int(text: &str, min: u64, max: u64) -> Result<u64, String> {
    let in_range = |number: &u64| (min..=max).contains(number);
    text.parse().ok().filter(in_range).ok_or_else(|| match max {
        u64::MAX => format!("expected a whole number, at least {min}"),
        _ => format!("expected a whole number from {min} to {max}"),
    })
}

/// A power of two within bounds.
pub fn power_of_two(text: &str, min: u32, max: u32) -> Result<u32, String> {
    let fits = |number: &u32| number.is_power_of_two() && (min..=max).contains(number);
    text.parse().ok().filter(fits).ok_or_else(|| format!("expected a power of two from {min} to {max}"))
}

/// A finite number of at least 0.
pub fn number(text: &str) -> Result<f64, String> {
    let fits = |number: &f64| number.is_finite() && *number >= 0.0;
    text.parse().ok().filter(fits).ok_or_else(|| "expected a number, at least 0".to_owned())
}

/// Text of 1 to `max` bytes without control characters.
pub fn text(text: &str, max: usize) -> Result<String, String> {
    if text.trim().is_empty() || text.len() > max || text.chars().any(char::is_control) {
        return Err(format!("expected 1 to {max} bytes of text without control characters"));
    }
    Ok(text.to_owned())
}

/// The base name of a broadcast's files.
pub fn name(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    spelled_with(text, allowed, NAME_MAX_BYTES, "expected only the characters a-z, 0-9, _ and -")
}

/// An identifier that other systems gave out, no longer than a transport file holds.
pub fn token(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    spelled_with(text, allowed, PROVIDER_TEXT_MAX_BYTES, "expected only letters, digits, _ and -")
}

/// A host name, an IPv4 or an IPv6 address.
pub fn host(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    if text.parse::<IpAddr>().is_ok() {
        return Ok(text.to_owned());
    }
    spelled_with(text, allowed, NAME_MAX_BYTES, "expected a host name or an address, without port")
}

/// Longest name: with an extension it still fits a file name everywhere.
const NAME_MAX_BYTES: usize = 200;

fn spelled_with(
    text: &str,
    allowed: impl Fn(u8) -> bool,
    max: usize,
    complaint: &str,
) -> Result<String, String> {
    if text.is_empty() || text.len() > max || !text.bytes().all(allowed) {
        return Err(format!("{complaint}, 1 to {max} of them"));
    }
    Ok(text.to_owned())
}

/// A path that is not empty.
pub fn path(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() { Err("expected a path".to_owned()) } else { Ok(text.into()) }
}

/// What a source node can read.
pub fn source_url(text: &str) -> Result<String, String> {
    const SCHEMES: [&str; 5] = ["http", "https", "udp", "rtp", "file"];
    with_scheme(text, &SCHEMES, true, "expected http://, https://, udp://, rtp://, file:, a path, or -")
}

/// A transport file, here or elsewhere.
pub fn file_or_url(text: &str) -> Result<String, String> {
    with_scheme(text, &["http", "https", "file"], true, "expected a path, file://, http:// or https://")
}

/// An address of the web.
pub fn url(text: &str) -> Result<String, String> {
    with_scheme(text, &["http", "https"], false, "expected http:// or https://")
}

/// An HLS playlist.
pub fn playlist_url(text: &str) -> Result<String, String> {
    if text.len() > HLS_URL_MAX_BYTES {
        return Err(format!("expected at most {HLS_URL_MAX_BYTES} bytes, found {}", text.len()));
    }
    match is_playlist_url(text) {
        true => Ok(text.to_owned()),
        false => Err("expected http:// or https://, a host, and no white space".to_owned()),
    }
}

/// Three letters of ISO 3166-1, in the upper case of that standard.
pub fn country(text: &str) -> Result<String, String> {
    three_letters(text, "POL").map(|code| code.to_ascii_uppercase())
}

/// Three letters of ISO 639-3, in the lower case of that standard.
pub fn language(text: &str) -> Result<String, String> {
    three_letters(text, "pol").map(|code| code.to_ascii_lowercase())
}

fn three_letters<'a>(text: &'a str, example: &str) -> Result<&'a str, String> {
    let fits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    if fits { Ok(text) } else { Err(format!("expected a code of three letters, as {example}")) }
}

/// A tracker's announce address.
pub fn tracker_url(text: &str) -> Result<String, String> {
    if text.len() > TRACKER_URL_MAX_BYTES {
        return Err(format!("expected at most {TRACKER_URL_MAX_BYTES} bytes, found {}", text.len()));
    }
    with_scheme(text, &["http", "https", "udp"], false, "expected http://, https:// or udp://")
}

fn with_scheme(text: &str, schemes: &[&str], or_path: bool, complaint: &str) -> Result<String, String> {
    let fits = match text.split_once("://") {
        Some((scheme, rest)) => {
            let host_is_named = scheme.eq_ignore_ascii_case("file") || !rest.starts_with('/');
            let known = schemes.iter().any(|known| scheme.eq_ignore_ascii_case(known));
            known && host_is_named && !rest.is_empty()
        }
        None => or_path && !text.is_empty(),
    };
    let readable = !text.chars().any(char::is_control) && (or_path || !text.contains(' '));
    if fits && readable { Ok(text.to_owned()) } else { Err(complaint.to_owned()) }
}

/// An address without port, an IPv6 one with or without brackets.
pub fn ip(text: &str) -> Result<IpAddr, String> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().map_err(|_| "expected an IPv4 or IPv6 address without port".to_owned())
}

/// An address with a port that can be dialled.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let usable = |address: &SocketAddr| address.port() != 0;
    text.parse().ok().filter(usable).ok_or_else(|| "expected IPv4:port or [IPv6]:port".to_owned())
}

/// An address or a network, with a port or without.
pub fn listed(text: &str) -> Result<Listed, String> {
    text.parse::<Listed>().map_err(|error| error.to_string())
}

/// A host and a port that can be sent to.
pub fn host_port(text: &str) -> Result<String, String> {
    let is_named = |(name, port): (&str, &str)| {
        !name.contains(':') && host(name).is_ok() && port.parse::<u16>().is_ok_and(|port| port != 0)
    };
    match address(text).is_ok() || text.rsplit_once(':').is_some_and(is_named) {
        true => Ok(text.to_owned()),
        false => Err("expected host:port, IPv4:port or [IPv6]:port".to_owned()),
    }
}

/// Unix seconds, written so or as RFC 3339.
pub fn date(text: &str) -> Result<i64, String> {
    let unix = text.parse().ok().filter(|seconds| *seconds >= 0);
    unix.or_else(|| rfc3339(text))
        .ok_or_else(|| "expected RFC 3339, as 2026-01-31T18:00:00+01:00, or Unix seconds".to_owned())
}

/// `2026-01-31T18:00:00[.123](Z|+01:00)`; fractions of a second are dropped.
fn rfc3339(text: &str) -> Option<i64> {
    let (date_time, rest) = text.split_at_checked(19)?;
    let bytes = date_time.as_bytes();
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    let separated = |(at, mark): &(usize, u8)| bytes[*at].to_ascii_uppercase() == *mark;
    if !separators.iter().all(|pair| separated(pair) || (*pair == (10, b'T') && bytes[10] == b' ')) {
        return None;
    }
    let civil = Civil {
        year: i64::from(digits(&date_time[..4])?),
        month: u8::try_from(digits(&date_time[5..7])?).ok()?,
        day: u8::try_from(digits(&date_time[8..10])?).ok()?,
        hour: u8::try_from(digits(&date_time[11..13])?).ok()?,
        minute: u8::try_from(digits(&date_time[14..16])?).ok()?,
        second: u8::try_from(digits(&date_time[17..19])?).ok()?,
    };
    let offset = utc_offset_seconds(without_fraction(rest)?)?;
    civil.to_unix()?.checked_sub(offset)
}

fn without_fraction(rest: &str) -> Option<&str> {
    let Some(fraction) = rest.strip_prefix('.') else { return Some(rest) };
    let zone = fraction.trim_start_matches(|character: char| character.is_ascii_digit());
    (zone.len() < fraction.len()).then_some(zone)
}

fn utc_offset_seconds(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = zone[1..].split_once(':')?;
    let pair = hours.len() == 2 && minutes.len() == 2;
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    (pair && hours < 24 && minutes < 60).then_some(sign * i64::from(hours * 3600 + minutes * 60))
}

fn digits(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// `name:LEVEL`, several joined by commas or semicolons.
pub fn module_levels(text: &str) -> Result<ModuleLevels, String> {
    parse_modules(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use tracing::level_filters::LevelFilter;

    use super::*;

    #[test]
    fn dates_are_read_in_both_forms() {
        assert_eq!(date("1709251198"), Ok(1_709_251_198));
        assert_eq!(date("2024-02-29T23:59:58Z"), Ok(1_709_251_198));
        assert_eq!(date("2024-03-01T01:29:58.250+01:30"), Ok(1_709_251_198));
        assert_eq!(date("2024-02-29 18:59:58-05:00"), Ok(1_709_251_198));
    }

    #[test]
    fn other_dates_are_refused() {
        let wrong =
            ["tomorrow", "-5", "2024-02-30T00:00:00Z", "2024-02-29T23:59:58", "2024-02-29T23:59:58+1"];
        for text in
            wrong.into_iter().chain(["2024-02-29T23:59:58.Z", "2024-02-29T23:59:5éZ", "+024-02-29T23:59:58Z"])
        {
            assert!(date(text).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_need_a_port_and_brackets_around_ipv6() {
        assert!(address("10.0.0.1:8621").is_ok() && address("[::1]:8621").is_ok());
        for wrong in ["10.0.0.1", "10.0.0.1:0", "::1:8621", "host:80", "10.0.0.1:70000"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn hosts_need_a_port_and_may_have_a_name() {
        for right in ["router.example:6881", "10.0.0.1:1", "[::1]:8621"] {
            assert_eq!(host_port(right), Ok(right.to_owned()));
        }
        for wrong in ["router.example", "router.example:0", ":6881", "::1:8621", "a b:80", "host:99999"] {
            assert!(host_port(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn module_levels_are_read_as_a_list() {
        let levels = module_levels("root:D,acestream.LM:warning").expect("two levels");
        assert_eq!(levels[0], ("root".to_owned(), LevelFilter::DEBUG));
        assert_eq!(levels[1], ("acestream.LM".to_owned(), LevelFilter::WARN));
        assert!(module_levels("root").is_err() && module_levels(":D").is_err());
        assert!(module_levels("root:X").is_err());
    }

    #[test]
    fn urls_of_other_schemes_are_refused() {
        assert!(
            source_url("-").is_ok() && source_url("clip.ts").is_ok() && source_url("file:clip.ts").is_ok()
        );
        assert!(source_url("ftp://host/clip.ts").is_err() && source_url("http:///clip.ts").is_err());
        assert!(tracker_url("udp://host:80/announce").is_ok() && tracker_url("host:80").is_err());
    }
}
