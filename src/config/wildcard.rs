//! `[databases."*"]`: one server, any of whose databases a client may ask for.

use std::time::Duration;

use crate::logic::topology::{ANY_NAME, AuthSettings, Wildcard};

use super::databases::{self, DatabaseSettings, General};
use super::report::Problems;
use super::secret::Environment;
use super::section::{Section, entries};
use super::tree::Node;

/// Fields of a database, and one of its own.
pub const FIELDS: &[&str] = &{
    let mut fields = ["autodb_idle_timeout"; databases::FIELDS.len() + 1];
    let mut at = 0;
    while at < databases::FIELDS.len() {
        fields[at] = databases::FIELDS[at];
        at += 1;
    }
    fields
};

/// Fields of a database that say what its tables are, or that need a monitor.
const NOT_OF_ANY: [&str; 5] = ["replicas", "keyspaces", "tables", "create_tables", "local_functions"];

const SECOND: Duration = Duration::from_secs(1);
/// `autodb_idle_timeout` where nobody set it.
pub const HOUR: Duration = Duration::from_secs(3600);
const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// The wildcard as the file describes it.
#[derive(Debug, Clone)]
pub struct WildcardSettings {
    /// What its databases are like
    pub database: DatabaseSettings,
    /// One that nobody uses is forgotten after this
    pub idle_timeout: Duration,
}

impl WildcardSettings {
    /// Nothing was found yet.
    pub fn wildcard(&self) -> Wildcard {
        Wildcard { database: self.database.database(), idle_timeout: self.idle_timeout }
    }
}

/// Reads it, where the file has one.
pub fn read(
    databases: Option<&Node>,
    general: General<'_>,
    auth: &AuthSettings,
    env: Environment<'_>,
    problems: &mut Problems,
) -> Option<WildcardSettings> {
    let entry = databases.map_or(&[][..], |node| entries(node, problems)).iter().find(|entry| entry.key == ANY_NAME)?;
    let database = databases::read(entry, FIELDS, general, env, problems)?;
    // What it should not have was reported a line above.
    let section = Section::open(&entry.node, FIELDS, &mut Problems::default());
    for field in NOT_OF_ANY {
        if let Some(node) = section.get(field) {
            problems
                .error(node.span, format!("`{field}` has no meaning in [databases.\"*\"]"))
                .help("its databases are all of one server; another one gets a section of its own name");
        }
    }
    let several = match &database.shards[..] {
        [shard] if shard.finds_roles || !shard.replicas.is_empty() => Some("server"),
        [_] | [] => None,
        [_, _, ..] => Some("shard"),
    };
    if let Some(what) = several {
        problems
            .error(entry.key_span, format!("[databases.\"*\"] has one {what}"))
            .help("its databases come and go, and are not probed; another one gets a section of its own name");
    }
    if auth.query.as_ref().is_some_and(|query| query.database.is_none()) {
        problems
            .error(entry.key_span, "[databases.\"*\"] needs a `database` in [auth]")
            .help("who has not logged in yet does not choose where users are looked up");
    }
    let idle_timeout = section.duration("autodb_idle_timeout", HOUR, SECOND..=YEAR, problems);
    Some(WildcardSettings { database, idle_timeout })
}
