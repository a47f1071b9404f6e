//! From a literal or parameter, and the cast the text puts on it, to a key.

use super::numeric::Numeric;
use super::read::plain_digits;
use super::typed::Typed;
use super::{Decoded, Format, Key, KeyType, LiteralKind, Raw, oid};

const NEGATED: &str = "a minus sign before this value is left to the server";
const FORM: &str = "PostgreSQL's versions differ on this way of writing a number";

impl KeyType {
    /// The key that a value equals when it is compared with the key column (`key = value`).
    ///
    /// `cast` is the OID of the type in `value::type`. A type with a modifier (`::varchar(3)`, `::numeric(4,1)`)
    /// changes values: callers must not pass it as its bare OID.
    pub fn decode(self, raw: Raw<'_>, cast: Option<u32>) -> Decoded {
        match self.typed(raw, cast) {
            Ok(Some(typed)) => typed.compare(self),
            Ok(None) => Decoded::Null,
            Err(decoded) => decoded,
        }
    }

    /// The key of a row into which a value is stored (INSERT, COPY). Never `NoMatch`: what an assignment would
    /// change (`5.5` into a bigint) is `Undecidable`, what it rejects is `Invalid`.
    pub fn decode_stored(self, raw: Raw<'_>, cast: Option<u32>) -> Decoded {
        match self.typed(raw, cast) {
            Ok(Some(typed)) => typed.store(self),
            Ok(None) => Decoded::Null,
            Err(decoded) => decoded,
        }
    }

    /// The value with the SQL type that PostgreSQL gives it beside a column of type `self`; `None` is NULL.
    fn typed(self, raw: Raw<'_>, cast: Option<u32>) -> Result<Option<Typed>, Decoded> {
        let cast = cast.map(Self::of_oid).transpose()?;
        match raw {
            Raw::Null | Raw::Param { bytes: None, .. } => Ok(None),
            Raw::Literal { kind: LiteralKind::String, negative: false, text } => {
                let of = cast.unwrap_or(self);
                Ok(Some(Typed { of, value: of.read_text(text.as_bytes())? }))
            }
            Raw::Literal { kind: LiteralKind::String, negative: true, .. } => Err(Decoded::Undecidable(NEGATED)),
            Raw::Literal { kind: LiteralKind::Integer | LiteralKind::Decimal, negative, text } => {
                number(text, negative, cast).map(Some)
            }
            Raw::Param { format, type_oid, bytes: Some(bytes) } => self.param(format, type_oid, bytes, cast).map(Some),
        }
    }

    pub(super) fn param(
        self,
        format: Format,
        type_oid: u32,
        bytes: &[u8],
        cast: Option<Self>,
    ) -> Result<Typed, Decoded> {
        // Left open, a parameter takes the type of its cast, else of the column it meets.
        if matches!(type_oid, oid::UNSPECIFIED | oid::UNKNOWN) {
            let of = cast.unwrap_or_else(|| self.left_open(format, bytes));
            return Ok(Typed { of, value: of.read(format, bytes)? });
        }
        let of = Self::of_oid(type_oid)?;
        let typed = Typed { of, value: of.read(format, bytes)? };
        typed.cast_if(cast)
    }
}

impl KeyType {
    /// The type of a parameter that is left open beside a column of type `self`. In a list with other numbers
    /// (`k IN ($1, 1)`) it takes their common type: an integer of another size, which its bytes tell.
    fn left_open(self, format: Format, bytes: &[u8]) -> Self {
        match (self, format, bytes.len()) {
            (Self::SmallInt | Self::Integer | Self::BigInt, Format::Binary, 2) => Self::SmallInt,
            (Self::SmallInt | Self::Integer | Self::BigInt, Format::Binary, 4) => Self::Integer,
            (Self::SmallInt | Self::Integer | Self::BigInt, Format::Binary, 8) => Self::BigInt,
            (other, _, _) => other,
        }
    }
}

/// A number written in the text: integer, bigint or numeric by its size, the sign applied to what the cast gives.
fn number(text: &str, is_negative: bool, cast: Option<KeyType>) -> Result<Typed, Decoded> {
    let magnitude = unsigned(text)?;
    if !is_negative {
        return magnitude.cast_if(cast);
    }
    let negated = negate(&magnitude)?;
    match magnitude.cast_if(cast) {
        // `-5::text` is an error, `(-5)::text` is not; `-32768::int2` is out of range, `(-32768)::int2` is not.
        Ok(typed) if typed.of == KeyType::Text => Err(Decoded::Undecidable(NEGATED)),
        Ok(typed) => negate(&typed),
        Err(_) if negated.cast_if(cast).is_ok() => Err(Decoded::Undecidable(NEGATED)),
        Err(decoded) => Err(decoded),
    }
}

fn unsigned(text: &str) -> Result<Typed, Decoded> {
    let starts_well = text.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let whole = plain_digits(text.as_bytes()).or_else(|| {
        let is_whole = text.bytes().all(|byte| byte.is_ascii_digit());
        is_whole.then(|| text.parse().ok()).flatten()
    });
    if let Some(value) = whole {
        let of = if i32::try_from(value).is_ok() { KeyType::Integer } else { KeyType::BigInt };
        return Ok(Typed { of, value: Key::Int(value) });
    }
    match Numeric::parse(text) {
        Ok(value) if starts_well => Ok(Typed { of: KeyType::Numeric, value: Key::Numeric(value) }),
        Ok(_) | Err(_) => Err(Decoded::Undecidable(FORM)),
    }
}

fn negate(typed: &Typed) -> Result<Typed, Decoded> {
    let value = match &typed.value {
        Key::Int(value) => Key::Int(-value),
        Key::Numeric(value) => Key::Numeric(value.negated()),
        Key::Text(_) | Key::Uuid(_) | Key::Date(_) | Key::Timestamp(_) => return Err(Decoded::Undecidable(NEGATED)),
    };
    Ok(Typed { of: typed.of, value })
}
