//! One connection, whatever carries it: TCP, a Unix socket, or TLS over TCP.
//!
//! Owns no buffer: on plain sockets it is as small as the socket's handle. TLS never runs over Unix sockets, as in PostgreSQL.

use crate::logic::console::snapshot::End;
use socket2::{SockRef, TcpKeepalive};
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsStream;
use tokio_rustls::rustls::pki_types::CertificateDer;

/// A connection to a client or a server.
#[derive(Debug)]
pub enum Stream {
    /// Plain TCP
    Tcp(TcpStream),
    /// A Unix socket
    Unix(UnixStream),
    /// TLS over TCP, either side. What is written leaves at `flush`.
    Tls(Box<TlsStream<TcpStream>>),
}

/// Options of TCP sockets; TCP_NODELAY is always on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SocketOptions {
    /// Probe a silent peer
    pub keepalive: Option<Keepalive>,
    /// Give up when sent data stays unacknowledged for this long (Linux)
    pub user_timeout: Option<Duration>,
}

/// How to probe a silent peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalive {
    /// Silence before the first probe
    pub idle: Duration,
    /// Between probes
    pub interval: Duration,
    /// Unanswered probes before the connection is lost
    pub count: u32,
}

impl SocketOptions {
    /// Sets them on a TCP socket. Linux hands a listener's options down to what it accepts.
    pub fn apply(&self, socket: &SockRef<'_>) -> io::Result<()> {
        socket.set_tcp_nodelay(true)?;
        if let Some(keepalive) = self.keepalive {
            let options = TcpKeepalive::new()
                .with_time(keepalive.idle)
                .with_interval(keepalive.interval)
                .with_retries(keepalive.count);
            socket.set_tcp_keepalive(&options)?;
        }
        #[cfg(target_os = "linux")]
        socket.set_tcp_user_timeout(self.user_timeout)?;
        Ok(())
    }
}

impl SocketOptions {
    /// Gives one connection a keepalive time of its own, a quarter more or less: thousands that came together are not
    /// probed in the same moment, which is more than a system takes at once (`netdev_max_backlog`).
    pub fn scatter(&self, socket: &SockRef<'_>) -> io::Result<()> {
        let Some(keepalive) = self.keepalive else { return Ok(()) };
        let idle = keepalive.idle.mul_f64(rand::random_range(0.75..1.25)).max(Duration::from_secs(1));
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(idle))
    }
}

impl Stream {
    /// The address at the other end, where there is one.
    pub fn peer(&self) -> Option<IpAddr> {
        let tcp = match self {
            Self::Tcp(tcp) => tcp,
            Self::Tls(tls) => tls.get_ref().0,
            Self::Unix(_) => return None,
        };
        tcp.peer_addr().ok().map(|address| address.ip())
    }

    /// Encrypted?
    pub fn is_secure(&self) -> bool {
        match self {
            Self::Tls(_) => true,
            Self::Tcp(_) | Self::Unix(_) => false,
        }
    }

    /// Sets the options of its TCP socket; a Unix socket has none.
    pub fn set_options(&self, options: &SocketOptions) -> io::Result<()> {
        let Some(socket) = self.tcp_socket() else { return Ok(()) };
        options.apply(&socket)?;
        options.scatter(&socket)
    }

    /// The same for one that was accepted: Linux has handed down the options of the listener.
    pub fn set_options_accepted(&self, options: &SocketOptions) -> io::Result<()> {
        match self.tcp_socket() {
            Some(socket) if cfg!(target_os = "linux") => options.scatter(&socket),
            Some(_) | None => self.set_options(options),
        }
    }

    fn tcp_socket(&self) -> Option<SockRef<'_>> {
        match self {
            Self::Tcp(tcp) => Some(SockRef::from(tcp)),
            Self::Tls(tls) => Some(SockRef::from(tls.get_ref().0)),
            Self::Unix(_) => None,
        }
    }

    /// Says whether a read would return at once: bytes, the end, or an error. On an idle server connection any of them
    /// means that it cannot be lent. Makes no system call while the reactor knows of nothing to read.
    pub fn is_readable_now(&self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        match self {
            Self::Tcp(tcp) => tcp_is_readable(tcp, &mut context),
            Self::Unix(unix) => unix_is_readable(unix, &mut context),
            Self::Tls(tls) => tcp_is_readable(tls.get_ref().0, &mut context),
        }
    }

    /// Ready when the reactor knows of something to read; registers for a wake-up otherwise. Makes no system call.
    pub fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(tcp) => tcp.poll_read_ready(context),
            Self::Unix(unix) => unix.poll_read_ready(context),
            Self::Tls(tls) => tls.get_ref().0.poll_read_ready(context),
        }
    }

    /// The other side's end, and ours.
    pub fn ends(&self) -> (End, End) {
        let of = |tcp: &TcpStream| {
            let end = |address: io::Result<_>| address.map_or(End::Unix, End::Tcp);
            (end(tcp.peer_addr()), end(tcp.local_addr()))
        };
        match self {
            Self::Tcp(tcp) => of(tcp),
            Self::Tls(tls) => of(tls.get_ref().0),
            Self::Unix(_) => (End::Unix, End::Unix),
        }
    }

    /// Protocol and cipher of TLS.
    pub fn encryption(&self) -> Option<Box<str>> {
        match self {
            Self::Tls(tls) => {
                let connection = tls.get_ref().1;
                let version = connection.protocol_version().and_then(|version| version.as_str().map(str::to_owned));
                let suite = connection.negotiated_cipher_suite();
                let suite = suite.and_then(|suite| suite.suite().as_str().map(str::to_owned));
                // As OpenSSL writes them.
                let version = version.unwrap_or_default().replace('_', ".");
                Some(format!("{version}/{}", suite.unwrap_or_default().replace("TLS13_", "TLS_")).into())
            }
            Self::Tcp(_) | Self::Unix(_) => None,
        }
    }

    /// The certificates the other side proved to own, its own first.
    pub fn peer_certificates(&self) -> Option<&[CertificateDer<'static>]> {
        match self {
            Self::Tls(tls) => tls.get_ref().1.peer_certificates(),
            Self::Tcp(_) | Self::Unix(_) => None,
        }
    }
}

fn tcp_is_readable(tcp: &TcpStream, context: &mut Context<'_>) -> bool {
    // Asks the reactor first; a stale readiness costs one peek, which clears it.
    tcp.poll_peek(context, &mut ReadBuf::new(&mut [0])).is_ready()
}

fn unix_is_readable(unix: &UnixStream, context: &mut Context<'_>) -> bool {
    if unix.poll_read_ready(context).is_pending() {
        return false;
    }
    let peeked = unix.try_io(Interest::READABLE, || SockRef::from(unix).peek(&mut [MaybeUninit::uninit()]));
    !matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(tcp) => Pin::new(tcp).poll_read(context, buffer),
            Self::Unix(unix) => Pin::new(unix).poll_read(context, buffer),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(tcp) => Pin::new(tcp).poll_write(context, bytes),
            Self::Unix(unix) => Pin::new(unix).poll_write(context, bytes),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(tcp) => Pin::new(tcp).poll_write_vectored(context, slices),
            Self::Unix(unix) => Pin::new(unix).poll_write_vectored(context, slices),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(tcp) => tcp.is_write_vectored(),
            Self::Unix(unix) => unix.is_write_vectored(),
            Self::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            // Plain sockets hold nothing back.
            Self::Tcp(_) | Self::Unix(_) => Poll::Ready(Ok(())),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(tcp) => Pin::new(tcp).poll_shutdown(context),
            Self::Unix(unix) => Pin::new(unix).poll_shutdown(context),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[test]
    fn a_plain_stream_is_small() {
        assert!(size_of::<Stream>() <= 64, "{}", size_of::<Stream>());
    }

    async fn notices_input_and_the_end(near: Stream, mut far: Stream) {
        let mut near = near;
        assert!(!near.is_readable_now());
        far.write_all(b"x").await.unwrap();
        let byte = near.read_u8().await.unwrap();
        assert_eq!((byte, near.is_readable_now()), (b'x', false));
        drop(far);
        while !near.is_readable_now() {
            tokio::task::yield_now().await;
        }
        assert_eq!(near.read(&mut [0; 8]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn an_idle_connection_notices_input_and_the_end() {
        let (near, far) = UnixStream::pair().unwrap();
        notices_input_and_the_end(Stream::Unix(near), Stream::Unix(far)).await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (far, _) = listener.accept().await.unwrap();
        notices_input_and_the_end(Stream::Tcp(near), Stream::Tcp(far)).await;
    }

    #[tokio::test]
    async fn options_reach_the_socket() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tcp = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let stream = Stream::Tcp(tcp);
        let keepalive = Keepalive { idle: Duration::from_secs(30), interval: Duration::from_secs(5), count: 3 };
        let user_timeout = Some(Duration::from_secs(20));
        stream.set_options(&SocketOptions { keepalive: Some(keepalive), user_timeout }).unwrap();
        let Stream::Tcp(tcp) = &stream else { panic!("plain TCP") };
        let socket = SockRef::from(tcp);
        assert!(socket.tcp_nodelay().unwrap() && socket.keepalive().unwrap());
        let idle = socket.tcp_keepalive_time().unwrap();
        assert!((22..=37).contains(&idle.as_secs()), "{idle:?}");
        #[cfg(target_os = "linux")]
        assert_eq!(socket.tcp_user_timeout().unwrap(), user_timeout);
        let times: HashSet<Duration> = (0..64)
            .map(|_| {
                stream.set_options_accepted(&SocketOptions { keepalive: Some(keepalive), user_timeout }).unwrap();
                socket.tcp_keepalive_time().unwrap()
            })
            .collect();
        assert!(times.len() > 4, "{times:?}");
    }
}
