//! Tables that the open transaction has made, and that the map is to gain with its commit. They follow its savepoints, as
//! the tables themselves do.

use std::sync::Arc;

use crate::logic::plan::listing::Listing;
use crate::logic::shards::ShardMap;

/// See the module.
#[derive(Debug)]
pub struct Unlisted {
    /// The map without them
    pub map: Arc<ShardMap>,
    tables: Vec<Listing>,
    /// How many there were at each savepoint
    savepoints: Vec<(Box<str>, usize)>,
}

impl Unlisted {
    /// None yet.
    pub fn new(map: Arc<ShardMap>) -> Self {
        Self { map, tables: Vec::new(), savepoints: Vec::new() }
    }

    /// One was made.
    pub fn add(&mut self, listing: Listing) {
        self.tables.push(listing);
    }

    /// All of them.
    pub fn tables(&self) -> &[Listing] {
        &self.tables
    }

    /// The map with them.
    pub fn extended(&self) -> ShardMap {
        let mut map = ShardMap::clone(&self.map);
        map.tables.extend(self.tables.iter().map(|it| (it.table.clone(), it.placement.clone())));
        map
    }

    /// SAVEPOINT.
    pub fn savepoint(&mut self, name: &str) {
        self.savepoints.push((name.into(), self.tables.len()));
    }

    /// RELEASE. A savepoint that is not known was there before the first table.
    pub fn release(&mut self, name: &str) {
        let at = self.savepoints.iter().rposition(|(known, _)| **known == *name);
        self.savepoints.truncate(at.unwrap_or(0));
    }

    /// ROLLBACK TO: what came after it was not made.
    pub fn roll_back_to(&mut self, name: &str) {
        match self.savepoints.iter().rposition(|(known, _)| **known == *name) {
            Some(at) => {
                self.tables.truncate(self.savepoints[at].1);
                self.savepoints.truncate(at + 1);
            }
            None => {
                self.tables.clear();
                self.savepoints.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::logic::shards::{Placement, TableName};

    fn unlisted() -> Unlisted {
        Unlisted::new(Arc::new(ShardMap {
            shards: vec!["a".into()],
            keyspaces: Vec::new(),
            tables: HashMap::new(),
            default_shard: None,
            local_functions: Vec::new(),
            unique: HashMap::new(),
        }))
    }

    fn listing(name: &str) -> Listing {
        Listing { table: TableName { schema: "public".into(), name: name.into() }, placement: Placement::Reference }
    }

    fn names(unlisted: &Unlisted) -> Vec<String> {
        unlisted.tables().iter().map(Listing::name).collect()
    }

    #[test]
    fn tables_go_with_the_savepoint_before_them() {
        let mut unlisted = unlisted();
        unlisted.add(listing("first"));
        unlisted.savepoint("s");
        unlisted.add(listing("second"));
        unlisted.savepoint("inner");
        unlisted.add(listing("third"));
        assert_eq!(unlisted.extended().tables.len(), 3);
        unlisted.roll_back_to("inner");
        assert_eq!(names(&unlisted), ["first", "second"]);
        unlisted.release("inner");
        unlisted.add(listing("fourth"));
        unlisted.roll_back_to("s");
        unlisted.roll_back_to("s");
        assert_eq!(names(&unlisted), ["first"]);
        assert_eq!(unlisted.extended().tables.len(), 1);
    }

    #[test]
    fn a_savepoint_before_the_first_table_takes_all_with_it() {
        let mut unlisted = unlisted();
        unlisted.add(listing("first"));
        unlisted.savepoint("inner");
        unlisted.release("earlier");
        unlisted.add(listing("second"));
        // `inner` is gone with it.
        unlisted.roll_back_to("earliest");
        assert!(names(&unlisted).is_empty());
    }
}
