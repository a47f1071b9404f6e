//! INSERT: the numbers of sequences that its rows take, by the defaults of columns that it leaves out, and whether another
//! shard gives them out, too.

use crate::logic::catalog::{Column, ColumnDefault, Relation, RelationKind};
use crate::logic::shards::{KeyspaceId, ShardId, ShardSet, TableName};
use crate::logic::sql::name::parts_of;
use crate::logic::sql::statement::expression::{Call, Expression};
use crate::logic::sql::statement::{Body, Insert, RelationName};

use super::super::refusal::Refusal;
use super::super::schema::Found;
use super::Survey;
use super::insert::is_plain;
use super::through::{PlaceOfRows, Through};

/// Who takes the numbers of rows that are stored.
pub(super) struct Drawing {
    /// Whose rows they are; a partition's are those of its whole table
    table: Option<TableName>,
    /// The shards that take some: those that may store rows, each with a sequence of its own, and the first one, which is asked
    /// by `SELECT nextval('seq')`
    on: ShardSet,
    /// The column whose numbers the first shard takes for all
    key: Option<Box<str>>,
}

/// It counts for all where no table says more.
const FIRST: ShardId = ShardId(0);

impl Survey<'_> {
    /// Rows of this table are stored.
    pub(in super::super) fn stores_in(&mut self, name: &RelationName, found: &Found<'_>) {
        let table = self.schema.table_name(name);
        match found {
            Found::Sharded { keyspace, key, .. } => self.stores_sharded(table, *keyspace, key),
            Found::Single(shard, _) => self.stores_single(table, *shard),
            // One shard makes the rows of all copies.
            Found::Reference(_)
            | Found::View(..)
            | Found::Sequence
            | Found::System
            | Found::Unlisted
            | Found::Unheard => self.drawing = None,
        }
    }

    /// The same through a view.
    pub(super) fn stores_through(&mut self, through: &Through) {
        match &through.place {
            PlaceOfRows::Sharded(keyspace, key) => self.stores_sharded(through.name.clone(), *keyspace, key),
            PlaceOfRows::Single(shard) => self.stores_single(through.name.clone(), *shard),
        }
    }

    fn stores_sharded(&mut self, table: Option<TableName>, keyspace: KeyspaceId, key: &str) {
        let on = self.schema.map.keyspaces[usize::from(keyspace.0)].all().union(ShardSet::of(FIRST));
        self.drawing = Some(Drawing { table, on, key: Some(Box::from(key)) });
    }

    fn stores_single(&mut self, table: Option<TableName>, shard: ShardId) {
        self.drawing = Some(Drawing { table, on: ShardSet::of(shard).union(ShardSet::of(FIRST)), key: None });
    }

    /// Looks at what makes the values of a column. Those of the key are made by the first shard.
    pub(super) fn with_column<T>(&mut self, column: Option<&str>, look: impl FnOnce(&mut Self) -> T) -> T {
        let is_key = |drawing: &mut Drawing| column.is_some() && drawing.key.as_deref() == column;
        let aside = self.drawing.take_if(is_key);
        let found = look(self);
        self.drawing = aside.or_else(|| self.drawing.take());
        found
    }

    /// `nextval('seq')` makes a value of a row.
    pub(super) fn draws(&mut self, call: &Call) {
        if self.drawing.is_none() {
            return;
        }
        let sequences = self.sequences_named(call).unwrap_or_else(|| {
            // Whichever it is.
            let all = self.schema.catalog.relations.iter().filter(|(_, it)| it.kind == RelationKind::Sequence);
            all.map(|(name, _)| name.clone()).collect()
        });
        self.draws_from(&sequences);
    }

    /// An identity column is left out.
    pub(super) fn draws_identity(&mut self) {
        let table = self.drawing.as_ref().and_then(|drawing| drawing.table.as_ref());
        let sequences = table.map(|table| self.sequences_of(table)).unwrap_or_default();
        self.draws_from(&sequences);
    }

    fn draws_from(&mut self, sequences: &[TableName]) {
        let Some(drawing) = &self.drawing else { return };
        let catalog = self.schema.catalog;
        for name in sequences {
            let Some(sequence) = catalog.relations.get(name) else { continue };
            // A table of one shard has its sequence to itself.
            let home = self.home_of_sequence(name);
            let is_own = home.is_some() && drawing.table.as_ref() == catalog.owners.get(name);
            if !is_own && sequence.alike.intersect(drawing.on).len() > 1 {
                self.meeting.get_or_insert_with(|| Refusal::numbers_alike(name));
            }
        }
    }

    /// Notes the numbers that its rows surely take.
    pub(super) fn insert_numbers(&mut self, insert: &Insert, relation: Option<&Relation>) {
        if let Some(taken) = relation.and_then(|relation| self.taken_by(insert, relation)) {
            self.mark.numbers.take(taken);
        }
    }

    /// The sequences whose numbers the rows of an INSERT surely take, by the defaults of columns that it leaves out; `None`:
    /// it may take none.
    pub(in super::super) fn taken_by(&self, insert: &Insert, relation: &Relation) -> Option<Vec<TableName>> {
        let rows: &[Vec<Expression>] = match &insert.source {
            Some(source) if is_plain(source) => match &source.body {
                Body::Values(rows) => rows,
                Body::Select(_) | Body::SetOperation(..) => return None,
            },
            Some(_) => return None,
            None => &[],
        };
        let is_left_out = |place: usize, column: &Column| match insert.columns.as_slice() {
            [] => rows.first().is_none_or(|row| matches!(row.get(place), None | Some(Expression::Default))),
            listed => match listed.iter().position(|name| *name == column.name) {
                Some(place) => rows.first().is_some_and(|row| matches!(row.get(place), Some(Expression::Default))),
                None => true,
            },
        };
        if relation.has_rules {
            return None;
        }
        let mut taken = None;
        for (_, column) in relation.columns.iter().enumerate().filter(|(place, it)| is_left_out(*place, it)) {
            match &column.default {
                ColumnDefault::Expression(text) => {
                    if let Some(sequence) = sequence_of_default(text) {
                        taken.get_or_insert_with(Vec::new).push(sequence);
                    }
                }
                ColumnDefault::Identity => {
                    let taken = taken.get_or_insert_with(Vec::new);
                    let table = self.schema.table_name(&insert.table);
                    let own = table.map(|table| self.sequences_of(&table)).unwrap_or_default();
                    if let [sequence] = own.as_slice() {
                        taken.push(sequence.clone());
                    }
                }
                ColumnDefault::None | ColumnDefault::Generated => (),
            }
        }
        taken
    }
}

/// `nextval('schema.seq'::regclass)`, as `pg_get_expr` prints the default of a serial column.
fn sequence_of_default(text: &str) -> Option<TableName> {
    let name = text.strip_prefix("nextval('")?.strip_suffix("'::regclass)")?;
    if name.contains('\'') {
        return None;
    }
    let [schema, name] = <[Box<str>; 2]>::try_from(parts_of(name)?).ok()?;
    Some(TableName { schema, name })
}
