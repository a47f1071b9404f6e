//! Texts of statements, changed where others are to run them: something else in the place of a table, of the time, before all.

use std::collections::HashSet;
use std::ops::Range;

use crate::logic::sql::name::quoted;

use super::Refusal;
use super::pieces::{Token, tokens};
use super::survey::{Mention, Time};
use super::words::Words;

/// A piece of text in the place of another.
pub(super) struct Edit {
    /// The piece, in bytes
    pub at: Range<usize>,
    /// What stands there instead
    pub to: String,
}

/// The text with these edits.
pub(super) fn edited(text: &str, mut edits: Vec<Edit>) -> Result<String, Refusal> {
    edits.sort_by_key(|edit| (edit.at.start, edit.at.end));
    let mut out = String::with_capacity(text.len() + 200);
    let mut done = 0;
    for edit in edits {
        let between = text.get(done..edit.at.start);
        out.push_str(between.ok_or_else(|| Refusal::across("a text of which one piece stands for two"))?);
        out.push_str(&edit.to);
        done = edit.at.end;
    }
    out.push_str(&text[done..]);
    Ok(out)
}

/// Something else in the place of a table, under the name that the table has in the statement.
pub(super) fn instead_of(tokens: &[Token<'_>], mention: &Mention<'_>, to: &str) -> Result<Edit, Refusal> {
    let unplaced = || Refusal::across(&format!("the way \"{}\" is named", mention.name.name));
    let at = mention.name.at.ok_or_else(unplaced)?;
    let mut first = tokens.iter().position(|token| token.start == at).ok_or_else(unplaced)?;
    let is = |place: Option<usize>, word: &str| place.and_then(|place| tokens.get(place)).is_some_and(|it| it.is(word));
    let mut last = first + if mention.name.schema.is_some() { 2 } else { 0 };
    if tokens.get(last).is_none_or(|token| *token.name() != *mention.name.name) {
        return Err(unplaced());
    }
    if mention.name.is_only {
        if is(first.checked_sub(1), "(") {
            (first, last) = (first - 1, last + 1);
        }
        first = first.checked_sub(1).filter(|first| is(Some(*first), "only")).ok_or_else(unplaced)?;
    } else if is(Some(last + 1), "*") {
        last += 1;
    }
    let end = tokens.get(last).ok_or_else(unplaced)?.end();
    let alias = match &mention.alias {
        Some(_) => String::new(),
        None => format!(" AS {}", quoted(&mention.name.name)),
    };
    // The statement TABLE takes a name and nothing else.
    let (first, query) = if is(first.checked_sub(1), "table") { (first - 1, "SELECT * FROM ") } else { (first, "") };
    Ok(Edit { at: tokens[first].start..end, to: format!("{query}{to}{alias}") })
}

/// Columns that are named with the schema of their table lose it: what stands in for the table has none.
pub(super) fn without_schemas<'m>(
    tokens: &[Token<'_>],
    mentions: &[&'m Mention<'m>],
    shadowed: &HashSet<Box<str>>,
) -> Result<Vec<Edit>, Refusal> {
    let mut edits = Vec::new();
    for (number, names) in tokens.windows(4).enumerate() {
        let [schema, dot, table, end] = names else { continue };
        let is_inside = number > 0 && tokens[number - 1].text == ".";
        if dot.text != "." || end.text != "." || is_inside {
            continue;
        }
        let (schema_name, name) = (schema.name(), table.name());
        let is_meant = |it: &&Mention<'_>| {
            it.alias.is_none() && *it.name.name == *name && it.schema.as_deref() == Some(&*schema_name)
        };
        if mentions.iter().any(is_meant) {
            if shadowed.contains(&*name) {
                return Err(Refusal::across(
                    "a column with the name of its schema, where its table's name means another too,",
                ));
            }
            edits.push(Edit { at: schema.start..table.start, to: String::new() });
        }
    }
    Ok(edits)
}

/// The tokens of a statement.
pub(super) fn tokens_of(text: &str) -> Result<Vec<Token<'_>>, Refusal> {
    tokens(text).ok_or_else(|| Refusal::across("a string that is continued on another line"))
}

/// The time in the place of a word or call that asks for it. A query in parentheses has the name of its column, so that
/// of the function stays.
pub(super) fn time_of(text: &str, table: &str, number: usize, time: &Time) -> Edit {
    let mut words = Words::of(&text[time.at..]);
    let (mut name, mut end) = words.next().unwrap_or_default();
    let mut is_open = time.is_call;
    while let Some((word, after)) = words.next() {
        match word {
            "(" if !is_open => is_open = true,
            ")" if is_open => {
                end = after;
                break;
            }
            _ if !is_open => break,
            "(" | "." => (),
            word if time.is_call => name = word,
            _ => (),
        }
    }
    let name = name.trim_matches('"').to_ascii_lowercase();
    let to = format!("(SELECT t{} AS {} FROM {table})", number + 1, quoted(&name));
    Edit { at: time.at..time.at + end, to }
}

/// WITH goes before the statement; where it has one, perhaps inside parentheses, among its parts.
pub(super) fn beginning(text: &str, at: &Range<usize>, with: &str, has_with: bool) -> Edit {
    let mut words = Words::of(&text[at.clone()]);
    let (mut word, mut end) = words.next().unwrap_or_default();
    if !has_with {
        let start = at.start + end - word.len();
        return Edit { at: start..start, to: format!("WITH {with} ") };
    }
    while word == "(" {
        (word, end) = words.next().unwrap_or_default();
    }
    let end = match words.next() {
        Some((word, end)) if word.eq_ignore_ascii_case("recursive") => end,
        Some(_) | None => end,
    };
    Edit { at: at.start + end..at.start + end, to: format!(" {with}, ") }
}
