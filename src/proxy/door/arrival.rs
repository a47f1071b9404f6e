//! A connection on its way in: encryption is settled here, each kind asked for at most once.
//!
//! ```text
//! plain ─0x16, TLS on──────────→ secure
//! plain ─SSLRequest, TLS on─'S'→ secure      plain ─SSLRequest, TLS off─'N'→ plain
//! plain ─GSSENCRequest─'N'→ plain            (a second time: unsupported protocol)
//! ```

use super::Door;
use super::inbox::Inbox;
use super::listener::Peer;
use super::tls::{self, Tls};
use super::turned::{Turned, say_goodbye};
use crate::logic::auth::Fatal;
use crate::logic::auth::opening::{self, Asked, Opening};
use crate::proxy::stream::Stream;
use bytes::BytesMut;
use std::io;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// The first byte of a TLS handshake record; as a length it would be far over the limit.
const TLS_HANDSHAKE: u8 = 0x16;

pub(super) struct Arrival<'a> {
    pub(super) door: &'a Door,
    pub(super) stream: Stream,
    pub(super) inbox: Inbox,
    /// The certificate shown to this client, which a reload may have replaced since
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) peer: Peer,
    asked: Asked,
}

impl<'a> Arrival<'a> {
    pub(super) fn new(stream: Stream, peer: Peer, door: &'a Door) -> Self {
        Self { door, stream, inbox: Inbox::default(), tls: None, peer, asked: Asked::default() }
    }

    pub(super) async fn begins_with_tls(&mut self) -> Result<bool, Turned> {
        Ok(self.inbox.peek(&mut self.stream).await? == TLS_HANDSHAKE)
    }

    /// The next opening packet. Nothing may follow a request for encryption before it is answered: what comes in clear
    /// must never be taken for something said inside (CVE-2021-23214).
    pub(super) async fn next(&mut self) -> Result<Opening, Turned> {
        let packet = self.inbox.packet(&mut self.stream).await?;
        let opening = opening::parse(&packet, self.asked)?;
        match &opening {
            Opening::Ssl if !self.inbox.is_empty() => Err(stuffed("SSL").into()),
            Opening::Gss if !self.inbox.is_empty() => Err(stuffed("GSSAPI encryption").into()),
            Opening::Ssl | Opening::Gss | Opening::Cancel { .. } | Opening::Startup(_) => Ok(opening),
        }
    }

    pub(super) async fn decline_gss(&mut self) -> Result<(), Turned> {
        self.asked.gss = true;
        self.stream.write_all(b"N").await.map_err(Turned::Lost)
    }

    pub(super) async fn answer_ssl(mut self) -> Result<Self, Turned> {
        self.asked.ssl = true;
        let tls = self.door.tls.load_full();
        match (tls, self.stream) {
            (Some(tls), Stream::Tcp(mut tcp)) => {
                tcp.write_all(b"S").await?;
                let stream = Box::pin(tls.acceptor().accept(tcp)).await?;
                Ok(Self::secured(stream, tls, self.peer, self.door))
            }
            (_, stream) => {
                self.stream = stream;
                self.stream.write_all(b"N").await?;
                Ok(self)
            }
        }
    }

    /// TLS without asking first (PostgreSQL 17), which must name the protocol.
    pub(super) async fn secure_at_once(self) -> Result<Self, Turned> {
        let (Some(tls), Stream::Tcp(tcp)) = (self.door.tls.load_full(), self.stream) else {
            return Err(Turned::Lost(io::Error::new(io::ErrorKind::Unsupported, "direct TLS where there is none")));
        };
        let said = self.inbox.into_rest();
        let stream = Box::pin(tls.acceptor().accept_with(tcp, |session| tls::replay(session, &said))).await?;
        if stream.get_ref().1.alpn_protocol() != Some(tls::PROTOCOL) {
            return Err(Turned::Lost(io::Error::new(io::ErrorKind::InvalidData, "direct TLS without ALPN postgresql")));
        }
        Ok(Self::secured(stream, tls, self.peer, self.door))
    }

    fn secured(stream: TlsStream<TcpStream>, tls: Arc<Tls>, peer: Peer, door: &'a Door) -> Self {
        let stream = Stream::Tls(Box::new(stream.into()));
        Self { door, stream, inbox: Inbox::default(), tls: Some(tls), peer, asked: Asked { ssl: true, gss: true } }
    }

    /// The parts a session goes on with.
    pub(super) fn into_parts(self) -> (Stream, Peer, BytesMut) {
        (self.stream, self.peer, self.inbox.into_rest())
    }

    /// Tells the client why, if there is something to tell.
    pub(super) async fn turn_away(mut self, turned: Turned) -> Turned {
        if let Turned::Refused { fatal, .. } = &turned {
            let mut message = BytesMut::new();
            fatal.encode(&mut message);
            say_goodbye(&mut self.stream, &message).await;
        }
        turned
    }
}

fn stuffed(request: &str) -> Fatal {
    Fatal::protocol(format!("received unencrypted data after {request} request"))
        .detail("This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.")
}
