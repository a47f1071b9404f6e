//! Frames: one tag byte, four bytes of length (which counts itself), the body.
//!
//! PostgreSQL manual, "Message Flow" and "Message Formats".

/// Bytes before the body.
pub const HEADER: usize = 5;

/// Messages of the client.
pub mod client {
    /// Bind
    pub const BIND: u8 = b'B';
    /// Close
    pub const CLOSE: u8 = b'C';
    /// CopyData (either way)
    pub const COPY_DATA: u8 = b'd';
    /// CopyDone (either way)
    pub const COPY_DONE: u8 = b'c';
    /// CopyFail
    pub const COPY_FAIL: u8 = b'f';
    /// Describe
    pub const DESCRIBE: u8 = b'D';
    /// Execute
    pub const EXECUTE: u8 = b'E';
    /// Flush
    pub const FLUSH: u8 = b'H';
    /// FunctionCall
    pub const FUNCTION_CALL: u8 = b'F';
    /// Parse
    pub const PARSE: u8 = b'P';
    /// Query
    pub const QUERY: u8 = b'Q';
    /// Sync
    pub const SYNC: u8 = b'S';
    /// Terminate
    pub const TERMINATE: u8 = b'X';
}

/// Messages of the server.
pub mod server {
    /// BindComplete
    pub const BIND_COMPLETE: u8 = b'2';
    /// CloseComplete
    pub const CLOSE_COMPLETE: u8 = b'3';
    /// CommandComplete
    pub const COMMAND_COMPLETE: u8 = b'C';
    /// CopyInResponse
    pub const COPY_IN: u8 = b'G';
    /// CopyOutResponse
    pub const COPY_OUT: u8 = b'H';
    /// CopyDone (either way)
    pub const COPY_DONE: u8 = b'c';
    /// CopyBothResponse
    pub const COPY_BOTH: u8 = b'W';
    /// CopyData (either way)
    pub const COPY_DATA: u8 = b'd';
    /// DataRow
    pub const DATA_ROW: u8 = b'D';
    /// EmptyQueryResponse
    pub const EMPTY_QUERY: u8 = b'I';
    /// ErrorResponse
    pub const ERROR: u8 = b'E';
    /// FunctionCallResponse
    pub const FUNCTION_RESULT: u8 = b'V';
    /// NoData
    pub const NO_DATA: u8 = b'n';
    /// NoticeResponse
    pub const NOTICE: u8 = b'N';
    /// NotificationResponse
    pub const NOTIFICATION: u8 = b'A';
    /// ParameterDescription
    pub const PARAMETER_DESCRIPTION: u8 = b't';
    /// ParameterStatus
    pub const PARAMETER_STATUS: u8 = b'S';
    /// ParseComplete
    pub const PARSE_COMPLETE: u8 = b'1';
    /// PortalSuspended
    pub const PORTAL_SUSPENDED: u8 = b's';
    /// ReadyForQuery
    pub const READY: u8 = b'Z';
    /// RowDescription
    pub const ROW_DESCRIPTION: u8 = b'T';
}

/// A whole frame in a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its tag
    pub tag: u8,
    /// What follows the length
    pub body: &'a [u8],
    /// All of it, header included
    pub bytes: &'a [u8],
}

/// What stands at the front of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Front<'a> {
    /// A whole frame
    Whole(Frame<'a>),
    /// A frame that is not here yet in full; its whole size when the header is
    Partial {
        /// Tag, when at least one byte is there
        tag: Option<u8>,
        /// Size with header
        size: Option<usize>,
    },
    /// A length that cannot be
    Malformed {
        /// Tag
        tag: u8,
        /// The length as sent
        length: i32,
    },
}

impl Front<'_> {
    /// The size of a whole frame; 0 while there is none.
    pub fn size(&self) -> usize {
        match self {
            Self::Whole(frame) => frame.bytes.len(),
            Self::Partial { .. } | Self::Malformed { .. } => 0,
        }
    }
}

/// Looks at the front of `buffer`.
#[inline]
pub fn front(buffer: &[u8]) -> Front<'_> {
    let Some(header) = buffer.first_chunk::<HEADER>() else {
        return Front::Partial { tag: buffer.first().copied(), size: None };
    };
    let length = i32::from_be_bytes([header[1], header[2], header[3], header[4]]);
    if length < 4 {
        return Front::Malformed { tag: header[0], length };
    }
    let size = length as usize + 1;
    match buffer.get(..size) {
        Some(bytes) => Front::Whole(Frame { tag: header[0], body: &bytes[HEADER..], bytes }),
        None => Front::Partial { tag: Some(header[0]), size: Some(size) },
    }
}

/// The longest frame PostgreSQL accepts from a client for this tag; `None`: it does not know the tag.
///
/// PQ_LARGE_MESSAGE_LIMIT and PQ_SMALL_MESSAGE_LIMIT in PostgreSQL's `libpq.h`.
pub fn longest_from_client(tag: u8) -> Option<usize> {
    const LARGE: usize = 0x3fff_ffff;
    const SMALL: usize = 10_000;
    match tag {
        client::QUERY | client::FUNCTION_CALL | client::PARSE | client::BIND | client::COPY_DATA => Some(LARGE),
        client::CLOSE | client::DESCRIBE | client::EXECUTE | client::FLUSH | client::SYNC | client::TERMINATE => {
            Some(SMALL)
        }
        client::COPY_DONE => Some(SMALL),
        client::COPY_FAIL => Some(SMALL),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_cut_at_its_length() {
        let bytes = b"S\0\0\0\x04X\0\0\0\x04";
        assert_eq!(front(bytes), Front::Whole(Frame { tag: b'S', body: b"", bytes: &bytes[..5] }));
        assert_eq!(front(&bytes[..3]), Front::Partial { tag: Some(b'S'), size: None });
        assert_eq!(front(b"Q\0\0\0\x08SEL"), Front::Partial { tag: Some(b'Q'), size: Some(9) });
        assert_eq!(front(b""), Front::Partial { tag: None, size: None });
    }

    #[test]
    fn a_length_below_four_is_malformed() {
        assert_eq!(front(b"Q\0\0\0\x03ab"), Front::Malformed { tag: b'Q', length: 3 });
        assert_eq!(front(b"Q\xff\xff\xff\xff"), Front::Malformed { tag: b'Q', length: -1 });
    }
}
