//! Frames from a socket: bounded, and each one finished in bounded time.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

use crate::base::limits::FRAME_TIMEOUT;
use crate::wire::handshake::{HANDSHAKE_BYTES, HEAD_BYTES, peer_id_follows};
use crate::wire::message::{FrameTooLarge, LENGTH_BYTES, Message, body_length};

/// Bytes asked of the socket at once: several chunks a system call.
const READ_BYTES: usize = 64 * 1024;
const PEER_ID_BYTES: usize = HANDSHAKE_BYTES - HEAD_BYTES;

/// Why a link cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    #[error("connection ended")]
    Ended,
    #[error("a frame took longer than {} s", FRAME_TIMEOUT.as_secs())]
    TooSlow,
    #[error(transparent)]
    TooLarge(#[from] FrameTooLarge),
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Reads messages. Chunk data are slices of the read buffer, not copies.
pub struct FrameReader<R> {
    socket: R,
    buffer: BytesMut,
    /// The stranger sent a bare head: its peer id may come before the first frame.
    may_send_peer_id: bool,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// `may_send_peer_id` after a handshake of 46 bytes only.
    pub fn new(socket: R, may_send_peer_id: bool) -> Self {
        Self { socket, buffer: BytesMut::new(), may_send_peer_id }
    }

    /// The next message; waits for its beginning as long as it takes.
    pub async fn next(&mut self) -> Result<Message, FrameError> {
        if self.may_send_peer_id {
            self.skip_peer_id().await?;
        }
        self.wait_for_any().await?;
        timeout(FRAME_TIMEOUT, self.frame()).await.map_err(|_| FrameError::TooSlow)?
    }

    async fn skip_peer_id(&mut self) -> Result<(), FrameError> {
        self.wait_for_any().await?;
        if peer_id_follows(self.buffer[0]) {
            let filled = timeout(FRAME_TIMEOUT, self.fill(PEER_ID_BYTES)).await;
            filled.map_err(|_| FrameError::TooSlow)??;
            self.buffer.advance(PEER_ID_BYTES);
        }
        self.may_send_peer_id = false;
        Ok(())
    }

    async fn frame(&mut self) -> Result<Message, FrameError> {
        self.fill(LENGTH_BYTES).await?;
        let body_bytes = body_length(self.buffer.split_to(LENGTH_BYTES).get_u32().to_be_bytes())?;
        self.fill(body_bytes).await?;
        let body: Bytes = self.buffer.split_to(body_bytes).freeze();
        Ok(Message::decode(body))
    }

    async fn wait_for_any(&mut self) -> Result<(), FrameError> {
        self.fill(1).await
    }

    async fn fill(&mut self, wanted: usize) -> Result<(), FrameError> {
        while self.buffer.len() < wanted {
            self.buffer.reserve((wanted - self.buffer.len()).max(READ_BYTES));
            if self.socket.read_buf(&mut self.buffer).await? == 0 {
                return Err(FrameError::Ended);
            }
        }
        Ok(())
    }
}
