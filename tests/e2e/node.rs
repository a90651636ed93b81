//! A node: the real program as a process of its own, with its log. Killed, by its id, when dropped.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{self, DEADLINE, wait_for};
use crate::origin::Origin;

/// Lines as they come.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn read(from: impl Read + Send + 'static) -> Self {
        let lines = Self::default();
        let sink = lines.clone();
        thread::spawn(move || {
            for line in BufReader::new(from).lines().map_while(Result::ok) {
                sink.0.lock().expect("no panic").push(line);
            }
        });
        lines
    }

    pub fn all(&self) -> Vec<String> {
        self.0.lock().expect("no panic").clone()
    }

    pub fn find(&self, text: &str) -> Option<String> {
        self.0.lock().expect("no panic").iter().find(|line| line.contains(text)).cloned()
    }

    pub fn count(&self, text: &str) -> usize {
        self.0.lock().expect("no panic").iter().filter(|line| line.contains(text)).count()
    }
}

/// How a node ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub took: Duration,
}

pub struct Node {
    child: Child,
    pub log: Lines,
    pub errors: Lines,
}

impl Node {
    pub fn start<S: AsRef<std::ffi::OsStr>>(words: impl IntoIterator<Item = S>) -> Self {
        Self::start_with_temp(&std::env::temp_dir(), words)
    }

    /// A node with variables of the environment.
    pub fn start_in<S: AsRef<std::ffi::OsStr>>(
        variables: &[(&str, &str)],
        words: impl IntoIterator<Item = S>,
    ) -> Self {
        Self::spawn(
            Command::new(env!("CARGO_BIN_EXE_start-engine")).args(words).envs(variables.iter().copied()),
        )
    }

    /// A node whose temporary files go to `temp`.
    pub fn start_with_temp<S: AsRef<std::ffi::OsStr>>(
        temp: &Path,
        words: impl IntoIterator<Item = S>,
    ) -> Self {
        Self::start_by(Command::new(env!("CARGO_BIN_EXE_start-engine")).env("TMPDIR", temp), words)
    }

    /// A node that `command` runs with these words.
    pub fn start_by<S: AsRef<std::ffi::OsStr>>(
        command: &mut Command,
        words: impl IntoIterator<Item = S>,
    ) -> Self {
        Self::spawn(command.args(words))
    }

    fn spawn(command: &mut Command) -> Self {
        // no test asks anybody out there: only those that say so take part in the DHT
        let mut child = command
            .env("START_ENGINE_DHT_ENABLED", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let log = Lines::read(child.stdout.take().expect("a pipe"));
        let errors = Lines::read(child.stderr.take().expect("a pipe"));
        Self { child, log, errors }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The first line that contains `text`, once it is there. Panics when the node ends before.
    pub fn line(&mut self, text: &str) -> String {
        let start = Instant::now();
        loop {
            if let Some(line) = self.log.find(text) {
                return line;
            }
            let ended = self.child.try_wait().expect("a child");
            let is_late = start.elapsed() > DEADLINE;
            assert!(!is_late && ended.is_none(), "no {text:?} ({ended:?})\n{}", self.story());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Where the node listens to peers.
    pub fn port(&mut self) -> u16 {
        last_number(&self.line("listen on "))
    }

    /// Where a client listens to players.
    pub fn player_port(&mut self) -> u16 {
        let line = self.line("acestream.VideoServer|start: ");
        let port = line.split(" port=").nth(1).and_then(|rest| rest.split(' ').next());
        port.expect("a port").parse().expect("a number")
    }

    /// The last word of a line such as `infohash: …`.
    pub fn last_word(&mut self, text: &str) -> String {
        self.line(text).rsplit(' ').next().expect("a word").to_owned()
    }

    /// Everything it said, for a failure's message.
    pub fn story(&self) -> String {
        [self.log.all(), self.errors.all()].concat().join("\n")
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }

    pub fn signal(&self, name: &str) {
        // the shell's own: not every system has a program of this name
        let kill = format!("kill -{name} {}", self.pid());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell").success());
    }

    /// SIGKILL: the node gets no chance to tidy up.
    pub fn murder(mut self) {
        self.child.kill().expect("kills");
        self.child.wait().expect("ends");
    }

    /// Sends `SIGname` and waits for the end.
    pub fn end(&mut self, name: &str) -> Ended {
        let start = Instant::now();
        self.signal(name);
        let code = self.wait().code();
        Ended { code, took: start.elapsed() }
    }

    pub fn wait(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            assert!(start.elapsed() < DEADLINE, "it does not end\n{}", self.story());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for a refusal: exit code 1 and one line on standard error, which is given back.
    pub fn refusal(mut self) -> String {
        let code = self.wait().code();
        let errors = wait_for("a line on standard error", || {
            Some(self.errors.all()).filter(|lines| !lines.is_empty())
        });
        assert_eq!((code, errors.len()), (Some(1), 1), "{}", self.story());
        errors[0].strip_prefix("start-engine: ").expect("the program's name").to_owned()
    }

    /// Kilobytes of memory in use, as the system counts them.
    pub fn resident_kb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("a process");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a figure");
        line.split_whitespace().nth(1).expect("a figure").parse().expect("a number")
    }

    /// Processes that it started.
    pub fn children(&self) -> String {
        let path = format!("/proc/{0}/task/{0}/children", self.pid());
        std::fs::read_to_string(path).expect("a process")
    }

    pub fn monitor(&mut self) -> serde_json::Value {
        let port = self.port();
        wait_for("the monitor", || harness::monitor(port))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- node {}\n{}", self.pid(), self.story());
        }
    }
}

fn last_number(line: &str) -> u16 {
    line.rsplit(' ').next().expect("a word").parse().expect("a number")
}

/// The directories of a node, which outlive it.
pub struct Home(tempfile::TempDir);

impl Home {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn text(&self) -> String {
        self.0.path().to_str().expect("text").to_owned()
    }

    /// A source of the stream at `url`; later words win over these.
    pub fn source(&self, url: &str, more: &[&str]) -> Node {
        let more = more.iter().map(|&word| word.to_owned());
        Node::start(self.source_words(url).into_iter().chain(more))
    }

    /// The command line of a source of the stream at `url`.
    pub fn source_words(&self, url: &str) -> Vec<String> {
        let dir = self.text();
        let words = ["--stream-source-node", "--name", "test", "--title", "Test Stream", "--source", url];
        let dirs = ["--publish-dir", &dir, "--metadata-dir", &dir, "--pid-file-dir", &dir];
        [&words[..], &dirs, &LOOPBACK].concat().into_iter().map(str::to_owned).collect()
    }

    /// A source that broadcasts an origin whose bitrate is told, in pieces of 64 KiB. Its transport file
    /// is there.
    pub fn quick_source(&self, origin: &Origin, more: &[&str]) -> Node {
        let mut source = self.waiting_source(origin, more);
        source.line("started input thread");
        source
    }

    /// The same, which may not broadcast yet.
    pub fn waiting_source(&self, origin: &Origin, more: &[&str]) -> Node {
        let bitrate = origin.stream.bytes_per_second.to_string();
        let words = ["--bitrate", &bitrate, "--piecesize", "65536"];
        self.source(&origin.url(), &[&words, more].concat())
    }

    pub fn support(&self, url: &str, more: &[&str]) -> Node {
        let dir = self.text();
        let words = ["--stream-support-node", "--url", url, "--pid-file-dir", &dir];
        Node::start([&words[..], &LOOPBACK, &QUIET, more].concat())
    }

    pub fn client(&self, more: &[&str]) -> Node {
        let (dir, state) = (self.text(), self.text() + "/state");
        let words = ["--client-console", "--http-port", "0", "--state-dir", &state, "--pid-file-dir", &dir];
        Node::start([&words[..], &LOOPBACK, &QUIET, more].concat())
    }

    pub fn tracker(&self, more: &[&str]) -> Node {
        let dir = self.text();
        let words = ["--start-tracker", "--pid-file-dir", &dir];
        Node::start([&words[..], &LOOPBACK, more].concat())
    }

    /// The address of the transport file for players and support nodes of this machine.
    pub fn transport_url(&self) -> String {
        format!("file://{}", self.file("test.acelive").display())
    }
}

const LOOPBACK: [&str; 4] = ["--bind", "127.0.0.1", "--port", "0"];

/// Nodes of tests speak to nobody on the networks of the machine, not even its router, and ask no tracker of
/// the Internet.
pub const QUIET: [&str; 6] =
    ["--lsd-enabled", "0", "--upnp-enabled", "0", "--public-tracker", "http://127.0.0.1:9/announce"];

/// Where a source or support node hands out its transport file.
pub fn transport_url_of(node: &mut Node) -> String {
    format!("http://127.0.0.1:{}/app/get_transport_file?format=raw", node.port())
}

/// `127.0.0.1:PORT` of a node.
pub fn address_of(node: &mut Node) -> String {
    format!("127.0.0.1:{}", node.port())
}
