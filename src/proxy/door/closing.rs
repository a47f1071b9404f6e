//! Closes a listener without turning anyone away: who has knocked is let in, and who has not finds the next process.
//!
//! The kernel resets the connections that a listener has not accepted when it closes, and those whose handshake it is
//! in. So new handshakes are dropped first, unanswered: the client repeats its SYN after a second, and by then it goes
//! to another process that listens on the port, or is refused. What was under way ends, and is accepted.

use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpStream, UnixStream};

use super::listener::{Listener, Owner, Peer};
use crate::proxy::stream::{SocketOptions, Stream};

/// A handshake that has begun ends within this: a journey there and back.
const HANDSHAKE: Duration = Duration::from_millis(50);

impl Listener {
    /// Closes it; `admit` gets those who have come before.
    pub async fn close(self, mut admit: impl FnMut(Stream, Peer)) -> io::Result<()> {
        match self {
            // Who waits in it waits for our successor.
            Self::Tcp { owner: Owner::Starter, .. } | Self::Unix { file: None, .. } => Ok(()),
            Self::Tcp { socket, options, owner: Owner::Ourselves } => {
                if ignore_handshakes(&SockRef::from(&socket)) {
                    tokio::time::sleep(HANDSHAKE).await;
                }
                accept_tcp(&socket.into_std()?, options, &mut admit)
            }
            Self::Unix { socket, file: Some(file) } => {
                // Nobody finds it any more; a successor may make its own.
                drop(file);
                accept_unix(&socket.into_std()?, &mut admit)
            }
        }
    }
}

/// Drops every segment that has SYN and not ACK. `false`: the system cannot, or does not let us.
#[cfg(target_os = "linux")]
fn ignore_handshakes(socket: &SockRef<'_>) -> bool {
    use socket2::SockFilter;
    // Classic BPF over a TCP header, whose byte 13 has the flags (linux/bpf_common.h, RFC 9293).
    const LOAD_BYTE: u16 = 0x30;
    const AND: u16 = 0x54;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    const FLAGS: u32 = 13;
    const SYN: u32 = 0x02;
    const ACK: u32 = 0x10;
    let filter = [
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS),
        SockFilter::new(AND, 0, 0, SYN | ACK),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ];
    socket.attach_filter(&filter).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn ignore_handshakes(_: &SockRef<'_>) -> bool {
    false
}

fn accept_tcp(socket: &TcpListener, options: SocketOptions, admit: &mut impl FnMut(Stream, Peer)) -> io::Result<()> {
    while let Some((accepted, address)) = next(|| socket.accept())? {
        accepted.set_nonblocking(true)?;
        let stream = Stream::Tcp(TcpStream::from_std(accepted)?);
        stream.set_options_accepted(&options)?;
        admit(stream, Peer::Tcp(address));
    }
    Ok(())
}

fn accept_unix(socket: &UnixListener, admit: &mut impl FnMut(Stream, Peer)) -> io::Result<()> {
    while let Some((accepted, _)) = next(|| socket.accept())? {
        accepted.set_nonblocking(true)?;
        admit(Stream::Unix(UnixStream::from_std(accepted)?), Peer::Unix);
    }
    Ok(())
}

/// `None`: nobody waits any more.
fn next<T>(accept: impl Fn() -> io::Result<T>) -> io::Result<Option<T>> {
    loop {
        match accept() {
            Ok(accepted) => return Ok(Some(accepted)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            // It has gone while it waited.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => (),
            Err(error) => return Err(error),
        }
    }
}
