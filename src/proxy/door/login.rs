//! Who is it? The client proves it by password or certificate, or need not.
//!
//! A stranger cannot tell an unknown user from one with another password, or one whose certificate it does not have:
//! all of them go through the same exchange, with the same work done, to the same end.

use super::arrival::Arrival;
use super::{Door, Guest, Turned};
use crate::logic::auth::fatal::{INVALID_AUTHORIZATION, INVALID_PASSWORD};
use crate::logic::auth::opening::Startup;
use crate::logic::auth::scram::{Exchange, Step};
use crate::logic::auth::{Fatal, Verifier, certificate};
use crate::logic::topology::{Login, User};
use crate::proxy::stream::Stream;
use bytes::BytesMut;
use pgwire::api::auth::sasl::scram::ScramServerAuth;
use pgwire::messages::Message;
use pgwire::messages::startup::Authentication;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;

/// What is still to be proved.
enum Demand {
    Nothing(Arc<User>),
    /// `user` is `None` for those who cannot win: `why` is for the log
    Password {
        user: Option<Arc<User>>,
        verifier: Verifier,
        why: &'static str,
    },
}

/// Lets the client in, or tells it that it may not.
pub(super) async fn admit(mut arrival: Arrival<'_>, startup: Startup) -> Result<Guest, Turned> {
    let name = startup.user.clone();
    match log_in(&mut arrival, startup).await {
        Ok(Admitted { user, database, parameters, protocol_minor, unsent }) => {
            let (stream, peer, leftover) = arrival.into_parts();
            Ok(Guest { stream, peer, leftover, unsent, user, database, parameters, protocol_minor })
        }
        Err(Turned::Refused { user: None, fatal, why }) => {
            Err(arrival.turn_away(Turned::Refused { user: Some(name), fatal, why }).await)
        }
        Err(turned) => Err(arrival.turn_away(turned).await),
    }
}

/// What login found out.
struct Admitted {
    user: Arc<User>,
    database: Box<str>,
    parameters: Vec<(Box<str>, Box<str>)>,
    protocol_minor: u16,
    unsent: BytesMut,
}

async fn log_in(arrival: &mut Arrival<'_>, startup: Startup) -> Result<Admitted, Turned> {
    refuse_in_clear(arrival)?;
    let mut unsent = BytesMut::with_capacity(512);
    if let Some(negotiation) = startup.negotiation() {
        negotiation.encode(&mut unsent).expect("no longer than the start-up packet that it answers");
    }
    let user = match demand(arrival, &startup.user) {
        Demand::Nothing(user) => user,
        Demand::Password { user, verifier, why } => {
            let auth = arrival.tls.as_ref().map_or_else(ScramServerAuth::new, |tls| tls.binding());
            let exchange = Exchange::new(&startup.user, verifier, auth);
            match (ask(arrival, exchange, &mut unsent, why).await, user) {
                (Ok(()), Some(user)) => user,
                (Ok(()), None) => return Err(refused(Fatal::password(&startup.user), why)),
                (Err(turned), _) => return Err(turned),
            }
        }
    };
    encode(&Authentication::Ok, &mut unsent);
    let (database, protocol_minor) = (startup.database.clone(), startup.protocol_minor);
    match startup.into_parameters() {
        Ok(parameters) => Ok(Admitted { user, database, parameters, protocol_minor, unsent }),
        Err(fatal) => {
            // It is in, and hears so, before it hears what is wrong with its options.
            arrival.stream.write_all(&unsent).await?;
            Err(fatal.into())
        }
    }
}

/// Where TLS is required it is required before anyone says a password. A Unix socket needs none.
fn refuse_in_clear(arrival: &Arrival<'_>) -> Result<(), Fatal> {
    let required = || arrival.door.tls.load().as_ref().is_some_and(|tls| tls.is_required());
    match &arrival.stream {
        Stream::Tcp(_) if required() => Err(Fatal::new(INVALID_AUTHORIZATION, "connection requires SSL encryption")
            .hint("Connect with sslmode=require or stricter.")),
        Stream::Tcp(_) | Stream::Unix(_) | Stream::Tls(_) => Ok(()),
    }
}

fn demand(arrival: &Arrival<'_>, name: &str) -> Demand {
    let Door { topology, impostor, .. } = arrival.door;
    let user = topology.load().users.get(name).cloned();
    let wants = user.as_ref().map(|user| &user.login);
    if let (Some(Login::Trust), Some(user)) = (wants, &user) {
        return Demand::Nothing(user.clone());
    }
    // Made for everyone, so that it takes the same time for everyone.
    let nobody = impostor.verifier(name);
    match (wants, &user) {
        (Some(Login::Verifier(stored)), Some(_)) => match Verifier::parse(stored.expose()) {
            Some(verifier) => Demand::Password { user, verifier, why: "wrong password" },
            None => Demand::Password { user: None, verifier: nobody, why: "the stored verifier cannot be read" },
        },
        (Some(Login::Certificate), Some(user)) if names(&arrival.stream, name) => Demand::Nothing(user.clone()),
        (Some(Login::Certificate), _) => {
            Demand::Password { user: None, verifier: nobody, why: "no certificate with this common name" }
        }
        (Some(Login::Trust | Login::Verifier(_)) | None, _) => {
            Demand::Password { user: None, verifier: nobody, why: "no such user" }
        }
    }
}

fn names(stream: &Stream, name: &str) -> bool {
    let own = stream.peer_certificates().and_then(|chain| chain.first());
    own.and_then(|certificate| certificate::common_name(certificate)).is_some_and(|common| common == name)
}

/// Goes through the exchange; its last message stays in `unsent`.
async fn ask(
    arrival: &mut Arrival<'_>,
    mut exchange: Exchange,
    unsent: &mut BytesMut,
    why: &'static str,
) -> Result<(), Turned> {
    encode(&exchange.offer(), unsent);
    loop {
        arrival.stream.write_all(unsent).await?;
        arrival.stream.flush().await?;
        unsent.clear();
        let body = arrival.inbox.password(&mut arrival.stream).await?;
        match exchange.on(&body) {
            Step::Ask(message) => encode(&message, unsent),
            Step::Accept(message) => {
                encode(&message, unsent);
                return Ok(());
            }
            Step::Reject(fatal) if fatal.sqlstate == INVALID_PASSWORD => return Err(refused(fatal, why)),
            Step::Reject(fatal) => return Err(fatal.into()),
        }
    }
}

fn refused(fatal: Fatal, why: &'static str) -> Turned {
    Turned::Refused { user: None, fatal, why }
}

fn encode(message: &Authentication, out: &mut BytesMut) {
    message.encode(out).expect("its longest part is the nonce, and inbox keeps that under 1 KiB");
}
