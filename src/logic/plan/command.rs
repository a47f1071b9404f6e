//! Statements that act on the session itself.

use std::sync::Arc;

use crate::logic::sql::statement::{Control, Listen};

use super::asked::Asked;
use super::home::{Home, Value};
use super::mark::SettingChange;
use super::{Access, Plan};

/// Statements that act on the session.
#[derive(Debug, Clone)]
pub enum Command {
    /// BEGIN, COMMIT, SAVEPOINT and their like
    Control(Control),
    /// SET / RESET of one of PostgreSQL's parameters (one change, or several for SET SESSION CHARACTERISTICS and SET NAMES);
    /// none is SET CONSTRAINTS
    Set(Vec<SettingChange>),
    /// RESET ALL
    ResetAll,
    /// SET / RESET / SHOW of a parameter of ours
    Own(OwnCommand),
    /// PREPARE name (types) AS statement
    Prepare(PrepareCommand),
    /// EXECUTE name (arguments)
    Execute(ExecuteCommand),
    /// DEALLOCATE name; `None` is ALL
    Deallocate(Option<Box<str>>),
    /// DISCARD ALL
    DiscardAll,
    /// DISCARD PLANS / SEQUENCES / TEMP
    Discard,
    /// LISTEN, UNLISTEN
    Listen(Listen),
    /// A query that asks for something of its session that servers do not know
    OfSession(Asked),
    /// An empty statement
    Empty,
}

/// Settings of our own, `SET shardway.… `.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnCommand {
    /// `SET [LOCAL] shardway.x = 'v'`; `None` is RESET
    Set {
        /// Which
        setting: OwnSetting,
        /// The value, unquoted
        value: Option<Box<str>>,
        /// SET LOCAL
        is_local: bool,
    },
    /// SHOW shardway.x
    Show(OwnSetting),
}

/// Settings of our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OwnSetting {
    /// `shardway.shard`: the shard, by name
    Shard,
    /// `shardway.key`: the shard of this key, `value` or `keyspace:value`
    Key,
    /// `shardway.role`: `primary`, `replica` or `auto`
    Role,
    /// `shardway.position`: what must be found that another session has written
    Position,
    /// `shardway.new_tables`: how the rows of new tables live that the map does not list
    NewTables,
}

impl OwnSetting {
    /// As SHOW and SET know it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shard => "shardway.shard",
            Self::Key => "shardway.key",
            Self::Role => "shardway.role",
            Self::Position => "shardway.position",
            Self::NewTables => "shardway.new_tables",
        }
    }
}

/// PREPARE name (types) AS statement.
#[derive(Debug, Clone)]
pub struct PrepareCommand {
    /// The client's name for it
    pub name: Box<str>,
    /// Type OIDs of built-in types; 0 where the text gives none or one that is not built in
    pub types: Vec<u32>,
    /// Type names as written
    pub type_names: Vec<Box<str>>,
    /// The text after AS
    pub text: Box<str>,
    /// Characters before that
    pub before: u32,
    /// Its plan, parameters included
    pub plan: Arc<Plan>,
}

/// EXECUTE name (arguments).
#[derive(Debug, Clone)]
pub struct ExecuteCommand {
    /// The client's name for it
    pub name: Box<str>,
    /// The arguments that are plain values (they can be keys); `None` for anything else
    pub arguments: Vec<Option<Value>>,
    /// Where the arguments can be computed
    pub home: Home,
    /// May a replica compute them?
    pub access: Access,
    /// Byte range of the name in the text, to be replaced by the proxy-wide one
    pub name_at: std::ops::Range<usize>,
    /// EXPLAIN and its options, where it is to be explained
    pub explains: Option<Box<str>>,
}
