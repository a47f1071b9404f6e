//! One row of whole numbers from each shard, made into one row.

use crate::logic::protocol::frame::server;
use crate::logic::protocol::write;
use crate::logic::value::oid;

use super::ordered::{Broken, Heads, Step, field};

/// What becomes of a column. NULL, of a shard without rows, changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// The sum of all, a bigint
    Sum,
    /// The least
    Least,
    /// The greatest
    Greatest,
}

impl Fold {
    /// As plans print it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Least => "min",
            Self::Greatest => "max",
        }
    }

    /// Can it be done with values of this type?
    pub fn is_of(self, type_oid: u32) -> bool {
        match self {
            Self::Sum => type_oid == oid::INT8,
            Self::Least | Self::Greatest => matches!(type_oid, oid::INT2 | oid::INT4 | oid::INT8),
        }
    }

    fn of(self, one: i64, other: i64) -> Option<i64> {
        match self {
            Self::Sum => one.checked_add(other),
            Self::Least => Some(one.min(other)),
            Self::Greatest => Some(one.max(other)),
        }
    }
}

/// A column, and what has come of it so far.
#[derive(Debug)]
struct Column {
    fold: Fold,
    /// Bytes of a value in binary, `None` in text
    width: Option<usize>,
    value: Option<i64>,
}

/// The machine: takes a row of each shard, then gives one.
#[derive(Debug)]
pub struct Folded {
    columns: Vec<Column>,
    /// Whose row has been taken
    taken: Vec<bool>,
    /// A sum is beyond bigint
    pub is_out_of_range: bool,
}

impl Folded {
    /// Over so many shards. Each column with its type and whether its values are in binary; `None`: a type that is none
    /// of these.
    pub fn new(columns: impl Iterator<Item = (Fold, u32, bool)>, shards: usize) -> Option<Self> {
        let column = |(fold, type_oid, is_binary): (Fold, u32, bool)| {
            let width = match type_oid {
                oid::INT2 => 2,
                oid::INT4 => 4,
                _ => 8,
            };
            fold.is_of(type_oid).then_some(Column { fold, width: is_binary.then_some(width), value: None })
        };
        let columns = columns.map(column).collect::<Option<_>>()?;
        Some(Self { columns, taken: vec![false; shards], is_out_of_range: false })
    }

    /// Takes what has come. The row is passed on to `out` when all shards have given theirs.
    pub fn step(&mut self, shards: &mut [impl Heads], out: &mut Vec<u8>) -> Result<Step, Broken> {
        for (taken, shard) in self.taken.iter_mut().zip(shards.iter_mut()).filter(|(taken, _)| !**taken) {
            let Some(body) = shard.rows().first() else { continue };
            let length = body.len();
            self.is_out_of_range |= !take(&mut self.columns, body)?;
            shard.rows().pop(length);
            *taken = true;
        }
        let lacking = || self.taken.iter().zip(shards.iter()).filter(|(taken, _)| !**taken);
        if lacking().any(|(_, shard)| shard.has_ended()) {
            return Err(Broken);
        }
        if lacking().next().is_some() {
            return Ok(Step::Wants);
        }
        if !self.is_out_of_range {
            self.give(out);
        }
        Ok(Step::Done)
    }

    fn give(&self, out: &mut Vec<u8>) {
        write::frame(out, server::DATA_ROW, |out| {
            out.extend_from_slice(&(self.columns.len() as u16).to_be_bytes());
            for Column { width, value, .. } in &self.columns {
                match (value, width) {
                    (None, _) => out.extend_from_slice(&(-1_i32).to_be_bytes()),
                    (Some(value), Some(width)) => {
                        out.extend_from_slice(&(*width as i32).to_be_bytes());
                        out.extend_from_slice(&value.to_be_bytes()[8 - width..]);
                    }
                    (Some(value), None) => {
                        let text = value.to_string();
                        out.extend_from_slice(&(text.len() as i32).to_be_bytes());
                        out.extend_from_slice(text.as_bytes());
                    }
                }
            }
        });
    }
}

/// Takes a row in. `false`: a sum is beyond bigint.
fn take(columns: &mut [Column], body: &[u8]) -> Result<bool, Broken> {
    let (count, mut rest) = body.split_first_chunk::<2>().ok_or(Broken)?;
    if usize::from(u16::from_be_bytes(*count)) != columns.len() {
        return Err(Broken);
    }
    let mut is_in_range = true;
    for Column { fold, width, value } in columns {
        let found;
        (found, rest) = field(rest)?;
        let Some(bytes) = found else { continue };
        let number = match width {
            Some(width) => binary(bytes, *width)?,
            None => std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()).ok_or(Broken)?,
        };
        match value.map_or(Some(number), |value| fold.of(value, number)) {
            Some(folded) => *value = Some(folded),
            None => is_in_range = false,
        }
    }
    Ok(is_in_range)
}

/// An integer of so many bytes.
fn binary(bytes: &[u8], width: usize) -> Result<i64, Broken> {
    if bytes.len() != width {
        return Err(Broken);
    }
    let sign = if bytes.first().is_some_and(|byte| byte >> 7 == 1) { -1 } else { 0 };
    Ok(bytes.iter().fold(sign, |number, byte| number << 8 | i64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::merge::Rows;

    struct Shard(Rows, bool);

    impl Heads for Shard {
        fn rows(&mut self) -> &mut Rows {
            &mut self.0
        }

        fn has_ended(&self) -> bool {
            self.1
        }
    }

    fn row(values: &[Option<&[u8]>]) -> Vec<u8> {
        let mut out = Vec::new();
        write::frame(&mut out, server::DATA_ROW, |out| {
            out.extend_from_slice(&(values.len() as u16).to_be_bytes());
            for value in values {
                out.extend_from_slice(&value.map_or(-1, |value| value.len() as i32).to_be_bytes());
                out.extend_from_slice(value.unwrap_or_default());
            }
        });
        out
    }

    fn shard(values: &[Option<&[u8]>]) -> Shard {
        let mut shard = Shard(Rows::default(), false);
        shard.0.push(&row(values));
        shard
    }

    fn folded(columns: &[(Fold, u32, bool)], shards: usize) -> Folded {
        Folded::new(columns.iter().copied(), shards).expect("these are integers")
    }

    #[test]
    fn rows_of_text_and_binary_become_one() {
        let columns = [
            (Fold::Sum, oid::INT8, false),
            (Fold::Least, oid::INT4, true),
            (Fold::Greatest, oid::INT2, false),
            (Fold::Sum, oid::INT8, true),
        ];
        let mut all = [
            shard(&[Some(b"40"), Some(&(-7_i32).to_be_bytes()), None, None]),
            shard(&[Some(b"2"), Some(&5_i32.to_be_bytes()), Some(b"-3"), None]),
        ];
        let mut out = Vec::new();
        assert_eq!(folded(&columns, 2).step(&mut all, &mut out), Ok(Step::Done));
        assert_eq!(out, row(&[Some(b"42"), Some(&(-7_i32).to_be_bytes()), Some(b"-3"), None]));
    }

    #[test]
    fn it_waits_for_the_last_shard_and_sees_one_that_has_no_row() {
        let mut all = [shard(&[Some(b"1")]), Shard(Rows::default(), false)];
        let (mut machine, mut out) = (folded(&[(Fold::Sum, oid::INT8, false)], 2), Vec::new());
        assert_eq!(machine.step(&mut all, &mut out), Ok(Step::Wants));
        all[1].1 = true;
        assert_eq!(machine.step(&mut all, &mut out), Err(Broken));
        assert!(out.is_empty());
    }

    #[test]
    fn a_sum_beyond_bigint_is_not_given() {
        let most = i64::MAX.to_string();
        let mut all = [shard(&[Some(most.as_bytes())]), shard(&[Some(b"1")])];
        let (mut machine, mut out) = (folded(&[(Fold::Sum, oid::INT8, false)], 2), Vec::new());
        assert_eq!(machine.step(&mut all, &mut out), Ok(Step::Done));
        assert!(machine.is_out_of_range && out.is_empty());
    }

    #[test]
    fn other_types_are_left_alone() {
        assert!(Folded::new([(Fold::Sum, oid::NUMERIC, false)].into_iter(), 2).is_none());
        assert!(Folded::new([(Fold::Sum, oid::INT4, false)].into_iter(), 2).is_none());
        assert!(Folded::new([(Fold::Least, oid::TEXT, false)].into_iter(), 2).is_none());
    }
}
