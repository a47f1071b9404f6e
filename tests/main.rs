//! Every test that needs more than one module, in one binary.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails loudly, and shows what it started")]
#![allow(clippy::wildcard_enum_match_arm, reason = "what a test did not expect is a failure, whatever it is")]
#![allow(clippy::too_many_lines, reason = "a table of cases is as long as its cases")]

/// The rooms stand in order.
mod architecture;
/// Statements to plans, as golden files.
mod plans;
/// What the tests with real servers share.
mod support;
/// Health, lag, schemas and metrics of real servers.
mod control;
/// The settings: what is accepted, and how everything wrong is shown.
mod config;
/// What reports of wrong settings do not show.
mod secrets;
/// Files of PgBouncer in our words.
mod import;
/// Tables that the settings file gains.
mod listed;
/// What operators are given: alerts, dashboard, manifests.
mod artefacts;
/// Who comes in at the front door and who is turned away; logging in to servers.
mod door;
/// The demonstration: a newcomer's first minute.
mod demo;
/// The command line, and `check --live` against real servers.
mod commands;
/// Through the proxy as on one PostgreSQL, or refused.
mod oracle;
/// Scripts that read like a story, on one PostgreSQL and through the proxy.
mod logic;
/// The same with random tables, rows and statements.
mod generator;
/// The queries of TPC-H.
mod tpch;
/// On the wire as PostgreSQL, message by message.
mod sessions;
/// Drivers, ORMs and tools do real work through the proxy.
mod drivers;
/// Servers and clients die; the others go on.
mod faults;
/// Transactions over several shards: all of it or nothing, whoever dies when.
mod commits;
/// Money that moves between shards while servers and proxies die.
mod bank;
/// Replicas are promoted and primaries die: nothing confirmed is lost, nobody misses its own writes.
mod failover;
/// Writes in which all shards must agree.
mod copies;
/// Deadlocks that no shard sees alone.
mod deadlocks;
/// What a session may do in a transaction over several shards, and how it ends.
mod transactions;
/// What transactions over several shards see.
mod isolation;
/// Settings that servers give to new sessions.
mod defaults;
/// The running proxy as its operators and users see it: logins, pools, signals, replicas, figures, logs.
mod operations;
/// Random bytes, texts and streams against the checks of the fuzz targets.
mod fuzz;
