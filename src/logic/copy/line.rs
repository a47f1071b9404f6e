//! Finds the end of each line, as `CopyReadLineText` of PostgreSQL does: line ends may be quoted or escaped, and all
//! must be of the first one's kind.

use memchr::memchr3;

use super::CopyFault;

/// What ends a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineEnd {
    /// No line has ended yet
    Unknown,
    Newline,
    CarriageReturn,
    Both,
}

/// The characters that hide a line end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    /// A backslash hides the next character
    Backslash,
    /// Quotes hide everything between them
    Quotes { quote: u8, escape: u8 },
}

/// What stands at the front of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// A line: `content` bytes, then its end, `len` bytes together
    Line { content: usize, len: usize },
    /// `\.`: nothing behind it counts
    EndMarker,
    /// Nothing whole yet
    Partial,
}

/// Scans a line that may arrive in pieces; keeps its place between them.
#[derive(Debug)]
pub(super) struct LineScanner {
    quoting: Quoting,
    line_end: LineEnd,
    /// Bytes of the current line that were looked at
    at: usize,
    in_quotes: bool,
    last_was_escape: bool,
}

impl LineScanner {
    pub fn new(quoting: Quoting) -> Self {
        // A quote that escapes itself is only a toggle.
        let quoting = match quoting {
            Quoting::Quotes { quote, escape } if quote == escape => Quoting::Quotes { quote, escape: 0 },
            Quoting::Quotes { .. } | Quoting::Backslash => quoting,
        };
        Self { quoting, line_end: LineEnd::Unknown, at: 0, in_quotes: false, last_was_escape: false }
    }

    /// Looks for the end of the line that `bytes` begin with. Called again with more bytes after `Partial`.
    pub fn next(&mut self, bytes: &[u8], is_finished: bool) -> Result<Found, CopyFault> {
        loop {
            self.skip_plain(bytes);
            let Some(&byte) = bytes.get(self.at) else { break };
            // Whether it can be judged depends on what follows.
            let ahead = &bytes[self.at + 1..];
            match byte {
                b'\\' if self.quoting == Quoting::Backslash || self.at == 0 => {
                    match end_marker(ahead, self.line_end, is_finished) {
                        _ if ahead.first().is_some_and(|next| *next != b'.') => self.pass_escaped(),
                        Marker::Partial => break,
                        Marker::Is if self.at == 0 => return Ok(Found::EndMarker),
                        Marker::Is | Marker::IsNot if self.quoting == Quoting::Backslash => {
                            return Err(CopyFault::EndMarker);
                        }
                        Marker::Is | Marker::IsNot => self.at += 1,
                    }
                }
                b'\r' if !self.in_quotes => match self.carriage_return(ahead, is_finished)? {
                    0 => break,
                    len => return Ok(self.line(len)),
                },
                b'\n' if !self.in_quotes => match self.line_end {
                    LineEnd::Unknown | LineEnd::Newline => {
                        self.line_end = LineEnd::Newline;
                        return Ok(self.line(1));
                    }
                    LineEnd::CarriageReturn | LineEnd::Both => return Err(CopyFault::Newline),
                },
                byte => {
                    self.quote(byte);
                    self.at += 1;
                }
            }
        }
        if is_finished && !bytes.is_empty() {
            self.at = bytes.len();
            return Ok(self.line(0));
        }
        Ok(Found::Partial)
    }

    /// Passes bytes that mean nothing here, many at a time.
    fn skip_plain(&mut self, bytes: &[u8]) {
        let is_start = self.at == 0;
        let rest = bytes.get(self.at..).unwrap_or_default();
        let special = match self.quoting {
            Quoting::Backslash => memchr3(b'\n', b'\r', b'\\', rest),
            // `\.` is looked for at the start of a line only.
            Quoting::Quotes { .. } if self.in_quotes || (is_start && rest.first() == Some(&b'\\')) => Some(0),
            Quoting::Quotes { quote, .. } => memchr3(b'\n', b'\r', quote, rest),
        };
        self.at += special.unwrap_or(rest.len());
    }

    /// In text a backslash hides the next character, a line end too.
    fn pass_escaped(&mut self) {
        self.at += match self.quoting {
            Quoting::Backslash => 2,
            Quoting::Quotes { .. } => 1,
        };
    }

    /// The length of the line end that begins with a carriage return; 0 when more bytes are needed.
    fn carriage_return(&mut self, ahead: &[u8], is_finished: bool) -> Result<usize, CopyFault> {
        match self.line_end {
            LineEnd::Newline => Err(CopyFault::CarriageReturn),
            LineEnd::CarriageReturn => Ok(1),
            LineEnd::Unknown | LineEnd::Both => match ahead.first() {
                Some(b'\n') => {
                    self.line_end = LineEnd::Both;
                    Ok(2)
                }
                None if !is_finished => Ok(0),
                Some(_) | None if self.line_end == LineEnd::Both => Err(CopyFault::CarriageReturn),
                Some(_) | None => {
                    self.line_end = LineEnd::CarriageReturn;
                    Ok(1)
                }
            },
        }
    }

    /// Opens and closes quotes.
    fn quote(&mut self, byte: u8) {
        let Quoting::Quotes { quote, escape } = self.quoting else { return };
        if self.in_quotes && byte == escape {
            self.last_was_escape = !self.last_was_escape;
        }
        if byte == quote && !self.last_was_escape {
            self.in_quotes = !self.in_quotes;
        }
        if byte != escape {
            self.last_was_escape = false;
        }
    }

    fn line(&mut self, end_len: usize) -> Found {
        let content = std::mem::take(&mut self.at);
        (self.in_quotes, self.last_was_escape) = (false, false);
        Found::Line { content, len: content + end_len }
    }
}

enum Marker {
    Is,
    IsNot,
    Partial,
}

/// Do the bytes behind a backslash make it the end marker? A line end of the file's kind must follow the dot.
fn end_marker(ahead: &[u8], line_end: LineEnd, is_finished: bool) -> Marker {
    match (ahead, line_end) {
        ([b'.', b'\n', ..], LineEnd::Unknown | LineEnd::Newline)
        | ([b'.', b'\r', ..], LineEnd::Unknown | LineEnd::CarriageReturn)
        | ([b'.', b'\r', b'\n', ..], LineEnd::Both) => Marker::Is,
        // A backslash that ends the stream is passed on for the server to judge.
        ([], _) | ([b'.'], _) if !is_finished => Marker::Partial,
        ([b'.', b'\r'], LineEnd::Both) if !is_finished => Marker::Partial,
        ([], _) => Marker::Partial,
        (_, _) => Marker::IsNot,
    }
}
