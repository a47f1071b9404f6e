//! Rows of a COPY stream: where each begins and ends, and the bytes of its key.

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
