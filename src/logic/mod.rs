//! Decides. Values, functions and small state machines: no runtime, clock, sockets or globals.

pub mod value;
pub mod protocol;
pub mod auth;
pub mod sql;
pub mod trace;
pub mod shards;
pub mod defaults;
pub mod catalog;
pub mod copy;
pub mod commit;
pub mod deadlock;
pub mod merge;
pub mod plan;
pub mod crowd;
pub mod topology;
pub mod picture;
pub mod lag;
pub mod health;
pub mod transaction;
pub mod route;
pub mod fetch;
pub mod session;
pub mod queue;
pub mod pool;
pub mod console;
