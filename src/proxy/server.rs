//! A server connection as sessions use it: its stream, what has been set and prepared on it, who may cancel on it.

use std::net::IpAddr;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Instant;

use tokio::io::AsyncWrite;

use crate::logic::protocol::frame::client;
use crate::logic::protocol::walk::Walk;
use crate::logic::session::prepared::Prepared;
use crate::logic::session::telling::Map;
use crate::proxy::cancel::Cancellable;
use crate::proxy::stream::Stream;

/// One connection to a PostgreSQL server, logged in.
#[derive(Debug)]
pub struct Backend {
    /// The connection
    pub stream: Stream,
    /// Where we stand among its frames
    pub walk: Walk,
    /// Received before its turn
    pub unheard: Unheard,
    /// Who a cancel request must name
    pub cancellable: Arc<Cancellable>,
    /// What has been set on it since login
    pub settings: Arc<Map>,
    /// What is set on it is not known: reset before the next statement
    pub is_tainted: bool,
    /// Functions and blocks of the client that has it may have set what we did not see. It stays as long as the server does
    pub has_unseen: bool,
    /// The proxy-wide statements it has
    pub prepared: Prepared,
    /// The proxy-wide number of the statement that its unnamed statement is
    pub unnamed: Option<u64>,
    /// The address that the server's name stood for; `None`: it has none, or is connected to by a Unix socket
    pub peer: Option<IpAddr>,
    /// When we logged in
    pub opened: Instant,
    /// When it is to be closed
    pub expires: Instant,
    /// Among the connections of its database and user
    pub place: Place,
}

/// The place of a connection among those that may be: left when it is dropped.
pub struct Place(Option<Box<dyn FnOnce() + Send + Sync>>);

impl Place {
    /// `leave` is called once.
    pub fn new(leave: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self(Some(Box::new(leave)))
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(place)")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(leave) = self.0.take() {
            leave();
        }
    }
}

/// Bytes of a server that were read together with what stood before them, and are for later. At most one read.
#[derive(Debug, Default)]
pub struct Unheard {
    bytes: Vec<u8>,
    at: usize,
}

impl Unheard {
    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Takes them out: `keep` puts back what is still for later.
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// What they are.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    /// The last `count` of these bytes are for later.
    pub fn keep(&mut self, bytes: &[u8], count: usize) {
        self.bytes = bytes[bytes.len() - count..].to_vec();
        self.at = 0;
    }

    /// The last `count` of its own bytes stay.
    pub fn shorten(mut self, count: usize) -> Self {
        self.at = self.bytes.len() - count;
        if count == 0 { Self::default() } else { self }
    }
}

impl Backend {
    /// Says goodbye as far as the socket takes it, so that the server does not log a lost connection.
    pub fn close(mut self) {
        let goodbye = [client::TERMINATE, 0, 0, 0, 4];
        let mut context = Context::from_waker(Waker::noop());
        if let std::task::Poll::Ready(Err(error)) = Pin::new(&mut self.stream).poll_write(&mut context, &goodbye) {
            tracing::debug!(%error, "a server had gone before we could say goodbye");
        }
    }
}

/// A connection whose owner is not to be forgotten: boxed, so that moving it between pool and session is cheap.
#[derive(Debug)]
pub struct Boxed(pub Box<Backend>);

impl Deref for Boxed {
    type Target = Backend;

    fn deref(&self) -> &Backend {
        &self.0
    }
}

impl DerefMut for Boxed {
    fn deref_mut(&mut self) -> &mut Backend {
        &mut self.0
    }
}
