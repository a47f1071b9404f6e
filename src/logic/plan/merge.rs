//! Queries over several shards whose rows come sorted from each and are merged, and those that want some rows of many.
//!
//! ```sql
//! each:  SELECT kind, at AS …, id AS shardway_key_1 FROM events ORDER BY id DESC LIMIT $1
//! merge: order by #3 desc · skip 20 · take 10
//! ```
//!
//! Each shard sends the rows that may be among those wanted, its sort keys behind the columns that were asked for. A
//! shard's rows are told apart as those of a fan-out are; the order is one that `logic::merge` knows exactly.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::logic::catalog::{Column, Relation, TextOrder};
use crate::logic::merge::{Direction, Fold, SortKey};
use crate::logic::sql::name::quoted;
use crate::logic::sql::parse::sorted::{self, By, Item, Printed, Sorted, sorted};
use crate::logic::sql::statement::{Alias, RelationName};
use crate::logic::value::oid;

use super::constants::type_oid;
use super::fanout::fanout;
use super::pieces::has_new_numbers;
use super::reduce::params_of;
use super::schema::Found;
use super::{Access, Requirement, Schema};

/// A query whose rows are merged.
#[derive(Debug, Clone, PartialEq)]
pub struct Merge {
    /// Which shards
    pub requirement: Requirement,
    /// May replicas run it?
    pub access: Access,
    /// What each of them is asked. Its parameters are those of the user, then the number of rows wanted
    pub text: Box<str>,
    /// The parameters of the user that it names
    pub params: Vec<u16>,
    /// How many columns the client gets
    pub columns: u16,
    /// Those of a star have been counted
    pub has_star: bool,
    /// The columns behind them: what the rows are sorted by, none where any order will do
    pub keys: Vec<SortKey>,
    /// Each shard has one row, and the client gets one: what becomes of each column. Else empty
    pub folds: Vec<Fold>,
    /// LIMIT
    pub limit: Option<Bound>,
    /// OFFSET
    pub offset: Option<Bound>,
    /// What is learned when it runs
    pub learned: Learned,
}

/// A number of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Written in the text
    Rows(u64),
    /// A parameter, and the type that it is cast to
    Param(u16, Option<u32>),
}

/// What shards said when they were asked: one of the keys is of a type that only PostgreSQL can order.
#[derive(Debug, Clone, Default)]
pub struct Learned(Arc<AtomicBool>);

impl PartialEq for Learned {
    /// It is no part of the plan.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Learned {
    /// From now on such queries are gathered.
    pub fn is_unsuited(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Merge {
    /// Nothing is known against it.
    pub fn is_suited(&self) -> bool {
        !self.learned.0.load(Ordering::Relaxed)
    }

    /// The highest number among the user's parameters.
    pub fn params_max(&self) -> u16 {
        let of = |bound: &Option<Bound>| match bound {
            Some(Bound::Param(number, _)) => *number,
            Some(Bound::Rows(_)) | None => 0,
        };
        let own = self.params.last().copied().unwrap_or_default();
        own.max(of(&self.limit)).max(of(&self.offset))
    }

    /// The same for whatever columns the tables have by now, if none have been counted: what sorts rows is what shards say of
    /// them, but for collations, which they do not tell.
    pub fn of_new_columns(&self) -> Option<Self> {
        let keys = || self.keys.iter().map(|key| SortKey { is_text_by_bytes: false, ..*key }).collect();
        (!self.has_star).then(|| Self { keys: keys(), learned: Learned::default(), ..self.clone() })
    }

    /// The shards are told how many rows are wanted.
    pub fn is_limited(&self) -> bool {
        self.limit.is_some()
    }
}

/// The plan, if merging is right. `text` is the statement alone.
pub fn merge(text: &str, schema: &Schema<'_>) -> Option<Merge> {
    let sorted = sorted(text).filter(|_| !has_new_numbers(text))?;
    let tables = Tables::of(&sorted, schema)?;
    let columns = tables.count(&sorted.items)?;
    let (mut listed, mut keys) = (sorted.targets.to_string(), Vec::new());
    for (number, key) in sorted.keys.iter().enumerate() {
        let (text, is_text_by_bytes) = tables.key(&key.by, &sorted)?;
        let _infallible = write!(listed, ", {text} AS shardway_key_{}", number + 1);
        let direction = Direction { is_descending: key.is_descending, is_nulls_first: key.is_nulls_first };
        keys.push(SortKey { direction, is_text_by_bytes });
    }
    let distinct = if sorted.is_distinct { "DISTINCT " } else { "" };
    let rows = format!("SELECT {distinct}{listed} {}", sorted.rows);
    let fanout = fanout(&rows, schema)?;
    let params = params_of(&rows, schema)?;
    let limit = bound(&sorted.limit)?;
    let offset = bound(&sorted.offset)?;
    // Elsewhere PostgreSQL could find another type for such a parameter.
    let is_shared = |bound: &Option<Bound>| matches!(bound, Some(Bound::Param(number, _)) if params.contains(number));
    if is_shared(&limit) || is_shared(&offset) {
        return None;
    }
    let mut merge = Merge {
        requirement: fanout.requirement,
        access: fanout.access,
        text: Box::default(),
        params: params.into_iter().collect(),
        columns,
        has_star: sorted.items.iter().any(|item| matches!(item, Item::Star(_))),
        keys,
        folds: Vec::new(),
        limit,
        offset,
        learned: Learned::default(),
    };
    let mut text = rows;
    if !sorted.order_by.is_empty() {
        let _infallible = write!(text, " {}", sorted.order_by);
    }
    if merge.is_limited() {
        let _infallible = write!(text, " LIMIT ${}", merge.params_max().checked_add(1)?);
    }
    merge.text = text.into();
    Some(merge)
}

fn bound(bound: &sorted::Bound) -> Option<Option<Bound>> {
    Some(match bound {
        sorted::Bound::None => None,
        sorted::Bound::Rows(rows) => Some(Bound::Rows(*rows)),
        sorted::Bound::Param(number, None) => Some(Bound::Param(*number, None)),
        sorted::Bound::Param(number, Some(cast)) => Some(Bound::Param(*number, Some(type_oid(cast)?))),
    })
}

/// The tables of a FROM and their columns.
struct Tables<'a> {
    all: Vec<(&'a RelationName, &'a Alias, Option<&'a Relation>)>,
    /// FROM holds nothing else
    is_plain: bool,
    text_order: TextOrder,
}

impl<'a> Tables<'a> {
    fn of(sorted: &'a Sorted, schema: &Schema<'a>) -> Option<Self> {
        let known = |name| match schema.find(name) {
            Found::Sharded { relation, .. } | Found::Reference(relation) | Found::Single(_, relation) => relation,
            Found::View(_, relation) => Some(relation),
            Found::Sequence | Found::System | Found::Unlisted | Found::Unheard => None,
        };
        let all = sorted.tables.iter().map(|(name, alias)| (name, alias, known(name))).collect();
        // A collation by the name of PostgreSQL's own could be another one.
        let text_order = if schema.lists_pg_catalog() { TextOrder::Unknown } else { schema.catalog.text_order };
        Some(Self { all, is_plain: sorted.has_plain_tables, text_order })
    }

    /// The columns that a star stands for, each as SQL.
    fn star(&self, of: Option<&str>) -> Option<Vec<String>> {
        let mut found = Vec::new();
        let mut is_found = false;
        for (name, alias, relation) in &self.all {
            let visible = alias.name.as_ref().unwrap_or(&name.name);
            if of.is_some_and(|of| of != &**visible) {
                continue;
            }
            is_found = true;
            let relation = relation.filter(|it| alias.columns.is_empty() && !it.columns.is_empty())?;
            found.extend(relation.columns.iter().map(|it| format!("{}.{}", quoted(visible), quoted(&it.name))));
        }
        (is_found && (of.is_some() || self.is_plain)).then_some(found)
    }

    /// How many columns a select list makes.
    fn count(&self, items: &[Item]) -> Option<u16> {
        let of = |item: &Item| match item {
            Item::Star(of) => self.star(of.as_deref()).map(|columns| columns.len()),
            Item::One(_) => Some(1),
        };
        u16::try_from(items.iter().map(of).sum::<Option<usize>>()?).ok()
    }

    /// A sort key as SQL; whether its collation, if it is text, orders it by its bytes. `None`: it is certainly of a type
    /// that only PostgreSQL can order, or stands for something that is not known here.
    fn key(&self, by: &By, sorted: &Sorted) -> Option<(String, bool)> {
        match by {
            By::Item(place) => match &sorted.items[*place] {
                Item::One(printed) => self.expression(printed),
                Item::Star(_) => None,
            },
            By::Expression(printed) => self.expression(printed),
            // A star of one table could hold the name where another table has it too.
            By::Bare(printed) => {
                let stars = sorted.items.iter().any(|item| matches!(item, Item::Star(Some(_))));
                if stars && (self.all.len() > 1 || !self.is_plain) { None } else { self.expression(printed) }
            }
            By::Position(position) => self.position(*position, &sorted.items),
        }
    }

    fn position(&self, position: usize, items: &[Item]) -> Option<(String, bool)> {
        let mut left = position.checked_sub(1)?;
        for item in items {
            match item {
                Item::One(printed) if left == 0 => return self.expression(printed),
                Item::One(_) => left -= 1,
                Item::Star(of) => {
                    let columns = self.star(of.as_deref())?;
                    match columns.get(left) {
                        // The qualified name finds the column again.
                        Some(column) => return self.column_of_star(of.as_deref(), left).map(|is| (column.clone(), is)),
                        None => left -= columns.len(),
                    }
                }
            }
        }
        None
    }

    fn column_of_star(&self, of: Option<&str>, place: usize) -> Option<bool> {
        let visible = |(name, alias, _): &&(&RelationName, &Alias, _)| {
            of.is_none_or(|of| of == &**alias.name.as_ref().unwrap_or(&name.name))
        };
        let columns =
            self.all.iter().filter(visible).filter_map(|(_, _, relation)| *relation).flat_map(|it| &it.columns);
        self.column(columns.into_iter().nth(place)?)
    }

    fn expression(&self, printed: &Printed) -> Option<(String, bool)> {
        let by_bytes = match (&printed.collation, &printed.column) {
            (Some(collation), _) => self.is_by_bytes(collation),
            (None, Some(parts)) => match self.find(parts) {
                Some(column) => self.column(column)?,
                None => self.is_all_by_bytes() && !printed.has_collations,
            },
            (None, None) => self.is_all_by_bytes() && !printed.has_collations,
        };
        Some((printed.text.to_string(), by_bytes))
    }

    fn is_by_bytes(&self, collation: &[Box<str>]) -> bool {
        let name = match collation {
            [name] => &**name,
            [schema, name] if &**schema == "pg_catalog" => &**name,
            _ => return false,
        };
        matches!(name, "C" | "POSIX") && self.text_order != TextOrder::Unknown
    }

    /// The column of a name, where there is but one table.
    fn find(&self, parts: &[Box<str>]) -> Option<&'a Column> {
        let [(name, alias, Some(relation))] = self.all.as_slice() else { return None };
        let column = match parts {
            [column] => column,
            [table, column] if table == alias.name.as_ref().unwrap_or(&name.name) => column,
            _ => return None,
        };
        let is_renamed = !alias.columns.is_empty() || !self.is_plain;
        relation.columns.iter().find(|it| it.name == *column && !is_renamed)
    }

    /// Is a column, if it is text, ordered by its bytes? `None`: it is of a type that only PostgreSQL can order.
    fn column(&self, column: &Column) -> Option<bool> {
        let is_text_by_bytes = self.is_column_by_bytes(column);
        let direction = Direction { is_descending: false, is_nulls_first: false };
        SortKey { direction, is_text_by_bytes }.kind(column.type_oid).map(|_| is_text_by_bytes)
    }

    fn is_column_by_bytes(&self, column: &Column) -> bool {
        match column.collation.as_deref() {
            _ if column.type_oid >= oid::FIRST_OF_USERS => false,
            None => self.text_order == TextOrder::Bytes,
            Some(r#"pg_catalog."C""# | r#"pg_catalog."POSIX""#) => self.text_order != TextOrder::Unknown,
            Some(_) => false,
        }
    }

    /// Whatever text is made of these tables' columns, it is ordered by its bytes.
    fn is_all_by_bytes(&self) -> bool {
        let of = |relation: &Option<&Relation>| {
            relation.is_some_and(|relation| relation.columns.iter().all(|column| self.is_column_by_bytes(column)))
        };
        self.is_plain && self.text_order == TextOrder::Bytes && self.all.iter().all(|(_, _, relation)| of(relation))
    }
}
