//! `setval` of a sequence that every shard counts for itself. Its arguments are computed as those of any query are, once; then
//! each shard goes on at the next number of its own, so that none hands out what is in use, and no two meet.
//!
//! ```sql
//! SELECT setval('events_id_seq', max(id)) FROM events
//! rows: SELECT ('events_id_seq')::regclass::text, int8up(max(id)), NOT (NOT (true)) FROM events
//! each: SELECT setval('events_id_seq', 4711, true), setval('events_id_seq', 4738, false)   -- where it counts 2, 66, 130, …
//! ```

use crate::logic::catalog::Counts;
use crate::logic::sql::name::literal;
use crate::logic::sql::statement::Query;
use crate::logic::sql::statement::expression::Call;

use super::origin::Origin;
use super::pieces::{Token, tokens};
use super::process::{is_of_postgres, only_call};
use super::{Reason, Refusal, Schema, pieces};

/// A query that sets sequences on all shards.
#[derive(Debug, Clone)]
pub struct Numbers {
    /// What computes, for each row: the sequence's name, a number, and whether it is in use
    pub origin: Origin,
    /// How many parameters the user has
    pub params: u16,
}

impl PartialEq for Numbers {
    /// Plans of the same text under the same schema are the same.
    fn eq(&self, other: &Self) -> bool {
        self.origin.text == other.origin.text
    }
}

/// A query that calls `setval` for each of its rows and does no more.
pub fn sets_numbers<'q>(query: &'q Query, schema: &Schema<'_>) -> Option<&'q Call> {
    let (.., call) = only_call(query)?;
    (matches!(call.arguments.len(), 2 | 3) && is_of_postgres(call, "setval", schema)).then_some(call)
}

/// Plans such a query. `text` is the statement alone.
pub fn numbers(call: &Call, text: &str, schema: &Schema<'_>) -> Result<Numbers, Refusal> {
    let query = computes(call, text).ok_or_else(Refusal::sets_sequence)?;
    let origin = Origin::of(query, true, schema).map_err(|refusal| {
        // What it says is of INSERT.
        if refusal.reason == Reason::ManyShards { Refusal::sets_sequence() } else { refusal }
    })?;
    Ok(Numbers { origin, params: pieces::params(text).last().copied().unwrap_or_default() })
}

/// The query with the arguments of the call for its columns, converted as for the call and not further.
fn computes(call: &Call, text: &str) -> Option<String> {
    let tokens = tokens(text)?;
    let opening = tokens.iter().position(|token| token.start >= call.at && token.is("("))?;
    let depth = tokens[opening].depth;
    let inside = &tokens[opening + 1..];
    let closing = inside.iter().find(|token| token.depth == depth && token.is(")"))?;
    let commas = inside.iter().filter(|token| token.start < closing.start && token.depth == depth + 1 && token.is(","));
    let ends: Vec<&Token<'_>> = commas.chain(std::iter::once(closing)).collect();
    let mut begin = tokens[opening].end();
    let mut arguments = Vec::with_capacity(ends.len());
    for end in ends {
        arguments.push(text[begin..end.start].trim());
        begin = end.end();
    }
    let (sequence, number, is_used) = match arguments.as_slice() {
        [sequence, number] => (sequence, number, "true"),
        [sequence, number, is_used] => (sequence, number, *is_used),
        _ => return None,
    };
    // An argument may end with a comment.
    let end = if text.contains("--") { "\n" } else { "" };
    Some(format!(
        "{}({sequence}{end})::pg_catalog.regclass::pg_catalog.text, pg_catalog.int8up({number}{end}), NOT (NOT ({is_used}{end})){}",
        &text[..call.at],
        &text[closing.end()..]
    ))
}

/// What is to become of one sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting<'a> {
    /// Its name, as SQL
    pub name: &'a str,
    /// The number
    pub number: i64,
    /// It is in use: the next one is behind it
    pub is_used: bool,
}

/// ALTER SEQUENCE … RESTART WITH of a sequence that every shard counts for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restart {
    /// The sequence, as SQL
    pub name: Box<str>,
    /// The number
    pub number: i64,
}

impl Restart {
    /// What is to become of it: the number is the next one.
    pub fn setting(&self) -> Setting<'_> {
        Setting { name: &self.name, number: self.number, is_used: false }
    }
}

/// How one shard counts: START, INCREMENT and bounds of the sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counting {
    /// START
    pub start: i64,
    /// INCREMENT
    pub step: i64,
    /// MINVALUE
    pub least: i64,
    /// MAXVALUE
    pub greatest: i64,
    /// CYCLE
    pub cycles: bool,
}

impl Setting<'_> {
    /// What asks a server how it counts.
    pub fn question(&self) -> String {
        format!(
            "SELECT seqstart, seqincrement, seqmin, seqmax, seqcycle FROM pg_catalog.pg_sequence WHERE seqrelid = \
             {}::pg_catalog.regclass",
            literal(self.name)
        )
    }

    /// What PostgreSQL itself is told, and says what is wrong with it.
    pub fn plain(&self) -> String {
        format!("SELECT {}", call_of(self.name, self.number, self.is_used))
    }

    /// What each shard is told.
    pub fn statements(&self, shards: &[Counting]) -> Result<Vec<String>, Refusal> {
        if !keep_apart(shards) {
            return Err(Refusal::sets_sequence());
        }
        let statement = |shard: &Counting| match shard.next(self.number, self.is_used) {
            Some(next) => format!("{}, {}", self.plain(), call_of(self.name, next, false)),
            // It has no more: the next call says so.
            None => format!("SELECT {}", call_of(self.name, self.number, true)),
        };
        Ok(shards.iter().map(statement).collect())
    }
}

impl Setting<'_> {
    /// What each shard is told behind an ALTER SEQUENCE that has told it the number itself. In its transaction, which may be
    /// undone.
    pub fn restarts(&self, shards: &[Counting]) -> Result<Vec<String>, Refusal> {
        if !keep_apart(shards) {
            return Err(Refusal::restarts_sequence(self.name));
        }
        let statement = |shard: &Counting| match shard.next(self.number, self.is_used) {
            Some(next) => format!("ALTER SEQUENCE {} RESTART WITH {next}", self.name),
            // It has no more: the next call says so.
            None => format!("SELECT {}", call_of(self.name, self.number, true)),
        };
        Ok(shards.iter().map(statement).collect())
    }
}

fn call_of(sequence: &str, number: i64, is_used: bool) -> String {
    // A minus sign in front of the least of all numbers would make it too large.
    format!("pg_catalog.setval({}::pg_catalog.regclass, '{number}', {is_used})", literal(sequence))
}

/// No two of them ever come to the same number.
fn keep_apart(shards: &[Counting]) -> bool {
    let counts: Vec<Counts> = shards.iter().map(|shard| Counts { start: shard.start, step: shard.step }).collect();
    !shards.is_empty() && Counts::keep_apart(&counts) && shards.iter().all(|shard| !shard.cycles)
}

fn step_of(step: i64) -> i128 {
    i128::from(step).abs().max(1)
}

impl Counting {
    /// The first number that it comes to from this one on, or behind it.
    fn next(&self, number: i64, is_used: bool) -> Option<i64> {
        let step = step_of(self.step);
        let (from, start) = (i128::from(number), i128::from(self.start));
        let next = if self.step > 0 {
            let from = from + i128::from(is_used);
            from + (start - from).rem_euclid(step)
        } else {
            let from = from - i128::from(is_used);
            from - (from - start).rem_euclid(step)
        };
        i64::try_from(next).ok().filter(|next| (self.least..=self.greatest).contains(next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting(start: i64, step: i64) -> Counting {
        Counting { start, step, least: -1_000, greatest: 1_000, cycles: false }
    }

    #[test]
    fn the_next_number_of_a_shard_is_of_its_own_steps() {
        let cases = [
            (counting(1, 64), 1, false, Some(1)),
            (counting(1, 64), 1, true, Some(65)),
            (counting(3, 64), 1, false, Some(3)),
            (counting(3, 64), 66, true, Some(67)),
            (counting(3, 64), 67, true, Some(131)),
            (counting(3, 64), -70, true, Some(-61)),
            (counting(3, 64), 964, true, None),
            (counting(-2, -64), -1, false, Some(-2)),
            (counting(-2, -64), -2, true, Some(-66)),
            (counting(-2, -64), 100, false, Some(62)),
            (counting(1, 1), i64::MAX, true, None),
        ];
        for (counting, number, is_used, next) in cases {
            assert_eq!(counting.next(number, is_used), next, "{counting:?} {number} {is_used}");
        }
    }

    #[test]
    fn shards_that_may_meet_are_refused() {
        let setting = Setting { name: "s", number: 7, is_used: true };
        assert!(setting.statements(&[counting(1, 1), counting(1_000_001, 1)]).is_err());
        assert!(setting.statements(&[counting(1, 64), counting(65, 64)]).is_err());
        assert!(setting.statements(&[counting(1, 64), counting(2, 32)]).is_err());
        assert!(setting.statements(&[counting(1, 64), Counting { cycles: true, ..counting(2, 64) }]).is_err());
        assert_eq!(
            setting.statements(&[counting(1, 64), counting(2, 64)]).unwrap(),
            [
                "SELECT pg_catalog.setval('s'::pg_catalog.regclass, '7', true), pg_catalog.setval('s'::pg_catalog.regclass, '65', false)",
                "SELECT pg_catalog.setval('s'::pg_catalog.regclass, '7', true), pg_catalog.setval('s'::pg_catalog.regclass, '66', false)",
            ]
        );
    }
}
