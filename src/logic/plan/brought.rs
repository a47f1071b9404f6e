//! INSERT … SELECT into a table of one shard, or a temporary one: the rows of other shards are brought to it, which runs the statement over them.
//!
//! ```sql
//! INSERT INTO audit (id, what) SELECT id, kind FROM events RETURNING id      -- a table of shard a, rows of all
//! then: INSERT INTO audit (id, what) WITH shardway_1(…) AS (…) SELECT id, kind FROM shardway_1 AS events RETURNING id
//! ```

use std::ops::Range;

use crate::logic::sql::statement::Insert;

use super::gather::{self, Gather};
use super::layout::layout;
use super::pieces::tokens;
use super::reduce;
use super::schema::Found;
use super::{Access, Home, Place, Refusal, Requirement, Schema, pieces};

/// Plans an INSERT … SELECT that stands at `at` in a text. `None`: its table is none of one shard, nor a temporary one.
#[expect(clippy::wildcard_enum_match_arm, reason = "rows of other tables are on several shards, or nobody knows where")]
pub fn brought(insert: &Insert, at: &Range<usize>, text: &str, schema: &Schema<'_>) -> Option<Result<Gather, Refusal>> {
    let (requirement, is_plain) = match schema.find(&insert.table) {
        Found::Single(shard, Some(relation)) => {
            let requirement = Requirement { table: insert.table.name.clone(), place: Place::Shard(shard) };
            // What these run may need rows of other shards, too.
            let is_plain = relation.policies.is_empty() && relation.triggers.is_empty() && !relation.has_rules;
            (Some(requirement), is_plain)
        }
        Found::Unheard => (None, true),
        _ => return None,
    };
    let plan = || {
        let text = text.get(..at.end)?;
        let tokens = tokens(text)?;
        let layout = layout(&tokens, insert)?;
        let behind = tokens.iter().filter(|token| token.start >= layout.source.end);
        let begins_with = tokens.iter().any(|token| token.start == layout.source.start && token.is("with"));
        let asks = behind.into_iter().any(|token| token.is("select") || token.is("table") || token.is("values"));
        if asks || insert.with.is_some() && begins_with {
            return None;
        }
        let with = if insert.with.is_some() { &text[at.start..layout.insert] } else { "" };
        let query = format!("{with}{}", &text[layout.source.clone()]);
        let around = [&text[layout.insert..layout.source.start], &text[layout.source.end..]];
        Some(gathered(&query, around, pieces::params(text).last().copied().unwrap_or_default(), schema))
    };
    let unread = || Err(Refusal::rows_beside("this way of writing it"));
    let gather = if is_plain { plan().unwrap_or_else(unread) } else { unread() };
    Some(gather.and_then(|gather| placed(gather, requirement)))
}

/// The query over rows that are fetched, between what stands around it. `params` is the number of parameters of the whole.
fn gathered(query: &str, around: [&str; 2], params: u16, schema: &Schema<'_>) -> Result<Gather, Refusal> {
    // Of parameters the place tells the type, and each of its own.
    let reduced = if params == 0 { reduce::reduce(query, schema).filter(|reduced| !reduced.fails_early) } else { None };
    let gather = match reduced {
        Some(reduced) => reduced,
        None => gather::gather(query, schema)?,
    };
    if gather.params != params {
        return Err(Refusal::rows_beside("a parameter outside of the query"));
    }
    let [before, behind] = around;
    let text = format!("{before}{}{behind}", gather.text).into();
    Ok(Gather { text, access: Access::Write, ..gather })
}

/// It runs where the table is: one that only the session knows is on its server.
fn placed(gather: Gather, table: Option<Requirement>) -> Result<Gather, Refusal> {
    let home = match (gather.home.clone(), table) {
        (Home::Any, Some(table)) => Home::Meet(vec![table]),
        (Home::Meet(mut all), Some(table)) => {
            all.push(table);
            Home::Meet(all)
        }
        (Home::Any | Home::Current, None) => Home::Current,
        (Home::First | Home::Current | Home::Process(_), _) | (Home::Meet(_), None) => {
            return Err(Refusal::rows_beside("a function that depends on the server or the session"));
        }
    };
    Ok(Gather { home, ..gather })
}
