//! Shard keys as they are written in the file.

use crate::logic::value::{Key, KeyType};

use super::report::{Problems, did_you_mean};
use super::source::Span;
use super::tree::{Node, Value};

/// The key types, as PostgreSQL spells them.
const KEY_TYPES: [KeyType; 9] = [
    KeyType::SmallInt,
    KeyType::Integer,
    KeyType::BigInt,
    KeyType::Text,
    KeyType::Uuid,
    KeyType::Date,
    KeyType::Timestamp,
    KeyType::TimestampTz,
    KeyType::Numeric,
];

/// PostgreSQL's other names for them.
const SYNONYMS: [(&str, KeyType); 5] = [
    ("varchar", KeyType::Text),
    ("int2", KeyType::SmallInt),
    ("int4", KeyType::Integer),
    ("int", KeyType::Integer),
    ("int8", KeyType::BigInt),
];

/// Reads the name of a key type.
pub fn key_type(name: &str, span: Span, problems: &mut Problems) -> Option<KeyType> {
    let written = name.to_ascii_lowercase();
    let by_name = KEY_TYPES.into_iter().find(|known| known.name() == written);
    let found = by_name.or_else(|| SYNONYMS.iter().find(|(known, _)| *known == written).map(|(_, it)| *it));
    if found.is_none() {
        let known = KEY_TYPES.map(KeyType::name);
        problems
            .error(span, format!("`{name}` is not a type that a key can have"))
            .help(did_you_mean(name, known).unwrap_or_else(|| format!("one of: {}", known.join(", "))));
    }
    found
}

/// Reads a key that stands as a value.
pub fn from_node(key_type: KeyType, node: &Node, problems: &mut Problems) -> Option<Key> {
    let text = match &node.value {
        Value::String(text) | Value::Datetime(text) | Value::Float(text) => text.clone(),
        Value::Integer(number) if key_type == KeyType::Text => {
            problems.error(node.span, "a text key stands in quotes").help(format!("write \"{number}\""));
            return None;
        }
        Value::Integer(number) => number.to_string(),
        Value::Boolean(_) | Value::Array(_) | Value::Table(_) => {
            problems.error(node.span, format!("{} cannot be a key", node.describe()));
            return None;
        }
    };
    from_text(key_type, &text, node.span, problems)
}

/// Reads a key that stands as the name of a pin.
pub fn from_text(key_type: KeyType, text: &str, span: Span, problems: &mut Problems) -> Option<Key> {
    match Key::from_config(key_type, text) {
        Ok(key) => Some(key),
        Err(why) => {
            problems.error(span, why);
            None
        }
    }
}
