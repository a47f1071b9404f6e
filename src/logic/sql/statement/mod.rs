//! Statements: what the planner tells apart.

use std::ops::Range;

use expression::{Call, Expression, Literal, TypeName};

pub use define::{Aim, Column, Count, CreateTable, Reach, Rule, Step, Utility, Vacated, Wakes};
pub use query::{
    Alias, Body, CommonTable, Conjunct, Distinct, FromItem, Join, JoinKind, Query, RelationName, Select, Target, With,
};
pub use write::{Change, Insert, Merge, MergeAction, MergeBranch, MergeKind, OnConflict};

pub mod expression;
mod query;
mod write;
mod define;

/// A statement and where it stands in the text.
#[derive(Debug)]
pub struct Located {
    /// The statement
    pub statement: Statement,
    /// Its bytes in the text, without the semicolon
    pub at: Range<usize>,
}

/// One statement.
#[derive(Debug)]
pub enum Statement {
    /// SELECT, VALUES, TABLE
    Query(Query),
    /// INSERT
    Insert(Box<Insert>),
    /// UPDATE and DELETE
    Change(Box<Change>),
    /// MERGE
    Merge(Box<Merge>),
    /// BEGIN, COMMIT and their kin
    Control(Control),
    /// PREPARE TRANSACTION, COMMIT PREPARED, ROLLBACK PREPARED
    TwoPhase(&'static str),
    /// SET, RESET
    Set(Set),
    /// SHOW
    Show(Box<str>),
    /// EXPLAIN
    Explain(Box<Explain>),
    /// PREPARE
    Prepare {
        /// Its name
        name: Box<str>,
        /// Types of its parameters
        types: Vec<TypeName>,
        /// What it prepares
        inner: Box<Self>,
    },
    /// EXECUTE
    Execute {
        /// Which
        name: Box<str>,
        /// With what
        arguments: Vec<Expression>,
    },
    /// DEALLOCATE; `None` is ALL
    Deallocate(Option<Box<str>>),
    /// DISCARD
    Discard {
        /// What PostgreSQL tags it: `DISCARD ALL`, `DISCARD PLANS`, …
        tag: &'static str,
    },
    /// DECLARE CURSOR
    DeclareCursor {
        /// Its name
        name: Box<str>,
        /// WITH HOLD
        is_held: bool,
        /// Its query
        query: Box<Self>,
    },
    /// FETCH, MOVE, CLOSE
    Cursor {
        /// As PostgreSQL tags it
        verb: &'static str,
        /// Which; `None` is ALL
        name: Option<Box<str>>,
    },
    /// LISTEN, UNLISTEN
    Listen(Listen),
    /// NOTIFY
    Notify,
    /// COPY
    Copy(Box<Copy>),
    /// CREATE TABLE AS, SELECT INTO, CREATE MATERIALIZED VIEW
    CreateTableAs {
        /// What it creates
        target: RelationName,
        /// What fills it
        inner: Box<Self>,
    },
    /// CREATE TABLE
    CreateTable(CreateTable),
    /// SET CONSTRAINTS
    SetConstraints {
        /// ALL, not some by name
        is_all: bool,
    },
    /// Anything else that acts on tables by name: DDL, LOCK, TRUNCATE, VACUUM, …
    Utility(Utility),
    /// DO
    Do {
        /// LANGUAGE, `plpgsql` unless it says so
        language: Box<str>,
        /// The block
        body: Box<str>,
    },
    /// CALL
    Call(Call),
    /// A statement that the planner does not know
    Unknown(&'static str),
}

/// How a transaction is to run, as far as it was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Characteristics {
    /// ISOLATION LEVEL
    pub isolation: Option<Isolation>,
    /// READ ONLY or READ WRITE
    pub is_read_only: Option<bool>,
    /// DEFERRABLE or NOT DEFERRABLE
    pub is_deferrable: Option<bool>,
}

impl Characteristics {
    /// `transaction_isolation`, `transaction_read_only` or `transaction_deferrable` has this value.
    pub fn add(&mut self, name: &str, value: &Literal) {
        let word = match value {
            Literal::String(word) | Literal::Integer(word) => word.to_ascii_lowercase(),
            Literal::Boolean(value) => value.to_string(),
            Literal::Decimal(_) | Literal::Null | Literal::Odd => return,
        };
        let is_on = !matches!(word.as_str(), "0" | "f" | "false" | "off" | "of" | "n" | "no");
        match name {
            "transaction_isolation" => self.isolation = Isolation::parse(&word).or(self.isolation),
            "transaction_read_only" => self.is_read_only = Some(is_on),
            "transaction_deferrable" => self.is_deferrable = Some(is_on),
            _ => (),
        }
    }

    /// What was said later counts.
    pub fn then(self, later: Self) -> Self {
        Self {
            isolation: later.isolation.or(self.isolation),
            is_read_only: later.is_read_only.or(self.is_read_only),
            is_deferrable: later.is_deferrable.or(self.is_deferrable),
        }
    }

    /// What SET TRANSACTION has to say of them where these have been said.
    pub fn beyond(self, said: Self) -> Vec<&'static str> {
        let isolation = self.isolation.filter(|_| self.isolation != said.isolation).map(|it| match it {
            Isolation::ReadCommitted => "ISOLATION LEVEL READ COMMITTED",
            Isolation::RepeatableRead => "ISOLATION LEVEL REPEATABLE READ",
            Isolation::Serializable => "ISOLATION LEVEL SERIALIZABLE",
        });
        let is_new = |now: Option<bool>, then: Option<bool>| now.filter(|_| now != then);
        let read_only =
            is_new(self.is_read_only, said.is_read_only).map(|is| if is { "READ ONLY" } else { "READ WRITE" });
        let deferrable =
            is_new(self.is_deferrable, said.is_deferrable).map(|is| if is { "DEFERRABLE" } else { "NOT DEFERRABLE" });
        [isolation, read_only, deferrable].into_iter().flatten().collect()
    }
}

/// Isolation levels that differ (PostgreSQL treats READ UNCOMMITTED as READ COMMITTED).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// A snapshot for each statement
    #[default]
    ReadCommitted,
    /// One snapshot
    RepeatableRead,
    /// As if one transaction came after the other
    Serializable,
}

impl Isolation {
    /// As `transaction_isolation` says it; `None`: PostgreSQL does not know it either.
    pub fn parse(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "read uncommitted" | "read committed" => Some(Self::ReadCommitted),
            "repeatable read" => Some(Self::RepeatableRead),
            "serializable" => Some(Self::Serializable),
            _ => None,
        }
    }
}

/// LISTEN and UNLISTEN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// LISTEN channel
    To(Box<str>),
    /// UNLISTEN channel
    NotTo(Box<str>),
    /// UNLISTEN *
    ToNothing,
}

/// Transaction control.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// BEGIN, START TRANSACTION
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
    /// SAVEPOINT
    Savepoint(Box<str>),
    /// RELEASE
    Release(Box<str>),
    /// ROLLBACK TO
    RollbackTo(Box<str>),
    /// SET TRANSACTION …, and SET LOCAL transaction_* : belongs to the open transaction
    SetTransaction(Characteristics),
}

impl Control {
    /// It ends a transaction, one way or the other.
    pub fn ends(&self) -> bool {
        matches!(self, Self::Commit { .. } | Self::Rollback { .. })
    }

    /// COMMIT, END.
    pub fn is_commit(&self) -> bool {
        matches!(self, Self::Commit { .. })
    }

    /// AND CHAIN.
    pub fn chains(&self) -> bool {
        matches!(self, Self::Commit { chain: true } | Self::Rollback { chain: true })
    }

    /// It begins or ends a transaction block, or can stand inside one only.
    pub fn is_of_block(&self) -> bool {
        !matches!(self, Self::SetTransaction(_))
    }

    /// It brings a transaction that has failed to its end, or back to life.
    pub fn ends_failed(&self) -> bool {
        self.ends() || matches!(self, Self::RollbackTo(_))
    }
}

/// SET, RESET.
#[derive(Debug)]
pub struct Set {
    /// The parameter in lower case; empty for RESET ALL
    pub name: Box<str>,
    /// What happens to it
    pub change: SetChange,
    /// SET LOCAL
    pub is_local: bool,
}

/// What a SET does.
#[derive(Debug)]
pub enum SetChange {
    /// To these values
    To(Vec<Literal>),
    /// To its default
    Default,
    /// RESET ALL
    All,
    /// SET TRANSACTION and SET SESSION CHARACTERISTICS: names and values
    Many(Vec<(Box<str>, Literal)>),
    /// A form that cannot be replayed
    Odd,
}

/// EXPLAIN.
#[derive(Debug)]
pub struct Explain {
    /// ANALYZE: the statement runs
    pub is_analyze: bool,
    /// FORMAT
    pub form: ExplainForm,
    /// The statement
    pub inner: Statement,
}

/// The format of what EXPLAIN says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExplainForm {
    /// TEXT; also one that PostgreSQL does not know, which it will say
    Text,
    /// JSON
    Json,
    /// YAML
    Yaml,
    /// XML
    Xml,
}

/// COPY.
#[derive(Debug)]
pub struct Copy {
    /// The table, unless it is a query
    pub table: Option<RelationName>,
    /// The query, unless it is a table
    pub query: Option<Statement>,
    /// The columns, when listed
    pub columns: Vec<Box<str>>,
    /// COPY … FROM
    pub is_from: bool,
    /// From or to a file or program of the server
    pub uses_server_files: bool,
    /// WHERE
    pub filter: Option<Expression>,
    /// WITH (…)
    pub options: Vec<CopyOption>,
}

/// An option of COPY.
#[derive(Debug)]
pub struct CopyOption {
    /// Its name
    pub name: Box<str>,
    /// Its values; `*` is a single "*"
    pub values: Vec<Box<str>>,
    /// It has a list or a star for a value
    pub is_star: bool,
}
