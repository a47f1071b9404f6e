//! The front door with real sockets and raw bytes; logging in to real servers.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else it is, it is wrong")]

/// A door that listens, and a client that speaks raw bytes.
mod bench;
/// Certificates, made by openssl.
pub mod certificates;
/// Start-up packets: versions, lengths, cancel requests, encryption asked for in clear.
mod opening;
/// Passwords and certificates.
mod login;
/// TLS towards clients.
mod tls;
/// Ports and socket files.
mod listener;
/// Towards servers.
mod backend;
