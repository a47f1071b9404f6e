//! Carries. The data plane: sockets, pools, sessions.

pub mod metrics;
