//! Frames from a socket: bounded, and each one finished in bounded time.

use std::io;
use std::ops::Range;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

use crate::base::ids::PeerId;
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

/// Reads messages, several a system call. Each body is copied once, into memory of its own length: chunks
/// stay in the window for long, and slices of the read buffer would keep all of it.
pub struct FrameReader<R> {
    socket: R,
    buffer: Vec<u8>,
    /// Where in `buffer` the bytes lie that were read and not taken yet.
    unread: Range<usize>,
    /// The stranger sent a bare head: its peer id may come before the first frame.
    may_send_peer_id: bool,
    peer_id: Option<PeerId>,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// `may_send_peer_id` after a handshake of 46 bytes only.
    pub fn new(socket: R, may_send_peer_id: bool) -> Self {
        Self { socket, buffer: vec![0; READ_BYTES], unread: 0..0, may_send_peer_id, peer_id: None }
    }

    /// The next message; waits for its beginning as long as it takes.
    pub async fn next(&mut self) -> Result<Message, FrameError> {
        if self.may_send_peer_id {
            self.read_peer_id().await?;
        }
        self.fill(1).await?;
        timeout(FRAME_TIMEOUT, self.frame()).await.map_err(|_| FrameError::TooSlow)?
    }

    /// The peer id that came before the first message, once.
    pub fn take_peer_id(&mut self) -> Option<PeerId> {
        self.peer_id.take()
    }

    async fn read_peer_id(&mut self) -> Result<(), FrameError> {
        self.fill(1).await?;
        if peer_id_follows(self.buffer[self.unread.start]) {
            let filled = timeout(FRAME_TIMEOUT, self.fill(PEER_ID_BYTES)).await;
            filled.map_err(|_| FrameError::TooSlow)??;
            let mut peer_id = PeerId([0; PEER_ID_BYTES]);
            peer_id.0.copy_from_slice(self.take(PEER_ID_BYTES));
            self.peer_id = Some(peer_id);
        }
        self.may_send_peer_id = false;
        Ok(())
    }

    async fn frame(&mut self) -> Result<Message, FrameError> {
        self.fill(LENGTH_BYTES).await?;
        let mut length = [0; LENGTH_BYTES];
        length.copy_from_slice(self.take(LENGTH_BYTES));
        let body_bytes = body_length(length)?;
        self.fill(body_bytes).await?;
        let body = Bytes::copy_from_slice(self.take(body_bytes));
        Ok(Message::decode(body))
    }

    /// The next `count` bytes, which [`FrameReader::fill`] made sure of.
    fn take(&mut self, count: usize) -> &[u8] {
        let start = self.unread.start;
        self.unread.start += count;
        &self.buffer[start..start + count]
    }

    /// Reads until `wanted` bytes are there. What a quiet link reads always lies at the front, so the
    /// rest of its buffer is never touched.
    async fn fill(&mut self, wanted: usize) -> Result<(), FrameError> {
        while self.unread.len() < wanted {
            if self.unread.start > 0 {
                self.buffer.copy_within(self.unread.clone(), 0);
                self.unread = 0..self.unread.len();
            }
            if self.buffer.len() < wanted {
                self.buffer.resize(wanted, 0);
            }
            match self.socket.read(&mut self.buffer[self.unread.end..]).await? {
                0 => return Err(FrameError::Ended),
                count => self.unread.end += count,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;

    fn chunk(bytes: usize) -> Message {
        let data = (0..bytes).map(|index| index as u8).collect();
        Message::Piece { stream: 0, piece: 7, time: 1.5, chunk: 1, data }
    }

    fn encode(messages: &[Message]) -> Vec<u8> {
        let mut out = BytesMut::new();
        for message in messages {
            let bulk = message.encode_head(&mut out);
            out.extend_from_slice(&bulk);
        }
        out.to_vec()
    }

    #[tokio::test]
    async fn frames_of_all_sizes_arrive_whole_however_the_bytes_are_cut() {
        let messages = [
            Message::Unchoke,
            chunk(16 * 1024),
            Message::KeepAlive,
            chunk(64 * 1024),
            Message::Have { stream: 0, piece: 8 },
            chunk(16 * 1024),
        ];
        let mut bytes = b"R30------xxxxxxxxxxx".to_vec();
        bytes.extend(encode(&messages));
        for cut in [1, 7, 1000, READ_BYTES - 1, bytes.len()] {
            let mut frames = FrameReader::new(cut_every(&bytes, cut), true);
            for message in &messages {
                assert_eq!(frames.next().await.unwrap(), *message, "cut every {cut}");
            }
            assert_eq!(frames.take_peer_id(), Some(PeerId(*b"R30------xxxxxxxxxxx")));
            assert!(matches!(frames.next().await, Err(FrameError::Ended)));
        }
    }

    #[tokio::test]
    async fn body_keeps_no_more_memory_than_its_length() {
        let bytes = encode(&[chunk(1024), Message::Unchoke]);
        let mut frames = FrameReader::new(&bytes[..], false);
        let Message::Piece { data, .. } = frames.next().await.unwrap() else { panic!("not a chunk") };
        let owned = BytesMut::from(data);
        assert!(owned.capacity() < 1100, "{} bytes are held for 1024", owned.capacity());
    }

    /// Gives `cut` bytes a read at most.
    fn cut_every(bytes: &[u8], cut: usize) -> impl AsyncRead + Unpin {
        struct Cut<'a>(&'a [u8], usize);
        impl AsyncRead for Cut<'_> {
            fn poll_read(
                mut self: std::pin::Pin<&mut Self>,
                _context: &mut std::task::Context<'_>,
                out: &mut tokio::io::ReadBuf<'_>,
            ) -> std::task::Poll<io::Result<()>> {
                let count = self.0.len().min(self.1).min(out.remaining());
                let (given, rest) = self.0.split_at(count);
                out.put_slice(given);
                self.0 = rest;
                std::task::Poll::Ready(Ok(()))
            }
        }
        Cut(bytes, cut)
    }
}
