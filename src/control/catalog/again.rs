//! Reads what has changed of a schema since the last look.

use std::collections::HashMap;
use std::sync::Arc;

use deadpool_postgres::{Object, Transaction};
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use super::part::Part;
use super::read::{self, ShardSchema};
use super::rows::{Rows, Source};
use super::unasked;
use crate::logic::catalog::{Relation, RelationKind};
use crate::logic::shards::TableName;

/// A schema, and the rows that it was read from.
pub struct Seen {
    pub schema: Arc<ShardSchema>,
    pub rows: Rows,
    /// What was read at the last look, of a schema that was there before
    pub young: Part,
}

/// Reads it all.
pub async fn read(client: &mut Object) -> Result<Seen, Error> {
    let (schema, rows) = read::schema(client).await?;
    Ok(Seen { schema: Arc::new(schema), rows, young: Part::default() })
}

/// What came of a look.
pub enum Looked {
    /// This is how it is now
    Now(Seen),
    /// Something was dropped while it was read: the next look begins with this
    Disturbed(Seen),
    /// All must be read
    Unknown,
}

/// PostgreSQL has no better word for what is dropped while its definition is printed; or it is locked for that.
pub fn is_disturbance(error: &Error) -> bool {
    let of_others = [SqlState::INTERNAL_ERROR, SqlState::LOCK_NOT_AVAILABLE, SqlState::T_R_DEADLOCK_DETECTED];
    error.code().is_some_and(|code| of_others.contains(code))
}

/// Looks what has changed, and reads that.
pub async fn look(client: &mut Object, mut seen: Seen) -> Result<Looked, Error> {
    let connected = Object::metrics(client).created;
    let transaction = read::begin(client).await?;
    let Some(changed) = seen.rows.look(&transaction, connected).await? else { return Ok(Looked::Unknown) };
    let Some(mut part) = Part::of(&changed, &seen.rows) else { return Ok(Looked::Unknown) };
    part.join(std::mem::replace(&mut seen.young, part.clone()));
    if !part.is_empty() {
        match read_part(&transaction, &seen, &part).await {
            Ok(None) => return Ok(Looked::Unknown),
            Ok(Some(schema)) if schema == *seen.schema => (),
            Ok(Some(schema)) => seen.schema = Arc::new(schema),
            Err(error) if is_disturbance(&error) => {
                seen.young = part;
                return Ok(Looked::Disturbed(seen));
            }
            Err(error) => return Err(error),
        }
    }
    transaction.rollback().await?;
    Ok(Looked::Now(seen))
}

/// What was read before, with this part as it is now. `None`: columns have gone or have other names, which may stand in any
/// definition.
async fn read_part(transaction: &Transaction<'_>, seen: &Seen, part: &Part) -> Result<Option<ShardSchema>, Error> {
    transaction.batch_execute(read::PRINTING).await?;
    let mut schema = ShardSchema::clone(&seen.schema);
    let mut oids = part.relations.clone();
    if part.texts {
        let relations = seen.rows.all(Source::Class).iter();
        oids.extend(relations.filter(|(_, row)| row.kind == b'v').filter_map(|(key, _)| u32::try_from(*key).ok()));
        oids.extend(seen.rows.all(Source::Policy).values().map(|row| row.owner));
    }
    let oids: Vec<u32> = oids.into_iter().collect();
    let mut found = read::relations(transaction, Some(&oids)).await?;
    let come = found.keys().filter(|name| !schema.relations.contains_key(*name));
    let come_or_gone: Vec<&TableName> = come.chain(&part.gone).collect();
    let reads_functions = part.functions || unasked::are_named(transaction, &come_or_gone).await?;
    let runners = Arc::clone(&schema.runners);
    if reads_functions {
        read::functions(transaction, &mut schema).await?;
    }
    unasked::company(transaction, &schema.runners, &mut found).await?;
    let name_of = |oid: &u32| seen.rows.name(seen.rows.get(Source::Class, (*oid).into())?);
    let is_kept = |name: TableName| match (schema.relations.get(&name), found.get(&name)) {
        (Some(before), Some(after)) => keeps_columns(before, after),
        // Others are just dropping it.
        (Some(_), None) => true,
        (None, _) => false,
    };
    if !part.columns.iter().filter_map(name_of).all(is_kept) {
        return Ok(None);
    }
    let mut may_leave = false;
    let mut gone = part.gone.clone();
    gone.extend(oids.iter().filter_map(name_of));
    for name in gone.iter().filter(|name| !found.contains_key(name)) {
        may_leave |= schema.relations.remove(name).is_some_and(|relation| runs_something(&relation));
    }
    for (name, relation) in found {
        match schema.relations.get(&name) {
            Some(before) if *before == relation => (),
            before => {
                may_leave |= runs_something(&relation) || before.is_some_and(|before| runs_something(before));
                schema.relations.insert(name, relation);
            }
        }
    }
    if runners != schema.runners {
        unasked::company(transaction, &schema.runners, &mut schema.relations).await?;
    }
    if may_leave || reads_functions || part.texts {
        read::leaving(transaction, &mut schema).await?;
    }
    if !gone.is_empty() {
        replace(&mut schema.owners, &gone, read::owners(transaction, Some(&oids)).await?);
    }
    if part.foreign_keys {
        schema.foreign_keys = read::foreign_keys(transaction).await?;
    }
    if !part.types.is_empty() || !part.gone_types.is_empty() {
        let oids: Vec<u32> = part.types.iter().copied().collect();
        schema.shadowing_types = read::shadowing_types(transaction).await?;
        schema.timeless_types = read::timeless_types(transaction).await?;
        replace(&mut schema.types, &part.gone_types, read::types(transaction, Some(&oids)).await?);
    }
    Ok(Some(schema))
}

/// Columns were added at most.
fn keeps_columns(before: &Relation, after: &Relation) -> bool {
    before.columns.len() <= after.columns.len()
        && before.columns.iter().zip(&after.columns).all(|(before, after)| before.name == after.name)
}

/// Reading it or writing to it runs functions.
fn runs_something(relation: &Relation) -> bool {
    matches!(relation.kind, RelationKind::View(_)) || relation.runs_unasked()
}

fn replace<V>(map: &mut Arc<HashMap<TableName, V>>, gone: &[TableName], found: impl Iterator<Item = (TableName, V)>)
where
    V: Clone,
{
    let map = Arc::make_mut(map);
    for name in gone {
        map.remove(name);
    }
    map.extend(found);
}
