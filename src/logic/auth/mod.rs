//! Who comes in: the first packets, password exchanges as machines, verifiers, certificates.
//!
//! Reads what a client says before it is trusted, so every length is checked before anything else looks at the bytes.

pub mod fatal;
pub mod options;
pub mod opening;
pub mod verifier;
pub mod certificate;
pub mod scram;
pub mod prover;
pub mod rules;

pub use fatal::Fatal;
pub use verifier::{ScramKeys, Verifier, verifier_from_password};
