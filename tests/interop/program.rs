//! Programs that a test starts, and waiting for what they do.

use std::io::Read;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// What is waited for comes long before this on a machine that works; it bounds a test that fails.
const PATIENCE: Duration = Duration::from_secs(90);

/// A program that ends with its test.
pub struct Running(pub Child);

impl Running {
    /// Starts it with nothing to read and nobody who listens.
    pub fn start(mut command: Command) -> Self {
        Self::start_as_it_is(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()))
    }

    /// Starts it with the pipes that `command` says.
    pub fn start_as_it_is(command: &mut Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        Self(command.spawn().unwrap_or_else(|error| panic!("{name} is needed for this test: {error}")))
    }

    /// Asks it to end, and lets it take leave of the tracker.
    pub fn end(mut self, signal: &str) {
        let kill = format!("kill {signal} {}", self.0.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        wait_for("the program to end", || self.0.try_wait().unwrap().is_some());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a program to its end, within bounds, and gives what it wrote.
pub fn output_of(command: &mut Command) -> Output {
    let pipes = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = Running::start_as_it_is(pipes);
    let (mut stdout, mut stderr) = (running.0.stdout.take().unwrap(), running.0.stderr.take().unwrap());
    let reading = std::thread::spawn(move || {
        let mut text = Vec::new();
        stderr.read_to_end(&mut text).map(|_| text)
    });
    let writing = std::thread::spawn(move || {
        let mut text = Vec::new();
        stdout.read_to_end(&mut text).map(|_| text)
    });
    wait_for(&format!("{command:?} to end"), || running.0.try_wait().unwrap().is_some());
    let status = running.0.wait().unwrap();
    Output { status, stdout: writing.join().unwrap().unwrap(), stderr: reading.join().unwrap().unwrap() }
}

pub fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}
