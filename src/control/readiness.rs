//! Should clients be sent here? Reasons why not, in words.

use crate::logic::topology::Topology;

/// Which primaries must be up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Required {
    /// One of each database: a dead shard fails only its own statements, so it must not take the whole proxy out of use
    #[default]
    OnePrimary,
    /// All of them
    EveryPrimary,
}

/// Why the proxy is not ready; nothing when it is.
pub fn reasons(topology: &Topology, required: Required, is_draining: bool) -> Vec<String> {
    let mut reasons = Vec::new();
    if is_draining {
        reasons.push("draining".to_owned());
    }
    let mut databases: Vec<_> = topology.listed().collect();
    databases.sort_by_key(|it| &it.name);
    for database in databases {
        let name = &database.name;
        if database.catalog.is_none() {
            reasons.push(format!("database {name}: its schema was not read yet"));
        }
        let down: Vec<&str> =
            database.shards.iter().filter(|shard| shard.is_down()).map(|it| &*it.primary.name).collect();
        let is_too_few = match required {
            Required::OnePrimary => down.len() == database.shards.len(),
            Required::EveryPrimary => !down.is_empty(),
        };
        if is_too_few {
            reasons.push(format!("database {name}: down: {}", down.join(", ")));
        }
    }
    reasons
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::logic::catalog::Catalog;
    use crate::logic::picture;
    use crate::logic::topology::{Health, Server};

    /// A database of two shards, with a schema or not, the first `down` primaries down.
    fn topology(has_catalog: bool, down: usize) -> Topology {
        let mut topology = picture::of_ports("app", &[(1, &[]), (2, &[])]);
        let app = Arc::make_mut(topology.databases.get_mut("app").expect("it is there"));
        app.catalog = has_catalog.then(Arc::<Catalog>::default);
        for shard in &mut app.shards[..down] {
            shard.primary = Arc::new(Server { health: Health::Down, ..Server::clone(&shard.primary) });
        }
        topology
    }

    #[test]
    fn reasons_are_told() {
        let no_schema = "database app: its schema was not read yet";
        let one_down = "database app: down: app/a/primary";
        let both_down = "database app: down: app/a/primary, app/b/primary";
        let cases: &[(bool, usize, Required, bool, &[&str])] = &[
            (true, 0, Required::EveryPrimary, false, &[]),
            (false, 0, Required::OnePrimary, false, &[no_schema]),
            (true, 1, Required::OnePrimary, false, &[]),
            (true, 1, Required::EveryPrimary, false, &[one_down]),
            (true, 2, Required::OnePrimary, false, &[both_down]),
            (false, 2, Required::EveryPrimary, true, &["draining", no_schema, both_down]),
        ];
        for &(has_catalog, down, required, is_draining, expected) in cases {
            assert_eq!(reasons(&topology(has_catalog, down), required, is_draining), expected);
        }
    }
}
