//! Statements that are not queries: who acts, the session or a shard, and which.

use crate::logic::sql::statement::{RelationName, Utility};

use super::schema::{Found, Schema};
use super::survey::Survey;
use super::{Refusal, TEMPORARY_TABLE};

/// Surveys DDL and administration of tables by name: only tables of one shard can be acted on.
pub fn utility(utility: &Utility, schema: &Schema<'_>, survey: &mut Survey<'_>) {
    survey.writes();
    survey.mark.is_ddl = utility.is_ddl;
    survey.mark.outside_transaction = utility.outside_transaction;
    if utility.relations.is_empty() {
        survey.refuse(Refusal::every_shard(utility.verb, &[]));
    }
    for name in &utility.relations {
        match schema.find(name) {
            Found::Single(shard, _) => survey.require_shard(&name.name, shard),
            // A temporary table, or an error for PostgreSQL to report.
            Found::Unheard => survey.is_bound(),
            Found::Unlisted => survey.refuse(Refusal::unlisted(&name.name)),
            Found::Sharded { .. } | Found::Reference(_) | Found::View(..) | Found::Sequence | Found::System => {
                let names: Vec<&str> = utility.relations.iter().map(|name| name.name.as_ref()).collect();
                survey.refuse(Refusal::every_shard(utility.verb, &names));
            }
        }
    }
}

/// Surveys the creation of a table.
pub fn create_table(verb: &str, name: &RelationName, schema: &Schema<'_>, survey: &mut Survey<'_>) {
    survey.writes();
    if name.is_temporary || name.schema.as_deref() == Some("pg_temp") {
        survey.is_bound();
        survey.mark.pin = Some(TEMPORARY_TABLE);
        let visible = RelationName { schema: None, ..name.clone() };
        if !matches!(schema.find(&visible), Found::Unheard) {
            survey.refuse(Refusal::shadow(&name.name));
        }
        return;
    }
    survey.mark.is_ddl = true;
    match (schema.find(name), schema.map.default_shard) {
        (Found::Single(shard, _), _) | (Found::Unheard, Some(shard)) => survey.require_shard(&name.name, shard),
        (
            Found::Unheard
            | Found::Unlisted
            | Found::Sharded { .. }
            | Found::Reference(_)
            | Found::View(..)
            | Found::Sequence
            | Found::System,
            _,
        ) => survey.refuse(Refusal::every_shard(verb, &[&name.name])),
    }
}
