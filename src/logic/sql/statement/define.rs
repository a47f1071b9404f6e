//! Statements that define tables and what belongs to them, as far as it matters where rows live.

use super::expression::{Expression, TypeName};
use super::{RelationName, Statement};

/// Statements on tables and other objects by name that are not queries.
#[allow(clippy::struct_excessive_bools, reason = "facts about the statement, each independent of the others")]
#[derive(Debug)]
pub struct Utility {
    /// As PostgreSQL tags it
    pub verb: &'static str,
    /// The tables it names; empty where it acts on something else
    pub relations: Vec<RelationName>,
    /// Indexes and sequences it names
    pub belongings: Vec<RelationName>,
    /// What it does to the first of them
    pub steps: Vec<Step>,
    /// The query of a view
    pub query: Option<Box<Statement>>,
    /// Names that may mean something else afterwards: of views, functions, tables with new triggers or rules
    pub bends: Vec<Box<str>>,
    /// What may run the functions that it names, afterwards
    pub wakes: Wakes,
    /// Tables have other columns, or other defaults of them, afterwards
    pub alters_columns: bool,
    /// It changes the schema
    pub is_ddl: bool,
    /// Event triggers run with it
    pub fires: bool,
    /// What it makes or changes is a type, a function or the like that ends with its session (`pg_temp.mood`)
    pub is_temporary: bool,
    /// How far it goes
    pub reach: Reach,
    /// The database that nobody else may be in meanwhile
    pub vacates: Option<Vacated>,
}

/// What may run the functions that a definition names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wakes {
    /// Nothing, or whoever names them
    Nothing,
    /// Whatever names one of these: checks of tables and domains, aggregates
    Names(Vec<Box<str>>),
    /// Any statement: operators, casts
    Anything,
}

/// A database in which PostgreSQL wants nobody but, at most, the session that asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vacated {
    /// Its name on the server
    pub database: Box<str>,
    /// What for
    pub aim: Aim,
}

/// What a database is vacated for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// DROP DATABASE
    Drop,
    /// The same WITH (FORCE), which ends its sessions
    DropByForce,
    /// Another name
    Rename,
    /// Another tablespace
    Move,
    /// It is the template of a new one
    Copy,
}

/// How far a statement goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// What it does belongs to a transaction
    Database,
    /// The same; roles, which all databases of a server share
    Roles,
    /// The same, but only inside a transaction block: LOCK TABLE
    Block,
    /// Looks after what is there, and needs no transaction: ANALYZE, REINDEX, CLUSTER, CHECKPOINT
    Upkeep,
    /// It must run outside a transaction block: VACUUM, CREATE INDEX CONCURRENTLY
    Outside,
    /// One server and its files, settings and connections: databases, tablespaces, subscriptions
    Server,
}

/// CREATE TABLE.
#[derive(Debug)]
pub struct CreateTable {
    /// Its name
    pub name: RelationName,
    /// What it is made of
    pub steps: Vec<Step>,
}

/// One thing that a definition does.
#[derive(Debug)]
pub enum Step {
    /// A column; its constraints are steps of their own
    Column(Column),
    /// A constraint or a unique index
    Rule(Rule),
    /// DROP COLUMN
    DropColumn(Box<str>),
    /// ALTER COLUMN … TYPE, and what USING computes
    Retype(Box<str>, Option<Expression>),
    /// RENAME COLUMN
    RenameColumn(Box<str>),
    /// RENAME TO
    Rename(Box<str>),
    /// SET SCHEMA
    Move(Box<str>),
    /// LIKE another table
    Like {
        /// Which
        source: RelationName,
        /// INCLUDING INDEXES
        with_indexes: bool,
    },
    /// PARTITION OF, ATTACH PARTITION, DETACH PARTITION: the other table
    Partition(RelationName),
    /// INHERITS, INHERIT, NO INHERIT, OF a type; the tables whose rows its rows become
    Inherits(&'static str, Vec<RelationName>),
    /// How a sequence counts: CREATE SEQUENCE, ALTER SEQUENCE, identity columns
    Count(Count),
    /// A name that a schema, index or sequence no longer has
    RenameSchema(Box<str>),
}

/// A column as it is defined.
#[derive(Debug)]
pub struct Column {
    /// Its name
    pub name: Box<str>,
    /// Its type
    pub type_name: Option<TypeName>,
    /// `serial` and its kin, or GENERATED … AS IDENTITY
    pub is_numbered: bool,
    /// GENERATED … AS an expression
    pub is_generated: bool,
    /// DEFAULT
    pub default: Option<Expression>,
    /// ADD COLUMN: rows that are there get a value
    pub is_added: bool,
}

/// What must hold for the rows of a table together.
#[derive(Debug)]
pub enum Rule {
    /// UNIQUE, PRIMARY KEY, CREATE UNIQUE INDEX: its plain columns, compared as they always are
    Unique(Vec<Box<str>>),
    /// EXCLUDE: its plain columns that are compared with `=`
    Exclusion(Vec<Box<str>>),
    /// FOREIGN KEY
    Reference {
        /// Our columns
        columns: Vec<Box<str>>,
        /// The table
        to: RelationName,
        /// Its columns; empty: those of its primary key
        to_columns: Vec<Box<str>>,
        /// Those of ours that ON UPDATE CASCADE changes
        cascaded: Vec<Box<str>>,
        /// Those of ours that SET NULL and SET DEFAULT change
        reset: Vec<Box<str>>,
    },
}

/// How a sequence counts.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// It is a new one
    pub is_new: bool,
    /// INCREMENT other than 1, START of one that is there, CYCLE, or another option that decides which values come
    pub option: Option<&'static str>,
    /// ALTER SEQUENCE … RESTART WITH this number
    pub restarts: Option<i64>,
}
