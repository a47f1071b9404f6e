//! shardway: a shard-routing PostgreSQL proxy.
//!
//! **The promise**: every statement gets the answer that one PostgreSQL holding all the data would
//! give, or a refusal that says why. Never a different answer.
//!
//! # The way of a statement
//!
//! ```text
//! client bytes → frame → session ──→ sql (parse once) → plan (cached) → route (per execution) → lease → shard bytes
//!                           ↑                                                                              │
//! client bytes ←────────────────────────────── relay (pass bytes) ←────────────────────────────────────────┘
//! ```
//!
//! Where one shard is not enough, `plan::across` says how several do: each runs the statement as it is (fan-out), its rows merged in their order, or
//! their rows, or what each shard makes of its rows (reduce), are fetched and one server runs it over them (gather). Rows
//! that are stored go to their shards in the words of the statement (split) or from a query's answer (carry; brought, where one
//! shard has the table).
//!
//! # The rooms
//!
//! `logic` decides and touches nothing outside; `proxy` carries bytes; `control` steers from the side;
//! `config` reads the shard map; `app` wires it all. A room imports only from the rooms declared above it,
//! and inside a room a module imports only what is declared above it: the order of the `mod` lines is the
//! order of the floors (`tests/architecture.rs` holds it in place).
//!
//! # What always holds
//!
//! - A statement nobody thought of is refused: there is no default route.
//! - The plan of a text depends on the text and the schema; only the route depends on values, health and transaction.
//! - Nothing dirty is lent: a server connection goes back to its pool only when it is known to be clean.
//! - Rows of one shard pass through as they came; they are never decoded.
//! - Every wait has an end, every queue a size; a client's bytes never crash the process.
//!
//! # Glossary
//!
//! - **shard**: one primary with its replicas, holding a part of every sharded table.
//! - **keyspace**: how key values map to shards (hash buckets or ranges); tables of one keyspace are colocated.
//! - **reference table**: a full copy on every shard. **Single table**: lives on one shard.
//! - **plan**: what a statement's text and the schema decide. **Route**: what its values, the map and the open
//!   transaction decide, per execution.
//! - **fan-out**, **merge**, **gather**: the ways of a statement over several shards.
//! - **decider**: the shard whose commit decides a transaction over several.
//! - **lease**: a server connection lent to a session. **Pin**: a reason why a lease cannot be given back yet.
//! - **refusal**: a value, not an error: why a statement has no right answer here, and what would work.

#![forbid(unsafe_code)]

pub mod logic;
pub mod proxy;
pub mod control;
pub mod config;
pub mod app;
