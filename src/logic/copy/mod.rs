//! Rows of a COPY stream: where each begins and ends, and the bytes of its key.
//!
//! What came in between two line ends goes out as it is; only rows that no server has as data of a COPY are written here
//! (`rows`). Text must be in UTF-8 or another
//! encoding whose multi-byte characters contain no ASCII bytes.

use std::borrow::Cow;

use thiserror::Error;

pub use filled::Suffix;
pub use out::{OutFormat, OutShare, Piece};
pub use rows::{Forced, RowFormat};
pub use split::{CopyPart, RowSplitter};

mod line;
mod field;
mod binary;
mod split;
mod filled;
mod out;
mod rows;

/// How the rows of a COPY are written (PostgreSQL manual, COPY).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopyFormat {
    /// The default
    Text {
        /// Column separator
        delimiter: u8,
        /// What stands for NULL
        null: Box<[u8]>,
        /// A header line comes first
        has_header: bool,
    },
    /// FORMAT csv
    Csv {
        /// Column separator
        delimiter: u8,
        /// Quote
        quote: u8,
        /// Escape
        escape: u8,
        /// What stands for NULL when not quoted
        null: Box<[u8]>,
        /// A header line comes first
        has_header: bool,
        /// FORCE_NULL holds for the key column: a quoted NULL marker is NULL too
        key_force_null: bool,
        /// FORCE_NOT_NULL holds for the key column
        key_force_not_null: bool,
    },
    /// FORMAT binary
    Binary,
}

/// The key field of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopyKey<'a> {
    /// Its value in the format of the stream (text or binary), unquoted and unescaped
    Value(Cow<'a, [u8]>),
    /// NULL
    Null,
    /// The row has too few columns: the server will say so
    Missing,
}

/// Why a stream cannot be split. PostgreSQL reports the same, apart from the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CopyFault {
    /// A carriage return in a file whose lines end otherwise
    #[error("literal carriage return found in data")]
    CarriageReturn,
    /// A newline in a file whose lines end otherwise
    #[error("literal newline found in data")]
    Newline,
    /// `\\.` with something before or after it on its line
    #[error("end-of-copy marker corrupt")]
    EndMarker,
    /// The binary signature is missing
    #[error("COPY file signature not recognized")]
    Signature,
    /// The binary header is wrong
    #[error("invalid COPY file header")]
    Header,
    /// A binary field of a negative length
    #[error("invalid field size")]
    FieldSize,
    /// The binary stream ends inside a row
    #[error("unexpected EOF in COPY data")]
    Truncated,
    /// Binary data behind the trailer
    #[error("received copy data after EOF marker")]
    AfterEnd,
    /// A row is larger than the proxy holds
    #[error("a COPY row is larger than {max} bytes")]
    RowTooLarge {
        /// The limit
        max: usize,
    },
}

impl CopyFault {
    /// Its SQLSTATE.
    pub fn sqlstate(self) -> &'static str {
        match self {
            Self::CarriageReturn
            | Self::Newline
            | Self::EndMarker
            | Self::Signature
            | Self::Header
            | Self::FieldSize
            | Self::Truncated
            | Self::AfterEnd => "22P04",
            Self::RowTooLarge { .. } => "54000",
        }
    }
}

/// One field of a row as the splitter gives it out, in a text format.
pub fn field_of_row<'a>(format: &CopyFormat, row: &'a [u8], position: usize) -> CopyKey<'a> {
    let line = row.strip_suffix(b"\n").unwrap_or(row);
    field::key(format, line.strip_suffix(b"\r").unwrap_or(line), position)
}

#[cfg(test)]
mod tests;
