//! Sort keys as bytes: what is written for two values compares, byte by byte, as PostgreSQL compares the values.
//!
//! Values come in binary format. Only types whose order is the same on every server are read; everything else is left
//! to PostgreSQL.

/// How the rows are sorted by one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortKey {
    /// ASC or DESC, NULLS FIRST or LAST
    pub direction: Direction,
    /// Should it be text: its collation orders it by its bytes
    pub is_text_by_bytes: bool,
}

/// ASC or DESC, NULLS FIRST or LAST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Direction {
    /// DESC
    pub is_descending: bool,
    /// NULLS FIRST
    pub is_nulls_first: bool,
}

/// The types whose order we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// Integers of any size, date, time, timestamps: two's complement, the infinities at the ends
    Signed,
    /// bool, oid, uuid: unsigned bytes of one length
    Unsigned,
    /// float4, float8: NaN above all, -0 as 0
    Float,
    /// bytea, and text under a collation by bytes
    Bytes,
    /// numeric
    Numeric,
    /// interval
    Interval,
}

/// The bytes are no value of the type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAValue;

impl SortKey {
    /// How a column of this type is compared; `None`: PostgreSQL has to.
    pub fn kind(&self, type_oid: u32) -> Option<KeyKind> {
        // pg_type.dat
        Some(match type_oid {
            // int8, int2, int4, date, time, timestamp, timestamptz
            20 | 21 | 23 | 1082 | 1083 | 1114 | 1184 => KeyKind::Signed,
            // bool, oid, uuid
            16 | 26 | 2950 => KeyKind::Unsigned,
            700 | 701 => KeyKind::Float,
            // bytea
            17 => KeyKind::Bytes,
            // text, varchar
            25 | 1043 if self.is_text_by_bytes => KeyKind::Bytes,
            1700 => KeyKind::Numeric,
            1186 => KeyKind::Interval,
            _ => return None,
        })
    }

    /// Appends one value; `None` is NULL.
    pub fn write(&self, kind: KeyKind, value: Option<&[u8]>, out: &mut Vec<u8>) -> Result<(), NotAValue> {
        let Some(value) = value else {
            out.push(if self.direction.is_nulls_first { 0 } else { 2 });
            return Ok(());
        };
        out.push(1);
        let start = out.len();
        match kind {
            KeyKind::Signed => signed(value, out)?,
            KeyKind::Unsigned => out.extend_from_slice(value),
            KeyKind::Float => float(value, out)?,
            KeyKind::Bytes => bytes(value, out),
            KeyKind::Numeric => numeric(value, out)?,
            KeyKind::Interval => interval(value, out)?,
        }
        if self.direction.is_descending {
            invert(&mut out[start..]);
        }
        Ok(())
    }
}

fn invert(bytes: &mut [u8]) {
    bytes.iter_mut().for_each(|byte| *byte = !*byte);
}

/// The sign bit turned: negative numbers come first.
fn signed(value: &[u8], out: &mut Vec<u8>) -> Result<(), NotAValue> {
    let (first, rest) = value.split_first().ok_or(NotAValue)?;
    out.push(first ^ 0x80);
    out.extend_from_slice(rest);
    Ok(())
}

/// float8 of the value (every float4 is one): positive ones with the sign bit turned, negative ones with all bits turned.
fn float(value: &[u8], out: &mut Vec<u8>) -> Result<(), NotAValue> {
    let number = match *value {
        [a, b, c, d] => f64::from(f32::from_be_bytes([a, b, c, d])),
        [a, b, c, d, e, f, g, h] => f64::from_be_bytes([a, b, c, d, e, f, g, h]),
        _ => return Err(NotAValue),
    };
    let number = if number.is_nan() {
        f64::NAN.copysign(1.0)
    } else if number == 0.0 {
        0.0
    } else {
        number
    };
    let bits = number.to_bits();
    let turned = if bits >> 63 == 0 { bits | 1 << 63 } else { !bits };
    out.extend_from_slice(&turned.to_be_bytes());
    Ok(())
}

/// Ended so that a shorter value comes before those it begins.
fn bytes(value: &[u8], out: &mut Vec<u8>) {
    for byte in value {
        out.push(*byte);
        if *byte == 0 {
            out.push(0xff);
        }
    }
    out.extend_from_slice(&[0, 0]);
}

/// Class, then weight and base-10000 digits, turned for negative numbers (numeric.c, `numeric_send`, `cmp_abs_common`).
fn numeric(value: &[u8], out: &mut Vec<u8>) -> Result<(), NotAValue> {
    const NEGATIVE: u16 = 0x4000;
    const NAN: u16 = 0xC000;
    const INFINITY: u16 = 0xD000;
    const NEGATIVE_INFINITY: u16 = 0xF000;
    let word = |at: usize| match value.get(at * 2..at * 2 + 2) {
        Some(pair) => Ok(u16::from_be_bytes([pair[0], pair[1]])),
        None => Err(NotAValue),
    };
    let (count, weight, sign) = (usize::from(word(0)?), word(1)? as i16, word(2)?);
    let digits = value.get(8..8 + count * 2).ok_or(NotAValue)?;
    let mut digits = digits.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    match sign {
        NAN => out.push(5),
        INFINITY => out.push(4),
        NEGATIVE_INFINITY => out.push(0),
        _ => {
            let leading = digits.clone().take_while(|digit| *digit == 0).count();
            if leading == count {
                out.push(2);
                return Ok(());
            }
            out.push(if sign == NEGATIVE { 1 } else { 3 });
            let start = out.len();
            let weight = i32::from(weight) - leading as i32;
            out.extend_from_slice(&((weight as u32) ^ 1 << 31).to_be_bytes());
            let trailing = digits.clone().rev().take_while(|digit| *digit == 0).count();
            digits.by_ref().take(leading).for_each(drop);
            // No digit is 0 here, which ends them.
            digits.take(count - leading - trailing).for_each(|digit| out.extend_from_slice(&(digit + 1).to_be_bytes()));
            out.extend_from_slice(&[0, 0]);
            if sign == NEGATIVE {
                invert(&mut out[start..]);
            }
        }
    }
    Ok(())
}

/// In microseconds, with months of 30 days and days of 24 hours (timestamp.c, `interval_cmp_value`).
fn interval(value: &[u8], out: &mut Vec<u8>) -> Result<(), NotAValue> {
    const DAY: i128 = 86_400_000_000;
    let (time, rest) = value.split_first_chunk::<8>().ok_or(NotAValue)?;
    let (days, rest) = rest.split_first_chunk::<4>().ok_or(NotAValue)?;
    let months = rest.first_chunk::<4>().ok_or(NotAValue)?;
    let days = i128::from(i32::from_be_bytes(*months)) * 30 + i128::from(i32::from_be_bytes(*days));
    let whole = i128::from(i64::from_be_bytes(*time)) + days * DAY;
    out.extend_from_slice(&((whole as u128) ^ 1 << 127).to_be_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASCENDING: SortKey =
        SortKey { direction: Direction { is_descending: false, is_nulls_first: false }, is_text_by_bytes: true };
    const DESCENDING: SortKey =
        SortKey { direction: Direction { is_descending: true, is_nulls_first: true }, is_text_by_bytes: true };

    fn written(key: SortKey, type_oid: u32, value: Option<&[u8]>) -> Vec<u8> {
        let mut out = Vec::new();
        key.write(key.kind(type_oid).expect("a type of ours"), value, &mut out).expect("a value");
        out
    }

    /// `values` stand in PostgreSQL's order, each different from the next.
    fn in_order(type_oid: u32, values: &[Vec<u8>]) {
        for (place, value) in values.iter().enumerate() {
            for (other_place, other) in values.iter().enumerate() {
                let compare = |key| written(key, type_oid, Some(value)).cmp(&written(key, type_oid, Some(other)));
                assert_eq!(compare(ASCENDING), place.cmp(&other_place), "{value:?} {other:?}");
                assert_eq!(compare(DESCENDING), other_place.cmp(&place), "{value:?} {other:?}");
            }
            // NULL is above all; a second key never changes that.
            assert!(written(ASCENDING, type_oid, None) > written(ASCENDING, type_oid, Some(value)));
            assert!(written(DESCENDING, type_oid, None) < written(DESCENDING, type_oid, Some(value)));
        }
    }

    #[test]
    fn integers_and_what_is_counted_like_them() {
        in_order(21, &[i16::MIN, -1, 0, 1, 256, i16::MAX].map(|it| it.to_be_bytes().to_vec()));
        in_order(23, &[i32::MIN, -257, -1, 0, 1, i32::MAX].map(|it| it.to_be_bytes().to_vec()));
        in_order(20, &[i64::MIN, -1, 0, 1, 1 << 40, i64::MAX].map(|it| it.to_be_bytes().to_vec()));
        in_order(16, &[vec![0], vec![1]]);
    }

    #[test]
    fn floats_with_nan_above_all_and_one_zero() {
        let values = [f64::NEG_INFINITY, -1e300, -1.5, -1e-310, 0.0, 1e-310, 1.5, f64::INFINITY, f64::NAN];
        in_order(701, &values.map(|it| it.to_be_bytes().to_vec()));
        in_order(700, &[f32::NEG_INFINITY, -2.0, 0.0, 1e-40, f32::NAN].map(|it| it.to_be_bytes().to_vec()));
        let same = |one: f64, other: f64| {
            assert_eq!(
                written(ASCENDING, 701, Some(&one.to_be_bytes())),
                written(ASCENDING, 701, Some(&other.to_be_bytes()))
            );
        };
        same(0.0, -0.0);
        same(f64::NAN, -f64::NAN);
    }

    #[test]
    fn bytes_of_any_length() {
        let values: [&[u8]; 7] = [b"", b"\0", b"\0\0", b"\0\xff", b"a", b"a\0", b"ab"];
        in_order(17, &values.map(<[u8]>::to_vec));
        in_order(25, &["", "B", "a", "aa", "b", "é"].map(|it| it.as_bytes().to_vec()));
    }

    /// As `numeric_send` writes it.
    fn number(weight: i16, sign: u16, digits: &[u16]) -> Vec<u8> {
        let mut out = (digits.len() as u16).to_be_bytes().to_vec();
        out.extend_from_slice(&weight.to_be_bytes());
        out.extend_from_slice(&sign.to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        digits.iter().for_each(|digit| out.extend_from_slice(&digit.to_be_bytes()));
        out
    }

    #[test]
    fn numerics_of_any_size() {
        const MINUS: u16 = 0x4000;
        let values = [
            number(0, 0xF000, &[]),
            number(1, MINUS, &[1, 2345]),
            number(0, MINUS, &[9999, 1]),
            number(0, MINUS, &[9999]),
            number(0, MINUS, &[1]),
            number(-1, MINUS, &[1]),
            number(0, 0, &[]),
            number(-2, 0, &[9999]),
            number(-1, 0, &[1]),
            number(0, 0, &[1]),
            number(0, 0, &[1, 5000]),
            number(0, 0, &[2]),
            number(300, 0, &[1]),
            number(0, 0xD000, &[]),
            number(0, 0xC000, &[]),
        ];
        in_order(1700, &values);
        // Zeros at either end do not count.
        let same = written(ASCENDING, 1700, Some(&number(0, 0, &[7, 5])));
        assert_eq!(written(ASCENDING, 1700, Some(&number(1, 0, &[0, 7, 5, 0]))), same);
    }

    #[test]
    fn intervals_by_their_length() {
        let of = |months: i32, days: i32, time: i64| {
            [&time.to_be_bytes()[..], &days.to_be_bytes(), &months.to_be_bytes()].concat()
        };
        in_order(
            1186,
            &[of(-1, 0, 0), of(0, -1, 0), of(0, 0, 0), of(0, 0, 1), of(1, 0, 0), of(0, 31, 0), of(12, 0, 0)],
        );
        assert_eq!(written(ASCENDING, 1186, Some(&of(1, 0, 0))), written(ASCENDING, 1186, Some(&of(0, 30, 0))));
    }

    #[test]
    fn a_second_key_decides_only_between_equals() {
        let row = |text: &[u8], number: i32| {
            let mut out = written(DESCENDING, 25, Some(text));
            out.extend(written(ASCENDING, 23, Some(&number.to_be_bytes())));
            out
        };
        assert!(row(b"b", 9) < row(b"a", 1));
        assert!(row(b"ab", 9) < row(b"a", 1));
        assert!(row(b"a", 1) < row(b"a", 2));
    }

    #[test]
    fn text_of_other_collations_and_unknown_types_are_postgresqls() {
        let locale = SortKey { is_text_by_bytes: false, ..ASCENDING };
        assert_eq!((locale.kind(25), locale.kind(1043), locale.kind(23)), (None, None, Some(KeyKind::Signed)));
        assert_eq!((ASCENDING.kind(1042), ASCENDING.kind(3802), ASCENDING.kind(16_999)), (None, None, None));
    }
}
