//! What the tests with real servers share.

#![allow(dead_code, reason = "not every test binary or platform uses every helper")]
#![allow(clippy::print_stderr, reason = "a failing test shows the log of the proxy")]

/// Servers, shards and the proxy.
pub mod cluster;
