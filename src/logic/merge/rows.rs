//! The rows of one shard that have come and not been passed on yet: whole DataRow frames.

use crate::logic::protocol::frame::{self, Front, HEADER};

/// Memory above this is given back as soon as it is empty: one large row must not stay.
const KEEP_MAX: usize = 256 << 10;

/// See the module.
#[derive(Debug, Default)]
pub struct Rows {
    bytes: Vec<u8>,
    /// What lies before has been taken
    at: usize,
}

impl Rows {
    /// One more, behind the others: a whole frame.
    pub fn push(&mut self, frame: &[u8]) {
        if self.at > self.bytes.len() / 2 {
            self.bytes.drain(..self.at);
            self.at = 0;
        }
        self.bytes.extend_from_slice(frame);
    }

    /// Bytes that wait.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// No row waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The body of the first.
    pub fn first(&self) -> Option<&[u8]> {
        match frame::front(&self.bytes[self.at..]) {
            Front::Whole(frame) => Some(frame.body),
            Front::Partial { .. } | Front::Malformed { .. } => None,
        }
    }

    /// The first, whose body has this length, has been taken.
    pub fn pop(&mut self, length: usize) {
        self.at += HEADER + length;
        if self.at >= self.bytes.len() {
            self.clear();
        }
    }

    /// Forgets them all.
    pub fn clear(&mut self) {
        self.at = 0;
        self.bytes.clear();
        if self.bytes.capacity() > KEEP_MAX {
            self.bytes = Vec::new();
        }
    }
}
