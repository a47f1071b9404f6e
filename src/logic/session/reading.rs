//! What the literals of a statement mean is settled when PostgreSQL parses it, by the settings of that moment. Prepared
//! statements, and the plans that functions keep, go on with it.

/// The settings that PostgreSQL's parser and the input functions of its types ask for.
pub const READ_BY_PARSER: [&str; 8] = [
    "array_nulls",
    "datestyle",
    "intervalstyle",
    "lc_monetary",
    "timezone",
    "timezone_abbreviations",
    "transform_null_equals",
    "xmloption",
];

/// Words for a moment, which PostgreSQL takes for the one when it parses them.
const MOMENTS: [&str; 4] = ["now", "today", "tomorrow", "yesterday"];

/// Does one of the words for a moment stand in a string of the text, as far as its words tell?
pub fn may_be_of_moment(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let names = |word: &str| {
        lower.match_indices(word).any(|(at, _)| {
            let (before, after) = (&lower[..at], &lower[at + word.len()..]);
            !before.ends_with(is_word) && !after.starts_with(is_word) && !after.trim_start().starts_with('(')
        })
    };
    // Its letters may be written as escapes.
    let is_escaped = || lower.contains('\\') && (lower.contains("e'") || lower.contains("u&'"));
    lower.contains(['\'', '$']) && (MOMENTS.iter().any(|word| names(word)) || is_escaped())
}

/// May a statement mean something else where these are others? It has a constant that one of them may concern: a date or a
/// time has digits, or is a word like `today`; documents, arrays with NULL, and a comparison with NULL are rarer.
pub fn may_read_otherwise(text: &str) -> bool {
    let mut pieces = text.split('\'');
    let outside = pieces.next().unwrap_or_default();
    let is_word = |rest: &str| {
        MOMENTS
            .iter()
            .chain(&["null"])
            .any(|word| rest.get(..word.len()).is_some_and(|it| it.eq_ignore_ascii_case(word)))
    };
    let concerns = |string: &str| {
        string.contains(|c: char| c.is_ascii_digit() || matches!(c, '<' | '\\'))
            || string.char_indices().any(|(at, _)| is_word(&string[at..]))
    };
    let is_quoted_by_dollars = || text.split('$').skip(1).any(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()));
    let compares_null = |text: &str| {
        let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
        plain.contains("=null") || plain.contains("null=")
    };
    pieces.enumerate().any(|(number, piece)| number % 2 == 0 && concerns(piece))
        || is_quoted_by_dollars()
        || compares_null(outside)
        || text.split('\'').skip(2).step_by(2).any(compares_null)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_that_settings_may_concern_are_seen() {
        for text in [
            "SELECT '01/02/2020'::date",
            "SELECT a FROM t WHERE b = 'x' AND c > 'Today'",
            "SELECT a FROM t WHERE a = NULL",
            "SELECT a FROM t WHERE b = 'x' AND a=null",
            "SELECT '{a,NULL}'::text[]",
            "SELECT $$2020-01-01$$::date",
            "SELECT xml '<a/>'",
        ] {
            assert!(may_read_otherwise(text), "{text}");
        }
        for text in ["SELECT $1, a2 FROM t LIMIT 10", "UPDATE t SET a = $1 WHERE state = 'open' AND b IS NULL", ""] {
            assert!(!may_read_otherwise(text), "{text}");
        }
    }
}
