//! The client's side of SCRAM-SHA-256 with the keys that a client's own login has shown, where no password is known.
//! Works for servers that keep the same verifier: the same salt and the same number of rounds.
//!
//! ```text
//! first message → challenge → answer → the server's own proof
//! ```

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac};

use super::verifier::ScramKeys;

/// One exchange.
pub struct Prover {
    keys: ScramKeys,
    /// The GS2 header and, where the exchange is bound to the channel, the certificate's hash
    binding: Vec<u8>,
    header: &'static str,
    nonce: String,
    /// What both sides sign, once it is known
    signed: String,
}

impl std::fmt::Debug for Prover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(prover)")
    }
}

/// How the exchange is bound to the channel it goes through (RFC 5802, section 6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Binding {
    /// It is not
    Unsupported,
    /// It could be, and the server did not offer it
    NotOffered,
    /// To this hash of the server's certificate
    EndPoint(Vec<u8>),
}

impl Prover {
    /// `nonce` is fresh, of printable characters without a comma.
    pub fn new(keys: ScramKeys, binding: Binding, nonce: String) -> Self {
        let (header, hash) = match binding {
            Binding::Unsupported => ("n,,", Vec::new()),
            Binding::NotOffered => ("y,,", Vec::new()),
            Binding::EndPoint(hash) => ("p=tls-server-end-point,,", hash),
        };
        Self { keys, binding: [header.as_bytes(), &hash].concat(), header, nonce, signed: String::new() }
    }

    /// The first message.
    pub fn first(&self) -> String {
        format!("{}{}", self.header, self.bare())
    }

    fn bare(&self) -> String {
        format!("n=,r={}", self.nonce)
    }

    /// The answer to the server's challenge.
    pub fn answer(&mut self, challenge: &[u8]) -> Result<String, &'static str> {
        let challenge = std::str::from_utf8(challenge).map_err(|_| "a challenge that is no text")?;
        let nonce = challenge.strip_prefix("r=").and_then(|rest| rest.split(',').next());
        let nonce = nonce.ok_or("a challenge without a nonce")?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err("a challenge with another nonce than ours");
        }
        let without_proof = format!("c={},r={nonce}", STANDARD.encode(&self.binding));
        self.signed = format!("{},{challenge},{without_proof}", self.bare());
        let stored_key = digest::digest(&digest::SHA256, &self.keys.client_key);
        let signature = sign(stored_key.as_ref(), &self.signed);
        let proof: Vec<u8> = self.keys.client_key.iter().zip(signature.as_ref()).map(|(key, it)| key ^ it).collect();
        Ok(format!("{without_proof},p={}", STANDARD.encode(proof)))
    }

    /// Does the server know the verifier?
    pub fn check(&self, end: &[u8]) -> Result<(), &'static str> {
        let signature = end.strip_prefix(b"v=").and_then(|text| STANDARD.decode(text).ok());
        let signature = signature.ok_or("an end without the server's proof")?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.keys.server_key);
        hmac::verify(&key, self.signed.as_bytes(), &signature).map_err(|_| "a server that does not know the password")
    }
}

fn sign(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}
