//! From start to signal: log lines, log file, pid file, exit code. The tracker stands for every mode, since
//! it needs nothing but a port.

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

/// A tracker on a free port. Killed if a test fails before it ends.
struct Tracker {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Tracker {
    fn start(pid_file_dir: &Path, words: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_start-engine"))
            .args(["--start-tracker", "--port", "0", "--bind", "127.0.0.1", "--log-stdout", "--pid-file-dir"])
            .arg(pid_file_dir)
            .args(words)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Self { child, lines }
    }

    /// The lines up to the first that contains `text`.
    fn read_until(&mut self, text: &str) -> Vec<String> {
        let mut read = Vec::new();
        for line in &mut self.lines {
            read.push(line.expect("text"));
            if read.last().is_some_and(|line| line.contains(text)) {
                return read;
            }
        }
        panic!("{text} is not in {read:?}");
    }

    fn port(&mut self) -> u16 {
        let lines = self.read_until("listen on ");
        let port = lines.last().and_then(|line| line.rsplit(' ').next()).map(str::parse);
        port.expect("a word").expect("a port")
    }

    /// Sends the signal and waits for the exit code.
    fn end(mut self, signal: &str) -> Option<i32> {
        let kill = format!("kill -{signal} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell").success());
        self.child.wait().expect("ends").code()
    }
}

impl Drop for Tracker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn node_ends_with_0_at_either_signal_and_takes_its_pid_file_along() {
    for signal in ["INT", "TERM"] {
        let dir = tempfile::tempdir().expect("a directory");
        let mut tracker = Tracker::start(dir.path(), &[]);
        let pid_file = dir.path().join(format!("acestream-{}.pid", tracker.port()));
        // the file appears beside the log line, before or after it
        while !pid_file.exists() {
            assert_eq!(tracker.child.try_wait().expect("a child"), None);
            std::thread::yield_now();
        }
        assert_eq!(std::fs::read_to_string(&pid_file).expect("reads"), tracker.child.id().to_string());
        assert_eq!(tracker.end(signal), Some(0));
        assert!(!pid_file.exists());
    }
}

#[test]
fn first_line_of_the_log_is_that_of_the_reference() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut tracker = Tracker::start(dir.path(), &[]);
    let first = tracker.read_until("enable debug").remove(0);
    let (time, rest) = first.split_at(23);
    assert_eq!(rest, "|MainThread|acestream|enable debug: 0");
    let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00 00:00:00,000");
}

#[test]
fn log_file_gets_the_lines_too() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("x.log");
    let words = ["--log-file", path.to_str().expect("text"), "--log-debug", "355"];
    let mut tracker = Tracker::start(dir.path(), &words);
    let read = tracker.read_until("listen on ");
    let written = std::fs::read_to_string(path).expect("reads");
    assert!(written.contains("|acestream|enable debug: 355\n"), "{written}");
    assert!(read.iter().all(|line| written.contains(line)), "{written} lacks one of {read:?}");
}

#[test]
fn port_in_use_ends_the_program_with_1() {
    let dir = tempfile::tempdir().expect("a directory");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("bound").port().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_start-engine"))
        .args(["--start-tracker", "--port", &port, "--bind", "127.0.0.1", "--pid-file-dir"])
        .arg(dir.path())
        .output()
        .expect("the program runs");
    let complaint = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1));
    assert!(complaint.starts_with("start-engine: ") && complaint.contains(&port), "{complaint}");
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
}
