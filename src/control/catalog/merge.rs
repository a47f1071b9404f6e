//! Makes one [`Catalog`] of what the shards say, and notices where they differ.
//!
//! Sharded and reference tables are the same on every shard; a table that lives on one shard is taken from there. Of
//! everything else the union counts: a function that is volatile on one shard is volatile.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;
use std::hash::Hasher;
use std::sync::Arc;

use super::read::ShardSchema;
use crate::logic::catalog::{Catalog, Relation};
use crate::logic::protocol::oids::Oids;
use crate::logic::shards::{Placement, ShardId, ShardMap, TableName};

/// One shard's schema, and whose.
pub type OfShard = (ShardId, Arc<ShardSchema>);

/// One catalog of all of them; `shards` holds at least one.
pub fn merge(shards: &[OfShard], map: &ShardMap) -> Catalog {
    let mut catalog = Catalog::default();
    for (_, schema) in shards {
        catalog.system_relations.extend(schema.system_relations.iter().cloned());
        catalog.operators.extend(schema.operators.iter().cloned());
        catalog.owners.extend(schema.owners.iter().map(|(name, owner)| (name.clone(), owner.clone())));
        for (to, foreign_key) in &schema.foreign_keys {
            let known = catalog.foreign_keys.entry(to.clone()).or_default();
            if !known.contains(foreign_key) {
                known.push(foreign_key.clone());
            }
        }
        catalog.leaving.join(&schema.leaving);
        catalog.has_own_comparisons |= schema.has_own_comparisons;
        for (name, overloads) in &schema.functions {
            let known = catalog.functions.entry(name.clone()).or_default();
            let new: Vec<_> = overloads.iter().filter(|it| !known.contains(it)).cloned().collect();
            known.extend(new);
        }
    }
    for name in shards.iter().flat_map(|(_, schema)| schema.relations.keys()).collect::<BTreeSet<_>>() {
        catalog.relations.insert(name.clone(), relation(name, shards, map));
    }
    let known = shards.iter().map(|(_, schema)| schema.settings.clone());
    catalog.settings = known.reduce(|all, of| all.intersection(&of).cloned().collect()).unwrap_or_default();
    catalog.text_order = shards.iter().map(|(_, schema)| schema.text_order).min().unwrap_or_default();
    catalog.search_path = shards.first().map(|(_, schema)| schema.search_path.clone()).unwrap_or_default();
    catalog.defaults = shards.first().map(|(_, schema)| schema.defaults.clone()).unwrap_or_default();
    catalog.oids = oids(shards);
    catalog.version = version(&catalog);
    catalog
}

/// Whose numbers of types are not those of the first shard.
fn oids(shards: &[OfShard]) -> BTreeMap<ShardId, Arc<Oids>> {
    let known = |name: &TableName| shards.iter().find_map(|(_, schema)| schema.types.get(name)).copied();
    let of = |(shard, schema): &OfShard| {
        let pairs = schema.types.iter().filter_map(|(name, oid)| Some((*oid, known(name)?)));
        (*shard, Arc::new(Oids::new(pairs)))
    };
    shards.iter().map(of).filter(|(_, oids)| !oids.is_empty()).collect()
}

/// The relation as its home has it, else as the first shard has it that has it at all.
fn relation(name: &TableName, shards: &[OfShard], map: &ShardMap) -> Relation {
    let home = match map.tables.get(name) {
        Some(Placement::Single(shard)) => Some(*shard),
        Some(Placement::Sharded { .. } | Placement::Reference) => None,
        None => map.default_shard,
    };
    let at_home = shards.iter().filter(|(shard, _)| Some(*shard) == home);
    let mut found = at_home.chain(shards).filter_map(|(_, schema)| schema.relations.get(name));
    let mut relation = found.next().expect("the name comes from one of the shards").clone();
    for other in found {
        relation.has_rules |= other.has_rules;
        relation.reads_as_owner |= other.reads_as_owner;
        union(&mut relation.triggers, &other.triggers);
        union(&mut relation.policies, &other.policies);
        relation.has_partial_unique |= other.has_partial_unique;
        for index in &other.unique_indexes {
            if !relation.unique_indexes.contains(index) {
                relation.unique_indexes.push(index.clone());
            }
        }
    }
    relation
}

fn union(all: &mut Vec<Box<str>>, more: &[Box<str>]) {
    for one in more {
        if !all.contains(one) {
            all.push(one.clone());
        }
    }
}

/// What an operator should know: listed tables that are not the same everywhere. One sentence each, in order.
pub fn differences(shards: &[OfShard], map: &ShardMap) -> Vec<String> {
    let mut found = Vec::new();
    for (name, placement) in map.tables.iter().collect::<BTreeMap<_, _>>() {
        match placement {
            Placement::Sharded { .. } | Placement::Reference => differences_of(name, shards, map, &mut found),
            Placement::Single(_) => (),
        }
    }
    found
}

fn differences_of(name: &TableName, shards: &[OfShard], map: &ShardMap, found: &mut Vec<String>) {
    let table = format!("{}.{}", name.schema, name.name);
    let shard_name = |shard: &ShardId| map.shards.get(usize::from(shard.0)).map_or("?", |it| &**it);
    let Some((first, expected)) = shards.iter().find_map(|(at, it)| Some((at, columns(it.relations.get(name)?))))
    else {
        return found.push(format!("table {table} exists on no shard"));
    };
    for (shard, schema) in shards {
        match schema.relations.get(name).map(columns) {
            None => found.push(format!("table {table} is missing on shard {}", shard_name(shard))),
            Some(columns) if columns != expected => found.push(format!(
                "table {table} has columns ({}) on shard {} and ({columns}) on shard {}",
                expected,
                shard_name(first),
                shard_name(shard),
            )),
            Some(_) => (),
        }
    }
}

fn columns(relation: &Relation) -> String {
    let columns: Vec<String> = relation.columns.iter().map(|it| format!("{} {}", it.name, it.type_name)).collect();
    columns.join(", ")
}

/// Equal for equal contents, in every process of this build.
fn version(catalog: &Catalog) -> u64 {
    let Catalog { version: _, relations, owners, system_relations, functions, operators, .. } = catalog;
    let Catalog { settings, has_own_comparisons, text_order, oids, search_path, foreign_keys, defaults, .. } = catalog;
    let mut hash = Hashing(DefaultHasher::new());
    let written = write!(
        hash,
        "{:?}{:?}{:?}{:?}{:?}{:?}{settings:?}{has_own_comparisons}{text_order:?}{search_path:?}{defaults:?}{:?}",
        sorted(relations),
        sorted(owners),
        sorted(functions),
        sorted(foreign_keys),
        system_relations.iter().collect::<BTreeSet<_>>(),
        operators.iter().collect::<BTreeSet<_>>(),
        oids.iter().map(|(shard, oids)| (shard, oids.numbers())).collect::<Vec<_>>(),
    );
    written.expect("hashing never fails");
    hash.0.finish()
}

fn sorted<K: Ord, V>(map: &HashMap<K, V>) -> BTreeMap<&K, &V> {
    map.iter().collect()
}

/// Hashes what is written to it: a new field of the catalog counts without anyone thinking of it.
struct Hashing(DefaultHasher);

impl Write for Hashing {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::body::Leaves;
    use crate::logic::catalog::{Column, ColumnDefault, Function, FunctionKind, Volatility};

    fn table(columns: &[&str]) -> Relation {
        let column = |name: &&str| Column {
            name: (*name).into(),
            type_oid: 20,
            type_name: "bigint".into(),
            default: ColumnDefault::None,
            is_not_null: true,
            has_loose_equality: false,
            collation: None,
        };
        Relation::plain_table(columns.iter().map(column).collect())
    }

    fn name(name: &str) -> TableName {
        TableName { schema: "public".into(), name: name.into() }
    }

    fn shard(id: u16, tables: &[(&str, &[&str])]) -> OfShard {
        let relations = tables.iter().map(|(table_name, columns)| (name(table_name), table(columns))).collect();
        (ShardId(id), Arc::new(ShardSchema { relations, ..ShardSchema::default() }))
    }

    fn map(tables: &[(&str, Placement)]) -> ShardMap {
        ShardMap {
            shards: vec!["a".into(), "b".into()],
            keyspaces: Vec::new(),
            tables: tables.iter().map(|(table, placement)| (name(table), placement.clone())).collect(),
            default_shard: None,
            local_functions: Vec::new(),
            unique: HashMap::new(),
        }
    }

    #[test]
    fn a_single_table_is_taken_from_its_home() {
        let shards =
            [shard(0, &[("audit", &["old"]), ("t", &["x"])]), shard(1, &[("audit", &["new"]), ("only_b", &["y"])])];
        let catalog = merge(&shards, &map(&[("audit", Placement::Single(ShardId(1)))]));
        assert_eq!(columns(&catalog.relations[&name("audit")]), "new bigint");
        assert_eq!(columns(&catalog.relations[&name("only_b")]), "y bigint");
        assert_eq!(catalog.relations.len(), 3);
    }

    #[test]
    fn of_functions_the_worst_on_any_shard_counts() {
        let with = |id, volatility| {
            let (kind, leaves) = (FunctionKind::Function, Leaves::Nothing);
            let function = Function { schema: "public".into(), volatility, is_native: false, kind, leaves };
            let functions = HashMap::from([("f".into(), vec![function])]);
            (ShardId(id), Arc::new(ShardSchema { functions, ..ShardSchema::default() }))
        };
        let volatilities = |shards: &[OfShard]| -> Vec<_> {
            merge(shards, &map(&[])).functions["f"].iter().map(|it| it.volatility).collect()
        };
        let (immutable, volatile) = (Volatility::Immutable, Volatility::Volatile);
        assert_eq!(volatilities(&[with(0, immutable), with(1, immutable)]), [immutable]);
        assert_eq!(volatilities(&[with(0, immutable), with(1, volatile)]), [immutable, volatile]);
    }

    #[test]
    fn equal_contents_have_equal_versions() {
        let version = |tables: &[(&str, &[&str])]| merge(&[shard(0, tables)], &map(&[])).version;
        let tables: &[(&str, &[&str])] = &[("t", &["x"]), ("u", &["y"])];
        assert_eq!(version(tables), version(&[("u", &["y"]), ("t", &["x"])]));
        assert_ne!(version(tables), version(&[("t", &["x", "z"]), ("u", &["y"])]));
    }

    #[test]
    fn shards_that_differ_are_named() {
        let shards = [
            shard(0, &[("events", &["id"]), ("countries", &["c"]), ("audit", &["a"])]),
            shard(1, &[("events", &["id", "extra"]), ("audit", &["b"])]),
        ];
        let listed = map(&[
            ("events", Placement::Reference),
            ("countries", Placement::Reference),
            ("nowhere", Placement::Reference),
            ("audit", Placement::Single(ShardId(0))),
        ]);
        assert_eq!(
            differences(&shards, &listed),
            [
                "table public.countries is missing on shard b",
                "table public.events has columns (id bigint) on shard a and (id bigint, extra bigint) on shard b",
                "table public.nowhere exists on no shard",
            ]
        );
    }
}
