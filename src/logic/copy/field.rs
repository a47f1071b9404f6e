//! The nth field of a line, unquoted and unescaped, as `CopyReadAttributesText` and `CopyReadAttributesCSV` do.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

use super::{CopyFormat, CopyKey};

/// The key of a line whose end is cut off.
pub(super) fn key<'a>(format: &CopyFormat, line: &'a [u8], position: usize) -> CopyKey<'a> {
    match format {
        CopyFormat::Text { delimiter, null, .. } => match text_field(line, *delimiter, position) {
            None => CopyKey::Missing,
            // The marker is compared before anything is unescaped.
            Some(raw) if *raw == **null => CopyKey::Null,
            Some(raw) => CopyKey::Value(unescape(raw)),
        },
        CopyFormat::Csv { delimiter, quote, escape, null, key_force_null, key_force_not_null, .. } => {
            let Some(field) = csv_field(line, *delimiter, *quote, *escape, position) else { return CopyKey::Missing };
            let is_marker = *field.value == **null;
            match field {
                // Unquoted, the field is its own raw text.
                CsvField { value, is_quoted: false } if is_marker && *key_force_not_null => CopyKey::Value(value),
                CsvField { is_quoted: false, .. } if is_marker => CopyKey::Null,
                CsvField { is_quoted: true, .. } if is_marker && *key_force_null => CopyKey::Null,
                CsvField { value, .. } => CopyKey::Value(value),
            }
        }
        CopyFormat::Binary => CopyKey::Missing,
    }
}

/// The raw bytes of a field; a delimiter behind a backslash belongs to the field.
fn text_field(line: &[u8], delimiter: u8, position: usize) -> Option<&[u8]> {
    let (mut start, mut at, mut field) = (0, 0, 0);
    while let Some(found) = memchr2(delimiter, b'\\', &line[at..]) {
        at += found;
        if line[at] == b'\\' {
            at = (at + 2).min(line.len());
            continue;
        }
        if field == position {
            return Some(&line[start..at]);
        }
        at += 1;
        (start, field) = (at, field + 1);
    }
    (field == position).then(|| &line[start..])
}

fn unescape(raw: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr(b'\\', raw) else { return Cow::Borrowed(raw) };
    let mut value = raw[..first].to_vec();
    let mut rest = &raw[first..];
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            value.push(byte);
            continue;
        }
        // A backslash that ends the line stands for nothing.
        let Some((&escaped, after)) = rest.split_first() else { break };
        rest = after;
        match escaped {
            b'b' => value.push(8),
            b'f' => value.push(12),
            b'n' => value.push(b'\n'),
            b'r' => value.push(b'\r'),
            b't' => value.push(b'\t'),
            b'v' => value.push(11),
            b'0'..=b'7' => {
                let more = rest.iter().take(2).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
                let code = rest[..more].iter().fold(escaped - b'0', |code, digit| code << 3 | (digit - b'0'));
                value.push(code);
                rest = &rest[more..];
            }
            b'x' => match rest.iter().take(2).take_while(|byte| byte.is_ascii_hexdigit()).count() {
                0 => value.push(b'x'),
                digits => {
                    value.push(rest[..digits].iter().fold(0, |code, digit| code << 4 | hex(*digit)));
                    rest = &rest[digits..];
                }
            },
            other => value.push(other),
        }
    }
    Cow::Owned(value)
}

fn hex(digit: u8) -> u8 {
    char::from(digit).to_digit(16).map_or(0, |value| value as u8)
}

/// A field of a CSV line.
struct CsvField<'a> {
    value: Cow<'a, [u8]>,
    is_quoted: bool,
}

fn csv_field(line: &[u8], delimiter: u8, quote: u8, escape: u8, position: usize) -> Option<CsvField<'_>> {
    let mut rest = line;
    for _ in 0..position {
        let len = csv_len(rest, delimiter, quote, escape);
        rest = rest.get(len + 1..)?;
    }
    let raw = &rest[..csv_len(rest, delimiter, quote, escape)];
    match memchr(quote, raw) {
        None => Some(CsvField { value: Cow::Borrowed(raw), is_quoted: false }),
        Some(_) => Some(CsvField { value: Cow::Owned(unquote(raw, quote, escape)), is_quoted: true }),
    }
}

/// The length of the first field, up to a delimiter outside of quotes.
fn csv_len(line: &[u8], delimiter: u8, quote: u8, escape: u8) -> usize {
    let mut at = 0;
    while let Some(found) = memchr2(delimiter, quote, &line[at..]) {
        at += found;
        if line[at] == delimiter {
            return at;
        }
        at += 1;
        at += quoted_len(&line[at..], quote, escape, |_| ());
    }
    line.len()
}

/// The length of a quoted run behind its opening quote, closing quote included; its characters go to `each`.
fn quoted_len(text: &[u8], quote: u8, escape: u8, mut each: impl FnMut(u8)) -> usize {
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match text.get(at + 1) {
            Some(&next) if byte == escape && (next == escape || next == quote) => {
                each(next);
                at += 2;
            }
            Some(_) | None if byte == quote => return at + 1,
            Some(_) | None => {
                each(byte);
                at += 1;
            }
        }
    }
    at
}

fn unquote(raw: &[u8], quote: u8, escape: u8) -> Vec<u8> {
    let mut value = Vec::with_capacity(raw.len());
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        at += 1;
        if byte == quote {
            at += quoted_len(&raw[at..], quote, escape, |byte| value.push(byte));
        } else {
            value.push(byte);
        }
    }
    value
}
