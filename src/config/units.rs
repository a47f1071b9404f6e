//! Durations (`"250ms"`, `"1h 30m"`) and sizes (`"16MiB"`).

use std::time::Duration;

/// What a duration may look like, for help texts.
pub const DURATION_HELP: &str = "write a number and a unit: \"250ms\", \"5s\", \"10m\", \"1h\", \"7d\"; \"0\" is off";

/// What a size may look like, for help texts.
pub const SIZE_HELP: &str = "write a number and a unit: \"512kB\", \"16MiB\", \"1GiB\"";

/// A duration: one or more numbers with units; a bare `0` needs none.
pub fn duration(text: &str) -> Option<Duration> {
    if text.trim() == "0" {
        return Some(Duration::ZERO);
    }
    let mut total = Duration::ZERO;
    let mut rest = text.trim();
    loop {
        let (number, after) = number(rest)?;
        let unit_end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let unit = match &after[..unit_end] {
            "us" => Duration::from_micros(1),
            "ms" => Duration::from_millis(1),
            "s" => Duration::from_secs(1),
            "m" | "min" => Duration::from_secs(60),
            "h" => Duration::from_secs(3600),
            "d" => Duration::from_secs(86_400),
            _ => return None,
        };
        total = total.checked_add(unit.checked_mul(u32::try_from(number).ok()?)?)?;
        rest = after[unit_end..].trim_start();
        if rest.is_empty() {
            return Some(total);
        }
    }
}

/// A size in bytes: `kB`, `MB`, `GB` count in 1024 as in postgresql.conf, `KiB`, `MiB`, `GiB` do so by definition.
pub fn size(text: &str) -> Option<u64> {
    let (number, unit) = number(text.trim())?;
    let shift = match unit {
        "B" | "" => 0,
        "kB" | "KB" | "KiB" => 10,
        "MB" | "MiB" => 20,
        "GB" | "GiB" => 30,
        "TB" | "TiB" => 40,
        _ => return None,
    };
    number.checked_mul(1 << shift)
}

/// A duration as a reader would write it.
pub fn show(duration: Duration) -> String {
    let millis = duration.as_millis();
    let fits = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")];
    match fits.iter().find(|(unit, _)| millis > 0 && millis.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{}{name}", millis / unit),
        None => format!("{millis}ms"),
    }
}

/// Leading digits and what follows them.
fn number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, text[end..].trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let cases = [
            ("250ms", Some(250)),
            ("5s", Some(5000)),
            ("1h 30m", Some(5_400_000)),
            ("1h30m", Some(5_400_000)),
            ("0", Some(0)),
            ("0s", Some(0)),
            ("5", None),
            ("", None),
            ("s", None),
            ("-1s", None),
            ("5 parsecs", None),
            ("99999999999999999999s", None),
        ];
        for (text, millis) in cases {
            assert_eq!(duration(text), millis.map(Duration::from_millis), "{text:?}");
        }
    }

    #[test]
    fn sizes() {
        let cases = [("16MiB", Some(16 << 20)), ("1 kB", Some(1024)), ("7", Some(7)), ("1 MB x", None), ("MB", None)];
        for (text, bytes) in cases {
            assert_eq!(size(text), bytes, "{text:?}");
        }
        assert_eq!(size("99999999999TB"), None);
    }

    #[test]
    fn shown_as_written() {
        for text in ["250ms", "5s", "90s", "2m", "1h", "7d"] {
            assert_eq!(show(duration(text).unwrap()), text);
        }
    }
}
