//! Which shard answers a statement: what its text says of the keys of its rows.

use crate::logic::shards::{KeyspaceId, ShardId};
use crate::logic::value::{LiteralKind, Modifier};

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
    /// What each shard has one of its own of: all tell it
    Every,
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
        /// Perhaps no row comes (INSERT … SELECT of a constant key), or another of its values fails first
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
