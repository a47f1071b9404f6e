//! Rows that come sorted from several shards, put together into one sorted stream: keys that compare as bytes, and the
//! machine that picks the next row.

pub use key::{Direction, KeyKind, SortKey};
pub use ordered::{Broken, Heads, Ordered, Step};
pub use rows::Rows;

mod key;
mod rows;
mod ordered;
