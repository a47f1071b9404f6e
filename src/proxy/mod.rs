//! Carries. The data plane: sockets, servers, pools, sessions.

pub mod metrics;
pub mod stream;
pub mod backend;
pub mod door;
