//! What can be looked at, as plain values: how clients, servers, pools and databases stood at one moment.
//!
//! The console makes its tables of these; whoever else shows them (a page, a log line) reads the same.

use core::net::SocketAddr;
use std::time::Duration;

use crate::logic::console::totals::Totals;
use crate::logic::topology::{Health, Lag, PoolMode, Role};

/// Seconds since 1970, and nothing before.
pub type UnixSeconds = u64;

/// One end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Over TCP
    Tcp(SocketAddr),
    /// A Unix socket
    Unix,
}

/// What a client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientState {
    /// Has a server
    Active,
    /// Has none and asks for none
    Idle,
    /// Waits for one
    Waiting,
}

/// A client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its number, in logs too
    pub id: u64,
    /// Who
    pub user: Box<str>,
    /// Where to
    pub database: Box<str>,
    /// What it does
    pub state: ClientState,
    /// From where
    pub peer: End,
    /// To where
    pub local: End,
    /// When it logged in
    pub connected: UnixSeconds,
    /// When its last request began
    pub requested: UnixSeconds,
    /// For how long it has waited for a server
    pub wait: Duration,
    /// It has been told to go
    pub is_leaving: bool,
    /// The server that works for it
    pub server: Option<u64>,
    /// Protocol and cipher, empty without TLS
    pub tls: Box<str>,
    /// As it says
    pub application: Box<str>,
    /// Prepared statements
    pub prepared: u32,
}

/// What a server connection does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerState {
    /// Works for a client
    Active,
    /// Waits for one
    Idle,
    /// Kept until a cancel request has reached it
    BeingCanceled,
}

/// A server connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its number, in logs too
    pub id: u64,
    /// As whom it is logged in
    pub user: Box<str>,
    /// The database of ours that it serves
    pub database: Box<str>,
    /// The shard it is of
    pub shard: Box<str>,
    /// The server it leads to
    pub server: Box<str>,
    /// What it does
    pub state: ServerState,
    /// The server's end
    pub peer: End,
    /// Our end
    pub local: End,
    /// When it was opened
    pub connected: UnixSeconds,
    /// When it was last asked something
    pub requested: UnixSeconds,
    /// It is closed when it comes back
    pub is_leaving: bool,
    /// The client it works for
    pub client: Option<u64>,
    /// The process that serves it
    pub pid: i32,
    /// Protocol and cipher, empty without TLS
    pub tls: Box<str>,
    /// Prepared statements
    pub prepared: u32,
}

/// Clients by what they do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClientCounts {
    /// Have a server, or need none now
    pub active: u32,
    /// Wait for one
    pub waiting: u32,
}

/// Server connections by what they do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ServerCounts {
    /// Work for a client
    pub active: u32,
    /// Wait for one
    pub idle: u32,
    /// Are being opened
    pub login: u32,
    /// Are kept until a cancel request has reached them
    pub being_canceled: u32,
}

/// One database for one user, over all its shards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Database
    pub database: Box<str>,
    /// User towards the servers
    pub user: Box<str>,
    /// Its clients
    pub clients: ClientCounts,
    /// Its servers
    pub servers: ServerCounts,
    /// How long the first in its queues has waited
    pub wait: Duration,
    /// When a server is given back
    pub mode: Mode,
}

/// When a server is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// At the end of each transaction
    Transaction,
    /// With the client
    Session,
    /// Of the console alone
    Statement,
}

impl From<PoolMode> for Mode {
    fn from(mode: PoolMode) -> Self {
        match mode {
            PoolMode::Transaction => Self::Transaction,
            PoolMode::Session => Self::Session,
        }
    }
}

/// A database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// What clients connect to
    pub name: Box<str>,
    /// Hosts of its primaries, in the order of its shards
    pub hosts: Vec<Box<str>>,
    /// Port of the first
    pub port: u16,
    /// Database there
    pub on_server: Box<str>,
    /// The user that all clients become
    pub force_user: Option<Box<str>>,
    /// For each server and user
    pub pool_size: u32,
    /// Kept open
    pub pool_min: u32,
    /// For those who wait long
    pub reserve_size: u32,
    /// Of a server connection
    pub lifetime: Duration,
    /// When a server is given back
    pub mode: Mode,
    /// Connections to its servers
    pub servers: u32,
    /// Its clients
    pub clients: u32,
    /// Its clients at most; 0: no limit of its own
    pub clients_max: u32,
    /// Connections that it may have to servers; 0: any number
    pub servers_max: u32,
    /// No server is lent
    pub is_paused: bool,
    /// No client may come
    pub is_disabled: bool,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Name
    pub name: Box<str>,
    /// Connections to servers for it
    pub servers: u32,
    /// Its clients
    pub clients: u32,
    /// Its clients at most; 0: no limit of its own
    pub clients_max: u32,
    /// Connections that it may have to servers; 0: any number
    pub servers_max: u32,
}

/// What was counted for a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// Database
    pub database: Box<str>,
    /// Since the start
    pub totals: Totals,
    /// Of the last period
    pub averages: Totals,
}

/// How many there are of what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lists {
    /// Databases, the console among them
    pub databases: usize,
    /// Users
    pub users: usize,
    /// Databases with users, the console among them
    pub pools: usize,
    /// Clients
    pub clients: usize,
    /// Clients that may still come
    pub clients_free: usize,
    /// Clients logging in
    pub logins: usize,
    /// Server connections
    pub servers: usize,
}

/// A setting under PgBouncer's name, or under ours where it has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Name
    pub key: &'static str,
    /// As it is
    pub value: String,
    /// As it would be
    pub default: String,
    /// A reload or SET may change it
    pub is_changeable: bool,
}

/// A name and how much memory it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memory {
    /// Of what
    pub name: &'static str,
    /// Bytes of one
    pub size: usize,
    /// How many are in use
    pub used: usize,
}

/// A server of a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardServer {
    /// Database
    pub database: Box<str>,
    /// Shard
    pub shard: Box<str>,
    /// The server's name
    pub server: Box<str>,
    /// Its role
    pub role: Role,
    /// Its host
    pub host: Box<str>,
    /// Its port
    pub port: u16,
    /// Is it up?
    pub health: Health,
    /// How far it is behind; `None`: unknown, or a primary
    pub lag: Option<Lag>,
    /// Reads may go there now
    pub takes_reads: bool,
    /// Connections to it
    pub servers: ServerCounts,
    /// Clients that wait for one
    pub waiting: u32,
    /// How long the first of them has
    pub wait: Duration,
}

/// A run of buckets, a range or a pin of a keyspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapEntry {
    /// Database
    pub database: Box<str>,
    /// Keyspace
    pub keyspace: Box<str>,
    /// What it is
    pub kind: MapKind,
    /// The first bucket, or the lower bound; `None`: unbounded
    pub from: Option<String>,
    /// The last bucket, or the upper bound, which is not part of it; `None`: unbounded
    pub to: Option<String>,
    /// Their home
    pub shard: Box<str>,
}

/// What an entry of a map is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapKind {
    /// Buckets of a hash
    Buckets,
    /// A range of keys
    Range,
    /// One key
    Pin,
}

/// A keyspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyspaceEntry {
    /// Database
    pub database: Box<str>,
    /// Keyspace
    pub keyspace: Box<str>,
    /// Type of its keys
    pub key_type: &'static str,
    /// `hash` or `range`
    pub method: &'static str,
    /// Buckets or ranges
    pub parts: usize,
    /// Single keys placed by hand
    pub pins: usize,
    /// Tables with their key columns
    pub tables: Vec<String>,
}

/// How a statement was run, since it was first planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanUse {
    /// Database
    pub database: Box<str>,
    /// With `?` for its literals
    pub statement: String,
    /// The kinds of its plans
    pub plan: String,
    /// The shards that it went to
    pub shards: String,
    /// How often it was run
    pub calls: u64,
    /// In microseconds
    pub time: u64,
}

/// A refusal and how often it was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusalSeen {
    /// Database
    pub database: Box<str>,
    /// The label of its reason
    pub reason: &'static str,
    /// Its code
    pub sqlstate: &'static str,
    /// What is refused
    pub message: Box<str>,
    /// Why
    pub detail: Option<Box<str>>,
    /// What works
    pub hint: Option<Box<str>>,
    /// The last statement, with `?` for its literals
    pub statement: Box<str>,
    /// How often
    pub count: u64,
    /// When last
    pub last: UnixSeconds,
}

/// A transaction that is open, or prepared and not finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionEntry {
    /// Database
    pub database: Box<str>,
    /// How it stands
    pub state: TransactionState,
    /// Its client; 0: of another proxy, or gone
    pub client: u64,
    /// Whose
    pub user: Box<str>,
    /// The shards that it is on
    pub shards: String,
    /// How long it has been open, or prepared
    pub age: Duration,
    /// The name of what is prepared
    pub gid: Box<str>,
}

/// How a transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionState {
    /// Its client goes on with it
    Open,
    /// Prepared: its commit is under way, or recovery will finish it
    InDoubt,
}

/// A key or bucket that is asked for often.
#[derive(Debug, Clone, PartialEq)]
pub struct HotKey {
    /// Database
    pub database: Box<str>,
    /// Keyspace
    pub keyspace: Box<str>,
    /// Key or bucket
    pub kind: HotKind,
    /// Which
    pub key: String,
    /// Its home
    pub shard: Option<Box<str>>,
    /// Its part of the statements with a key of the keyspace, from 0 to 1
    pub share: f64,
    /// How much less its part may be
    pub error: f64,
    /// A second
    pub statements: f64,
    /// A second, from servers
    pub bytes: f64,
    /// A second, in microseconds
    pub micros: f64,
}

/// What is hot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HotKind {
    /// A key
    Key,
    /// A bucket, or a range, counted from 0
    Bucket,
}
