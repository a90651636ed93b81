//! A router on a loopback socket, and a bare HTTP client that hides nothing.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::ConnectInfo;
use start_engine::http::serve::{HttpServices, serve_http};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Serves `router` on a free loopback port for as long as the test's runtime lives.
pub async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let services = Arc::new(HttpServices { tracker: None, app: router });
    tokio::spawn(async move {
        while let Ok((stream, remote)) = listener.accept().await {
            tokio::spawn(serve_http(stream, remote, Arc::clone(&services), pending()));
        }
    });
    address
}

/// The same, but every request seems to come from `from`.
pub async fn serve_as_if_from(router: Router, from: &str) -> SocketAddr {
    let from: SocketAddr = from.parse().unwrap();
    let add = move |mut request: axum::extract::Request, next: axum::middleware::Next| async move {
        request.extensions_mut().insert(ConnectInfo(from));
        next.run(request).await
    };
    serve(router.layer(axum::middleware::from_fn(add))).await
}

/// A reply whose body is still to be read.
pub struct Reply {
    pub status: u16,
    /// The head as it came, in lower case.
    pub head: String,
    socket: TcpStream,
    unread: Vec<u8>,
    /// Whether the end of a chunked body was seen.
    has_ended: bool,
    /// Bytes of a body with a length that were read before.
    taken: usize,
}

/// Sends one request, `extra` being header lines, and reads the head of the reply.
pub async fn ask(server: SocketAddr, method: &str, path: &str, extra: &str) -> Reply {
    let mut socket = TcpStream::connect(server).await.unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n{extra}\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut unread = Vec::new();
    let head_bytes = loop {
        if let Some(at) = unread.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        assert_ne!(socket.read_buf(&mut unread).await.unwrap(), 0, "the server closed before the head");
    };
    let rest = unread.split_off(head_bytes);
    let head = String::from_utf8(unread).unwrap().to_lowercase();
    let status = head[9..12].parse().unwrap();
    Reply { status, head, socket, unread: rest, has_ended: false, taken: 0 }
}

pub async fn get(server: SocketAddr, path: &str) -> Reply {
    ask(server, "GET", path, "").await
}

impl Reply {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// At least `bytes` of a chunked body, or all of it when it ends before.
    pub async fn stream(&mut self, bytes: usize) -> Vec<u8> {
        assert_eq!(self.header("transfer-encoding"), Some("chunked"));
        let mut body = Vec::new();
        while body.len() < bytes {
            let Some(chunk) = self.chunk().await else { break };
            body.extend(chunk);
        }
        body
    }

    async fn chunk(&mut self) -> Option<Vec<u8>> {
        let line = loop {
            match self.unread.windows(2).position(|two| two == b"\r\n") {
                Some(at) => break at,
                None if self.socket.read_buf(&mut self.unread).await.ok()? == 0 => return None,
                None => {}
            }
        };
        let text = std::str::from_utf8(&self.unread[..line]).unwrap();
        let bytes = usize::from_str_radix(text, 16).unwrap();
        while self.unread.len() < line + bytes + 4 {
            assert_ne!(self.socket.read_buf(&mut self.unread).await.unwrap(), 0, "the chunk was cut short");
        }
        let mut chunk: Vec<u8> = self.unread.drain(..line + bytes + 4).collect();
        chunk.truncate(line + 2 + bytes);
        self.has_ended = bytes == 0;
        (bytes > 0).then(|| chunk.split_off(line + 2))
    }

    /// The next `bytes` of a body that has a length.
    pub async fn take(&mut self, bytes: usize) -> Vec<u8> {
        assert!(self.header("content-length").is_some(), "{}", self.head);
        while self.unread.len() < bytes {
            assert_ne!(self.socket.read_buf(&mut self.unread).await.unwrap(), 0, "the body was cut short");
        }
        self.taken += bytes;
        self.unread.drain(..bytes).collect()
    }

    /// The rest of the body up to its proper end; `None` when the connection was broken off before.
    pub async fn rest(mut self) -> Option<Vec<u8>> {
        let Some(length) = self.header("content-length").map(|text| text.parse::<usize>().unwrap()) else {
            return self.rest_of_chunks().await;
        };
        // an error is one way to be broken off
        let _ = self.socket.read_to_end(&mut self.unread).await;
        let seen = self.taken + self.unread.len();
        assert!(seen <= length, "more than was announced");
        (seen == length).then_some(self.unread)
    }

    async fn rest_of_chunks(mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await {
            body.extend(chunk);
        }
        self.has_ended.then_some(body)
    }

    /// The whole body of a reply with an end, as text.
    pub async fn text(mut self) -> String {
        self.socket.read_to_end(&mut self.unread).await.unwrap();
        String::from_utf8(self.unread).unwrap()
    }
}
