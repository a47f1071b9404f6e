//! Statements that concern every shard as a whole: their text runs on each of them as it is.
//!
//! What belongs to a transaction is committed on all shards or on none. What PostgreSQL does not let into a transaction
//! goes from shard to shard, and says how far it came when one of them fails.

use crate::logic::sql::statement::{CreateTable, Reach, RelationName, Utility};

use super::Refusal;
use super::schema::{Found, Schema};
use super::utility;

/// A statement that every shard runs as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Everywhere {
    /// As PostgreSQL calls it
    pub verb: &'static str,
    /// It changes the schema
    pub is_ddl: bool,
    /// What it needs of the transaction around it
    pub reach: Reach,
    /// Names that mean something else afterwards
    pub bends: Vec<Box<str>>,
}

/// A statement on what is there.
pub fn utility(statement: &Utility, schema: &Schema<'_>) -> Result<Everywhere, Refusal> {
    let names = utility::names(statement, schema);
    if names.iter().any(|name| matches!(schema.find(name), Found::Single(..) | Found::Unlisted)) {
        let shown: Vec<&str> = names.iter().map(|name| name.name.as_ref()).collect();
        return Err(Refusal::mixed_homes(statement.verb, &shown));
    }
    if statement.verb == "TRUNCATE" {
        names.iter().try_for_each(|name| check_triggers(name, schema))?;
    }
    let Utility { verb, is_ddl, reach, ref bends, .. } = *statement;
    Ok(Everywhere { verb, is_ddl, reach, bends: bends.clone() })
}

/// CREATE TABLE of a table that every shard has.
pub fn create_table(_create: &CreateTable, _schema: &Schema<'_>) -> Result<Everywhere, Refusal> {
    Ok(Everywhere { verb: "CREATE TABLE", is_ddl: true, reach: Reach::Database, bends: Vec::new() })
}

/// TRUNCATE runs triggers, which may look anywhere.
fn check_triggers(name: &RelationName, schema: &Schema<'_>) -> Result<(), Refusal> {
    let (Found::Sharded { relation: Some(relation), .. } | Found::Reference(Some(relation))) = schema.find(name) else {
        return Ok(());
    };
    let is_local = |function: &str| {
        let bare = function.split_once('.').map_or(function, |(_, bare)| bare);
        schema.map.local_functions.iter().any(|local| **local == *bare || **local == *function)
    };
    match relation.triggers.iter().find(|function| !is_local(function)) {
        Some(function) => Err(Refusal::trigger(&name.name, function)),
        None => Ok(()),
    }
}
