//! An answer of the console: columns and rows.

use std::borrow::Cow;

/// The type of a column, as PgBouncer sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// text
    Text,
    /// integer
    Int4,
    /// bigint
    Int8,
    /// numeric; ours are whole numbers
    Numeric,
    /// boolean: 0 or 1
    Bool,
}

impl Kind {
    /// The type's OID in `pg_type`.
    pub fn oid(self) -> u32 {
        match self {
            Self::Text => 25,
            Self::Int4 => 23,
            Self::Int8 => 20,
            Self::Numeric => 1700,
            Self::Bool => 16,
        }
    }

    /// The type's size in bytes, -1 where values differ.
    pub fn size(self) -> i16 {
        match self {
            Self::Text | Self::Numeric => -1,
            Self::Int4 => 4,
            Self::Int8 => 8,
            Self::Bool => 1,
        }
    }
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name
    pub name: Cow<'static, str>,
    /// Its type
    pub kind: Kind,
}

impl Column {
    /// A column of text.
    pub const fn text(name: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), kind: Kind::Text }
    }

    /// A column of integers.
    pub const fn int4(name: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), kind: Kind::Int4 }
    }

    /// A column of large integers.
    pub const fn int8(name: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), kind: Kind::Int8 }
    }

    /// A column of numbers as PgBouncer's statistics have them.
    pub const fn numeric(name: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), kind: Kind::Numeric }
    }
}

/// Columns that are the same for all answers of a kind, or made for one.
pub type Columns = Cow<'static, [Column]>;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Nothing; never where a number is
    Null,
    /// In a column of text
    Text(Cow<'static, str>),
    /// In any other
    Number(i64),
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<Box<str>> for Cell {
    fn from(text: Box<str>) -> Self {
        Self::Text(String::from(text).into())
    }
}

impl From<&'static str> for Cell {
    fn from(text: &'static str) -> Self {
        Self::Text(text.into())
    }
}

impl From<&Box<str>> for Cell {
    fn from(text: &Box<str>) -> Self {
        Self::Text(text.to_string().into())
    }
}

impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl From<u64> for Cell {
    /// A number that is too large for its column stays the largest.
    fn from(number: u64) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<u32> for Cell {
    fn from(number: u32) -> Self {
        Self::Number(i64::from(number))
    }
}

impl From<u16> for Cell {
    fn from(number: u16) -> Self {
        Self::Number(i64::from(number))
    }
}

impl From<i32> for Cell {
    fn from(number: i32) -> Self {
        Self::Number(i64::from(number))
    }
}

impl From<usize> for Cell {
    fn from(number: usize) -> Self {
        Self::from(number as u64)
    }
}

impl From<bool> for Cell {
    fn from(flag: bool) -> Self {
        Self::Number(i64::from(flag))
    }
}

/// Columns and rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The columns
    pub columns: Columns,
    /// Each row has a cell for each column
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// With these rows.
    pub fn new(columns: &'static [Column], rows: Vec<Vec<Cell>>) -> Self {
        let table = Self { columns: Cow::Borrowed(columns), rows };
        debug_assert!(table.is_whole(), "a row does not fit its columns: {table:?}");
        table
    }

    /// One row of one text.
    pub fn one(name: impl Into<Cow<'static, str>>, value: impl Into<Cow<'static, str>>) -> Self {
        let column = Column { name: name.into(), kind: Kind::Text };
        Self { columns: Cow::Owned(vec![column]), rows: vec![vec![Cell::Text(value.into())]] }
    }

    /// Every row has a cell of the right kind for each column.
    fn is_whole(&self) -> bool {
        self.rows.iter().all(|row| {
            row.len() == self.columns.len()
                && row.iter().zip(self.columns.iter()).all(|(cell, column)| match cell {
                    Cell::Null | Cell::Text(_) => column.kind == Kind::Text,
                    Cell::Number(_) => column.kind != Kind::Text,
                })
        })
    }
}
