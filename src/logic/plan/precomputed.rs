//! What one server computes before rows are stored on several: the time, numbers, keys.

use crate::logic::catalog::{Column, ColumnDefault};
use crate::logic::sql::name::{literal, qualified};
use crate::logic::sql::statement::expression::Expression;
use crate::logic::sql::statement::{Insert, RelationName};

use super::Refusal;
use super::layout::{may_be_moment, moments};
use super::pieces::{Cut, Piece, tokens};
use super::survey::{Target, position_of_key};

/// What one server is asked: each text once.
pub struct Asked {
    first: u16,
    pub pieces: Vec<Piece>,
}

impl Asked {
    /// Behind so many parameters of the user.
    pub fn behind(params: u16) -> Self {
        Self { first: params + 1, pieces: Vec::new() }
    }

    /// The parameter that will be this.
    pub fn once(&mut self, piece: Piece) -> Result<u16, Refusal> {
        match self.pieces.iter().position(|known| *known == piece) {
            Some(at) => Ok(self.first + at as u16),
            None => self.anew(piece),
        }
    }

    /// The same, computed once more.
    pub fn anew(&mut self, piece: Piece) -> Result<u16, Refusal> {
        let number = u16::try_from(self.pieces.len()).ok().and_then(|count| self.first.checked_add(count));
        self.pieces.push(piece);
        number.filter(|number| *number < u16::MAX).ok_or_else(|| Refusal::rows_beside("so many values to be computed"))
    }

    /// It is this parameter, or comes behind it.
    pub fn has(&self, number: u16) -> bool {
        number >= self.first
    }
}

/// The default of a column that tells the time, with the time as a parameter.
pub fn timed_default(column: &Column, asked: &mut Asked) -> Result<Option<Piece>, Refusal> {
    let ColumnDefault::Expression(text) = &column.default else { return Ok(None) };
    let unread = || Refusal::rows_beside(&format!("the default of column \"{}\"", column.name));
    let tokens = tokens(text).ok_or_else(unread)?;
    if tokens.iter().any(may_be_moment) {
        return Err(unread());
    }
    let mut replaced = Vec::new();
    for moment in moments(&tokens).into_iter().filter(|moment| moment.is_time) {
        replaced.push((moment.at, asked.once(Piece::of(&moment.text))?));
    }
    if replaced.is_empty() {
        return Ok(None);
    }
    let mut value = Piece::of("(");
    value.push_piece(&Cut::new(text, &tokens, replaced).piece(0..text.len()));
    value.push(")");
    Ok(Some(value))
}

/// The next number of an identity column.
pub fn next_of_identity(table: &RelationName, column: &str) -> String {
    let name = qualified(table.schema.as_deref(), &table.name);
    format!("pg_catalog.nextval(pg_catalog.pg_get_serial_sequence({}, {}))", literal(&name), literal(column))
}

/// The key of a row is given as it is, or made by a default that tells no time.
pub fn is_timeless_key(insert: &Insert, row: &[Expression], target: Target<'_>) -> bool {
    const TIMELESS: [&str; 3] = ["nextval(", "gen_random_uuid(", "uuid_generate_v4("];
    let given = position_of_key(&insert.columns, target).and_then(|position| row.get(position));
    let columns = target.relation.map(|relation| relation.columns.as_slice()).unwrap_or_default();
    let column = columns.iter().find(|column| *column.name == *target.key);
    match (given, column.map(|column| &column.default)) {
        (Some(Expression::Constant(_) | Expression::Param(_)), _) => true,
        (None | Some(Expression::Default), Some(ColumnDefault::Identity)) => true,
        (None | Some(Expression::Default), Some(ColumnDefault::Expression(text))) => {
            let tells_none = |text: &str| tokens(text).is_some_and(|tokens| moments(&tokens).is_empty());
            TIMELESS.iter().any(|begin| text.starts_with(begin)) && tells_none(text)
        }
        (None | Some(_), _) => false,
    }
}
