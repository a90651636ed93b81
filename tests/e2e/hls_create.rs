//! The making of transport files for HLS: what is written when the origin shows a live playlist, and every
//! refusal, which leaves nothing behind.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use start_engine::wire::hls::transport::{HlsTransport, infohash_of_url};

use crate::harness::names_in;

const LIVE: &str = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:7\n\
    #EXTINF:2.0,\n7.ts\n#EXTINF:2.0,\n8.ts\n";
const MASTER: &str = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=800000\nlow/live.m3u8\n\
    #EXT-X-STREAM-INF:BANDWIDTH=2000000\nhigh/live.m3u8\n";

/// A server that has an answer for each path that begins so, and 404 for others.
struct Pages {
    port: u16,
    requests: Arc<AtomicUsize>,
}

impl Pages {
    fn start(pages: &'static [(&'static str, &'static str, &'static str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = requests.clone();
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                counted.fetch_add(1, Ordering::Relaxed);
                thread::spawn(move || answer(connection, pages));
            }
        });
        Self { port, requests }
    }

    fn playlist(text: &'static str) -> Self {
        let page: &'static [_] = Box::leak(Box::new([("/live.m3u8", "200 OK", text)]));
        Self::start(page)
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

/// `text` is a body, or the target of a redirect.
fn answer(mut connection: TcpStream, pages: &[(&str, &str, &str)]) -> Option<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        connection.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
        // a handshake of TLS, to which servers without it answer so
        if !head[0].is_ascii() || head[0].is_ascii_control() {
            return connection.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").ok();
        }
    }
    let head = String::from_utf8(head).ok()?;
    let path = head.split(' ').nth(1)?;
    let page = pages.iter().find(|(known, ..)| path.starts_with(known));
    let (_, status, text) = page.unwrap_or(&("", "404 Not Found", ""));
    let (location, body) = if status.starts_with('3') { (*text, "") } else { ("", *text) };
    let length = body.len();
    write!(
        connection,
        "HTTP/1.1 {status}\r\nLocation: {location}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .ok()
}

/// A directory for outputs.
struct Outputs(tempfile::TempDir);

impl Outputs {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().expect("text").to_owned()
    }

    /// Runs the program to its end: exit code, standard output, standard error.
    fn create(&self, url: &str, more: &[&str]) -> (Option<i32>, Vec<String>, Vec<String>) {
        let public = self.path("public.acelive");
        let base = ["--create-hls-transport", "--url", url, "--title", "Test", "--output-public", &public];
        let words = base.iter().chain(more);
        let output = Command::new(env!("CARGO_BIN_EXE_start-engine")).args(words).output().expect("it runs");
        let lines =
            |text: Vec<u8>| String::from_utf8(text).expect("text").lines().map(str::to_owned).collect();
        (output.status.code(), lines(output.stdout), lines(output.stderr))
    }

    /// The program must end well; gives what it printed.
    fn created(&self, url: &str, more: &[&str]) -> Vec<String> {
        let (code, printed, errors) = self.create(url, more);
        assert_eq!((code, errors), (Some(0), Vec::new()));
        printed
    }

    /// The program must refuse with one line; gives it.
    fn refused(&self, url: &str, more: &[&str]) -> String {
        let (code, printed, errors) = self.create(url, more);
        assert_eq!((code, printed.len(), errors.len()), (Some(1), 0, 1), "{printed:?} {errors:?}");
        errors[0].strip_prefix("start-engine: ").expect("the program's name").to_owned()
    }

    /// The same, and nothing must be left.
    fn refusal(&self, url: &str, more: &[&str]) -> String {
        let line = self.refused(url, more);
        assert_eq!(names_in(self.0.path()), [""; 0], "{line}");
        line
    }

    fn read(&self, name: &str) -> HlsTransport {
        let bytes = fs::read(self.path(name)).expect("written");
        HlsTransport::parse(bytes.into()).expect("a transport file")
    }

    fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.path(name)).expect("written").permissions().mode() & 0o777
    }
}

#[test]
fn live_playlist_becomes_a_public_file_and_its_identities_are_printed() {
    let (origin, outputs) = (Pages::playlist(LIVE), Outputs::new());
    let url = origin.url("/live.m3u8?token=1");
    let printed = outputs.created(&url, &[]);
    let file = outputs.read("public.acelive");
    assert_eq!(file.infohash, infohash_of_url(&url));
    assert!(!file.is_private());
    assert_eq!(names_in(outputs.0.path()), ["public.acelive"]);
    assert_eq!(outputs.mode("public.acelive"), 0o644);
    let expected = [
        format!("transport file: {}", outputs.path("public.acelive")),
        format!("infohash: {}", file.infohash),
        format!("content id: {}", file.content_id),
        format!("link: acestream://{}", file.content_id),
    ];
    assert_eq!(printed, expected);
}

#[test]
fn hidden_manifest_becomes_a_pair_of_which_one_half_is_the_owners() {
    let origin = Pages::start(&[("/master.m3u8", "200 OK", MASTER), ("/low/live.m3u8", "200 OK", LIVE)]);
    let outputs = Outputs::new();
    let url = origin.url("/master.m3u8");
    let private = outputs.path("private.acelive");
    let options =
        ["--hide-hls-manifest", "--hide-hls-segments", "--quiet", "--sid", "7", "--output-private", &private];
    assert_eq!(outputs.created(&url, &options), [""; 0]);
    let (public, private) = (outputs.read("public.acelive"), outputs.read("private.acelive"));
    assert_eq!(private.public(), public);
    assert_eq!(private.descriptor.manifest_url.as_deref(), Some(url.as_str()));
    assert_eq!((&public.descriptor.manifest_url, public.descriptor.hides_segments), (&None, true));
    assert_eq!(public.descriptor.sid.as_deref(), Some("7"));
    assert_eq!((outputs.mode("public.acelive"), outputs.mode("private.acelive")), (0o644, 0o600));
    outputs.created(&url, &options);
    assert_ne!(outputs.read("public.acelive").infohash, public.infohash, "each key is new");
}

#[test]
fn redirects_are_followed_and_leave_the_identity_as_it_was_typed() {
    let origin = Pages::start(&[("/live.m3u8", "302 Found", "/real/live"), ("/real/live", "200 OK", LIVE)]);
    let outputs = Outputs::new();
    outputs.created(&origin.url("/live.m3u8"), &[]);
    assert_eq!(outputs.read("public.acelive").infohash, infohash_of_url(&origin.url("/live.m3u8")));
}

#[test]
fn origin_that_shows_no_playlist_is_refused() {
    let origin = Pages::start(&[
        ("/loop", "302 Found", "/loop"),
        ("/html", "200 OK", "<!DOCTYPE html><html><body>Hello</body></html>"),
        ("/busy", "503 Service Unavailable", ""),
    ]);
    let outputs = Outputs::new();
    let refusal = |path: &str| outputs.refusal(&origin.url(path), &[]);
    let pages = [
        ("/missing.m3u8", "404"),
        ("/busy", "503"),
        ("/html", "not an HLS playlist"),
        ("/loop", "redirects"),
    ];
    for (path, why) in pages {
        let line = refusal(path);
        assert!(line.starts_with("--url: ") && line.contains(why), "{line}");
    }
    let over_tls = origin.url("/live.m3u8").replace("http://", "https://");
    let line = outputs.refusal(&over_tls, &[]);
    assert!(line.starts_with("--url: ") && line.contains("TLS"), "{line}");
    let nobody =
        TcpListener::bind("127.0.0.1:0").and_then(|taken| taken.local_addr()).expect("a port").port();
    let line = outputs.refusal(&format!("http://127.0.0.1:{nobody}/live.m3u8"), &[]);
    assert!(line.contains("--url: the server cannot be reached"), "{line}");
}

#[test]
fn playlist_that_cannot_be_broadcast_is_refused() {
    let outputs = Outputs::new();
    let refusal = |text| outputs.refusal(&Pages::playlist(text).url("/live.m3u8"), &[]);
    let ended = Box::leak(format!("{LIVE}#EXT-X-ENDLIST\n").into_boxed_str());
    assert!(refusal(ended).contains("EXT-X-ENDLIST"));
    let empty = refusal("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:7\n");
    assert!(empty.contains("no segments"), "{empty}");
    let locked = refusal(
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:7\n\
         #EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"skd://key\",KEYFORMAT=\"com.apple.streamingkeydelivery\"\n\
         #EXTINF:2.0,\n7.ts\n",
    );
    assert!(locked.contains("SAMPLE-AES"), "{locked}");
}

#[test]
fn master_playlist_is_refused_for_its_first_stream() {
    let outputs = Outputs::new();
    let line = outputs.refusal(&Pages::playlist(MASTER).url("/live.m3u8"), &[]);
    assert!(line.contains("first stream") && line.contains("404"), "{line}");
    let itself = Pages::start(&[("/", "200 OK", MASTER)]);
    assert!(outputs.refusal(&itself.url("/master.m3u8"), &[]).contains("master playlist itself"));
}

#[test]
fn outputs_are_checked_before_the_origin_is_asked() {
    let (origin, outputs) = (Pages::playlist(LIVE), Outputs::new());
    let url = origin.url("/live.m3u8");
    assert!(outputs.refusal(&url, &["--hide-hls-manifest"]).contains("--output-private"));
    for option in ["--output-public", "--output-private"] {
        let line = outputs.refusal(&url, &[option, "/nowhere/x.acelive"]);
        assert!(line.contains(option) && line.contains("/nowhere does not exist"), "{line}");
        let line = outputs.refusal(&url, &[option, "/proc/x.acelive"]);
        assert!(line.contains(option) && line.contains("/proc cannot be written to"), "{line}");
    }
    assert_eq!(origin.requests(), 0);
}

#[test]
fn refused_playlist_leaves_earlier_files_alone() {
    let (origin, outputs) = (Pages::playlist(LIVE), Outputs::new());
    outputs.created(&origin.url("/live.m3u8"), &[]);
    let earlier = outputs.read("public.acelive");
    assert!(outputs.refused(&origin.url("/missing"), &[]).contains("404"));
    assert_eq!(outputs.read("public.acelive"), earlier);
    assert_eq!(names_in(outputs.0.path()), ["public.acelive"]);
}
