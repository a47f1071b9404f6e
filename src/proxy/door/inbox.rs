//! What a client has said so far during login. Grows with the bytes that came, never with a length that was announced.

use super::Turned;
use crate::logic::auth::Fatal;
use crate::logic::auth::opening;
use crate::proxy::stream::Stream;
use bytes::BytesMut;
use std::io;
use tokio::io::AsyncReadExt;

/// PostgreSQL's PG_MAX_SASL_MESSAGE_LENGTH, and the length itself.
const MESSAGE_MAX: usize = 1024 + 4;
/// Holds any usual start-up packet in one read.
const READ_SIZE: usize = 512;

#[derive(Debug, Default)]
pub(super) struct Inbox {
    bytes: BytesMut,
}

impl Inbox {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Everything that was not taken; no allocation is kept for nothing.
    pub(super) fn into_rest(self) -> BytesMut {
        if self.bytes.is_empty() { BytesMut::new() } else { self.bytes }
    }

    /// Looks at the first byte.
    pub(super) async fn peek(&mut self, stream: &mut Stream) -> Result<u8, Turned> {
        self.fill(stream, 1).await?;
        Ok(self.bytes[0])
    }

    /// Takes one packet without a tag, its length included.
    pub(super) async fn packet(&mut self, stream: &mut Stream) -> Result<BytesMut, Turned> {
        self.fill(stream, 4).await?;
        let length = opening::length(self.word(0))?;
        self.fill(stream, length).await?;
        Ok(self.bytes.split_to(length))
    }

    /// Takes the body of one `p` message.
    pub(super) async fn password(&mut self, stream: &mut Stream) -> Result<BytesMut, Turned> {
        self.fill(stream, 1).await?;
        let tag = self.bytes[0];
        if tag != b'p' {
            return Err(Fatal::protocol(format!("expected SASL response, got message type {tag}")).into());
        }
        self.fill(stream, 5).await?;
        let Ok(length @ 4..=MESSAGE_MAX) = usize::try_from(u32::from_be_bytes(self.word(1))) else {
            return Err(Fatal::protocol("invalid message length").into());
        };
        self.fill(stream, 1 + length).await?;
        Ok(self.bytes.split_to(1 + length).split_off(5))
    }

    fn word(&self, at: usize) -> [u8; 4] {
        self.bytes[at..at + 4].try_into().expect("fill() has read that far")
    }

    /// Reads until `wanted` bytes are there. The end is silent only where a message could begin.
    async fn fill(&mut self, stream: &mut Stream, wanted: usize) -> Result<(), Turned> {
        while self.bytes.len() < wanted {
            if self.bytes.capacity() == self.bytes.len() {
                self.bytes.reserve(READ_SIZE);
            }
            match stream.read_buf(&mut self.bytes).await {
                Ok(0) if self.bytes.is_empty() => return Err(Turned::Gone),
                Ok(0) => return Err(Turned::Lost(io::ErrorKind::UnexpectedEof.into())),
                Ok(_) => (),
                Err(error) if self.bytes.is_empty() && error.kind() == io::ErrorKind::ConnectionReset => {
                    return Err(Turned::Gone);
                }
                Err(error) => return Err(Turned::Lost(error)),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::io::AsyncWriteExt;
    use tokio::net::UnixStream;

    #[tokio::test]
    async fn an_announced_length_takes_no_memory() {
        let (near, mut far) = UnixStream::pair().expect("a pair");
        let (mut stream, mut inbox) = (Stream::Unix(near), Inbox::default());
        far.write_all(&[0, 0, 0x27, 0x10, 0, 3, 0, 0]).await.expect("it is short");
        let unfinished = tokio::time::timeout(Duration::from_millis(50), inbox.packet(&mut stream)).await;
        assert!(unfinished.is_err(), "{unfinished:?} is whole?");
        assert_eq!(inbox.bytes.len(), 8);
        assert!(inbox.bytes.capacity() <= READ_SIZE, "{}", inbox.bytes.capacity());
    }
}
