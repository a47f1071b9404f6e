//! Hints: `/* shardway shard=b */` before a statement.

use super::{Hint, OwnSetting, Refusal};

/// The hint in the comments that a statement begins with. A misspelled one is an error, and so is a comment that begins with
/// our name and is none.
pub fn leading(statement: &str) -> Result<Option<Hint>, Refusal> {
    let mut rest = statement.trim_ascii_start();
    loop {
        if let Some(line) = rest.strip_prefix("--") {
            let (comment, after) = line.split_once(['\n', '\r']).unwrap_or((line, ""));
            if after_name(comment).is_some() {
                return Err(Refusal::bad_hint(&format!("--{}", comment.trim_ascii_end())));
            }
            rest = after.trim_ascii_start();
        } else if let Some((comment, after)) = block(rest) {
            match after_name(comment) {
                Some((true, hint)) => return parse(hint.trim_ascii().trim_start_matches('.')).map(Some),
                Some((false, _)) => return Err(Refusal::bad_hint(comment.trim_ascii())),
                None => rest = after.trim_ascii_start(),
            }
        } else {
            return Ok(None);
        }
    }
}

/// What stands in a comment behind our name, if it begins with that, and whether it may be a hint: a name in other letters, or
/// with another sign behind it, is none. A longer word (`shardway-exporter`, `shardway_demo`) is not our name.
fn after_name(comment: &str) -> Option<(bool, &str)> {
    const NAME: &str = "shardway";
    let (name, rest) = comment.trim_ascii().split_at_checked(NAME.len())?;
    let is_longer = rest.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$' | '/' | '\''));
    if !name.eq_ignore_ascii_case(NAME) || is_longer {
        return None;
    }
    let is_hint = rest.is_empty() || rest.starts_with(|c: char| c == '.' || c.is_ascii_whitespace());
    Some((name == NAME && is_hint, rest))
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
