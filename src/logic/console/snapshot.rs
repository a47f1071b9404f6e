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
    /// Statements sent to it since the start
    pub statements: u64,
}
