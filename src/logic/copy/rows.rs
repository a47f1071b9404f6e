//! Rows of an answer as COPY TO writes them (`copyto.c`): what is put together from several shards is no COPY of any server.

use crate::logic::protocol::frame::server;
use crate::logic::protocol::write;

/// How the rows are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowFormat {
    /// The default
    Text {
        /// Column separator
        delimiter: u8,
        /// What stands for NULL
        null: Box<[u8]>,
        /// A line of names comes first
        has_header: bool,
    },
    /// FORMAT csv
    Csv {
        /// Column separator
        delimiter: u8,
        /// Around values
        quote: u8,
        /// Before a quote inside of them
        escape: u8,
        /// What stands for NULL
        null: Box<[u8]>,
        /// A line of names comes first
        has_header: bool,
        /// FORCE_QUOTE
        forced: Forced,
    },
    /// FORMAT binary
    Binary,
}

/// Columns whose values are quoted in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forced {
    /// All
    All,
    /// These
    Columns(Vec<Box<str>>),
}

/// Signature, flags, and the length of what extends the header (manual, COPY, Binary Format).
const BINARY_HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

impl RowFormat {
    /// Values come in binary.
    pub fn is_binary(&self) -> bool {
        *self == Self::Binary
    }

    /// A column that has to be quoted and is not there.
    pub fn names_another(&self, names: &[&[u8]]) -> bool {
        match self {
            Self::Csv { forced: Forced::Columns(columns), .. } => {
                columns.iter().any(|column| !names.contains(&column.as_bytes()))
            }
            Self::Csv { forced: Forced::All, .. } | Self::Text { .. } | Self::Binary => false,
        }
    }

    /// What stands before the rows. Is it a piece of its own? Else it goes along with what follows.
    pub fn begin(&self, names: &[&[u8]], out: &mut Vec<u8>) -> bool {
        match self {
            Self::Text { has_header: true, .. } | Self::Csv { has_header: true, .. } => {
                self.line(names.iter().map(|name| (Some(*name), false)), out);
                true
            }
            Self::Text { .. } | Self::Csv { .. } => false,
            Self::Binary => {
                out.extend_from_slice(BINARY_HEADER);
                false
            }
        }
    }

    /// CopyOutResponse, and the line of names where there is one. Returns what goes along with the first row.
    pub fn open(&self, names: &[&[u8]], out: &mut Vec<u8>) -> Vec<u8> {
        let mut data = Vec::new();
        write::copy_response(out, server::COPY_OUT, u8::from(self.is_binary()), names.len() as u16);
        if self.begin(names, &mut data) {
            write::frame(out, server::COPY_DATA, |out| out.append(&mut data));
        }
        data
    }

    /// One row.
    pub fn row(&self, names: &[&[u8]], fields: &[Option<&[u8]>], out: &mut Vec<u8>) {
        if self.is_binary() {
            out.extend_from_slice(&(fields.len() as u16).to_be_bytes());
            for field in fields {
                out.extend_from_slice(&field.map_or(-1, |field| field.len() as i32).to_be_bytes());
                out.extend_from_slice(field.unwrap_or_default());
            }
            return;
        }
        let is_forced = |name: &[u8]| match self {
            Self::Csv { forced: Forced::All, .. } => true,
            Self::Csv { forced: Forced::Columns(columns), .. } => columns.iter().any(|it| it.as_bytes() == name),
            Self::Text { .. } | Self::Binary => false,
        };
        self.line(fields.iter().zip(names).map(|(field, name)| (*field, is_forced(name))), out);
    }

    /// What stands behind the rows; `false`: nothing.
    pub fn end(&self, out: &mut Vec<u8>) -> bool {
        if self.is_binary() {
            out.extend_from_slice(&[0xff, 0xff]);
        }
        self.is_binary()
    }

    fn line<'a>(&self, fields: impl ExactSizeIterator<Item = (Option<&'a [u8]>, bool)>, out: &mut Vec<u8>) {
        let is_alone = fields.len() == 1;
        for (number, (field, is_forced)) in fields.enumerate() {
            match self {
                Self::Text { delimiter, null, .. } => {
                    if number > 0 {
                        out.push(*delimiter);
                    }
                    match field {
                        Some(field) => text(field, *delimiter, out),
                        None => out.extend_from_slice(null),
                    }
                }
                Self::Csv { delimiter, quote, escape, null, .. } => {
                    if number > 0 {
                        out.push(*delimiter);
                    }
                    let special = |byte: &u8| [*delimiter, *quote, b'\n', b'\r'].contains(byte);
                    match field {
                        // A line of nothing else would be the end of the data.
                        Some(field)
                            if is_forced
                                || *field == **null
                                || is_alone && field == b"\\."
                                || field.iter().any(special) =>
                        {
                            quoted(field, *quote, *escape, out);
                        }
                        Some(field) => out.extend_from_slice(field),
                        None => out.extend_from_slice(null),
                    }
                }
                Self::Binary => (),
            }
        }
        out.push(b'\n');
    }
}

fn text(field: &[u8], delimiter: u8, out: &mut Vec<u8>) {
    for byte in field.iter().copied() {
        let letter = match byte {
            0x08 => b'b',
            0x0c => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x0b => b'v',
            _ if byte == delimiter || byte == b'\\' => byte,
            _ => {
                out.push(byte);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', letter]);
    }
}

fn quoted(field: &[u8], quote: u8, escape: u8, out: &mut Vec<u8>) {
    out.push(quote);
    for byte in field.iter().copied() {
        if byte == quote || byte == escape {
            out.push(escape);
        }
        out.push(byte);
    }
    out.push(quote);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(format: &RowFormat, fields: &[Option<&str>]) -> String {
        let (names, mut out) = (vec![&b"a"[..], &b"b"[..]], Vec::new());
        let fields: Vec<Option<&[u8]>> = fields.iter().map(|field| field.map(str::as_bytes)).collect();
        format.row(&names[..fields.len()], &fields, &mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn text_is_escaped_as_postgresql_does_it() {
        let format = RowFormat::Text { delimiter: b'|', null: b"\\N"[..].into(), has_header: false };
        assert_eq!(line(&format, &[Some("a|b\tc\\d\n"), None]), "a\\|b\\tc\\\\d\\n|\\N\n");
        assert_eq!(line(&format, &[Some("\x01\x08\x0b"), Some("")]), "\x01\\b\\v|\n");
    }

    #[test]
    fn csv_is_quoted_where_postgresql_does_it() {
        let forced = Forced::Columns(vec!["b".into()]);
        let format = RowFormat::Csv {
            delimiter: b',',
            quote: b'"',
            escape: b'\\',
            null: b""[..].into(),
            has_header: true,
            forced,
        };
        assert_eq!(line(&format, &[Some("x\"y\\"), Some("z")]), "\"x\\\"y\\\\\",\"z\"\n");
        assert_eq!(line(&format, &[Some(""), None]), "\"\",\n");
        assert_eq!(line(&format, &[Some("\\.")]), "\"\\\\.\"\n");
        assert_eq!(line(&format, &[Some("\\."), Some("1,5")]), "\\.,\"1,5\"\n");
        assert!(format.names_another(&[b"a"]) && !format.names_another(&[b"a", b"b"]));
    }
}
