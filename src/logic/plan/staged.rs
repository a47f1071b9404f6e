//! Writes over several shards that read temporary tables of the session: no plan knows their columns. The session looks at
//! them when it runs the statement, which is planned then, with tables of one shard in their place (`made`).

use crate::logic::sql::statement::{Located, RelationName, Statement};

use super::Schema;
use super::constants::Literals;
use super::schema::Found;
use super::survey::Survey;

/// The tables that nobody has heard of.
#[derive(Debug, Clone, PartialEq)]
pub struct Staged {
    /// As written
    pub tables: Vec<RelationName>,
}

/// Is it such a write?
#[expect(clippy::wildcard_enum_match_arm, reason = "other statements have ways of their own")]
pub fn staged(located: &Located, text: &str, schema: &Schema<'_>) -> Option<Staged> {
    let (table, verb) = match &located.statement {
        Statement::Change(change) => (&change.table, change.verb),
        Statement::Merge(merge) => (&merge.table, "MERGE"),
        // Rows of temporary tables find their shards (`carry`).
        Statement::Insert(insert) if matches!(schema.find(&insert.table), Found::Reference(_)) => {
            (&insert.table, "INSERT")
        }
        _ => return None,
    };
    if !matches!(schema.find(table), Found::Sharded { .. } | Found::Reference(_)) {
        return None;
    }
    let mut survey = Survey::new(*schema, Literals::new(text, None), verb);
    survey.statement(&located.statement);
    let mut tables = survey.unheard;
    tables.sort_by(|one, other| (&one.schema, &one.name).cmp(&(&other.schema, &other.name)));
    tables.dedup_by(|one, other| (&one.schema, &one.name) == (&other.schema, &other.name));
    (!tables.is_empty()).then_some(Staged { tables })
}
