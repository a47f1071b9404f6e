//! Tables that no catalog knows of: one that the open transaction has made, and how the rows of a query come to it; temporary
//! ones of the session, beside tables of several shards.

use std::sync::Arc;

use crate::logic::catalog::{Catalog, Column, Relation};
use crate::logic::shards::{Placement, ShardMap, ShardSet, TableName};

use super::across::{Across, across};
use super::{Plan, Reason, Refusal, Schema, plan};

/// A table that the session alone knows.
#[derive(Debug, Clone)]
pub struct Made {
    /// Its name
    pub table: TableName,
    /// Where its rows live
    pub placement: Placement,
    /// Its columns
    pub columns: Vec<Column>,
}

/// Where temporary tables are.
pub const TEMPORARY_SCHEMA: &str = "pg_temp";

/// How its rows come to it.
pub fn way(insert: &str, made: Made, schema: &Schema<'_>) -> Result<Across, Refusal> {
    let Made { table, placement, columns } = made;
    if let Placement::Sharded { keyspace, key } = &placement {
        let keyspace = schema.map.keyspace(*keyspace);
        let refuse = |why: &str| Err(Refusal::key_defined("CREATE TABLE AS", &table.name, key, why));
        match columns.iter().find(|column| column.name == *key) {
            None => return refuse("The query has no such column."),
            Some(column) if !keyspace.key_type.takes_column(column.type_oid) || column.has_loose_equality => {
                return refuse(&format!("The keys of \"{}\" are of type {}.", keyspace.name, keyspace.key_type.name()));
            }
            Some(_) => (),
        }
    }
    beside(insert, vec![Made { table, placement, columns }], schema)
}

/// The way of a statement that names such tables.
pub fn beside(text: &str, made: Vec<Made>, schema: &Schema<'_>) -> Result<Across, Refusal> {
    let (mut map, mut catalog) = (ShardMap::clone(schema.map), Catalog::clone(schema.catalog));
    let mut search_path = schema.search_path.to_vec();
    for Made { table, placement, columns } in made {
        let absent = match &placement {
            Placement::Single(own) => ShardSet::first_of(map.shards.len()).iter().filter(|it| it != own).collect(),
            Placement::Sharded { .. } | Placement::Reference => ShardSet::EMPTY,
        };
        // Temporary tables are found first.
        if *table.schema == *TEMPORARY_SCHEMA && search_path.first() != Some(&table.schema) {
            search_path.insert(0, table.schema.clone());
        }
        map.tables.insert(table.clone(), placement);
        catalog.relations.insert(table, Arc::new(Relation { absent, ..Relation::plain_table(columns) }));
    }
    let schema = Schema { map: &map, catalog: &catalog, search_path: &search_path };
    let planned = plan(text, &schema, None).map_err(|_| Refusal::across("a text that does not parse"))?;
    let refused = planned.statements.first().and_then(|one| match &*one.plan {
        Plan::Refuse(refusal) if !one.may_span => Some(refusal),
        Plan::Refuse(refusal) => {
            (!matches!(refusal.reason, Reason::ManyShards | Reason::KeyIsUnknown | Reason::KeyIsChanged))
                .then_some(refusal)
        }
        Plan::One(_) | Plan::Command(_) | Plan::CopyIn(_) => None,
    });
    match refused {
        Some(refusal) => Err(refusal.clone()),
        None => Ok(across(text, &schema)),
    }
}
