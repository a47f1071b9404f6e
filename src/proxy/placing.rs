//! What a session asks of whoever keeps the map: to list new tables in it.

use std::sync::Arc;

use crate::logic::plan::listing::Listing;
use crate::logic::shards::ShardMap;

/// One thing at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Could they be listed? Nothing changes
    Try,
    /// List them, in the file and from now on
    Add,
    /// They have not come to be: take them out again
    Remove,
}

/// Tables to be listed.
#[derive(Debug, Clone)]
pub struct Placing {
    /// What is to be done
    pub step: Step,
    /// Of which database
    pub database: Box<str>,
    /// The tables
    pub tables: Vec<Listing>,
    /// The map that they were planned with
    pub map: Arc<ShardMap>,
}
