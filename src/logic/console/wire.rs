//! Answers as messages: RowDescription and DataRow, in the formats that a Bind asks for.

use crate::logic::console::table::{Cell, Column, Kind};
use crate::logic::protocol::frame::server;
use crate::logic::protocol::write;
use crate::logic::value::Format;

/// The result formats of a Bind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Formats(Vec<Format>);

impl Formats {
    /// `results` as Bind carries them: their number, then a code for each. None means text, one holds for all.
    pub fn parse(results: &[u8]) -> Self {
        let codes = results.get(2..).unwrap_or_default().chunks_exact(2);
        Self(codes.map(|code| if code == [0, 1] { Format::Binary } else { Format::Text }).collect())
    }

    fn of(&self, column: usize) -> Format {
        match self.0.as_slice() {
            [] => Format::Text,
            [all] => *all,
            each => each.get(column).copied().unwrap_or(Format::Text),
        }
    }
}

/// RowDescription.
pub fn row_description(out: &mut Vec<u8>, columns: &[Column], formats: &Formats) {
    write::frame(out, server::ROW_DESCRIPTION, |out| {
        out.extend_from_slice(&(columns.len() as u16).to_be_bytes());
        for (index, column) in columns.iter().enumerate() {
            out.extend_from_slice(column.name.as_bytes());
            // NUL, no table, no column of one.
            out.extend_from_slice(&[0; 7]);
            out.extend_from_slice(&column.kind.oid().to_be_bytes());
            out.extend_from_slice(&column.kind.size().to_be_bytes());
            out.extend_from_slice(&(-1_i32).to_be_bytes());
            let code = match formats.of(index) {
                Format::Text => 0_i16,
                Format::Binary => 1,
            };
            out.extend_from_slice(&code.to_be_bytes());
        }
    });
}

/// DataRow.
pub fn data_row(out: &mut Vec<u8>, row: &[Cell], columns: &[Column], formats: &Formats) {
    write::frame(out, server::DATA_ROW, |out| {
        out.extend_from_slice(&(row.len() as u16).to_be_bytes());
        for (index, (cell, column)) in row.iter().zip(columns).enumerate() {
            match cell {
                Cell::Null => out.extend_from_slice(&(-1_i32).to_be_bytes()),
                // Text is the same in both formats.
                Cell::Text(text) => value(out, text.as_bytes()),
                Cell::Number(number) => match (formats.of(index), column.kind) {
                    (Format::Text, Kind::Bool) => value(out, if *number == 0 { b"f" } else { b"t" }),
                    (Format::Text, Kind::Text | Kind::Int4 | Kind::Int8 | Kind::Numeric) => {
                        value(out, number.to_string().as_bytes());
                    }
                    (Format::Binary, kind) => binary(out, *number, kind),
                },
            }
        }
    });
}

fn value(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as i32).to_be_bytes());
    out.extend_from_slice(bytes);
}

fn binary(out: &mut Vec<u8>, number: i64, kind: Kind) {
    match kind {
        Kind::Int4 => {
            let bounded = number.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
            value(out, &bounded.to_be_bytes());
        }
        Kind::Int8 => value(out, &number.to_be_bytes()),
        Kind::Numeric => value(out, &numeric(number)),
        Kind::Bool => value(out, &[u8::from(number != 0)]),
        Kind::Text => value(out, number.to_string().as_bytes()),
    }
}

/// PostgreSQL's binary numeric of a whole number: digits, weight, sign, scale, then digits to the base of 10,000.
fn numeric(number: i64) -> Vec<u8> {
    const BASE: u64 = 10_000;
    const NEGATIVE: u16 = 0x4000;
    let (mut digits, mut rest) = (Vec::new(), number.unsigned_abs());
    while rest > 0 {
        digits.push((rest % BASE) as u16);
        rest /= BASE;
    }
    let weight = digits.len().saturating_sub(1) as u16;
    let sign = if number < 0 { NEGATIVE } else { 0 };
    let head = [digits.len() as u16, weight, sign, 0];
    head.into_iter().chain(digits.into_iter().rev()).flat_map(u16::to_be_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_as_binary_numeric() {
        let words = |number| -> Vec<u16> {
            numeric(number).chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
        };
        assert_eq!(words(0), [0, 0, 0, 0]);
        assert_eq!(words(7), [1, 0, 0, 0, 7]);
        assert_eq!(words(-12_345), [2, 1, 0x4000, 0, 1, 2345]);
        // `SELECT numeric_send(100000000)`: trailing zero digits are allowed.
        assert_eq!(words(100_000_000), [3, 2, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn one_format_holds_for_all_columns() {
        let formats = Formats::parse(&[0, 1, 0, 1]);
        assert_eq!((formats.of(0), formats.of(7)), (Format::Binary, Format::Binary));
        let formats = Formats::parse(&[0, 2, 0, 1, 0, 0]);
        assert_eq!((formats.of(0), formats.of(1)), (Format::Binary, Format::Text));
        assert_eq!(Formats::parse(&[0, 0]).of(3), Format::Text);
    }
}
