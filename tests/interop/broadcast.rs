//! A broadcast by our own program: ffmpeg's stream goes to a source, from there to a support node, and to a
//! client that knows only the support node.

use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use crate::program::{Running, free_port, wait_for};

/// 25 pictures and a tone a second, as they come, 2 Mbit/s with padding.
pub const H264_AAC: &str = "-f lavfi -i testsrc2=size=640x360:rate=25 \
    -f lavfi -i sine=frequency=1000:sample_rate=48000 -c:v libx264 -preset ultrafast -tune zerolatency \
    -pix_fmt yuv420p -g 25 -keyint_min 25 -sc_threshold 0 -b:v 1500k -maxrate 1500k -bufsize 750k \
    -c:a aac -b:a 128k -ac 2 -muxrate 2000k -mpegts_flags +resend_headers+pat_pmt_at_frames";

/// The nodes in the order in which the stream passes them.
pub struct Broadcast {
    /// What a player opens.
    pub play_url: String,
    _client: Running,
    _support: Running,
    source: Source,
}

impl Broadcast {
    /// Broadcasts what ffmpeg makes of `recipe` and serves to one reader over HTTP.
    pub fn of(recipe: &str) -> Self {
        let url = format!("http://127.0.0.1:{}/live.ts", free_port());
        Self::over(recipe, &format!("-listen 1 {url}"), &url)
    }

    /// Broadcasts what ffmpeg makes of `recipe`, sends to `sink`, and the source reads from `address`.
    pub fn over(recipe: &str, sink: &str, address: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ffmpeg = ffmpeg(recipe, sink);
        let source = Source::start(dir, address, &["--skip-internal-tracker"], Some(ffmpeg));
        let (support, support_address) = source.support();
        let (client, play_url) = client(source.dir.path(), &["--download-from", &support_address]);
        Self { play_url, _client: client, _support: support, source }
    }

    /// What the nodes logged, for a failure's message.
    pub fn story(&self) -> String {
        let dir = self.source.dir.path();
        let read = |name| std::fs::read_to_string(dir.join(name)).unwrap_or_default();
        ["source.log", "support.log", "client.log"].map(read).join("\n")
    }
}

/// A source node and what it reads.
pub struct Source {
    pub dir: tempfile::TempDir,
    port: u16,
    program: Running,
    ffmpeg: Option<Running>,
}

impl Source {
    /// Starts a source of the stream at `address` and waits for its transport file.
    pub fn start(dir: tempfile::TempDir, address: &str, more: &[&str], ffmpeg: Option<Running>) -> Self {
        let port = free_port();
        let mut words = vec!["--stream-source-node", "--name", "test", "--title", "Test Stream"];
        words.extend(["--source", address, "--source-reconnect-interval", "1"]);
        words.extend(more);
        let program = node(dir.path(), "source", port, &words);
        let transport = dir.path().join("test.acelive");
        wait_for("the transport file", || {
            let text = std::fs::read_to_string(dir.path().join("source.log")).unwrap_or_default();
            transport.exists() && text.contains("started input thread")
        });
        Self { dir, port, program, ffmpeg }
    }

    /// Ends the node and ffmpeg; the stream's files stay.
    pub fn end(self) -> tempfile::TempDir {
        self.program.end("-TERM");
        drop(self.ffmpeg);
        self.dir
    }

    /// Where peers reach it.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Ends ffmpeg alone.
    pub fn without_ffmpeg(self) -> Self {
        Self { ffmpeg: None, ..self }
    }

    fn support(&self) -> (Running, String) {
        let port = free_port();
        let url = format!("http://127.0.0.1:{}/app/get_transport_file?format=raw", self.port);
        let source = format!("127.0.0.1:{}", self.port);
        let words = ["--stream-support-node", "--url", &url, "--download-from", &source];
        (node(self.dir.path(), "support", port, &words), format!("127.0.0.1:{port}"))
    }
}

/// ffmpeg that makes a live stream until it is killed.
pub fn ffmpeg(recipe: &str, sink: &str) -> Running {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-re"]).args(recipe.split_whitespace());
    command.args(["-f", "mpegts"]).args(sink.split_whitespace());
    Running::start(command)
}

/// A client, and what a player opens to see the broadcast whose files are in `dir`.
pub fn client(dir: &Path, more: &[&str]) -> (Running, String) {
    let http_port = free_port();
    let (port_text, state) = (http_port.to_string(), dir.join("state").display().to_string());
    // a test speaks to nobody on the machine's networks, and asks no tracker of the Internet
    let quiet =
        ["--lsd-enabled", "0", "--upnp-enabled", "0", "--public-tracker", "http://127.0.0.1:9/announce"];
    let words = ["--client-console", "--http-port", &port_text, "--state-dir", &state];
    let client = node(dir, "client", free_port(), &[&words[..], &quiet, more].concat());
    wait_for("the client to listen", || TcpStream::connect(("127.0.0.1", http_port)).is_ok());
    let transport = dir.join("test.acelive");
    let url = format!("http://127.0.0.1:{http_port}/ace/getstream?url=file://{}", transport.display());
    (client, url)
}

/// The program, with everything it leaves in `dir`.
pub fn node(dir: &Path, name: &str, port: u16, words: &[&str]) -> Running {
    let log = format!("{name}.log");
    // what an earlier run logged would be taken for this one's
    let _none_yet = std::fs::remove_file(dir.join(&log));
    let mut command = Command::new(env!("CARGO_BIN_EXE_start-engine"));
    command.current_dir(dir).args(words).args(["--bind", "127.0.0.1", "--port", &port.to_string()]);
    command.args(["--pid-file-dir", ".", "--log-file", &log]);
    // nobody out there is asked; a test of the DHT says so by option
    command.env("START_ENGINE_DHT_ENABLED", "0");
    Running::start(command)
}
