//! A small [`Topology`] for tests and examples: databases on local ports, every setting at its simplest.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::logic::shards::{ShardId, ShardMap};
use crate::logic::topology::{
    Address, Database, Health, Host, PoolMode, PoolSettings, ReplicaSettings, Role, Secret, Server, ServerTls,
    SessionLimits, Shard, TlsMode, Topology,
};

/// One database of shards `a`, `b`, … on 127.0.0.1: the port of each primary, and those of its replicas.
pub fn of_ports(database: &str, shards: &[(u16, &[u16])]) -> Topology {
    let database = database_of_ports(database, shards);
    let databases = HashMap::from([(database.name.clone(), Arc::new(database))]);
    Topology { databases, ..Topology::default() }
}

fn database_of_ports(name: &str, ports: &[(u16, &[u16])]) -> Database {
    let names: Vec<Box<str>> = (b'a'..=b'z').take(ports.len()).map(|it| char::from(it).to_string().into()).collect();
    let shards = names.iter().enumerate().map(|(index, shard)| shard_of_ports(name, shard, index, ports[index]));
    Database {
        name: name.into(),
        is_found: false,
        shards: shards.collect(),
        map: Arc::new(ShardMap {
            shards: names,
            keyspaces: Vec::new(),
            tables: HashMap::new(),
            default_shard: None,
            local_functions: Vec::new(),
            unique: HashMap::new(),
        }),
        create_tables: Vec::new(),
        catalog: None,
        pool: pool_settings(),
        replicas: ReplicaSettings {
            enabled: true,
            max_lag: Duration::from_secs(10),
            max_lag_bytes: 1 << 24,
            own_writes: true,
            zone: None,
        },
        limits: SessionLimits {
            gather_limit: 256 << 20,
            sequence_stride: 64,
            query_timeout: Duration::ZERO,
            transaction_timeout: Duration::ZERO,
            crowd: Default::default(),
            pin: Default::default(),
            idle_transaction_timeout: Duration::ZERO,
            client_idle_timeout: Duration::ZERO,
            deadlock_timeout: Duration::from_secs(1),
            failover_wait: Duration::from_secs(10),
        },
        greeting: Arc::default(),
    }
}

fn pool_settings() -> PoolSettings {
    PoolSettings {
        mode: PoolMode::Transaction,
        size: 20,
        min: 0,
        reserve: 0,
        reserve_timeout: Duration::from_secs(5),
        lifetime: Duration::from_secs(3600),
        idle_timeout: Duration::from_secs(600),
        connect_timeout: Duration::from_secs(5),
        wait_timeout: Duration::from_secs(10),
        waiters_max: 1000,
        prepared_statements_max: 200,
        login_retry: Duration::from_secs(1),
        wait_notify: Duration::ZERO,
        database_max: 0,
        user_max: 0,
    }
}

fn shard_of_ports(database: &str, name: &str, index: usize, (primary, replicas): (u16, &[u16])) -> Shard {
    let shard = ShardId(u16::try_from(index).expect("there are fewer shards than letters"));
    let server = |label: String, role, port| {
        Arc::new(Server {
            name: format!("{database}/{name}/{label}").into(),
            shard,
            role,
            address: address(port),
            weight: 1,
            zone: None,
            health: Health::Unknown,
            lag: None,
            places: Arc::default(),
            trail: Arc::default(),
        })
    };
    let replica = |(nth, port): (usize, &u16)| server(format!("replica-{}", nth + 1), Role::Replica, *port);
    Shard {
        name: name.into(),
        primary: server("primary".into(), Role::Primary, primary),
        replicas: replicas.iter().enumerate().map(replica).collect(),
        finds_roles: false,
        schema: None,
    }
}

fn address(port: u16) -> Address {
    Address {
        host: Host::Tcp("127.0.0.1".into()),
        port,
        database: "postgres".into(),
        user: Some("postgres".into()),
        password: Some(Secret::new("")),
        tls: ServerTls { mode: TlsMode::Disable, root_file: None },
    }
}
