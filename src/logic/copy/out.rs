//! Rows that several shards copy out, put one behind the other: one header, one trailer, no field read.

/// How the rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutFormat {
    /// Text and CSV: a message a line
    Lines {
        /// A line of names comes first
        has_header: bool,
    },
    /// FORMAT binary: a header before the first row, a trailer behind the last
    Binary,
}

/// One shard's share of a COPY TO.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutShare {
    /// How its rows are written
    pub format: OutFormat,
    /// The shares before it are empty: what begins the whole comes from here
    pub is_first: bool,
    /// What ends the whole comes from here
    pub is_last: bool,
    /// Something of it has been seen
    pub has_begun: bool,
}

/// What becomes of a piece of data.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// It is sent as it is
    Pass,
    /// It is not sent
    Hide,
    /// This part of it is sent
    Part(&'a [u8]),
}

/// Signature, flags and the length of what extends the header (manual, COPY, Binary Format).
const HEADER: usize = 11 + 4 + 4;
/// A number of fields that no row has.
const TRAILER: &[u8] = &[0xff, 0xff];

impl OutShare {
    /// The pieces must be seen whole.
    pub fn is_looked_into(&self) -> bool {
        self.format == OutFormat::Binary && !(self.is_first && self.is_last)
    }

    /// A CopyData message; `body` where pieces are looked into.
    pub fn piece<'a>(&mut self, body: &'a [u8]) -> Piece<'a> {
        let begins = !std::mem::replace(&mut self.has_begun, true);
        match self.format {
            OutFormat::Lines { has_header: true } if begins && !self.is_first => Piece::Hide,
            OutFormat::Lines { .. } => Piece::Pass,
            OutFormat::Binary if !self.is_looked_into() => Piece::Pass,
            OutFormat::Binary => {
                let header = if begins { header(body) } else { 0 };
                let from = if self.is_first { 0 } else { header };
                let is_end = body.get(header..) == Some(TRAILER);
                let to = if is_end && !self.is_last { header } else { body.len() };
                match body.get(from..to) {
                    Some(part) if part.len() == body.len() => Piece::Pass,
                    Some([]) | None => Piece::Hide,
                    Some(part) => Piece::Part(part),
                }
            }
        }
    }
}

/// The length of the header that a stream begins with.
fn header(body: &[u8]) -> usize {
    let extension = body.get(HEADER - 4..).and_then(<[u8]>::first_chunk::<4>).copied().map_or(0, u32::from_be_bytes);
    HEADER + extension as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(format: OutFormat, shares: &[&[&[u8]]]) -> Vec<u8> {
        let mut whole = Vec::new();
        for (number, share) in shares.iter().enumerate() {
            let (is_first, is_last) = (number == 0, number + 1 == shares.len());
            let mut out = OutShare { format, is_first, is_last, has_begun: false };
            for body in *share {
                match out.piece(body) {
                    Piece::Pass => whole.extend_from_slice(body),
                    Piece::Hide => (),
                    Piece::Part(part) => whole.extend_from_slice(part),
                }
            }
        }
        whole
    }

    const START: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

    #[test]
    fn a_line_of_names_comes_once() {
        let lines = OutFormat::Lines { has_header: true };
        assert_eq!(pieces(lines, &[&[b"id\n", b"1\n"], &[b"id\n"], &[b"id\n", b"2\n"]]), b"id\n1\n2\n");
        let bare = OutFormat::Lines { has_header: false };
        assert_eq!(pieces(bare, &[&[b"1\n"], &[], &[b"2\n"]]), b"1\n2\n");
    }

    #[test]
    fn a_binary_stream_has_one_header_and_one_trailer() {
        let row = |number: u8| [0, 1, 0, 0, 0, 1, number];
        let with_start = |row: &[u8]| [START, row].concat();
        let empty = with_start(TRAILER);
        let (one, two) = (with_start(&row(1)), with_start(&row(2)));
        let three = row(3);
        let whole = [START, &row(1), &row(2), &row(3), TRAILER].concat();
        let shares: [&[&[u8]]; 4] = [&[&one, TRAILER], &[&empty], &[&two, &three, TRAILER], &[&empty]];
        assert_eq!(pieces(OutFormat::Binary, &shares), whole);
        let shares: [&[&[u8]]; 3] = [&[&empty], &[&one, &row(2), TRAILER], &[&with_start(&row(3)), TRAILER]];
        assert_eq!(pieces(OutFormat::Binary, &shares), whole);
        assert_eq!(pieces(OutFormat::Binary, &[&[&empty], &[&empty]]), empty);
    }
}
