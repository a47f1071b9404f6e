//! From an address to a stream, encrypted as the address says.

use super::fault::ConnectFault;
use super::tls::server_name;
use crate::logic::topology::{Address, Host, TlsMode};
use crate::proxy::stream::{SocketOptions, Stream};
use bytes::BytesMut;
use postgres_protocol::message::frontend;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio_rustls::TlsConnector;

/// Connects. `certificates` is asked only when TLS is spoken.
pub(super) async fn open(
    server: &Address,
    options: &SocketOptions,
    certificates: impl Fn() -> Result<TlsConnector, ConnectFault>,
) -> Result<Stream, ConnectFault> {
    let host = match &server.host {
        // As in libpq, `sslmode` says nothing about Unix sockets.
        Host::Unix(folder) => {
            let path = folder.join(format!(".s.PGSQL.{}", server.port));
            return Ok(Stream::Unix(UnixStream::connect(path).await?));
        }
        Host::Tcp(host) => host,
    };
    let tcp = dial(host, server.port).await?;
    options.apply(&socket2::SockRef::from(&tcp))?;
    match server.tls.mode {
        TlsMode::Disable => Ok(Stream::Tcp(tcp)),
        TlsMode::Prefer => secure(tcp, host, &certificates()?, false).await,
        TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => secure(tcp, host, &certificates()?, true).await,
    }
}

/// Every address of the name in turn; the last one's error is told.
async fn dial(host: &str, port: u16) -> Result<TcpStream, ConnectFault> {
    let unknown = |source| ConnectFault::Unknown { host: host.into(), source };
    let mut failed = unknown(io::Error::new(io::ErrorKind::NotFound, "no address"));
    for address in lookup_host((host, port)).await.map_err(unknown)? {
        match TcpStream::connect(address).await {
            Ok(tcp) => return Ok(tcp),
            Err(error) => failed = ConnectFault::Unreachable(error),
        }
    }
    Err(failed)
}

async fn secure(
    mut tcp: TcpStream,
    host: &str,
    certificates: &TlsConnector,
    required: bool,
) -> Result<Stream, ConnectFault> {
    let mut request = BytesMut::with_capacity(8);
    frontend::ssl_request(&mut request);
    tcp.write_all(&request).await?;
    // One byte and not more: what follows in clear must not be taken for something said inside (CVE-2021-23222).
    match tcp.read_u8().await? {
        b'S' => {
            let handshake = Box::pin(certificates.connect(server_name(host), tcp));
            let stream = handshake.await.map_err(|error| ConnectFault::Tls(error.to_string()))?;
            Ok(Stream::Tls(Box::new(stream.into())))
        }
        b'N' if required => Err(ConnectFault::Tls("the server does not support it, but it is required".to_owned())),
        b'N' => Ok(Stream::Tcp(tcp)),
        other => Err(ConnectFault::Protocol(format!("{other:#04x} to SSLRequest"))),
    }
}
