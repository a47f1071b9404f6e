//! A bare TCP forwarder: what any proxy costs at least. `forwarder LISTEN_PORT TARGET_PORT…`
//!
//! Connections go round several targets. One thread, 64 KiB buffers, no look at the bytes: two receives and two sends a query.

use std::io;

use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::{TcpListener, TcpStream};

const BUFFER: usize = 64 * 1024;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let ports: Vec<u16> = std::env::args().skip(1).filter_map(|port| port.parse().ok()).collect();
    let [listen, targets @ ..] = &ports[..] else { return Err(usage()) };
    let mut turns = targets.iter().copied().cycle();
    let listener = TcpListener::bind(("127.0.0.1", *listen)).await?;
    loop {
        let (client, _) = listener.accept().await?;
        let Some(target) = turns.next() else { return Err(usage()) };
        tokio::spawn(async move {
            // A client that leaves ends its own pair of connections and nothing else.
            forward(client, target).await.ok();
        });
    }
}

fn usage() -> io::Error {
    io::Error::other("usage: forwarder LISTEN_PORT TARGET_PORT…")
}

async fn forward(mut client: TcpStream, target: u16) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut server = TcpStream::connect(("127.0.0.1", target)).await?;
    server.set_nodelay(true)?;
    copy_bidirectional_with_sizes(&mut client, &mut server, BUFFER, BUFFER).await.map(drop)
}
