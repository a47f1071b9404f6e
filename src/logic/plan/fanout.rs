//! Statements that run unchanged on several shards: the answers, put one behind the other, are the answer.
//!
//! That holds for a query whose rows may be split by the key of a sharded table they come from (`survey::source` has the
//! proof), without ORDER BY and LIMIT; and for an INSERT … SELECT of such rows that stay where they are.

use crate::logic::sql::parse::with_statements;
use crate::logic::sql::statement::{Body, FromItem, Query, Statement, With};

use super::constants::Literals;
use super::schema::Found;
use super::survey::Survey;
use super::{Access, MomentParams, Requirement, Schema};

/// A statement that several shards run as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Fanout {
    /// As PostgreSQL tags it; the number of rows follows
    pub verb: &'static str,
    /// Which shards
    pub requirement: Requirement,
    /// May replicas run it?
    pub access: Access,
    /// A query that locks the rows it finds, on the shards where they are. It writes nothing that has to be committed
    pub is_locking: bool,
    /// Parameters of a write that no two servers may read as times of their own
    pub moment_params: MomentParams,
}

/// The proof, if there is one. `text` is the statement alone.
pub fn fanout(text: &str, schema: &Schema<'_>) -> Option<Fanout> {
    let proven = with_statements(text, |located| {
        let [one] = located else { return None };
        proven(&one.statement, text, schema)
    });
    proven.ok().flatten()
}

/// The same for a statement of `text`.
#[expect(clippy::wildcard_enum_match_arm, reason = "without a proof there is no fan-out")]
pub fn proven(statement: &Statement, text: &str, schema: &Schema<'_>) -> Option<Fanout> {
    let verb = match statement {
        Statement::Query(query) if is_unordered(query) && locks_where_it_is(query, schema) => "SELECT",
        Statement::Insert(insert)
            if insert.with.as_ref().is_none_or(With::is_modifying)
                && insert
                    .source
                    .as_ref()
                    .is_some_and(|query| is_unordered(query) && locks_where_it_is(query, schema)) =>
        {
            // As PostgreSQL tags it, with the OID that rows once had.
            "INSERT 0"
        }
        _ => return None,
    };
    let mut survey = Survey::new(*schema, Literals::new(text, None), verb);
    survey.may_spread = true;
    survey.keep_mentions();
    let is_locking = matches!(statement, Statement::Query(query) if query.is_locking);
    survey.may_lock = is_locking;
    survey.may_modify = matches!(statement, Statement::Insert(_));
    survey.statement(statement);
    let (requirement, access, moment_params) = survey.finish_row_source()?;
    Some(Fanout { verb, requirement, access, is_locking, moment_params })
}

/// Its rows come in any order, and none is left out.
fn is_unordered(query: &Query) -> bool {
    matches!(query.body, Body::Select(_)) && query.order_by.is_empty() && query.limits.is_empty()
}

/// Rows of reference tables are copies: a lock on those of one shard says nothing to the others.
fn locks_where_it_is(query: &Query, schema: &Schema<'_>) -> bool {
    let Body::Select(select) = &query.body else { return !query.is_locking };
    match (&select.from[..], &query.locked) {
        _ if !query.is_locking => true,
        // The name of a table could be that of a part.
        _ if query.with.is_some() => false,
        ([item @ FromItem::Table { name, alias, .. }], _) => {
            has_sharded(item, alias.name.as_ref().unwrap_or(&name.name), schema)
        }
        (from, Some(names)) => names.iter().all(|name| from.iter().any(|item| has_sharded(item, name, schema))),
        (from, None) => from.iter().all(|item| is_all_sharded(item, schema)),
    }
}

/// There are sharded tables and nothing else.
fn is_all_sharded(item: &FromItem, schema: &Schema<'_>) -> bool {
    match item {
        FromItem::Table { name, .. } => matches!(schema.find(name), Found::Sharded { .. }),
        FromItem::Join(join) => [&join.left, &join.right].into_iter().all(|side| is_all_sharded(side, schema)),
        FromItem::Query { .. } | FromItem::Rows { .. } | FromItem::Unknown(_) => false,
    }
}

/// A sharded table of this name stands there.
fn has_sharded(item: &FromItem, wanted: &str, schema: &Schema<'_>) -> bool {
    match item {
        FromItem::Table { name, alias, .. } => {
            let is_meant = **alias.name.as_ref().unwrap_or(&name.name) == *wanted;
            is_meant && matches!(schema.find(name), Found::Sharded { .. })
        }
        FromItem::Join(join) => {
            join.alias.name.is_none()
                && [&join.left, &join.right].into_iter().any(|side| has_sharded(side, wanted, schema))
        }
        FromItem::Query { .. } | FromItem::Rows { .. } | FromItem::Unknown(_) => false,
    }
}
