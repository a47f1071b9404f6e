//! Views on the bodies of messages that steer us: borrowed, checked, never copied.

use crate::logic::value::Format;

/// The body does not follow the message's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

/// Reads a body from its front.
#[derive(Debug, Clone, Copy)]
struct Reader<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    fn new(rest: &'a [u8], what: &'static str) -> Self {
        Self { rest, what }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (head, rest) = self.rest.split_at_checked(count).ok_or(Malformed(self.what))?;
        self.rest = rest;
        Ok(head)
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        Ok(self.take(1)?[0])
    }

    fn i16(&mut self) -> Result<i16, Malformed> {
        let bytes = self.take(2)?;
        Ok(i16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn i32(&mut self) -> Result<i32, Malformed> {
        let bytes = self.take(4)?;
        Ok(i32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// A string up to its NUL, which is never looked for beyond the body.
    fn text(&mut self) -> Result<&'a [u8], Malformed> {
        let end = memchr::memchr(0, self.rest).ok_or(Malformed(self.what))?;
        let text = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        Ok(text)
    }

    fn end(&self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed(self.what)) }
    }
}

/// The text of a Query.
pub fn query(body: &[u8]) -> Result<&[u8], Malformed> {
    let mut reader = Reader::new(body, "Query");
    let text = reader.text()?;
    reader.end()?;
    Ok(text)
}

/// Parse.
#[derive(Debug, Clone, Copy)]
pub struct Parse<'a> {
    /// Statement name, empty for the unnamed one
    pub name: &'a [u8],
    /// SQL
    pub text: &'a [u8],
    /// Declared parameter types: OIDs, big-endian, four bytes each
    pub types: &'a [u8],
}

impl<'a> Parse<'a> {
    /// Checks a body.
    #[expect(clippy::self_named_constructors, reason = "every view is made by `parse`, this one too")]
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body, "Parse");
        let name = reader.text()?;
        let text = reader.text()?;
        let count = reader.i16()? as u16;
        let types = reader.take(usize::from(count) * 4)?;
        reader.end()?;
        Ok(Self { name, text, types })
    }
}

/// The nth declared type (from 0) among OIDs as Parse carries them; 0 when undeclared.
pub fn type_at(types: &[u8], index: usize) -> u32 {
    match types.get(index * 4..index * 4 + 4) {
        Some(bytes) => u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
        None => 0,
    }
}

/// Bind.
#[derive(Debug, Clone, Copy)]
pub struct Bind<'a> {
    /// Portal name, empty for the unnamed one
    pub portal: &'a [u8],
    /// Statement name
    pub statement: &'a [u8],
    /// Everything behind the statement name, to be passed on as it is
    pub tail: &'a [u8],
    /// The format codes of the results, their number first
    pub results: &'a [u8],
    formats: &'a [u8],
    values: &'a [u8],
    count: u16,
}

/// Is a column wanted in binary format, by the format codes of the results?
pub fn has_binary(results: &[u8]) -> bool {
    results.get(2..).unwrap_or_default().chunks_exact(2).any(|code| code == [0, 1])
}

/// Is the only column wanted in binary format, by the format codes of the results?
pub fn is_binary(results: &[u8]) -> bool {
    results.ends_with(&[0, 1]) && results.len() > 2
}

impl<'a> Bind<'a> {
    /// Checks a body, every parameter's length included.
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body, "Bind");
        let portal = reader.text()?;
        let statement = reader.text()?;
        let tail = reader.rest;
        let formats_count = reader.i16()? as u16;
        let formats = reader.take(usize::from(formats_count) * 2)?;
        let count = reader.i16()? as u16;
        let values = reader.rest;
        for _ in 0..count {
            if let length @ 0.. = reader.i32()? {
                reader.take(length as usize)?;
            }
        }
        let results = reader.rest;
        let results_count = reader.i16()? as u16;
        reader.take(usize::from(results_count) * 2)?;
        reader.end()?;
        Ok(Self { portal, statement, tail, results, formats, values, count })
    }

    /// The nth parameter (from 0): its format and bytes, `None` bytes for NULL; `None` when there is no such one.
    pub fn parameter(&self, index: usize) -> Option<(Format, Option<&'a [u8]>)> {
        if index >= usize::from(self.count) {
            return None;
        }
        let mut reader = Reader::new(self.values, "Bind");
        for _ in 0..index {
            if let length @ 0.. = reader.i32().ok()? {
                reader.take(length as usize).ok()?;
            }
        }
        let bytes = match reader.i32().ok()? {
            length @ 0.. => Some(reader.take(length as usize).ok()?),
            _ => None,
        };
        Some((self.format(index), bytes))
    }

    /// How many parameters there are.
    pub fn len(&self) -> usize {
        usize::from(self.count)
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All parameters, found in one walk.
    pub fn parameters(&self) -> Vec<(Format, Option<&'a [u8]>)> {
        let mut reader = Reader::new(self.values, "Bind");
        let mut next = |index| {
            let bytes = match reader.i32().ok()? {
                length @ 0.. => Some(reader.take(length as usize).ok()?),
                _ => None,
            };
            Some((self.format(index), bytes))
        };
        (0..self.len()).map_while(&mut next).collect()
    }

    /// Are there as many parameters as the statement requires, and formats for them? If not, what PostgreSQL says
    /// (`exec_bind_message`).
    pub fn check_count(&self, required: usize) -> Result<(), String> {
        let (formats, count) = (self.formats.len() / 2, self.len());
        if formats > 1 && formats != count {
            return Err(format!("bind message has {formats} parameter formats but {count} parameters"));
        }
        if count != required {
            let name = String::from_utf8_lossy(self.statement);
            return Err(format!(
                "bind message supplies {count} parameters, but prepared statement \"{name}\" requires {required}"
            ));
        }
        Ok(())
    }

    fn format(&self, index: usize) -> Format {
        // One code holds for all parameters, none means text (Bind, "parameter format codes").
        let at = if self.formats.len() == 2 { 0 } else { index * 2 };
        match self.formats.get(at..at + 2) {
            Some([0, 1]) => Format::Binary,
            _ => Format::Text,
        }
    }
}

/// What Describe and Close name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// A prepared statement
    Statement(&'a [u8]),
    /// A portal
    Portal(&'a [u8]),
}

/// The body of a Describe or Close.
pub fn target(body: &[u8]) -> Result<Target<'_>, Malformed> {
    let mut reader = Reader::new(body, "Describe or Close");
    let kind = reader.byte()?;
    let name = reader.text()?;
    reader.end()?;
    match kind {
        b'S' => Ok(Target::Statement(name)),
        b'P' => Ok(Target::Portal(name)),
        _ => Err(Malformed("Describe or Close")),
    }
}

/// The portal of an Execute and its row limit (0: none).
pub fn execute(body: &[u8]) -> Result<(&[u8], i32), Malformed> {
    let mut reader = Reader::new(body, "Execute");
    let portal = reader.text()?;
    let limit = reader.i32()?;
    reader.end()?;
    Ok((portal, limit))
}

/// The OIDs of a ParameterDescription, big-endian, four bytes each.
pub fn parameter_types(body: &[u8]) -> &[u8] {
    body.get(2..).unwrap_or_default()
}

/// The types of the columns of a RowDescription, and their modifiers.
pub fn column_types(body: &[u8]) -> Result<Vec<(u32, i32)>, Malformed> {
    let mut reader = Reader::new(body, "RowDescription");
    let count = reader.i16()? as u16;
    let mut types = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        reader.text()?;
        // Its table and the number of its column there.
        reader.take(6)?;
        let type_oid = reader.i32()? as u32;
        reader.i16()?;
        types.push((type_oid, reader.i32()?));
        reader.i16()?;
    }
    Ok(types)
}

/// The names of the columns of a RowDescription.
pub fn column_names(body: &[u8]) -> Result<Vec<&[u8]>, Malformed> {
    let mut reader = Reader::new(body, "RowDescription");
    let count = reader.i16()? as u16;
    let mut names = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        names.push(reader.text()?);
        // Table, column, type, size, modifier, format.
        reader.take(4 + 2 + 4 + 2 + 4 + 2)?;
    }
    Ok(names)
}

/// The fields of a DataRow; `None` is NULL.
pub fn fields(body: &[u8]) -> Result<Vec<Option<&[u8]>>, Malformed> {
    let mut reader = Reader::new(body, "DataRow");
    let count = reader.i16()? as u16;
    let mut fields = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        fields.push(match reader.i32()? {
            length @ 0.. => Some(reader.take(length as usize)?),
            _ => None,
        });
    }
    Ok(fields)
}

/// What a statement is held to of its RowDescription: name, type and modifier of each column.
pub fn columns(body: &[u8]) -> Vec<u8> {
    // Behind the name: table, number, type, size, modifier, format.
    const TAIL: usize = 18;
    let mut columns = Vec::with_capacity(body.len());
    let mut rest = body.get(2..).unwrap_or_default();
    while let Some(end) = rest.iter().position(|byte| *byte == 0) {
        let (name, tail) = rest.split_at(end + 1);
        let Some(tail) = tail.first_chunk::<TAIL>() else { break };
        columns.extend_from_slice(name);
        columns.extend_from_slice(&tail[6..10]);
        columns.extend_from_slice(&tail[12..16]);
        rest = &rest[end + 1 + TAIL..];
    }
    columns
}

/// Do two RowDescriptions of different servers tell of values that are read in the same way? Types that each server numbers
/// for itself are not told apart.
pub fn is_alike(one: &[u8], other: &[u8]) -> bool {
    one == other || one.get(..2) == other.get(..2) && kinds(one).eq(kinds(other))
}

/// The types of the columns of a RowDescription; those that each server numbers for itself are one.
pub fn kinds(body: &[u8]) -> impl Iterator<Item = u32> {
    /// Numbers from here on are given out when a server is made, or later (transam.h, FirstGenbkiObjectId).
    const OWN: u32 = 10_000;
    /// Behind the name: table, number, type, size, modifier, format.
    const TAIL: usize = 18;
    let mut rest = body.get(2..).unwrap_or_default();
    std::iter::from_fn(move || {
        let end = rest.iter().position(|byte| *byte == 0)? + 1;
        let (tail, after) = rest.get(end..)?.split_first_chunk::<TAIL>()?;
        rest = after;
        Some(u32::from_be_bytes([tail[6], tail[7], tail[8], tail[9]]).min(OWN))
    })
}

/// Name and value of a ParameterStatus.
pub fn parameter_status(body: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let mut reader = Reader::new(body, "ParameterStatus");
    let name = reader.text()?;
    let value = reader.text()?;
    Ok((name, value))
}

/// The same, to be kept.
pub fn reported(body: &[u8]) -> Option<(Box<str>, Box<str>)> {
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned().into_boxed_str();
    parameter_status(body).ok().map(|(name, value)| (lossy(name), lossy(value)))
}

/// NotificationResponse: the process that sent it, and the channel.
pub fn notification(body: &[u8]) -> Option<(i32, &str)> {
    let (pid, rest) = body.split_first_chunk::<4>()?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    Some((i32::from_be_bytes(*pid), std::str::from_utf8(&rest[..end]).ok()?))
}

/// A field of an ErrorResponse or NoticeResponse by its code (`C` SQLSTATE, `M` message, `S`/`V` severity).
pub fn error_field(body: &[u8], code: u8) -> Option<&[u8]> {
    let mut reader = Reader::new(body, "ErrorResponse");
    loop {
        match reader.byte().ok()? {
            0 => return None,
            found => {
                let text = reader.text().ok()?;
                if found == code {
                    return Some(text);
                }
            }
        }
    }
}

/// The body of an ErrorResponse of one shard with its name before the message, and `report` as a line of its DETAIL.
pub fn with_report(body: &[u8], shard: &str, report: &str) -> Vec<u8> {
    let mut fields = Vec::new();
    let mut has_detail = false;
    for field in body.split_inclusive(|byte| *byte == 0).filter(|field| field.len() > 1) {
        match field {
            [b'M', message @ ..] => {
                fields.extend_from_slice(format!("Mshard \"{shard}\": ").as_bytes());
                fields.extend_from_slice(message);
            }
            [b'D', detail @ .., 0] => {
                has_detail = true;
                fields.push(b'D');
                fields.extend_from_slice(detail);
                fields.extend_from_slice(format!("\n{report}\0").as_bytes());
            }
            other => fields.extend_from_slice(other),
        }
    }
    if !has_detail {
        fields.extend_from_slice(format!("D{report}\0").as_bytes());
    }
    fields.push(0);
    fields
}

/// The tag of a CommandComplete, without its NUL.
pub fn command_tag(body: &[u8]) -> &[u8] {
    body.strip_suffix(b"\0").unwrap_or(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bind_finds_each_parameter() {
        // portal "", statement "s", formats [1], values [int4 7, NULL], results []
        let body = b"\0s\0\0\x01\0\x01\0\x02\0\0\0\x04\0\0\0\x07\xff\xff\xff\xff\0\0";
        let bind = Bind::parse(body).expect("well-formed");
        assert_eq!(bind.statement, b"s");
        assert_eq!(bind.parameter(0), Some((Format::Binary, Some(&[0, 0, 0, 7][..]))));
        assert_eq!(bind.parameter(1), Some((Format::Binary, None)));
        assert_eq!(bind.parameter(2), None);
    }

    #[test]
    fn lengths_beyond_the_body_are_malformed() {
        assert!(Bind::parse(b"\0s\0\0\0\0\x01\x7f\xff\xff\xff").is_err());
        assert!(Bind::parse(b"\0s\0\0\0\0\0").is_err());
        assert!(Parse::parse(b"\0SELECT 1\0\xff\xff").is_err());
        assert!(Parse::parse(b"no end").is_err());
        assert!(query(b"SELECT 1").is_err());
        assert!(query(b"SELECT 1\0x\0").is_err());
        assert!(target(b"Xname\0").is_err());
    }

    #[test]
    fn error_fields_are_found_by_code() {
        let body = b"SERROR\0VERROR\0C42P01\0Mno such table\0\0";
        assert_eq!(error_field(body, b'C'), Some(&b"42P01"[..]));
        assert_eq!(error_field(body, b'M'), Some(&b"no such table"[..]));
        assert_eq!(error_field(body, b'H'), None);
    }
}
