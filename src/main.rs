//! Reads the command line, opens the log, builds the one runtime, runs its nodes, gives an exit code:
//! 0 after a signal or when all is done, 1 with one line on standard error, 130 at a second signal.

use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use start_engine::cli::{self, Asked, Command, Environment, Run};
use start_engine::node::life::Life;
use start_engine::obs::systemd;
use start_engine::{node, obs};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// A read of standard input, or a look-up of a name, cannot be broken off: it is not waited for longer.
const LAST_READS: Duration = Duration::from_millis(300);

fn main() -> ExitCode {
    match ask(std::env::args_os().skip(1)).and_then(follow) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("start-engine: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn ask(words: impl Iterator<Item = std::ffi::OsString>) -> anyhow::Result<Asked> {
    let not_text = |word: std::ffi::OsString| anyhow::anyhow!("{} is not UTF-8", word.display());
    let words = words.map(|word| word.into_string().map_err(not_text)).collect::<Result<Vec<_>, _>>()?;
    Ok(cli::parse_in(&words, &Environment::new(std::env::vars_os()))?)
}

fn follow(asked: Asked) -> anyhow::Result<()> {
    match asked {
        Asked::Print(text) => print(&text),
        Asked::Run(run) => match &run.command {
            Command::GetInfohash(path) => print(&format!("{}\n", node::inspect::infohash(path)?)),
            Command::GetFileInfo(path) => print(&format!("{}\n", node::inspect::file_info(path)?)),
            _ => start(*run),
        },
    }
}

/// A reader that has seen enough, as `head` has, is no error.
fn print(text: &str) -> anyhow::Result<()> {
    use std::io::{ErrorKind, Write};
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("standard output"),
        _ => Ok(()),
    }
}

fn start(run: Run) -> anyhow::Result<()> {
    obs::log::init(&run.log)?;
    tracing::info!(target: "acestream", "enable debug: {}", run.log.debug);
    for warning in &run.warnings {
        tracing::warn!(target: "acestream", "{warning}");
    }
    let numbers = AtomicUsize::new(1);
    let name_thread = move || format!("Worker-{}", numbers.fetch_add(1, Ordering::Relaxed));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().thread_name_fn(name_thread).build()?;
    let result = runtime.block_on(async {
        reopen_log_at_hangup()?;
        let stop = stop_at_signals()?;
        let (life, progress) = Life::new(stop.clone());
        let telling = tokio::spawn(systemd::follow(progress, stop));
        let result = dispatch(run.command, life).await;
        systemd::stopping();
        telling.abort();
        result
    });
    runtime.shutdown_timeout(LAST_READS);
    result
}

/// Runs the node until it is done or told to stop.
async fn dispatch(command: Command, life: Life) -> anyhow::Result<()> {
    match command {
        Command::Source(config) => node::source::run(config, life).await,
        Command::Support(config) => node::support::run(config, life).await,
        Command::Client(config) => node::client::run(config, life).await,
        Command::CreateHls(config) => node::hls::create::run(config, life.stop).await,
        Command::PublishHls(config) => node::hls::publish::run(config, life).await,
        Command::Tracker(config) => node::tracker::run(config, life).await,
        Command::Demo(config) => node::demo::run(config, life.stop).await,
        Command::Nodes(nodes) => node::several::run(nodes, life).await,
        // Answered before the runtime was built.
        Command::GetInfohash(_) | Command::GetFileInfo(_) => Ok(()),
    }
}

/// From here on SIGHUP does not end the process. Other parts may listen to it too.
fn reopen_log_at_hangup() -> anyhow::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            obs::log::reopen();
        }
    });
    Ok(())
}

/// Turns true at the first SIGINT or SIGTERM; the second ends the process at once.
fn stop_at_signals() -> anyhow::Result<watch::Receiver<bool>> {
    let (stop, stopped) = watch::channel(false);
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        for is_second in [false, true] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if is_second {
                std::process::exit(130);
            }
            stop.send_replace(true);
        }
    });
    Ok(stopped)
}
