//! Start-up and password exchange with a server, up to its first ReadyForQuery.
//!
//! ```text
//! StartupMessage → [ password asked → answer ]* → AuthenticationOk → settings, key → ReadyForQuery
//! ```

use super::fault::ConnectFault;
use super::{Connected, Credentials};
use crate::logic::auth::prover::{Binding, Prover};
use crate::logic::auth::{ScramKeys, certificate};
use crate::logic::topology::Secret;
use crate::proxy::stream::Stream;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256};
use postgres_protocol::message::backend::{AuthenticationSaslBody, ErrorResponseBody, Header, Message};
use postgres_protocol::message::frontend;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_postgres::fallible_iterator::FallibleIterator;

/// No message of a login is longer; a length beyond it is not PostgreSQL speaking.
const MESSAGE_MAX: i32 = 64 * 1024;

/// The exchange as it goes on.
struct Login<'a> {
    stream: Stream,
    inbox: BytesMut,
    outbox: BytesMut,
    credentials: &'a Credentials<'a>,
    proof: Proof,
}

/// How far the server has been asked to prove itself.
enum Proof {
    NotAsked,
    Scram(Box<ScramSha256>),
    /// With what a client has shown instead of its password
    Keys(Box<Prover>),
    Given,
}

/// Logs in on a fresh connection.
pub(super) async fn log_in(
    stream: Stream,
    database: &str,
    credentials: &Credentials<'_>,
) -> Result<Connected, ConnectFault> {
    let mut outbox = BytesMut::with_capacity(256);
    let names = [("user", credentials.user), ("database", database)];
    frontend::startup_message(names.into_iter().chain(credentials.parameters.iter().copied()), &mut outbox)?;
    let inbox = BytesMut::with_capacity(1024);
    let mut login = Login { stream, inbox, outbox, credentials, proof: Proof::NotAsked };
    login.send().await?;
    login.authenticate().await?;
    login.settle().await
}

#[allow(clippy::wildcard_enum_match_arm, reason = "what does not belong to a login is refused, whatever it is")]
impl Login<'_> {
    async fn authenticate(&mut self) -> Result<(), ConnectFault> {
        loop {
            match self.receive().await? {
                Message::AuthenticationOk => return self.check_proof(),
                Message::AuthenticationCleartextPassword => self.say_password()?,
                Message::AuthenticationMd5Password(body) => {
                    let answer =
                        md5_hash(self.credentials.user.as_bytes(), self.password()?.expose().as_bytes(), body.salt());
                    frontend::password_message(answer.as_bytes(), &mut self.outbox)?;
                }
                Message::AuthenticationSasl(body) => self.begin_scram(&body)?,
                Message::AuthenticationSaslContinue(body) => self.continue_scram(body.data())?,
                Message::AuthenticationSaslFinal(body) => self.finish_scram(body.data())?,
                Message::ErrorResponse(body) => return Err(refused(&body)),
                Message::NoticeResponse(_) => (),
                _ => return Err(unexpected("an authentication method that is not supported (GSSAPI, SSPI, Kerberos)")),
            }
            self.send().await?;
        }
    }

    fn password(&self) -> Result<&Secret, ConnectFault> {
        let missing = || format!("the server asks for the password of \"{}\", and none is set", self.credentials.user);
        let secret = self.credentials.password.ok_or_else(|| ConnectFault::Authentication(missing()))?;
        if secret.keys().is_some() {
            let why = "the server asks for a password, and of this user only what SCRAM has shown is known".to_owned();
            return Err(ConnectFault::Authentication(why));
        }
        Ok(secret)
    }

    fn say_password(&mut self) -> Result<(), ConnectFault> {
        match &self.stream {
            Stream::Tcp(_) => Err(ConnectFault::Authentication(
                "the server asks for the password in clear on a connection without TLS".to_owned(),
            )),
            Stream::Tls(_) | Stream::Unix(_) => {
                let password = self.password()?.expose().as_bytes().to_vec();
                Ok(frontend::password_message(&password, &mut self.outbox)?)
            }
        }
    }

    fn begin_scram(&mut self, body: &AuthenticationSaslBody) -> Result<(), ConnectFault> {
        let offered: Vec<String> = body.mechanisms().map(|name| Ok(name.to_owned())).collect()?;
        let offers = |name: &str| offered.iter().any(|offer| offer == name);
        let end_point =
            self.stream.peer_certificates().and_then(|chain| chain.first()).and_then(|own| certificate::end_point(own));
        if let Some(keys) = self.credentials.password.and_then(Secret::keys) {
            return self.begin_with_keys(keys, end_point, offers);
        }
        let (mechanism, binding) = match end_point {
            Some(hash) if offers(SCRAM_SHA_256_PLUS) => {
                (SCRAM_SHA_256_PLUS, ChannelBinding::tls_server_end_point(hash))
            }
            // We could have: a server that did offer it learns that somebody took it off the list.
            Some(_) if offers(SCRAM_SHA_256) => (SCRAM_SHA_256, ChannelBinding::unrequested()),
            None if offers(SCRAM_SHA_256) => (SCRAM_SHA_256, ChannelBinding::unsupported()),
            Some(_) | None => return Err(unexpected(&format!("none of the mechanisms {offered:?} is supported"))),
        };
        let scram = ScramSha256::new(self.password()?.expose().as_bytes(), binding);
        frontend::sasl_initial_response(mechanism, scram.message(), &mut self.outbox)?;
        self.proof = Proof::Scram(Box::new(scram));
        Ok(())
    }

    /// The same choice where no password is known.
    fn begin_with_keys(
        &mut self,
        keys: ScramKeys,
        end_point: Option<Vec<u8>>,
        offers: impl Fn(&str) -> bool,
    ) -> Result<(), ConnectFault> {
        let (mechanism, binding) = match end_point {
            Some(hash) if offers(SCRAM_SHA_256_PLUS) => (SCRAM_SHA_256_PLUS, Binding::EndPoint(hash)),
            Some(_) if offers(SCRAM_SHA_256) => (SCRAM_SHA_256, Binding::NotOffered),
            None if offers(SCRAM_SHA_256) => (SCRAM_SHA_256, Binding::Unsupported),
            Some(_) | None => return Err(unexpected("no mechanism that is supported")),
        };
        let nonce = STANDARD.encode(rand::random::<[u8; 18]>());
        let prover = Prover::new(keys, binding, nonce);
        frontend::sasl_initial_response(mechanism, prover.first().as_bytes(), &mut self.outbox)?;
        self.proof = Proof::Keys(Box::new(prover));
        Ok(())
    }

    fn continue_scram(&mut self, data: &[u8]) -> Result<(), ConnectFault> {
        match &mut self.proof {
            Proof::Scram(scram) => {
                scram.update(data).map_err(|error| unexpected(&error.to_string()))?;
                Ok(frontend::sasl_response(scram.message(), &mut self.outbox)?)
            }
            Proof::Keys(prover) => {
                let answer = prover.answer(data).map_err(unexpected)?;
                Ok(frontend::sasl_response(answer.as_bytes(), &mut self.outbox)?)
            }
            Proof::NotAsked | Proof::Given => Err(unexpected("SASLContinue out of turn")),
        }
    }

    fn finish_scram(&mut self, data: &[u8]) -> Result<(), ConnectFault> {
        match &mut self.proof {
            Proof::Scram(scram) => {
                scram.finish(data).map_err(|error| ConnectFault::Authentication(error.to_string()))?;
                self.proof = Proof::Given;
                Ok(())
            }
            Proof::Keys(prover) => {
                prover.check(data).map_err(|why| ConnectFault::Authentication(why.to_owned()))?;
                self.proof = Proof::Given;
                Ok(())
            }
            Proof::NotAsked | Proof::Given => Err(unexpected("SASLFinal out of turn")),
        }
    }

    /// A server that began SCRAM must have shown that it knows the password too.
    fn check_proof(&self) -> Result<(), ConnectFault> {
        match self.proof {
            Proof::NotAsked | Proof::Given => Ok(()),
            Proof::Scram(_) | Proof::Keys(_) => {
                Err(ConnectFault::Authentication("the server did not prove that it knows the password".to_owned()))
            }
        }
    }

    async fn settle(mut self) -> Result<Connected, ConnectFault> {
        let mut parameters = Vec::with_capacity(16);
        let mut key = (0, Vec::new());
        loop {
            match self.receive().await? {
                Message::ParameterStatus(body) => parameters.push((body.name()?.into(), body.value()?.into())),
                Message::BackendKeyData(body) => key = (body.process_id(), body.secret_key().to_be_bytes().to_vec()),
                Message::NoticeResponse(_) => (),
                Message::ErrorResponse(body) => return Err(refused(&body)),
                Message::ReadyForQuery(_) if self.inbox.is_empty() => break,
                Message::ReadyForQuery(_) => return Err(unexpected("more after ReadyForQuery")),
                _ => return Err(unexpected("a message that does not belong to a login")),
            }
        }
        let tls = self.stream.is_secure();
        Ok(Connected { stream: self.stream, pid: key.0, secret_key: key.1, parameters, tls })
    }

    async fn send(&mut self) -> io::Result<()> {
        if self.outbox.is_empty() {
            return Ok(());
        }
        self.stream.write_all(&self.outbox).await?;
        self.outbox.clear();
        self.stream.flush().await
    }

    async fn receive(&mut self) -> Result<Message, ConnectFault> {
        loop {
            let header = Header::parse(&self.inbox).map_err(|error| unexpected(&error.to_string()))?;
            if header.is_some_and(|header| header.len() > MESSAGE_MAX) {
                return Err(unexpected("a message longer than any of a login"));
            }
            let message = Message::parse(&mut self.inbox).map_err(|error| unexpected(&error.to_string()))?;
            if let Some(message) = message {
                return Ok(message);
            }
            if self.stream.read_buf(&mut self.inbox).await? == 0 {
                let closed = "the server closed the connection during login";
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, closed).into());
            }
        }
    }
}

fn unexpected(what: &str) -> ConnectFault {
    ConnectFault::Protocol(what.to_owned())
}

/// The server's own words. A server that sends no code still refuses (CVE-2026-6666).
fn refused(body: &ErrorResponseBody) -> ConnectFault {
    let mut severity = String::from("FATAL");
    let mut sqlstate = String::from("08006");
    let mut message = String::from("no reason given");
    let mut fields = body.fields();
    while let Ok(Some(field)) = fields.next() {
        let value = || String::from_utf8_lossy(field.value_bytes()).into_owned();
        match field.type_() {
            b'V' => severity = value(),
            b'C' => sqlstate = value(),
            b'M' => message = value(),
            _ => (),
        }
    }
    ConnectFault::Refused { severity: severity.into(), sqlstate: sqlstate.into(), message: message.into() }
}
