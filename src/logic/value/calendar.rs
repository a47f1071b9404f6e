//! Days and times as PostgreSQL counts them, from ISO 8601 text that means the same under every DateStyle and TimeZone.

use super::numeric::is_space;

/// `-infinity` and `infinity` of a date.
pub(super) const DATE_INFINITY: [i32; 2] = [i32::MIN, i32::MAX];
/// Microseconds of a day.
pub(super) const DAY: i64 = 86_400_000_000;

/// First date (4714-11-24 BC) and first day after the last (5874898-01-01), in days since 2000-01-01.
const DATES: std::ops::Range<i64> = -2_451_545..2_145_031_949;
/// First timestamp and first moment after the last (294277-01-01), in microseconds since 2000-01-01.
const TIMESTAMPS: std::ops::Range<i64> = -211_813_488_000_000_000..9_223_371_331_200_000_000;
/// Days from 1970-01-01 to 2000-01-01.
const EPOCH_2000: i64 = 10_957;

/// Why a text is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotRead {
    /// PostgreSQL reports an error for it
    Invalid,
    /// It may depend on the session's settings, or is not ISO 8601
    Unread,
}

/// A date: `YYYY-MM-DD`, optionally ` BC`; `infinity`.
pub(super) fn parse_date(text: &str) -> Result<i32, NotRead> {
    if let Some(is_positive) = infinity(text) {
        return Ok(DATE_INFINITY[usize::from(is_positive)]);
    }
    let (text, is_bc) = split_era(text);
    let (days, rest) = split_date(text, is_bc)?;
    match i32::try_from(days) {
        _ if !rest.is_empty() => Err(NotRead::Unread),
        Ok(days) if DATES.contains(&i64::from(days)) => Ok(days),
        Ok(_) | Err(_) => Err(NotRead::Invalid),
    }
}

/// A timestamp: a date, or a date and a time; an offset is read and ignored, as PostgreSQL does.
pub(super) fn parse_timestamp(text: &str) -> Result<i64, NotRead> {
    parse_moment(text).map(|(micros, _)| micros).and_then(in_range)
}

/// A timestamp with an offset, in UTC.
pub(super) fn parse_timestamptz(text: &str) -> Result<i64, NotRead> {
    match parse_moment(text)? {
        // The range is that of the moment in UTC: what is written may be outside of it.
        (micros, Some(offset)) => in_range(micros - offset * 1_000_000),
        (micros, None) if micros == i64::MIN || micros == i64::MAX => Ok(micros),
        (_, None) => Err(NotRead::Unread),
    }
}

/// Microseconds of the first moment of a day; `None` when it is outside the range of timestamps.
pub(super) fn midnight(days: i32) -> Option<i64> {
    match days {
        i32::MIN => Some(i64::MIN),
        i32::MAX => Some(i64::MAX),
        _ => (i64::from(days) < TIMESTAMPS.end / DAY).then(|| i64::from(days) * DAY),
    }
}

/// The day that begins at this moment, if one does.
pub(super) fn day_beginning_at(micros: i64) -> Option<i32> {
    match micros {
        i64::MIN => Some(i32::MIN),
        i64::MAX => Some(i32::MAX),
        _ => (micros % DAY == 0).then_some((micros / DAY) as i32),
    }
}

/// A date of the binary format.
pub(super) fn check_date(days: i32) -> Result<i32, NotRead> {
    let is_fine = DATE_INFINITY.contains(&days) || DATES.contains(&i64::from(days));
    if is_fine { Ok(days) } else { Err(NotRead::Invalid) }
}

/// A timestamp of the binary format, or one just computed.
pub(super) fn in_range(micros: i64) -> Result<i64, NotRead> {
    let is_fine = micros == i64::MIN || micros == i64::MAX || TIMESTAMPS.contains(&micros);
    if is_fine { Ok(micros) } else { Err(NotRead::Invalid) }
}

/// Year (astronomical: 0 is 1 BC), month and day.
pub(super) fn civil(days: i32) -> (i64, u32, u32) {
    // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
    let z = i64::from(days) + EPOCH_2000 + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted + 2) / 5 + 1) as u32;
    let month = (if shifted < 10 { shifted + 3 } else { shifted - 9 }) as u32;
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted = i64::from(if month > 2 { month - 3 } else { month + 9 });
    let day_of_year = (153 * shifted + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468 - EPOCH_2000
}

/// Microseconds of a date and time as written, and the seconds its offset lies east of UTC.
fn parse_moment(text: &str) -> Result<(i64, Option<i64>), NotRead> {
    if let Some(is_positive) = infinity(text) {
        return Ok((if is_positive { i64::MAX } else { i64::MIN }, None));
    }
    let (text, is_bc) = split_era(text);
    let (days, rest) = split_date(text, is_bc)?;
    // Dates reach further than timestamps. A zone does not reach over a day.
    let written = TIMESTAMPS.start / DAY - 1..TIMESTAMPS.end / DAY + 1;
    let midnight = if written.contains(&days) { days * DAY } else { return Err(NotRead::Invalid) };
    if rest.is_empty() {
        return Ok((midnight, None));
    }
    let time = rest.strip_prefix(['T', ' ']).ok_or(NotRead::Unread)?;
    let zone_at = time.find(|c: char| !(c.is_ascii_digit() || c == ':' || c == '.')).unwrap_or(time.len());
    let micros = parse_time(&time[..zone_at])?;
    Ok((midnight + micros, parse_zone(&time[zone_at..])?))
}

fn infinity(text: &str) -> Option<bool> {
    let text = text.trim_matches(is_space);
    match text {
        _ if text.eq_ignore_ascii_case("infinity") => Some(true),
        _ if text.eq_ignore_ascii_case("-infinity") => Some(false),
        _ => None,
    }
}

fn split_era(text: &str) -> (&str, bool) {
    let text = text.trim_matches(is_space);
    text.strip_suffix(" BC").map_or((text, false), |rest| (rest, true))
}

/// `YYYY-MM-DD` at the start, and what follows it.
fn split_date(text: &str, is_bc: bool) -> Result<(i64, &str), NotRead> {
    let year_len = text.bytes().take_while(u8::is_ascii_digit).count();
    let rest = &text[year_len..];
    let bytes = rest.as_bytes();
    let is_dash = |at: usize| bytes.get(at) == Some(&b'-');
    // Fewer digits may be a day or a month, as DateStyle says; more than seven no date reaches.
    if !(4..=7).contains(&year_len) || !is_dash(0) || !is_dash(3) {
        return Err(NotRead::Unread);
    }
    let (month, day) = (two_digits(bytes, 1)?, two_digits(bytes, 4)?);
    let written: i64 = text[..year_len].parse().map_err(|_| NotRead::Unread)?;
    let year = if is_bc { 1 - written } else { written };
    if written == 0 || !(1..=12).contains(&month) || day == 0 || day > month_len(year, month) {
        return Err(NotRead::Invalid);
    }
    Ok((days_from_civil(year, month, day), &rest[6..]))
}

fn month_len(year: i64, month: u32) -> u32 {
    let is_leap = year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0);
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => 31,
    }
}

/// `HH:MM[:SS[.f…]]` in microseconds.
fn parse_time(text: &str) -> Result<i64, NotRead> {
    let bytes = text.as_bytes();
    let (hour, minute) = (two_digits(bytes, 0)?, two_digits(bytes, 3)?);
    let (second, fraction) = match &bytes[5..] {
        [] => (0, 0),
        [b':', ..] => (two_digits(bytes, 6)?, parse_fraction(&text[8..])?),
        _ => return Err(NotRead::Unread),
    };
    // 24:00:00 and second 60 mean the next day and minute, anything above is an error: both are left to the server.
    if bytes[2] != b':' || hour > 23 || minute > 59 || second > 59 {
        return Err(NotRead::Unread);
    }
    Ok(i64::from(hour * 3600 + minute * 60 + second) * 1_000_000 + fraction)
}

/// `.f…` in microseconds, rounded as PostgreSQL rounds: `rint(strtod(f) * 1000000)`.
fn parse_fraction(text: &str) -> Result<i64, NotRead> {
    match text.strip_prefix('.') {
        None if text.is_empty() => Ok(0),
        Some(digits) if !digits.is_empty() && digits.len() <= 20 && digits.bytes().all(|b| b.is_ascii_digit()) => {
            let fraction: f64 = text.parse().map_err(|_| NotRead::Unread)?;
            Ok((fraction * 1_000_000.0).round_ties_even() as i64)
        }
        None | Some(_) => Err(NotRead::Unread),
    }
}

/// Seconds east of UTC of `Z`, `UTC`, `+HH`, `+HHMM`, `+HH:MM`, `+HH:MM:SS`.
fn parse_zone(text: &str) -> Result<Option<i64>, NotRead> {
    let text = text.strip_prefix(' ').unwrap_or(text);
    let (sign, digits) = match text.as_bytes() {
        [] => return Ok(None),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ if text.eq_ignore_ascii_case("z") || text.eq_ignore_ascii_case("utc") => return Ok(Some(0)),
        _ => return Err(NotRead::Unread),
    };
    let hours = two_digits(digits, 0)?;
    let (minutes, seconds) = match digits.len() {
        2 => (0, 0),
        4 => (two_digits(digits, 2)?, 0),
        5 if digits[2] == b':' => (two_digits(digits, 3)?, 0),
        8 if digits[2] == b':' && digits[5] == b':' => (two_digits(digits, 3)?, two_digits(digits, 6)?),
        _ => return Err(NotRead::Unread),
    };
    if hours > 15 || minutes > 59 || seconds > 59 {
        return Err(NotRead::Unread);
    }
    Ok(Some(sign * i64::from(hours * 3600 + minutes * 60 + seconds)))
}

fn two_digits(bytes: &[u8], at: usize) -> Result<u32, NotRead> {
    match bytes.get(at..at + 2) {
        Some([tens @ b'0'..=b'9', ones @ b'0'..=b'9']) => Ok(u32::from(tens - b'0') * 10 + u32::from(ones - b'0')),
        Some(_) | None => Err(NotRead::Unread),
    }
}
