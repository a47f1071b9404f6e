//! What a statement's text and the schema decide, once per shape. Read the enum `Plan` first.
//!
//! A plan holds no values and no shard of a key: those come with each execution (`route`). So a change of
//! replica health, a failover or a moved range never empties the plan cache.

use std::sync::Arc;

use crate::logic::shards::{KeyspaceId, ShardSet};
use crate::logic::sql::parse::with_statements;

pub use crate::logic::sql::parse::SyntaxError;
pub use command::{Command, ExecuteCommand, OwnCommand, OwnSetting, PrepareCommand};
pub use constants::{array_of_plain, array_oid};
pub use home::{Home, KeyRule, Place, Requirement, Restriction, Source, Value};
pub use mark::{
    ADVISORY_LOCK, BoundSetting, CURSORS, CursorUse, DBLINK, LISTENING_CHANNELS, Mark, NOTIFY, PG_NOTIFY,
    PREPARED_STATEMENTS, SEED, SETTING, SettingChange, TEMPORARY_OBJECT, TEMPORARY_SEQUENCE, TEMPORARY_TABLE,
};
pub use refusal::{Reason, Refusal};
pub use schema::Schema;
pub use survey::MomentParams;
pub use taken::{Known, TakenNumbers};

mod home;
mod taken;
mod mark;
pub mod refusal;
pub mod schema;
mod constants;
mod facts;
mod scope;
mod reserved;
mod survey;
mod hint;
mod settings;
pub mod pieces;
mod layout;
mod copy;
mod definition;
mod utility;
mod words;
pub mod process;
pub mod asked;
mod command;
mod divided;
mod block;
pub mod altered;
mod evaluated;
mod statement;
pub mod fanout;
mod stand_in;
mod part;
mod edits;
mod grouping_sets;
pub mod gather;
pub mod steady;
mod reduce;
mod brought;
mod precomputed;
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
pub mod modifying;
pub mod staged;
pub mod document;
pub mod across;
pub mod placed;
pub mod made;
pub mod outline;
pub mod explain;

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

/// May a replica answer?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Provably writes nothing: no volatile function, no lock, no write
    Read,
    /// Everything else
    Write,
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
    /// It has no list of them
    pub by_position: bool,
    /// The columns of each row whose text may be a time that moves (`now`): each server would read another
    pub times: Vec<usize>,
    /// Columns that it leaves out whose default is one time for all rows: each server would fill in its own
    pub timed: Vec<Timed>,
    /// How rows are written
    pub format: crate::logic::copy::CopyFormat,
    /// What is said of it if no server finds it wrong
    pub unless_wrong: Option<Refusal>,
}

/// A column that is filled with a time.
#[derive(Debug, Clone)]
pub struct Timed {
    /// Its name
    pub name: Box<str>,
    /// Its default, as a value of its type
    pub value: Box<str>,
}

/// Where the rows of a COPY go.
#[derive(Debug, Clone)]
pub enum CopyTo {
    /// Each to the home of its key
    Homes(KeyOfRow),
    /// All to every shard
    Copies,
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

impl Planned {
    /// What its server must know, wherever it runs; `None` for what the session answers.
    pub fn mark(&self) -> Option<&Mark> {
        match (&*self.plan, &self.forced) {
            (Plan::One(one), _) => Some(&one.mark),
            (Plan::Command(_) | Plan::CopyIn(_) | Plan::Refuse(_), forced) => {
                forced.as_ref().map(|forced| &forced.mark)
            }
        }
    }

    /// What is known of its access before it is routed.
    pub fn access(&self) -> Access {
        match (&*self.plan, &self.forced) {
            (Plan::One(one), _) => one.access,
            (Plan::Command(_) | Plan::CopyIn(_) | Plan::Refuse(_), forced) => {
                forced.as_ref().map_or(Access::Write, |forced| forced.access)
            }
        }
    }

    /// Shards that lack a table or view that it names, and cannot parse it.
    pub fn lacking(&self) -> ShardSet {
        self.forced.as_ref().map_or(ShardSet::EMPTY, |forced| forced.lacking)
    }
}

/// How a statement runs on a shard that the session has named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forced {
    /// May a replica answer?
    pub access: Access,
    /// What running it does to the session that PostgreSQL keeps on the server
    pub mark: Mark,
    /// Shards that lack a table or view that it names: none of them can parse it
    pub lacking: ShardSet,
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
