//! What the answer of a statement depends on besides the rows that it names: for plans that run it more than once.

use crate::logic::sql::statement::expression::{Call, Literal, Moment};
use crate::logic::sql::statement::{Distinct, Query, Select};

use super::Survey;

/// See the module.
#[allow(clippy::struct_excessive_bools, reason = "facts about the statement, each independent of the others")]
#[derive(Debug, Default)]
pub struct Nature {
    /// It asks the server or the session for more than the time
    pub asks_server: bool,
    /// It draws a new value for each row (`gen_random_uuid()`)
    pub draws: bool,
    /// It picks among rows that may lie in another order elsewhere (LIMIT)
    pub picks: bool,
    /// Its values may follow the order in which rows lie
    pub follows_order: bool,
    /// It reads reference tables
    pub reads_copies: bool,
    /// A literal speaks of the time (`'see you today'`)
    pub says_now: bool,
    /// A literal is a time that moves, where it is read as one (`'now'`)
    pub is_now: bool,
    /// A text that is computed, or stands in a row, is read as a date or a time: it may be one that moves
    pub reads_time: bool,
    /// Where its text asks for the time
    pub times: Vec<Time>,
}

impl Nature {
    /// What holds of another part of the statement holds of it too.
    pub(super) fn join(&mut self, other: Self) {
        let Self { asks_server, draws, picks, follows_order, reads_copies, says_now, is_now, reads_time, times } =
            other;
        self.asks_server |= asks_server;
        self.draws |= draws;
        self.picks |= picks;
        self.follows_order |= follows_order;
        self.reads_copies |= reads_copies;
        self.says_now |= says_now;
        self.is_now |= is_now;
        self.reads_time |= reads_time;
        self.times.splice(..0, times);
    }
}

/// A place of the text that asks for the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Time {
    /// Byte offset in the text
    pub at: usize,
    /// OID of its type
    pub type_oid: u32,
    /// A function; else a word of SQL's own
    pub is_call: bool,
}

/// `now()` and its kin: the time at which the transaction or the statement began.
const TIMES: [&str; 3] = ["now", "transaction_timestamp", "statement_timestamp"];
/// A new value each time they are called.
const DRAWS: [&str; 4] = ["random", "gen_random_uuid", "clock_timestamp", "uuid_generate_v4"];
const TIMESTAMPTZ: u32 = 1184;

impl Survey<'_> {
    /// CURRENT_TIMESTAMP, CURRENT_USER and their kin.
    pub(super) fn note_moment(&mut self, moment: Moment) {
        match moment.time.filter(|_| self.is_in_plain_text()) {
            Some(type_oid) => self.nature.times.push(Time { at: moment.at, type_oid, is_call: false }),
            None => self.nature.asks_server = true,
        }
    }

    /// A call of PostgreSQL's own function that is not the row's affair alone.
    pub(super) fn note_call(&mut self, name: &str, call: &Call) {
        let is_bare = call.arguments.is_empty() && call.over.is_none() && call.rest.is_empty();
        if TIMES.contains(&name) && is_bare && self.is_in_plain_text() {
            self.nature.times.push(Time { at: call.at, type_oid: TIMESTAMPTZ, is_call: true });
        } else if DRAWS.contains(&name) && self.query_depth == 0 && !self.is_in_rows {
            self.nature.draws = true;
        } else if !self.reads_own_setting(name, call) {
            self.nature.asks_server = true;
        }
    }

    /// The text can be edited here: it is the client's own, and an expression may be a query.
    fn is_in_plain_text(&self) -> bool {
        self.view_depth == 0 && !self.is_in_rows
    }

    /// What the shape of a query does with the order of its rows.
    pub(super) fn note_query(&mut self, query: &Query) {
        self.nature.picks |= !query.limits.is_empty();
        self.nature.follows_order |= !query.limits.is_empty();
    }

    /// The same for a SELECT.
    pub(super) fn note_select(&mut self, select: &Select) {
        self.nature.picks |= matches!(select.distinct, Distinct::On(_));
        self.nature.follows_order |= !matches!(select.distinct, Distinct::No) || !select.group_by.is_empty();
    }

    /// A literal that PostgreSQL's date and time types read as the time of day when they read it.
    pub(super) fn note_literal(&mut self, literal: &Literal) {
        if let Literal::String(text) = literal {
            self.nature.says_now |= says_now(text.as_bytes());
            self.nature.is_now |= is_now(text.as_bytes());
        }
    }
}

/// The special inputs of dates and times whose meaning moves (manual, 8.5.1.4).
const MOVING: [&str; 4] = ["now", "today", "tomorrow", "yesterday"];
/// Longer texts are no times.
const TIME_MAX: usize = 64;

/// One of its words is such an input.
pub fn says_now(text: &[u8]) -> bool {
    words_of(text).iter().any(|word| is_moving(word))
}

/// The same, however long it is: a list of times, say.
pub fn speaks_of_now(text: &[u8]) -> bool {
    let words = text.split(|byte| !byte.is_ascii_alphanumeric());
    words.into_iter().any(|word| std::str::from_utf8(word).is_ok_and(is_moving))
}

/// It is such an input, with a time of day or a time zone beside it perhaps.
pub fn is_now(text: &[u8]) -> bool {
    let has_region = text.contains(&b'/');
    let is_beside = |word: &str| {
        let is_half = ["am", "pm"].iter().any(|it| word.eq_ignore_ascii_case(it));
        let is_zone = word.len() <= 5 && word.bytes().all(|byte| byte.is_ascii_uppercase());
        let is_number = word.bytes().all(|byte| !byte.is_ascii_alphabetic());
        is_number || is_half || is_zone || has_region
    };
    let words = words_of(text);
    words.iter().any(|word| is_moving(word)) && words.iter().all(|word| is_moving(word) || is_beside(word))
}

fn is_moving(word: &str) -> bool {
    MOVING.iter().any(|it| word.eq_ignore_ascii_case(it))
}

fn words_of(text: &[u8]) -> Vec<&str> {
    let text = std::str::from_utf8(text).unwrap_or_default();
    // However many blanks there are, each of them counts as one.
    let length = text.split_ascii_whitespace().map(|word| word.len() + 1).sum::<usize>();
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    if length > TIME_MAX { Vec::new() } else { words.collect() }
}
