//! INSERT of rows that belong to several shards: each shard gets its own rows, in the words of the statement.
//!
//! ```sql
//! INSERT INTO events (client_id, at) VALUES (1, now()), (2, $1), (f(3), $2) RETURNING id
//! ask:  SELECT now(), f(3)                                     → $3, $4
//! a:    INSERT INTO events (client_id, at) VALUES (1, $3) RETURNING id
//! b:    INSERT INTO events (client_id, at) VALUES (2, $1), ($4, $2) RETURNING id
//! ```
//!
//! What must be one value for all rows (the time), and keys that are no constants, one server computes first. Nothing else
//! is: a default or `random()` is each row's own affair, wherever it is stored.

use std::ops::Range;

use crate::logic::catalog::{Column, ColumnDefault, Relation};
use crate::logic::sql::name::{literal, quoted};
use crate::logic::sql::statement::expression::Expression;
use crate::logic::sql::statement::{Body, Insert};
use crate::logic::value::{KeyType, LiteralKind, oid};

use super::constants::{Literals, type_name};
use super::layout::{Layout, Moment, Tuple, layout, may_be_moment, moments, tuples};
use super::pieces::{Cut, Piece, Token, tokens};
use super::precomputed::{Asked, is_timeless_key, next_of_identity, timed_default};
use super::schema::Found;
use super::scope::Scope;
use super::survey::{Stored, Survey, Target, has_no_default, is_plain, key_rule, may_fail, position_of_key};
use super::{MomentParams, Place, Refusal, Requirement, Schema, Source, TakenNumbers, Value};

/// An INSERT of rows for several shards.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// Where each row belongs. Its values may be parameters that are asked for
    pub requirement: Requirement,
    /// What stands before the rows
    pub head: Piece,
    /// The rows
    pub rows: Vec<Piece>,
    /// What stands behind them
    pub tail: Piece,
    /// What one server computes first: the parameters behind those of the user, in order
    pub asked: Vec<Piece>,
    /// The type of the key, where a server may be asked for keys that cannot be read here
    pub key_type: Option<Box<str>>,
    /// How many parameters the user has
    pub params: u16,
    /// The types of the parameters, or the names of the results, are only to be had from the statement as a whole
    pub is_described: bool,
    /// RETURNING
    pub returns: bool,
    /// Parameters that no two servers may read as times of their own
    pub moment_params: MomentParams,
    /// It may change settings that we cannot see
    pub taints: bool,
    /// The numbers that it takes, the last of them on the server that computes the keys
    pub numbers: TakenNumbers,
}

impl Split {
    /// What a server is asked for where the key of a row cannot be read here: its type may round it, or the session's settings
    /// say what it means. `None`: it is of a type that is not known, or a cast of it would not do what storing it does.
    pub fn asked_key(&self, row: usize) -> Option<Piece> {
        let Place::Store { keys, .. } = &self.requirement.place else { return None };
        let Value { source, cast } = keys.get(row)?;
        let cast = match cast {
            None => None,
            Some(oid) => Some(type_name(*oid)?),
        };
        let mut piece = Piece::of("(");
        match source {
            Source::Param(number) | Source::SharedParam(number) => piece.push_param(*number),
            Source::Fixed(Some((LiteralKind::String, text))) => piece.push(&literal(text)),
            Source::Fixed(Some((_, text))) => piece.push(text),
            Source::Fixed(None) | Source::Literal { .. } => return None,
        }
        if let Some(cast) = cast {
            piece.push(&format!("::{cast}"));
        }
        piece.push(&format!(")::{}", self.key_type.as_deref()?));
        Some(piece)
    }

    /// Another shard would read this value of a parameter as another moment.
    pub fn check_moment(&self, number: u16, value: &[u8]) -> Result<(), Refusal> {
        if self.moment_params.moves(number, value) { Err(strings()) } else { Ok(()) }
    }
}

fn strings() -> Refusal {
    Refusal::rows_beside("a string like 'now' or 'today' where it may be a time")
}

/// Plans an INSERT … VALUES that stands at `at` in a text.
#[expect(clippy::wildcard_enum_match_arm, reason = "rows of other tables are not spread")]
pub fn split(insert: &Insert, at: &Range<usize>, text: &str, schema: &Schema<'_>) -> Result<Split, Refusal> {
    let (text, start) = (text.get(..at.end).unwrap_or(text), at.start);
    let table = &*insert.table.name;
    let target = match schema.find(&insert.table) {
        Found::Sharded { keyspace, key, relation: relation @ Some(_) } => Target { table, key, keyspace, relation },
        Found::View(..) => return Err(Refusal::view("INSERT", table)),
        _ => return Err(Refusal::rows_beside("a table whose columns are not known")),
    };
    let no_values = [Vec::new()];
    let rows = match &insert.source {
        None => no_values.as_slice(),
        Some(query) => match &query.body {
            Body::Values(rows) if is_plain(query) => rows,
            _ => return Err(Refusal::key_not_carried("INSERT", table, target.key)),
        },
    };
    if insert.with.is_some() {
        return Err(Refusal::rows_beside("WITH"));
    }
    let unread = || Refusal::rows_beside("this way of writing it");
    let tokens = tokens(text).ok_or_else(unread)?;
    let layout = layout(&tokens, insert).ok_or_else(unread)?;
    let found = match &insert.source {
        Some(_) => tuples(&tokens, &layout.source).ok_or_else(unread)?,
        None => vec![Tuple { at: layout.source.clone(), cells: Vec::new() }],
    };
    let is_alike = |(row, tuple): (&Vec<Expression>, &Tuple)| row.len() == tuple.cells.len();
    if rows.len() != found.len() || !rows.iter().zip(&found).all(is_alike) {
        return Err(unread());
    }
    let moments = moments(&tokens);
    // One row is stored as any that comes with its key.
    let is_whole = matches!(rows, [row] if is_timeless_key(insert, row, target));
    let mut survey = Survey::new(*schema, Literals::new(text, None), "INSERT");
    survey.may_spread = true;
    survey.spreads_rows = true;
    survey.is_for_one = is_whole;
    survey.keep_mentions();
    survey.insert(insert, &Scope::default());
    if survey.calls_sets {
        // One row of VALUES is as many as it returns, each with a key of its own; among several rows it is an error.
        return Err(Refusal::rows_of_rows());
    }
    let stored = survey.finish_insert(table)?;
    if moments.len() != stored.moments {
        return Err(unread());
    }
    let relation = target.relation.expect("it was looked for above");
    let table = Table { target, relation, key_type: schema.map.keyspaces[usize::from(target.keyspace.0)].key_type };
    let work = Work { insert, text, start, tokens: &tokens, moments: &moments, is_whole, layout, table, stored };
    work.split(rows, &found, schema)
}

/// The table that is written.
#[derive(Clone, Copy)]
struct Table<'a> {
    target: Target<'a>,
    relation: &'a Relation,
    key_type: KeyType,
}

/// What is known of the statement.
struct Work<'a> {
    insert: &'a Insert,
    text: &'a str,
    start: usize,
    tokens: &'a [Token<'a>],
    moments: &'a [Moment],
    /// One shard stores all of it, and may tell the time
    is_whole: bool,
    layout: Layout,
    table: Table<'a>,
    stored: Stored,
}

/// A column that the statement leaves out, and that has to be given all the same.
struct Added<'a> {
    column: &'a Column,
    /// Its value; `None`: the key, which is another one for each row
    value: Option<Piece>,
}

impl Work<'_> {
    fn split(self, rows: &[Vec<Expression>], tuples: &[Tuple], schema: &Schema<'_>) -> Result<Split, Refusal> {
        let width = rows.first().map_or(0, Vec::len);
        let is_even = rows.iter().all(|row| row.len() == width);
        let mut asked = Asked::behind(self.stored.params());
        let mut replaced = Vec::new();
        for moment in self.moments.iter().filter(|moment| moment.is_time && !self.is_whole) {
            replaced.push((moment.at.clone(), asked.once(Piece::of(&moment.text))?));
        }
        self.check_strings(rows, tuples)?;
        let cut = Cut::new(self.text, self.tokens, replaced);
        let given = self.given(width);
        let added = self.added(&given, &mut asked)?;
        let mut is_computed = false;
        let (mut keys, mut pieces) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
        for (row, tuple) in rows.iter().zip(tuples) {
            let key = self.key(row, tuple, &mut asked)?;
            is_computed |= key.is_computed;
            pieces.push(self.row(row, tuple, &cut, &given, &added, &key, &mut asked)?);
            keys.push(key.value);
        }
        let is_default = is_identity(self.table) && keys.iter().any(|key| asks_for(key, &asked));
        let head = self.head(tuples, &cut, &given, &added, is_default);
        let tail = cut.piece(self.layout.source.end..self.text.len());
        let mut requirement = Requirement {
            table: self.table.target.table.into(),
            place: Place::Store {
                keyspace: self.table.target.keyspace,
                column: self.table.target.key.into(),
                keys,
                rule: key_rule(self.table.target),
                is_conditional: may_fail(rows),
            },
        };
        self.stored.mark(&mut requirement, schema);
        let params = self.stored.params();
        let returns = !self.insert.returning.is_empty();
        let renames = returns && tail.params().any(|number| number > params);
        let is_described = is_computed || renames || !is_even || !self.stored.has_certain_params();
        let (taints, moment_params) = (self.stored.taints, self.stored.moment_params());
        let numbers = self.numbers(schema);
        Ok(Split {
            requirement,
            head,
            rows: pieces,
            tail,
            asked: asked.pieces,
            key_type: self.type_of_key(),
            params,
            is_described,
            returns,
            moment_params,
            taints,
            numbers,
        })
    }

    /// The numbers that keys take by default, unless rows take others where they are stored.
    fn numbers(&self, schema: &Schema<'_>) -> TakenNumbers {
        let Table { target, relation, .. } = self.table;
        let takes = |column: &Column| match &column.default {
            ColumnDefault::Identity => true,
            ColumnDefault::Expression(text) => text.contains("nextval"),
            ColumnDefault::None | ColumnDefault::Generated => false,
        };
        let others = relation.columns.iter().any(|column| *column.name != *target.key && takes(column));
        let text = self.text.to_ascii_lowercase();
        let defaults = relation.columns.iter().filter_map(|column| match &column.default {
            ColumnDefault::Expression(text) => Some(text.as_ref()),
            ColumnDefault::Identity | ColumnDefault::Generated | ColumnDefault::None => None,
        });
        let is_called = |local: &str| {
            let name = local.rsplit('.').next().unwrap_or(local);
            text.contains(name) || defaults.clone().any(|text| text.contains(name))
        };
        let runs_more = relation.runs_unasked() || schema.map.local_functions.iter().any(|local| is_called(local));
        if others || runs_more || text.contains("nextval") {
            return TakenNumbers::default();
        }
        self.stored.numbers.clone()
    }

    /// A cast to `varchar(n)` cuts what cannot be stored.
    fn type_of_key(&self) -> Option<Box<str>> {
        let Table { target, relation, key_type } = self.table;
        let column = relation.columns.iter().find(|column| *column.name == *target.key)?;
        Some(column.type_name.clone()).filter(|name| key_type != KeyType::Text || **name == *"text")
    }

    /// The columns that the values of a row are for.
    fn given(&self, width: usize) -> Vec<Option<&Column>> {
        let columns = &self.table.relation.columns;
        let named = |name: &str| columns.iter().find(|column| &*column.name == name);
        match self.insert.columns.as_slice() {
            [] => columns.iter().take(width).map(Some).collect(),
            listed => listed.iter().map(|name| named(name)).collect(),
        }
    }

    /// The columns left out whose default is one value for the whole statement, and the key if it has a default.
    fn added(&self, given: &[Option<&Column>], asked: &mut Asked) -> Result<Vec<Added<'_>>, Refusal> {
        let mut found = Vec::new();
        for column in &self.table.relation.columns {
            if given.iter().flatten().any(|given| given.name == column.name) {
                continue;
            }
            if *column.name == *self.table.target.key {
                if !has_no_default(self.table.target) {
                    found.push(Added { column, value: None });
                }
            } else if let Some(value) = self.timed_default(column, asked)? {
                found.push(Added { column, value: Some(value) });
            }
        }
        Ok(found)
    }

    /// The default of a column that is one value for the whole statement.
    fn timed_default(&self, column: &Column, asked: &mut Asked) -> Result<Option<Piece>, Refusal> {
        if self.is_whole { Ok(None) } else { timed_default(column, asked) }
    }

    /// The key of a row, and what one server is to be asked for it.
    fn key(&self, row: &[Expression], tuple: &Tuple, asked: &mut Asked) -> Result<RowKey, Refusal> {
        let Table { target, key_type, .. } = self.table;
        let position = position_of_key(&self.insert.columns, target).filter(|position| *position < row.len());
        let computed = |piece: Piece, asked: &mut Asked| {
            let number = asked.anew(piece)?;
            Ok(RowKey { value: Value { source: Source::Param(number), cast: None }, is_computed: true, position })
        };
        match position.map(|position| (&row[position], &tuple.cells[position])) {
            Some((expression, _))
                if !matches!(expression, Expression::Default) && self.insert.overrides_with_default =>
            {
                Err(Refusal::key_left_out(target.table, target.key))
            }
            None | Some((Expression::Default, _)) if has_no_default(target) => {
                Ok(RowKey { value: Value { source: Source::Fixed(None), cast: None }, is_computed: false, position })
            }
            None | Some((Expression::Default, _)) => computed(self.default_of_key()?, asked),
            Some((expression, cell)) => {
                let literals = Literals::new(self.text, None);
                match literals.value(expression) {
                    Some(value) if key_type == KeyType::Text && literals.is_bare_number(&value) => {
                        Err(Refusal::key_not_constant("INSERT", target.table, target.key))
                    }
                    Some(value) => Ok(RowKey { value, is_computed: false, position }),
                    None => computed(Cut::new(self.text, self.tokens, Vec::new()).piece(cell.clone()), asked),
                }
            }
        }
    }

    /// The default of the key, to be computed on the first shard, whose sequence counts for all.
    fn default_of_key(&self) -> Result<Piece, Refusal> {
        let Table { target, relation, .. } = self.table;
        let column = relation.columns.iter().find(|column| *column.name == *target.key);
        match column.map(|column| &column.default) {
            Some(ColumnDefault::Expression(text)) => Ok(Piece::of(text)),
            Some(ColumnDefault::Identity) => Ok(Piece::of(&next_of_identity(&self.insert.table, target.key))),
            Some(ColumnDefault::Generated | ColumnDefault::None) | None => {
                Err(Refusal::key_left_out(target.table, target.key))
            }
        }
    }

    /// One row as its shard gets it.
    #[expect(clippy::too_many_arguments, reason = "the parts of one row")]
    fn row(
        &self,
        row: &[Expression],
        tuple: &Tuple,
        cut: &Cut<'_>,
        given: &[Option<&Column>],
        added: &[Added<'_>],
        key: &RowKey,
        asked: &mut Asked,
    ) -> Result<Piece, Refusal> {
        let mut piece = Piece::of("(");
        let key_param = match (&key.value.source, key.is_computed) {
            (Source::Param(number), true) => Some(*number),
            _ => None,
        };
        for (position, (value, cell)) in row.iter().zip(&tuple.cells).enumerate() {
            if position > 0 {
                piece.push(", ");
            }
            let timed = match (value, given.get(position).copied().flatten()) {
                (Expression::Default, Some(column)) => self.timed_default(column, asked)?,
                _ => None,
            };
            match (key_param.filter(|_| key.position == Some(position)), timed) {
                (Some(number), _) => piece.push_param(number),
                (None, Some(timed)) => piece.push_piece(&timed),
                (None, None) => piece.push_piece(&cut.piece(cell.clone())),
            }
        }
        for (number, added) in added.iter().enumerate() {
            if number > 0 || !row.is_empty() {
                piece.push(", ");
            }
            match (&added.value, key_param) {
                (Some(value), _) => piece.push_piece(value),
                (None, Some(number)) => piece.push_param(number),
                (None, None) => piece.push("DEFAULT"),
            }
        }
        // DEFAULT VALUES of a table without a default that matters.
        if row.is_empty() && added.is_empty() {
            piece.push("DEFAULT");
        }
        piece.push(")");
        Ok(piece)
    }

    /// What stands before the rows, with the columns that are added.
    fn head(
        &self,
        tuples: &[Tuple],
        cut: &Cut<'_>,
        given: &[Option<&Column>],
        added: &[Added<'_>],
        is_default: bool,
    ) -> Piece {
        let Layout { named, columns_end, has_overriding, source, .. } = &self.layout;
        let first = tuples.first().map_or(source.end, |tuple| tuple.at.start);
        let names = |columns: &mut dyn Iterator<Item = &Column>| {
            columns.map(|column| quoted(&column.name)).collect::<Vec<_>>().join(", ")
        };
        let mut added_columns = added.iter().map(|added| added.column);
        let mut head = Piece::default();
        let listed = match columns_end {
            Some(end) if added.is_empty() => end + 1,
            Some(end) => {
                head.push_piece(&cut.piece(self.start..*end));
                head.push(&format!(", {})", names(&mut added_columns)));
                end + 1
            }
            // PostgreSQL says that these are too many.
            None if given.len() == self.table.relation.columns.len()
                && tuples.iter().any(|tuple| tuple.cells.len() > given.len()) =>
            {
                *named
            }
            // Whatever is changed meanwhile: each value is for the column for which it was looked at.
            None => {
                let mut all = given.iter().copied().flatten().chain(added_columns);
                head.push_piece(&cut.piece(self.start..*named));
                let mut list = names(&mut all);
                if list.is_empty() {
                    list = quoted(self.table.target.key);
                }
                head.push(&format!(" ({list})"));
                *named
            }
        };
        let before = if head.is_empty() { self.start } else { listed };
        head.push_piece(&cut.piece(before..source.start));
        if is_default && !has_overriding {
            head.push(" OVERRIDING SYSTEM VALUE ");
        }
        match self.insert.source {
            Some(_) => head.push_piece(&cut.piece(source.start..first)),
            None => head.push("VALUES "),
        }
        head
    }

    /// Strings that mean a moment are another one on every shard.
    fn check_strings(&self, rows: &[Vec<Expression>], tuples: &[Tuple]) -> Result<(), Refusal> {
        let given = self.given(rows.first().map_or(0, Vec::len));
        let mut harmless = Vec::new();
        for (row, tuple) in rows.iter().zip(tuples) {
            for (position, (value, cell)) in row.iter().zip(&tuple.cells).enumerate() {
                let column = given.get(position).copied().flatten();
                let is_bare = matches!(value, Expression::Constant(_) | Expression::Param(_));
                if is_bare && column.is_some_and(|column| !tells_time(column.type_oid)) {
                    harmless.push(cell.clone());
                }
            }
        }
        let mut suspects = self.tokens.iter().filter(|token| may_be_moment(token));
        let is_harmless = |token: &&Token<'_>| {
            let after = harmless.partition_point(|cell| cell.start <= token.start);
            after.checked_sub(1).is_some_and(|before| harmless[before].contains(&token.start))
        };
        if suspects.any(|token| !is_harmless(&token)) { Err(strings()) } else { Ok(()) }
    }
}

/// The key of a row.
struct RowKey {
    value: Value,
    /// It is a parameter that one server is asked for
    is_computed: bool,
    /// Where it stands in the row
    position: Option<usize>,
}

fn asks_for(key: &Value, asked: &Asked) -> bool {
    matches!(key.source, Source::Param(number) if asked.has(number))
}

fn is_identity(table: Table<'_>) -> bool {
    let column = table.relation.columns.iter().find(|column| *column.name == *table.target.key);
    column.is_some_and(|column| column.default == ColumnDefault::Identity)
}

/// date, time, timestamp, timestamptz, timetz; and types of the user's own, which may be made of them.
fn tells_time(type_oid: u32) -> bool {
    oid::TIMES.contains(&type_oid) || type_oid >= oid::FIRST_OF_USERS
}
