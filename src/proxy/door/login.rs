//! Who is it? The client proves it by password or certificate, or need not.
//!
//! A stranger cannot tell an unknown user from one with another password, or one whose certificate it does not have:
//! all of them go through the same exchange, with the same work done, to the same end.

use super::arrival::Arrival;
use super::{Guest, Peer, Turned};
use crate::logic::auth::fatal::{INVALID_AUTHORIZATION, INVALID_PASSWORD};
use crate::logic::auth::opening::Startup;
use crate::logic::auth::rules::{self, Method, Visitor};
use crate::logic::auth::scram::{Exchange, Step};
use crate::logic::auth::verifier::{ITERATIONS, SALT_LEN};
use crate::logic::auth::{Fatal, ScramKeys, Verifier, certificate, verifier_from_password};
use crate::logic::topology::{Login, Secret, User};
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
    let method = method(arrival, &startup)?;
    let known = find(arrival, &startup).await?;
    let user = match demand(arrival, &startup.user, known, method) {
        Demand::Nothing(user) => user,
        Demand::Password { user, verifier, why } => {
            let auth = arrival.tls.as_ref().map_or_else(ScramServerAuth::new, |tls| tls.binding());
            let exchange = Exchange::new(&startup.user, verifier, auth);
            match (ask(arrival, exchange, &mut unsent, why).await, user) {
                (Ok(keys), Some(user)) => with_keys(user, keys),
                (Ok(_), None) => return Err(refused(Fatal::password(&startup.user), why)),
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

/// What the rules ask of it.
fn method(arrival: &Arrival<'_>, startup: &Startup) -> Result<Method, Turned> {
    let address = match arrival.peer {
        Peer::Tcp(address) => Some(address.ip()),
        Peer::Unix => None,
    };
    let is_secure = arrival.stream.is_secure();
    let visitor = Visitor { database: &startup.database, user: &startup.user, address, is_secure };
    match rules::method(&arrival.door.topology.load().auth.rules, &visitor) {
        Method::Reject => {
            let host = address.map_or_else(|| "[local]".to_owned(), |address| address.to_string());
            let encryption = if is_secure { "SSL encryption" } else { "no encryption" };
            let (user, database) = (&startup.user, &startup.database);
            let message = format!(
                "no rule of [auth] lets in host \"{host}\", user \"{user}\", database \"{database}\", {encryption}"
            );
            Err(Fatal::new(INVALID_AUTHORIZATION, message).into())
        }
        method @ (Method::OfUser | Method::Scram | Method::Certificate | Method::Trust) => Ok(method),
    }
}

/// The user of this name: one of the settings, or one that a server knows.
async fn find(arrival: &Arrival<'_>, startup: &Startup) -> Result<Option<Arc<User>>, Turned> {
    let topology = arrival.door.topology.load_full();
    if let Some(user) = topology.users.get(&startup.user) {
        return Ok(Some(Arc::clone(user)));
    }
    let (Some(query), Some(lookup)) = (&topology.auth.query, arrival.door.lookup.get()) else { return Ok(None) };
    let database = query.database.as_ref().unwrap_or(&startup.database);
    match lookup.stored(database, &startup.user).await {
        Ok(stored) => Ok(stored.and_then(|stored| looked_up(&startup.user, stored))),
        Err(why) => {
            tracing::warn!(user = %startup.user, %database, %why, "a user cannot be looked up");
            Err(Fatal::new("57P03", "it cannot be found out now who may log in").into())
        }
    }
}

/// A user as a server keeps it. An MD5 hash is of no use here.
fn looked_up(name: &str, stored: Secret) -> Option<Arc<User>> {
    let text = stored.expose();
    let (login, server_password) = match text {
        _ if text.starts_with("SCRAM-SHA-256$") => (Login::Verifier(stored), None),
        _ if text.is_empty() || (text.starts_with("md5") && text.len() == 35) => return None,
        _ => {
            let verifier = verifier_from_password(text, &rand::random::<[u8; SALT_LEN]>(), ITERATIONS);
            (Login::Verifier(Secret::new(verifier)), Some(stored))
        }
    };
    Some(Arc::new(User {
        name: name.into(),
        login,
        server_user: None,
        server_password,
        crowd: Default::default(),
        connections_max: None,
    }))
}

/// A user whose password is not known logs in to servers with what its client has shown.
fn with_keys(user: Arc<User>, keys: Option<ScramKeys>) -> Arc<User> {
    match keys {
        Some(keys) if user.server_password.is_none() && user.server_user.is_none() => {
            Arc::new(User { server_password: Some(Secret::of_keys(&keys)), ..User::clone(&user) })
        }
        Some(_) | None => user,
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

fn demand(arrival: &Arrival<'_>, name: &str, user: Option<Arc<User>>, method: Method) -> Demand {
    // Made for everyone, so that it takes the same time for everyone.
    let nobody = arrival.door.impostor.verifier(name);
    let in_vain = |why| Demand::Password { user: None, verifier: nobody, why };
    let Some(user) = user else { return in_vain("no such user") };
    let method = match (method, &user.login) {
        (Method::OfUser, Login::Trust) => Method::Trust,
        (Method::OfUser, Login::Verifier(_)) => Method::Scram,
        (Method::OfUser, Login::Certificate) => Method::Certificate,
        (Method::Scram | Method::Certificate | Method::Trust | Method::Reject, _) => method,
    };
    match (method, &user.login) {
        (Method::Trust, _) => Demand::Nothing(user),
        (Method::Scram, Login::Verifier(stored)) => match Verifier::parse(stored.expose()) {
            Some(verifier) => Demand::Password { user: Some(user), verifier, why: "wrong password" },
            None => in_vain("the stored verifier cannot be read"),
        },
        (Method::Scram, Login::Trust | Login::Certificate) => in_vain("no password of this user is known"),
        (Method::Certificate, _) if names(arrival, name) => Demand::Nothing(user),
        (Method::Certificate, _) => in_vain("no certificate with this common name"),
        (Method::OfUser | Method::Reject, _) => in_vain("the rules keep it out"),
    }
}

/// Its certificate names the user, or something that may be the user.
fn names(arrival: &Arrival<'_>, name: &str) -> bool {
    let own = arrival.stream.peer_certificates().and_then(|chain| chain.first());
    let Some(common) = own.and_then(|certificate| certificate::common_name(certificate)) else { return false };
    let auth = Arc::clone(&arrival.door.topology.load().auth);
    common == name || auth.certificate_names.iter().any(|(it, user)| **it == *common && **user == *name)
}

/// Goes through the exchange; its last message stays in `unsent`.
async fn ask(
    arrival: &mut Arrival<'_>,
    mut exchange: Exchange,
    unsent: &mut BytesMut,
    why: &'static str,
) -> Result<Option<ScramKeys>, Turned> {
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
                return Ok(exchange.keys().cloned());
            }
            Step::Reject(fatal) if fatal.sqlstate == INVALID_PASSWORD => {
                // It may have been changed since it was read.
                if let Some(lookup) = arrival.door.lookup.get() {
                    lookup.doubt();
                }
                return Err(refused(fatal, why));
            }
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
