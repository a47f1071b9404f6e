//! CREATE TABLE of a table that the shard map does not list, where the session says how its rows are to live
//! (`SET shardway.new_tables`): every shard creates it, or the one that is named, and the map gains it.

use crate::logic::shards::{Placement, TableName};
use crate::logic::sql::parse::with_statements;
use crate::logic::sql::statement::{CreateTable, RelationName, Statement, Step};

use super::across::{Across, across};
use super::everywhere::Everywhere;
use super::listing::{Listing, placement};
use super::{Plan, Reason, Refusal, Schema, plan};

/// The way of a CREATE TABLE, where `place` says how tables live that the map does not list. `None`: it is no such
/// statement, or the map or the table that it is a part of says where its rows live.
pub fn placed(text: &str, place: &str, schema: &Schema<'_>) -> Result<Option<Everywhere>, Refusal> {
    let target = with_statements(text, |located| match located {
        [one] => target(&one.statement, schema),
        _ => Ok(None),
    });
    let Ok(target) = target else { return Ok(None) };
    let Some(table) = target? else { return Ok(None) };
    let placement = placement(place, schema.map)?;
    if let Some(listed) = schema.map.tables.get(&table) {
        return if *listed == placement { Ok(None) } else { Err(Refusal::placed_otherwise(&table.name, place)) };
    }
    let mut map = schema.map.clone();
    map.tables.insert(table.clone(), placement.clone());
    let found = create(text, &Schema { map: &map, ..*schema })?;
    let only = match placement {
        Placement::Single(shard) => Some(shard),
        Placement::Sharded { .. } | Placement::Reference => None,
    };
    Ok(Some(Everywhere { only, listing: Some(Box::new(Listing { table, placement })), ..found }))
}

/// The name of a new table whose place is open.
#[expect(clippy::wildcard_enum_match_arm, reason = "nothing else makes a table")]
fn target(statement: &Statement, schema: &Schema<'_>) -> Result<Option<TableName>, Refusal> {
    let name = match statement {
        Statement::CreateTable(CreateTable { name, steps }) => {
            if steps.iter().any(|step| matches!(step, Step::Partition(_))) {
                return Ok(None);
            }
            name
        }
        Statement::CreateTableAs { target, .. } => target,
        _ => return Ok(None),
    };
    if name.is_temporary || name.schema.as_deref() == Some("pg_temp") {
        return Ok(None);
    }
    let table = TableName { schema: schema_of_new(name, schema), name: name.name.clone() };
    if table.schema.contains('.') || table.name.contains('.') {
        return Err(Refusal::not_listed(&table.name, "The map has no way to write a name with a dot in it.", ""));
    }
    Ok(Some(table))
}

/// The first schema of the search path that is there. Of an empty one nothing is known here: the servers are asked
/// afterwards (`Listing::check`).
fn schema_of_new(name: &RelationName, schema: &Schema<'_>) -> Box<str> {
    let is_there = |it: &str| it == "public" || schema.catalog.relations.keys().any(|table| *table.schema == *it);
    let written = name.schema.clone();
    written.or_else(|| schema.search_path.iter().find(|it| is_there(it)).cloned()).unwrap_or_else(|| "public".into())
}

/// The way of a CREATE TABLE that the map lists.
fn create(text: &str, schema: &Schema<'_>) -> Result<Everywhere, Refusal> {
    let planned = plan(text, schema, None).map_err(|_| Refusal::across("a text that does not parse"))?;
    if let Some(Plan::Refuse(refusal)) = planned.statements.first().map(|one| &*one.plan)
        && refusal.reason != Reason::Ddl
    {
        return Err(refusal.clone());
    }
    match across(text, schema) {
        Across::Everywhere(everywhere) => Ok(everywhere),
        Across::Refuse(refusal) => Err(refusal),
        Across::Read(_)
        | Across::Change(_)
        | Across::Once(_)
        | Across::Split(_)
        | Across::CopyOut(_)
        | Across::Carry(_)
        | Across::Modifying(_)
        | Across::Staged(_)
        | Across::Numbers(_)
        | Across::Cursor(_)
        | Across::Explain(_)
        | Across::Signal(_) => Err(Refusal::across("a new table written like this")),
    }
}
