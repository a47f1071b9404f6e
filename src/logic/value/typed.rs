//! A value whose SQL type is known, brought to the type of the key: by a cast, by a comparison, or by storing it.

use super::calendar::{day_beginning_at, midnight};
use super::numeric::Numeric;
use super::{Decoded, Key, KeyType, oid};

const OTHER_TYPE: &str = "the value's type is not the key's";
const LOSSY: &str = "the cast may change the value";
const NEEDS_TIME_ZONE: &str = "what it means depends on the session's TimeZone";
const ROUNDED: &str = "the value is rounded when it is stored";
const UNKNOWN_TYPE: &str = "values of this type are not read as keys";

impl KeyType {
    /// The key type a built-in type is read as; float, bpchar, name and all others are not.
    pub(super) fn of_oid(type_oid: u32) -> Result<Self, Decoded> {
        match type_oid {
            oid::INT2 => Ok(Self::SmallInt),
            oid::INT4 => Ok(Self::Integer),
            oid::INT8 => Ok(Self::BigInt),
            oid::TEXT | oid::VARCHAR => Ok(Self::Text),
            oid::UUID => Ok(Self::Uuid),
            oid::DATE => Ok(Self::Date),
            oid::TIMESTAMP => Ok(Self::Timestamp),
            oid::TIMESTAMPTZ => Ok(Self::TimestampTz),
            oid::NUMERIC => Ok(Self::Numeric),
            _ => Err(Decoded::Undecidable(UNKNOWN_TYPE)),
        }
    }
}

/// A value of type `of`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Typed {
    pub of: KeyType,
    pub value: Key,
}

impl Typed {
    /// `value::to` when there is a cast.
    pub(super) fn cast_if(self, to: Option<KeyType>) -> Result<Self, Decoded> {
        match to {
            Some(to) => self.cast(to),
            None => Ok(self),
        }
    }

    /// `value::to`, when that keeps the value.
    pub(super) fn cast(self, to: KeyType) -> Result<Self, Decoded> {
        if self.of == to {
            return Ok(self);
        }
        let value = match (self.value, to) {
            // Text is cast through the input function of the other type, as an unknown literal is.
            (Key::Text(bytes), _) => to.read_text(&bytes),
            (Key::Int(value), KeyType::SmallInt | KeyType::Integer | KeyType::BigInt) => to.fit(value),
            (Key::Int(value), KeyType::Numeric) => Ok(Key::Numeric(value.into())),
            (Key::Int(value), KeyType::Text) => Ok(text(&Key::Int(value))),
            (Key::Uuid(value), KeyType::Text) => Ok(text(&Key::Uuid(value))),
            (Key::Numeric(value), KeyType::SmallInt | KeyType::Integer | KeyType::BigInt) => {
                value.as_integer().ok_or(Decoded::Undecidable(LOSSY)).and_then(|value| to.fit(value))
            }
            (Key::Date(days), KeyType::Timestamp) => midnight(days).map(Key::Timestamp).ok_or(Decoded::Invalid),
            (Key::Timestamp(micros), KeyType::Date) if self.of == KeyType::Timestamp => {
                day_beginning_at(micros).map(Key::Date).ok_or(Decoded::Undecidable(LOSSY))
            }
            (Key::Int(_) | Key::Uuid(_) | Key::Date(_) | Key::Timestamp(_) | Key::Numeric(_), _) => {
                Err(Decoded::Undecidable(LOSSY))
            }
        };
        Ok(Self { of: to, value: value? })
    }

    /// The key it equals in `key = value`.
    pub(super) fn compare(self, key: KeyType) -> Decoded {
        if self.of == key {
            return Decoded::Key(self.value);
        }
        let found = match (key, &self.value) {
            (KeyType::SmallInt | KeyType::Integer | KeyType::BigInt, Key::Int(value)) => integer_key(key, *value),
            (KeyType::SmallInt | KeyType::Integer | KeyType::BigInt, Key::Numeric(value)) => {
                value.as_integer().and_then(|value| integer_key(key, value))
            }
            (KeyType::Numeric, Key::Int(value)) => Some(Key::Numeric(Numeric::from(*value))),
            (KeyType::Timestamp, Key::Date(days)) => midnight(*days).map(Key::Timestamp),
            (KeyType::Date, Key::Timestamp(micros)) if self.of == KeyType::Timestamp => {
                day_beginning_at(*micros).map(Key::Date)
            }
            (KeyType::Date | KeyType::Timestamp | KeyType::TimestampTz, Key::Date(_) | Key::Timestamp(_)) => {
                return Decoded::Undecidable(NEEDS_TIME_ZONE);
            }
            // PostgreSQL has no operator for these pairs, but a user may have made one.
            (
                KeyType::SmallInt
                | KeyType::Integer
                | KeyType::BigInt
                | KeyType::Text
                | KeyType::Uuid
                | KeyType::Date
                | KeyType::Timestamp
                | KeyType::TimestampTz
                | KeyType::Numeric,
                _,
            ) => return Decoded::Undecidable(OTHER_TYPE),
        };
        found.map_or(Decoded::NoMatch, Decoded::Key)
    }

    /// The key it becomes when it is stored into the key column: as in a comparison, but what equals no key is
    /// changed by the assignment or refused by the server.
    pub(super) fn store(self, key: KeyType) -> Decoded {
        let has_text = key == KeyType::Text && matches!(&self.value, Key::Int(_) | Key::Uuid(_));
        let as_text = has_text.then(|| text(&self.value));
        let without_match = match &self.value {
            Key::Int(_) | Key::Date(_) => Decoded::Invalid,
            Key::Numeric(value) if value.as_integer().is_some() => Decoded::Invalid,
            Key::Numeric(_) | Key::Timestamp(_) | Key::Text(_) | Key::Uuid(_) => Decoded::Undecidable(ROUNDED),
        };
        match self.compare(key) {
            Decoded::NoMatch => without_match,
            Decoded::Undecidable(why) => as_text.map_or(Decoded::Undecidable(why), Decoded::Key),
            decoded @ (Decoded::Key(_) | Decoded::Null | Decoded::Invalid) => decoded,
        }
    }
}

fn integer_key(key: KeyType, value: i64) -> Option<Key> {
    key.holds(value).then_some(Key::Int(value))
}

fn text(value: &Key) -> Key {
    Key::Text(value.to_string().into_bytes().into())
}
