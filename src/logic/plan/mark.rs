//! What a statement leaves on its server, and what it needs of earlier ones.

use crate::logic::sql::statement::Vacated;

use super::taken::TakenNumbers;

/// The pin of a server on which a function, or a block of code, may have set something for the session.
pub const SETTING: &str = "setting made by a function";
/// The pin of a server whose `random()` begins where the session has said.
pub const SEED: &str = "seed of random()";
/// The pin of a server that has temporary tables of its client.
pub const TEMPORARY_TABLE: &str = "temporary table";
/// The pin of a session that has one.
pub const TEMPORARY_SEQUENCE: &str = "temporary sequence";
/// The same of types, functions and views.
pub const TEMPORARY_OBJECT: &str = "temporary object";

/// What a statement needs that asks on which channels its session listens.
pub const LISTENING_CHANNELS: &str = "pg_listening_channels";
/// What a statement needs that asks which statements its session has prepared.
pub const PREPARED_STATEMENTS: &str = "pg_prepared_statements";
/// What a statement needs that asks which cursors its session has.
pub const CURSORS: &str = "pg_cursors";

/// What running a statement does to the session that PostgreSQL keeps on the server.
#[allow(clippy::struct_excessive_bools, reason = "facts about the statement, each independent of the others")]
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mark {
    /// The server must stay with this client from now on, and why (`temporary table`, `advisory lock`, …)
    pub pin: Option<&'static str>,
    /// The name of a temporary table that it makes
    pub temporary: Option<Box<str>>,
    /// The answer depends on what earlier statements left on the server (`currval`, `pg_advisory_unlock`, …):
    /// refused unless the server has stayed with the client
    pub needs_pinned: Option<&'static str>,
    /// It may change settings in a way that we do not see (functions, triggers, DO, CALL): they stay while the server stays
    /// with its client, and are reset before it is lent on
    pub taints: bool,
    /// A replica would answer otherwise, or not at all: what it says of itself, of sequences, of tables that it has not
    pub on_primary: bool,
    /// It changes the schema: the catalog must be read again, prepared statements may be stale
    pub is_ddl: bool,
    /// It makes functions or triggers: what later statements of its transaction call is not what their plans know
    pub makes_functions: bool,
    /// It must run outside a transaction block (VACUUM, CREATE INDEX CONCURRENTLY, CREATE DATABASE, …)
    pub outside_transaction: bool,
    /// The database that nobody else may be in meanwhile: idle connections of ours have to go
    pub vacates: Option<Box<Vacated>>,
    /// The cursors that it opens, uses or closes
    pub cursors: Vec<CursorUse>,
    /// PostgreSQL does not prepare a transaction with it (manual, PREPARE TRANSACTION): what it is
    pub unpreparable: Option<&'static str>,
    /// `set_config(name, value, is_local)` calls with constant arguments in a SELECT list: settings to remember
    pub set_config: Vec<SettingChange>,
    /// The same with a parameter for its value: it comes with the Bind. Where there is none, the server has to stay
    pub set_bound: Vec<BoundSetting>,
    /// TakenNumbers of sequences that it takes and asks for
    pub numbers: TakenNumbers,
    /// The table whose rows find their shards by the places of its columns: it has no list of them
    pub by_position: Option<Box<str>>,
}

/// `set_config(name, $n, is_local)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundSetting {
    /// The parameter
    pub name: Box<str>,
    /// n
    pub number: u16,
    /// It ends with the transaction
    pub is_local: bool,
}

/// NOTIFY, as what it does is called that PostgreSQL does not prepare.
pub const NOTIFY: &str = "NOTIFY";
/// The function that does the same.
pub const PG_NOTIFY: &str = "pg_notify";

/// Locks of the session, as what pins it.
pub const ADVISORY_LOCK: &str = "advisory lock";
/// Connections that the session has opened from its server.
pub const DBLINK: &str = "connection of dblink";

impl Mark {
    /// It takes something for the session that is not told of anywhere else.
    pub fn keeps_for_session(&self) -> bool {
        matches!(self.pin, Some(ADVISORY_LOCK | DBLINK))
    }

    /// Its answer depends on this, too. What no server can tell counts most.
    pub fn need(&mut self, what: Option<&'static str>) {
        const FIRST: [Option<&str>; 3] = [Some(PREPARED_STATEMENTS), Some(CURSORS), Some(LISTENING_CHANNELS)];
        let place = |it| FIRST.iter().position(|first| *first == it).unwrap_or(FIRST.len());
        if what.is_some() && (self.needs_pinned.is_none() || place(what) < place(self.needs_pinned)) {
            self.needs_pinned = what;
        }
    }

    /// Other sessions hear of it.
    pub fn notifies(&self) -> bool {
        matches!(self.unpreparable, Some(NOTIFY | PG_NOTIFY))
    }
}

/// What a statement does with a cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CursorUse {
    /// DECLARE
    Declare {
        /// Its name
        name: Box<str>,
        /// WITH HOLD
        is_held: bool,
    },
    /// FETCH, MOVE
    Read(Box<str>),
    /// UPDATE or DELETE of the row it stands on (WHERE CURRENT OF)
    Row(Box<str>),
    /// CLOSE
    Close(Box<str>),
    /// CLOSE ALL
    CloseAll,
}

impl CursorUse {
    /// DECLARE of a cursor that does not outlive its transaction.
    pub fn needs_block(&self) -> bool {
        matches!(self, Self::Declare { is_held: false, .. })
    }
}

/// A change of a setting that the session must remember.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingChange {
    /// Lower-case name (`timezone`, `search_path`, `my.var`)
    pub name: Box<str>,
    /// The SQL that follows `SET name TO`, ready to be replayed; `None` is RESET / TO DEFAULT
    pub value: Option<Box<str>>,
    /// SET LOCAL
    pub is_local: bool,
}
