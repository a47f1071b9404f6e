//! `numeric` in a form with exactly one representation per value, ordered as PostgreSQL orders it.

use std::cmp::Ordering;
use std::fmt;

/// Longest text and largest exponent that are read: beyond it the server's own limits would have to be copied.
const DIGITS_MAX: usize = 1000;

/// A numeric. Equal values are equal whatever scale they were written with (`1.50` and `1.5`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Numeric(pub(super) Form);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Form {
    NegativeInfinity,
    Finite(Finite),
    Infinity,
    NaN,
}

/// `± 0.d₀d₁… × 10000^(weight + 1)`, as PostgreSQL stores it; no zeros at either end; zero has no digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Finite {
    pub is_negative: bool,
    pub weight: i32,
    pub digits: Box<[i16]>,
}

/// Why a text or a binary value is not a numeric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotNumeric {
    /// PostgreSQL reports an error for it
    Invalid,
    /// It may be fine, but this room does not read it
    Unread,
}

impl Numeric {
    /// Reads what `numeric_in` of every supported PostgreSQL accepts.
    pub(super) fn parse(text: &str) -> Result<Self, NotNumeric> {
        let text = text.trim_matches(is_space);
        let (is_negative, rest) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            Some(_) | None => (false, text),
        };
        if rest.eq_ignore_ascii_case("inf") || rest.eq_ignore_ascii_case("infinity") {
            return Ok(Self(if is_negative { Form::NegativeInfinity } else { Form::Infinity }));
        }
        if text.eq_ignore_ascii_case("nan") {
            return Ok(Self(Form::NaN));
        }
        Self::parse_digits(is_negative, rest)
    }

    fn parse_digits(is_negative: bool, text: &str) -> Result<Self, NotNumeric> {
        if text.len() > DIGITS_MAX {
            return Err(NotNumeric::Unread);
        }
        // PostgreSQL 16 learned 0x1F and 1_000; older servers reject them.
        if text.bytes().any(|byte| matches!(byte, b'_' | b'x' | b'X' | b'o' | b'O' | b'b' | b'B')) {
            return Err(NotNumeric::Unread);
        }
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], parse_exponent(&text[at + 1..])?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.len() + fraction.len() == 0 || !is_digits(whole) || !is_digits(fraction) {
            return Err(NotNumeric::Invalid);
        }
        let decimals: Vec<u8> = whole.bytes().chain(fraction.bytes()).map(|byte| byte - b'0').collect();
        Ok(Self::from_decimals(is_negative, &decimals, whole.len() as i32 + exponent))
    }

    /// `0.d₀d₁… × 10^point` from decimal digits.
    fn from_decimals(is_negative: bool, decimals: &[u8], point: i32) -> Self {
        let groups_before = point.div_euclid(4) + i32::from(point.rem_euclid(4) != 0);
        let padding = (groups_before * 4 - point) as usize;
        let padded: Vec<u8> = std::iter::repeat_n(0, padding).chain(decimals.iter().copied()).collect();
        let digits = padded
            .chunks(4)
            .map(|group| (0..4).fold(0, |sum, n| sum * 10 + i16::from(group.get(n).copied().unwrap_or(0))))
            .collect();
        Self::finite(is_negative, groups_before - 1, digits)
    }

    /// The one form of the value: no zero digits at either end, no negative zero.
    fn finite(is_negative: bool, weight: i32, mut digits: Vec<i16>) -> Self {
        let leading = digits.iter().take_while(|digit| **digit == 0).count();
        digits.drain(..leading);
        let used = digits.len() - digits.iter().rev().take_while(|digit| **digit == 0).count();
        digits.truncate(used);
        if digits.is_empty() {
            return Self(Form::Finite(Finite { is_negative: false, weight: 0, digits: Box::default() }));
        }
        let weight = weight - leading as i32;
        Self(Form::Finite(Finite { is_negative, weight, digits: digits.into() }))
    }

    /// Reads the binary format of `numeric_send`.
    pub(super) fn from_binary(bytes: &[u8]) -> Result<Self, NotNumeric> {
        let words: Vec<i16> = bytes.chunks_exact(2).map(|pair| i16::from_be_bytes([pair[0], pair[1]])).collect();
        let [count, weight, sign, scale, digits @ ..] = words.as_slice() else { return Err(NotNumeric::Invalid) };
        if !bytes.len().is_multiple_of(2) || digits.len() != *count as u16 as usize {
            return Err(NotNumeric::Invalid);
        }
        let is_negative = match *sign as u16 {
            0x0000 => false,
            0x4000 => true,
            0xC000 => return Ok(Self(Form::NaN)),
            0xD000 => return Ok(Self(Form::Infinity)),
            0xF000 => return Ok(Self(Form::NegativeInfinity)),
            _ => return Err(NotNumeric::Invalid),
        };
        if digits.iter().any(|digit| !(0..10_000).contains(digit)) {
            return Err(NotNumeric::Invalid);
        }
        let value = Self::finite(is_negative, i32::from(*weight), digits.to_vec());
        // numeric_recv cuts digits beyond the declared scale; no client writes such values.
        if value.decimals() > i32::from(*scale) { Err(NotNumeric::Unread) } else { Ok(value) }
    }

    /// Decimal places that are not zero.
    fn decimals(&self) -> i32 {
        let Form::Finite(Finite { weight, digits, .. }) = &self.0 else { return 0 };
        let lowest = weight - (digits.len() as i32 - 1);
        let zeros = match digits.last() {
            Some(digit) if digit % 1000 == 0 => 3,
            Some(digit) if digit % 100 == 0 => 2,
            Some(digit) if digit % 10 == 0 => 1,
            Some(_) | None => 0,
        };
        (-lowest * 4 - zeros).max(0)
    }

    /// `-value`
    pub(super) fn negated(&self) -> Self {
        match &self.0 {
            Form::NegativeInfinity => Self(Form::Infinity),
            Form::Infinity => Self(Form::NegativeInfinity),
            Form::NaN => Self(Form::NaN),
            Form::Finite(Finite { is_negative, weight, digits }) => {
                Self::finite(!is_negative, *weight, digits.to_vec())
            }
        }
    }

    /// The integer it is, when it is one and fits.
    pub(super) fn as_integer(&self) -> Option<i64> {
        let Form::Finite(Finite { is_negative, weight, digits }) = &self.0 else { return None };
        if digits.is_empty() {
            return Some(0);
        }
        let last_group = *weight - (digits.len() as i32 - 1);
        if last_group < 0 || *weight > 5 {
            return None;
        }
        let magnitude =
            (0..=*weight as usize).fold(0i128, |sum, n| sum * 10_000 + i128::from(digits.get(n).copied().unwrap_or(0)));
        i64::try_from(if *is_negative { -magnitude } else { magnitude }).ok()
    }
}

impl From<i64> for Numeric {
    fn from(value: i64) -> Self {
        let mut rest = value.unsigned_abs();
        let mut digits = Vec::with_capacity(5);
        while rest > 0 {
            digits.push((rest % 10_000) as i16);
            rest /= 10_000;
        }
        digits.reverse();
        Self::finite(value < 0, digits.len() as i32 - 1, digits)
    }
}

fn parse_exponent(text: &str) -> Result<i32, NotNumeric> {
    // Older servers read it with strtol, which skips blanks; newer ones reject them.
    if text.contains(is_space) {
        return Err(NotNumeric::Unread);
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NotNumeric::Invalid);
    }
    let exponent: i32 = text.parse().map_err(|_| NotNumeric::Unread)?;
    if exponent.unsigned_abs() as usize > DIGITS_MAX { Err(NotNumeric::Unread) } else { Ok(exponent) }
}

/// What C's `isspace` says of ASCII.
pub(super) fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t'..='\r')
}

impl Ord for Numeric {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Form::Finite(this), Form::Finite(that)) => this.cmp(that),
            (this, that) => this.rank().cmp(&that.rank()),
        }
    }
}

impl PartialOrd for Numeric {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Form {
    /// NaN is the highest value, as in PostgreSQL.
    fn rank(&self) -> u8 {
        match self {
            Self::NegativeInfinity => 0,
            Self::Finite(_) => 1,
            Self::Infinity => 2,
            Self::NaN => 3,
        }
    }
}

impl Finite {
    fn signum(&self) -> i8 {
        match (self.digits.is_empty(), self.is_negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }

    fn cmp(&self, other: &Self) -> Ordering {
        let by_sign = self.signum().cmp(&other.signum());
        // Without zeros at the ends, weight and then digits decide; a longer number is larger than its prefix.
        let by_size = || self.weight.cmp(&other.weight).then_with(|| self.digits.cmp(&other.digits));
        match self.signum() {
            -1 => by_sign.then_with(|| by_size().reverse()),
            _ => by_sign.then_with(by_size),
        }
    }
}

impl fmt::Display for Numeric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::NegativeInfinity => f.write_str("-Infinity"),
            Form::Infinity => f.write_str("Infinity"),
            Form::NaN => f.write_str("NaN"),
            Form::Finite(finite) => finite.fmt(f),
        }
    }
}

impl fmt::Display for Finite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = |power: i32| {
            usize::try_from(self.weight - power).ok().and_then(|n| self.digits.get(n)).copied().unwrap_or(0)
        };
        let top = if self.digits.is_empty() { 0 } else { self.weight.max(0) };
        if self.is_negative {
            f.write_str("-")?;
        }
        write!(f, "{}", group(top))?;
        for power in (0..top).rev() {
            write!(f, "{:04}", group(power))?;
        }
        let lowest = self.weight - (self.digits.len() as i32 - 1);
        let fraction: String = (lowest..0).rev().map(|power| format!("{:04}", group(power))).collect();
        match fraction.trim_end_matches('0') {
            "" => Ok(()),
            digits => write!(f, ".{digits}"),
        }
    }
}
