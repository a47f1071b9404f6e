//! How a statement that one shard cannot answer comes by several. Read the enum `Across` first.

use crate::logic::sql::parse::with_statements;
use crate::logic::sql::statement::{Located, Statement};

use super::everywhere::{self, Everywhere};
use super::fanout::{self, Fanout};
use super::gather::{self, Gather};
use super::split::{self, Split};
use super::{Refusal, Schema, reduce};

/// The way of a statement over several shards.
#[derive(Debug, Clone, PartialEq)]
pub enum Across {
    /// A query
    Read(Read),
    /// UPDATE or DELETE that treats each row by itself: the shards run it as it is
    Change(Fanout),
    /// INSERT whose rows belong to several shards, or whose keys have to be computed first
    Split(Box<Split>),
    /// It concerns every shard as a whole: they run it as it is
    Everywhere(Everywhere),
    /// No way is right
    Refuse(Refusal),
}

/// The ways of a query that are open: one at least.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// The shards run it as it is: rows stream, as many as there are
    pub fanout: Option<Fanout>,
    /// One server runs it over the rows of all
    pub gather: Result<Gather, Refusal>,
}

/// Plans one statement for several shards. `text` is the statement alone.
pub fn across(text: &str, schema: &Schema<'_>) -> Across {
    let planned = with_statements(text, |located| match located {
        [one] => way(one, text, schema),
        _ => Across::Refuse(Refusal::across("a query of several statements")),
    });
    planned.unwrap_or_else(|_| Across::Refuse(Refusal::across("a text that does not parse")))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "what is not listed has no way over several shards")]
fn way(located: &Located, text: &str, schema: &Schema<'_>) -> Across {
    match &located.statement {
        Statement::Query(_) => read(text, schema),
        Statement::Change(change) => match fanout::fanout(text, schema) {
            Some(fanout) => Across::Change(fanout),
            None => Across::Refuse(Refusal::not_row_by_row(change.verb, &change.table.name)),
        },
        Statement::Insert(insert) => match split::split(insert, &located.at, text, schema) {
            Ok(split) => Across::Split(Box::new(split)),
            Err(refusal) => Across::Refuse(refusal),
        },
        Statement::Utility(utility) => {
            everywhere::utility(utility, schema).map_or_else(Across::Refuse, Across::Everywhere)
        }
        Statement::CreateTable(create) => {
            everywhere::create_table(create, schema).map_or_else(Across::Refuse, Across::Everywhere)
        }
        _ => Across::Refuse(Refusal::across("a statement that is no query")),
    }
}

fn read(text: &str, schema: &Schema<'_>) -> Across {
    let gather = match reduce::reduce(text, schema) {
        Some(reduced) => Ok(reduced),
        None => gather::gather(text, schema),
    };
    match (fanout::fanout(text, schema), gather) {
        (None, Err(refusal)) => Across::Refuse(refusal),
        (fanout, gather) => Across::Read(Read { fanout, gather }),
    }
}
