//! What a server keeps of a password: `SCRAM-SHA-256$4096:salt$stored:server`, as in PostgreSQL's `pg_authid`.
//!
//! Holds no password: a login costs two HMACs, never the 4096 rounds.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pgwire::api::auth::sasl::scram::{ScramSecret, gen_salted_password};
use ring::hmac;

/// PostgreSQL's `scram_iterations`.
pub const ITERATIONS: u32 = 4096;
/// PostgreSQL's SCRAM_DEFAULT_SALT_LEN.
pub const SALT_LEN: usize = 16;

const KEY_LEN: usize = 32;

/// A stored verifier, taken apart. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    salt: Vec<u8>,
    iterations: u32,
    stored_key: Vec<u8>,
    server_key: Vec<u8>,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(verifier)")
    }
}

/// What a client has shown by logging in, and what the verifier says of the server: enough to log in elsewhere as that
/// client, where the same verifier is kept. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramKeys {
    /// The client's
    pub client_key: Vec<u8>,
    /// The server's
    pub server_key: Vec<u8>,
}

impl std::fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(keys)")
    }
}

impl ScramKeys {
    /// The keys behind the proof in a client's last message, which has been found right. `signed` is what it signs.
    pub(super) fn of_proof(verifier: &Verifier, signed: &str, proof: &[u8]) -> Self {
        let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &verifier.stored_key), signed.as_bytes());
        let client_key = proof.iter().zip(signature.as_ref()).map(|(proof, it)| proof ^ it).collect();
        Self { client_key, server_key: verifier.server_key.clone() }
    }

    /// As text, to be kept.
    pub fn to_text(&self) -> String {
        format!("{}:{}", STANDARD.encode(&self.client_key), STANDARD.encode(&self.server_key))
    }

    /// What `to_text` has made.
    pub fn from_text(text: &str) -> Option<Self> {
        let (client_key, server_key) = text.split_once(':')?;
        Some(Self { client_key: STANDARD.decode(client_key).ok()?, server_key: STANDARD.decode(server_key).ok()? })
    }
}

/// The verifier of a password, in its stored form. Costs `iterations` HMACs: for loading a configuration, not for a login.
pub fn verifier_from_password(password: &str, salt: &[u8], iterations: u32) -> String {
    let iterations = iterations.max(1);
    let salted = gen_salted_password(password, salt, iterations as usize);
    let secret = ScramSecret::verifier_from_salted_password(salt.to_vec(), salted, iterations as usize);
    let (stored, server) = match &secret {
        ScramSecret::Verifier { stored_key, server_key, .. } => (stored_key.as_slice(), server_key.as_slice()),
        ScramSecret::SaltedPassword { .. } => (&[][..], &[][..]),
    };
    let text = |bytes: &[u8]| STANDARD.encode(bytes);
    format!("SCRAM-SHA-256${iterations}:{}${}:{}", text(salt), text(stored), text(server))
}

impl Verifier {
    /// Reads the stored form; `None` when it is not one.
    pub fn parse(stored: &str) -> Option<Self> {
        let (head, keys) = stored.strip_prefix("SCRAM-SHA-256$")?.split_once('$')?;
        let (iterations, salt) = head.split_once(':')?;
        let (stored_key, server_key) = keys.split_once(':')?;
        let key = |text| STANDARD.decode(text).ok().filter(|key| key.len() == KEY_LEN);
        Some(Self {
            salt: STANDARD.decode(salt).ok().filter(|salt| !salt.is_empty())?,
            iterations: iterations.parse().ok().filter(|count| *count > 0)?,
            stored_key: key(stored_key)?,
            server_key: key(server_key)?,
        })
    }

    pub(super) fn into_secret(self) -> ScramSecret {
        ScramSecret::Verifier {
            salt: self.salt,
            iterations: self.iterations as usize,
            stored_key: self.stored_key,
            server_key: self.server_key,
        }
    }
}

/// Makes verifiers for users who do not exist, so that they look like those who do: each name has its own salt, the
/// same at every attempt, and no password leads to its keys (`mock_scram_secret` in PostgreSQL's auth-scram.c).
pub struct Impostor {
    key: hmac::Key,
    iterations: u32,
}

impl std::fmt::Debug for Impostor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(impostor)")
    }
}

impl Impostor {
    /// `secret` is drawn anew by each process; `iterations` is what real verifiers here have.
    pub fn new(secret: &[u8; 32], iterations: u32) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, secret), iterations }
    }

    /// The verifier of nobody's password.
    pub fn verifier(&self, user: &str) -> Verifier {
        let derive = |purpose: &[u8]| {
            let mut context = hmac::Context::with_key(&self.key);
            context.update(purpose);
            context.update(user.as_bytes());
            context.sign().as_ref().to_vec()
        };
        let mut salt = derive(b"salt:");
        salt.truncate(SALT_LEN);
        Verifier { salt, iterations: self.iterations, stored_key: derive(b"stored:"), server_key: derive(b"server:") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_becomes_the_verifier_of_the_rfc_example() {
        // RFC 7677, section 3: user "user", password "pencil".
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let stored = verifier_from_password("pencil", &salt, 4096);
        assert_eq!(
            stored,
            "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:\
             wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
        );
        assert!(Verifier::parse(&stored).is_some());
    }

    #[test]
    fn what_is_no_verifier_is_not_taken_for_one() {
        let keys = "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
        assert!(Verifier::parse(&format!("SCRAM-SHA-256$4096:c2FsdA==${keys}")).is_some());
        for text in [
            "secret".to_owned(),
            "md5d41d8cd98f00b204e9800998ecf8427e".to_owned(),
            format!("SCRAM-SHA-256$0:c2FsdA==${keys}"),
            format!("SCRAM-SHA-256$-1:c2FsdA==${keys}"),
            format!("SCRAM-SHA-256$4096:${keys}"),
            format!("SCRAM-SHA-256$4096:c2FsdA==${}", &keys[4..]),
            "SCRAM-SHA-256$4096:c2FsdA==$a:b".to_owned(),
        ] {
            assert_eq!(Verifier::parse(&text), None, "{text}");
        }
    }

    #[test]
    fn a_name_nobody_has_keeps_its_salt() {
        let impostor = Impostor::new(&[1; 32], ITERATIONS);
        assert_eq!(impostor.verifier("nobody"), impostor.verifier("nobody"));
        assert_ne!(impostor.verifier("nobody"), impostor.verifier("nobody else"));
        assert_ne!(impostor.verifier("nobody"), Impostor::new(&[2; 32], ITERATIONS).verifier("nobody"));
        assert_eq!(impostor.verifier("nobody").salt.len(), SALT_LEN);
    }
}
