//! Type modifiers: what a column does to a value that is stored into it (`numeric(10,2)` rounds, `varchar(3)` cuts
//! blanks off).

use super::Key;
use super::numeric::{Form, Numeric};

/// The modifier of a column's type, as far as it can change a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Modifier {
    /// Values are stored as they are
    #[default]
    None,
    /// `varchar(n)`: too many blanks at the end are cut off
    Length(usize),
    /// `numeric(p,s)`: rounds to so many digits after the point
    Scale(i32),
    /// `timestamp(n)`: rounds to so many digits of a second
    Fraction(u32),
}

/// What becomes of a key that is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// It, or another one in its place
    As(Key),
    /// It does not fit: any server reports that
    Error,
    /// Only a server knows
    Unknown,
}

impl Modifier {
    /// Of a type as `format_type` names it.
    pub fn of_type(name: &str) -> Self {
        let Some((word, rest)) = name.split_once('(') else { return Self::None };
        let inside = rest.split_once(')').map_or(rest, |(inside, _)| inside);
        let number = |text: &str| text.trim().parse::<i32>().ok();
        let first = number(inside.split(',').next().unwrap_or_default()).unwrap_or(0);
        match word {
            "numeric" => Self::Scale(inside.split_once(',').and_then(|(_, scale)| number(scale)).unwrap_or(0)),
            "character varying" => Self::Length(usize::try_from(first).unwrap_or(0)),
            "timestamp" => Self::Fraction(u32::try_from(first).unwrap_or(0)),
            _ => Self::None,
        }
    }

    /// What this key becomes when it is stored.
    pub fn stored(self, key: Key) -> Stored {
        match (self, &key) {
            _ if self.keeps(&key) => Stored::As(key),
            // Where letters take more than a byte, only the server's encoding tells how many they are.
            (Self::Length(max), Key::Text(bytes)) if bytes.is_ascii() => match bytes.split_at_checked(max) {
                Some((kept, rest)) if rest.iter().all(|byte| *byte == b' ') => Stored::As(Key::Text(kept.into())),
                Some(_) | None => Stored::Error,
            },
            (Self::None | Self::Length(_) | Self::Scale(_) | Self::Fraction(_), _) => Stored::Unknown,
        }
    }

    /// Is this key stored as it is? An error counts as that: any server reports it.
    pub fn keeps(self, key: &Key) -> bool {
        match (self, key) {
            (Self::Length(max), Key::Text(bytes)) => {
                // Bytes that continue a character do not count.
                bytes.iter().filter(|byte| (**byte & 0xC0) != 0x80).count() <= max
            }
            (Self::Scale(scale), Key::Numeric(value)) => value.lowest_digit().is_none_or(|lowest| lowest >= -scale),
            (Self::Fraction(digits), Key::Timestamp(micros)) => {
                matches!(*micros, i64::MIN | i64::MAX) || micros % 10_i64.pow(6_u32.saturating_sub(digits)) == 0
            }
            (Self::None | Self::Length(_) | Self::Scale(_) | Self::Fraction(_), _) => true,
        }
    }
}

impl Numeric {
    /// The power of ten of its last digit that is not zero; `None` for zero and what is not finite.
    fn lowest_digit(&self) -> Option<i32> {
        let Form::Finite(finite) = &self.0 else { return None };
        let last = *finite.digits.last()?;
        let zeros = (1..4).take_while(|power| last % 10_i16.pow(*power) == 0).count();
        let behind = i32::try_from(finite.digits.len()).ok()? - 1;
        Some((finite.weight - behind) * 4 + i32::try_from(zeros).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_types_keep_what_needs_no_rounding() {
        let numeric = |text: &str| Key::Numeric(Numeric::parse(text).unwrap());
        let text = |text: &str| Key::Text(text.as_bytes().into());
        let cases = [
            ("numeric(10,2)", numeric("5.01"), true),
            ("numeric(10,2)", numeric("5.010000"), true),
            ("numeric(10,2)", numeric("5.001"), false),
            ("numeric(10,2)", numeric("0"), true),
            ("numeric(10,2)", numeric("NaN"), true),
            ("numeric(5)", numeric("12345"), true),
            ("numeric(5)", numeric("0.5"), false),
            ("numeric(5)", numeric("1000000"), true),
            ("numeric(5,-3)", numeric("12000"), true),
            ("numeric(5,-3)", numeric("12300"), false),
            ("numeric(40,20)", numeric("0.00000000000000000001"), true),
            ("numeric(40,19)", numeric("0.00000000000000000001"), false),
            ("numeric", numeric("0.5"), true),
            ("character varying(3)", text("abc"), true),
            ("character varying(3)", text("äöü"), true),
            ("character varying(3)", text("abc "), false),
            ("text", text("abc "), true),
            ("timestamp(0) without time zone", Key::Timestamp(1_000_000), true),
            ("timestamp(0) without time zone", Key::Timestamp(1_500_000), false),
            ("timestamp(3) with time zone", Key::Timestamp(-1_500_000), true),
            ("timestamp(0) without time zone", Key::Timestamp(i64::MAX), true),
            ("timestamp without time zone", Key::Timestamp(1), true),
        ];
        for (name, key, kept) in cases {
            assert_eq!(Modifier::of_type(name).keeps(&key), kept, "{key} as {name}");
        }
    }

    #[test]
    fn too_long_a_text_loses_blanks_or_is_an_error() {
        let text = |text: &str| Key::Text(text.as_bytes().into());
        for (value, stored) in [
            ("abc", Stored::As(text("abc"))),
            ("abc   ", Stored::As(text("abc"))),
            ("a      ", Stored::As(text("a  "))),
            ("abcd", Stored::Error),
            ("abc d", Stored::Error),
            ("äöü", Stored::As(text("äöü"))),
            ("äöü ", Stored::Unknown),
        ] {
            assert_eq!(Modifier::Length(3).stored(text(value)), stored, "{value}");
        }
        assert_eq!(Modifier::Fraction(0).stored(Key::Timestamp(1)), Stored::Unknown);
    }
}
