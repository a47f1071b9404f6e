//! The settings: read, checked as a whole, compared with those in force.
//!
//! One look finds everything that is wrong, each with its file, line and column. Settings that exist are right:
//! names are resolved, every bucket has a shard, passwords are at hand.

pub mod mask;
pub mod source;
pub mod report;
pub mod tree;
pub mod units;
pub mod section;
pub mod secret;
pub mod server;
pub mod listen;
pub mod limits;
pub mod traces;
pub mod userlist;
pub mod users;
pub mod auth;
pub mod key;
pub mod names;
pub mod keyspaces;
pub mod tables;
pub mod databases;
pub mod wildcard;
pub mod console;
pub mod load;
pub mod listed;
pub mod diff;
pub mod shown;
pub mod import;
pub mod set;

pub use databases::DatabaseSettings;
pub use diff::{Change, Diff, Effect, diff, misplaces};
pub use limits::{LogFormat, LogSettings};
pub use listen::ListenSettings;
pub use load::{Settings, load, load_with};
pub use report::{Problem, Report, Severity};
pub use set::set;
pub use shown::shown;
pub use source::SecretFile;
pub use users::UserSettings;
pub use wildcard::WildcardSettings;

/// Every section of the file with its fields, for the reference and its test.
pub const SECTIONS: &[(&str, &[&str])] = &[
    ("the file", load::FIELDS),
    ("listen", listen::FIELDS),
    ("listen.tls", listen::TLS_FIELDS),
    ("peers", listen::PEER_FIELDS),
    ("auth", auth::FIELDS),
    ("a rule of auth", auth::RULE_FIELDS),
    ("users", users::FIELDS),
    ("a password", secret::FIELDS),
    ("pool", limits::POOL_FIELDS),
    ("limits", limits::LIMIT_FIELDS),
    ("health", limits::HEALTH_FIELDS),
    ("monitor", limits::MONITOR_FIELDS),
    ("log", limits::LOG_FIELDS),
    ("console", console::FIELDS),
    ("traces", traces::FIELDS),
    ("databases.x", databases::FIELDS),
    ("databases.*", wildcard::FIELDS),
    ("databases.x.replicas", limits::REPLICA_FIELDS),
    ("databases.x.shards.y", databases::SHARD_FIELDS),
    ("a server", databases::SERVER_FIELDS),
    ("a server's address", server::PARAMETERS),
    ("databases.x.keyspaces.y", keyspaces::FIELDS),
    ("a range", keyspaces::RANGE_FIELDS),
    ("a table", tables::FIELDS),
];
