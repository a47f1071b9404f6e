//! Every metric of ours: its name, its kind, and what it says. `config/METRICS.md` lists the same.

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows
    Counter,
    /// Goes up and down
    Gauge,
    /// Counts in buckets
    Histogram,
}

/// One metric.
#[derive(Debug, Clone, Copy)]
pub struct Named {
    /// Its name, prefix included
    pub name: &'static str,
    /// Its kind
    pub kind: Kind,
    /// What `# HELP` says
    pub help: &'static str,
}

/// Declares the constants and the list of all in one go, so that neither can miss one.
macro_rules! metrics {
    ($($constant:ident: $kind:ident $name:literal $help:literal;)*) => {
        $(#[doc = $help] pub const $constant: &str = concat!("shardway_", $name);)*
        /// All of them.
        pub const ALL: &[Named] = &[$(Named { name: $constant, kind: Kind::$kind, help: $help }),*];
    };
}

metrics! {
    STATEMENTS: Counter "statements_total" "Statements run, by shard, role of the server and kind of plan.";
    REFUSALS: Counter "refusals_total" "Statements refused because they have no right answer here, by reason.";
    ERRORS: Counter "errors_total" "Errors sent to clients, by SQLSTATE class.";
    SLOW_STATEMENTS: Counter "slow_statements_total" "Statements that took longer than slow_statement.";
    SPANS: Counter "spans_total" "Spans of statements for the collector of traces, by result: sent, failed, dropped.";
    QUERY_SECONDS: Histogram "query_seconds" "Time from a request to the end of its answer.";
    TRANSACTION_SECONDS: Histogram "transaction_seconds" "Time from the first statement of a transaction to its end.";
    POOL_WAIT_SECONDS: Histogram "pool_wait_seconds" "Time clients waited for a server connection.";
    CLIENTS: Gauge "clients" "Clients connected, by what they do: active, idle, waiting for a server.";
    CLIENTS_MAX: Gauge "clients_max" "Clients that may be connected at most (max_clients).";
    GATHERED_BYTES: Gauge "gathered_bytes" "Rows of several shards that statements hold at this moment (gather_memory).";
    CLIENT_CONNECTIONS: Counter "client_connections_total" "Connections accepted from clients.";
    CLIENTS_REJECTED: Counter "clients_rejected_total" "Clients turned away before or at login, by reason.";
    SERVERS: Gauge "servers" "Connections to servers, by state: active, idle, opening.";
    SERVER_CONNECTIONS_MAX: Gauge "server_connections_max" "Connections that the pools of this server may open, the reserve included.";
    DATABASE_CONNECTIONS: Gauge "database_connections" "Server connections of a database over all its pools.";
    DATABASE_CONNECTIONS_MAX: Gauge "database_connections_max" "Server connections that a database may have over all its pools (max_db_connections); 0: any number.";
    WAITING_CLIENTS: Gauge "waiting_clients" "Clients waiting for a connection to this server.";
    POOL_WAIT_MAX: Gauge "pool_wait_max_seconds" "How long the first in the queue of this server has waited.";
    BYTES: Counter "bytes_total" "Bytes carried, from and to clients and servers.";
    PLAN_CACHE_HITS: Counter "plan_cache_hits_total" "Statements whose plan was known.";
    PLAN_CACHE_MISSES: Counter "plan_cache_misses_total" "Statements that had to be planned.";
    PLAN_CACHE_ENTRIES: Gauge "plan_cache_entries" "Plans kept.";
    PREPARED_STATEMENTS: Gauge "prepared_statements" "Distinct prepared statements known to the proxy.";
    READS_KEPT: Counter "reads_kept_total" "Reads that the primary answered though replicas are there, by reason.";
    LAG_BYTES: Gauge "replica_lag_bytes" "WAL a replica has not replayed yet; absent while unknown.";
    LAG_SECONDS: Gauge "replica_lag_seconds" "How far a replica's data may lie in the past; absent while unknown.";
    SERVER_UP: Gauge "server_up" "1 while statements are sent to the server, 0 while it is down.";
    SERVER_ROLE: Gauge "server_role" "Always 1; the role of the server is in the label.";
    PRIMARIES: Gauge "primaries" "Servers that claim to be the primary of a shard whose roles are found: 1 is right, 2 are a split brain.";
    FAILOVERS: Counter "failovers_total" "Times that another server was found to be the primary of a shard.";
    FAILOVER_WAITING: Gauge "failover_waiting" "Statements that wait for a shard to have a primary again.";
    RETRIES: Counter "retries_total" "Statements that were asked again of another server, by reason.";
    SERVER_CONNECTS: Counter "server_connects_total" "Connections opened to servers, by result: ok, failed.";
    TRANSACTIONS_IN_DOUBT: Gauge "transactions_in_doubt" "Transactions over several shards that are prepared on a shard and not finished, by database and shard.";
    IN_DOUBT_AGE: Gauge "in_doubt_age_seconds" "How long the oldest of them has been prepared, by database and shard; 0 without any.";
    PINS: Counter "pins_total" "Servers that began to stay with their client, by reason: temporary table, advisory lock and so on.";
    LISTENER_CONNECTIONS: Gauge "listener_connections" "Connections that listen for all clients of a database, by shard.";
    LISTENING: Gauge "listening" "Channels that clients listen on, those of each client counted.";
    NOTIFICATIONS: Counter "notifications_total" "Notifications that servers have sent for clients that listen.";
    NOTIFICATIONS_DELIVERED: Counter "notifications_delivered_total" "Notifications given to clients: each as often as clients listen.";
    LISTENERS_LOST: Counter "listeners_lost_total" "Connections that listened and were lost: the clients that did so through them were sent away.";
    DEADLOCKS: Counter "deadlocks_total" "Transactions over several shards that were aborted to end a deadlock.";
    RECOVERIES: Counter "recoveries_total" "Prepared transactions that recovery has finished, by outcome: committed, aborted.";
    CATALOG_READS: Counter "catalog_reads_total" "Looks at the shards' schemas, by result: changed, unchanged, failed.";
    HOT_KEY_SHARE: Gauge "hot_key_share" "The part of a keyspace's statements that are for its hottest keys, by rank: 1 is the hottest; SHOW HOT KEYS names them.";
    MAP_EPOCH: Gauge "map_epoch" "Shard maps loaded since the start.";
    TOPOLOGY_EPOCH: Gauge "topology_epoch" "Pictures of the fleet published since the start.";
    RELOADS: Counter "reloads_total" "Reloads of the configuration, by result: ok, failed.";
    LAST_RELOAD_SUCCESSFUL: Gauge "last_reload_successful" "1 when the settings in force are those of the last look at the file, 0 after a reload that failed.";
    CERTIFICATE_EXPIRY: Gauge "certificate_expiry_timestamp_seconds" "When the first of our TLS certificates ends, in seconds since 1970; absent without TLS.";
    BUILD_INFO: Gauge "build_info" "Always 1; the version is in the label.";
}
