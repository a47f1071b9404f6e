//! Other proxies behind the same address: cancel requests that are theirs are passed on to them.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A request that is not taken within this is given up.
const PATIENCE: Duration = Duration::from_secs(5);

const CANCEL_REQUEST: u32 = 80_877_102;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerNode {
    /// Its number
    pub id: u16,
    /// Where it listens
    pub address: SocketAddr,
}

impl PeerNode {
    /// Passes a request on; returns when the peer has dealt with it.
    pub async fn cancel(&self, pid: i32, key: &[u8]) {
        match tokio::time::timeout(PATIENCE, self.send(pid, key)).await {
            Ok(Ok(())) => (),
            Ok(Err(error)) => tracing::warn!(%error, node = self.id, "a cancel request could not be passed on"),
            Err(_) => tracing::warn!(node = self.id, "a peer does not take a cancel request"),
        }
    }

    async fn send(&self, pid: i32, key: &[u8]) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(self.address).await?;
        let mut packet = BytesMut::with_capacity(12 + key.len());
        packet.put_u32(12 + key.len() as u32);
        packet.put_u32(CANCEL_REQUEST);
        packet.put_i32(pid);
        packet.put_slice(key);
        stream.write_all(&packet).await?;
        while let Ok(1..) = stream.read(&mut [0; 16]).await {}
        Ok(())
    }
}
