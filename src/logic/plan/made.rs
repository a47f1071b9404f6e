//! A table that the open transaction has made, which no catalog knows of yet, and how the rows of a query come to it.

use std::sync::Arc;

use crate::logic::catalog::{Catalog, Column, Relation};
use crate::logic::shards::{Placement, ShardMap, TableName};

use super::across::{Across, across};
use super::{Plan, Reason, Refusal, Schema, plan};

/// A table that the open transaction has made.
#[derive(Debug, Clone)]
pub struct Made {
    /// Its name
    pub table: TableName,
    /// Where its rows live
    pub placement: Placement,
    /// Its columns
    pub columns: Vec<Column>,
}

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
    let (mut map, mut catalog) = (ShardMap::clone(schema.map), Catalog::clone(schema.catalog));
    map.tables.insert(table.clone(), placement);
    catalog.relations.insert(table, Arc::new(Relation::plain_table(columns)));
    let schema = Schema { map: &map, catalog: &catalog, ..*schema };
    let planned = plan(insert, &schema, None).map_err(|_| Refusal::across("a text that does not parse"))?;
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
        None => Ok(across(insert, &schema)),
    }
}
