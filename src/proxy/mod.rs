//! Carries. The data plane: sockets, servers, clients.

pub mod stream;
pub mod backend;
pub mod door;
