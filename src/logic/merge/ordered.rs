//! The machine that picks the next row: the least of those that stand first on each shard.
//!
//! ```text
//! shard a: 1 4 7 →┐
//! shard b: 2 3 9 →┼→ 1 2 3 4 …   skip · take
//! shard c: (wanted)┘              no row is picked while one shard has not said what comes next
//! ```
//!
//! Holds one sort key a shard; the rows wait where they came. Without keys any row will do: then no shard is waited for
//! while another has a row.

use crate::logic::protocol::frame::server;
use crate::logic::protocol::write;

use super::key::{KeyKind, SortKey};
use super::rows::Rows;

/// The rows of one shard.
pub trait Heads {
    /// Those that wait
    fn rows(&mut self) -> &mut Rows;
    /// No more will come
    fn has_ended(&self) -> bool;
}

/// What came of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A row was passed on or skipped
    Row,
    /// A shard has to send more first
    Wants,
    /// All rows are out
    Done,
}

/// A shard sent a row that does not fit its description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken;

/// See the module.
#[derive(Debug)]
pub struct Ordered {
    /// The last columns of each row
    keys: Vec<(SortKey, KeyKind)>,
    /// The columns before them, which are passed on
    columns: usize,
    first: Vec<First>,
    skip: u64,
    take: Option<u64>,
    /// Rows passed on
    pub passed: u64,
}

/// The first row of a shard.
#[derive(Debug, Default)]
struct First {
    is_known: bool,
    has_ended: bool,
    /// Its sort key
    key: Vec<u8>,
    /// Where the columns that are passed on end in its body
    end: usize,
}

impl Ordered {
    /// Over so many shards.
    pub fn new(keys: Vec<(SortKey, KeyKind)>, columns: usize, shards: usize, skip: u64, take: Option<u64>) -> Self {
        let first = (0..shards).map(|_| First::default()).collect();
        Self { keys, columns, first, skip, take, passed: 0 }
    }

    /// Passes the next row on to `out`.
    pub fn step(&mut self, shards: &mut [impl Heads], out: &mut Vec<u8>) -> Result<Step, Broken> {
        if self.take.is_some_and(|take| self.passed >= take) {
            return Ok(Step::Done);
        }
        for (first, shard) in self.first.iter_mut().zip(shards.iter_mut()).filter(|(first, _)| !first.is_known) {
            first.look(shard, &self.keys, self.columns)?;
        }
        let waits = |first: &First| !first.is_known && !first.has_ended;
        if !self.keys.is_empty() && self.first.iter().any(waits) {
            return Ok(Step::Wants);
        }
        let known = self.first.iter().enumerate().filter(|(_, first)| first.is_known);
        let Some((place, _)) = known.min_by(|(_, one), (_, other)| one.key.cmp(&other.key)) else {
            return Ok(if self.first.iter().any(waits) { Step::Wants } else { Step::Done });
        };
        let first = &mut self.first[place];
        first.is_known = false;
        let rows = shards[place].rows();
        let body = rows.first().ok_or(Broken)?;
        if self.skip > 0 {
            self.skip -= 1;
        } else {
            self.passed += 1;
            write::frame(out, server::DATA_ROW, |out| {
                out.extend_from_slice(&(self.columns as u16).to_be_bytes());
                out.extend_from_slice(&body[2..first.end]);
            });
        }
        let length = body.len();
        rows.pop(length);
        Ok(Step::Row)
    }
}

impl First {
    fn look(&mut self, shard: &mut impl Heads, keys: &[(SortKey, KeyKind)], columns: usize) -> Result<(), Broken> {
        self.has_ended = shard.has_ended();
        let Some(body) = shard.rows().first() else { return Ok(()) };
        let (count, mut rest) = body.split_first_chunk::<2>().ok_or(Broken)?;
        if usize::from(u16::from_be_bytes(*count)) != columns + keys.len() {
            return Err(Broken);
        }
        for _ in 0..columns {
            (_, rest) = field(rest)?;
        }
        self.end = body.len() - rest.len();
        self.key.clear();
        for (key, kind) in keys {
            let value;
            (value, rest) = field(rest)?;
            key.write(*kind, value, &mut self.key).map_err(|_| Broken)?;
        }
        self.is_known = true;
        Ok(())
    }
}

/// One field of a DataRow, and what follows it.
pub(super) fn field(bytes: &[u8]) -> Result<(Option<&[u8]>, &[u8]), Broken> {
    let (length, rest) = bytes.split_first_chunk::<4>().ok_or(Broken)?;
    match usize::try_from(i32::from_be_bytes(*length)) {
        Ok(length) => rest.split_at_checked(length).map(|(value, rest)| (Some(value), rest)).ok_or(Broken),
        Err(_) => Ok((None, rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::merge::Direction;

    #[derive(Default)]
    struct Shard {
        rows: Rows,
        has_ended: bool,
    }

    impl Heads for Shard {
        fn rows(&mut self) -> &mut Rows {
            &mut self.rows
        }

        fn has_ended(&self) -> bool {
            self.has_ended
        }
    }

    /// A name and an int4 to sort by.
    fn row(name: &str, key: Option<i32>) -> Vec<u8> {
        let mut out = Vec::new();
        write::frame(&mut out, server::DATA_ROW, |out| {
            out.extend_from_slice(&[0, 2]);
            out.extend_from_slice(&(name.len() as i32).to_be_bytes());
            out.extend_from_slice(name.as_bytes());
            match key {
                Some(key) => {
                    out.extend_from_slice(&[0, 0, 0, 4]);
                    out.extend_from_slice(&key.to_be_bytes());
                }
                None => out.extend_from_slice(&[255; 4]),
            }
        });
        out
    }

    fn shard(rows: &[(&str, Option<i32>)], has_ended: bool) -> Shard {
        let mut shard = Shard { has_ended, ..Shard::default() };
        rows.iter().for_each(|(name, key)| shard.rows.push(&row(name, *key)));
        shard
    }

    fn by_int(is_descending: bool) -> Vec<(SortKey, KeyKind)> {
        let direction = Direction { is_descending, is_nulls_first: is_descending };
        vec![(SortKey { direction, is_text_by_bytes: false }, KeyKind::Signed)]
    }

    /// The names that come out, and the last step.
    fn run(merge: &mut Ordered, shards: &mut [Shard]) -> (String, Step) {
        let mut names = String::new();
        loop {
            let mut out = Vec::new();
            let step = merge.step(shards, &mut out).expect("well-formed");
            if !out.is_empty() {
                assert_eq!(&out[5..7], [0, 1], "the key is left out");
                names.push_str(std::str::from_utf8(&out[11..]).expect("names are text"));
            }
            if step != Step::Row {
                return (names, step);
            }
        }
    }

    #[test]
    fn the_least_row_of_all_shards_comes_next() {
        let mut shards = [
            shard(&[("a", Some(1)), ("d", Some(4)), ("x", None)], true),
            shard(&[("b", Some(2)), ("c", Some(3))], true),
            shard(&[], true),
        ];
        let mut merge = Ordered::new(by_int(false), 1, 3, 0, None);
        assert_eq!(run(&mut merge, &mut shards), ("abcdx".to_owned(), Step::Done));
        assert_eq!(merge.passed, 5);
    }

    #[test]
    fn descending_with_nulls_first() {
        let mut shards = [shard(&[("x", None), ("b", Some(2))], true), shard(&[("c", Some(3)), ("a", Some(1))], true)];
        let mut merge = Ordered::new(by_int(true), 1, 2, 0, None);
        assert_eq!(run(&mut merge, &mut shards).0, "xcba");
    }

    #[test]
    fn no_row_is_picked_while_one_shard_may_have_a_lesser_one() {
        let mut shards = [shard(&[("b", Some(2)), ("d", Some(4))], true), shard(&[], false)];
        let mut merge = Ordered::new(by_int(false), 1, 2, 0, None);
        assert_eq!(run(&mut merge, &mut shards), (String::new(), Step::Wants));
        shards[1].rows.push(&row("a", Some(1)));
        assert_eq!(run(&mut merge, &mut shards), ("a".to_owned(), Step::Wants));
        shards[1].rows.push(&row("c", Some(3)));
        shards[1].has_ended = true;
        assert_eq!(run(&mut merge, &mut shards), ("bcd".to_owned(), Step::Done));
    }

    #[test]
    fn without_keys_no_shard_is_waited_for_while_another_has_rows() {
        let mut rows = shard(&[("a", None)], false);
        rows.rows.push(&row("b", None));
        let mut shards = [shard(&[], false), rows];
        let mut merge = Ordered::new(Vec::new(), 2, 2, 0, Some(1));
        let mut out = Vec::new();
        assert_eq!(merge.step(&mut shards, &mut out), Ok(Step::Row));
        assert_eq!(out, row("a", None));
        assert_eq!(merge.step(&mut shards, &mut out), Ok(Step::Done));
    }

    #[test]
    fn rows_are_skipped_then_taken() {
        let rows = || [shard(&[("a", Some(1)), ("c", Some(3))], true), shard(&[("b", Some(2)), ("d", Some(4))], true)];
        for (skip, take, expected) in
            [(0, Some(2), "ab"), (1, Some(2), "bc"), (3, None, "d"), (4, None, ""), (9, Some(1), ""), (0, Some(0), "")]
        {
            let mut merge = Ordered::new(by_int(false), 1, 2, skip, take);
            assert_eq!(run(&mut merge, &mut rows()), (expected.to_owned(), Step::Done), "{skip} {take:?}");
        }
    }

    #[test]
    fn a_row_that_does_not_fit_is_broken() {
        let mut shards = [shard(&[("a", Some(1))], true)];
        let mut merge = Ordered::new(by_int(false), 3, 1, 0, None);
        assert_eq!(merge.step(&mut shards, &mut Vec::new()), Err(Broken));
    }
}
