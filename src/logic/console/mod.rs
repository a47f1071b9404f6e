//! The administration console, as far as it is decided: what a command means, who may say it, and how answers look.
//!
//! Columns, their order and their types are PgBouncer's: dashboards and scripts read them by name and by place. They only
//! ever grow at their end, and where a number was there is never a NULL.

pub mod table;
pub mod wire;
pub mod totals;
pub mod snapshot;
pub mod pgbouncer;
pub mod own;
pub mod seen;
pub mod tokens;
pub mod topics;
pub mod statement;
pub mod drivers;
pub mod grammar;
pub mod role;
