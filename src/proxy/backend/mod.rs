//! Connecting and logging in to servers; what happens after is the session's.
//!
//! Waits for as long as the server takes: the caller sets the limit, and dropping the future closes the connection.

pub mod fault;
pub mod tls;
mod dial;
mod greet;

pub use fault::ConnectFault;

use crate::logic::topology::{Address, Secret, ServerTls};
use crate::proxy::stream::{SocketOptions, Stream};
use bytes::{BufMut, BytesMut};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;

/// Opens connections to servers. Keeps the certificates it has read: see `forget`.
#[derive(Debug, Default)]
pub struct Connector {
    options: SocketOptions,
    tls: Mutex<HashMap<ServerTls, Certificates>>,
}

/// A `TlsConnector` that can be printed.
#[derive(Clone)]
struct Certificates(TlsConnector);

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(certificates)")
    }
}

/// Who logs in, and how the session begins.
#[derive(Debug, Clone, Copy)]
pub struct Credentials<'a> {
    /// The user, already resolved: the address's own user is not looked at
    pub user: &'a str,
    /// Its password, if it has one
    pub password: Option<&'a Secret>,
    /// Settings of the start-up packet: `application_name`, `client_encoding`, …
    pub parameters: &'a [(&'a str, &'a str)],
}

/// A server connection that is ready for its first query.
#[derive(Debug)]
pub struct Connected {
    /// The connection; nothing is left unread
    pub stream: Stream,
    /// For `Connector::cancel`
    pub pid: i32,
    /// For `Connector::cancel`
    pub secret_key: Vec<u8>,
    /// The settings it reported
    pub parameters: Vec<(Box<str>, Box<str>)>,
    /// Encrypted?
    pub tls: bool,
}

impl Connector {
    /// With options for its TCP sockets.
    pub fn new(options: SocketOptions) -> Self {
        Self { options, tls: Mutex::default() }
    }

    /// Certificates are read again by the connections to come: after a reload.
    pub fn forget(&self) {
        self.tls.lock().clear();
    }

    /// Connects and logs in. A name is resolved anew each time; every address it has is tried.
    pub async fn connect(&self, server: &Address, credentials: &Credentials<'_>) -> Result<Connected, ConnectFault> {
        let stream = self.open(server).await?;
        greet::log_in(stream, &server.database, credentials).await
    }

    /// Asks the server to stop what that connection is doing. Returns when the server has closed, that is, after it has
    /// sent the signal: from then on the request can hit nobody else. It is sent if it is still wanted by then.
    pub async fn cancel(
        &self,
        server: &Address,
        (pid, secret_key): (i32, &[u8]),
        is_wanted: impl Fn() -> bool,
    ) -> Result<(), ConnectFault> {
        const CANCEL_REQUEST: u32 = 80_877_102;
        let mut stream = self.open(server).await?;
        if !is_wanted() {
            return Ok(());
        }
        let mut packet = BytesMut::with_capacity(12 + secret_key.len());
        packet.put_u32(12 + secret_key.len() as u32);
        packet.put_u32(CANCEL_REQUEST);
        packet.put_i32(pid);
        packet.put_slice(secret_key);
        stream.write_all(&packet).await?;
        stream.flush().await?;
        // Nothing but the end is to be expected; an end without TLS's goodbye is an end too.
        while let Ok(1..) = stream.read(&mut [0; 16]).await {}
        Ok(())
    }

    async fn open(&self, server: &Address) -> Result<Stream, ConnectFault> {
        dial::open(server, &self.options, || self.certificates(&server.tls)).await
    }

    fn certificates(&self, wanted: &ServerTls) -> Result<TlsConnector, ConnectFault> {
        if let Some(Certificates(known)) = self.tls.lock().get(wanted) {
            return Ok(known.clone());
        }
        // Read without the lock: two at once read the same.
        let connector = TlsConnector::from(Arc::new(tls::config(wanted)?));
        self.tls.lock().insert(wanted.clone(), Certificates(connector.clone()));
        Ok(connector)
    }
}
