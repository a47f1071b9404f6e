//! A statement that names tables of different homes, divided: each shard is told of those that it has.
//!
//! ```sql
//! TRUNCATE events, audit, countries RESTART IDENTITY   -- sharded, on the first shard alone, on all
//! a: TRUNCATE events, audit, countries RESTART IDENTITY
//! b: TRUNCATE events, countries RESTART IDENTITY
//! ```

use std::ops::Range;

use crate::logic::shards::{ShardId, ShardSet};
use crate::logic::sql::statement::{RelationName, Utility};

use super::pieces::{Token, tokens};
use super::schema::{Found, Schema};

/// What each shard is told, in their order; nothing where it has none of the tables.
pub type Shares = Vec<Option<Box<str>>>;

/// What these statements do to a table does not depend on the others that they name.
pub fn is_divisible(utility: &Utility) -> bool {
    matches!(utility.verb, "TRUNCATE" | "DROP" | "LOCK TABLE") && utility.belongings.is_empty()
}

/// Divides one; `None`: its text or its tables do not allow it.
pub fn divided(utility: &Utility, text: &str, schema: &Schema<'_>) -> Option<Shares> {
    if !is_divisible(utility) {
        return None;
    }
    let tokens = tokens(text)?;
    let items = items(&tokens, &utility.relations)?;
    let tolerates = tokens.windows(2).any(|it| it[0].is("if") && it[1].is("exists"));
    let homes: Vec<ShardSet> =
        utility.relations.iter().map(|name| home(name, tolerates, schema)).collect::<Option<_>>()?;
    let (begin, end) = (items.first()?.start, items.last()?.end);
    let share = |shard: ShardId| {
        let own = items.iter().zip(&homes).filter(|(_, home)| home.contains(shard));
        let own: Vec<&str> = own.map(|(item, _)| &text[item.clone()]).collect();
        let told = || format!("{}{}{}", &text[..begin], own.join(", "), &text[end..]).into();
        (!own.is_empty()).then(told)
    };
    Some(ShardSet::first_of(schema.map.shards.len()).iter().map(share).collect())
}

/// Which shards are told of a table. One that nobody has heard of may be the session's own: any shard, if it is to be
/// dropped where it is.
fn home(name: &RelationName, tolerates: bool, schema: &Schema<'_>) -> Option<ShardSet> {
    match schema.find(name) {
        Found::Sharded { .. } | Found::Reference(_) => Some(ShardSet::first_of(schema.map.shards.len())),
        Found::Unheard if tolerates => Some(ShardSet::first_of(schema.map.shards.len())),
        Found::Single(shard, _) => Some(ShardSet::of(shard)),
        Found::View(..) | Found::Sequence | Found::System | Found::Unlisted | Found::Unheard => None,
    }
}

/// Where the tables stand in the text, ONLY and `*` included: as many as the parser has found, of the same names.
fn items(tokens: &[Token<'_>], names: &[RelationName]) -> Option<Vec<Range<usize>>> {
    const BEFORE: [&str; 6] = ["truncate", "drop", "lock", "table", "if", "exists"];
    let first = tokens.iter().position(|token| !BEFORE.iter().any(|word| token.is(word)))?;
    let mut found = Vec::with_capacity(names.len());
    let mut at = first;
    for (number, name) in names.iter().enumerate() {
        let start = tokens.get(at)?.start;
        at += usize::from(tokens.get(at)?.is("only"));
        while tokens.get(at + 1).is_some_and(|token| token.is(".")) {
            at += 2;
        }
        let last = tokens.get(at)?;
        if last.name() != *name.name {
            return None;
        }
        let star = tokens.get(at + 1).filter(|token| token.is("*"));
        at += 1 + usize::from(star.is_some());
        found.push(start..star.unwrap_or(last).end());
        if number + 1 < names.len() {
            if !tokens.get(at)?.is(",") {
                return None;
            }
            at += 1;
        }
    }
    // What follows belongs to none of them.
    (!tokens.get(at).is_some_and(|token| token.is(",") || token.is("."))).then_some(found)
}
