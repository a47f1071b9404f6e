//! The values of one execution: literals of a text, parameters of a Bind, arguments of an EXECUTE, and what each of them
//! is as a key.

use std::borrow::Cow;

use crate::logic::plan::merge::Bound;
use crate::logic::plan::{Source, Value, array_oid};
use crate::logic::protocol::view::{self, Bind};
use crate::logic::sql::template::Literal;
use crate::logic::value::{Decoded, Format, Key, KeyType, LiteralKind, Raw, oid};

/// The values of one execution.
#[derive(Debug, Clone, Copy)]
pub enum Values<'a> {
    /// Literals of a simple query's text
    Text {
        /// The text
        sql: &'a str,
        /// Its literals
        literals: &'a [Literal],
    },
    /// Parameters of a Bind
    Bind {
        /// The message
        bind: &'a Bind<'a>,
        /// Declared types, as Parse carries them
        types: &'a [u8],
    },
    /// The same, found once: for statements with many of them
    Walked {
        /// Format and bytes of each
        parameters: &'a [(Format, Option<&'a [u8]>)],
        /// Declared types, as Parse carries them
        types: &'a [u8],
    },
    /// Parameters given in SQL or on the command line (EXECUTE, `shardway route --param`)
    Given {
        /// Each
        given: &'a [Given<'a>],
        /// The types that PREPARE declares, as Parse carries them
        types: &'a [u8],
    },
    /// None: the plan holds all it needs
    None,
}

/// A parameter given in SQL or on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given<'a> {
    /// A literal
    Literal {
        /// How it is written
        kind: LiteralKind,
        /// A minus sign stands before it
        negative: bool,
        /// Its characters
        text: Cow<'a, str>,
    },
    /// NULL
    Null,
    /// An expression: only a server knows its value
    Unknown,
}

impl<'v> Values<'v> {
    /// A value of a text as a parameter of an EXECUTE.
    pub fn given(&self, value: &Value) -> Given<'v> {
        match (&value.source, value.cast, self) {
            (Source::Literal { index, negative }, None, Self::Text { sql, literals }) => {
                let literal = &literals[usize::from(*index)];
                Given::Literal { kind: literal.kind, negative: *negative, text: literal.text(sql) }
            }
            (Source::Fixed(Some((kind, text))), None, _) => {
                Given::Literal { kind: *kind, negative: false, text: Cow::Owned(text.to_string()) }
            }
            (Source::Fixed(None), _, _) => Given::Null,
            (Source::Literal { .. } | Source::Param(_) | Source::SharedParam(_) | Source::Fixed(_), _, _) => {
                Given::Unknown
            }
        }
    }
}

impl Values<'_> {
    /// Shows one value to `look`.
    fn with<T>(&self, source: &Source, look: impl FnOnce(Raw<'_>) -> T) -> T {
        match (source, self) {
            (Source::Literal { index, negative }, Self::Text { sql, literals }) => {
                let literal = &literals[usize::from(*index)];
                let text = literal.text(sql);
                look(Raw::Literal { kind: literal.kind, negative: *negative, text: &text })
            }
            (Source::Fixed(Some((kind, text))), _) => {
                let (negative, text) = match text.strip_prefix('-') {
                    Some(text) if *kind != LiteralKind::String => (true, text),
                    _ => (false, &**text),
                };
                look(Raw::Literal { kind: *kind, negative, text })
            }
            (Source::Fixed(None), _) => look(Raw::Null),
            (Source::Param(number) | Source::SharedParam(number), Self::Bind { .. } | Self::Walked { .. }) => {
                let index = usize::from(*number).wrapping_sub(1);
                match self.parameter(index) {
                    Some((format, bytes)) => look(Raw::Param { format, type_oid: self.declared(*number), bytes }),
                    // The server will say that a parameter is missing.
                    None => look(Raw::Null),
                }
            }
            (Source::Param(number) | Source::SharedParam(number), Self::Given { given, .. }) => {
                match given.get(usize::from(*number).wrapping_sub(1)) {
                    Some(Given::Literal { kind, negative, text }) => {
                        let (negative, text) = match text.strip_prefix('-') {
                            Some(rest) if *kind != LiteralKind::String => (true, rest),
                            _ => (*negative, &**text),
                        };
                        look(Raw::Literal { kind: *kind, negative, text })
                    }
                    Some(Given::Null | Given::Unknown) | None => look(Raw::Null),
                }
            }
            (Source::Literal { .. } | Source::Param(_) | Source::SharedParam(_), _) => look(Raw::Null),
        }
    }

    /// The nth parameter of a Bind.
    fn parameter(&self, index: usize) -> Option<(Format, Option<&[u8]>)> {
        match self {
            Self::Bind { bind, .. } => bind.parameter(index),
            Self::Walked { parameters, .. } => parameters.get(index).copied(),
            Self::Text { .. } | Self::Given { .. } | Self::None => None,
        }
    }

    /// The type that the client declares for a parameter, or 0.
    fn declared(&self, number: u16) -> u32 {
        match self {
            Self::Bind { types, .. } | Self::Walked { types, .. } | Self::Given { types, .. } => {
                view::type_at(types, usize::from(number).wrapping_sub(1))
            }
            Self::Text { .. } | Self::None => oid::UNSPECIFIED,
        }
    }

    pub(in crate::logic) fn decode(&self, value: &Value, key_type: KeyType) -> Decoded {
        match self.reading(value, key_type.oid()) {
            Ok(reading) => {
                let decoded = self.with(&value.source, |raw| key_type.decode(raw, reading.cast));
                reading.check(decoded)
            }
            Err(why) => Decoded::Undecidable(why),
        }
    }

    pub(in crate::logic) fn decode_stored(&self, value: &Value, key_type: KeyType) -> Decoded {
        match self.reading(value, key_type.oid()) {
            Ok(reading) => {
                let decoded = self.with(&value.source, |raw| key_type.decode_stored(raw, reading.cast));
                reading.check(decoded)
            }
            Err(why) => Decoded::Undecidable(why),
        }
    }

    pub(in crate::logic) fn decode_array(
        &self,
        value: &Value,
        key_type: KeyType,
    ) -> Result<Vec<Decoded>, &'static str> {
        let array = array_oid(key_type.oid()).ok_or(UNKNOWN)?;
        let reading = self.reading(value, array)?;
        let items = self.with(&value.source, |raw| key_type.decode_array(raw, reading.cast))?;
        Ok(items.into_iter().map(|item| reading.check(item)).collect())
    }

    /// How a value is to be read. `wanted` is the type that a parameter takes if nothing gives it another.
    fn reading(&self, value: &Value, wanted: u32) -> Result<Reading, &'static str> {
        let (number, is_shared) = match value.source {
            Source::Param(number) => (number, false),
            Source::SharedParam(number) => (number, true),
            Source::Literal { .. } | Source::Fixed(_) => {
                return Ok(Reading { cast: value.cast, must_be_plain: false });
            }
        };
        let declared = match self.declared(number) {
            oid::UNKNOWN => oid::UNSPECIFIED,
            declared => declared,
        };
        let index = usize::from(number).wrapping_sub(1);
        if let Self::Given { given, .. } = self {
            // EXECUTE converts its arguments to the parameter's type, as an assignment does.
            if given.get(index).is_none_or(|given| *given == Given::Unknown) {
                return Err(UNKNOWN);
            }
            let cast = match (declared, value.cast) {
                (oid::UNSPECIFIED, None) => wanted,
                (oid::UNSPECIFIED, Some(cast)) => cast,
                (declared, Some(cast)) if declared != cast => return Err(TWICE),
                (declared, _) => declared,
            };
            return Ok(Reading { cast: Some(cast), must_be_plain: is_shared && declared == oid::UNSPECIFIED });
        }
        let must_be_plain = is_shared && declared == oid::UNSPECIFIED;
        if must_be_plain && matches!(self.parameter(index), Some((Format::Binary, Some(_)))) {
            return Err(SHARED);
        }
        Ok(Reading { cast: value.cast, must_be_plain })
    }
}

/// How a value is to be read.
#[derive(Debug, Clone, Copy)]
struct Reading {
    cast: Option<u32>,
    /// Its type at the server is not certain: only values that are the same in all types will do
    must_be_plain: bool,
}

impl Reading {
    fn check(self, decoded: Decoded) -> Decoded {
        match decoded {
            decoded if !self.must_be_plain => decoded,
            Decoded::Key(Key::Int(value)) if value.unsigned_abs() <= EXACT_MAX => Decoded::Key(Key::Int(value)),
            Decoded::Key(Key::Uuid(value)) => Decoded::Key(Key::Uuid(value)),
            Decoded::Null => Decoded::Null,
            Decoded::Key(_) | Decoded::NoMatch | Decoded::Invalid | Decoded::Undecidable(_) => {
                Decoded::Undecidable(SHARED)
            }
        }
    }
}

/// Integers up to here are the same as double precision.
const EXACT_MAX: u64 = 1 << 53;
const SHARED: &str = "a parameter without a declared type is compared with values of several types";
const TWICE: &str = "an argument of EXECUTE is cast once more";
const UNKNOWN: &str = "an argument of EXECUTE is not a constant";

/// A number of rows: LIMIT or OFFSET; `Some(None)` is NULL. `None`: only a server knows it, or has something to say about it.
pub fn rows(bound: &Bound, values: &Values<'_>) -> Option<Option<u64>> {
    let (number, cast) = match bound {
        Bound::Rows(rows) => return Some(Some(*rows)),
        Bound::Param(number, cast) => (*number, *cast),
    };
    match values.decode(&Value { source: Source::Param(number), cast }, KeyType::BigInt) {
        Decoded::Key(Key::Int(rows)) => u64::try_from(rows).ok().map(Some),
        Decoded::Null => Some(None),
        Decoded::Key(_) | Decoded::NoMatch | Decoded::Invalid | Decoded::Undecidable(_) => None,
    }
}

/// A whole number; `Some(None)` is NULL. `None`: only a server knows it, or has something to say about it.
pub fn whole_number(number: &Value, of: KeyType, values: &Values<'_>) -> Option<Option<i64>> {
    match values.decode(number, of) {
        Decoded::Key(Key::Int(number)) => Some(Some(number)),
        Decoded::Null => Some(None),
        Decoded::Key(_) | Decoded::NoMatch | Decoded::Invalid | Decoded::Undecidable(_) => None,
    }
}
