//! `[listen]`: where clients, operators and scrapers find us.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::logic::cancel_key::NODE_MAX;
use crate::logic::topology::Secret;
use crate::proxy::door::{Tls, TlsDemand, TlsSettings};
use crate::proxy::peers::PeerNode;
use crate::proxy::stream::{Keepalive, SocketOptions};

use super::report::Problems;
use super::secret::{self, Environment};
use super::section::{Section, list, text};
use super::source::Span;
use super::tree::Node;

/// Fields of `[listen]`.
pub const FIELDS: &[&str] = &[
    "address",
    "unix_socket",
    "unix_socket_mode",
    "metrics",
    "backlog",
    "max_clients",
    "login_timeout",
    "drain_grace",
    "drain_timeout",
    "keepalive",
    "keepalive_interval",
    "keepalive_count",
    "user_timeout",
    "workers",
    "gather_memory",
    "node",
    "peer_secret",
    "tls",
];

/// Fields of a peer.
pub const PEER_FIELDS: &[&str] = &["id", "address"];

/// Fields of `[listen.tls]`.
pub const TLS_FIELDS: &[&str] = &["mode", "certificate", "key", "client_ca"];

/// The front door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenSettings {
    /// TCP addresses
    pub addresses: Vec<SocketAddr>,
    /// Folder of the Unix socket `.s.PGSQL.<port>`
    pub unix_socket: Option<PathBuf>,
    /// Permissions of the socket file
    pub unix_socket_mode: u32,
    /// Where `/metrics`, `/livez` and `/readyz` are served
    pub metrics: Option<SocketAddr>,
    /// Connections the kernel holds for us before we accept them
    pub backlog: u32,
    /// Clients at most, those logging in included
    pub max_clients: u32,
    /// Login must end within this
    pub login_timeout: Duration,
    /// After TERM clients still come in for this long
    pub drain_grace: Duration,
    /// A drain ends the remaining clients after this
    pub drain_timeout: Duration,
    /// Keepalive and the like
    pub socket: SocketOptions,
    /// Threads that carry sessions
    pub workers: u32,
    /// Bytes of rows of several shards that all sessions may hold; 0: any number
    pub gather_memory: u64,
    /// Our number among the peers; 0: none
    pub node: u16,
    /// What peers know keys of each other by
    pub peer_secret: Option<Secret>,
    /// TLS; `None`: off
    pub tls: Option<TlsSettings>,
}

impl ListenSettings {
    /// The file of the Unix socket, named as libpq looks for it.
    pub fn socket_file(&self) -> Option<PathBuf> {
        let port = self.addresses.first().map_or(PORT, SocketAddr::port);
        self.unix_socket.as_ref().map(|folder| folder.join(format!(".s.PGSQL.{port}")))
    }
}

/// The port when only an address is given: one above PostgreSQL's thousand, as PgBouncer's.
const PORT: u16 = 6432;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Reads `[listen]`.
pub fn read(section: Section<'_>, env: Environment<'_>, problems: &mut Problems) -> ListenSettings {
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for (text, span) in section.texts("address", problems) {
        addresses.extend(socket_address(text, span, problems));
    }
    if section.get("address").is_none() && section.get("unix_socket").is_none() {
        addresses.push(SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)));
    }
    let metrics = section.text("metrics", problems);
    ListenSettings {
        addresses,
        unix_socket: section.text("unix_socket", problems).map(|(path, span)| folder(path, span, problems)),
        unix_socket_mode: socket_mode(section, problems),
        metrics: metrics.and_then(|(text, span)| socket_address(text, span, problems)),
        backlog: section.count("backlog", 1024, 1..=65_535, problems),
        max_clients: section.count("max_clients", 10_000, 1..=1_000_000, problems),
        login_timeout: section.duration("login_timeout", 60 * SECOND, SECOND..=HOUR, problems),
        drain_grace: section.duration("drain_grace", Duration::ZERO, Duration::ZERO..=HOUR, problems),
        drain_timeout: section.duration("drain_timeout", 60 * SECOND, Duration::ZERO..=24 * HOUR, problems),
        socket: socket_options(section, problems),
        workers: section.count("workers", 1, 1..=1024, problems),
        gather_memory: section.size("gather_memory", 1 << 30, problems),
        node: section.count("node", 0, 0..=u32::from(NODE_MAX), problems) as u16,
        peer_secret: section.get("peer_secret").and_then(|node| secret::plain(node, env, problems)),
        tls: tls(section, problems),
    }
}

/// Reads `[[peers]]`: the other proxies behind our address.
pub fn peers(node: Option<&Node>, listen: &ListenSettings, problems: &mut Problems) -> Vec<PeerNode> {
    let mut peers: Vec<PeerNode> = Vec::new();
    for node in node.map_or(&[][..], list) {
        let section = Section::open(node, PEER_FIELDS, problems);
        let (id, address) = (section.require("id", problems), section.require("address", problems));
        let number = section.count("id", 1, 1..=u32::from(NODE_MAX), problems) as u16;
        if let Some(id) = id
            && (number == listen.node || peers.iter().any(|peer| peer.id == number))
        {
            problems.error(id.span, format!("two nodes have the number {number}"));
        }
        let text = address.and_then(|node| Some((text(node, "address", problems)?, node.span)));
        let address = text.and_then(|(text, span)| socket_address(text, span, problems));
        peers.extend(address.map(|address| PeerNode { id: number, address }));
    }
    if let Some(node) = node.filter(|_| listen.node == 0 || listen.peer_secret.is_none()) {
        problems
            .error(node.span, "there are peers, and [listen] has no `node` or no `peer_secret`")
            .help("give each proxy a number of its own and all of them the same secret");
    }
    peers
}

/// `0.0.0.0:6432`, `[::]:6432`, `localhost:6432`, `*:6432`; the port may be left out.
fn socket_address(text: &str, span: Span, problems: &mut Problems) -> Option<SocketAddr> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(address);
    }
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Some(SocketAddr::from((ip, PORT)));
    }
    let (host, port) = text.split_once(':').map_or((text, Ok(PORT)), |(host, port)| (host, port.parse::<u16>()));
    let ip = match host {
        "localhost" => Some(Ipv4Addr::LOCALHOST),
        "*" => Some(Ipv4Addr::UNSPECIFIED),
        _ => None,
    };
    if let (Some(ip), Ok(port)) = (ip, port) {
        return Some(SocketAddr::from((ip, port)));
    }
    problems
        .error(span, format!("`{text}` is not an address to listen on"))
        .help("write an IP address and a port: \"0.0.0.0:6432\", \"[::1]:6432\", \"*:6432\"");
    None
}

fn folder(path: &str, span: Span, problems: &mut Problems) -> PathBuf {
    let full = problems.sources.folder(span.file).join(path);
    if !full.is_dir() {
        problems.error(span, format!("there is no folder {} for the Unix socket", full.display()));
    }
    full
}

fn socket_mode(section: Section<'_>, problems: &mut Problems) -> u32 {
    const DEFAULT: u32 = 0o777;
    let Some((text, span)) = section.text("unix_socket_mode", problems) else { return DEFAULT };
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
    mode.unwrap_or_else(|| {
        problems.error(span, "`unix_socket_mode` must be octal permissions").help("for example \"0770\"");
        DEFAULT
    })
}

fn socket_options(section: Section<'_>, problems: &mut Problems) -> SocketOptions {
    let idle = section.duration("keepalive", 60 * SECOND, Duration::ZERO..=24 * HOUR, problems);
    let keepalive = Keepalive {
        idle,
        interval: section.duration("keepalive_interval", 10 * SECOND, SECOND..=HOUR, problems),
        count: section.count("keepalive_count", 6, 1..=127, problems),
    };
    let user_timeout = section.duration("user_timeout", Duration::ZERO, Duration::ZERO..=24 * HOUR, problems);
    SocketOptions {
        keepalive: (!idle.is_zero()).then_some(keepalive),
        user_timeout: (!user_timeout.is_zero()).then_some(user_timeout),
    }
}

fn tls(listen: Section<'_>, problems: &mut Problems) -> Option<TlsSettings> {
    listen.get("tls")?;
    let section = listen.section("tls", TLS_FIELDS, problems);
    let words = [
        ("disable", None),
        ("allow", Some(TlsDemand::Allow)),
        ("require", Some(TlsDemand::Require)),
        ("verify", Some(TlsDemand::Verify)),
    ];
    let demand = section.choice("mode", Some(TlsDemand::Allow), &words, problems)?;
    let errors_before = problems.errors();
    section.require("certificate", problems);
    section.require("key", problems);
    let authorities_file = file(section, "client_ca", problems);
    if demand == TlsDemand::Verify && section.get("client_ca").is_none() {
        problems
            .error(section.span, "`client_ca` is missing: nobody could present a valid certificate")
            .help("name the PEM file of the authority that signs your clients' certificates");
    }
    let tls = TlsSettings {
        demand,
        certificate_file: file(section, "certificate", problems)?,
        key_file: file(section, "key", problems)?,
        authorities_file,
    };
    if problems.errors() == errors_before
        && let Err(fault) = Tls::load(&tls)
    {
        problems.error(section.span, format!("these certificates cannot be used: {fault}"));
    }
    Some(tls)
}

fn file(section: Section<'_>, name: &str, problems: &mut Problems) -> Option<PathBuf> {
    let (path, span) = section.text(name, problems)?;
    let full = problems.sources.folder(span.file).join(path);
    if let Err(error) = std::fs::File::open(&full) {
        problems.error(span, format!("cannot read {}: {error}", full.display()));
    }
    Some(full)
}
