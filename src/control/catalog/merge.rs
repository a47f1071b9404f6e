//! Makes one [`Catalog`] of what the shards say, and notices where they differ.
//!
//! Sharded and reference tables are the same on every shard; a table that lives on one shard is taken from there. Of
//! everything else the union counts: a function that is volatile on one shard is volatile.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::read::ShardSchema;
use crate::logic::catalog::{Catalog, Column, ColumnDefault, Counts, Function, Relation};
use crate::logic::protocol::oids::Oids;
use crate::logic::shards::{Placement, ShardId, ShardMap, ShardSet, TableName};

/// One shard's schema, and whose.
pub type OfShard = (ShardId, Arc<ShardSchema>);

/// Merges, and takes over from the merge before what none of the shards has changed.
#[derive(Default)]
pub struct Merger {
    last: Option<Last>,
    hashes: Hashes,
}

struct Last {
    shards: Vec<OfShard>,
    map: Arc<ShardMap>,
    catalog: Arc<Catalog>,
}

impl Merger {
    /// One catalog of all of them; `shards` holds at least one.
    pub fn merge(&mut self, shards: Vec<OfShard>, map: &Arc<ShardMap>) -> Arc<Catalog> {
        let mut catalog = Catalog {
            relations: self.relations(&shards, map),
            owners: self.shared(&shards, |it| &it.owners, |it| &it.owners, join),
            functions: self.shared(&shards, |it| &it.functions, |it| &it.functions, join_functions),
            system_relations: self.shared(&shards, |it| &it.system_relations, |it| &it.system_relations, join),
            settings: self.shared(
                &shards,
                |it| &it.settings,
                |it| &it.settings,
                |all, part| all.retain(|it| part.contains(it)),
            ),
            ..Catalog::default()
        };
        catalog.timeless_types = shards.first().map(|(_, schema)| schema.timeless_types.clone()).unwrap_or_default();
        for (_, schema) in &shards {
            catalog.timeless_types.retain(|name| schema.timeless_types.contains(name));
            catalog.unasked.join(&schema.unasked);
            for (to, foreign_key) in &schema.foreign_keys {
                let known = catalog.foreign_keys.entry(to.clone()).or_default();
                if !known.contains(foreign_key) {
                    known.push(foreign_key.clone());
                }
            }
            catalog.leaving.join(&schema.leaving);
            catalog.has_own_comparisons |= schema.has_own_comparisons;
            catalog.shadowing_types.extend(schema.shadowing_types.iter().cloned());
        }
        catalog.text_order = shards.iter().map(|(_, schema)| schema.text_order).min().unwrap_or_default();
        catalog.search_path = shards.first().map(|(_, schema)| schema.search_path.clone()).unwrap_or_default();
        catalog.defaults = shards.first().map(|(_, schema)| schema.defaults.clone()).unwrap_or_default();
        // Connections to any of them begin with what is set there.
        catalog.defaults.version =
            shards.iter().fold(0, |sum: u64, (_, schema)| sum.rotate_left(1) ^ schema.defaults.version);
        catalog.oids = oids(&shards);
        catalog.version = self.hashes.version(&catalog);
        let catalog = Arc::new(catalog);
        self.last = Some(Last { shards, map: Arc::clone(map), catalog: Arc::clone(&catalog) });
        catalog
    }

    fn relations(&self, shards: &[OfShard], map: &Arc<ShardMap>) -> HashMap<TableName, Arc<Relation>> {
        if let [(_, only)] = shards {
            return only.relations.clone();
        }
        let last = self.last.as_ref().filter(|last| Arc::ptr_eq(&last.map, map));
        let mut relations = HashMap::new();
        for name in shards.iter().flat_map(|(_, schema)| schema.relations.keys()) {
            if !relations.contains_key(name) {
                let of = |schema: &ShardSchema| schema.relations.get(name).map(Arc::as_ptr);
                let known = last.filter(|last| is_same(&last.shards, shards, of));
                let known = known.and_then(|last| last.catalog.relations.get(name)).cloned();
                relations.insert(name.clone(), known.unwrap_or_else(|| relation(name, shards, map)));
            }
        }
        relations
    }

    /// What the shards share with the last merge, or with each other.
    fn shared<T: PartialEq + Clone + Default>(
        &self,
        shards: &[OfShard],
        of: impl Fn(&ShardSchema) -> &Arc<T>,
        of_catalog: impl Fn(&Catalog) -> &Arc<T>,
        join: impl Fn(&mut T, &T),
    ) -> Arc<T> {
        if let Some(last) = &self.last
            && is_same(&last.shards, shards, |schema| Arc::as_ptr(of(schema)))
        {
            return Arc::clone(of_catalog(&last.catalog));
        }
        let mut parts = shards.iter().map(|(_, schema)| of(schema));
        let mut all = parts.next().map(Arc::clone).unwrap_or_default();
        for part in parts.filter(|part| **part != all).collect::<Vec<_>>() {
            join(Arc::make_mut(&mut all), part);
        }
        all
    }
}

/// Is this part of all shards still what it was?
fn is_same<P: PartialEq>(before: &[OfShard], after: &[OfShard], part: impl Fn(&ShardSchema) -> P) -> bool {
    let is_same = |((one, old), (other, new)): (&OfShard, &OfShard)| one == other && part(old) == part(new);
    before.len() == after.len() && before.iter().zip(after).all(is_same)
}

fn join<T: Clone + Extend<<T as IntoIterator>::Item> + IntoIterator>(all: &mut T, part: &T) {
    all.extend(part.clone());
}

fn join_functions(all: &mut Functions, part: &Functions) {
    for (name, overloads) in part {
        let known = all.entry(name.clone()).or_default();
        let new: Vec<_> = overloads.iter().filter(|it| !known.contains(it)).cloned().collect();
        known.extend(new);
    }
}

type Functions = HashMap<Box<str>, Vec<Function>>;

/// Whose numbers of types are not those of the first shard.
fn oids(shards: &[OfShard]) -> BTreeMap<ShardId, Arc<Oids>> {
    let known = |name: &TableName| shards.iter().find_map(|(_, schema)| schema.types.get(name)).copied();
    let of = |(shard, schema): &OfShard| {
        let pairs = schema.types.iter().filter_map(|(name, oid)| Some((*oid, known(name)?)));
        (*shard, Arc::new(Oids::new(pairs)))
    };
    shards.iter().map(of).filter(|(_, oids)| !oids.is_empty()).collect()
}

/// The relation as its home has it, else as the first shard has it that has it at all; and which lack it.
fn relation(name: &TableName, shards: &[OfShard], map: &ShardMap) -> Arc<Relation> {
    let home = match map.tables.get(name) {
        Some(Placement::Single(shard)) => Some(*shard),
        Some(Placement::Sharded { .. } | Placement::Reference) => None,
        None => map.default_shard,
    };
    let at_home = shards.iter().filter(|(shard, _)| Some(*shard) == home);
    let mut found = at_home.chain(shards).filter_map(|(_, schema)| schema.relations.get(name));
    let mut merged = Arc::clone(found.next().expect("the name comes from one of the shards"));
    for other in found {
        if **other == *merged {
            continue;
        }
        let relation = Arc::make_mut(&mut merged);
        relation.has_rules |= other.has_rules;
        relation.reads_as_owner |= other.reads_as_owner;
        relation.is_unlogged |= other.is_unlogged;
        union(&mut relation.triggers, &other.triggers);
        union(&mut relation.fired.insert, &other.fired.insert);
        union(&mut relation.fired.delete, &other.fired.delete);
        union(&mut relation.fired.truncate, &other.fired.truncate);
        union(&mut relation.checks, &other.checks);
        union(&mut relation.reads, &other.reads);
        union(&mut relation.policies, &other.policies);
        for index in &other.unique_indexes {
            if !relation.unique_indexes.contains(index) {
                relation.unique_indexes.push(index.clone());
            }
        }
    }
    let lacks = |(_, schema): &&OfShard| !schema.relations.contains_key(name);
    let absent: ShardSet = shards.iter().filter(lacks).map(|(shard, _)| *shard).collect();
    if !absent.is_empty() {
        Arc::make_mut(&mut merged).absent = absent;
    }
    let alike = alike(name, shards);
    if !alike.is_empty() {
        Arc::make_mut(&mut merged).alike = alike;
    }
    merged
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
            Placement::Sharded { key, .. } => {
                differences_of(name, shards, map, &mut found);
                found.extend(numbers_alike(name, key, shards));
            }
            Placement::Reference => differences_of(name, shards, map, &mut found),
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
        match schema.relations.get(name).map(|relation| columns(relation)) {
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

/// The shards where a sequence gives out numbers that it gives out on another of them, too.
fn alike(sequence: &TableName, shards: &[OfShard]) -> ShardSet {
    let counts = |(shard, schema): &OfShard| Some((*shard, schema.relations.get(sequence)?.counts?));
    let all: Vec<(ShardId, Counts)> = shards.iter().filter_map(counts).collect();
    let meets = |(shard, counts): &&(ShardId, Counts)| {
        all.iter().any(|(other, others)| other != shard && !Counts::keep_apart(&[*counts, *others]))
    };
    all.iter().filter(meets).map(|(shard, _)| *shard).collect()
}

/// Sequences of a table that give out the same numbers on several shards: made on each by itself. That of the key alone is
/// asked on the first shard for all.
fn numbers_alike(name: &TableName, key: &str, shards: &[OfShard]) -> Vec<String> {
    let Some((_, first)) = shards.first() else { return Vec::new() };
    let own = |it: &&TableName| first.owners.get(*it) == Some(name);
    let counting = first.relations.iter().filter(|(_, it)| it.counts.is_some()).map(|(name, _)| name);
    let sequences: BTreeSet<&TableName> = counting.filter(own).collect();
    let has_numbers = |column: &Column| *column.name == *key && column.default != ColumnDefault::None;
    if sequences.len() == 1 && first.relations.get(name).is_some_and(|it| it.columns.iter().any(has_numbers)) {
        return Vec::new();
    }
    let are_alike = |sequence: &&TableName| !alike(sequence, shards).is_empty();
    let told = |sequence: &TableName| {
        format!(
            "the sequence {}.{} of table {}.{} gives out the same numbers on several shards: `shardway check --live` prints what to run",
            sequence.schema, sequence.name, name.schema, name.name
        )
    };
    sequences.into_iter().filter(are_alike).map(told).collect()
}

fn columns(relation: &Relation) -> String {
    let columns: Vec<String> = relation.columns.iter().map(|it| format!("{} {}", it.name, it.type_name)).collect();
    columns.join(", ")
}

/// Hashes of the large parts of the last catalog, with what they are of.
#[derive(Default)]
struct Hashes {
    relations: HashMap<TableName, (Arc<Relation>, u64)>,
    functions: Option<(Arc<Functions>, u64)>,
}

impl Hashes {
    /// Equal for equal contents, in every process of this build.
    fn version(&mut self, catalog: &Catalog) -> u64 {
        let Catalog { version: _, relations, owners, system_relations, functions, leaving, .. } = catalog;
        let Catalog {
            settings,
            unasked,
            has_own_comparisons,
            shadowing_types,
            timeless_types,
            oids,
            text_order,
            foreign_keys,
            defaults,
            search_path,
            ..
        } = catalog;
        let parts = [
            self.of_relations(relations),
            self.of_functions(functions),
            of_all(owners.iter()),
            of_all(system_relations.iter()),
            of_all(settings.iter()),
            of_all(leaving.called.iter()),
            of_all(leaving.written.iter()),
            of_all(foreign_keys.iter()),
            of_all(oids.iter().map(|(shard, oids)| (shard, oids.numbers()))),
        ];
        let types = (shadowing_types, timeless_types);
        hash_of((parts, unasked, has_own_comparisons, types, text_order, defaults, search_path))
    }

    fn of_relations(&mut self, relations: &HashMap<TableName, Arc<Relation>>) -> u64 {
        self.relations.retain(|name, _| relations.contains_key(name));
        let mut sum = 0_u64;
        for (name, relation) in relations {
            let hash = match self.relations.get(name) {
                Some((known, hash)) if Arc::ptr_eq(known, relation) => *hash,
                Some(_) | None => {
                    let hash = hash_of((name, relation));
                    self.relations.insert(name.clone(), (Arc::clone(relation), hash));
                    hash
                }
            };
            sum = sum.wrapping_add(hash);
        }
        sum
    }

    fn of_functions(&mut self, functions: &Arc<Functions>) -> u64 {
        match &self.functions {
            Some((known, hash)) if Arc::ptr_eq(known, functions) => *hash,
            Some(_) | None => {
                let hash = of_all(functions.iter());
                self.functions = Some((Arc::clone(functions), hash));
                hash
            }
        }
    }
}

/// Of things in any order.
fn of_all<T: Hash>(all: impl Iterator<Item = T>) -> u64 {
    all.map(hash_of).fold(0, u64::wrapping_add)
}

fn hash_of(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::body::leaves::Leaves;
    use crate::logic::catalog::{FunctionKind, RelationKind, Volatility};
    use crate::logic::shards::KeyspaceId;

    fn table(columns: &[&str]) -> Relation {
        let column = |name: &&str| Column {
            name: (*name).into(),
            type_oid: 20,
            type_name: "bigint".into(),
            default: ColumnDefault::None,
            is_not_null: true,
            has_loose_equality: false,
            collation: None,
            is_steady: true,
        };
        Relation::plain_table(columns.iter().map(column).collect())
    }

    fn name(name: &str) -> TableName {
        TableName { schema: "public".into(), name: name.into() }
    }

    fn shard(id: u16, tables: &[(&str, &[&str])]) -> OfShard {
        let of = |(table_name, columns): &(&str, &[&str])| (name(table_name), Arc::new(table(columns)));
        let relations = tables.iter().map(of).collect();
        (ShardId(id), Arc::new(ShardSchema { relations, ..ShardSchema::default() }))
    }

    fn map(tables: &[(&str, Placement)]) -> Arc<ShardMap> {
        Arc::new(ShardMap {
            shards: vec!["a".into(), "b".into()],
            keyspaces: Vec::new(),
            tables: tables.iter().map(|(table, placement)| (name(table), placement.clone())).collect(),
            default_shard: None,
            local_functions: Vec::new(),
            unique: HashMap::new(),
        })
    }

    fn merge(shards: &[OfShard], map: &Arc<ShardMap>) -> Arc<Catalog> {
        Merger::default().merge(shards.to_vec(), map)
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
            let schema = "public".into();
            let function =
                Function { schema, volatility, is_native: false, kind, returns_set: false, leaves, contained: None };
            let functions = Arc::new(HashMap::from([("f".into(), vec![function])]));
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
    fn sequences_that_count_alike_are_named() {
        let counting = |id: u16, (start, step): (i64, i64)| {
            let (shard, schema) = shard(id, &[("orders", &["client", "id"])]);
            let mut schema = ShardSchema::clone(&schema);
            let counts = Some(Counts { start, step });
            let sequence = Relation { kind: RelationKind::Sequence, counts, ..Relation::plain_table(Vec::new()) };
            schema.relations.insert(name("numbers"), Arc::new(sequence));
            schema.owners = Arc::new(HashMap::from([(name("numbers"), name("orders"))]));
            (shard, Arc::new(schema))
        };
        let listed = map(&[("orders", Placement::Sharded { keyspace: KeyspaceId(0), key: "client".into() })]);
        let told = |a, b| differences(&[counting(0, a), counting(1, b)], &listed).len();
        assert_eq!([told((1, 1), (1, 1)), told((1, 64), (65, 64)), told((1, 64), (2, 32))], [1, 1, 1]);
        assert_eq!([told((1, 64), (2, 64)), told((-1, -64), (-2, -64))], [0, 0]);
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
