//! What the planner knows of the schema: tables, columns, views, functions, as read from PostgreSQL.
//!
//! One immutable picture per database, replaced whole when the schema changes.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::logic::body::contained::Contained;
use crate::logic::body::leaves::{Leaves, Names};
use crate::logic::defaults::Defaults;
use crate::logic::protocol::oids::Oids;
use crate::logic::shards::{ShardId, ShardSet, TableName};
use crate::logic::value::oid;

/// The schema of one database, read from one of its shards. What is large is shared with the picture before it where it
/// has not changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    /// Changes whenever anything below changes; part of every plan's key
    pub version: u64,
    /// Tables, views, sequences of all schemas but `pg_catalog` and `information_schema`
    pub relations: HashMap<TableName, Arc<Relation>>,
    /// Indexes and sequences by name, and the tables they belong to
    pub owners: Arc<HashMap<TableName, TableName>>,
    /// Names of the relations of `pg_catalog`
    pub system_relations: Arc<HashSet<Box<str>>>,
    /// Names of settings that sessions can set, on every server, as `pg_settings` has them
    pub settings: Arc<BTreeSet<Box<str>>>,
    /// Functions by name
    pub functions: Arc<HashMap<Box<str>, Vec<Function>>>,
    /// Those that leave something in the session, and what else does
    pub leaving: Names,
    /// Functions that run although no statement calls them
    pub unasked: Unasked,
    /// The user has given `=`, `<` and their kin a meaning of their own between PostgreSQL's own types
    pub has_own_comparisons: bool,
    /// Types of the user's own that are called as some of PostgreSQL's are
    pub shadowing_types: BTreeSet<Box<str>>,
    /// Names of types of the user's own that are made of the same text the same way at any time, on every shard: enumerations,
    /// say. Types of rows are left out
    pub timeless_types: BTreeSet<Box<str>>,
    /// Shards whose types have other OIDs than those of the first
    pub oids: BTreeMap<ShardId, Arc<Oids>>,
    /// How text is ordered that has no collation of its own
    pub text_order: TextOrder,
    /// Foreign keys whose actions change rows, by the table that they point to; partitions count as their whole table
    pub foreign_keys: HashMap<TableName, Vec<ForeignKey>>,
    /// Settings that a new session begins with
    pub defaults: Defaults,
    /// `search_path` of a new session of this database, split into schemas (`"$user"` kept as written)
    pub search_path: Vec<Box<str>>,
}

/// Functions of the user's own (`schema.name`) that may look at tables, or do anything else, and run although nobody calls
/// them by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Unasked {
    /// By operator
    pub operators: BTreeMap<Box<str>, BTreeSet<Box<str>>>,
    /// Those of these operators that stand between PostgreSQL's own types
    pub plain_operators: BTreeSet<Box<str>>,
    /// By the name of a type: where a value of it is made, or is taken for one of another type
    pub types: BTreeMap<Box<str>, BTreeSet<Box<str>>>,
    /// The OIDs of these types, of the rows of tables that have such columns, and of what such operators stand between
    pub oids: BTreeSet<u32>,
    /// Where any value is taken for one of another type: casts between types of PostgreSQL's
    pub anywhere: BTreeSet<Box<str>>,
    /// Where the schema is changed: event triggers
    pub definitions: BTreeSet<Box<str>>,
}

impl Unasked {
    /// What runs on another shard counts too.
    pub fn join(&mut self, other: &Self) {
        for (ours, theirs) in [(&mut self.operators, &other.operators), (&mut self.types, &other.types)] {
            for (name, functions) in theirs {
                ours.entry(name.clone()).or_default().extend(functions.iter().cloned());
            }
        }
        self.plain_operators.extend(other.plain_operators.iter().cloned());
        self.oids.extend(&other.oids);
        self.anywhere.extend(other.anywhere.iter().cloned());
        self.definitions.extend(other.definitions.iter().cloned());
    }
}

/// How a database orders text, the least that is known first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum TextOrder {
    /// Its encoding is not UTF8, or not known: clients and servers see different bytes
    #[default]
    Unknown,
    /// By the rules of a language
    Locale,
    /// By its bytes
    Bytes,
}

/// One relation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(clippy::struct_excessive_bools, reason = "facts about the relation, each independent of the others")]
pub struct Relation {
    /// What it is
    pub kind: RelationKind,
    /// Its columns in order, dropped ones left out
    pub columns: Vec<Column>,
    /// The column names of each unique index without predicate and expressions (primary keys too)
    pub unique_keys: Vec<Vec<Box<str>>>,
    /// The columns of the primary key, if it is not deferrable
    pub primary_key: Option<Vec<Box<str>>>,
    /// All its unique indexes and exclusion constraints
    pub unique_indexes: Vec<UniqueIndex>,
    /// The functions (`schema.name`) of its triggers and of those of its partitions, PostgreSQL's own left out
    pub triggers: Vec<Box<str>>,
    /// Of these, those that are run by some commands only
    pub fired: Fired,
    /// Of a sequence
    pub counts: Option<Counts>,
    /// Of a sequence: shards where it gives out numbers that it gives out on another of them, too
    pub alike: ShardSet,
    /// Functions (`schema.name`) that may look at tables and run when its rows are written: those of checks, generated
    /// columns, indexes and the types of its columns
    pub checks: Vec<Box<str>>,
    /// Of these, the ones that may run when its rows are read: those of casts and orders of the types of its columns
    pub reads: Vec<Box<str>>,
    /// It has rules, which rewrite the statements that write to it
    pub has_rules: bool,
    /// The expressions of its row security policies, when they are in force
    pub policies: Vec<Box<str>>,
    /// A view of tables with row security, whose policies hold for its owner and not for the user
    pub reads_as_owner: bool,
    /// Replicas do not have its rows (`UNLOGGED`), or those of one of its partitions
    pub is_unlogged: bool,
    /// Shards that have no such relation
    pub absent: ShardSet,
}

impl Relation {
    /// Has it unique indexes on expressions or with predicates, or exclusion constraints?
    pub fn has_partial_unique(&self) -> bool {
        self.unique_indexes.iter().any(|index| index.definition.is_some())
    }

    /// Has it a unique index with a predicate or expressions, or an exclusion constraint, that equal values of this column
    /// are not part of?
    pub fn has_partial_unique_without(&self, column: &str) -> bool {
        let is_whole = |index: &UniqueIndex| index.columns.iter().any(|it| **it == *column);
        self.unique_indexes.iter().any(|index| index.definition.is_some() && !is_whole(index))
    }

    /// A write to it runs functions of the user's own.
    pub fn runs_unasked(&self) -> bool {
        !self.triggers.is_empty() || !self.checks.is_empty()
    }

    /// The values of this column may run something when they are made.
    pub fn checks_values_of(&self, column: &Column) -> bool {
        !self.checks.is_empty() && column.is_of_own_type()
    }

    /// A table that has columns and nothing else.
    pub fn plain_table(columns: Vec<Column>) -> Self {
        Self {
            kind: RelationKind::Table,
            columns,
            unique_keys: Vec::new(),
            primary_key: None,
            unique_indexes: Vec::new(),
            triggers: Vec::new(),
            fired: Fired::default(),
            counts: None,
            alike: ShardSet::EMPTY,
            checks: Vec::new(),
            reads: Vec::new(),
            has_rules: false,
            policies: Vec::new(),
            reads_as_owner: false,
            is_unlogged: false,
            absent: ShardSet::EMPTY,
        }
    }
}

/// How a sequence counts (PostgreSQL manual, pg_sequence).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Counts {
    /// START
    pub start: i64,
    /// INCREMENT
    pub step: i64,
}

impl Counts {
    /// Do no two of them ever come to the same number? All count in the same steps then, from places of their own.
    pub fn keep_apart(counts: &[Self]) -> bool {
        let place = |it: &Self| i128::from(it.start).rem_euclid(i128::from(it.step).abs().max(1));
        let places: BTreeSet<i128> = counts.iter().map(place).collect();
        places.len() == counts.len() && counts.iter().all(|it| it.step == counts[0].step)
    }
}

/// Functions of triggers by the commands that run them (PostgreSQL manual, "Overview of Trigger Behavior"). An UPDATE may run
/// all: rows that it moves to another partition are deleted and inserted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Fired {
    /// By INSERT, and by COPY
    pub insert: Vec<Box<str>>,
    /// By DELETE
    pub delete: Vec<Box<str>>,
    /// By TRUNCATE
    pub truncate: Vec<Box<str>>,
}

/// What no two rows of a relation may have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UniqueIndex {
    /// The index's name
    pub name: Box<str>,
    /// The columns that must be equal
    pub columns: Vec<Box<str>>,
    /// Its definition, where it has expressions, a predicate or operators: other columns may matter to it
    pub definition: Option<Box<str>>,
}

/// A foreign key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ForeignKey {
    /// Its name
    pub name: Box<str>,
    /// The table that has it
    pub from: TableName,
    /// Its columns, and those that they point to
    pub columns: Vec<(Box<str>, Box<str>)>,
    /// When these change
    pub on_update: Action,
    /// When their row goes
    pub on_delete: Action,
    /// The columns that ON DELETE SET … names; none: all of them
    pub reset: Vec<Box<str>>,
}

/// What a foreign key does to its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// NO ACTION, RESTRICT
    Nothing,
    /// CASCADE
    Cascade,
    /// SET NULL
    Null,
    /// SET DEFAULT
    Default,
}

/// What a relation is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RelationKind {
    /// Ordinary or partitioned table
    Table,
    /// A partition, with the name of its topmost parent
    Partition(TableName),
    /// A view and its definition (`pg_get_viewdef` under an empty search_path: every name qualified)
    View(Box<str>),
    /// Materialized view
    MaterializedView,
    /// Sequence
    Sequence,
    /// Foreign table
    Foreign,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Column {
    /// Name
    pub name: Box<str>,
    /// Type OID on the shard that was read
    pub type_oid: u32,
    /// `format_type` of it
    pub type_name: Box<str>,
    /// Where its value comes from when an INSERT leaves it out
    pub default: ColumnDefault,
    /// NOT NULL
    pub is_not_null: bool,
    /// Values that are not the same may be equal: its collation is not deterministic
    pub has_loose_equality: bool,
    /// Its collation as SQL, where it is not that of its type
    pub collation: Option<Box<str>>,
    /// The text of its values says the same under all settings of a session
    pub is_steady: bool,
}

impl Column {
    /// Its type is none that PostgreSQL brings along.
    pub fn is_of_own_type(&self) -> bool {
        self.type_oid >= oid::FIRST_OF_USERS
    }
}

/// What an omitted column becomes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ColumnDefault {
    /// NULL
    None,
    /// An expression, as `pg_get_expr` prints it
    Expression(Box<str>),
    /// GENERATED … AS IDENTITY
    Identity,
    /// GENERATED … STORED
    Generated,
}

/// One overload of a function.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Function {
    /// Schema
    pub schema: Box<str>,
    /// provolatile
    pub volatility: Volatility,
    /// `internal` or `c`: it does not run SQL against user tables
    pub is_native: bool,
    /// It is an aggregate, a window function or a procedure
    pub kind: FunctionKind,
    /// `proretset`: where an expression calls it, there are as many rows as it returns
    pub returns_set: bool,
    /// What running it may leave in the session
    pub leaves: Leaves,
    /// It looks at nothing but what it is given: what its body names, and what it sets as a trigger
    pub contained: Option<Arc<Contained>>,
}

/// PostgreSQL's volatility classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Volatility {
    /// Depends on its arguments alone
    Immutable,
    /// Fixed within one statement
    Stable,
    /// Anything
    Volatile,
}

/// `prokind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FunctionKind {
    /// f
    Function,
    /// a
    Aggregate,
    /// w
    Window,
    /// p
    Procedure,
}
