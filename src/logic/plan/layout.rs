//! Where the parts of an INSERT stand in its text, and what in it tells the time.

use std::ops::Range;

use crate::logic::sql::statement::Insert;

use super::pieces::Token;

/// The parts of an INSERT.
#[derive(Debug)]
pub struct Layout {
    /// Where INSERT stands
    pub insert: usize,
    /// Behind the table's name and alias
    pub named: usize,
    /// Where the list of columns closes
    pub columns_end: Option<usize>,
    /// OVERRIDING is written
    pub has_overriding: bool,
    /// VALUES with its rows, DEFAULT VALUES, or the query
    pub source: Range<usize>,
}

/// One row of VALUES.
#[derive(Debug)]
pub struct Tuple {
    /// Its parentheses included
    pub at: Range<usize>,
    /// Its values
    pub cells: Vec<Range<usize>>,
}

/// Finds the parts. `None`: the text is not written as expected.
pub fn layout(tokens: &[Token<'_>], insert: &Insert) -> Option<Layout> {
    let mut at = tokens.iter().position(|token| token.depth == 0 && token.is("insert"))?;
    let start_of_insert = tokens[at].start;
    tokens.get(at + 1).filter(|token| token.is("into"))?;
    at += 2;
    while tokens.get(at + 1).is_some_and(|token| token.text == ".") {
        at += 2;
    }
    if tokens.get(at + 1).is_some_and(|token| token.is("as")) {
        at += 2;
    }
    let named = tokens.get(at)?.end();
    at += 1;
    let mut columns_end = None;
    if !insert.columns.is_empty() {
        let close = close_of(tokens, at)?;
        columns_end = Some(tokens[close].start);
        at = close + 1;
    }
    let has_overriding = tokens.get(at)?.is("overriding");
    if has_overriding {
        at += 3;
    }
    let start = tokens.get(at)?.start;
    let tail = tail(&tokens[at..], insert);
    let last = match tail {
        Some(tail) => at + tail - 1,
        None => tokens.len() - 1,
    };
    let source = start..tokens[last].end();
    (last >= at).then_some(Layout { insert: start_of_insert, named, columns_end, has_overriding, source })
}

/// The first token of ON CONFLICT or RETURNING.
fn tail(tokens: &[Token<'_>], insert: &Insert) -> Option<usize> {
    let is_top = |at: usize, word: &str| tokens.get(at).is_some_and(|token| token.depth == 0 && token.is(word));
    if insert.on_conflict.is_some() {
        return (0..tokens.len()).rev().find(|at| is_top(*at, "on") && is_top(at + 1, "conflict"));
    }
    let has_returning = !insert.returning.is_empty();
    has_returning.then(|| (0..tokens.len()).rev().find(|at| is_top(*at, "returning"))).flatten()
}

/// The token that closes the parenthesis at `open`.
fn close_of(tokens: &[Token<'_>], open: usize) -> Option<usize> {
    let first = tokens.get(open).filter(|token| token.text == "(")?;
    let rest = tokens[open + 1..].iter();
    rest.enumerate().find(|(_, token)| token.depth == first.depth).map(|(number, _)| open + 1 + number)
}

/// The rows of VALUES at `source`.
pub fn tuples(tokens: &[Token<'_>], source: &Range<usize>) -> Option<Vec<Tuple>> {
    let mut at = tokens.partition_point(|token| token.start < source.start);
    let end = tokens.partition_point(|token| token.start < source.end);
    tokens.get(at).filter(|token| token.is("values"))?;
    let mut found = Vec::new();
    loop {
        let open = at + 1;
        let close = close_of(tokens, open)?;
        let cells = cells(&tokens[open + 1..close], tokens[open].depth + 1)?;
        found.push(Tuple { at: tokens[open].start..tokens[close].end(), cells });
        at = close + 1;
        match tokens.get(at) {
            Some(token) if at < end && token.text == "," => (),
            Some(_) | None => return (at == end).then_some(found),
        }
    }
}

fn cells(tokens: &[Token<'_>], depth: u16) -> Option<Vec<Range<usize>>> {
    let between = tokens.split(|token| token.depth == depth && token.text == ",");
    between.map(|cell| Some(cell.first()?.start..cell.last()?.end())).collect()
}

/// A value that is one for a whole statement: `now()`, CURRENT_DATE and their kin.
#[derive(Debug)]
pub struct Moment {
    /// Its bytes
    pub at: Range<usize>,
    /// As one writes it
    pub text: String,
    /// It tells the time: every server has its own. Others tell the user, who is the same everywhere
    pub is_time: bool,
}

/// Everything of the kind in a text.
pub fn moments(tokens: &[Token<'_>]) -> Vec<Moment> {
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| &tokens[before]);
        let is_qualified = before.is_some_and(|before| before.text == ".");
        let of_catalog = at >= 2 && is_qualified && tokens[at - 2].is("pg_catalog");
        if is_qualified && !of_catalog || before.is_some_and(|before| before.is("as")) {
            continue;
        }
        let start = if of_catalog { tokens[at - 2].start } else { token.start };
        let Some((length, is_time)) = moment(&tokens[at..], of_catalog) else { continue };
        let text: String = tokens[at..at + length].iter().map(|token| token.text.to_ascii_lowercase()).collect();
        found.push(Moment { at: start..tokens[at + length - 1].end(), text, is_time });
    }
    found
}

/// Does it ask for the moment of its statement beside that of its transaction? For a Query outside a transaction these are one
/// and the same, and are not where it is run in pieces.
pub fn asks_for_two(tokens: &[Token<'_>]) -> bool {
    const OF_TRANSACTION: [&str; 6] =
        ["now", "transaction_timestamp", "current_time", "current_timestamp", "localtime", "localtimestamp"];
    let found = moments(tokens);
    let is_named = |names: &[&str]| {
        let name_of = |moment: &Moment| {
            let name = moment.text.split('(').next().unwrap_or_default();
            names.contains(&name.strip_prefix("pg_catalog.").unwrap_or(name))
        };
        found.iter().any(name_of)
    };
    is_named(&["statement_timestamp"]) && is_named(&OF_TRANSACTION)
}

/// How many tokens it has, and whether it tells the time.
fn moment(tokens: &[Token<'_>], of_catalog: bool) -> Option<(usize, bool)> {
    const CALLS: [&str; 3] = ["now", "transaction_timestamp", "statement_timestamp"];
    const WORDS: [&str; 5] = ["current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"];
    const OF_USERS: [&str; 5] = ["current_user", "current_role", "session_user", "user", "current_schema"];
    let is_one_of = |words: &[&str]| words.iter().any(|word| tokens[0].is(word));
    let is_at = |at: usize, text: &str| tokens.get(at).is_some_and(|token| token.text == text);
    if is_one_of(&CALLS) {
        return (is_at(1, "(") && is_at(2, ")")).then_some((3, true));
    }
    if of_catalog {
        return None;
    }
    if is_one_of(&WORDS) {
        let has_precision = is_at(1, "(") && is_at(3, ")");
        return Some((if has_precision { 4 } else { 1 }, true));
    }
    is_one_of(&OF_USERS).then_some((1, false))
}

/// A string that PostgreSQL reads as the time of the statement where a date or time is wanted: `'now'`, `'today 10:00'`.
pub fn reads_as_moment(text: &str) -> bool {
    const LONGEST: usize = 40;
    const WORDS: [&str; 4] = ["now", "today", "tomorrow", "yesterday"];
    let is_moment = |word: &str| WORDS.iter().any(|moment| word.eq_ignore_ascii_case(moment));
    // However many blanks there are, each of them counts as one.
    let length = text.split_ascii_whitespace().map(|word| word.len() + 1).sum::<usize>().saturating_sub(1);
    length <= LONGEST && text.split(|c: char| !c.is_ascii_alphanumeric()).any(is_moment)
}

/// The same of a string as it is written, whose escapes may hide one.
pub fn may_be_moment(token: &Token<'_>) -> bool {
    let is_escaped = token.text.starts_with(['e', 'E']);
    // Any character may escape a letter there: `U&'n!006fw' UESCAPE '!'`.
    let is_unicode = token.text.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("u&"));
    let text = token.string().or_else(|| token.dollar_string());
    text.is_some_and(|text| reads_as_moment(text) || is_unicode || is_escaped && escapes_letters(text))
}

fn escapes_letters(text: &str) -> bool {
    let mut letters = text.chars();
    while letters.any(|letter| letter == '\\') {
        if matches!(letters.next(), Some('x' | 'u' | 'U' | '0'..='7')) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::super::pieces::tokens;
    use super::*;

    #[test]
    fn a_statement_may_ask_for_two_moments() {
        for (text, is_so) in [
            ("SELECT now() = statement_timestamp()", true),
            ("SELECT pg_catalog.Statement_Timestamp() - CURRENT_TIMESTAMP(3)", true),
            ("SELECT statement_timestamp(), statement_timestamp()", false),
            ("SELECT now(), transaction_timestamp(), 'statement_timestamp()'", false),
            ("SELECT current_date, statement_timestamp()", false),
        ] {
            assert_eq!(asks_for_two(&tokens(text).unwrap()), is_so, "{text}");
        }
    }

    #[test]
    fn moments_are_seen_however_they_are_written() {
        let blanks = " ".repeat(60);
        let longest = format!("now {}", "x".repeat(36));
        for text in ["now", "Today 10:00", "yesterday", &format!("now{blanks}"), &longest] {
            assert!(reads_as_moment(text), "{text}");
        }
        for text in ["nowhere", "2024-01-01", "", &format!("{longest}x")] {
            assert!(!reads_as_moment(text), "{text}");
        }
        let is_one = |text| tokens(text).expect("it has tokens").iter().any(may_be_moment);
        for text in ["'now'", "E'n\\x6fw'", "e'\\156ow'", "U&'n\\006fw'", "u&'n!006fw'", "$$now$$", "$tag$ today $tag$"]
        {
            assert!(is_one(text), "{text}");
        }
        for text in ["'n\\x6fw'", "E'a\\nb \\\\x6f'", "$1", "\"now\"", "U&\"now\"", "now()", "$$later$$"] {
            assert!(!is_one(text), "{text}");
        }
    }
}
