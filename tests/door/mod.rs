//! The front door with real sockets and raw bytes; logging in to real servers.

/// A door that listens, and a client that speaks raw bytes.
mod bench;
/// Certificates, made by openssl.
mod certificates;
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
