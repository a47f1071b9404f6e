//! PostgreSQL's input functions of the key types: text and binary format to a value.

use super::calendar::{self, NotRead};
use super::numeric::{NotNumeric, Numeric, is_space};
use super::{Decoded, Format, Key, KeyType};

const NUMBER_FORM: &str = "PostgreSQL's versions differ on this way of writing a number";
const NUMBER_SIZE: &str = "a number of this size is left to the server";
const DATE_FORM: &str = "the meaning of this date depends on the session's settings; write it as YYYY-MM-DD";
const TIMESTAMP_FORM: &str =
    "the meaning of this timestamp depends on the session's settings; write it as YYYY-MM-DD HH:MM:SS";
const TIMESTAMPTZ_FORM: &str =
    "the meaning of this timestamp depends on the session's settings; write it as YYYY-MM-DD HH:MM:SS+00";

impl KeyType {
    /// A value of this type as a client sends it; what cannot be read comes back as the `Decoded` it amounts to.
    pub(super) fn read(self, format: Format, bytes: &[u8]) -> Result<Key, Decoded> {
        match format {
            Format::Text => self.read_text(bytes),
            Format::Binary => self.read_binary(bytes),
        }
    }

    /// The type's input function. Text must be UTF-8: it is what the server stores and hashes.
    pub(super) fn read_text(self, bytes: &[u8]) -> Result<Key, Decoded> {
        if matches!(self, Self::SmallInt | Self::Integer | Self::BigInt)
            && let Some(value) = plain_digits(bytes)
        {
            return self.fit(value);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| Decoded::Invalid)?;
        if text.contains('\0') {
            return Err(Decoded::Invalid);
        }
        match self {
            Self::SmallInt | Self::Integer | Self::BigInt => read_integer(text).and_then(|value| self.fit(value)),
            Self::Text => Ok(Key::Text(bytes.into())),
            Self::Uuid => read_uuid(bytes).map(Key::Uuid).ok_or(Decoded::Invalid),
            Self::Date => calendar::parse_date(text).map(Key::Date).map_err(|why| unread(why, DATE_FORM)),
            Self::Timestamp => {
                calendar::parse_timestamp(text).map(Key::Timestamp).map_err(|why| unread(why, TIMESTAMP_FORM))
            }
            Self::TimestampTz => {
                calendar::parse_timestamptz(text).map(Key::Timestamp).map_err(|why| unread(why, TIMESTAMPTZ_FORM))
            }
            Self::Numeric => Numeric::parse(text).map(Key::Numeric).map_err(not_numeric),
        }
    }

    /// The type's receive function.
    pub(super) fn read_binary(self, bytes: &[u8]) -> Result<Key, Decoded> {
        match self {
            Self::SmallInt => sized(bytes).map(|bytes| Key::Int(i64::from(i16::from_be_bytes(bytes)))),
            Self::Integer => sized(bytes).map(|bytes| Key::Int(i64::from(i32::from_be_bytes(bytes)))),
            Self::BigInt => sized(bytes).map(|bytes| Key::Int(i64::from_be_bytes(bytes))),
            Self::Text => self.read_text(bytes),
            Self::Uuid => sized(bytes).map(Key::Uuid),
            Self::Date => calendar::check_date(i32::from_be_bytes(sized(bytes)?))
                .map(Key::Date)
                .map_err(|why| unread(why, DATE_FORM)),
            Self::Timestamp | Self::TimestampTz => calendar::in_range(i64::from_be_bytes(sized(bytes)?))
                .map(Key::Timestamp)
                .map_err(|why| unread(why, TIMESTAMP_FORM)),
            Self::Numeric => Numeric::from_binary(bytes).map(Key::Numeric).map_err(not_numeric),
        }
    }

    /// A number as a value of this integer type; too large is an error on the server.
    pub(super) fn fit(self, value: i64) -> Result<Key, Decoded> {
        if self.holds(value) { Ok(Key::Int(value)) } else { Err(Decoded::Invalid) }
    }

    /// Is the number in this integer type's range?
    pub(super) fn holds(self, value: i64) -> bool {
        match self {
            Self::SmallInt => i16::try_from(value).is_ok(),
            Self::Integer => i32::try_from(value).is_ok(),
            Self::BigInt => true,
            Self::Text | Self::Uuid | Self::Date | Self::Timestamp | Self::TimestampTz | Self::Numeric => false,
        }
    }
}

fn sized<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Decoded> {
    bytes.try_into().map_err(|_| Decoded::Invalid)
}

fn unread(why: NotRead, advice: &'static str) -> Decoded {
    match why {
        NotRead::Invalid => Decoded::Invalid,
        NotRead::Unread => Decoded::Undecidable(advice),
    }
}

fn not_numeric(why: NotNumeric) -> Decoded {
    match why {
        NotNumeric::Invalid => Decoded::Invalid,
        NotNumeric::Unread => Decoded::Undecidable(NUMBER_SIZE),
    }
}

/// The usual form of an integer: digits and nothing else, few enough to fit.
pub(super) fn plain_digits(bytes: &[u8]) -> Option<i64> {
    const DIGITS_MAX: usize = 18;
    if bytes.is_empty() || bytes.len() > DIGITS_MAX {
        return None;
    }
    bytes.iter().try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
}

/// `int8in`; PostgreSQL 16 learned `0x1F`, `0o17`, `0b1` and `1_000`, which older servers reject.
fn read_integer(text: &str) -> Result<i64, Decoded> {
    let text = text.trim_matches(is_space);
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let has_radix = matches!(digits.as_bytes(), [b'0', b'x' | b'X' | b'o' | b'O' | b'b' | b'B', ..]);
    if has_radix || (digits.starts_with(|c: char| c.is_ascii_digit()) && digits.contains('_')) {
        return Err(Decoded::Undecidable(NUMBER_FORM));
    }
    // Whatever else `parse` rejects, the server rejects too: letters, two signs, nothing at all, more than 64 bits.
    text.parse().map_err(|_| Decoded::Invalid)
}

/// `string_to_uuid`: 32 hexadecimal digits, a hyphen allowed after each four, braces around it all.
fn read_uuid(text: &[u8]) -> Option<[u8; 16]> {
    let mut rest = match text {
        [b'{', inner @ .., b'}'] => inner,
        [b'{', ..] => return None,
        plain => plain,
    };
    let mut uuid = [0; 16];
    for (at, byte) in uuid.iter_mut().enumerate() {
        let [high, low, tail @ ..] = rest else { return None };
        *byte = hex(*high)? << 4 | hex(*low)?;
        rest = match tail {
            [b'-', after @ ..] if at % 2 == 1 && at < 15 => after,
            after => after,
        };
    }
    rest.is_empty().then_some(uuid)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}
