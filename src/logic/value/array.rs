//! One-dimensional arrays of values, for `key = ANY($1)`.

use super::typed::Typed;
use super::{Decoded, Format, Key, KeyType, LiteralKind, Raw, oid};

const DIMENSIONS: &str = "arrays of more than one dimension are left to the server";
const ARRAY_TYPE: &str = "arrays of this type are not read as keys";
const QUOTING: &str = "this way of writing an array element is left to the server";
const ELEMENTS_MAX: usize = 1 << 20;

impl KeyType {
    /// The elements of an array that is compared with the key column, each decoded as [`KeyType::decode`] does.
    ///
    /// An array that is NULL, or that PostgreSQL rejects, is one such element. The error is the reason why only the
    /// server could tell.
    pub fn decode_array(self, raw: Raw<'_>, cast: Option<u32>) -> Result<Vec<Decoded>, &'static str> {
        match self.elements(raw, cast) {
            Ok(elements) => Ok(elements),
            Err(Decoded::Undecidable(why)) => Err(why),
            Err(whole @ (Decoded::Key(_) | Decoded::Null | Decoded::NoMatch | Decoded::Invalid)) => Ok(vec![whole]),
        }
    }

    fn elements(self, raw: Raw<'_>, cast: Option<u32>) -> Result<Vec<Decoded>, Decoded> {
        let cast = cast.map(element_type).transpose()?;
        let (format, of, bytes) = match raw {
            Raw::Null | Raw::Param { bytes: None, .. } => return Err(Decoded::Null),
            Raw::Literal { kind: LiteralKind::String, negative: false, text } => {
                (Format::Text, cast.unwrap_or(self), text.as_bytes())
            }
            Raw::Literal { .. } => return Err(Decoded::Invalid),
            Raw::Param { format, type_oid: oid::UNSPECIFIED | oid::UNKNOWN, bytes: Some(bytes) } => {
                (format, cast.unwrap_or(self), bytes)
            }
            Raw::Param { format, type_oid, bytes: Some(bytes) } => (format, element_type(type_oid)?, bytes),
        };
        let elements = match format {
            Format::Text => text_elements(bytes)?,
            Format::Binary => binary_elements(bytes, of)?,
        };
        Ok(elements.into_iter().map(|element| self.element(format, of, element.as_deref(), cast)).collect())
    }

    fn element(self, format: Format, of: Self, element: Option<&[u8]>, cast: Option<Self>) -> Decoded {
        let Some(bytes) = element else { return Decoded::Null };
        let typed = of.read(format, bytes).map(|value: Key| Typed { of, value });
        match typed.and_then(|typed| typed.cast_if(cast)) {
            Ok(typed) => typed.compare(self),
            Err(decoded) => decoded,
        }
    }
}

/// The element type of an array type (`pg_type.typelem`).
fn element_type(array_oid: u32) -> Result<KeyType, Decoded> {
    match array_oid {
        1005 => Ok(KeyType::SmallInt),
        1007 => Ok(KeyType::Integer),
        1016 => Ok(KeyType::BigInt),
        1009 | 1015 => Ok(KeyType::Text),
        2951 => Ok(KeyType::Uuid),
        1182 => Ok(KeyType::Date),
        1115 => Ok(KeyType::Timestamp),
        1185 => Ok(KeyType::TimestampTz),
        1231 => Ok(KeyType::Numeric),
        _ => Err(Decoded::Undecidable(ARRAY_TYPE)),
    }
}

type Elements = Vec<Option<Vec<u8>>>;

/// `array_recv`: dimensions, has-null flag, element type, then length and lower bound of each dimension.
fn binary_elements(bytes: &[u8], of: KeyType) -> Result<Elements, Decoded> {
    let mut words = Words(bytes);
    let (dimensions, flags, element_oid) = (words.next()?, words.next()?, words.next()? as u32);
    if dimensions == 0 {
        return if words.0.is_empty() { Ok(Vec::new()) } else { Err(Decoded::Invalid) };
    }
    let is_expected = element_oid == of.oid() || (of == KeyType::Text && element_oid == oid::VARCHAR);
    if dimensions < 0 || !matches!(flags, 0 | 1) || !is_expected {
        return Err(Decoded::Invalid);
    }
    if dimensions > 1 {
        return Err(Decoded::Undecidable(DIMENSIONS));
    }
    let (count, _lower_bound) = (words.next()?, words.next()?);
    let count = usize::try_from(count).map_err(|_| Decoded::Invalid)?;
    // Each element takes four bytes at least, so the count cannot outgrow the message.
    if count > words.0.len() / 4 {
        return Err(Decoded::Invalid);
    }
    let mut elements = Vec::with_capacity(count);
    for _ in 0..count {
        elements.push(match words.next()? {
            -1 => None,
            len => Some(words.take(len)?.to_vec()),
        });
    }
    if words.0.is_empty() { Ok(elements) } else { Err(Decoded::Invalid) }
}

/// Reads four-byte words off the front.
struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    fn next(&mut self) -> Result<i32, Decoded> {
        let bytes = self.take(4)?;
        Ok(i32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    fn take(&mut self, len: i32) -> Result<&'a [u8], Decoded> {
        let len = usize::try_from(len).map_err(|_| Decoded::Invalid)?;
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Decoded::Invalid)?;
        self.0 = rest;
        Ok(taken)
    }
}

/// `array_in` of a one-dimensional literal: `{1, 2,"x \"y\"",NULL}`.
fn text_elements(text: &[u8]) -> Result<Elements, Decoded> {
    let inner = match text.trim_ascii() {
        [b'[', ..] => return Err(Decoded::Undecidable(DIMENSIONS)),
        [b'{', inner @ .., b'}'] => inner,
        _ => return Err(Decoded::Invalid),
    };
    // The one blank that PostgreSQL trims and `trim_ascii` does not.
    if inner.contains(&b'\x0b') {
        return Err(Decoded::Undecidable(QUOTING));
    }
    let mut elements = Vec::new();
    let mut rest = inner.trim_ascii();
    if rest.is_empty() {
        return Ok(elements);
    }
    loop {
        let (element, after) = match rest {
            [b'"', quoted @ ..] => quoted_element(quoted)?,
            plain => plain_element(plain)?,
        };
        elements.push(element);
        match after.trim_ascii_start() {
            [] => return Ok(elements),
            [b',', more @ ..] if elements.len() < ELEMENTS_MAX => rest = more.trim_ascii_start(),
            _ => return Err(Decoded::Invalid),
        }
    }
}

fn quoted_element(text: &[u8]) -> Result<(Option<Vec<u8>>, &[u8]), Decoded> {
    let mut element = Vec::new();
    let mut bytes = text.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return Ok((Some(element), &text[at + 1..])),
            b'\\' => element.push(*bytes.next().ok_or(Decoded::Invalid)?.1),
            _ => element.push(*byte),
        }
    }
    Err(Decoded::Invalid)
}

fn plain_element(text: &[u8]) -> Result<(Option<Vec<u8>>, &[u8]), Decoded> {
    let end = text.iter().position(|byte| matches!(byte, b',' | b'{' | b'}' | b'"' | b'\\')).unwrap_or(text.len());
    let element = text[..end].trim_ascii_end();
    match text.get(end) {
        Some(b'{' | b'}') => Err(Decoded::Undecidable(DIMENSIONS)),
        Some(b'"' | b'\\') => Err(Decoded::Undecidable(QUOTING)),
        Some(_) | None if element.is_empty() => Err(Decoded::Invalid),
        Some(_) | None if element.eq_ignore_ascii_case(b"null") => Ok((None, &text[end..])),
        Some(_) | None => Ok((Some(element.to_vec()), &text[end..])),
    }
}
