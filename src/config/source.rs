//! The files that settings come from, and places in them.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// All files of one load: the main one first, then what it includes.
#[derive(Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
    /// Values that no excerpt may show
    hidden: Vec<Span>,
}

#[derive(Debug)]
struct Source {
    path: PathBuf,
    text: String,
}

/// A file of [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileId(u16);

/// A place: bytes of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Which file
    pub file: FileId,
    /// First byte
    pub start: u32,
    /// Byte after the last
    pub end: u32,
}

impl Span {
    /// `range` of `file`. Files are far smaller than 4 GiB (see `load::FILE_BYTES_MAX`).
    pub fn new(file: FileId, range: std::ops::Range<usize>) -> Self {
        let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { file, start: narrow(range.start), end: narrow(range.end) }
    }
}

/// A span as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file
    pub path: PathBuf,
    /// Line, from 1
    pub line: usize,
    /// Column in characters, from 1
    pub column: usize,
    /// The line itself, secrets masked
    pub excerpt: String,
    /// Characters the span covers on this line, at least one
    pub width: usize,
}

impl Sources {
    /// Keeps a file.
    pub fn add(&mut self, path: PathBuf, text: String) -> FileId {
        self.files.push(Source { path, text });
        FileId(u16::try_from(self.files.len() - 1).unwrap_or(u16::MAX))
    }

    /// Excerpts show stars in place of what stands at `span`.
    pub fn hide(&mut self, span: Span) {
        self.hidden.push(span);
    }

    /// The text of a file.
    pub fn text(&self, file: FileId) -> &str {
        &self.files[usize::from(file.0)].text
    }

    /// All of them.
    pub fn texts(&self) -> Vec<(PathBuf, String)> {
        self.files.iter().map(|it| (it.path.clone(), it.text.clone())).collect()
    }

    /// The folder that relative paths in a file start from.
    pub fn folder(&self, file: FileId) -> &Path {
        self.files[usize::from(file.0)].path.parent().unwrap_or(Path::new(""))
    }

    /// Line, column and excerpt of a span.
    pub fn place(&self, span: Span) -> Place {
        let Source { path, text } = &self.files[usize::from(span.file.0)];
        let start = floor_char(text, span.start as usize);
        let end = floor_char(text, span.end as usize).max(start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        Place {
            path: path.clone(),
            line: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            excerpt: mask(self.without_hidden(span.file, line_start..line_end).trim_end_matches('\r')),
            width: text[start..end.min(line_end).max(start)].chars().count().max(1),
        }
    }

    fn without_hidden(&self, file: FileId, line: std::ops::Range<usize>) -> String {
        let is_hidden = |at: usize| {
            self.hidden.iter().any(|it| it.file == file && (it.start as usize..it.end as usize).contains(&at))
        };
        let text = &self.text(file)[line.clone()];
        text.char_indices().map(|(at, c)| if is_hidden(line.start + at) { '*' } else { c }).collect()
    }
}

fn floor_char(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// What a key that holds a secret may look like, misspelled too.
const SECRET_KEYS: [&str; 4] = ["pass", "pasw", "pwd", "secret"];

/// The line with every password in it replaced by as many stars, so that carets still point right.
fn mask(line: &str) -> String {
    let mut chars: Vec<char> = line.chars().collect();
    let lower: Vec<char> = line.chars().map(|c| c.to_ascii_lowercase()).collect();
    for at in 0..chars.len() {
        if SECRET_KEYS.iter().any(|key| starts_with(&lower[at..], key)) {
            mask_value(&mut chars, at);
        }
        if starts_with(&lower[at..], "://") {
            mask_url(&mut chars, at + 3);
        }
    }
    chars.into_iter().collect()
}

fn starts_with(chars: &[char], word: &str) -> bool {
    chars.iter().copied().zip(word.chars()).filter(|(a, b)| a == b).count() == word.len()
}

/// `password = "…"` of TOML and `password=…&` of a URL; `{ env = "NAME" }` stays readable.
fn mask_value(chars: &mut [char], key: usize) {
    let skip = |from: usize, what: fn(char) -> bool, chars: &[char]| {
        (from..chars.len()).find(|at| !what(chars[*at])).unwrap_or(chars.len())
    };
    let after_name = skip(key, |c| c.is_alphanumeric() || matches!(c, '_' | '-'), chars);
    let equals = skip(after_name, |c| matches!(c, '"' | '\'') || c.is_whitespace(), chars);
    if chars.get(equals) != Some(&'=') {
        return;
    }
    let start = skip(equals + 1, char::is_whitespace, chars);
    match chars.get(start) {
        None | Some('{') => (),
        Some(&quote @ ('"' | '\'')) => {
            let end = (start + 1..chars.len()).find(|at| chars[*at] == quote && chars[at - 1] != '\\');
            // An empty string may be the opening of a multi-line one: hide the rest.
            let end = end.filter(|end| *end > start + 1).unwrap_or(chars.len());
            chars[(start + 1).min(end)..end].fill('*');
        }
        Some(_) => {
            let end = skip(start, |c| !matches!(c, '&' | '"' | '\'' | ',' | '}') && !c.is_whitespace(), chars);
            chars[start..end].fill('*');
        }
    }
}

/// `//user:password@host`.
fn mask_url(chars: &mut [char], authority: usize) {
    let end = (authority..chars.len())
        .find(|at| matches!(chars[*at], '"' | '\'') || chars[*at].is_whitespace())
        .unwrap_or(chars.len());
    let Some(at_sign) = (authority..end).rev().find(|at| chars[*at] == '@') else { return };
    if let Some(colon) = (authority..at_sign).find(|at| chars[*at] == ':') {
        chars[colon + 1..at_sign].fill('*');
    }
}

/// A file with a secret in it, as it was when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretFile {
    path: PathBuf,
    state: Option<(SystemTime, u64)>,
}

impl SecretFile {
    /// As it is now.
    pub fn look(path: PathBuf) -> Self {
        let state = std::fs::metadata(&path).and_then(|it| Ok((it.modified()?, it.len()))).ok();
        Self { path, state }
    }

    /// Has somebody written to it since, or replaced it?
    pub fn has_changed(&self) -> bool {
        Self::look(self.path.clone()) != *self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_masked_however_they_are_written() {
        let cases = [
            (r#"password = "abc""#, r#"password = "***""#),
            (r#"password = "a\"b""#, r#"password = "****""#),
            (r#"pasword = "abc"  # typo"#, r#"pasword = "***"  # typo"#),
            (r#"{ name = "a", server_password='abc' }"#, r#"{ name = "a", server_password='***' }"#),
            (r#"password = { env = "APP" }"#, r#"password = { env = "APP" }"#),
            (r#"password = "unterminated"#, r#"password = "************"#),
            (r#"primary = "postgres://u:p@ss@h/db""#, r#"primary = "postgres://u:****@h/db""#),
            (r#"primary = "postgres://h/db?password=abc&x=1""#, r#"primary = "postgres://h/db?password=***&x=1""#),
            (r#"primary = "postgres://h:5432/db""#, r#"primary = "postgres://h:5432/db""#),
        ];
        for (line, masked) in cases {
            assert_eq!(mask(line), masked);
        }
    }

    #[test]
    fn places_count_lines_and_characters() {
        let mut sources = Sources::default();
        let file = sources.add(PathBuf::from("a.toml"), "x = 1\nö = 'ß'  \n".into());
        let place = sources.place(Span::new(file, 11..15));
        assert_eq!((place.line, place.column, place.width), (2, 5, 3));
    }
}
