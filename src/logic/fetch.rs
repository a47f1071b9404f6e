//! Rows on their way from several shards into the arrays of a final statement.
//!
//! One `Fetch` reads the answers of one server. The fields of a DataRow and the elements of an array are written the
//! same way (length and bytes), so a value is copied once and never looked at.

use std::sync::Arc;

use crate::logic::copy::RowFormat;
use crate::logic::memory::{Charge, Memory};
use crate::logic::merge::{self, Heads};
use crate::logic::protocol::frame::{self, Frame, Front, HEADER, server};
use crate::logic::protocol::numbered::{naming_columns, translate_row};
use crate::logic::protocol::oids::Oids;
use crate::logic::protocol::view::Malformed;
use crate::logic::protocol::{view, write};
use crate::logic::rows::{Elements, Kept, Rows};

/// Reads the answers of one server to the statements of several parts.
///
/// ```text
/// hidden queries: … Z   parts: 1 2 D D C   1 2 D C   Z
/// ```
#[allow(clippy::struct_excessive_bools, reason = "what it was asked for, and what has come of it")]
#[derive(Debug, Default)]
pub struct Fetch {
    /// Queries of ours that come first: settings, BEGIN
    hidden: usize,
    /// The rows of each part
    pub parts: Vec<Rows>,
    /// The part whose rows come now
    current: usize,
    /// All parts are one statement: each row begins with the number of its part
    pub is_together: bool,
    /// Rows are kept as they come, instead of by parts
    pub kept: Option<Box<Kept>>,
    /// A Sync ends the batch
    is_synced: bool,
    /// The end of a read that cut a frame
    carry: Vec<u8>,
    /// The first ErrorResponse, its body
    pub failure: Option<Box<[u8]>>,
    /// It answers a query of ours
    pub is_hidden_failure: bool,
    /// The server said goodbye
    pub goodbye: Option<Box<[u8]>>,
    /// Where the server stands
    pub status: Option<u8>,
    /// Bytes of values held
    pub bytes: usize,
    /// Rows are put aside in pieces, each with its part, that arrays can be made of
    pub aside: Option<Vec<(usize, Rows)>>,
    /// So many bytes were held when the last of them was full
    begun: usize,
    /// Types that the client knows by other numbers than the server, if there are any
    pub oids: Option<Arc<Oids>>,
    /// The columns of the rows that follow whose values may name such types
    naming: Vec<usize>,
    /// Of a merge: the rows that wait, as they came
    merged: Option<merge::Rows>,
    /// The client's own statement is described too
    pub describes: bool,
    /// Its rows are those of a COPY, written like this
    pub copied: Option<RowFormat>,
    /// The last RowDescription, its body
    pub description: Option<Box<[u8]>>,
    /// Each part is described before its rows
    pub are_parts_described: bool,
    /// The RowDescriptions of the parts, their bodies
    pub descriptions: Vec<Box<[u8]>>,
    /// Bytes received
    pub received: usize,
    /// Notices of the parts as frames, for who wants to pass them on
    pub notices: Option<Vec<u8>>,
    /// Parameters that it has reported, and their values
    pub reported: Vec<(Box<str>, Box<str>)>,
    /// Statements of ours stand before and behind the one that is asked for
    pub has_asides: bool,
    /// So many statements have been parsed
    parsed: usize,
    /// One of ours is answered
    is_aside: bool,
    /// Rows are not wanted any more
    is_discarding: bool,
}

/// Rows are put aside where they come to more bytes than these,
const PIECE_BYTES_MAX: usize = 16 << 20;
/// or more rows.
const PIECE_ROWS_MAX: u32 = 1 << 20;

/// Of a merge: a shard reads no further ahead than this.
const AHEAD_MAX: usize = 64 << 10;

/// The server does not follow the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken;

impl Fetch {
    /// Of parts with this many columns each (0: as many as come), behind `hidden` queries of ours.
    pub fn new(hidden: usize, widths: impl Iterator<Item = usize>, is_synced: bool) -> Self {
        let rows = |width| Rows::new(vec![Elements::default(); width], 0);
        Self { hidden, parts: widths.map(rows).collect(), is_synced, ..Self::default() }
    }

    /// Of statements whose answers are kept as they come, up to their Sync.
    pub fn keeping(hidden: usize) -> Self {
        Self { hidden, kept: Some(Box::default()), is_synced: true, ..Self::default() }
    }

    /// Of one statement whose rows are merged.
    pub fn merged(hidden: usize, is_synced: bool) -> Self {
        Self { hidden, is_synced, merged: Some(merge::Rows::default()), ..Self::default() }
    }

    /// Its rows count in this memory. Before the first comes.
    pub fn count_in(&mut self, memory: &Arc<Memory>) {
        self.parts.iter_mut().for_each(|rows| rows.charge = Charge::of(memory));
        if let Some(kept) = &mut self.kept {
            kept.charge = Charge::of(memory);
        }
    }

    /// Its rows are not wanted any more, neither those that are there nor those that come.
    pub fn discard(&mut self) {
        self.is_discarding = true;
        self.parts.iter_mut().for_each(|rows| *rows = rows.emptied());
        self.aside.iter_mut().for_each(Vec::clear);
        if let Some(kept) = &mut self.kept {
            **kept = Kept::default();
        }
    }

    /// So many rows wait that no more shall be read.
    pub fn is_full(&self) -> bool {
        self.merged.as_ref().is_some_and(|rows| rows.len() >= AHEAD_MAX)
    }

    /// What the client hears of before an error of the parts: the columns of its own statement, where that was described.
    pub fn described(&self) -> Option<&[u8]> {
        self.description.as_deref().filter(|_| self.describes)
    }

    /// Tells the client so.
    pub fn describe(&self, out: &mut Vec<u8>) -> Result<(), Malformed> {
        match (self.described(), &self.copied) {
            (None, _) => (),
            (Some(columns), None) => {
                write::frame(out, server::ROW_DESCRIPTION, |out| out.extend_from_slice(columns));
            }
            // What would go along with the first row is not sent without it.
            (Some(columns), Some(format)) => drop(format.open(&view::column_names(columns)?, out)),
        }
        Ok(())
    }

    /// It has not been told all that comes before its statements. Stopped now it would run them without.
    pub fn is_entering(&self) -> bool {
        self.hidden > 0
    }

    /// The client's own statement is described too, and that has not come.
    pub fn lacks_description(&self) -> bool {
        self.describes && self.description.is_none()
    }

    /// Everything has been answered.
    pub fn is_done(&self) -> bool {
        match (self.is_synced, &self.failure) {
            (true, _) => self.status.is_some() && self.hidden == 0,
            (false, Some(_)) => true,
            (false, None) => self.current == self.parts.len() + usize::from(self.merged.is_some()),
        }
    }

    /// Takes in what was read.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), Broken> {
        self.received += chunk.len();
        if self.carry.is_empty() {
            let rest = self.frames(chunk)?;
            self.carry.extend_from_slice(rest);
            return Ok(());
        }
        let mut carry = std::mem::take(&mut self.carry);
        carry.extend_from_slice(chunk);
        let rest = self.frames(&carry)?.len();
        carry.drain(..carry.len() - rest);
        self.carry = carry;
        Ok(())
    }

    fn frames<'a>(&mut self, mut bytes: &'a [u8]) -> Result<&'a [u8], Broken> {
        loop {
            match frame::front(bytes) {
                Front::Whole(frame) => {
                    self.frame(&frame)?;
                    bytes = &bytes[frame.bytes.len()..];
                }
                Front::Partial { .. } => return Ok(bytes),
                Front::Malformed { .. } => return Err(Broken),
            }
        }
    }

    fn frame(&mut self, frame: &Frame<'_>) -> Result<(), Broken> {
        let tag = frame.tag;
        let is_discarded = self.is_discarding && tag == server::DATA_ROW;
        if is_discarded || self.has_asides && self.hidden == 0 && self.skips(tag) {
            return Ok(());
        }
        if tag == server::ROW_DESCRIPTION && self.oids.is_some() {
            self.naming = naming_columns(frame.body, false);
        }
        let mut known = Vec::new();
        let message = match &self.oids {
            Some(oids) if Oids::concerns(tag) || tag == server::DATA_ROW && !self.naming.is_empty() => {
                known.extend_from_slice(frame.bytes);
                match tag {
                    server::DATA_ROW => translate_row(oids, &self.naming, &mut known[HEADER..]),
                    tag => oids.translate(tag, &mut known[HEADER..]),
                }
                &known
            }
            Some(_) | None => frame.bytes,
        };
        let body = &message[HEADER..];
        if let Some(kept) = &mut self.kept
            && self.hidden == 0
        {
            self.bytes += if tag == server::DATA_ROW { body.len() } else { 0 };
            kept.frame(tag, body);
        }
        match tag {
            server::DATA_ROW if self.hidden == 0 && self.kept.is_none() => match &mut self.merged {
                Some(rows) => rows.push(message),
                None if self.is_together => self.row_of_any(body)?,
                None => self.row(body)?,
            },
            server::ROW_DESCRIPTION if self.hidden == 0 => match self.are_parts_described {
                true if !self.lacks_description() => self.descriptions.push(body.into()),
                true | false => self.description = Some(body.into()),
            },
            server::COMMAND_COMPLETE if self.hidden == 0 && self.is_together => self.current = self.parts.len(),
            server::COMMAND_COMPLETE if self.hidden == 0 => self.current += 1,
            server::READY if self.hidden > 0 => self.hidden -= 1,
            server::READY => self.status = body.first().copied(),
            server::ERROR => self.error(body),
            server::NOTICE if self.hidden == 0 => {
                if let Some(notices) = &mut self.notices {
                    write::frame(notices, tag, |out| out.extend_from_slice(body));
                }
            }
            server::PARAMETER_STATUS if self.hidden == 0 => self.reported.extend(view::reported(body)),
            _ => (),
        }
        Ok(())
    }

    /// Is it an answer to a statement of ours? Those are the first and the third.
    fn skips(&mut self, tag: u8) -> bool {
        match tag {
            server::PARSE_COMPLETE => {
                self.parsed += 1;
                self.is_aside = self.parsed % 2 == 1;
            }
            server::CLOSE_COMPLETE => self.is_aside = false,
            _ => (),
        }
        self.is_aside && matches!(tag, server::DATA_ROW | server::COMMAND_COMPLETE)
    }

    fn error(&mut self, body: &[u8]) {
        let severity = view::error_field(body, b'V').or_else(|| view::error_field(body, b'S'));
        if matches!(severity, Some(b"FATAL" | b"PANIC")) {
            self.goodbye = Some(body.into());
        } else if self.failure.is_none() {
            self.failure = Some(body.into());
            self.is_hidden_failure = self.hidden > 0;
        }
    }

    fn row(&mut self, body: &[u8]) -> Result<(), Broken> {
        let rows = self.parts.get_mut(self.current).ok_or(Broken)?;
        let (count, mut rest) = body.split_first_chunk::<2>().ok_or(Broken)?;
        let width = usize::from(u16::from_be_bytes(*count));
        if rows.columns.is_empty() {
            rows.columns.resize_with(width, Elements::default);
        }
        if width != rows.columns.len() {
            return Err(Broken);
        }
        let size = rest.len();
        self.bytes += size;
        for column in &mut rows.columns {
            column.push_field(field(&mut rest)?);
        }
        rows.charge.grow(size);
        rows.count += 1;
        self.set_aside();
        Ok(())
    }

    fn set_aside(&mut self) {
        let Some(aside) = &mut self.aside else { return };
        let is_full = self.bytes - self.begun > PIECE_BYTES_MAX;
        for (number, rows) in self.parts.iter_mut().enumerate() {
            if rows.count >= PIECE_ROWS_MAX || is_full && rows.count > 0 {
                let empty = rows.emptied();
                aside.push((number, std::mem::replace(rows, empty)));
            }
        }
        if is_full {
            self.begun = self.bytes;
        }
    }

    fn row_of_any(&mut self, body: &[u8]) -> Result<(), Broken> {
        let (count, mut rest) = body.split_first_chunk::<2>().ok_or(Broken)?;
        let width: usize = self.parts.iter().map(|part| part.columns.len()).sum();
        if usize::from(u16::from_be_bytes(*count)) != 1 + width {
            return Err(Broken);
        }
        let [0, 0, 0, 4, number @ ..] = field(&mut rest)? else { return Err(Broken) };
        let own = <[u8; 4]>::try_from(number).map(u32::from_be_bytes).map_err(|_| Broken)? as usize;
        for (number, rows) in self.parts.iter_mut().enumerate() {
            for column in &mut rows.columns {
                let field = field(&mut rest)?;
                if number == own {
                    self.bytes += field.len();
                    rows.charge.grow(field.len());
                    column.push_field(field);
                }
            }
            rows.count += u32::from(number == own);
        }
        self.set_aside();
        Ok(())
    }
}

/// The next field of a DataRow, its length first.
fn field<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Broken> {
    let (length, _) = rest.split_first_chunk::<4>().ok_or(Broken)?;
    let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
    let (field, after) = rest.split_at_checked(4 + length).ok_or(Broken)?;
    *rest = after;
    Ok(field)
}

impl Heads for Fetch {
    fn rows(&mut self) -> &mut merge::Rows {
        self.merged.get_or_insert_default()
    }

    fn has_ended(&self) -> bool {
        self.current > 0
    }
}

/// The body of a RowDescription without its last columns.
pub fn without_last(description: &[u8], columns: usize) -> Option<Vec<u8>> {
    /// Table, column, type, size, modifier, format
    const BEHIND_NAME: usize = 4 + 2 + 4 + 2 + 4 + 2;
    let (count, fields) = description.split_first_chunk::<2>()?;
    let kept = usize::from(u16::from_be_bytes(*count)).checked_sub(columns)?;
    let mut rest = fields;
    for _ in 0..kept {
        let name = rest.iter().position(|byte| *byte == 0)?;
        rest = rest.get(name + 1 + BEHIND_NAME..)?;
    }
    let mut body = (kept as u16).to_be_bytes().to_vec();
    body.extend_from_slice(&fields[..fields.len() - rest.len()]);
    Some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(fields: &[Option<&[u8]>]) -> Vec<u8> {
        let mut out = Vec::new();
        write::frame(&mut out, server::DATA_ROW, |out| {
            out.extend_from_slice(&(fields.len() as u16).to_be_bytes());
            for field in fields {
                out.extend_from_slice(&field.map_or(-1, |field| field.len() as i32).to_be_bytes());
                out.extend_from_slice(field.unwrap_or_default());
            }
        });
        out
    }

    fn answer() -> Vec<u8> {
        let mut bytes = Vec::new();
        write::command_complete(&mut bytes, "BEGIN");
        write::ready(&mut bytes, b'T');
        bytes.extend_from_slice(&row(&[Some(b"ab"), None]));
        bytes.extend_from_slice(&row(&[Some(b""), Some(b"c")]));
        write::command_complete(&mut bytes, "SELECT 2");
        bytes.extend_from_slice(&row(&[Some(b"x")]));
        write::command_complete(&mut bytes, "SELECT 1");
        write::ready(&mut bytes, b'T');
        bytes
    }

    #[test]
    fn rows_come_out_the_same_however_the_reads_cut_them() {
        let bytes = answer();
        let mut whole = Fetch::new(1, [2, 1].into_iter(), true);
        assert!(whole.is_entering());
        whole.feed(&bytes).expect("well-formed");
        assert!(whole.is_done() && !whole.is_entering());
        assert_eq!(whole.parts.iter().map(|part| part.count).collect::<Vec<_>>(), [2, 1]);
        for cut in 1..bytes.len() {
            let mut fetch = Fetch::new(1, [2, 1].into_iter(), true);
            fetch.feed(&bytes[..cut]).expect("well-formed");
            assert!(!fetch.is_done());
            fetch.feed(&bytes[cut..]).expect("well-formed");
            assert!(fetch.is_done());
            assert_eq!(fetch.parts, whole.parts);
        }
    }

    #[test]
    fn rows_of_several_parts_in_one_statement_go_to_their_parts() {
        let mut bytes = row(&[Some(&[0, 0, 0, 1]), None, None, Some(b"x")]);
        bytes.extend_from_slice(&row(&[Some(&[0, 0, 0, 0]), Some(b"ab"), None, None]));
        write::command_complete(&mut bytes, "SELECT 2");
        write::ready(&mut bytes, b'I');
        let mut fetch = Fetch { is_together: true, ..Fetch::new(0, [2, 1].into_iter(), true) };
        fetch.feed(&bytes).expect("well-formed");
        assert!(fetch.is_done());
        let mut apart = Fetch::new(0, [2, 1].into_iter(), true);
        let mut bytes = row(&[Some(b"ab"), None]);
        write::command_complete(&mut bytes, "SELECT 1");
        bytes.extend_from_slice(&row(&[Some(b"x")]));
        apart.feed(&bytes).expect("well-formed");
        assert_eq!(fetch.parts, apart.parts);
    }

    #[test]
    fn rows_are_put_aside_in_pieces() {
        let value = vec![b'x'; 1 << 20];
        let mut fetch = Fetch { aside: Some(Vec::new()), ..Fetch::new(0, [1].into_iter(), true) };
        let row = row(&[Some(&value)]);
        (0..150).for_each(|_| fetch.feed(&row).expect("well-formed"));
        let mut pieces: Vec<Rows> = fetch.aside.unwrap_or_default().into_iter().map(|(_, rows)| rows).collect();
        pieces.append(&mut fetch.parts);
        assert_eq!(pieces.iter().map(|piece| piece.count).sum::<u32>(), 150);
        assert!(pieces.iter().all(|piece| piece.bytes() <= PIECE_BYTES_MAX + (2 << 20)));
        assert!(pieces.len() > 8);
    }

    #[test]
    fn an_error_of_a_shard_is_kept_and_the_rest_read() {
        let mut bytes = Vec::new();
        write::frame(&mut bytes, server::ERROR, |out| out.extend_from_slice(b"SERROR\0VERROR\0C22012\0Mzero\0\0"));
        write::ready(&mut bytes, b'I');
        let mut fetch = Fetch::new(0, [1].into_iter(), true);
        fetch.feed(&bytes).expect("well-formed");
        assert!(fetch.is_done() && fetch.failure.is_some() && !fetch.is_hidden_failure);
    }
}
