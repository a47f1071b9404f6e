//! Keys as they are written in the shard map.

use super::{Key, KeyType};

impl Key {
    /// Reads a key of the shard map; the error says what is expected.
    pub fn from_config(of: KeyType, text: &str) -> Result<Self, String> {
        let read = of.read_text(text.as_bytes());
        read.map_err(|_| format!("{text:?} is not a key of type {}: expected {}", of.name(), expected(of)))
    }
}

fn expected(of: KeyType) -> &'static str {
    match of {
        KeyType::SmallInt => "a whole number from -32768 to 32767",
        KeyType::Integer => "a whole number from -2147483648 to 2147483647",
        KeyType::BigInt => "a whole number from -9223372036854775808 to 9223372036854775807",
        KeyType::Text => "text without NUL characters",
        KeyType::Uuid => "a UUID such as 0190163d-8694-739b-aea5-966c26f8ad91",
        KeyType::Date => "a date such as 2026-01-31",
        KeyType::Timestamp => "a timestamp such as 2026-01-31 18:30:00",
        KeyType::TimestampTz => "a timestamp with its offset such as 2026-01-31 18:30:00+00",
        KeyType::Numeric => "a number such as 12.50",
    }
}
