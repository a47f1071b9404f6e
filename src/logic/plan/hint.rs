//! Hints: `/* shardway shard=b */` before a statement.

use super::{Hint, OwnSetting, Refusal};

/// The hint in the comments that a statement begins with. A misspelled one is an error.
pub fn leading(statement: &str) -> Result<Option<Hint>, Refusal> {
    let mut rest = statement.trim_ascii_start();
    loop {
        if let Some(line) = rest.strip_prefix("--") {
            rest = line.split_once(['\n', '\r']).map_or("", |(_, after)| after).trim_ascii_start();
        } else if let Some((comment, after)) = block(rest) {
            match comment.trim_ascii().strip_prefix("shardway") {
                Some(hint) if hint.is_empty() || hint.starts_with(|c: char| c == '.' || c.is_ascii_whitespace()) => {
                    return parse(hint.trim_ascii().trim_start_matches('.')).map(Some);
                }
                Some(_) | None => rest = after.trim_ascii_start(),
            }
        } else {
            return Ok(None);
        }
    }
}

/// The inside of a block comment and what follows it. Comments nest (manual, 4.1.5).
fn block(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix("/*")?;
    let bytes = inside.as_bytes();
    let (mut depth, mut at) = (1, 0);
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"*/" if depth == 1 => return Some((&inside[..at], &inside[at + 2..])),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            b"/*" => (depth, at) = (depth + 1, at + 2),
            _ => at += 1,
        }
    }
    None
}

/// The length of the block comment that `text` begins with.
pub fn block_length(text: &str) -> usize {
    block(text).map_or(text.len(), |(_, after)| text.len() - after.len())
}

fn parse(hint: &str) -> Result<Hint, Refusal> {
    let (name, value) = hint.split_once('=').ok_or_else(|| Refusal::bad_hint(hint))?;
    let (name, value) = (name.trim_ascii(), value.trim_ascii());
    let value = value.strip_prefix('\'').and_then(|value| value.strip_suffix('\'')).unwrap_or(value);
    let setting = setting(name).filter(|it| *it != OwnSetting::Position).ok_or_else(|| Refusal::bad_hint(hint))?;
    if value.is_empty() || (setting != OwnSetting::Key && value.contains(|c: char| c.is_ascii_whitespace())) {
        return Err(Refusal::bad_hint(hint));
    }
    if setting == OwnSetting::Role && !matches!(value, "primary" | "replica" | "auto") {
        return Err(Refusal::bad_hint(hint));
    }
    Ok(Hint { setting, value: Box::from(value) })
}

/// A setting of ours by the name after `shardway.`.
pub fn setting(name: &str) -> Option<OwnSetting> {
    match name {
        "shard" => Some(OwnSetting::Shard),
        "key" => Some(OwnSetting::Key),
        "role" => Some(OwnSetting::Role),
        "position" => Some(OwnSetting::Position),
        "new_tables" => Some(OwnSetting::NewTables),
        _ => None,
    }
}
