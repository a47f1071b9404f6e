//! What a statement's text and the schema decide, once per shape. Read the enum `Plan` first.
//!
//! A plan holds no values and no shard of a key: those come with each execution (`route`). So a change of
//! replica health, a failover or a moved range never empties the plan cache.

use std::sync::Arc;

use crate::logic::shards::{KeyspaceId, ShardId};
use crate::logic::sql::parse::with_statements;
use crate::logic::sql::statement::{Characteristics, Listen, Vacated};
use crate::logic::value::{LiteralKind, Modifier};
use asked::Asked;

pub use crate::logic::sql::parse::SyntaxError;
pub use constants::{array_of_plain, array_oid};
pub use refusal::{Reason, Refusal};
pub use schema::Schema;
pub use survey::{is_now, says_now, speaks_of_now};

pub mod refusal;
pub mod schema;
mod constants;
mod facts;
mod scope;
mod survey;
mod hint;
mod settings;
mod copy;
mod definition;
mod utility;
mod words;
pub mod process;
pub mod asked;
pub mod pieces;
mod layout;
mod statement;
pub mod fanout;
mod stand_in;
mod grouping_sets;
pub mod gather;
mod reduce;
pub mod split;
pub mod origin;
pub mod carry;
pub mod numbers;
pub mod listing;
pub mod everywhere;
pub mod copy_out;
pub mod merge;
mod fold;
mod created;
mod filled;
pub mod change;
pub mod copies;
pub mod document;
pub mod across;
pub mod placed;
pub mod made;
pub mod outline;
pub mod explain;

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

/// The plan of one statement.
#[derive(Debug, Clone)]
pub enum Plan {
    /// Acts on the session itself: transactions, settings, prepared statements
    Command(Command),
    /// One shard answers
    One(One),
    /// COPY … FROM STDIN: each row goes home by its key, or to all copies of its table
    CopyIn(CopyIn),
    /// No right answer to be had
    Refuse(Refusal),
}

/// A statement that one shard answers.
#[derive(Debug, Clone)]
pub struct One {
    /// Which shard
    pub home: Home,
    /// May a replica answer?
    pub access: Access,
    /// What running it does to the session that PostgreSQL keeps on the server
    pub mark: Mark,
    /// It names what only a server of the session may have: temporary tables
    pub is_bound: bool,
}

/// Which shard answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Home {
    /// Any: reference tables only, or no table at all
    Any,
    /// Always the same one (the first of the map): catalogs, NOTIFY, advisory locks, sequences by name
    First,
    /// The one that the session is bound to by its open transaction or by a pin, else the first: cursors, temporary tables
    Current,
    /// The first, whose processes have numbers; a number of this value may be that of a client, who is on none
    Process(Box<Value>),
    /// The one shard that all of these name; more than one is a refusal at routing
    Meet(Vec<Requirement>),
}

/// One use of a table that is not everywhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Requirement {
    /// The table as the user knows it, for messages
    pub table: Box<str>,
    /// Where its rows must come from or go to
    pub place: Place,
}

/// Where the rows of one use of a table live.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    /// A single-shard table
    Shard(ShardId),
    /// A reference table: every shard has all rows, and one that is asked anyway tells them
    Copies,
    /// Rows that are looked up: those the restriction lets through. A key without a home matches no rows
    Lookup {
        /// The table's keyspace
        keyspace: KeyspaceId,
        /// The key column, for messages
        column: Box<str>,
        /// Which keys can matter; never narrower than the truth
        keys: Restriction,
    },
    /// Rows that are written: each value is the key of a row. A key without a home is SQLSTATE 23514
    Store {
        /// The table's keyspace
        keyspace: KeyspaceId,
        /// The key column, for messages
        column: Box<str>,
        /// One a row
        keys: Vec<Value>,
        /// What the key column makes of them
        rule: KeyRule,
        /// Perhaps no row comes (INSERT … SELECT of a constant key)
        is_conditional: bool,
    },
}

/// What a key column makes of the values that are stored into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyRule {
    /// NOT NULL: any server reports a row without a key
    pub is_not_null: bool,
    /// It may change the value
    pub modifier: Modifier,
}

/// A set of keys, written over values that come with the execution. Always a superset of the keys that matter.
#[derive(Debug, Clone, PartialEq)]
pub enum Restriction {
    /// Every key: no proof was found
    All,
    /// No key at all (`WHERE false`)
    Nothing,
    /// key = value
    Equals(Value),
    /// key = ANY(array parameter or array literal)
    AnyOf(Value),
    /// lower bound (included?) and upper bound (included?)
    Between {
        /// Lower bound and whether it is included
        from: Option<(Value, bool)>,
        /// Upper bound and whether it is included
        to: Option<(Value, bool)>,
    },
    /// All of them hold
    And(Vec<Self>),
    /// One of them holds
    Or(Vec<Self>),
}

/// Where a value comes from, and the cast the statement puts on it (`$1::int`: OID 23).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// Its source
    pub source: Source,
    /// OID of the type it is cast to in the text; `None` without a cast
    pub cast: Option<u32>,
}

/// Source of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The nth literal of the text (from 0), as `sql::template` counts them
    Literal {
        /// Which
        index: u16,
        /// A minus sign stands before it
        negative: bool,
    },
    /// `$n`, counted from 1
    Param(u16),
    /// `$n` that stands in another place too, where PostgreSQL may find another type for it than the key's: if the
    /// client declares none, only a value that reads the same in all of them can be used
    SharedParam(u16),
    /// Written into the plan: literals that the template does not lift out, and NULL (`None`).
    /// A number may have a minus sign as its first character.
    Fixed(Option<(LiteralKind, Box<str>)>),
}

/// May a replica answer?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Provably writes nothing: no volatile function, no lock, no write
    Read,
    /// Everything else
    Write,
}

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

impl Mark {
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

/// Statements that act on the session.
#[derive(Debug, Clone)]
pub enum Command {
    /// BEGIN or START TRANSACTION with its options
    Begin(Characteristics),
    /// COMMIT, END
    Commit {
        /// AND CHAIN
        chain: bool,
    },
    /// ROLLBACK, ABORT
    Rollback {
        /// AND CHAIN
        chain: bool,
    },
    /// SAVEPOINT name
    Savepoint(Box<str>),
    /// RELEASE name
    Release(Box<str>),
    /// ROLLBACK TO name
    RollbackTo(Box<str>),
    /// SET TRANSACTION …, and SET LOCAL transaction_* : belongs to the open transaction
    SetTransaction(Characteristics),
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

/// COPY … FROM STDIN into a sharded table or a reference table.
#[derive(Debug, Clone)]
pub struct CopyIn {
    /// The table, for messages
    pub table: Box<str>,
    /// Where the rows go
    pub to: CopyTo,
    /// Columns of each row
    pub columns: u16,
    /// How rows are written
    pub format: crate::logic::copy::CopyFormat,
}

/// Where the rows of a COPY go.
#[derive(Debug, Clone)]
pub enum CopyTo {
    /// Each to the home of its key
    Homes(KeyOfRow),
    /// All to every shard
    Copies {
        /// The columns of each row whose text may be a time that moves (`now`): each server would read another
        times: Vec<usize>,
    },
}

/// The key of the rows of a COPY.
#[derive(Debug, Clone)]
pub struct KeyOfRow {
    /// Its keyspace
    pub keyspace: KeyspaceId,
    /// The column's name
    pub column: Box<str>,
    /// What the column makes of the values
    pub rule: KeyRule,
    /// Its position among the columns of each row; `None`: it is not among them
    pub position: Option<usize>,
}

/// A hint in the statement's leading comment: `/* shardway shard=b */`, `/* shardway key=42 */`, `/* shardway role=primary */`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// Which
    pub setting: OwnSetting,
    /// Its value
    pub value: Box<str>,
}

/// What the planner found for one statement of a query text.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The plan
    pub plan: Arc<Plan>,
    /// Byte range of the statement in the text
    pub at: std::ops::Range<usize>,
    /// Hint of the leading comment
    pub hint: Option<Hint>,
    /// How it runs on a shard that the session has named (`SET shardway.shard`), even where the plan is a refusal.
    /// `None` where the session itself acts: a `Command`; and where no choice of a shard could make it right: a row
    /// would leave its shard.
    pub forced: Option<Forced>,
    /// What PostgreSQL would tag it (`SELECT`, `BEGIN`, …), for metrics
    pub verb: &'static str,
    /// Where one shard is not enough, several may do (`across`)
    pub may_span: bool,
}

/// How a statement runs on a shard that the session has named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forced {
    /// May a replica answer?
    pub access: Access,
    /// What running it does to the session that PostgreSQL keeps on the server
    pub mark: Mark,
}

/// The plans of one text.
#[derive(Debug, Clone)]
pub struct PlannedText {
    /// One a statement
    pub statements: Vec<Planned>,
    /// The literals whose value (not only their kind) the plans depend on other than through `Source::Literal`:
    /// the plans hold for texts with the same values there
    pub fixed_literals: Vec<u16>,
}

/// Plans every statement of a text.
///
/// `literals` are the byte ranges of the literals that the template lifts out of the text, in order; without them
/// (a text that is cached as a whole) literals are written into the plan. A text that does not parse belongs to a
/// server, which words PostgreSQL's own error.
pub fn plan(
    text: &str,
    schema: &Schema<'_>,
    literals: Option<&[std::ops::Range<u32>]>,
) -> Result<PlannedText, SyntaxError> {
    with_statements(text, |located| {
        let source = statement::Source { text, schema: *schema, literals };
        let mut fixed_literals = Vec::new();
        let mut statements: Vec<Planned> =
            located.iter().map(|one| statement::planned(one, source, &mut fixed_literals)).collect();
        if statements.is_empty() {
            statements.push(Planned {
                plan: Arc::new(Plan::Command(Command::Empty)),
                at: 0..text.len(),
                hint: None,
                forced: None,
                verb: "",
                may_span: false,
            });
        }
        fixed_literals.sort_unstable();
        fixed_literals.dedup();
        PlannedText { statements, fixed_literals }
    })
}
