//! Statements that write rows.

use super::expression::Expression;
use super::{Alias, Conjunct, FromItem, Query, RelationName, Target, With};

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
    /// The texts of the conjuncts of WHERE, for those who asked for them
    pub conjuncts: Vec<Conjunct>,
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
