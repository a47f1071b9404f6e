//! Splits a COPY stream, fed in pieces of any size, into its rows.

use std::borrow::Cow;

use super::line::{self, LineScanner, Quoting};
use super::{CopyFault, CopyFormat, CopyKey, binary, field};

/// A part of the stream, its bytes exactly as they came.
#[derive(Debug, PartialEq, Eq)]
pub enum CopyPart<'a> {
    /// The header line, or the header of the binary format: every shard needs it
    Header(&'a [u8]),
    /// A row, its line end included
    Row {
        /// The row
        bytes: &'a [u8],
        /// Its key
        key: CopyKey<'a>,
    },
}

/// The splitter: `push` bytes, take parts with `next` until there are none, and so on; after the client's CopyDone
/// `finish`, and take parts once more.
#[derive(Debug)]
pub struct RowSplitter {
    format: CopyFormat,
    key_position: usize,
    row_bytes_max: usize,
    /// What was pushed and not yet given out begins at `start`
    data: Vec<u8>,
    start: usize,
    lines: LineScanner,
    state: State,
    is_finished: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A header comes first
    Header,
    Rows,
    /// The end marker or trailer was seen
    Ended,
}

impl RowSplitter {
    /// `key_position` counts the columns of the rows from 0; a row larger than `row_bytes_max` is a fault.
    pub fn new(format: CopyFormat, key_position: usize, row_bytes_max: usize) -> Self {
        let (quoting, has_header) = match &format {
            CopyFormat::Text { has_header, .. } => (Quoting::Backslash, *has_header),
            CopyFormat::Csv { quote, escape, has_header, .. } => {
                (Quoting::Quotes { quote: *quote, escape: *escape }, *has_header)
            }
            CopyFormat::Binary => (Quoting::Backslash, true),
        };
        Self {
            format,
            key_position,
            row_bytes_max,
            data: Vec::new(),
            start: 0,
            lines: LineScanner::new(quoting),
            state: if has_header { State::Header } else { State::Rows },
            is_finished: false,
        }
    }

    /// The payload of a CopyData message.
    pub fn push(&mut self, payload: &[u8]) {
        self.data.drain(..self.start);
        self.start = 0;
        // Behind the end marker of a text PostgreSQL reads and ignores everything.
        if self.state != State::Ended || self.format == CopyFormat::Binary {
            self.data.extend_from_slice(payload);
        }
    }

    /// No more bytes will come: a last line without a line end counts.
    pub fn finish(&mut self) {
        self.is_finished = true;
    }

    /// The next whole part.
    #[allow(clippy::should_implement_trait, reason = "it lends from its own buffer, which an Iterator cannot")]
    pub fn next(&mut self) -> Result<Option<CopyPart<'_>>, CopyFault> {
        match self.format {
            CopyFormat::Text { .. } | CopyFormat::Csv { .. } => self.next_line(),
            CopyFormat::Binary => self.next_binary(),
        }
    }

    fn next_line(&mut self) -> Result<Option<CopyPart<'_>>, CopyFault> {
        if self.state == State::Ended {
            return Ok(None);
        }
        let rest = &self.data[self.start..];
        let (content, len) = match self.lines.next(rest, self.is_finished)? {
            line::Found::Line { content, len } => (content, len),
            line::Found::EndMarker => {
                self.state = State::Ended;
                self.start = self.data.len();
                return Ok(None);
            }
            line::Found::Partial => return self.check_size(rest.len()).map(|()| None),
        };
        self.check_size(len)?;
        let is_header = self.state == State::Header;
        self.state = State::Rows;
        let bytes = self.take(len);
        Ok(Some(if is_header {
            CopyPart::Header(&self.data[bytes])
        } else {
            let line = &self.data[bytes.start..bytes.start + content];
            CopyPart::Row { key: field::key(&self.format, line, self.key_position), bytes: &self.data[bytes] }
        }))
    }

    fn next_binary(&mut self) -> Result<Option<CopyPart<'_>>, CopyFault> {
        let rest = &self.data[self.start..];
        match self.state {
            State::Header => match binary::header(rest)? {
                Some(len) => {
                    self.check_size(len)?;
                    self.state = State::Rows;
                    let bytes = self.take(len);
                    Ok(Some(CopyPart::Header(&self.data[bytes])))
                }
                None if self.is_finished => Err(CopyFault::Signature),
                None => self.check_size(rest.len()).map(|()| None),
            },
            State::Rows => match binary::row(rest, self.key_position)? {
                binary::Found::Row { len, key } => {
                    self.check_size(len)?;
                    let bytes = self.take(len);
                    let row = &self.data[bytes];
                    let key = match key {
                        binary::Key::At(at) => CopyKey::Value(Cow::Borrowed(&row[at])),
                        binary::Key::Null => CopyKey::Null,
                        binary::Key::Missing => CopyKey::Missing,
                    };
                    Ok(Some(CopyPart::Row { bytes: row, key }))
                }
                binary::Found::Trailer => {
                    self.take(2);
                    self.state = State::Ended;
                    self.next_binary()
                }
                // A stream may end without its trailer, but not within a row.
                binary::Found::Partial if self.is_finished && !rest.is_empty() => Err(CopyFault::Truncated),
                binary::Found::Partial => self.check_size(rest.len()).map(|()| None),
            },
            State::Ended if rest.is_empty() => Ok(None),
            State::Ended => Err(CopyFault::AfterEnd),
        }
    }

    fn check_size(&self, len: usize) -> Result<(), CopyFault> {
        if len > self.row_bytes_max { Err(CopyFault::RowTooLarge { max: self.row_bytes_max }) } else { Ok(()) }
    }

    fn take(&mut self, len: usize) -> std::ops::Range<usize> {
        let start = self.start;
        self.start += len;
        start..self.start
    }
}
