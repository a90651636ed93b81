//! Reads the rules again when the process is sent SIGHUP.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::{Door, FilterFiles, LoadError};
use crate::net::stop::stopped;

const LOG: &str = "acestream.ipfilter";

/// Reads the files of `door` again at each SIGHUP, until `stop` turns true; a node without files has nothing to
/// wait for. What cannot be read or understood is logged, and changes nothing.
pub async fn read_again_at_hangup(door: Door, mut stop: watch::Receiver<bool>) {
    let Some(files) = door.0.files.clone() else { return };
    let mut hangups = match signal(SignalKind::hangup()) {
        Ok(hangups) => hangups,
        Err(error) => return tracing::error!(target: LOG, "SIGHUP is not heard: {error}"),
    };
    loop {
        tokio::select! {
            Some(()) = hangups.recv() => {}
            () = stopped(&mut stop) => return,
        }
        let reader = door.clone();
        let read = tokio::task::spawn_blocking(move || reader.read_again()).await;
        // a task that is not awaited to its end belongs to a runtime that ends
        read.into_iter().for_each(|read| report(&files, read));
    }
}

fn report(files: &FilterFiles, read: Result<(), LoadError>) {
    match read {
        Ok(()) => tracing::info!(target: LOG, "{} was read again", files.rules.display()),
        Err(error) => tracing::error!(target: LOG, "the rules stay as they were: {error}"),
    }
}
