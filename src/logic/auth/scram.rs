//! The server's side of SCRAM-SHA-256 and -PLUS, on pgwire's mechanism.
//!
//! pgwire checks nonce, binding and proof; around it stand the checks it leaves out (mechanism against flag, lengths)
//! and PostgreSQL's own words (auth-scram.c).
//!
//! ```text
//! Offered ─client-first→ Challenged ─client-final→ Over
//!        └─ anything wrong ─────────┴──────────────→ Over
//! ```

use super::fatal::{Fatal, INVALID_AUTHORIZATION};
use super::verifier::{ScramKeys, Verifier};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use pgwire::api::auth::sasl::scram::{ScramServerAuth, ScramServerAuthWaitingForClientFinal};
use pgwire::error::PgWireError;
use pgwire::messages::startup::Authentication;

/// Without channel binding.
pub const PLAIN: &str = "SCRAM-SHA-256";
/// With it.
pub const PLUS: &str = "SCRAM-SHA-256-PLUS";

/// One exchange.
pub struct Exchange {
    state: State,
    user: Box<str>,
    binds: bool,
    verifier: Verifier,
    /// What both sides sign, as far as it has been said
    signed: String,
    keys: Option<ScramKeys>,
}

enum State {
    Offered(ScramServerAuth),
    Challenged(Box<ScramServerAuthWaitingForClientFinal>),
    Over,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this and wait for the next message
    Ask(Authentication),
    /// It is the user; send this
    Accept(Authentication),
    /// It is not, or the message was malformed
    Reject(Fatal),
}

impl Exchange {
    /// `auth` holds the certificate when the connection is one that can be bound to it. What to send first is `Exchange::offer`.
    pub fn new(user: &str, verifier: Verifier, auth: ScramServerAuth) -> Self {
        let binds = auth.supports_channel_binding();
        let state = State::Offered(auth);
        Self { state, user: user.into(), binds, verifier, signed: String::new(), keys: None }
    }

    /// What the client has shown, once it is accepted.
    pub fn keys(&self) -> Option<&ScramKeys> {
        self.keys.as_ref()
    }

    /// The mechanisms on offer, best first.
    pub fn offer(&self) -> Authentication {
        let names: &[&str] = if self.binds { &[PLUS, PLAIN] } else { &[PLAIN] };
        Authentication::SASL(names.iter().map(|name| (*name).to_owned()).collect())
    }

    /// Takes the body of the client's next `p` message.
    pub fn on(&mut self, body: &[u8]) -> Step {
        let step = match std::mem::replace(&mut self.state, State::Over) {
            State::Offered(auth) => self.first(body, &auth),
            State::Challenged(challenged) => self.last(body, &challenged),
            State::Over => Err(malformed()),
        };
        step.unwrap_or_else(Step::Reject)
    }

    fn first(&mut self, body: &[u8], auth: &ScramServerAuth) -> Result<Step, Fatal> {
        let (mechanism, message) = initial_response(body)?;
        let plus = match mechanism {
            PLUS if self.binds => true,
            PLAIN => false,
            _ => return Err(Fatal::protocol("client selected an invalid SASL authentication mechanism")),
        };
        self.check_flag(message, plus)?;
        let (answer, challenged) = auth
            .on_client_first_message_with_secret(message, self.verifier.clone().into_secret())
            .map_err(|error| self.fatal(error))?;
        // Behind the GS2 header, which has two commas (RFC 5802, section 7).
        let bare = message.splitn(3, |byte| *byte == b',').nth(2).unwrap_or_default();
        let answer = Bytes::from(answer);
        self.signed = format!("{},{}", String::from_utf8_lossy(bare), String::from_utf8_lossy(&answer));
        self.state = State::Challenged(Box::new(challenged));
        Ok(Step::Ask(Authentication::SASLContinue(answer)))
    }

    /// The flag must fit the mechanism (RFC 5802, section 6; `read_client_first_message`).
    fn check_flag(&self, message: &[u8], plus: bool) -> Result<(), Fatal> {
        match message.first() {
            Some(b'n' | b'y') if plus => Err(malformed().detail(
                "The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include channel binding data.",
            )),
            Some(b'y') if self.binds => {
                Err(Fatal::new(INVALID_AUTHORIZATION, "SCRAM channel binding negotiation error").detail(
                    "The client supports SCRAM channel binding but thinks the server does not.  \
                     However, this server does support channel binding.",
                ))
            }
            Some(b'n' | b'y') => Ok(()),
            Some(b'p') if plus => Ok(()),
            Some(b'p') => Err(malformed().detail(
                "The client selected SCRAM-SHA-256 without channel binding, \
                 but the SCRAM message includes channel binding data.",
            )),
            Some(_) | None => Err(malformed()),
        }
    }

    fn last(&mut self, body: &[u8], challenged: &ScramServerAuthWaitingForClientFinal) -> Result<Step, Fatal> {
        let answer = challenged.on_client_final_message(body).map_err(|error| self.fatal(error))?;
        let text = String::from_utf8_lossy(body);
        if let Some((without_proof, proof)) = text.rsplit_once(",p=")
            && let Ok(proof) = STANDARD.decode(proof)
        {
            let signed = format!("{},{without_proof}", self.signed);
            self.keys = Some(ScramKeys::of_proof(&self.verifier, &signed, &proof));
        }
        Ok(Step::Accept(Authentication::SASLFinal(Bytes::from(answer))))
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "every other error of pgwire's means the same here")]
    fn fatal(&self, error: PgWireError) -> Fatal {
        match error {
            PgWireError::InvalidPassword(_) => Fatal::password(&self.user),
            PgWireError::InvalidScramMessage(text) if text == "Channel binding mismatch" => {
                Fatal::new(INVALID_AUTHORIZATION, "SCRAM channel binding check failed")
            }
            PgWireError::InvalidScramMessage(text) if text.starts_with("Unsupported channel binding type") => {
                Fatal::protocol("unsupported SCRAM channel-binding type")
            }
            _ => malformed(),
        }
    }
}

fn malformed() -> Fatal {
    Fatal::protocol("malformed SCRAM message")
}

/// SASLInitialResponse: mechanism, length, message. pgwire's decoder panics on wrong lengths.
fn initial_response(body: &[u8]) -> Result<(&str, &[u8]), Fatal> {
    let nul = body.iter().position(|byte| *byte == 0).ok_or_else(malformed)?;
    let (mechanism, rest) = body.split_at(nul);
    let (length, message) = rest[1..].split_first_chunk::<4>().ok_or_else(malformed)?;
    let whole = usize::try_from(i32::from_be_bytes(*length)).is_ok_and(|length| length == message.len());
    match std::str::from_utf8(mechanism) {
        Ok(mechanism) if whole => Ok((mechanism, message)),
        Ok(_) | Err(_) => Err(malformed()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::wildcard_enum_match_arm, reason = "whatever else it is, it is wrong")]

    use super::*;
    use crate::logic::auth::verifier_from_password;
    use postgres_protocol::authentication::sasl::{ChannelBinding, ScramSha256};

    fn exchange() -> Exchange {
        let verifier = Verifier::parse(&verifier_from_password("secret", b"0123456789abcdef", 16)).unwrap();
        Exchange::new("app", verifier, ScramServerAuth::new())
    }

    fn initial(mechanism: &str, message: &[u8]) -> Vec<u8> {
        [mechanism.as_bytes(), &[0], &(message.len() as i32).to_be_bytes(), message].concat()
    }

    fn login(password: &str) -> (Step, ScramSha256, Option<ScramKeys>) {
        let mut exchange = exchange();
        let mut client = ScramSha256::new(password.as_bytes(), ChannelBinding::unsupported());
        match exchange.on(&initial(PLAIN, client.message())) {
            Step::Ask(Authentication::SASLContinue(answer)) => client.update(&answer).unwrap(),
            other => panic!("{other:?}"),
        }
        let step = exchange.on(client.message());
        (step, client, exchange.keys().cloned())
    }

    #[test]
    fn the_right_password_is_accepted_and_the_server_proves_itself() {
        match login("secret") {
            (Step::Accept(Authentication::SASLFinal(answer)), mut client, _) => client.finish(&answer).unwrap(),
            (other, _, _) => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_a_login_shows_is_enough_to_log_in_where_the_same_verifier_is_kept() {
        use super::super::prover::{Binding, Prover};
        let verifier = Verifier::parse(&verifier_from_password("secret", b"0123456789abcdef", 16)).unwrap();
        let (Step::Accept(_), _, keys) = login("secret") else { panic!("the password is right") };
        let mut prover = Prover::new(keys.unwrap(), Binding::Unsupported, "fyko+d2lbbFgONRv9qkxdawL".to_owned());
        let mut elsewhere = Exchange::new("app", verifier, ScramServerAuth::new());
        let Step::Ask(Authentication::SASLContinue(challenge)) =
            elsewhere.on(&initial(PLAIN, prover.first().as_bytes()))
        else {
            panic!("it asks")
        };
        let answer = prover.answer(&challenge).unwrap();
        match elsewhere.on(answer.as_bytes()) {
            Step::Accept(Authentication::SASLFinal(end)) => {
                prover.check(&end).unwrap();
                assert!(prover.check(b"v=AAAA").is_err());
            }
            other => panic!("{other:?}"),
        }
        let other = Verifier::parse(&verifier_from_password("secret", b"another salt....", 16)).unwrap();
        let mut elsewhere = Exchange::new("app", other, ScramServerAuth::new());
        let Step::Ask(Authentication::SASLContinue(challenge)) =
            elsewhere.on(&initial(PLAIN, prover.first().as_bytes()))
        else {
            panic!("it asks")
        };
        let answer = prover.answer(&challenge).unwrap();
        assert!(matches!(elsewhere.on(answer.as_bytes()), Step::Reject(_)), "another salt is another password");
        assert!(prover.answer(b"r=somebody else's,s=AAAA,i=1").is_err());
        assert!(prover.answer(b"\xff").is_err());
    }

    #[test]
    fn a_wrong_password_is_rejected() {
        assert_eq!(login("secre").0, Step::Reject(Fatal::password("app")));
    }

    #[test]
    fn malformed_first_messages_are_rejected() {
        for body in [
            &b""[..],
            b"SCRAM-SHA-256",
            b"SCRAM-SHA-256\0",
            b"SCRAM-SHA-256\0\0\0",
            b"SCRAM-SHA-256\0\xff\xff\xff\xff",
            b"SCRAM-SHA-256\0\x7f\xff\xff\xffn,,n=,r=a",
            b"SCRAM-SHA-256\0\0\0\0\x02n,,n=,r=a",
            &initial("SCRAM-SHA-1", b"n,,n=,r=a"),
            &initial(PLUS, b"p=tls-server-end-point,,n=,r=a"),
            &initial(PLAIN, b"p=tls-server-end-point,,n=,r=a"),
            &initial(PLAIN, b""),
            &initial(PLAIN, b"n"),
            &initial(PLAIN, b"n,,"),
            &initial(PLAIN, b"n,a=x,n=,r=a"),
            &initial(PLAIN, b"n,,m=x,n=,r=a"),
            &initial(PLAIN, b"n,,n=,r=\xff"),
        ] {
            match exchange().on(body) {
                Step::Reject(fatal) => assert_eq!(fatal.sqlstate, "08P01", "{body:?}"),
                other => panic!("{body:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn malformed_last_messages_are_rejected() {
        for body in
            [&b""[..], b"c=biws", b"c=biws,r=a,p=", b"c=biws,r=a,p=AAAA", b"c=eSws,r=a,p=AAAA", b"\xff,p=", b",p="]
        {
            let mut exchange = exchange();
            assert!(matches!(exchange.on(&initial(PLAIN, b"n,,n=,r=a")), Step::Ask(_)));
            assert!(matches!(exchange.on(body), Step::Reject(_)), "{body:?}");
            assert!(matches!(exchange.on(body), Step::Reject(_)), "an exchange that is over stays over");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(first: Vec<u8>, message: Vec<u8>, last: Vec<u8>) {
            drop(exchange().on(&first));
            let mut exchange = exchange();
            drop(exchange.on(&initial(PLAIN, &[b"n,,n=,r=", &message[..]].concat())));
            drop(exchange.on(&last));
        }
    }
}
