//! Standard input, read by a thread of its own: a blocked read must not hold up the end of the
//! process, as one on the runtime's threads would.

use std::io::{self, Read};

use bytes::Bytes;
use tokio::sync::mpsc;

const READ_BYTES: usize = 64 * 1024;
/// Reads that wait for the node; then the writer of the pipe waits.
const QUEUE_READS: usize = 4;

pub(super) struct Stdin(mpsc::Receiver<io::Result<Bytes>>);

pub(super) fn open() -> io::Result<Stdin> {
    let (sender, receiver) = mpsc::channel(QUEUE_READS);
    std::thread::Builder::new().name("stdin".into()).spawn(move || {
        let mut input = io::stdin().lock();
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let read = match input.read(&mut buffer) {
                Ok(0) => return,
                Ok(length) => Ok(Bytes::copy_from_slice(&buffer[..length])),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            let is_error = read.is_err();
            if sender.blocking_send(read).is_err() || is_error {
                return;
            }
        }
    })?;
    Ok(Stdin(receiver))
}

impl Stdin {
    /// The next bytes; `None` at the end.
    pub(super) async fn next(&mut self) -> io::Result<Option<Bytes>> {
        self.0.recv().await.transpose()
    }
}
