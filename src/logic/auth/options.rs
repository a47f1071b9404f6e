//! The `options` of a start-up packet: command-line switches that set parameters.
//!
//! As `pg_split_opts` and `process_postgres_switches` read them (src/backend/utils/init/postinit.c, tcop/postgres.c).

use super::fatal::{Fatal, SYNTAX_ERROR};

/// Names and values of settings, in the order given.
pub type Settings = Vec<(Box<str>, Box<str>)>;

/// `-c name=value`, `-cname=value` and `--name=value`, in order; a backslash takes the next character as it is.
pub fn parse(options: &str) -> Result<Settings, Fatal> {
    let mut settings = Vec::new();
    let mut words = words(options).into_iter();
    while let Some(word) = words.next() {
        let assignment = match (word.strip_prefix("--"), word.strip_prefix("-c")) {
            (Some(""), _) => break,
            (Some(long), _) => long.to_owned(),
            (None, Some("")) => words.next().ok_or_else(|| unknown(&word))?,
            (None, Some(joined)) => joined.to_owned(),
            (None, None) => return Err(unknown(&word)),
        };
        let Some((name, value)) = assignment.split_once('=') else {
            let dashes = if word.starts_with("--") { "--" } else { "-c " };
            return Err(Fatal::new(SYNTAX_ERROR, format!("{dashes}{assignment} requires a value")));
        };
        settings.push((name.replace('-', "_").into(), value.into()));
    }
    Ok(settings)
}

fn unknown(word: &str) -> Fatal {
    Fatal::new(SYNTAX_ERROR, format!("invalid command-line argument for server process: {word}"))
        .hint("Only -c name=value and --name=value are understood here.")
}

fn words(options: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = options.chars();
    while let Some(c) = characters.next() {
        match c {
            // C's isspace: char::is_ascii_whitespace leaves out the vertical tab.
            ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c' => words.extend(word.take()),
            '\\' => word.get_or_insert_default().extend(characters.next()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_are_read_as_postgres_reads_them() {
        for (options, expected) in [
            ("", vec![]),
            ("-c geqo=off", vec![("geqo", "off")]),
            ("-cgeqo=off", vec![("geqo", "off")]),
            ("  --search-path=a\\ b   -c\tx.y=", vec![("search_path", "a b"), ("x.y", "")]),
            ("--work-mem=1\\\\2", vec![("work_mem", "1\\2")]),
            ("-c a=b=c\\", vec![("a", "b=c")]),
            ("-c a=1 -- -c b=2", vec![("a", "1")]),
        ] {
            let expected: Settings = expected.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
            assert_eq!(parse(options).unwrap(), expected, "{options}");
        }
        for (options, message) in [
            ("-c", "invalid command-line argument for server process: -c"),
            ("-c geqo", "-c geqo requires a value"),
            ("--geqo", "--geqo requires a value"),
            ("-S 64", "invalid command-line argument for server process: -S"),
            ("word", "invalid command-line argument for server process: word"),
        ] {
            assert_eq!(parse(options).unwrap_err().message, message);
        }
    }
}
