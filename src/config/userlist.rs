//! PgBouncer's `userlist.txt`: lines of `"name" "secret"`. A quote inside is doubled; lines with `;` are comments.

/// One line that names a user: name and secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The line, counted from 1
    pub line: usize,
    /// Name
    pub name: String,
    /// Password, SCRAM verifier or MD5 hash; may be empty
    pub secret: String,
}

/// Reads the whole file; the number of the first line that cannot be read where there is one.
pub fn parse(text: &str) -> Result<Vec<Entry>, usize> {
    let mut entries = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim();
        if line.is_empty() || line.starts_with([';', '#']) {
            continue;
        }
        let (name, rest) = quoted(line).ok_or(number)?;
        // PgBouncer looks at nothing behind the secret.
        let (secret, _) = quoted(rest.trim_start()).ok_or(number)?;
        entries.push(Entry { line: number, name, secret });
    }
    Ok(entries)
}

/// A quoted word at the front, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let rest = text.strip_prefix('"')?;
    let mut word = String::new();
    let mut letters = rest.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' if letters.next_if(|(_, next)| *next == '"').is_some() => word.push('"'),
            '"' => return Some((word, &rest[at + 1..])),
            _ => word.push(letter),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_pgbouncer_reads_them() {
        let text =
            "; a comment\n\n\"ann\" \"secret\"\n  \"b \"\"ob\"\"\"\t\"pass\"\"word\" \"more\"\n\"empty\" \"\"\r\n";
        let found = parse(text).unwrap();
        let pairs: Vec<_> = found.iter().map(|it| (it.line, &*it.name, &*it.secret)).collect();
        assert_eq!(pairs, [(3, "ann", "secret"), (4, "b \"ob\"", "pass\"word"), (5, "empty", "")]);
    }

    #[test]
    fn what_is_no_line_of_it_is_told_by_its_number() {
        for (text, line) in [("ann secret", 1), ("\"ann\" \"x\"\n\"bob\"", 2), ("\"ann\" \"open", 1), ("\"ann", 1)] {
            assert_eq!(parse(text), Err(line), "{text}");
        }
    }
}
