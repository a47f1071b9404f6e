//! Keys as PostgreSQL prints them (DateStyle ISO): for messages, `route` output and tests.

use std::fmt;

use super::Key;
use super::calendar::{DAY, civil};

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) => write!(f, "{value}"),
            Self::Text(bytes) => f.write_str(&String::from_utf8_lossy(bytes)),
            Self::Uuid(bytes) => uuid(f, bytes),
            Self::Date(i32::MIN) | Self::Timestamp(i64::MIN) => f.write_str("-infinity"),
            Self::Date(i32::MAX) | Self::Timestamp(i64::MAX) => f.write_str("infinity"),
            Self::Date(days) => {
                date(f, *days)?;
                era(f, *days)
            }
            Self::Timestamp(micros) => {
                let days = micros.div_euclid(DAY) as i32;
                date(f, days)?;
                time(f, micros.rem_euclid(DAY))?;
                era(f, days)
            }
            Self::Numeric(value) => value.fmt(f),
        }
    }
}

fn uuid(f: &mut fmt::Formatter<'_>, bytes: &[u8; 16]) -> fmt::Result {
    for (at, byte) in bytes.iter().enumerate() {
        let hyphen = if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" };
        write!(f, "{hyphen}{byte:02x}")?;
    }
    Ok(())
}

fn date(f: &mut fmt::Formatter<'_>, days: i32) -> fmt::Result {
    let (year, month, day) = civil(days);
    let shown = if year > 0 { year } else { 1 - year };
    write!(f, "{shown:04}-{month:02}-{day:02}")
}

fn time(f: &mut fmt::Formatter<'_>, micros: i64) -> fmt::Result {
    let seconds = micros / 1_000_000;
    write!(f, " {:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
    match micros % 1_000_000 {
        0 => Ok(()),
        fraction => write!(f, ".{}", format!("{fraction:06}").trim_end_matches('0')),
    }
}

fn era(f: &mut fmt::Formatter<'_>, days: i32) -> fmt::Result {
    if civil(days).0 > 0 { Ok(()) } else { f.write_str(" BC") }
}
