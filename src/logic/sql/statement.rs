//! Statements: what the planner tells apart.

use std::ops::Range;

use super::expression::{Call, Expression, TypeName};

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
    Transaction(Transaction),
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
        /// DISCARD ALL
        is_all: bool,
    },
    /// DECLARE CURSOR
    DeclareCursor {
        /// WITH HOLD
        is_held: bool,
        /// Its query
        query: Box<Self>,
    },
    /// FETCH, MOVE, CLOSE
    Cursor(&'static str),
    /// LISTEN, UNLISTEN
    Listen(&'static str),
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
    CreateTable(RelationName),
    /// SET CONSTRAINTS
    SetConstraints,
    /// Anything else that acts on tables by name: DDL, LOCK, TRUNCATE, VACUUM, …
    Utility(Utility),
    /// DO
    Do,
    /// CALL
    Call(Call),
    /// A statement that the planner does not know
    Unknown(&'static str),
}

/// The name of a relation as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelationName {
    /// Schema, if written
    pub schema: Option<Box<str>>,
    /// Name
    pub name: Box<str>,
    /// CREATE TEMPORARY
    pub is_temporary: bool,
}

/// Statements on tables by name that are not queries.
#[derive(Debug)]
pub struct Utility {
    /// As PostgreSQL tags it
    pub verb: &'static str,
    /// The tables it names; empty where it acts on something else
    pub relations: Vec<RelationName>,
    /// It changes the schema
    pub is_ddl: bool,
    /// It must run outside a transaction block
    pub outside_transaction: bool,
}

/// A query with what stands around it.
#[derive(Debug)]
pub struct Query {
    /// WITH
    pub with: Option<With>,
    /// SELECT, VALUES or a set operation
    pub body: Body,
    /// ORDER BY
    pub order_by: Vec<Expression>,
    /// LIMIT, OFFSET, FETCH
    pub limits: Vec<Expression>,
    /// FOR UPDATE and its kin
    pub is_locking: bool,
}

/// WITH.
#[derive(Debug)]
pub struct With {
    /// WITH RECURSIVE
    pub is_recursive: bool,
    /// Its parts
    pub parts: Vec<CommonTable>,
}

/// One part of a WITH.
#[derive(Debug)]
pub struct CommonTable {
    /// Its name
    pub name: Box<str>,
    /// Its column names, as far as given
    pub columns: Vec<Box<str>>,
    /// It has SEARCH or CYCLE, which add columns
    pub adds_columns: bool,
    /// Its statement
    pub statement: Statement,
}

/// The body of a query.
#[derive(Debug)]
pub enum Body {
    /// SELECT
    Select(Box<Select>),
    /// VALUES
    Values(Vec<Vec<Expression>>),
    /// UNION, INTERSECT, EXCEPT
    SetOperation(Box<Query>, Box<Query>),
}

/// A SELECT.
#[derive(Debug)]
pub struct Select {
    /// DISTINCT
    pub distinct: Distinct,
    /// What it returns
    pub targets: Vec<Target>,
    /// FROM
    pub from: Vec<FromItem>,
    /// WHERE
    pub filter: Option<Expression>,
    /// GROUP BY
    pub group_by: Vec<Expression>,
    /// ROLLUP, CUBE or GROUPING SETS are among them
    pub has_grouping_sets: bool,
    /// HAVING
    pub having: Option<Expression>,
    /// WINDOW, flattened
    pub windows: Vec<Expression>,
}

/// DISTINCT.
#[derive(Debug)]
pub enum Distinct {
    /// Without
    No,
    /// DISTINCT
    Rows,
    /// DISTINCT ON (…)
    On(Vec<Expression>),
}

/// One item of a select list, a RETURNING list or a SET list.
#[derive(Debug)]
pub struct Target {
    /// Alias, or the column that is set
    pub name: Option<Box<str>>,
    /// Its value
    pub value: Expression,
}

/// One item of FROM.
#[derive(Debug)]
pub enum FromItem {
    /// A table
    Table {
        /// Its name
        name: RelationName,
        /// Its alias
        alias: Alias,
        /// TABLESAMPLE
        sample: Option<Vec<Expression>>,
    },
    /// A query
    Query {
        /// LATERAL
        is_lateral: bool,
        /// The query
        query: Box<Query>,
        /// Its alias
        alias: Alias,
    },
    /// Functions, XMLTABLE, JSON_TABLE: expressions that make rows; always lateral
    Rows {
        /// The expressions
        calls: Vec<Expression>,
        /// The alias
        alias: Alias,
    },
    /// A join
    Join(Box<Join>),
    /// A node that the planner does not know
    Unknown(&'static str),
}

/// `AS name (columns)`.
#[derive(Debug, Default)]
pub struct Alias {
    /// The name
    pub name: Option<Box<str>>,
    /// The columns, as far as given
    pub columns: Vec<Box<str>>,
}

/// A join.
#[derive(Debug)]
pub struct Join {
    /// Which
    pub kind: JoinKind,
    /// NATURAL
    pub is_natural: bool,
    /// USING
    pub using: Vec<Box<str>>,
    /// `USING (…) AS name`
    pub using_alias: Option<Box<str>>,
    /// Left side
    pub left: FromItem,
    /// Right side
    pub right: FromItem,
    /// ON
    pub on: Option<Expression>,
    /// Alias of the whole join
    pub alias: Alias,
}

/// Kinds of joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinKind {
    /// INNER, CROSS
    Inner,
    /// LEFT
    Left,
    /// RIGHT
    Right,
    /// FULL
    Full,
}

/// INSERT.
#[derive(Debug)]
pub struct Insert {
    /// WITH
    pub with: Option<With>,
    /// Into which table
    pub table: RelationName,
    /// Its alias
    pub alias: Alias,
    /// The columns, when listed
    pub columns: Vec<Box<str>>,
    /// OVERRIDING USER VALUE
    pub overrides_with_default: bool,
    /// The rows; `None` is DEFAULT VALUES
    pub source: Option<Query>,
    /// ON CONFLICT
    pub on_conflict: Option<OnConflict>,
    /// RETURNING
    pub returning: Vec<Target>,
}

/// ON CONFLICT.
#[derive(Debug)]
pub struct OnConflict {
    /// The columns of the conflict target
    pub columns: Vec<Box<str>>,
    /// The conflict target has expressions or a predicate
    pub has_expressions: bool,
    /// ON CONSTRAINT
    pub constraint: Option<Box<str>>,
    /// DO UPDATE
    pub is_update: bool,
    /// SET
    pub assignments: Vec<Target>,
    /// WHERE, and the expressions of the conflict target
    pub rest: Vec<Expression>,
}

/// UPDATE or DELETE.
#[derive(Debug)]
pub struct Change {
    /// UPDATE, DELETE
    pub verb: &'static str,
    /// WITH
    pub with: Option<With>,
    /// Which table
    pub table: RelationName,
    /// Its alias
    pub alias: Alias,
    /// SET
    pub assignments: Vec<Target>,
    /// FROM, USING
    pub from: Vec<FromItem>,
    /// WHERE
    pub filter: Option<Expression>,
    /// RETURNING
    pub returning: Vec<Target>,
}

/// MERGE.
#[derive(Debug)]
pub struct Merge {
    /// WITH
    pub with: Option<With>,
    /// Into which table
    pub table: RelationName,
    /// Its alias
    pub alias: Alias,
    /// USING
    pub source: FromItem,
    /// ON
    pub on: Expression,
    /// WHEN
    pub branches: Vec<MergeBranch>,
    /// RETURNING
    pub returning: Vec<Target>,
}

/// One WHEN of a MERGE.
#[derive(Debug)]
pub struct MergeBranch {
    /// Which rows it is for
    pub kind: MergeKind,
    /// AND condition
    pub condition: Option<Expression>,
    /// What it does
    pub action: MergeAction,
}

/// Which rows a WHEN is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeKind {
    /// MATCHED
    Matched,
    /// NOT MATCHED BY SOURCE
    NotInSource,
    /// NOT MATCHED BY TARGET
    NotInTarget,
}

/// What a WHEN does.
#[derive(Debug)]
pub enum MergeAction {
    /// UPDATE SET
    Update(Vec<Target>),
    /// INSERT (columns) VALUES (values)
    Insert {
        /// The columns, when listed
        columns: Vec<Box<str>>,
        /// The values; empty is DEFAULT VALUES
        values: Vec<Expression>,
        /// OVERRIDING USER VALUE
        overrides_with_default: bool,
    },
    /// DELETE, DO NOTHING
    NoRow,
}

/// Transaction control.
#[derive(Debug)]
pub enum Transaction {
    /// BEGIN, START TRANSACTION
    Begin {
        /// READ ONLY
        is_read_only: bool,
        /// SERIALIZABLE
        is_serializable: bool,
    },
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
    /// PREPARE TRANSACTION, COMMIT PREPARED, ROLLBACK PREPARED
    TwoPhase(&'static str),
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
    To(Vec<Constant>),
    /// To its default
    Default,
    /// RESET ALL
    All,
    /// SET TRANSACTION and SET SESSION CHARACTERISTICS: names and values
    Many(Vec<(Box<str>, Constant)>),
    /// A form that cannot be replayed
    Odd,
}

pub use super::expression::Literal as Constant;

/// EXPLAIN.
#[derive(Debug)]
pub struct Explain {
    /// ANALYZE: the statement runs
    pub is_analyze: bool,
    /// The statement
    pub inner: Statement,
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
