//! Walks the bytes of a server frame by frame: what is to be passed on stays where it is, in as long runs as possible.
//!
//! Rows are seen by tag and length only, and need not be whole. Control messages are shown whole to the judge;
//! one that a read cut in two waits in `carry`.

use std::sync::Arc;
use std::time::Instant;

use crate::logic::protocol::frame::{HEADER, server};
use crate::logic::protocol::numbered::{naming_columns, translate_row};
use crate::logic::protocol::oids::Oids;

/// Control messages longer than this are a broken server.
const CARRY_MAX: i32 = 64 << 20;

/// What happens to a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The client gets it
    Pass,
    /// The client does not
    Hide,
}

/// Decides on each frame of a server.
pub trait Judge {
    /// A frame begins; `body` is there for control messages only. Anything appended to `out` goes to the client
    /// before the frame.
    fn judge(&mut self, tag: u8, body: Option<&[u8]>, out: &mut Vec<u8>) -> Verdict;

    /// Must frames of this kind, which are no control messages, be shown whole all the same?
    fn looks_into(&self, _tag: u8) -> bool {
        false
    }

    /// A frame has ended: may append what the client is owed at this point.
    fn between(&mut self, out: &mut Vec<u8>);

    /// What follows is for later: the walk stops here.
    fn is_over(&self) -> bool {
        false
    }
}

/// The processes of servers, as clients number them.
pub trait Processes: std::fmt::Debug + Send + Sync {
    /// The number of the client that has notified by this process of the server; `None`: it is not known. Notifications wait
    /// for transactions of the listener to end: `idle_at` is when it was last outside one.
    fn client_of(&self, pid: i32, idle_at: Option<Instant>) -> Option<i32>;
}

/// The length of a frame cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken {
    /// Its tag
    pub tag: u8,
    /// Its length as sent
    pub length: i32,
}

/// Where a walk stands between two reads.
#[derive(Debug, Default)]
pub struct Walk {
    /// Bytes still to come of a frame whose beginning was seen
    rest: usize,
    /// They are hidden
    is_hidden: bool,
    /// They are a row
    is_row: bool,
    /// The beginning of a frame that must be seen whole
    carry: Vec<u8>,
    /// Types that the client knows by other numbers than this server, if there are any
    pub oids: Option<Arc<Oids>>,
    /// The columns of the rows that follow whose values may name such types
    naming: Vec<usize>,
    /// The client knows others by other numbers than this server
    processes: Option<Box<dyn Processes>>,
    /// When its client, with whom it stays, was last seen idle
    pub idle_at: Option<Instant>,
    /// Bytes at the end of the last chunk that the judge did not want yet
    left: usize,
}

impl Walk {
    /// Of a server whose processes clients may know by other numbers.
    pub fn knowing(processes: Box<dyn Processes>) -> Self {
        Self { processes: Some(processes), ..Self::default() }
    }

    /// Are we between two frames?
    pub fn is_between_frames(&self) -> bool {
        self.rest == 0 && self.carry.is_empty()
    }

    /// How many bytes at the end of the last chunk are for later: they are to be walked again.
    pub fn left(&self) -> usize {
        self.left
    }

    /// Is a frame passed on in part, so that nothing else can be said to the client before it ends?
    pub fn is_inside_passed_frame(&self) -> bool {
        self.rest > 0 && !self.is_hidden
    }

    /// Walks one read. Returns the tail of `chunk` that is to be sent after `out`; in the common case that is all
    /// of it, and `out` stays empty.
    pub fn feed<'a>(&mut self, chunk: &'a [u8], judge: &mut impl Judge, out: &mut Vec<u8>) -> Result<&'a [u8], Broken> {
        self.left = 0;
        let mut at = self.finish_carry(chunk, judge, out)?;
        let mut run = at;
        loop {
            let left = chunk.len() - at;
            if self.rest > 0 {
                let step = self.rest.min(left);
                if self.is_hidden {
                    out.extend_from_slice(&chunk[run..at]);
                    run = at + step;
                }
                at += step;
                self.rest -= step;
                if self.rest > 0 {
                    break;
                }
                flush(judge, chunk, &mut run, at, out);
                if self.is_row && !self.is_hidden {
                    at = skip_rows(chunk, at);
                }
                continue;
            }
            if left > 0 && judge.is_over() {
                self.left = left;
                return Ok(&chunk[run..at]);
            }
            let Some((tag, size)) = header(&chunk[at..])? else {
                out.extend_from_slice(&chunk[run..at]);
                self.carry.extend_from_slice(&chunk[at..]);
                return Ok(&[]);
            };
            let is_whole = self.is_whole(tag) || judge.looks_into(tag);
            if is_whole && size > left {
                out.extend_from_slice(&chunk[run..at]);
                self.carry.extend_from_slice(&chunk[at..]);
                return Ok(&[]);
            }
            self.note(tag, &chunk[at + HEADER..at + size.min(left)]);
            let told = self.row_told(tag, &chunk[at..at + size.min(left)]);
            let body = is_whole.then(|| told.as_deref().map_or(&chunk[at + HEADER..at + size], |it| &it[HEADER..]));
            let before = out.len();
            let verdict = self.show(tag, body, judge, out, &chunk[run..at]);
            if out.len() != before {
                run = at;
            }
            self.is_hidden = verdict == Verdict::Hide;
            self.is_row = tag == server::DATA_ROW;
            self.rest = size;
            if verdict == Verdict::Pass && self.has_numbers(tag) {
                out.extend_from_slice(&chunk[run..at]);
                run = at;
                self.translate(&chunk[at..at + size], out);
                // What it says has been said.
                self.is_hidden = true;
            }
        }
        Ok(&chunk[run..])
    }

    /// A frame that cannot be passed on piece by piece.
    fn is_whole(&self, tag: u8) -> bool {
        is_control(tag) || self.has_numbers(tag)
    }

    /// The client knows by other numbers what is named in frames of this kind.
    fn has_numbers(&self, tag: u8) -> bool {
        match tag {
            server::NOTIFICATION => self.processes.is_some(),
            server::DATA_ROW => !self.naming.is_empty(),
            tag => self.oids.is_some() && Oids::concerns(tag),
        }
    }

    /// What a frame says of the rows behind it.
    fn note(&mut self, tag: u8, body: &[u8]) {
        match tag {
            server::ROW_DESCRIPTION if self.oids.is_some() => self.naming = naming_columns(body, false),
            server::COMMAND_COMPLETE | server::PORTAL_SUSPENDED | server::ERROR | server::READY => self.naming.clear(),
            _ => (),
        }
    }

    /// A row whose values name types by other numbers than the client's, with those of the client.
    fn row_told(&self, tag: u8, message: &[u8]) -> Option<Vec<u8>> {
        let oids = self.oids.as_ref().filter(|_| tag == server::DATA_ROW && !self.naming.is_empty())?;
        let mut told = message.to_vec();
        translate_row(oids, &self.naming, &mut told[HEADER..]);
        Some(told)
    }

    /// Appends a message with the client's numbers.
    fn translate(&self, message: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(message);
        let body = &mut out[start + HEADER..];
        match (message[0], &self.processes, &self.oids) {
            (server::NOTIFICATION, Some(processes), _) => {
                let Some(number) = body.first_chunk_mut::<4>() else { return };
                if let Some(client) = processes.client_of(i32::from_be_bytes(*number), self.idle_at) {
                    *number = client.to_be_bytes();
                }
            }
            (server::DATA_ROW, _, Some(oids)) => translate_row(oids, &self.naming, body),
            (tag, _, Some(oids)) if Oids::concerns(tag) => oids.translate(tag, body),
            _ => (),
        }
    }

    /// Asks the judge; when it says something of its own, the run before it goes first.
    fn show(&self, tag: u8, body: Option<&[u8]>, judge: &mut impl Judge, out: &mut Vec<u8>, run: &[u8]) -> Verdict {
        let mark = out.len();
        let verdict = judge.judge(tag, body, out);
        if out.len() > mark {
            let said = out.split_off(mark);
            out.extend_from_slice(run);
            out.extend_from_slice(&said);
        }
        verdict
    }

    /// Completes a frame that an earlier read cut. Returns how much of `chunk` it took.
    fn finish_carry(&mut self, chunk: &[u8], judge: &mut impl Judge, out: &mut Vec<u8>) -> Result<usize, Broken> {
        if self.carry.is_empty() {
            return Ok(0);
        }
        let mut at = 0;
        while self.carry.len() < HEADER {
            let Some(byte) = chunk.get(at) else { return Ok(at) };
            self.carry.push(*byte);
            at += 1;
        }
        let Some((tag, size)) = header(&self.carry)? else { return Ok(at) };
        if self.is_whole(tag) || judge.looks_into(tag) {
            let step = (size - self.carry.len()).min(chunk.len() - at);
            self.carry.extend_from_slice(&chunk[at..at + step]);
            at += step;
            if self.carry.len() < size {
                return Ok(at);
            }
            let carry = std::mem::take(&mut self.carry);
            self.note(tag, &carry[HEADER..]);
            let told = self.row_told(tag, &carry);
            if judge.judge(tag, Some(&told.as_ref().unwrap_or(&carry)[HEADER..]), out) == Verdict::Pass {
                self.translate(&carry, out);
            }
            judge.between(out);
            return Ok(at);
        }
        let carry = std::mem::take(&mut self.carry);
        self.note(tag, &carry[HEADER..]);
        let verdict = judge.judge(tag, None, out);
        self.is_hidden = verdict == Verdict::Hide;
        self.is_row = tag == server::DATA_ROW;
        self.rest = size - carry.len();
        if verdict == Verdict::Pass {
            out.extend_from_slice(&carry);
        }
        if self.rest == 0 {
            judge.between(out);
        }
        Ok(at)
    }
}

/// Lets the judge speak between two frames, the run so far going first.
fn flush(judge: &mut impl Judge, chunk: &[u8], run: &mut usize, at: usize, out: &mut Vec<u8>) {
    let mark = out.len();
    judge.between(out);
    if out.len() > mark {
        let said = out.split_off(mark);
        out.extend_from_slice(&chunk[*run..at]);
        out.extend_from_slice(&said);
        *run = at;
    }
}

/// Where the whole rows that begin here end: what the judge said of one row holds for those behind it.
fn skip_rows(chunk: &[u8], mut at: usize) -> usize {
    while let Some([server::DATA_ROW, length @ ..]) = chunk[at..].first_chunk::<HEADER>() {
        let length = i32::from_be_bytes(*length);
        if length < 4 || length as usize >= chunk.len() - at {
            break;
        }
        at += length as usize + 1;
    }
    at
}

/// Tag and whole size of the frame at the front; `None` when its header is not here yet.
#[inline]
fn header(bytes: &[u8]) -> Result<Option<(u8, usize)>, Broken> {
    let Some(header) = bytes.first_chunk::<HEADER>() else { return Ok(None) };
    let length = i32::from_be_bytes([header[1], header[2], header[3], header[4]]);
    let tag = header[0];
    if length < 4 || (is_control(tag) && length > CARRY_MAX) {
        return Err(Broken { tag, length });
    }
    Ok(Some((tag, length as usize + 1)))
}

/// Messages that the judge needs to see whole.
#[inline]
fn is_control(tag: u8) -> bool {
    matches!(
        tag,
        server::ERROR
            | server::READY
            | server::COMMAND_COMPLETE
            | server::PARAMETER_STATUS
            | server::COPY_IN
            | server::COPY_BOTH
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hides the tags it is told to, says `!` after each CommandComplete, and records what it saw.
    struct Recorder {
        hidden: &'static [u8],
        seen: Vec<u8>,
        is_owed: bool,
        /// Looks into rows, of which it has seen these bytes
        rows: Option<Vec<u8>>,
    }

    impl Judge for Recorder {
        fn judge(&mut self, tag: u8, body: Option<&[u8]>, _out: &mut Vec<u8>) -> Verdict {
            self.seen.push(tag);
            self.is_owed = tag == server::COMMAND_COMPLETE;
            match &mut self.rows {
                Some(rows) if tag == server::DATA_ROW => rows.extend_from_slice(body.expect("rows are shown whole")),
                Some(_) | None => assert_eq!(body.is_some(), is_control(tag), "control messages are shown whole"),
            }
            if self.hidden.contains(&tag) { Verdict::Hide } else { Verdict::Pass }
        }

        fn looks_into(&self, tag: u8) -> bool {
            self.rows.is_some() && tag == server::DATA_ROW
        }

        fn between(&mut self, out: &mut Vec<u8>) {
            if std::mem::take(&mut self.is_owed) {
                out.push(b'!');
            }
        }
    }

    const STREAM: &[u8] = b"1\0\0\0\x04D\0\0\0\x08aaaaS\0\0\0\x08a\0b\0C\0\0\0\x08tagxZ\0\0\0\x05I";

    fn walk(chunk_size: usize, hidden: &'static [u8]) -> (Vec<u8>, Vec<u8>) {
        let mut recorder = Recorder { hidden, seen: Vec::new(), is_owed: false, rows: None };
        let (mut walk, mut got) = (Walk::default(), Vec::new());
        for chunk in STREAM.chunks(chunk_size) {
            let mut out = Vec::new();
            let tail = walk.feed(chunk, &mut recorder, &mut out).expect("well-formed");
            got.extend_from_slice(&out);
            got.extend_from_slice(tail);
        }
        assert!(walk.is_between_frames());
        (got, recorder.seen)
    }

    #[test]
    fn any_chunking_gives_the_same_bytes() {
        let hidden: &[&'static [u8]] = &[b"", b"1", b"D", b"S", b"1S", b"DZ", b"C", b"1DSCZ"];
        for hidden in hidden {
            let (whole, seen) = walk(STREAM.len(), hidden);
            assert_eq!(seen, b"1DSCZ");
            for size in 1..STREAM.len() {
                assert_eq!(walk(size, hidden), (whole.clone(), seen.clone()), "chunks of {size}, hiding {hidden:?}");
            }
        }
    }

    #[test]
    fn who_looks_into_rows_sees_them_whole_in_any_chunking() {
        for size in 1..STREAM.len() {
            let mut recorder = Recorder { hidden: b"D", seen: Vec::new(), is_owed: false, rows: Some(Vec::new()) };
            let mut walk = Walk::default();
            for chunk in STREAM.chunks(size) {
                walk.feed(chunk, &mut recorder, &mut Vec::new()).expect("well-formed");
            }
            assert_eq!(recorder.rows.as_deref(), Some(&b"aaaa"[..]), "chunks of {size}");
        }
    }

    #[test]
    fn what_is_hidden_is_gone_and_what_is_owed_stands_in_order() {
        let (got, _) = walk(STREAM.len(), b"1S");
        assert_eq!(got, b"D\0\0\0\x08aaaaC\0\0\0\x08tagx!Z\0\0\0\x05I");
    }

    #[test]
    fn a_length_below_four_is_broken() {
        let mut recorder = Recorder { hidden: b"", seen: Vec::new(), is_owed: false, rows: None };
        let broken = Walk::default().feed(b"D\0\0\0\x02", &mut recorder, &mut Vec::new());
        assert_eq!(broken, Err(Broken { tag: b'D', length: 2 }));
    }

    #[test]
    fn a_control_message_too_long_to_be_held_is_broken_at_its_header() {
        let mut recorder = Recorder { hidden: b"", seen: Vec::new(), is_owed: false, rows: None };
        let broken = Walk::default().feed(b"E\x7f\0\0\0", &mut recorder, &mut Vec::new());
        assert_eq!(broken, Err(Broken { tag: b'E', length: 0x7f00_0000 }));
    }
}
