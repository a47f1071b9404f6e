//! Shard-key values: decoded from text and binary, compared and hashed exactly as PostgreSQL does.

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

/// A numeric in a form with exactly one representation per value. The owner of this room decides the fields.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Numeric {}

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
