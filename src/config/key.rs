//! Shard keys as they are written in the file.

use crate::logic::value::{Key, KeyType};

use super::report::{Problems, did_you_mean};
use super::source::Span;
use super::tree::{Node, Value};

/// Names of the key types, as PostgreSQL spells them, and their usual short forms.
pub const KEY_TYPES: &[(&str, KeyType)] = &[
    ("smallint", KeyType::SmallInt),
    ("integer", KeyType::Integer),
    ("bigint", KeyType::BigInt),
    ("text", KeyType::Text),
    ("varchar", KeyType::Text),
    ("uuid", KeyType::Uuid),
    ("date", KeyType::Date),
    ("timestamp", KeyType::Timestamp),
    ("timestamptz", KeyType::TimestampTz),
    ("numeric", KeyType::Numeric),
    ("int2", KeyType::SmallInt),
    ("int4", KeyType::Integer),
    ("int", KeyType::Integer),
    ("int8", KeyType::BigInt),
];

/// Reads the name of a key type.
pub fn key_type(name: &str, span: Span, problems: &mut Problems) -> Option<KeyType> {
    let found = KEY_TYPES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    if found.is_none() {
        let known = || KEY_TYPES[..10].iter().map(|(name, _)| *name);
        let types = || format!("one of: {}", known().collect::<Vec<_>>().join(", "));
        problems
            .error(span, format!("`{name}` is not a type that a key can have"))
            .help(did_you_mean(name, known()).unwrap_or_else(types));
    }
    found.map(|(_, key_type)| *key_type)
}

/// The name that messages use.
pub fn type_name(key_type: KeyType) -> &'static str {
    KEY_TYPES.iter().find(|(_, known)| *known == key_type).map_or("", |(name, _)| name)
}

/// A key, and how the file writes it.
#[derive(Debug, Clone)]
pub struct WrittenKey {
    /// The key
    pub key: Key,
    /// As written
    pub text: String,
}

/// Reads a key that stands as a value.
pub fn from_node(key_type: KeyType, node: &Node, problems: &mut Problems) -> Option<WrittenKey> {
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
pub fn from_text(key_type: KeyType, text: &str, span: Span, problems: &mut Problems) -> Option<WrittenKey> {
    match key_from_toml(key_type, text) {
        Ok(key) => Some(WrittenKey { key, text: text.to_owned() }),
        Err(why) => {
            problems.error(span, why);
            None
        }
    }
}

/// Decodes a key.
fn key_from_toml(key_type: KeyType, text: &str) -> Result<Key, String> {
    let wrong = || format!("{text:?} is not a key of type {}", type_name(key_type));
    let (least, most) = match key_type {
        KeyType::SmallInt => (i64::from(i16::MIN), i64::from(i16::MAX)),
        KeyType::Integer => (i64::from(i32::MIN), i64::from(i32::MAX)),
        KeyType::BigInt => (i64::MIN, i64::MAX),
        KeyType::Text => return Ok(Key::Text(text.as_bytes().into())),
        KeyType::Uuid | KeyType::Date | KeyType::Timestamp | KeyType::TimestampTz | KeyType::Numeric => {
            return Err(wrong());
        }
    };
    let number: Option<i64> = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.map(Key::Int).ok_or_else(wrong)
}
