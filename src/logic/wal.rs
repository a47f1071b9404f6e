//! Places in the WAL of a shard: where its primary stands, how far a replica has come, what a session needs.

use std::fmt;
use std::time::Instant;

/// A place in the WAL. Those of one timeline can be compared; a later timeline begins where an earlier one was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// Counts promotions
    pub timeline: u32,
    /// Bytes since the beginning of time
    pub lsn: u64,
}

/// What a server said of its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// When it was asked: it was there at this moment or later
    pub at: Instant,
    /// A primary has written up to here, a replica has replayed up to here
    pub position: Position,
}

/// How PostgreSQL divides its WAL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Bytes of a page (`wal_block_size`)
    pub page: u64,
    /// Bytes of a segment (`wal_segment_size`)
    pub segment: u64,
}

impl Layout {
    /// The end of the last record before a primary's insert position. At a page's end a primary names the place behind the
    /// header of the next page, which no replica reaches before there is another record (xlog.c, XLogBytePosToRecPtr).
    pub fn end_of_record(self, insert: u64) -> u64 {
        /// SizeOfXLogShortPHD and SizeOfXLogLongPHD
        const HEADER: u64 = 24;
        const SEGMENT_HEADER: u64 = 40;
        let Self { page, segment } = self;
        if segment > 0 && insert % segment == SEGMENT_HEADER {
            insert - SEGMENT_HEADER
        } else if page > 0 && insert % page == HEADER {
            insert - HEADER
        } else {
            insert
        }
    }
}

impl fmt::Display for Position {
    /// As in `1:0/16B3748`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:X}/{:X}", self.timeline, self.lsn >> 32, self.lsn & 0xFFFF_FFFF)
    }
}

impl Position {
    /// Reads what `Display` writes.
    pub fn parse(text: &str) -> Option<Self> {
        let (timeline, lsn) = text.split_once(':')?;
        let timeline = timeline.parse().ok().filter(|timeline| *timeline > 0)?;
        Some(Self { timeline, lsn: lsn_of(lsn)? })
    }
}

/// PostgreSQL's way to write a place: `0/16B3748`.
pub fn lsn_of(text: &str) -> Option<u64> {
    let half = |digits: &str| match digits.len() {
        1..=8 if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => u64::from_str_radix(digits, 16).ok(),
        _ => None,
    };
    let (high, low) = text.split_once('/')?;
    Some(half(high)? << 32 | half(low)?)
}

/// The timeline in the name of a WAL file, `000000010000000000000001`.
pub fn timeline_of(file: &str) -> Option<u32> {
    u32::from_str_radix(file.get(..8)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read_as_they_are_written() {
        for text in ["1:0/16B3748", "12:FF/0", "1:0/0"] {
            assert_eq!(Position::parse(text).map(|it| it.to_string()).as_deref(), Some(text));
        }
        let wrong = [
            "",
            "1",
            "0:0/0",
            "1:0",
            "1:0/",
            "1:/0",
            "-1:0/0",
            "1:0/123456789",
            "1:0/+1",
            "1:0/0/0",
            "x:0/0",
            " 1:0/0",
        ];
        assert!(wrong.iter().all(|text| Position::parse(text).is_none()));
        assert_eq!(timeline_of("0000000A0000000000000001"), Some(10));
        assert_eq!(timeline_of("short"), None);
    }

    #[test]
    fn a_later_timeline_is_later() {
        let at = |timeline, lsn| Position { timeline, lsn };
        assert!(at(2, 10) > at(1, 99) && at(1, 99) > at(1, 98));
    }

    #[test]
    fn the_end_of_a_record_is_where_replicas_come_to() {
        let layout = Layout { page: 8192, segment: 16 << 20 };
        let cases = [
            ("in the middle of a page", 8192 + 100, 8192 + 100),
            ("behind the header of a page", 3 * 8192 + 24, 3 * 8192),
            ("behind the header of a segment", (16 << 20) + 40, 16 << 20),
            ("16 bytes of a record that began on the page before", 8192 + 40, 8192 + 40),
            ("at the end of a page", 8192, 8192),
        ];
        for (name, insert, expected) in cases {
            assert_eq!(layout.end_of_record(insert), expected, "{name}");
        }
        assert_eq!(Layout { page: 0, segment: 0 }.end_of_record(24), 24, "unknown");
    }
}
