//! INSERT: the numbers of sequences that its rows take by the defaults of columns that it leaves out.

use crate::logic::catalog::{Column, ColumnDefault, Relation};
use crate::logic::shards::TableName;
use crate::logic::sql::name::parts_of;
use crate::logic::sql::statement::expression::Expression;
use crate::logic::sql::statement::{Body, Insert};

use super::Survey;
use super::insert::is_plain;

impl Survey<'_> {
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
