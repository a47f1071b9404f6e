//! What the tests with real servers share.

#![allow(dead_code, reason = "not every test binary or platform uses every helper")]

/// The bytes of each message a client can send.
pub mod message;
/// A client that speaks the protocol in raw frames.
pub mod wire;
/// Servers, shards and the proxy.
pub mod cluster;
/// The tables of the corpus and where their rows live.
pub mod data;
/// The statements of the corpus.
pub mod corpus;
/// Settings files of a test.
pub mod folder;
/// Threads that work beside a test.
pub mod work;
/// Wire-level scenarios as data.
pub mod relay;
pub mod script;
