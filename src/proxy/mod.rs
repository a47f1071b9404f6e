//! Carries. The data plane: sockets, servers, pools, sessions.

pub mod metrics;
pub mod stream;
pub mod backend;
pub mod door;
pub mod card;
pub mod notifiers;
pub mod cancel;
pub mod waits;
pub mod leaving;
pub mod crash;
pub mod pulse;
pub mod server;
pub mod pool;
pub mod channels;
pub mod plans;
pub mod statements;
pub mod heat;
pub mod doubts;
pub mod witness;
pub mod placing;
pub mod shared;
pub mod session;
pub mod console;
pub mod crowds;
pub mod peers;
pub mod entrance;
