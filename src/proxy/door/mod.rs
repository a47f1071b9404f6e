//! The front door: from an accepted connection to a guest who has proved who it is, or a cancel request.
//!
//! Ends before the client hears AuthenticationOk, so that it leaves in one send with the greeting, or with the reason why
//! there is none. Reads no more than once where one read is enough; waits for nothing but the client, within the caller's timeout.

pub mod listener;
mod closing;
pub mod tls;
pub mod turned;
mod inbox;
mod arrival;
mod login;

pub use listener::{Listener, Peer};
pub use tls::{Tls, TlsDemand, TlsFault, TlsSettings};
pub use turned::Turned;

use crate::logic::auth::Fatal;
use crate::logic::auth::opening::Opening;
use crate::logic::auth::verifier::Impostor;
use crate::logic::topology::{Secret, Topology, User};
use crate::proxy::stream::Stream;
use arc_swap::{ArcSwap, ArcSwapOption};
use arrival::Arrival;
use bytes::BytesMut;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

/// What the door knows: who may come in, and the certificate.
#[derive(Debug)]
pub struct Door {
    topology: Arc<ArcSwap<Topology>>,
    tls: ArcSwapOption<Tls>,
    impostor: Impostor,
    lookup: OnceLock<Arc<dyn Lookup>>,
}

/// Knows more of users than the settings that are in force.
pub trait Lookup: Send + Sync + std::fmt::Debug {
    /// What a server keeps of this user's password; `None`: it may not log in. An error says why nobody could be asked.
    fn stored(&self, database: &str, user: &str) -> Stored;

    /// A password was wrong: it may have been changed since the settings were read.
    fn doubt(&self);
}

/// See `Lookup`.
pub type Stored = Pin<Box<dyn Future<Output = Result<Option<Secret>, String>> + Send>>;

impl Door {
    /// `tls` is `None` where TLS is off. `iterations` is what the users' verifiers have, so that unknown users look alike
    /// (`verifier::ITERATIONS` where nothing else is set).
    pub fn new(topology: Arc<ArcSwap<Topology>>, tls: Option<Tls>, iterations: u32) -> Self {
        Self {
            topology,
            tls: ArcSwapOption::from_pointee(tls),
            impostor: Impostor::new(&rand::random::<[u8; 32]>(), iterations),
            lookup: OnceLock::new(),
        }
    }

    /// Users are looked up there; once.
    pub fn set_lookup(&self, lookup: Arc<dyn Lookup>) {
        if self.lookup.set(lookup).is_err() {
            debug_assert!(false, "users are looked up in one way");
        }
    }

    /// Those who come from now on see this certificate and these rules.
    pub fn set_tls(&self, tls: Option<Tls>) {
        self.tls.store(tls.map(Arc::new));
    }
}

/// Why the connection was opened.
#[derive(Debug)]
pub enum Entered {
    /// To talk
    Session(Box<Guest>),
    /// To stop the statement of another connection
    Cancel {
        /// To be closed without an answer, once the request has been delivered: a client that waits for that may send its next
        /// statement then, which must not be hit
        stream: Stream,
        /// As given out in BackendKeyData
        pid: i32,
        /// 4 bytes in protocol 3.0, up to 256 in 3.2; the peer has proved nothing
        key: Box<[u8]>,
    },
}

/// A client who has proved who it is and has not been told yet.
#[derive(Debug)]
pub struct Guest {
    /// The connection
    pub stream: Stream,
    /// From where
    pub peer: Peer,
    /// Bytes that came after the login
    pub leftover: BytesMut,
    /// What it is owed before anything else, up to and with AuthenticationOk: append the greeting, or an error, and send
    pub unsent: BytesMut,
    /// Who
    pub user: Arc<User>,
    /// Where to: maybe nowhere (3D000)
    pub database: Box<str>,
    /// Settings asked for; a later one overrides an earlier one
    pub parameters: Vec<(Box<str>, Box<str>)>,
    /// 0 or 2
    pub protocol_minor: u16,
}

impl Guest {
    /// Sends what is owed and why it ends here, and closes.
    pub async fn turn_away(mut self, fatal: Fatal) -> Turned {
        fatal.encode(&mut self.unsent);
        turned::say_goodbye(&mut self.stream, &self.unsent).await;
        Turned::Refused { user: Some(self.user.name.clone()), fatal, why: "" }
    }
}

/// Hears who comes and lets in who may. A refused client has been told when this returns.
pub async fn enter(stream: Stream, peer: Peer, door: &Door) -> Result<Entered, Turned> {
    let mut arrival = Arrival::new(stream, peer, door);
    if arrival.begins_with_tls().await? {
        arrival = arrival.secure_at_once().await?;
    }
    loop {
        match arrival.next().await {
            Ok(Opening::Ssl) => arrival = arrival.answer_ssl().await?,
            Ok(Opening::Gss) => arrival.decline_gss().await?,
            Ok(Opening::Cancel { pid, key }) => return Ok(Entered::Cancel { stream: arrival.stream, pid, key }),
            Ok(Opening::Startup(startup)) => {
                return login::admit(arrival, startup).await.map(|guest| Entered::Session(Box::new(guest)));
            }
            Err(turned) => return Err(arrival.turn_away(turned).await),
        }
    }
}
