//! Shard-key values: decoded from text and binary, compared and hashed exactly as PostgreSQL does.
//!
//! Never guesses: what depends on a setting of the session or on the server's version is `Undecidable`.

pub use modifier::{Modifier, Stored};
pub use numeric::Numeric;

mod numeric;
mod modifier;
mod calendar;
mod hash;
mod show;
mod read;
mod typed;
mod decode;
mod array;
mod config;

/// The types a shard key may have (`type` of a keyspace in the shard map).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// `smallint`
    SmallInt,
    /// `integer`
    Integer,
    /// `bigint`
    BigInt,
    /// `text` and `varchar` (deterministic collations only)
    Text,
    /// `uuid`
    Uuid,
    /// `date`
    Date,
    /// `timestamp`
    Timestamp,
    /// `timestamptz`
    TimestampTz,
    /// `numeric`
    Numeric,
}

impl KeyType {
    /// All of them, in the order the manual lists them.
    pub const ALL: [Self; 9] = [
        Self::SmallInt,
        Self::Integer,
        Self::BigInt,
        Self::Text,
        Self::Uuid,
        Self::Date,
        Self::Timestamp,
        Self::TimestampTz,
        Self::Numeric,
    ];

    /// The type a name of the shard map means; PostgreSQL's aliases are understood.
    pub fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "smallint" | "int2" => Some(Self::SmallInt),
            "integer" | "int" | "int4" => Some(Self::Integer),
            "bigint" | "int8" => Some(Self::BigInt),
            "text" | "varchar" | "character varying" => Some(Self::Text),
            "uuid" => Some(Self::Uuid),
            "date" => Some(Self::Date),
            "timestamp" | "timestamp without time zone" => Some(Self::Timestamp),
            "timestamptz" | "timestamp with time zone" => Some(Self::TimestampTz),
            "numeric" | "decimal" => Some(Self::Numeric),
            _ => None,
        }
    }

    /// Its name in the shard map.
    pub fn name(self) -> &'static str {
        match self {
            Self::SmallInt => "smallint",
            Self::Integer => "integer",
            Self::BigInt => "bigint",
            Self::Text => "text",
            Self::Uuid => "uuid",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
            Self::TimestampTz => "timestamptz",
            Self::Numeric => "numeric",
        }
    }

    /// Its OID in `pg_type`; a `text` keyspace takes `varchar` columns (1043) too, see [`KeyType::fits_column`].
    pub fn oid(self) -> u32 {
        match self {
            Self::SmallInt => oid::INT2,
            Self::Integer => oid::INT4,
            Self::BigInt => oid::INT8,
            Self::Text => oid::TEXT,
            Self::Uuid => oid::UUID,
            Self::Date => oid::DATE,
            Self::Timestamp => oid::TIMESTAMP,
            Self::TimestampTz => oid::TIMESTAMPTZ,
            Self::Numeric => oid::NUMERIC,
        }
    }

    /// May a column of this type be the key of a table in a keyspace of this type?
    pub fn fits_column(self, type_oid: u32) -> bool {
        type_oid == self.oid() || (self == Self::Text && type_oid == oid::VARCHAR)
    }

    /// Do the keys of a column of this type mean the same in a keyspace of this type? Integers hash and compare alike
    /// whatever their size, so a smaller one may join the tables of a larger one.
    pub fn takes_column(self, type_oid: u32) -> bool {
        match self {
            Self::BigInt => matches!(type_oid, oid::INT8 | oid::INT4 | oid::INT2),
            Self::Integer => matches!(type_oid, oid::INT4 | oid::INT2),
            Self::SmallInt
            | Self::Text
            | Self::Uuid
            | Self::Date
            | Self::Timestamp
            | Self::TimestampTz
            | Self::Numeric => self.fits_column(type_oid),
        }
    }
}

/// OIDs of the built-in types that values of a key may come in (`pg_type.dat`), and what tells types apart by them.
pub mod oid {
    #![allow(missing_docs, reason = "each is its own name in pg_type")]
    pub const UNSPECIFIED: u32 = 0;
    pub const BOOL: u32 = 16;
    pub const INT8: u32 = 20;
    pub const INT2: u32 = 21;
    pub const INT4: u32 = 23;
    pub const TEXT: u32 = 25;
    pub const UNKNOWN: u32 = 705;
    pub const VARCHAR: u32 = 1043;
    pub const DATE: u32 = 1082;
    pub const TIMESTAMP: u32 = 1114;
    pub const TIMESTAMPTZ: u32 = 1184;
    pub const NUMERIC: u32 = 1700;
    pub const UUID: u32 = 2950;
    /// Objects from here on are none that PostgreSQL brings along, and each server numbers them for itself
    /// (`FirstNormalObjectId` of `transam.h`)
    pub const FIRST_OF_USERS: u32 = 16_384;
    /// date, time, timestamp, timestamptz, timetz
    pub const TIMES: [u32; 5] = [DATE, 1083, TIMESTAMP, TIMESTAMPTZ, 1266];
}

/// A decoded key: of the keyspace's type, ready to be hashed and compared.
///
/// Order is PostgreSQL's order of the type; text orders by bytes (the C collation), which is what ranges over
/// text keys are defined by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// smallint, integer, bigint
    Int(i64),
    /// text, varchar: the bytes as the server stores them (UTF-8)
    Text(Box<[u8]>),
    /// uuid
    Uuid([u8; 16]),
    /// Days since 2000-01-01; `i32::MIN` and `i32::MAX` are -infinity and infinity.
    Date(i32),
    /// Microseconds since 2000-01-01 00:00 (UTC for timestamptz); `i64::MIN`/`MAX` are the infinities.
    Timestamp(i64),
    /// numeric
    Numeric(Numeric),
}

/// How a literal is written in SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LiteralKind {
    /// `42`
    Integer,
    /// `4.2`, `1e5`
    Decimal,
    /// `'x'`
    String,
}

/// Wire format of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Format code 0
    Text,
    /// Format code 1
    Binary,
}

/// A value as it arrives, before it is known to be a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Raw<'a> {
    /// A literal of a statement's text; `text` is unquoted and unescaped.
    Literal {
        /// How it is written
        kind: LiteralKind,
        /// A minus sign stands before it
        negative: bool,
        /// Its characters
        text: &'a str,
    },
    /// A bound parameter; `None` bytes is NULL.
    Param {
        /// Wire format
        format: Format,
        /// The type the client declared, 0 when it left that to the server
        type_oid: u32,
        /// The bytes
        bytes: Option<&'a [u8]>,
    },
    /// `NULL` written in the text
    Null,
}

/// What a raw value is, seen as a key of one type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoded {
    /// A key
    Key(Key),
    /// NULL: equal to nothing; has no home
    Null,
    /// A value that no key of this type can equal (`5.5` for a bigint key, out of range)
    NoMatch,
    /// PostgreSQL itself will report an error for it (`'abc'` for a bigint key): any shard may do so
    Invalid,
    /// Only the server could tell (DateStyle, TimeZone, a lossy cast): the reason, for the refusal
    Undecidable(&'static str),
}

#[cfg(test)]
mod tests;
