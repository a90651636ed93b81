//! A server on loopback that says to each connection what its script says.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What one connection gets, step by step; then it is closed.
pub type Script = Vec<Step>;

#[derive(Clone)]
pub enum Step {
    Send(Vec<u8>),
    /// The bytes one by one, this far apart.
    Trickle(Vec<u8>, Duration),
    /// Silence until the other side gives up.
    Stall,
}

pub struct Server {
    pub addr: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// The first connection gets the first script, and so on; the last one is used again.
    pub async fn start(scripts: Vec<Script>) -> Self {
        Self::start_on(TcpListener::bind("127.0.0.1:0").await.expect("a port"), scripts)
    }

    pub fn start_on(listener: TcpListener, scripts: Vec<Script>) -> Self {
        let addr = listener.local_addr().expect("an address");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = requests.clone();
        tokio::spawn(async move {
            for index in 0.. {
                let Ok((stream, _)) = listener.accept().await else { return };
                let script = scripts[index.min(scripts.len() - 1)].clone();
                tokio::spawn(answer(stream, script, log.clone()));
            }
        });
        Self { addr, requests }
    }

    pub fn url(&self) -> String {
        format!("http://{}/live.ts", self.addr)
    }

    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no panic").clone()
    }
}

async fn answer(mut stream: TcpStream, script: Script, log: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    log.lock().expect("no panic").push(String::from_utf8_lossy(&head).into_owned());
    for step in script {
        let sent = match step {
            Step::Send(bytes) => stream.write_all(&bytes).await,
            Step::Trickle(bytes, pause) => trickle(&mut stream, &bytes, pause).await,
            Step::Stall => stream.read(&mut [0; 1]).await.map(|_| ()),
        };
        if sent.is_err() {
            return;
        }
    }
    // the rest of what was sent must not be lost to a reset
    let _closed = stream.shutdown().await;
    let _gone = stream.read(&mut [0; 1]).await;
}

async fn trickle(stream: &mut TcpStream, bytes: &[u8], pause: Duration) -> std::io::Result<()> {
    for byte in bytes {
        stream.write_all(&[*byte]).await?;
        tokio::time::sleep(pause).await;
    }
    Ok(())
}

/// An answer with this status line and headers, and a body until the end of the connection.
pub fn answer_with(head: &str, body: &[u8]) -> Vec<u8> {
    [format!("{head}\r\nConnection: close\r\n\r\n").as_bytes(), body].concat()
}

pub fn stream_of(body: &[u8]) -> Vec<u8> {
    answer_with("HTTP/1.1 200 OK\r\nContent-Type: video/mp2t", body)
}

pub fn status(line: &str) -> Script {
    vec![Step::Send(answer_with(&format!("HTTP/1.1 {line}\r\nContent-Length: 0"), b""))]
}
