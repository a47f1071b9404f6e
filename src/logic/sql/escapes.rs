//! Texts whose strings mean something else where `standard_conforming_strings` is set otherwise. Written with E'…' they mean
//! the same everywhere: to our own lexer and parser, in plans that sessions share, and on servers whatever their setting is.

use std::borrow::Cow;
use std::ops::Range;

/// A session's `standard_conforming_strings`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strings {
    /// On: in a plain string a backslash is a backslash
    Standard,
    /// Off: it escapes
    Backslash,
}

impl Strings {
    /// By the value of the setting as SQL has it; one that PostgreSQL takes (guc.c, `parse_bool`).
    pub fn of(value: &str) -> Self {
        let value = value.trim_matches('\'').to_ascii_lowercase();
        let is_off = value.starts_with(['f', 'n', '0']) || value.starts_with("of");
        if is_off { Self::Backslash } else { Self::Standard }
    }
}

/// `N'…'`: there is no form of it that always has escapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NationalString;

/// The same text with E'…' for each plain string that has a backslash. `strings` says how it is meant.
pub fn spelled_out(text: &[u8], strings: Strings) -> Result<Cow<'_, [u8]>, NationalString> {
    if !text.contains(&b'\\') {
        return Ok(Cow::Borrowed(text));
    }
    let mut scan = Scan { text, at: 0, strings, comments: Vec::new() };
    let (mut written, mut kept) = (Vec::with_capacity(text.len() + 8), 0);
    while let Some(token) = scan.next() {
        match token {
            Token::Other => (),
            Token::National => return Err(NationalString),
            Token::Plain { has_backslash: false, .. } => (),
            Token::Plain { start, has_backslash: true } => {
                written.extend_from_slice(&text[kept..start]);
                written.push(b'E');
                kept = start;
                if strings == Strings::Standard {
                    for byte in &text[start..scan.at] {
                        written.extend_from_slice(if *byte == b'\\' { br"\\" } else { std::slice::from_ref(byte) });
                    }
                    kept = scan.at;
                }
            }
        }
    }
    written.extend_from_slice(&text[kept..]);
    Ok(Cow::Owned(written))
}

/// The text with blanks, as many, for line comments between the parts of strings, `'a' -- b` above `'c'`; `None`: there
/// are none. Plain strings have no escapes.
pub fn without_comments_in_strings(text: &str) -> Option<String> {
    let mut scan = Scan { text: text.as_bytes(), at: 0, strings: Strings::Standard, comments: Vec::new() };
    while scan.next().is_some() {}
    let mut blank = text.as_bytes().to_vec();
    for at in &scan.comments {
        blank[at.clone()].fill(b' ');
    }
    if scan.comments.is_empty() { None } else { String::from_utf8(blank).ok() }
}

enum Token {
    /// A string without a letter before it
    Plain {
        start: usize,
        has_backslash: bool,
    },
    National,
    Other,
}

/// The tokens of PostgreSQL's scanner (`scan.l`), as far as they decide where strings begin and end.
struct Scan<'a> {
    text: &'a [u8],
    at: usize,
    strings: Strings,
    /// Those that were met between the parts of strings
    comments: Vec<Range<usize>>,
}

impl Scan<'_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn next(&mut self) -> Option<Token> {
        let first = *self.text.get(self.at)?;
        let second = self.peek(1);
        Some(match (first, second) {
            (b'\'', _) => {
                let start = self.at;
                Token::Plain { start, has_backslash: self.string(self.strings) }
            }
            (b'-', b'-') => {
                self.to(|byte| matches!(byte, b'\n' | b'\r'));
                Token::Other
            }
            (b'/', b'*') => {
                self.block_comment();
                Token::Other
            }
            (b'"', _) => {
                self.quoted(b'"');
                Token::Other
            }
            (b'$', _) => {
                self.dollar();
                Token::Other
            }
            // What it is made of stays as it is; U&'…' is an error where the setting is off, and a server says so.
            (b'e' | b'E', b'\'') => {
                self.at += 1;
                self.string(Strings::Backslash);
                Token::Other
            }
            (b'b' | b'B' | b'x' | b'X', b'\'') => {
                self.at += 1;
                self.quoted(b'\'');
                Token::Other
            }
            (b'u' | b'U', b'&') if self.peek(2) == b'\'' => {
                self.at += 2;
                self.quoted(b'\'');
                Token::Other
            }
            (b'n' | b'N', b'\'') => Token::National,
            _ if in_word(first) => {
                self.to(|byte| !in_word(byte));
                Token::Other
            }
            _ => {
                self.at += 1;
                Token::Other
            }
        })
    }

    /// Up to a byte of this kind.
    fn to(&mut self, is_end: impl Fn(u8) -> bool) {
        let rest = &self.text[self.at..];
        self.at += rest.iter().position(|byte| is_end(*byte)).unwrap_or(rest.len());
    }

    /// A string with all its parts: those behind a line break belong to it. Whether it has backslashes.
    fn string(&mut self, strings: Strings) -> bool {
        let mut has_backslash = false;
        loop {
            self.at += 1;
            loop {
                self.to(|byte| matches!(byte, b'\'' | b'\\'));
                match (self.peek(0), self.peek(1)) {
                    (b'\\', _) => {
                        has_backslash = true;
                        self.at += if strings == Strings::Backslash { 2 } else { 1 };
                    }
                    (b'\'', b'\'') => self.at += 2,
                    _ => break,
                }
                self.at = self.at.min(self.text.len());
            }
            self.at = (self.at + 1).min(self.text.len());
            match self.continues() {
                Some(at) => self.at = at,
                None => return has_backslash,
            }
        }
    }

    /// Where the next part of a string opens: behind blanks and line comments with a line break among them.
    fn continues(&mut self) -> Option<usize> {
        let (mut at, mut has_break) = (self.at, false);
        let mut comments = Vec::new();
        loop {
            match (self.text.get(at)?, self.text.get(at + 1)) {
                (b'\n' | b'\r', _) => has_break = true,
                (b' ' | b'\t' | b'\x0c' | b'\x0b', _) => (),
                (b'-', Some(b'-')) => {
                    let (start, rest) = (at, &self.text[at..]);
                    at += rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'))?;
                    has_break = true;
                    comments.push(start..at);
                }
                (b'\'', _) if has_break => {
                    self.comments.append(&mut comments);
                    return Some(at);
                }
                _ => return None,
            }
            at += 1;
        }
    }

    /// Up to the closing quote; a doubled one opens the next piece, which comes to the same.
    fn quoted(&mut self, quote: u8) {
        self.at += 1;
        self.to(|byte| byte == quote);
        self.at = (self.at + 1).min(self.text.len());
    }

    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.text.len() {
            match (self.peek(0), self.peek(1)) {
                (b'/', b'*') => depth += 1,
                (b'*', b'/') => depth -= 1,
                _ => {
                    self.at += 1;
                    continue;
                }
            }
            self.at += 2;
            if depth == 0 {
                return;
            }
        }
    }

    /// `$1`, `$$…$$`, `$tag$…$tag$`.
    fn dollar(&mut self) {
        let rest = &self.text[self.at + 1..];
        let is_number = rest.first().is_some_and(u8::is_ascii_digit);
        let is_of_it = |byte: &u8| if is_number { byte.is_ascii_digit() } else { in_word(*byte) && *byte != b'$' };
        let len = rest.iter().take_while(|byte| is_of_it(byte)).count();
        if is_number || rest.get(len) != Some(&b'$') {
            self.at += 1 + len;
            return;
        }
        let tag = &self.text[self.at..self.at + len + 2];
        let body = self.at + tag.len();
        let end = memchr::memmem::find(&self.text[body..], tag);
        self.at = end.map_or(self.text.len(), |end| body + end + tag.len());
    }
}

fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(text: &str) -> String {
        spelled_from(text, Strings::Backslash)
    }

    fn spelled_from(text: &str, strings: Strings) -> String {
        let spelled = spelled_out(text.as_bytes(), strings).expect("no national strings");
        String::from_utf8(spelled.into_owned()).expect("of a text, a text")
    }

    #[test]
    fn strings_with_backslashes_get_their_letter() {
        for (text, expected) in [
            (r"SELECT 'a'", r"SELECT 'a'"),
            (r"SELECT 'a\\b', 'c', 'd\'e'", r"SELECT E'a\\b', 'c', E'd\'e'"),
            (r"SELECT 'it''s \' it'''", r"SELECT E'it''s \' it'''"),
            (r"SELECT '\\'", r"SELECT E'\\'"),
            (r"SELECT 'a\\'::text", r"SELECT E'a\\'::text"),
            (r"SELECT''||'\n'", r"SELECT''||E'\n'"),
            ("SELECT 'a'\n'b\\n'", "SELECT E'a'\n'b\\n'"),
            ("SELECT 'a' -- it's\n  'b\\n', 'c'", "SELECT E'a' -- it's\n  'b\\n', 'c'"),
            ("SELECT 'a' 'b\\n'", "SELECT 'a' E'b\\n'"),
        ] {
            assert_eq!(spelled(text), expected);
            assert_eq!(spelled(expected), expected, "once is enough");
        }
    }

    #[test]
    fn what_is_no_plain_string_stays() {
        for text in [
            r"SELECT e'\'', E'\\' 'x'",
            r#"SELECT "a\'" , 1"#,
            r"SELECT 1 -- it's '\'",
            r"SELECT /* '\' /* ' */ \ */ 1",
            r"SELECT $$'\'$$, $a$ $$ '\ $a$, $1",
            r"SELECT x'\', b'\'",
            r"SELECT U&'\0041', 'a'",
        ] {
            assert_eq!(spelled(text), text);
        }
    }

    #[test]
    fn what_ends_too_early_is_left_to_postgresql() {
        let unended = [(r"SELECT 'a\", r"SELECT E'a\"), (r"SELECT 'a\'", r"SELECT E'a\'")];
        for (text, expected) in unended.into_iter().chain([r"$a$ \", r"/* \", r#""a\"#].map(|text| (text, text))) {
            assert_eq!(spelled(text), expected);
        }
    }

    #[test]
    fn a_standard_string_keeps_its_backslashes() {
        for (text, expected) in [
            (r"'a\'::text || 'b'", r"E'a\\'::text || 'b'"),
            (r"'it''s \n'", r"E'it''s \\n'"),
            (r"E'\'' || 'c\'", r"E'\'' || E'c\\'"),
        ] {
            assert_eq!(spelled_from(text, Strings::Standard), expected);
        }
    }

    #[test]
    fn the_setting_is_read_as_postgresql_reads_it() {
        for value in ["on", "'ON'", "true", "t", "yes", "y", "1", "'1'"] {
            assert_eq!(Strings::of(value), Strings::Standard, "{value}");
        }
        for value in ["off", "'Off'", "of", "false", "f", "no", "n", "0"] {
            assert_eq!(Strings::of(value), Strings::Backslash, "{value}");
        }
    }

    #[test]
    fn comments_in_strings_give_way_to_blanks() {
        let blank = without_comments_in_strings("SELECT 'a' -- it's\n'b' -- c\n, E'\\'' --ä\n--\n 'd' -- e");
        assert_eq!(blank.as_deref(), Some("SELECT 'a'        \n'b' -- c\n, E'\\''     \n  \n 'd' -- e"));
        assert_eq!(without_comments_in_strings("SELECT 'a' -- 'b'\n, 'c'"), None);
    }

    #[test]
    fn national_strings_have_no_other_spelling() {
        assert_eq!(spelled_out(br"SELECT N'a\b'", Strings::Backslash), Err(NationalString));
        assert!(spelled_out(br"SELECT N'a'", Strings::Backslash).is_ok());
    }
}
