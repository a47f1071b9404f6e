//! Aggregates of whole numbers over one sharded table, without groups: each shard has one row, the rows become one.
//!
//! ```sql
//! each: SELECT count(*), sum(amount) FROM events WHERE at > $1
//! fold: + #1, + #2
//! ```
//!
//! Counts, sums that are bigint, and the extremes of integers: adding and comparing them leaves nothing open, no scale,
//! no rounding and no collation. A sum beyond bigint is left to PostgreSQL, which has the words for it. It saves the
//! final statement of a reduce, and with it a way to a server and back.

use crate::logic::merge::Fold;

use super::Schema;
use super::merge::{Learned, Merge};
use super::reduce::{INT2, INT4, INT8, bare, params_of};

/// The plan, if all columns are such. `text` is the statement alone.
pub fn fold(text: &str, schema: &Schema<'_>) -> Option<Merge> {
    let (fanout, folds) = bare(text, schema, |function, of| match (function, of) {
        ("count", _) | ("sum", Some(INT2 | INT4)) => Some(Fold::Sum),
        ("min", Some(INT2 | INT4 | INT8)) => Some(Fold::Least),
        ("max", Some(INT2 | INT4 | INT8)) => Some(Fold::Greatest),
        _ => None,
    })?;
    Some(Merge {
        requirement: fanout.requirement,
        access: fanout.access,
        text: text.into(),
        params: params_of(text, schema)?.into_iter().collect(),
        columns: u16::try_from(folds.len()).ok()?,
        has_star: false,
        keys: Vec::new(),
        folds,
        limit: None,
        offset: None,
        learned: Learned::default(),
    })
}
