//! Queries: what reads rows.

use super::Statement;
use super::expression::Expression;

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
    /// The tables that all of them name after OF; `None`: one names none, and means every table
    pub locked: Option<Vec<Box<str>>>,
}

/// WITH.
#[derive(Debug)]
pub struct With {
    /// WITH RECURSIVE
    pub is_recursive: bool,
    /// Its parts
    pub parts: Vec<CommonTable>,
}

impl With {
    /// Some part of it writes.
    pub fn is_modifying(&self) -> bool {
        self.parts.iter().any(|part| !matches!(part.statement, Statement::Query(_)))
    }
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
    /// The texts of the conjuncts of WHERE, for those who asked for them
    pub conjuncts: Vec<Conjunct>,
    /// GROUP BY
    pub group_by: Vec<Expression>,
    /// Where its first item stands, if it begins with a column or a position
    pub group_at: Option<usize>,
    /// ROLLUP, CUBE or GROUPING SETS are among them
    pub has_grouping_sets: bool,
    /// HAVING
    pub having: Option<Expression>,
    /// WINDOW, flattened
    pub windows: Vec<Expression>,
}

/// A condition that must hold, as SQL; empty where it cannot be printed.
#[derive(Debug)]
pub struct Conjunct {
    /// All of it
    pub text: Box<str>,
    /// Of an OR: what must hold together in each of its branches
    pub branches: Vec<Vec<Box<str>>>,
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

/// The name of a relation as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelationName {
    /// Schema, if written
    pub schema: Option<Box<str>>,
    /// Name
    pub name: Box<str>,
    /// CREATE TEMPORARY, or in `pg_temp`
    pub is_temporary: bool,
    /// ONLY stands before it
    pub is_only: bool,
    /// Where it stands in the text; `None` where the grammar makes it up
    pub at: Option<usize>,
}

impl RelationName {
    /// One that stands in no text.
    pub fn of(schema: Option<Box<str>>, name: Box<str>) -> Self {
        Self { schema, name, is_temporary: false, is_only: false, at: None }
    }
}
