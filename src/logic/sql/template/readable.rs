//! A skeleton for people: `?` for every value.

use std::ops::Range;

use super::scan::is_marker;

/// `?` for each literal and for what a setting is set to, and no more than `max` bytes of it.
pub fn readable(skeleton: &[u8], max: usize) -> String {
    let shown = skeleton.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let mut end = shown.len().min(max);
    while !shown.is_char_boundary(end) {
        end -= 1;
    }
    let readable = without_settings(&shown[..end].trim().replace(is_marker, "?"));
    if end < skeleton.len() { readable + " …" } else { readable }
}

/// Settings and passwords may be written without quotes: what follows them in their statement is not shown.
fn without_settings(text: &str) -> String {
    let tokens = tokens(text);
    let mut shown = String::with_capacity(text.len());
    let mut kept = 0;
    for statement in tokens.split_inclusive(|token| &text[token.clone()] == ";") {
        let ends = statement.last().is_some_and(|token| &text[token.clone()] == ";");
        let within = &statement[..statement.len() - usize::from(ends)];
        let words: Vec<&str> = within.iter().map(|token| &text[token.clone()]).collect();
        if let Some(value) = value(&words)
            && let [first, .., last] | [first @ last] = &within[value..]
        {
            shown += &text[kept..first.start];
            shown.push('?');
            kept = last.end;
        }
    }
    shown + &text[kept..]
}

/// Where in a statement the value of a setting, or an unquoted password, begins.
fn value(words: &[&str]) -> Option<usize> {
    let is = |at: usize, word: &str| words.get(at).is_some_and(|it| it.eq_ignore_ascii_case(word));
    if !["SET", "ALTER", "CREATE"].iter().any(|verb| is(0, verb)) {
        return None;
    }
    let of_role = ["ROLE", "USER", "GROUP"].iter().any(|kind| is(1, kind));
    (0..words.len()).find_map(|at| {
        if is(at, "SET") {
            return of_setting(words, at + 1);
        }
        (of_role && is(at, "PASSWORD") && words.get(at + 1).is_some_and(|it| *it != "?")).then_some(at + 1)
    })
}

/// `[SESSION | LOCAL] name { = | TO } value`, `TIME ZONE value`; other forms set nothing, or only what a name says.
fn of_setting(words: &[&str], at: usize) -> Option<usize> {
    let is = |at: usize, word: &str| words.get(at).is_some_and(|it| it.eq_ignore_ascii_case(word));
    let mut at = at + usize::from((is(at, "SESSION") || is(at, "LOCAL")) && !is(at + 1, "."));
    if is(at, "TIME") && is(at + 1, "ZONE") {
        return Some(at + 2);
    }
    while is(at + 1, ".") {
        at += 2;
    }
    (is(at + 1, "=") || is(at + 1, "TO")).then_some(at + 2)
}

/// Words, quoted ones as one, and everything else sign by sign.
fn tokens(text: &str) -> Vec<Range<usize>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let is_in_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
        let length = match first {
            '"' => quoted(rest),
            first if is_in_word(first) => rest.find(|c| !is_in_word(c)).unwrap_or(rest.len()),
            first => first.len_utf8(),
        };
        if !first.is_whitespace() {
            tokens.push(at..at + length);
        }
        at += length;
    }
    tokens
}

/// How long the quoted name is that a text begins with; `""` in it stands for one.
fn quoted(text: &str) -> usize {
    let mut end = 1;
    while let Some(quote) = text[end..].find('"') {
        end += quote + 1;
        match text[end..].starts_with('"') {
            true => end += 1,
            false => return end,
        }
    }
    text.len()
}
