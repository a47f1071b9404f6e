//! The types that generated columns and expressions have, and the few values of each that data and statements share.

use super::choices::Choices;

/// A type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Int4,
    Text,
    Bool,
    Int8,
    Int2,
    /// Of any scale: equal values may look different
    Numeric,
    /// numeric(10,2)
    Money,
    Float8,
    Float4,
    /// text COLLATE "en-x-icu"
    Icu,
    Varchar,
    Char,
    Date,
    Timestamp,
    Timestamptz,
    Time,
    Interval,
    Uuid,
    Bytea,
    Jsonb,
    IntArray,
    TextArray,
    Mood,
    Range,
    Inet,
    Timetz,
    Bit,
    /// A domain over integer
    Positive,
}

use Kind::{
    Bit, Bool, Bytea, Char, Date, Float4, Float8, Icu, Inet, Int2, Int4, Int8, IntArray, Interval, Jsonb, Money, Mood,
    Numeric, Positive, Range, Text, TextArray, Time, Timestamp, Timestamptz, Timetz, Uuid, Varchar,
};

/// All of them.
pub const ALL: [Kind; 28] = [
    Int4,
    Text,
    Bool,
    Int8,
    Int2,
    Numeric,
    Money,
    Float8,
    Float4,
    Icu,
    Varchar,
    Char,
    Date,
    Timestamp,
    Timestamptz,
    Time,
    Interval,
    Uuid,
    Bytea,
    Jsonb,
    IntArray,
    TextArray,
    Mood,
    Range,
    Inet,
    Timetz,
    Bit,
    Positive,
];

impl Kind {
    /// As CREATE TABLE takes it.
    pub fn of_column(self) -> &'static str {
        match self {
            Icu => "text COLLATE \"en-x-icu\"",
            Money => "numeric(10,2)",
            Varchar => "varchar(8)",
            Char => "char(5)",
            other => other.name(),
        }
    }

    /// As a cast takes it.
    pub fn name(self) -> &'static str {
        match self {
            Int4 => "integer",
            Text | Icu => "text",
            Bool => "boolean",
            Int8 => "bigint",
            Int2 => "smallint",
            Numeric | Money => "numeric",
            Float8 => "double precision",
            Float4 => "real",
            Varchar => "varchar",
            Char => "char(5)",
            Date => "date",
            Timestamp => "timestamp",
            Timestamptz => "timestamptz",
            Time => "time",
            Interval => "interval",
            Uuid => "uuid",
            Bytea => "bytea",
            Jsonb => "jsonb",
            IntArray => "integer[]",
            TextArray => "text[]",
            Mood => "mood",
            Range => "int4range",
            Inet => "inet",
            Timetz => "timetz",
            Bit => "bit(3)",
            Positive => "positive",
        }
    }

    /// The names of columns of this type.
    pub fn column_names(self) -> [&'static str; 2] {
        match self {
            Int4 => ["i", "j"],
            Text => ["t", "note"],
            Bool => ["b", "flag"],
            Int8 => ["big", "l"],
            Int2 => ["small", "s"],
            Numeric => ["n", "num"],
            Money => ["price", "total"],
            Float8 => ["f", "x"],
            Float4 => ["r", "y"],
            Icu => ["word", "w"],
            Varchar => ["v", "v2"],
            Char => ["c", "Code"],
            Date => ["d", "day"],
            Timestamp => ["at", "ts"],
            Timestamptz => ["tz", "seen"],
            Time => ["clock", "tm"],
            Interval => ["iv", "gap"],
            Uuid => ["u", "uid"],
            Bytea => ["raw", "bytes"],
            Jsonb => ["js", "doc"],
            IntArray => ["ia", "list"],
            TextArray => ["ta", "tags"],
            Mood => ["m", "mood"],
            Range => ["span", "rg"],
            Inet => ["ip", "net"],
            Timetz => ["dawn", "dusk"],
            Bit => ["bits", "mask"],
            Positive => ["qty", "rank"],
        }
    }

    /// Values, without quotes. Few, so that they meet.
    pub fn values(self) -> &'static [&'static str] {
        match self {
            Int4 | Int8 | Int2 => &["1", "0", "2", "3", "5", "7", "10", "42", "-3", "100"],
            Text | Icu => &["a", "", "b", "A", "B", "ab", "abc", "ä", "z", "Z", "10", "2", "a b", "it''s", "Äpfel"],
            Bool => &["true", "false"],
            Numeric => &["1", "0", "1.0", "1.50", "2.5", "-3", "100.001", "NaN", "Infinity"],
            Money => &["1.00", "0.00", "1.50", "-2.25", "10.00", "99.99"],
            Float8 => &["1", "0", "1.5", "-2.25", "100", "-0", "NaN", "Infinity", "-Infinity"],
            Float4 => &["1", "0", "1.5", "-2.25", "100", "-0", "NaN"],
            Varchar => &["a", "b", "", "A", "abc", "10"],
            Char => &["a", "b", "", "ab", "A"],
            Date => &["2024-01-01", "2023-12-31", "2024-02-29", "2024-06-15", "1999-01-01", "infinity"],
            Timestamp => {
                &["2024-01-01 00:00:00", "2024-03-31 02:30:00", "2023-12-31 23:59:59.999999", "2024-06-15 12:00:00"]
            }
            Timestamptz => &[
                "2024-01-01 00:00:00+00",
                "2024-03-31 01:30:00+00",
                "2023-12-31 23:30:00-05",
                "2024-11-03 06:30:00+00",
            ],
            Time => &["00:00:00", "12:30:00", "23:59:59.5"],
            Interval => &["1 day", "00:00:00", "-2 hours", "1 year 2 mons", "3 days 04:05:06"],
            Uuid => &[
                "00000000-0000-0000-0000-000000000001",
                "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
                "ffffffff-ffff-ffff-ffff-ffffffffffff",
            ],
            Bytea => &["\\x", "\\x00", "\\x0102", "\\xff"],
            Jsonb => &["{\"a\": 1}", "{}", "null", "[1, 2]", "{\"a\": \"x\", \"b\": [true]}", "7"],
            IntArray => &["{}", "{1}", "{1,2}", "{2,NULL}", "{1,2,3}"],
            TextArray => &["{}", "{a}", "{a,b}", "{NULL,\"x y\"}"],
            Mood => &["ok", "sad", "happy"],
            Range => &["[1,5)", "empty", "[3,)", "(,2)"],
            Inet => &["10.0.0.1", "10.0.0.0/8", "::1"],
            Timetz => &["10:00:00+00", "12:00:00+02", "10:00:00-05", "23:59:59.999999+00"],
            Bit => &["000", "101", "111"],
            Positive => &["1", "2", "7", "42"],
        }
    }

    /// Equal values may look different.
    pub fn is_mixed(self) -> bool {
        matches!(self, Numeric | Float8 | Float4)
    }

    /// Any kind of text.
    pub fn is_text(self) -> bool {
        matches!(self, Text | Icu | Varchar | Char)
    }

    /// Has min and max.
    pub fn has_extremes(self) -> bool {
        !matches!(self, Bool | Uuid | Bytea | Jsonb | Range | Bit | Positive)
    }
}

/// A random value of a kind, without quotes.
pub fn value(choices: &mut Choices, kind: Kind) -> &'static str {
    choices.value(kind.values())
}

/// A random value as a literal that has its type.
pub fn literal(choices: &mut Choices, kind: Kind) -> String {
    let value = value(choices, kind);
    match kind {
        Int4 | Bool if !value.starts_with('-') => value.to_owned(),
        Text | Icu if choices.one_in(12) => format!("'{value}'"),
        _ => format!("'{value}'::{}", kind.name()),
    }
}
