//! Writes through a view of one table, which PostgreSQL turns into writes to the table: where its rows belong. What the view
//! does with them (its WHERE, CHECK OPTION, columns that cannot be written) is its server's affair.

use std::collections::HashMap;

use crate::logic::catalog::{Column, ColumnDefault, Relation, RelationKind};
use crate::logic::shards::{KeyspaceId, ShardId, TableName};
use crate::logic::sql::statement::expression::Expression;
use crate::logic::sql::statement::{Body, Distinct, FromItem, Query, RelationName, Select};

use super::super::schema::Found;
use super::super::scope::Scope;
use super::Survey;

/// The table behind a view, as the view shows it.
pub(super) struct Through {
    /// The table's name, for messages
    pub table: Box<str>,
    /// The table
    pub name: Option<TableName>,
    /// What the catalog knows of the table, by the view's names: its columns first, then those that it does not show
    pub relation: Relation,
    /// Where its rows are
    pub place: PlaceOfRows,
}

/// Where the rows of a table are.
pub(super) enum PlaceOfRows {
    /// By this key, as the view calls it
    Sharded(KeyspaceId, Box<str>),
    /// On one shard
    Single(ShardId),
}

impl PlaceOfRows {
    /// The sharding key.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Sharded(_, key) => Some(key),
            Self::Single(_) => None,
        }
    }
}

impl Survey<'_> {
    /// What a write to a view writes to. `None`: it needs more than one table, or more than one shard may have to take part.
    pub(super) fn through(&mut self, view: &RelationName) -> Option<Through> {
        let Found::View(definition, of_view) = self.find(view) else { return None };
        let is_for_several = self.may_write_across || self.mentions.is_some();
        if is_for_several || self.schema.is_one_shard() || of_view.has_rules || !of_view.triggers.is_empty() {
            return None;
        }
        self.of_catalog(definition, |this, query| this.through_query(query, of_view)).flatten()
    }

    fn through_query(&mut self, query: &Query, of_view: &Relation) -> Option<Through> {
        let Query { with: None, body: Body::Select(select), order_by, limits, is_locking: false, .. } = query else {
            return None;
        };
        let FromItem::Table { name, alias, sample: None } = only_table(select)? else { return None };
        let is_plain = order_by.is_empty() && limits.is_empty() && alias.columns.is_empty() && !name.is_only;
        if !is_plain || !select.filter.iter().all(|filter| self.needs_no_rows(filter)) {
            return None;
        }
        let (place, table) = match self.find(name) {
            Found::Sharded { keyspace, key, relation } => (Ok((keyspace, key)), relation?),
            Found::Single(shard, relation) => (Err(shard), relation?),
            Found::Reference(_)
            | Found::View(..)
            | Found::Sequence
            | Found::System
            | Found::Unlisted
            | Found::Unheard => return None,
        };
        let acts = self.schema.table_name(name).is_none_or(|name| self.schema.catalog.foreign_keys.contains_key(&name));
        // Their definitions tell columns by the names of the table.
        let has_definitions = table.has_partial_unique();
        if acts || has_definitions || table.kind != RelationKind::Table || !table.policies.is_empty() {
            return None;
        }
        let mut shown = HashMap::new();
        for (column, target) in of_view.columns.iter().zip(&select.targets) {
            match shown_by(&target.value, table) {
                // Shown twice, it could be written by either name.
                Some(of_table) if shown.insert(&*of_table.name, column).is_some() => return None,
                Some(_) => (),
                None if self.needs_no_rows(&target.value) => (),
                None => return None,
            }
        }
        // So do triggers, by the columns that they set.
        let renames = shown.iter().any(|(of_table, column)| **of_table != *column.name);
        if renames && !table.triggers.is_empty() {
            return None;
        }
        let place = match place {
            // A default of the view's own would come before that of the table.
            Ok((keyspace, key)) => {
                let column = shown.get(key).filter(|column| column.default == ColumnDefault::None)?;
                PlaceOfRows::Sharded(keyspace, column.name.clone())
            }
            Err(shard) => PlaceOfRows::Single(shard),
        };
        let mut relation = renamed(table, of_view, &shown);
        if let PlaceOfRows::Sharded(_, key) = &place {
            // A transaction that has changed its default is seen to write to the table, and not to the view.
            let of_key = relation.columns.iter_mut().filter(|column| column.name == *key);
            of_key.for_each(|column| column.default = ColumnDefault::Identity);
        }
        Some(Through { table: name.name.clone(), name: self.schema.table_name(name), relation, place })
    }

    /// It looks at the row alone. What its functions do counts as part of the statement.
    fn needs_no_rows(&mut self, expression: &Expression) -> bool {
        let before = self.subqueries.len();
        self.visit(expression, &Scope::default());
        self.subqueries.len() == before
    }
}

/// The only item of the FROM of a view whose rows are those of a table.
fn only_table(select: &Select) -> Option<&FromItem> {
    let Select { distinct: Distinct::No, having: None, has_grouping_sets: false, from, group_by, windows, .. } = select
    else {
        return None;
    };
    from.first().filter(|_| from.len() == 1 && group_by.is_empty() && windows.is_empty())
}

/// The column that a view shows as it is.
#[expect(clippy::wildcard_enum_match_arm, reason = "everything else is computed")]
fn shown_by<'t>(value: &Expression, table: &'t Relation) -> Option<&'t Column> {
    match value {
        Expression::Column(parts) => table.columns.iter().find(|column| parts.last() == Some(&column.name)),
        _ => None,
    }
}

/// The table as the view shows it.
fn renamed(table: &Relation, of_view: &Relation, shown: &HashMap<&str, &Column>) -> Relation {
    // No statement can name what the view does not show.
    let name_of = |name: &str| shown.get(name).map_or_else(|| format!("\0{name}").into(), |it| it.name.clone());
    let as_shown = |column: &Column| {
        let of_table = table.columns.iter().find(|it| shown.get(&*it.name).is_some_and(|it| it.name == column.name));
        match of_table {
            Some(of_table) if column.default == ColumnDefault::None => {
                Column { name: column.name.clone(), ..of_table.clone() }
            }
            // One that the view gives a default of its own, and one that it computes.
            Some(_) | None => column.clone(),
        }
    };
    let hidden = table
        .columns
        .iter()
        .filter(|column| shown.get(&*column.name).is_none_or(|of_view| of_view.default != ColumnDefault::None));
    let hidden = hidden.map(|column| Column { name: format!("\0{}", column.name).into(), ..column.clone() });
    let mut relation = table.clone();
    relation.columns = of_view.columns.iter().map(as_shown).chain(hidden).collect();
    let rename = |names: &mut Vec<Box<str>>| names.iter_mut().for_each(|name| *name = name_of(name));
    relation.unique_keys.iter_mut().for_each(rename);
    relation.primary_key.iter_mut().for_each(rename);
    for index in &mut relation.unique_indexes {
        rename(&mut index.columns);
    }
    relation
}
