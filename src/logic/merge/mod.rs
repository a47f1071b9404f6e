//! Rows that come sorted from several shards, put together into one sorted stream: keys that compare as bytes, and the
//! machine that picks the next row. Also rows of whole numbers, one of each shard, that become one.

pub use fold::{Fold, Folded};
pub use key::{Direction, KeyKind, SortKey};
pub use ordered::{Broken, Heads, Ordered, Step};
pub use rows::Rows;

mod key;
mod rows;
mod ordered;
mod fold;
