//! What SHOW shows.

use crate::logic::console::table::Column;
use crate::logic::console::tokens::Token;
use crate::logic::console::{own, pgbouncer};

/// One kind of answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// Sockets that are not idle
    ActiveSockets,
    /// Clients
    Clients,
    /// Settings
    Config,
    /// Databases
    Databases,
    /// Names that were resolved: none are kept
    DnsHosts,
    /// Zones: none are kept
    DnsZones,
    /// The commands, as a notice
    Help,
    /// How many there are of what
    Lists,
    /// Memory
    Mem,
    /// Other proxies: none are listed
    Peers,
    /// Pools to other proxies: there are none
    PeerPools,
    /// Databases with users
    Pools,
    /// Server connections
    Servers,
    /// Clients and server connections
    Sockets,
    /// Paused or not
    State,
    /// Counts and averages
    Stats,
    /// Averages
    StatsAverages,
    /// Counts
    StatsTotals,
    /// Counts and averages over all databases
    Totals,
    /// Users
    Users,
    /// Which program this is
    Version,
    /// Servers of all shards
    Shards,
    /// Replicas and how far they are behind
    Lag,
    /// Buckets, ranges and pins
    Map,
    /// Keyspaces and their tables
    Keyspaces,
    /// Statements and how they are run
    Plans,
    /// What was refused
    Refusals,
    /// What is open or in doubt
    Transactions,
    /// What is asked for most
    HotKeys,
}

/// Its words, and its columns.
type Named = (&'static [&'static str], Topic, Option<&'static [Column]>);

const TOPICS: &[Named] = &[
    (&["active_sockets"], Topic::ActiveSockets, Some(pgbouncer::SOCKETS_AND_BUFFERS)),
    (&["clients"], Topic::Clients, Some(pgbouncer::SOCKETS)),
    (&["config"], Topic::Config, Some(pgbouncer::CONFIG)),
    (&["databases"], Topic::Databases, Some(pgbouncer::DATABASES)),
    (&["dns_hosts"], Topic::DnsHosts, Some(pgbouncer::DNS_HOSTS)),
    (&["dns_zones"], Topic::DnsZones, Some(pgbouncer::DNS_ZONES)),
    (&["help"], Topic::Help, None),
    (&["lists"], Topic::Lists, Some(pgbouncer::LISTS)),
    (&["mem"], Topic::Mem, Some(pgbouncer::MEM)),
    (&["peers"], Topic::Peers, Some(pgbouncer::PEERS)),
    (&["peer_pools"], Topic::PeerPools, Some(pgbouncer::PEER_POOLS)),
    (&["pools"], Topic::Pools, Some(pgbouncer::POOLS)),
    (&["servers"], Topic::Servers, Some(pgbouncer::SOCKETS)),
    (&["sockets"], Topic::Sockets, Some(pgbouncer::SOCKETS_AND_BUFFERS)),
    (&["state"], Topic::State, Some(pgbouncer::STATE)),
    (&["stats"], Topic::Stats, Some(pgbouncer::STATS)),
    (&["stats_averages"], Topic::StatsAverages, Some(pgbouncer::STATS_AVERAGES)),
    (&["stats_totals"], Topic::StatsTotals, Some(pgbouncer::STATS_TOTALS)),
    (&["totals"], Topic::Totals, Some(pgbouncer::TOTALS)),
    (&["users"], Topic::Users, Some(pgbouncer::USERS)),
    (&["version"], Topic::Version, Some(pgbouncer::VERSION)),
    (&["shards"], Topic::Shards, Some(own::SHARDS)),
    (&["lag"], Topic::Lag, Some(own::LAG)),
    (&["map"], Topic::Map, Some(own::MAP)),
    (&["keyspaces"], Topic::Keyspaces, Some(own::KEYSPACES)),
    (&["plans"], Topic::Plans, Some(own::PLANS)),
    (&["refusals"], Topic::Refusals, Some(own::REFUSALS)),
    (&["transactions"], Topic::Transactions, Some(own::TRANSACTIONS)),
    (&["hot", "keys"], Topic::HotKeys, Some(own::HOT_KEYS)),
    (&["hot_keys"], Topic::HotKeys, Some(own::HOT_KEYS)),
];

/// The topic that these words name.
pub(super) fn find(words: &[Token<'_>]) -> Option<Topic> {
    let is_named =
        |names: &[&str]| names.len() == words.len() && names.iter().zip(words).all(|(name, word)| word.is(name));
    TOPICS.iter().find(|(names, ..)| is_named(names)).map(|(_, topic, _)| *topic)
}

impl Topic {
    /// Its columns; none where nothing but a notice comes.
    pub fn columns(self) -> Option<&'static [Column]> {
        TOPICS.iter().find(|(_, topic, _)| *topic == self).and_then(|(.., columns)| *columns)
    }
}
