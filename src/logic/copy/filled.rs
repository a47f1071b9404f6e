//! Rows that get values for columns which the client has left out, behind their own.

use super::CopyFormat;

/// Values at the end of each row, as its format writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suffix {
    bytes: Vec<u8>,
    fields: i16,
    is_binary: bool,
}

impl Suffix {
    /// Of these values, none of which is NULL: text, or in binary format.
    pub fn of<'v>(format: &CopyFormat, values: impl Iterator<Item = &'v [u8]>) -> Self {
        let mut suffix = Self { bytes: Vec::new(), fields: 0, is_binary: *format == CopyFormat::Binary };
        for value in values {
            suffix.fields += 1;
            match format {
                CopyFormat::Text { delimiter, .. } => {
                    suffix.bytes.push(*delimiter);
                    suffix.escaped(value, b'\\', *delimiter);
                }
                CopyFormat::Csv { delimiter, quote, escape, .. } => {
                    suffix.bytes.extend_from_slice(&[*delimiter, *quote]);
                    suffix.escaped(value, *escape, *quote);
                    suffix.bytes.push(*quote);
                }
                CopyFormat::Binary => {
                    suffix.bytes.extend_from_slice(&(value.len() as i32).to_be_bytes());
                    suffix.bytes.extend_from_slice(value);
                }
            }
        }
        suffix
    }

    fn escaped(&mut self, value: &[u8], escape: u8, special: u8) {
        for byte in value {
            if *byte == special || *byte == escape {
                self.bytes.push(escape);
            }
            self.bytes.push(*byte);
        }
    }

    /// A row with these values: before its line end, or counted among its fields.
    pub fn add(&self, row: &[u8], out: &mut Vec<u8>) {
        match (self.is_binary, row.split_first_chunk::<2>()) {
            (true, Some((count, fields))) => {
                out.extend_from_slice(&i16::from_be_bytes(*count).saturating_add(self.fields).to_be_bytes());
                out.extend_from_slice(fields);
                out.extend_from_slice(&self.bytes);
            }
            _ => {
                let line = row.strip_suffix(b"\n").unwrap_or(row);
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                out.extend_from_slice(line);
                out.extend_from_slice(&self.bytes);
                out.extend_from_slice(&row[line.len()..]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_behind_those_of_the_row() {
        let text = CopyFormat::Text { delimiter: b':', null: Box::default(), has_header: false };
        let csv = CopyFormat::Csv {
            delimiter: b',',
            quote: b'"',
            escape: b'"',
            null: Box::default(),
            has_header: true,
            key_force_null: false,
            key_force_not_null: false,
        };
        let of = |format: &CopyFormat, row: &[u8]| {
            let mut out = Vec::new();
            let values: [&[u8]; 2] = [b"12:30", b"a\"b"];
            Suffix::of(format, values.into_iter()).add(row, &mut out);
            out
        };
        assert_eq!(of(&text, b"1:x\n"), b"1:x:12\\:30:a\"b\n");
        assert_eq!(of(&text, b"1:x"), b"1:x:12\\:30:a\"b");
        assert_eq!(of(&csv, b"1,x\r\n"), b"1,x,\"12:30\",\"a\"\"b\"\r\n");
        assert_eq!(of(&CopyFormat::Binary, b"\0\x01\0\0\0\x01x"), b"\0\x03\0\0\0\x01x\0\0\0\x0512:30\0\0\0\x03a\"b");
    }
}
