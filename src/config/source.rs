//! The files that settings come from, and places in them.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::mask::mask;

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
            excerpt: self.excerpt(span.file, line_start..line_end),
            width: text[start..end.min(line_end).max(start)].chars().count().max(1),
        }
    }

    fn excerpt(&self, file: FileId, line: std::ops::Range<usize>) -> String {
        let is_hidden = |at: usize| {
            self.hidden.iter().any(|it| it.file == file && (it.start as usize..it.end as usize).contains(&at))
        };
        let text = self.text(file)[line.clone()].trim_end_matches('\r');
        let masked = mask(text);
        let both = text.char_indices().zip(masked.chars());
        both.map(|((at, _), shown)| if is_hidden(line.start + at) { '*' } else { shown }).collect()
    }
}

fn floor_char(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
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
    fn places_count_lines_and_characters() {
        let mut sources = Sources::default();
        let file = sources.add(PathBuf::from("a.toml"), "x = 1\nö = 'ß'  \n".into());
        let place = sources.place(Span::new(file, 11..15));
        assert_eq!((place.line, place.column, place.width), (2, 5, 3));
    }
}
