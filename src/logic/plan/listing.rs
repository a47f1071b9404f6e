//! Tables that the shard map is to gain, and what a session says of where their rows are to live.

use crate::logic::shards::{Placement, ShardMap, TableName};
use crate::logic::sql::name::literal;

use super::Refusal;

/// A table that the map is to gain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Its name
    pub table: TableName,
    /// Where its rows are to live
    pub placement: Placement,
}

impl Listing {
    /// Its name as the map has it.
    pub fn name(&self) -> String {
        let TableName { schema, name } = &self.table;
        if **schema == *"public" { name.to_string() } else { format!("{schema}.{name}") }
    }

    /// The line of the map that lists it.
    pub fn line(&self, map: &ShardMap) -> String {
        let placement = match &self.placement {
            Placement::Sharded { keyspace, key } => {
                format!("{{ keyspace = \"{}\", key = \"{key}\" }}", map.keyspace(*keyspace).name)
            }
            Placement::Reference => "\"reference\"".to_owned(),
            Placement::Single(shard) => format!("{{ shard = \"{}\" }}", map.shards[usize::from(shard.0)]),
        };
        format!("\"{}\" = {placement}", self.name())
    }

    /// Its placement as `shardway.new_tables` says it.
    pub fn place(&self, map: &ShardMap) -> String {
        match &self.placement {
            Placement::Sharded { keyspace, key } => format!("{}({key})", map.keyspace(*keyspace).name),
            Placement::Reference => "reference".to_owned(),
            Placement::Single(shard) => format!("shard={}", map.shards[usize::from(shard.0)]),
        }
    }

    /// Fails on a shard where the open transaction has not made the table: IF NOT EXISTS found one of which nobody knows
    /// where its rows are, or the search path leads elsewhere. What is seen of a transaction in progress is its own.
    pub fn check(&self) -> String {
        let TableName { schema, name } = &self.table;
        done(&format!(
            "IF NOT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON \
             n.oid = c.relnamespace WHERE n.nspname = {} AND c.relname = {} AND \
             pg_catalog.txid_status(pg_catalog.txid_current() / 4294967296 * 4294967296 + \
             c.xmin::pg_catalog.text::pg_catalog.int8) = 'in progress') THEN RAISE EXCEPTION USING ERRCODE = '0A000', \
             MESSAGE = {}, DETAIL = {}, HINT = {}; END IF;",
            literal(schema),
            literal(name),
            literal(&format!("table \"{name}\" was not created in schema \"{schema}\"")),
            literal("It is there already without being in the shard map, or the search_path leads to another schema."),
            literal(
                "List the one that is there under tables in the shard map, or write the new one's name with its schema."
            ),
        ))
    }

    /// Fails on a shard where there is something of that name. IF NOT EXISTS would let it be, and what this transaction
    /// has altered looks to `check` as if it were new.
    pub fn check_free(&self) -> String {
        let TableName { schema, name } = &self.table;
        done(&format!(
            "IF EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE \
             n.nspname = {} AND c.relname = {}) THEN RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = {}, DETAIL = {}, \
             HINT = {}; END IF;",
            literal(schema),
            literal(name),
            literal(&format!("table \"{name}\" was not created in schema \"{schema}\"")),
            literal("It is there already without being in the shard map: nobody knows where its rows are."),
            literal("List the one that is there under tables in the shard map."),
        ))
    }
}

/// A block of PL/pgSQL as a statement.
pub fn done(block: &str) -> String {
    format!("DO {}", literal(&format!("BEGIN {block} END")))
}

/// Where `shardway.new_tables` puts new tables: `keyspace(column)`, `reference` or `shard=name`, in the words of the map.
pub fn placement(text: &str, map: &ShardMap) -> Result<Placement, Refusal> {
    let bad = |why: String, hint: String| Err(Refusal::bad_place(text, &why, &hint));
    let known = |what: &str, names: Vec<&str>| format!("The {what}s are {}.", names.join(", "));
    let text = text.trim();
    if text == "reference" {
        return Ok(Placement::Reference);
    }
    if let Some((keyspace, key)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) {
        let (keyspace, key) = (keyspace.trim(), column(key.trim()));
        if key.is_empty() || key.contains(['(', ')', ',']) {
            return bad("One column is the key.".to_owned(), FORMS.to_owned());
        }
        return match map.keyspace_named(keyspace) {
            Some(keyspace) => Ok(Placement::Sharded { keyspace, key }),
            None => {
                let names = map.keyspaces.iter().map(|it| &*it.name).collect();
                bad(format!("There is no keyspace \"{keyspace}\"."), known("keyspace", names))
            }
        };
    }
    let shard = text.strip_prefix("shard").and_then(|text| text.trim_start().strip_prefix('='));
    match shard.map(str::trim) {
        Some(name) => match map.shard_named(name) {
            Some(shard) => Ok(Placement::Single(shard)),
            None => {
                let names = map.shards.iter().map(|it| &**it).collect();
                bad(format!("There is no shard \"{name}\"."), known("shard", names))
            }
        },
        None => bad("It does not say where rows are to live.".to_owned(), FORMS.to_owned()),
    }
}

/// A column as the map writes it, or as SQL does, in quotes.
fn column(text: &str) -> Box<str> {
    match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\"").into(),
        None => text.into(),
    }
}

const FORMS: &str = "Write keyspace(column), reference or shard=name.";
