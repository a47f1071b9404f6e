//! The arrays in which rows that were fetched go into the final statement, and its text with as many of them as there are.

use std::borrow::Cow;

use crate::logic::arrays;
use crate::logic::plan::gather::{self, Gather, Part, Transfer};
use crate::logic::rows::Rows;
use crate::proxy::session::errand::Fetched;

/// A final statement and its arrays: how each travels, of which column it is, and of which rows.
pub(super) struct Spread<'a> {
    pub text: Cow<'a, str>,
    pub arrays: Vec<(&'a Transfer, usize, &'a [Rows])>,
}

impl<'a> Spread<'a> {
    /// One array for each column, as the text has it; where one would be too large, more of them behind these.
    pub fn of(gather: &'a Gather, fetched: &'a Fetched) -> Self {
        let groups: Vec<Vec<&[Rows]>> = fetched.iter().map(|pieces| arrays::in_arrays(pieces)).collect();
        let mut spread = Self { text: Cow::Borrowed(&gather.text), arrays: Vec::new() };
        let mut firsts = Vec::with_capacity(groups.len());
        for (part, groups) in gather.parts.iter().zip(&groups) {
            firsts.push(spread.add(gather, part, groups[0]));
        }
        for (number, (part, groups)) in gather.parts.iter().zip(&groups).enumerate().filter(|(_, (_, it))| it.len() > 1)
        {
            let before = spread.arrays.len();
            let others: Vec<u16> = groups[1..].iter().map(|rows| spread.add(gather, part, rows)).collect();
            let width = part.columns.len() as u16;
            match gather::widened(&spread.text, firsts[number], width, &others) {
                Some(text) => spread.text = Cow::Owned(text),
                None => {
                    // One array after all: PostgreSQL says so if it is too large.
                    spread.arrays.truncate(before);
                    let first = usize::from(firsts[number] - gather.params) - 1;
                    spread.arrays[first..first + part.columns.len()]
                        .iter_mut()
                        .for_each(|(_, _, rows)| *rows = &fetched[number]);
                }
            }
        }
        spread
    }

    /// One array for each column of a part. Returns the parameter of the first.
    fn add(&mut self, gather: &Gather, part: &'a Part, rows: &'a [Rows]) -> u16 {
        let first = usize::from(gather.params) + self.arrays.len() + 1;
        self.arrays.extend(part.columns.iter().enumerate().map(|(column, transfer)| (transfer, column, rows)));
        first as u16
    }
}
