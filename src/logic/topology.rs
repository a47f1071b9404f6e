//! One immutable picture of the fleet: databases, shards, servers, roles, health, lag, users.
//!
//! Control publishes a new one whenever something changes; sessions read it and never wait for control.

use core::net::IpAddr;
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::logic::auth::ScramKeys;
use crate::logic::auth::rules::Rule;
use crate::logic::catalog::Catalog;
use crate::logic::crowd::CrowdLimits;
use crate::logic::shards::{ShardId, ShardMap};
use crate::logic::wal::Sample;
use crate::logic::written::{Freshness, Need};

/// The whole picture.
#[derive(Debug, Clone, Default)]
pub struct Topology {
    /// Counts publications
    pub epoch: u64,
    /// Counts reloads of the shard map
    pub map_epoch: u64,
    /// What clients may connect to
    pub databases: HashMap<Box<str>, Arc<Database>>,
    /// Where databases are looked for that are not among them (`[databases."*"]`)
    pub wildcard: Option<Arc<Wildcard>>,
    /// Who may connect
    pub users: HashMap<Box<str>, Arc<User>>,
    /// How logins are judged
    pub auth: Arc<AuthSettings>,
}

impl Topology {
    /// Those that the map names.
    pub fn listed(&self) -> impl Iterator<Item = &Database> {
        self.databases.values().map(|it| &**it).filter(|it| !it.is_found)
    }

    /// A shard of a database, where both are there.
    pub fn shard(&self, database: &str, shard: ShardId) -> Option<&Shard> {
        self.databases.get(database)?.shards.get(usize::from(shard.0))
    }

    /// The databases as metrics know them: the wildcard stands for those that were found.
    pub fn shown(&self) -> impl Iterator<Item = &Database> {
        self.listed().chain(self.wildcard.as_ref().map(|it| &it.database))
    }

    /// The server as metrics know it: a series for each of those that were found would be one for each name of a client.
    pub fn server_label<'a>(&'a self, database: &str, server: &'a str) -> &'a str {
        let is_listed = self.databases.get(database).is_some_and(|database| !database.is_found);
        let wildcard = self.wildcard.as_ref().filter(|_| !is_listed);
        wildcard.map_or(server, |wildcard| &wildcard.database.shards[0].primary.name)
    }
}

/// The name of the wildcard, and what it says where the client's name belongs.
pub const ANY_NAME: &str = "*";

/// One server, any of whose databases a client may ask for.
#[derive(Debug, Clone)]
pub struct Wildcard {
    /// What they are like
    pub database: Database,
    /// One that has had no client and no connection for so long is forgotten
    pub idle_timeout: Duration,
}

impl Wildcard {
    /// The database of this name, not known to be there.
    pub fn named(&self, name: &str) -> Database {
        let mut database = Database { name: name.into(), is_found: true, ..self.database.clone() };
        for shard in &mut database.shards {
            let of = &shard.primary;
            let server = of.name.strip_prefix(ANY_NAME).unwrap_or(&of.name);
            let mut address = of.address.clone();
            if *address.database == *ANY_NAME {
                address.database = name.into();
            }
            shard.primary = Arc::new(Server { name: format!("{name}{server}").into(), address, ..Server::clone(of) });
        }
        database
    }
}

/// How logins are judged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthSettings {
    /// In their order
    pub rules: Vec<Rule>,
    /// Common names of certificates, and the users they may be besides the one of that name
    pub certificate_names: Vec<(Box<str>, Box<str>)>,
    /// Where users are looked up that the settings do not name
    pub query: Option<AuthQuery>,
}

/// How a server is asked for a user (PgBouncer's `auth_query`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthQuery {
    /// As whom
    pub user: Box<str>,
    /// Its password
    pub password: Option<Secret>,
    /// In which of our databases; `None`: the one that the client wants
    pub database: Option<Box<str>>,
    /// Gives a name and what is stored of its password, for the name in `$1`
    pub sql: Box<str>,
}

/// One sharded database.
#[derive(Debug, Clone)]
pub struct Database {
    /// The name clients connect to
    pub name: Box<str>,
    /// The map does not name it: a client has, and the wildcard's server knows it
    pub is_found: bool,
    /// Its shard map
    pub map: Arc<ShardMap>,
    /// Users whose new tables the map may gain (`SET shardway.new_tables`)
    pub create_tables: Vec<Box<str>>,
    /// Its schema; `None` until a shard could be asked for the first time
    pub catalog: Option<Arc<Catalog>>,
    /// Its shards; a `ShardId` indexes them
    pub shards: Vec<Shard>,
    /// Settings of the pools of its servers
    pub pool: PoolSettings,
    /// Which statements replicas may answer
    pub replicas: ReplicaSettings,
    /// Limits on its sessions
    pub limits: SessionLimits,
    /// Settings reported to every client at login (`server_version`, `server_encoding`, …), as a server gave them;
    /// empty until a server could be asked
    pub greeting: Arc<Vec<(Box<str>, Box<str>)>>,
}

impl Database {
    /// Its name in metrics: those that were found share one.
    pub fn label(&self) -> &str {
        if self.is_found { ANY_NAME } else { &self.name }
    }
}

/// One shard.
#[derive(Debug, Clone)]
pub struct Shard {
    /// Its name in the map
    pub name: Box<str>,
    /// Takes writes
    pub primary: Arc<Server>,
    /// Take reads
    pub replicas: Vec<Arc<Server>>,
    /// Which is the primary is found by asking them (`role = "auto"`); until then the first is no more than a guess
    pub finds_roles: bool,
    /// What a replica must have replayed to have the schema that statements are planned with; `None`: it has not changed yet
    pub schema: Option<Need>,
}

impl Shard {
    /// What any read of it must find.
    pub fn freshness(&self) -> Freshness {
        self.schema.map_or(Freshness::Any, |need| need.freshness(&self.primary.trail))
    }

    /// Its primary has been looked at.
    pub fn settle(&mut self) {
        self.schema = self.schema.map(|need| need.settled(&self.primary.trail));
    }

    /// Nobody takes writes that we know of.
    pub fn is_down(&self) -> bool {
        match self.primary.health {
            Health::Down => true,
            Health::Unknown => self.finds_roles,
            Health::Up | Health::Suspect => false,
        }
    }

    /// This replica has become the primary. What was known of the old one is out of date.
    pub fn appoint(&mut self, replica: usize) {
        let role = |server: &Server, role, health| {
            Arc::new(Server { role, health, lag: None, trail: Arc::default(), ..server.clone() })
        };
        let promoted = role(&self.replicas[replica], Role::Primary, self.replicas[replica].health);
        let left = std::mem::replace(&mut self.primary, promoted);
        self.replicas[replica] = role(&left, Role::Replica, Health::Down);
    }
}

/// One PostgreSQL server as a member of a shard.
#[derive(Debug, Clone)]
pub struct Server {
    /// `app/a/primary`, `app/a/replica-1`: for logs and metric labels
    pub name: Box<str>,
    /// The shard it belongs to
    pub shard: ShardId,
    /// Its role
    pub role: Role,
    /// Where and how to reach it
    pub address: Address,
    /// Share of the reads, relative to its siblings
    pub weight: u32,
    /// Where it stands: a data centre, a rack
    pub zone: Option<Box<str>>,
    /// Is it up?
    pub health: Health,
    /// How far it is behind; `None` when unknown (and always for a primary)
    pub lag: Option<Lag>,
    /// What its host's name stands for now, where it is a name and has been looked up
    pub places: Arc<[IpAddr]>,
    /// Where it stands in the WAL: of a primary the latest looks, oldest first and all of one timeline; of a replica the
    /// last one. Empty while unknown
    pub trail: Arc<[Sample]>,
}

/// Primary or replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Takes writes
    Primary,
    /// Streams from the primary
    Replica,
}

impl Role {
    /// For logs and metric labels.
    pub fn label(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Replica => "replica",
        }
    }
}

/// As decided by `logic::health` from probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Health {
    /// Not probed yet: taken as up
    Unknown,
    /// Answers
    Up,
    /// Missed a probe: still used
    Suspect,
    /// Not used; its statements fail at once
    Down,
}

/// Distance of a replica from its primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lag {
    /// WAL bytes not yet replayed
    pub bytes: u64,
    /// Time since the last replayed commit, zero when nothing is outstanding
    pub time: Duration,
}

/// Where and how to reach a server. Two servers with equal addresses share a pool per user.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    /// Host
    pub host: Host,
    /// Port
    pub port: u16,
    /// Database on that server
    pub database: Box<str>,
    /// Log in as this user whoever the client is
    pub user: Option<Box<str>>,
    /// With this password
    pub password: Option<Secret>,
    /// TLS towards the server
    pub tls: ServerTls,
}

/// A database of a server, whoever logs in to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// Of the server
    pub host: Host,
    /// Of the server
    pub port: u16,
    /// On the server
    pub database: Box<str>,
}

impl Spot {
    /// Another database of the server at this address.
    pub fn beside(address: &Address, database: &str) -> Self {
        Self { host: address.host.clone(), port: address.port, database: database.into() }
    }

    /// Does this address lead there?
    pub fn is_of(&self, address: &Address) -> bool {
        (&self.host, self.port, &self.database) == (&address.host, address.port, &address.database)
    }
}

/// TCP host or Unix-socket folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// Name or address
    Tcp(Box<str>),
    /// Folder of the socket file
    Unix(PathBuf),
}

/// libpq's `sslmode`, with what it needs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerTls {
    /// How much of it
    pub mode: TlsMode,
    /// PEM file of the authorities to trust; `None`: the system's
    pub root_file: Option<PathBuf>,
}

/// libpq's `sslmode` (PostgreSQL manual, SSL Support); `allow` is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TlsMode {
    /// Never
    Disable,
    /// When the server can
    Prefer,
    /// Always, whoever the server is
    Require,
    /// Always, and the certificate must be signed by a trusted authority
    VerifyCa,
    /// Always, and it must name the host
    VerifyFull,
}

/// Stands before keys: no password has a NUL in it, the protocol ends it there.
const KEYS: &str = "\0keys:";

/// A password or key: never printed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(Box<str>);

impl Secret {
    /// Wraps it.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// What a client has shown, where its password is not known.
    pub fn of_keys(keys: &ScramKeys) -> Self {
        Self(format!("{KEYS}{}", keys.to_text()).into())
    }

    /// The keys, where this is no password.
    pub fn keys(&self) -> Option<ScramKeys> {
        ScramKeys::from_text(self.0.strip_prefix(KEYS)?)
    }

    /// The secret itself: for the password exchange only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

/// A user who may log in.
#[derive(Debug, Clone)]
pub struct User {
    /// Name
    pub name: Box<str>,
    /// How the client proves it
    pub login: Login,
    /// User name towards the servers, when another
    pub server_user: Option<Box<str>>,
    /// Password towards the servers; the client's own when that is stored in plain
    pub server_password: Option<Secret>,
    /// Clients of the user
    pub crowd: CrowdLimits,
    /// Connections that it may have over all its pools, where that is not as for others
    pub connections_max: Option<u32>,
}

impl User {
    /// The settings of its pools.
    pub fn pool<'a>(&self, settings: &'a PoolSettings) -> Cow<'a, PoolSettings> {
        match self.connections_max {
            None => Cow::Borrowed(settings),
            Some(user_max) => Cow::Owned(PoolSettings { user_max, ..settings.clone() }),
        }
    }
}

/// How a client proves who it is.
#[derive(Debug, Clone)]
pub enum Login {
    /// No proof asked: only when the file says `auth = "trust"`
    Trust,
    /// SCRAM-SHA-256 against a stored verifier (`SCRAM-SHA-256$4096:salt$stored:server`)
    Verifier(Secret),
    /// A client certificate whose common name is the user's
    Certificate,
}

/// Settings of the pools of one database (one pool per server and user).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolSettings {
    /// When is a server given back
    pub mode: PoolMode,
    /// Connections at most
    pub size: u32,
    /// Connections kept open
    pub min: u32,
    /// Extra connections for clients that waited longer than `reserve_timeout`
    pub reserve: u32,
    /// See `reserve`
    pub reserve_timeout: Duration,
    /// A connection older than this is closed when it comes back (shortened by up to 10 % at random)
    pub lifetime: Duration,
    /// An unused connection is closed after this
    pub idle_timeout: Duration,
    /// Login to a server must end within this
    pub connect_timeout: Duration,
    /// A client waits this long for a connection, then SQLSTATE 53300
    pub wait_timeout: Duration,
    /// Clients waiting at most
    pub waiters_max: u32,
    /// Prepared statements kept on one server connection
    pub prepared_statements_max: u32,
    /// After a failed login a server is not asked again for this long, and clients hear the reason at once
    pub login_retry: Duration,
    /// A client that has waited for so long is told that it waits
    pub wait_notify: Duration,
    /// Connections that the database may have over all its pools; 0: any number
    pub database_max: u32,
    /// Connections that the user may have over all its pools; 0: any number
    pub user_max: u32,
}

/// PgBouncer's pool modes; statement pooling is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PoolMode {
    /// A server is given back at the end of each transaction
    Transaction,
    /// A server stays with its client
    Session,
}

/// When replicas may answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaSettings {
    /// Off: every statement goes to the primary
    pub enabled: bool,
    /// A replica further behind takes no part
    pub max_lag: Duration,
    /// The same in bytes of WAL
    pub max_lag_bytes: u64,
    /// A session reads what it has written
    pub own_writes: bool,
    /// Where this proxy stands: replicas of the same zone come first
    pub zone: Option<Box<str>>,
}

/// Limits on sessions; zero is off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionLimits {
    /// A statement that runs longer is cancelled
    pub query_timeout: Duration,
    /// A transaction that takes longer is ended, and its client with it
    pub transaction_timeout: Duration,
    /// A client idle inside a transaction is disconnected
    pub idle_transaction_timeout: Duration,
    /// A client idle outside a transaction is disconnected
    pub client_idle_timeout: Duration,
    /// Bytes of values that one statement over several shards may fetch
    pub gather_limit: u64,
    /// From one number of a sequence to the next on the same shard: the numbers between are for other shards
    pub sequence_stride: u32,
    /// A statement of a transaction over several shards that takes longer may be part of a deadlock
    pub deadlock_timeout: Duration,
    /// Clients of the database
    pub crowd: CrowdLimits,
    /// A statement waits this long for the new primary of a shard that finds its roles
    pub failover_wait: Duration,
    /// What happens where a statement keeps its server with the session
    pub pin: Pinning,
}

/// Statements that keep their server with the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pinning {
    /// They do
    #[default]
    Allow,
    /// They do, and the log warns of it
    Warn,
    /// They are refused
    Error,
}
