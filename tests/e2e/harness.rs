//! What every behaviour needs: waiting for conditions, ports, directories, one HTTP request.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// What is waited for comes long before this on a machine that works; it bounds a test that fails.
pub const DEADLINE: Duration = Duration::from_secs(60);
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// Looks until `ready` gives something. Panics with `what` at the deadline.
pub fn wait_for<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = ready() {
            return found;
        }
        assert!(start.elapsed() < DEADLINE, "{what}: did not happen within {} s", DEADLINE.as_secs());
        std::thread::sleep(LOOK_INTERVAL);
    }
}

/// Waits until `is_so`.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    wait_for(what, || is_so().then_some(()));
}

/// A port for a node that is started twice on it: outside the range from which the system gives ports
/// away, so that nobody else gets it in between.
pub fn lasting_port() -> u16 {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 10_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // far from where another run of these tests begins
    let start = (std::process::id().wrapping_mul(7919) % u32::from(COUNT)) as u16;
    wait_for("a free port", || {
        let port = FIRST + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        is_free(port).then_some(port)
    })
}

/// Whether nobody listens on the port.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Loopback, with this port.
pub fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// The names in a directory, sorted.
pub fn names_in(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).expect("a directory");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Status and body of a GET; `None` when nobody answers in full.
pub fn get(port: u16, path: &str) -> Option<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect_timeout(&local(port), Duration::from_secs(5)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let body_at = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let status = std::str::from_utf8(answer.get(9..12)?).ok()?.parse().ok()?;
    Some((status, answer.split_off(body_at)))
}

/// `/app/monitor` of the node on `port`.
pub fn monitor(port: u16) -> Option<serde_json::Value> {
    let (status, body) = get(port, "/app/monitor")?;
    (status == 200).then(|| serde_json::from_slice(&body).expect("JSON"))
}
