//! A `pgbouncer.ini` in our words. What has no counterpart stays as a comment, by name, so that nothing is lost unseen.

use std::fmt::Write as _;

use crate::logic::topology::ANY_NAME;

/// Of databases that `*` stands for; without one it has nothing to say.
const IDLE_TIMEOUT: &str = "autodb_idle_timeout";

/// What an entry of `[pgbouncer]` becomes.
enum Becomes {
    /// A number, or a word in quotes
    Count(&'static str, &'static str),
    Word(&'static str, &'static str),
    /// Seconds
    Time(&'static str, &'static str),
}

use Becomes::{Count, Time, Word};

/// By PgBouncer's name: section and name of ours.
const SETTINGS: &[(&str, Becomes)] = &[
    ("unix_socket_dir", Word("listen", "unix_socket")),
    ("unix_socket_mode", Word("listen", "unix_socket_mode")),
    ("listen_backlog", Count("listen", "backlog")),
    ("max_client_conn", Count("listen", "max_clients")),
    ("client_login_timeout", Time("listen", "login_timeout")),
    ("tcp_keepidle", Time("listen", "keepalive")),
    ("tcp_keepintvl", Time("listen", "keepalive_interval")),
    ("tcp_keepcnt", Count("listen", "keepalive_count")),
    ("client_tls_cert_file", Word("listen.tls", "certificate")),
    ("client_tls_key_file", Word("listen.tls", "key")),
    ("client_tls_ca_file", Word("listen.tls", "client_ca")),
    ("auth_file", Word("auth", "file")),
    ("pool_mode", Word("pool", "pool_mode")),
    ("default_pool_size", Count("pool", "pool_size")),
    ("min_pool_size", Count("pool", "pool_min")),
    ("reserve_pool_size", Count("pool", "reserve_size")),
    ("reserve_pool_timeout", Time("pool", "reserve_timeout")),
    ("server_lifetime", Time("pool", "server_lifetime")),
    ("server_idle_timeout", Time("pool", "server_idle_timeout")),
    ("server_connect_timeout", Time("pool", "connect_timeout")),
    ("query_wait_timeout", Time("pool", "wait_timeout")),
    ("max_prepared_statements", Count("pool", "prepared_statements_max")),
    ("server_login_retry", Time("pool", "server_login_retry")),
    ("max_db_connections", Count("pool", "max_db_connections")),
    ("max_user_connections", Count("pool", "max_user_connections")),
    ("query_timeout", Time("limits", "query_timeout")),
    ("transaction_timeout", Time("limits", "transaction_timeout")),
    ("idle_transaction_timeout", Time("limits", "idle_transaction_timeout")),
    ("client_idle_timeout", Time("limits", "client_idle_timeout")),
    ("max_db_client_connections", Count("limits", "max_db_client_connections")),
];

const SECTIONS: [&str; 5] = ["listen", "listen.tls", "auth", "pool", "limits"];

/// `name = value` of a section.
type Entry<'a> = (&'a str, String);

/// The settings file, and a line for each thing that could not be carried over.
pub fn import(ini: &str) -> (String, Vec<String>) {
    let (mut general, mut databases, mut left) = (Vec::new(), Vec::new(), Vec::new());
    let mut section = "";
    for line in ini.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with([';', '#'])) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name.trim();
            continue;
        }
        let (name, value) = line.split_once('=').map_or((line, ""), |(name, value)| (name.trim(), value.trim()));
        match section {
            "pgbouncer" => general.push((name, value.to_owned())),
            "databases" => databases.push((name, value.to_owned())),
            _ => left.push(format!("[{section}] {line}")),
        }
    }
    let mut toml =
        "# Made of a pgbouncer.ini by `shardway import`; look it through with `shardway check`.\n".to_owned();
    for section in SECTIONS {
        let lines = lines(section, &general, &mut left);
        if !lines.is_empty() {
            write!(toml, "\n[{section}]\n{}", lines.concat()).ok();
        }
    }
    toml += &members(&general);
    for (name, connection) in &databases {
        toml += &database(name, connection, &general, &mut left);
    }
    let known = [
        "listen_addr",
        "listen_port",
        "admin_users",
        "stats_users",
        "log_connections",
        "log_disconnections",
        IDLE_TIMEOUT,
    ];
    let is_known = |name: &str| known.contains(&name) || SETTINGS.iter().any(|(ours, _)| *ours == name);
    left.extend(general.iter().filter(|(name, _)| !is_known(name)).map(|(name, value)| format!("{name} = {value}")));
    if !left.is_empty() {
        toml += "\n# Not carried over:\n";
        left.iter().for_each(|line| toml += &format!("#   {line}\n"));
    }
    (toml, left)
}

/// The lines of one of our sections.
fn lines(section: &str, general: &[Entry<'_>], left: &mut Vec<String>) -> Vec<String> {
    let mut lines = Vec::new();
    if section == "listen" {
        lines.push(format!("address = {}\n", addresses(general)));
    }
    for (name, value) in general.iter().filter(|(_, value)| !value.is_empty()) {
        let Some((_, becomes)) = SETTINGS.iter().find(|(known, _)| known == name) else { continue };
        let (of, ours, written) = match becomes {
            Count(of, ours) => (of, ours, value.parse::<u32>().ok().map(|number| number.to_string())),
            Word(of, ours) => (of, ours, Some(quoted(value)).filter(|_| *name != "pool_mode" || value != "statement")),
            Time(of, ours) => (of, ours, seconds(value)),
        };
        if *of != section {
            continue;
        }
        match written {
            Some(written) => lines.push(format!("{ours} = {written}\n")),
            None => left.push(format!("{name} = {value}")),
        }
    }
    lines
}

fn addresses(general: &[Entry<'_>]) -> String {
    let get = |wanted: &str| general.iter().rev().find(|(name, _)| *name == wanted).map(|(_, value)| value.as_str());
    let port = get("listen_port").unwrap_or("6432");
    let all = get("listen_addr").unwrap_or("127.0.0.1").split(',').map(str::trim).filter(|it| !it.is_empty());
    let address = |host: &str| match host.contains(':') {
        true => quoted(&format!("[{host}]:{port}")),
        false => quoted(&format!("{host}:{port}")),
    };
    format!("[{}]", all.map(address).collect::<Vec<_>>().join(", "))
}

/// `[console]`.
fn members(general: &[Entry<'_>]) -> String {
    let list = |wanted: &str| -> Vec<String> {
        let found = general.iter().rev().find(|(name, _)| *name == wanted);
        let names = found.into_iter().flat_map(|(_, value)| value.split(',')).map(str::trim);
        names.filter(|name| !name.is_empty()).map(quoted).collect()
    };
    let (admin, stats) = (list("admin_users"), list("stats_users"));
    if admin.is_empty() && stats.is_empty() {
        return String::new();
    }
    format!("\n[console]\nadmin = [{}]\nstats = [{}]\n", admin.join(", "), stats.join(", "))
}

/// A database on one shard, which may grow more.
fn database(name: &str, connection: &str, general: &[Entry<'_>], left: &mut Vec<String>) -> String {
    let name = name.trim_matches('"');
    let (mut host, mut port, mut on_server, mut login) = ("", "5432", name.to_owned(), [None, None]);
    let mut lines = String::new();
    let words = words(connection);
    for (key, value) in &words {
        match key.as_str() {
            "host" => host = value,
            "port" => port = value,
            "dbname" => on_server.clone_from(value),
            "user" => login[0] = Some(value),
            "password" => login[1] = Some(value),
            "pool_size" | "reserve_pool_size" | "min_pool_size" if value.parse::<u32>().is_ok() => {
                let ours = match key.as_str() {
                    "pool_size" => "pool_size",
                    "min_pool_size" => "pool_min",
                    _ => "reserve_size",
                };
                lines += &format!("{ours} = {value}\n");
            }
            "pool_mode" if value != "statement" => lines += &format!("pool_mode = {}\n", quoted(value)),
            // A secret is never repeated in a comment: these are settings of pools and the like.
            _ => left.push(format!("[databases] {name}: {key} = {value}")),
        }
    }
    if let Some((first, others)) = host.split_once(',') {
        left.push(format!("[databases] {name}: further hosts {others}"));
        host = first;
    }
    let port = port.split(',').next().unwrap_or("5432");
    let encoded = |text: &str| {
        let byte = |byte: u8| match byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        };
        text.bytes().map(byte).collect::<String>()
    };
    let login = match login {
        [Some(user), Some(password)] => format!("{}:{}@", encoded(user), encoded(password)),
        [Some(user), None] => format!("{}@", encoded(user)),
        [None, _] => String::new(),
    };
    // Without a name the client's is meant.
    let path = if on_server == ANY_NAME { String::new() } else { format!("/{}", encoded(&on_server)) };
    let url = match host {
        "" => format!("postgres://{login}{path}?host=/tmp&port={port}"),
        folder if folder.starts_with('/') => format!("postgres://{login}{path}?host={}&port={port}", encoded(folder)),
        host => format!("postgres://{login}{host}:{port}{path}"),
    };
    let (key, url) = (quoted(name), quoted(&url));
    if name == ANY_NAME {
        let timeout = general.iter().rev().find(|(name, _)| *name == IDLE_TIMEOUT);
        match timeout.map(|(_, value)| (value, seconds(value))) {
            Some((_, Some(written))) => lines += &format!("{IDLE_TIMEOUT} = {written}\n"),
            Some((value, None)) => left.push(format!("{IDLE_TIMEOUT} = {value}")),
            None => (),
        }
    }
    format!("\n[databases.{key}]\ndefault_shard = \"main\"\n{lines}\n[databases.{key}.shards.main]\nprimary = {url}\n")
}

/// `name=value name='a value'` of a connection string; a doubled quote stands for one.
fn words(text: &str) -> Vec<(String, String)> {
    let (mut found, mut rest) = (Vec::new(), text.trim());
    while let Some((name, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let (value, after) = match after.strip_prefix('\'') {
            None => {
                let end = after.find(char::is_whitespace).unwrap_or(after.len());
                (after[..end].to_owned(), &after[end..])
            }
            Some(quoted) => {
                let (mut value, mut chars) = (String::new(), quoted.char_indices().peekable());
                let mut end = quoted.len();
                while let Some((at, found)) = chars.next() {
                    if found != '\'' {
                        value.push(found);
                    } else if chars.next_if(|(_, next)| *next == '\'').is_some() {
                        value.push('\'');
                    } else {
                        end = at + 1;
                        break;
                    }
                }
                (value, &quoted[end..])
            }
        };
        found.push((name.trim().to_owned(), value));
        rest = after.trim_start();
    }
    found
}

/// PgBouncer's seconds, with or without a fraction.
fn seconds(value: &str) -> Option<String> {
    let seconds: f64 = value.parse().ok().filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0)?;
    Some(if seconds.fract() == 0.0 {
        format!("\"{seconds}s\"")
    } else {
        format!("\"{}ms\"", (seconds * 1000.0).round())
    })
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INI: &str = "\
;; ours
[databases]
app = host=pg1 port=5433 dbname='app db' pool_size=7
forced = host=10.0.0.1,10.0.0.2 user=app password='it''s' connect_query='SELECT 1'
* = host=pg9 pool_size=3

[pgbouncer]
listen_addr = *
listen_port = 7432
auth_file = userlist.txt
auth_type = scram-sha-256
pool_mode = transaction
default_pool_size = 15
query_wait_timeout = 0.5
idle_transaction_timeout = 300
max_client_conn = 500
admin_users = ops, root
server_reset_query = DISCARD ALL
autodb_idle_timeout = 600
";

    #[test]
    fn what_can_be_carried_over_is_and_the_rest_is_named() {
        let (toml, left) = import(INI);
        for line in [
            "address = [\"*:7432\"]",
            "max_clients = 500",
            "file = \"userlist.txt\"",
            "pool_size = 15",
            "wait_timeout = \"500ms\"",
            "idle_transaction_timeout = \"300s\"",
            "admin = [\"ops\", \"root\"]",
            "[databases.\"app\".shards.main]",
            "primary = \"postgres://pg1:5433/app%20db\"",
            "primary = \"postgres://app:it%27s@10.0.0.1:5432/forced\"",
            "pool_size = 7",
            "[databases.\"*\".shards.main]",
            "primary = \"postgres://pg9:5432\"",
            "pool_size = 3",
            "autodb_idle_timeout = \"600s\"",
            "default_shard = \"main\"",
        ] {
            assert!(toml.lines().any(|it| it == line), "{line}\nis not in\n{toml}");
        }
        let expected = [
            "[databases] forced: connect_query = SELECT 1",
            "[databases] forced: further hosts 10.0.0.2",
            "auth_type = scram-sha-256",
            "server_reset_query = DISCARD ALL",
        ];
        assert_eq!(left, expected);
        assert!(toml.contains("#   server_reset_query = DISCARD ALL\n"));
    }
}
