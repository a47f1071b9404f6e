//! The words of a text, for the few places where a text is cut rather than parsed.

/// Words, quoted names and single characters of a text; comments and white space left out.
pub struct Words<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Words<'t> {
    /// Of a statement.
    pub fn of(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// The next word and where it ends.
    pub fn next(&mut self) -> Option<(&'t str, usize)> {
        self.skip();
        let rest = self.text.get(self.at..)?;
        let first = rest.chars().next()?;
        let length = match first {
            '"' => quoted(rest),
            _ if is_name(first) => rest.find(|c: char| !is_name(c)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        self.at += length;
        Some((&rest[..length], self.at))
    }

    fn skip(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            let blanks = rest.len() - rest.trim_start().len();
            let comment = match &rest[blanks..] {
                line if line.starts_with("--") => line.find('\n').unwrap_or(line.len()),
                block if block.starts_with("/*") => super::hint::block_length(block),
                _ => 0,
            };
            self.at += blanks + comment;
            if comment == 0 {
                return;
            }
        }
    }
}

/// Where the statement begins in EXPLAIN (options) statement, or EXPLAIN ANALYZE VERBOSE statement.
pub fn after_explain(text: &str) -> Option<usize> {
    let mut words = Words::of(text);
    let mut end = words.next().filter(|(word, _)| word.eq_ignore_ascii_case("explain"))?.1;
    loop {
        let (word, next) = words.next()?;
        match word.to_ascii_lowercase().as_str() {
            "analyze" | "analyse" | "verbose" => end = next,
            "(" => {
                // A query may stand in parentheses too.
                let (first, _) = words.next()?;
                let is_query =
                    ["select", "with", "values", "table", "("].iter().any(|it| first.eq_ignore_ascii_case(it));
                if is_query {
                    return Some(end);
                }
                let closing = std::iter::from_fn(|| words.next()).find(|(word, _)| *word == ")");
                return closing.map(|(_, end)| end);
            }
            _ => return Some(end),
        }
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}

/// The length of a quoted name; a doubled quote is a quote.
fn quoted(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match (bytes[at], bytes.get(at + 1)) {
            (b'"', Some(b'"')) => at += 2,
            (b'"', _) => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}
