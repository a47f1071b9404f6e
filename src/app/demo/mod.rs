//! `shardway demo`: three shards with replicas, two schemas, a mixed workload, and a `psql` line to try.

pub mod lab;
pub mod postgres;
