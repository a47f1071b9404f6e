//! The single keys that an execution of a statement touches, as far as they are written in it.

use smallvec::SmallVec;

use crate::logic::plan::{Home, One, Place, Restriction};
use crate::logic::route::Values;
use crate::logic::shards::{KeyspaceId, ShardMap};
use crate::logic::value::{Decoded, Key};

/// No more are looked for: a statement over many keys makes none of them hot.
pub const KEYS_MAX: usize = 4;

/// Keys with their keyspaces.
pub type Touched = SmallVec<[(KeyspaceId, Key); 1]>;

/// The keys of one execution.
pub fn keys(one: &One, values: &Values<'_>, map: &ShardMap) -> Touched {
    let mut found = Touched::new();
    let Home::Meet(requirements) = &one.home else { return found };
    for requirement in requirements {
        match &requirement.place {
            Place::Lookup { keyspace, keys, .. } => restricted(keys, *keyspace, values, map, &mut found),
            Place::Store { keyspace, keys, .. } => {
                let key_type = map.keyspace(*keyspace).key_type;
                for value in keys.iter().take(KEYS_MAX) {
                    note(*keyspace, values.decode_stored(value, key_type), &mut found);
                }
            }
            Place::Shard(_) | Place::Copies | Place::Every => (),
        }
    }
    found
}

fn restricted(keys: &Restriction, keyspace: KeyspaceId, values: &Values<'_>, map: &ShardMap, found: &mut Touched) {
    let key_type = map.keyspace(keyspace).key_type;
    match keys {
        Restriction::Equals(value) => note(keyspace, values.decode(value, key_type), found),
        Restriction::AnyOf(value) => {
            for item in values.decode_array(value, key_type).unwrap_or_default().into_iter().take(KEYS_MAX) {
                note(keyspace, item, found);
            }
        }
        Restriction::And(all) | Restriction::Or(all) => {
            for one in all.iter().take(KEYS_MAX) {
                restricted(one, keyspace, values, map, found);
            }
        }
        Restriction::All | Restriction::Nothing | Restriction::Between { .. } => (),
    }
}

fn note(keyspace: KeyspaceId, decoded: Decoded, found: &mut Touched) {
    if let Decoded::Key(key) = decoded
        && found.len() < KEYS_MAX
        && !found.iter().any(|(known, of)| *known == keyspace && *of == key)
    {
        found.push((keyspace, key));
    }
}
