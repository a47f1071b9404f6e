//! How a statement that one shard cannot answer comes by rows of several.

use super::fanout::{self, Fanout};
use super::gather::{self, Gather};
use super::{Refusal, Schema, reduce};

/// The ways that are open.
#[derive(Debug, Clone, PartialEq)]
pub struct Across {
    /// The shards run it as it is: rows stream, as many as there are
    pub fanout: Option<Fanout>,
    /// One server runs it over the rows of all
    pub gather: Result<Gather, Refusal>,
}

/// Plans one statement for several shards. `text` is the statement alone.
pub fn across(text: &str, schema: &Schema<'_>) -> Across {
    let gather = match reduce::reduce(text, schema) {
        Some(reduced) => Ok(reduced),
        None => gather::gather(text, schema),
    };
    Across { fanout: fanout::fanout(text, schema), gather }
}
