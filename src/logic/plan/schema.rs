//! Names to tables: the search path, the catalog and the shard map, as PostgreSQL would look them up.

use crate::logic::body::contained::Contained;
use crate::logic::catalog::{Catalog, ColumnDefault, Relation, RelationKind};
use crate::logic::shards::{KeyspaceId, Placement, ShardId, ShardMap, ShardSet, TableName};
use crate::logic::sql::statement::RelationName;

/// What a plan depends on besides the text.
#[derive(Debug, Clone, Copy)]
pub struct Schema<'a> {
    /// The shard map
    pub map: &'a ShardMap,
    /// Tables, views and functions
    pub catalog: &'a Catalog,
    /// The session's search path, `"$user"` replaced by the user's name
    pub search_path: &'a [Box<str>],
}

/// What a name stands for.
#[derive(Debug)]
pub enum Found<'a> {
    /// Spread over the shards
    Sharded {
        /// Its keyspace
        keyspace: KeyspaceId,
        /// Its key column
        key: &'a str,
        /// What the catalog knows of it
        relation: Option<&'a Relation>,
    },
    /// On every shard
    Reference(Option<&'a Relation>),
    /// On one shard
    Single(ShardId, Option<&'a Relation>),
    /// A view
    View(&'a str, &'a Relation),
    /// A sequence
    Sequence,
    /// Of pg_catalog or information_schema
    System,
    /// In the catalog, but in no line of the map
    Unlisted,
    /// Nobody has heard of it: a temporary table, or an error for PostgreSQL to report
    Unheard,
}

/// A table that every shard has.
#[derive(Debug)]
pub struct Everywhere<'a> {
    /// Its name
    pub table: &'a TableName,
    /// That of the table whose partition it is, or its own
    pub whole: &'a TableName,
    /// The key column; a reference table has none
    pub key: Option<&'a str>,
}

impl<'a> Schema<'a> {
    /// Everything is on one shard.
    pub fn is_one_shard(&self) -> bool {
        self.map.shards.len() == 1
    }

    /// All shards but one.
    pub fn all_but(&self, shard: ShardId) -> ShardSet {
        self.map
            .all_shards()
            .iter()
            .filter(|other| *other != shard)
            .fold(ShardSet::EMPTY, |all, other| all.union(ShardSet::of(other)))
    }

    /// Looks a relation up.
    pub fn find(&self, name: &RelationName) -> Found<'a> {
        match &name.schema {
            Some(schema) => self.find_in(schema, &name.name).unwrap_or(Found::Unheard),
            None => self.path().find_map(|schema| self.find_in(schema, &name.name)).unwrap_or(Found::Unheard),
        }
    }

    /// What the catalog knows of what a name means; of a partition, what it knows of its whole table.
    pub fn relation(&self, name: &RelationName) -> Option<&'a Relation> {
        self.catalog.relations.get(&self.table_name(name)?).map(|relation| &**relation)
    }

    /// The table that a name means; a partition is meant as its whole table.
    pub fn table_name(&self, name: &RelationName) -> Option<TableName> {
        let in_schema = |schema: &str| {
            self.find_in(schema, &name.name)?;
            let table = TableName { schema: Box::from(schema), name: name.name.clone() };
            match self.catalog.relations.get(&table).map(|relation| &relation.kind) {
                Some(RelationKind::Partition(whole)) => Some(whole.clone()),
                Some(
                    RelationKind::Table
                    | RelationKind::View(_)
                    | RelationKind::MaterializedView
                    | RelationKind::Sequence
                    | RelationKind::Foreign,
                )
                | None => Some(table),
            }
        };
        match &name.schema {
            Some(schema) => in_schema(schema),
            None => self.path().find_map(in_schema),
        }
    }

    /// The schemas that are searched. `pg_catalog` comes first unless the path lists it (manual, 5.9.5).
    pub fn path(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let implicit = (!self.lists_pg_catalog()).then_some("pg_catalog");
        implicit.into_iter().chain(self.search_path.iter().map(Box::as_ref))
    }

    /// Unqualified names of types and functions may be someone's own before they are PostgreSQL's.
    pub fn lists_pg_catalog(&self) -> bool {
        self.search_path.iter().any(|schema| schema.as_ref() == "pg_catalog")
    }

    /// The table that an index or a sequence belongs to.
    pub fn owner(&self, name: &RelationName) -> Option<&'a TableName> {
        let owner =
            |schema: &str| self.catalog.owners.get(&TableName { schema: Box::from(schema), name: name.name.clone() });
        match &name.schema {
            Some(schema) => owner(schema),
            None => self.path().find_map(owner),
        }
    }

    /// The tables of the map that all shards have, and their partitions.
    pub fn on_every_shard(&self) -> impl Iterator<Item = Everywhere<'a>> + use<'a> {
        let map = self.map;
        let listed = map.tables.keys().map(|table| (table, table));
        let partitions = self.catalog.relations.iter().filter_map(|(table, relation)| match &relation.kind {
            RelationKind::Partition(whole) => Some((table, whole)),
            RelationKind::Table
            | RelationKind::View(_)
            | RelationKind::MaterializedView
            | RelationKind::Sequence
            | RelationKind::Foreign => None,
        });
        listed.chain(partitions).filter_map(|(table, whole)| match map.tables.get(whole)? {
            Placement::Sharded { key, .. } => Some(Everywhere { table, whole, key: Some(key) }),
            Placement::Reference => Some(Everywhere { table, whole, key: None }),
            Placement::Single(_) => None,
        })
    }

    /// The views in whose definitions one of these names stands, and those in which one of theirs does.
    pub fn add_views(&self, names: &mut Vec<Box<str>>) {
        let views = || {
            self.catalog.relations.iter().filter_map(|(view, relation)| match &relation.kind {
                RelationKind::View(definition) => Some((&view.name, definition)),
                RelationKind::Table
                | RelationKind::Partition(_)
                | RelationKind::MaterializedView
                | RelationKind::Sequence
                | RelationKind::Foreign => None,
            })
        };
        let mut from = 0;
        while from < names.len() {
            let until = names.len();
            for (view, definition) in views().filter(|(view, _)| !names[..until].contains(view)).collect::<Vec<_>>() {
                let is_over = names[from..until].iter().any(|name| definition.contains(&**name));
                if is_over && !names.contains(view) {
                    names.push(view.clone());
                }
            }
            from = until;
        }
    }

    /// What runs the functions among these names unasked or by way of their bodies, as far as one shard runs it unlisted:
    /// functions, tables with such triggers, policies and defaults, tables from which foreign keys lead there, and views.
    pub fn add_runners(&self, names: &mut Vec<Box<str>>) {
        let is_local = |name: &str| {
            let mut local = self.map.local_functions.iter();
            local.any(|it| it.rsplit('.').next() == Some(name))
        };
        let mut found: Vec<Box<str>> =
            names.iter().filter(|it| self.catalog.functions.contains_key(&***it) && !is_local(it)).cloned().collect();
        if found.is_empty() {
            return;
        }
        let mut known = 0;
        while known < found.len() {
            known = found.len();
            for (name, overloads) in self.catalog.functions.iter() {
                let calls = |body: &Contained| found.iter().any(|it| body.names.contains(it));
                if !found.contains(name) && overloads.iter().filter_map(|it| it.contained.as_deref()).any(calls) {
                    found.push(name.clone());
                }
            }
        }
        let mut tables: Vec<Box<str>> = Vec::new();
        for (table, relation) in &self.catalog.relations {
            let triggers = relation.triggers.iter().filter(|it| !self.map.is_local(it));
            let mut triggers = triggers.map(|it| it.split_once('.').map_or(&**it, |(_, name)| name));
            let defaults = relation.columns.iter().filter_map(|column| match &column.default {
                ColumnDefault::Expression(text) => Some(text),
                ColumnDefault::None | ColumnDefault::Generated | ColumnDefault::Identity => None,
            });
            let mut texts = relation.policies.iter().chain(defaults);
            if triggers.any(|it| found.iter().any(|name| **name == *it))
                || texts.any(|text| found.iter().any(|name| text.contains(&**name)))
            {
                tables.push(table.name.clone());
            }
        }
        let mut known = 0;
        while known < tables.len() {
            known = tables.len();
            for (to, keys) in &self.catalog.foreign_keys {
                if !tables.contains(&to.name) && keys.iter().any(|key| tables.contains(&key.from.name)) {
                    tables.push(to.name.clone());
                }
            }
        }
        found.extend(tables);
        self.add_views(&mut found);
        names.extend(found);
        names.sort_unstable();
        names.dedup();
    }

    /// The schema of a relation that the catalog knows.
    pub fn schema_of(&self, name: &RelationName) -> Option<Box<str>> {
        let has = |schema: &&str| {
            let name = TableName { schema: Box::from(*schema), name: name.name.clone() };
            self.catalog.relations.contains_key(&name)
        };
        name.schema.clone().or_else(|| self.path().find(has).map(Box::from))
    }

    fn find_in(&self, schema: &str, name: &str) -> Option<Found<'a>> {
        match schema {
            "information_schema" => Some(Found::System),
            "pg_catalog" => self.catalog.system_relations.contains(name).then_some(Found::System),
            "pg_toast" => Some(Found::System),
            _ => self.find_table(&TableName { schema: Box::from(schema), name: Box::from(name) }),
        }
    }

    fn find_table(&self, table: &TableName) -> Option<Found<'a>> {
        let relation = self.catalog.relations.get(table).map(|relation| &**relation);
        let parent = relation.and_then(|relation| match &relation.kind {
            RelationKind::Partition(parent) => self.map.tables.get(parent),
            RelationKind::Table
            | RelationKind::View(_)
            | RelationKind::MaterializedView
            | RelationKind::Sequence
            | RelationKind::Foreign => None,
        });
        match (self.map.tables.get(table).or(parent), relation) {
            (Some(placement), relation) => Some(match placement {
                Placement::Sharded { keyspace, key } => Found::Sharded { keyspace: *keyspace, key, relation },
                Placement::Reference => Found::Reference(relation),
                Placement::Single(shard) => Found::Single(*shard, relation),
            }),
            (None, Some(relation)) => Some(self.unlisted(relation)),
            (None, None) => None,
        }
    }

    fn unlisted(&self, relation: &'a Relation) -> Found<'a> {
        match &relation.kind {
            RelationKind::View(definition) => Found::View(definition, relation),
            RelationKind::Sequence => Found::Sequence,
            RelationKind::Table
            | RelationKind::Partition(_)
            | RelationKind::MaterializedView
            | RelationKind::Foreign => match self.map.default_shard {
                Some(shard) => Found::Single(shard, Some(relation)),
                None => Found::Unlisted,
            },
        }
    }
}
