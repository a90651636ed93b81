//! Servers that answer `ICY 200 OK`, which no HTTP client reads: a request by hand over TCP, and
//! titles between the bytes taken out.

use bytes::{Buf, Bytes, BytesMut};
use reqwest::{StatusCode, Url};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::base::limits::ICY_HEAD_MAX_BYTES;

const READ_BYTES: usize = 64 * 1024;

/// Takes out the titles that stand after every `interval` bytes: a length in units of 16, then text.
#[derive(Debug)]
pub(super) struct TitleFilter {
    interval: usize,
    /// Stream bytes until the next title.
    until_title: usize,
    /// Bytes of the current title that are still to come.
    title_left: usize,
}

impl TitleFilter {
    /// `None` for an interval that means there are no titles.
    pub(super) fn new(interval: usize) -> Option<Self> {
        (interval > 0).then_some(Self { interval, until_title: interval, title_left: 0 })
    }

    pub(super) fn strip(&mut self, mut chunk: Bytes) -> Bytes {
        let mut kept = BytesMut::with_capacity(chunk.len());
        while !chunk.is_empty() {
            if self.title_left > 0 {
                let title = self.title_left.min(chunk.len());
                chunk.advance(title);
                self.title_left -= title;
            } else if self.until_title > 0 {
                let run = chunk.split_to(self.until_title.min(chunk.len()));
                self.until_title -= run.len();
                kept.extend_from_slice(&run);
            } else {
                self.title_left = 16 * usize::from(chunk.get_u8());
                self.until_title = self.interval;
            }
        }
        kept.freeze()
    }
}

/// An answer whose head was read.
pub(super) struct IcyBody {
    stream: TcpStream,
    buffer: BytesMut,
    pub(super) titles: Option<TitleFilter>,
}

/// What went wrong with an answer by hand.
#[derive(Debug, thiserror::Error)]
pub(super) enum IcyError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("the head of the answer is no HTTP: '{0}'")]
    Head(String),
    #[error("the head of the answer is longer than {ICY_HEAD_MAX_BYTES} bytes")]
    LongHead,
    #[error("the server closed before it answered")]
    Closed,
    #[error("answered {0}")]
    Status(StatusCode),
}

/// Asks once, in HTTP 1.0; follows nothing.
pub(super) async fn open(url: &Url) -> Result<IcyBody, IcyError> {
    let host = url.host_str().unwrap_or_default();
    let bare_host = host.trim_start_matches('[').trim_end_matches(']');
    let mut stream = TcpStream::connect((bare_host, url.port_or_known_default().unwrap_or(80))).await?;
    stream.write_all(request(url, host).as_bytes()).await?;
    let mut buffer = BytesMut::with_capacity(READ_BYTES);
    let end = loop {
        if let Some(end) = end_of_head(&buffer) {
            break end;
        }
        if buffer.len() > ICY_HEAD_MAX_BYTES {
            return Err(IcyError::LongHead);
        }
        if stream.read_buf(&mut buffer).await? == 0 {
            return Err(IcyError::Closed);
        }
    };
    let head = String::from_utf8_lossy(&buffer.split_to(end)).into_owned();
    let status = status(&head)?;
    if status != StatusCode::OK {
        return Err(IcyError::Status(status));
    }
    Ok(IcyBody { stream, buffer, titles: title_interval(&head).and_then(TitleFilter::new) })
}

impl IcyBody {
    /// The next bytes; empty at the end.
    pub(super) async fn next(&mut self) -> std::io::Result<Bytes> {
        if self.buffer.is_empty() {
            self.buffer.reserve(READ_BYTES);
            self.stream.read_buf(&mut self.buffer).await?;
        }
        Ok(self.buffer.split().freeze())
    }
}

fn request(url: &Url, host: &str) -> String {
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let authorization = match (url.username(), url.password()) {
        ("", None) => String::new(),
        (user, password) => {
            let pair = [&unescape(user)[..], b":", &unescape(password.unwrap_or_default())[..]].concat();
            format!("Authorization: Basic {}\r\n", base64(&pair))
        }
    };
    format!(
        "GET {}{query} HTTP/1.0\r\nHost: {host}{port}\r\nUser-Agent: start-engine/{}\r\n\
         Icy-MetaData: 0\r\n{authorization}Connection: close\r\n\r\n",
        url.path(),
        env!("CARGO_PKG_VERSION"),
    )
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|start| start + 4)
}

fn status(head: &str) -> Result<StatusCode, IcyError> {
    let line = head.lines().next().unwrap_or_default();
    let mut words = line.split_ascii_whitespace();
    let is_known = words.next().is_some_and(|word| word == "ICY" || word.starts_with("HTTP/"));
    let code = words.next().and_then(|code| code.parse().ok()).filter(|_| is_known);
    code.ok_or_else(|| IcyError::Head(line.chars().take(60).collect()))
}

fn title_interval(head: &str) -> Option<usize> {
    head.lines().filter_map(|line| line.split_once(':')).find_map(|(name, value)| {
        name.eq_ignore_ascii_case("icy-metaint").then(|| value.trim().parse().ok()).flatten()
    })
}

/// Undoes the %-escapes that a URL puts into user and password.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped =
            tail.get(..2).filter(|_| *first == b'%').and_then(|pair| std::str::from_utf8(pair).ok());
        let escaped = escaped.and_then(|pair| u8::from_str_radix(pair, 16).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    bytes
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let byte = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let value = (bits >> (18 - 6 * digit) & 63) as usize;
            text.push(if digit > group.len() { '=' } else { char::from(DIGITS[value]) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_taken_out_however_the_bytes_are_cut() {
        let mut sent = Vec::new();
        for part in [&b"abcde"[..], b"fghij", b"kl"] {
            sent.extend_from_slice(part);
            if part.len() == 5 {
                sent.extend([1; 1]);
                sent.extend([b'T'; 16]);
            }
        }
        for size in 1..sent.len() {
            let mut filter = TitleFilter::new(5).unwrap();
            let kept: Vec<u8> =
                sent.chunks(size).flat_map(|chunk| filter.strip(Bytes::copy_from_slice(chunk))).collect();
            assert_eq!(kept, b"abcdefghijkl", "chunks of {size}");
        }
    }

    #[test]
    fn user_and_password_are_sent_as_basic_authorization() {
        assert_eq!(base64(b"Aladdin:open sesame"), "QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        let url = Url::parse("http://a%40b:c%25@host:81/x?y=1").unwrap();
        let request = request(&url, "host");
        assert!(request.contains(&format!("Basic {}\r\n", base64(b"a@b:c%"))), "{request}");
        assert!(request.starts_with("GET /x?y=1 HTTP/1.0\r\nHost: host:81\r\n"), "{request}");
    }

    #[test]
    fn status_line_of_both_kinds_is_read() {
        assert_eq!(status("ICY 200 OK\r\n").unwrap(), StatusCode::OK);
        assert_eq!(status("HTTP/1.0 404 No\r\n").unwrap(), StatusCode::NOT_FOUND);
        assert!(status("SSH-2.0-x\r\n").is_err());
    }
}
