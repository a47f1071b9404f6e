//! A statement that names tables of different homes, divided: each shard is told of those that it has.
//!
//! ```sql
//! TRUNCATE events, audit, countries RESTART IDENTITY   -- sharded, on the first shard alone, on all
//! a: TRUNCATE events, audit, countries RESTART IDENTITY
//! b: TRUNCATE events, countries RESTART IDENTITY
//!
//! ALTER SEQUENCE audit_id_seq OWNED BY audit.id        -- every shard has the sequence, the first one the table
//! a: ALTER SEQUENCE audit_id_seq OWNED BY audit.id
//! b: DROP SEQUENCE audit_id_seq
//! ```

use std::ops::Range;

use crate::logic::shards::{ShardId, ShardSet};
use crate::logic::sql::name::qualified;
use crate::logic::sql::statement::{RelationName, Utility};

use super::pieces::{Token, tokens};
use super::schema::{Found, Schema};
use super::utility::brought_home;

/// What the shards are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Divided {
    /// Each of them, in their order; nothing where it has none of the tables
    pub shares: Vec<Option<Box<str>>>,
    /// It also names what no shard has. A session may, as a temporary table
    pub names_unheard: bool,
    /// Who is told what the user has said, where the others are told something else
    pub home: Option<ShardId>,
}

/// What these statements do to a table does not depend on the others that they name.
pub fn is_divisible(utility: &Utility) -> bool {
    matches!(utility.verb, "TRUNCATE" | "DROP" | "LOCK TABLE" | "GRANT" | "ANALYZE" | "VACUUM")
        && utility.belongings.is_empty()
}

/// A sequence comes to belong to a table of one shard: the others have no use for theirs.
fn home_alone(home: ShardId, utility: &Utility, text: &str, schema: &Schema<'_>) -> Option<Divided> {
    let sequence = utility.belongings.first()?;
    let absent = schema.relation(sequence).map_or(ShardSet::EMPTY, |it| it.absent);
    let drop = format!("DROP SEQUENCE {}", qualified(sequence.schema.as_deref(), &sequence.name));
    let share = |shard: ShardId| match shard == home {
        true => Some(text.into()),
        false => (!absent.contains(shard)).then(|| drop.as_str().into()),
    };
    let all = ShardSet::first_of(schema.map.shards.len());
    Some(Divided { shares: all.iter().map(share).collect(), names_unheard: false, home: Some(home) })
}

/// Divides one; `None`: its text or its tables do not allow it.
pub fn divided(utility: &Utility, text: &str, schema: &Schema<'_>) -> Option<Divided> {
    if let Some((home, _)) = brought_home(utility, schema) {
        return home_alone(home, utility, text, schema);
    }
    if !is_divisible(utility) {
        return None;
    }
    let tokens = tokens(text)?;
    let first = first_item(&tokens, utility.verb)?;
    let items = items(&tokens, first, &utility.relations)?;
    let all = ShardSet::first_of(schema.map.shards.len());
    let is_tolerant = tokens[..first].iter().any(|token| token.is("exists"));
    let homes = utility.relations.iter().map(|name| match schema.find(name) {
        Found::Sharded { .. } | Found::Reference(_) => Some(all),
        Found::Single(shard, _) => Some(ShardSet::of(shard)),
        // One of the shards says that it is not there.
        Found::Unheard if is_tolerant => Some(ShardSet::EMPTY),
        Found::View(..) | Found::Sequence | Found::System | Found::Unlisted | Found::Unheard => None,
    });
    let homes = homes.collect::<Option<Vec<ShardSet>>>()?;
    let telling = homes.iter().fold(ShardSet::EMPTY, |all, home| all.union(*home)).iter().next()?;
    let (begin, end) = (items.first()?.start, items.last()?.end);
    let share = |shard: ShardId| {
        let is_told = |home: &ShardSet| home.contains(shard) || home.is_empty() && shard == telling;
        let own = items.iter().zip(&homes).filter(|(_, home)| is_told(home));
        let own: Vec<&str> = own.map(|(item, _)| &text[item.clone()]).collect();
        let told = || format!("{}{}{}", &text[..begin], own.join(", "), &text[end..]).into();
        (!own.is_empty()).then(told)
    };
    let names_unheard = homes.iter().any(|home| home.is_empty());
    Some(Divided { shares: all.iter().map(share).collect(), names_unheard, home: None })
}

/// Where the first table stands.
fn first_item(tokens: &[Token<'_>], verb: &str) -> Option<usize> {
    const BEFORE: [&str; 12] = [
        "truncate", "drop", "lock", "table", "if", "exists", "vacuum", "analyze", "analyse", "full", "freeze",
        "verbose",
    ];
    if verb == "GRANT" {
        let on = tokens.iter().position(|token| token.is("on"))?;
        return Some(on + 1 + usize::from(tokens.get(on + 1)?.is("table")));
    }
    let is_option = |token: &Token<'_>| token.depth > 0 || ["(", ")"].contains(&token.text);
    tokens.iter().position(|token| !is_option(token) && !BEFORE.iter().any(|word| token.is(word)))
}

/// Where the tables stand in the text from this token on, ONLY, `*` and columns included: as many as the parser has found, of
/// the same names.
fn items(tokens: &[Token<'_>], first: usize, names: &[RelationName]) -> Option<Vec<Range<usize>>> {
    let is = |at: usize, text: &str| tokens.get(at).is_some_and(|token| token.is(text));
    let mut found = Vec::with_capacity(names.len());
    let mut at = first;
    for (number, name) in names.iter().enumerate() {
        let start = tokens.get(at)?.start;
        at += usize::from(is(at, "only"));
        while is(at + 1, ".") {
            at += 2;
        }
        if tokens.get(at)?.name() != *name.name {
            return None;
        }
        if is(at + 1, "*") {
            at += 1;
        } else if is(at + 1, "(") {
            at += tokens[at + 1..].iter().position(|token| token.is(")"))? + 1;
        }
        found.push(start..tokens[at].end());
        at += 1;
        if number + 1 < names.len() {
            if !is(at, ",") {
                return None;
            }
            at += 1;
        }
    }
    // What follows belongs to none of them.
    (!is(at, ",") && !is(at, ".")).then_some(found)
}
