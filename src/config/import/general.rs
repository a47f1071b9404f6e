//! `[pgbouncer]`: what each of its settings becomes. All of PgBouncer 1.25 are here.

use super::ini::{Ini, quoted};

/// What an entry becomes. Sections and names are ours.
enum Becomes {
    /// A whole number in these bounds
    Count(&'static str, &'static str, u32, u32),
    /// A text
    Word(&'static str, &'static str),
    /// Seconds in these bounds; fractions down to milliseconds
    Time(&'static str, &'static str, f64, f64),
    /// It is read by another part
    Elsewhere,
    /// Nothing: why
    Nothing(&'static str),
}

use Becomes::{Count, Elsewhere, Nothing, Time, Word};

const HOUR: f64 = 3600.0;
const DAY: f64 = 86_400.0;
const YEAR: f64 = 365.0 * DAY;
const MANY: u32 = 1_000_000;

const LOGS: &str = "logs go to stderr, for the service manager to keep";
const STARTED: &str = "the service manager starts, names and knows the process";
const CIPHERS: &str = "TLS 1.2 and 1.3 with the ciphers of the library";
const RESET: &str = "what a client has set is tracked and undone by itself";
const CHECKED: &str = "connections that have died or have something to say are not lent";
const NAMES: &str = "names are looked up with each probe ([health] interval)";
const BUFFERS: &str = "buffers grow and shrink by themselves";
const FOLLOWS: &str = "every parameter follows its session";

const SETTINGS: &[(&str, Becomes)] = &[
    ("admin_users", Elsewhere),
    ("application_name_add_host", Nothing("the log and SHOW CLIENTS have the address of each client")),
    ("auth_dbname", Elsewhere),
    ("auth_file", Elsewhere),
    ("auth_hba_file", Elsewhere),
    ("auth_ident_file", Elsewhere),
    ("auth_ldap_options", Nothing("there is no LDAP")),
    ("auth_query", Elsewhere),
    ("auth_type", Elsewhere),
    ("auth_user", Elsewhere),
    ("autodb_idle_timeout", Elsewhere),
    ("cancel_wait_timeout", Nothing("a cancel request waits for no connection of a pool")),
    ("client_idle_timeout", Time("limits", "client_idle_timeout", 0.0, YEAR)),
    ("client_login_timeout", Time("listen", "login_timeout", 1.0, HOUR)),
    ("client_tls13_ciphers", Nothing(CIPHERS)),
    ("client_tls_ca_file", Elsewhere),
    ("client_tls_cert_file", Elsewhere),
    ("client_tls_ciphers", Nothing(CIPHERS)),
    ("client_tls_dheparams", Nothing(CIPHERS)),
    ("client_tls_ecdhcurve", Nothing(CIPHERS)),
    ("client_tls_key_file", Elsewhere),
    ("client_tls_protocols", Nothing(CIPHERS)),
    ("client_tls_sslmode", Elsewhere),
    ("conffile", Nothing("the file is named where the process is started")),
    ("default_pool_size", Count("pool", "pool_size", 1, 10_000)),
    ("disable_pqexec", Nothing("simple queries of several statements are always taken")),
    ("dns_max_ttl", Nothing(NAMES)),
    ("dns_nxdomain_ttl", Nothing(NAMES)),
    ("dns_zone_check_period", Nothing(NAMES)),
    ("idle_transaction_timeout", Time("limits", "idle_transaction_timeout", 0.0, YEAR)),
    ("ignore_startup_parameters", Nothing(FOLLOWS)),
    ("job_name", Nothing(STARTED)),
    ("listen_addr", Elsewhere),
    ("listen_backlog", Count("listen", "backlog", 1, 65_535)),
    ("listen_port", Elsewhere),
    ("log_connections", Elsewhere),
    ("log_disconnections", Elsewhere),
    ("log_pooler_errors", Nothing("errors that clients are told of are logged, and counted in the metrics")),
    ("log_stats", Nothing("figures are in the metrics")),
    ("logfile", Nothing(LOGS)),
    ("login_notify_message", Nothing("clients are told nothing at login")),
    ("max_client_conn", Count("listen", "max_clients", 1, MANY)),
    ("max_db_client_connections", Count("limits", "max_db_client_connections", 0, MANY)),
    ("max_db_connections", Count("pool", "max_db_connections", 0, MANY)),
    ("max_packet_size", Nothing("messages may have 1 GiB, as in PostgreSQL")),
    ("max_prepared_statements", Count("pool", "prepared_statements_max", 1, 100_000)),
    ("max_user_client_connections", Nothing("it is set for each of [[users]]")),
    ("max_user_connections", Count("pool", "max_user_connections", 0, MANY)),
    ("min_pool_size", Count("pool", "pool_min", 0, 10_000)),
    ("peer_id", Elsewhere),
    ("pidfile", Nothing(STARTED)),
    ("pkt_buf", Nothing(BUFFERS)),
    ("pool_idle_timeout", Nothing("a pool without connections costs nothing")),
    ("pool_mode", Elsewhere),
    ("query_timeout", Time("limits", "query_timeout", 0.0, YEAR)),
    ("query_wait_notify", Time("pool", "wait_notify", 0.0, DAY)),
    ("query_wait_timeout", Time("pool", "wait_timeout", 0.01, DAY)),
    ("reserve_pool_size", Count("pool", "reserve_size", 0, 10_000)),
    ("reserve_pool_timeout", Time("pool", "reserve_timeout", 0.0, DAY)),
    ("resolv_conf", Nothing("names are resolved as the system says")),
    ("sbuf_loopcnt", Nothing(BUFFERS)),
    ("scram_iterations", Nothing("verifiers are made with 4096 rounds; those that are given keep theirs")),
    ("server_check_delay", Nothing(CHECKED)),
    ("server_check_query", Nothing(CHECKED)),
    ("server_connect_timeout", Time("pool", "connect_timeout", 0.01, DAY)),
    ("server_fast_close", Nothing("the console's RECONNECT closes connections as they come back")),
    ("server_idle_timeout", Time("pool", "server_idle_timeout", 1.0, YEAR)),
    ("server_lifetime", Time("pool", "server_lifetime", 1.0, YEAR)),
    ("server_login_retry", Time("pool", "server_login_retry", 0.01, DAY)),
    ("server_reset_query", Nothing(RESET)),
    ("server_reset_query_always", Nothing(RESET)),
    ("server_round_robin", Nothing("the connection that was used last is lent first")),
    ("server_tls13_ciphers", Nothing(CIPHERS)),
    ("server_tls_ca_file", Elsewhere),
    ("server_tls_cert_file", Nothing("no certificate is shown to servers")),
    ("server_tls_ciphers", Nothing(CIPHERS)),
    ("server_tls_key_file", Nothing("no certificate is shown to servers")),
    ("server_tls_protocols", Nothing(CIPHERS)),
    ("server_tls_sslmode", Elsewhere),
    ("service_name", Nothing(STARTED)),
    ("so_reuseport", Nothing("the port is always shared; `[listen] workers` makes one process use more cores")),
    ("stats_period", Nothing("averages of the console are those of a minute")),
    ("stats_users", Elsewhere),
    ("suspend_timeout", Nothing("there is no SUSPEND: a new process takes over the port")),
    ("syslog", Nothing(LOGS)),
    ("syslog_facility", Nothing(LOGS)),
    ("syslog_ident", Nothing(LOGS)),
    ("tcp_defer_accept", Nothing("connections are taken at once")),
    ("tcp_keepalive", Elsewhere),
    ("tcp_keepcnt", Count("listen", "keepalive_count", 1, 127)),
    ("tcp_keepidle", Time("listen", "keepalive", 1.0, DAY)),
    ("tcp_keepintvl", Time("listen", "keepalive_interval", 1.0, HOUR)),
    ("tcp_socket_buffer", Nothing("the system's")),
    ("tcp_user_timeout", Elsewhere),
    ("track_extra_parameters", Nothing(FOLLOWS)),
    ("transaction_timeout", Time("limits", "transaction_timeout", 0.0, YEAR)),
    ("unix_socket_dir", Elsewhere),
    ("unix_socket_group", Nothing("the socket belongs to the process's group")),
    ("unix_socket_mode", Word("listen", "unix_socket_mode")),
    ("user", Nothing(STARTED)),
    ("verbose", Elsewhere),
];

/// What PgBouncer does where nothing is said, and we would do otherwise.
const DEFAULTS: &[(&str, &str)] = &[("max_client_conn", "100"), ("server_login_retry", "15")];

/// The lines of our sections, in the order of the entries.
pub fn settings(ini: &Ini, left: &mut Vec<String>) -> Vec<(&'static str, String)> {
    let mut lines = of_other_names(ini, left);
    let is_unset = |name: &str| ini.get(name).is_none_or(str::is_empty);
    let defaults = DEFAULTS.iter().filter(|(name, _)| is_unset(name));
    let given = ini.general.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in given.chain(defaults.copied()) {
        let Some((_, becomes)) = SETTINGS.iter().find(|(known, _)| *known == name) else {
            left.push(format!("{name} = {value}: PgBouncer 1.25 has no such setting"));
            continue;
        };
        let (section, ours, written) = match becomes {
            Elsewhere => continue,
            Nothing(why) => {
                left.push(format!("{name} = {value}: {why}"));
                continue;
            }
            _ if value.is_empty() => continue,
            Count(section, ours, least, most) => (section, ours, count(value, *least, *most)),
            Word(section, ours) => (section, ours, Ok(quoted(value))),
            Time(section, ours, least, most) => (section, ours, time(value, *least, *most)),
        };
        match written {
            Ok(written) => lines.push((*section, format!("{ours} = {written}\n"))),
            Err(why) => left.push(format!("{name} = {value}: `[{section}] {ours}` {why}")),
        }
    }
    lines
}

/// A setting of a database, by the name that it has in `[pgbouncer]`: our line.
pub fn of_database(name: &str, value: &str) -> Option<Result<String, String>> {
    let (_, becomes) = SETTINGS.iter().find(|(known, _)| *known == name)?;
    let (ours, written) = match becomes {
        Count("pool" | "limits", ours, least, most) => (ours, count(value, *least, *most)),
        Time("pool" | "limits", ours, least, most) => (ours, time(value, *least, *most)),
        Count(..) | Word(..) | Time(..) | Elsewhere | Nothing(_) => return None,
    };
    Some(written.map(|written| format!("{ours} = {written}\n")).map_err(|why| format!("`{ours}` {why}")))
}

/// `pool_mode`, and what is to be said of it.
pub fn pool_mode(mode: &str) -> (&str, Option<&'static str>) {
    match mode {
        "statement" => ("transaction", Some("there is no statement pooling: transaction pooling it is")),
        mode => (mode, None),
    }
}

/// What is more than a name and a value.
fn of_other_names(ini: &Ini, left: &mut Vec<String>) -> Vec<(&'static str, String)> {
    let get = |name: &str| ini.get(name).filter(|value| !value.is_empty());
    let mut lines = Vec::new();
    listen(ini, &mut lines, left);
    // PgBouncer's own default; ours is another.
    let mode = get("pool_mode").unwrap_or("session");
    let (mode, said) = pool_mode(mode);
    left.extend(said.map(|why| format!("pool_mode = statement: {why}")));
    lines.push(("pool", format!("pool_mode = {}\n", quoted(mode))));
    match get("tcp_keepalive") {
        None | Some("1") => (),
        Some("0") if get("tcp_keepidle").is_none() => lines.push(("listen", "keepalive = \"0\"\n".to_owned())),
        Some(value) => left.push(format!("tcp_keepalive = {value}: there is `[listen] keepalive`")),
    }
    if let Some(value) = get("tcp_user_timeout") {
        match value.parse::<u32>() {
            Ok(0) => (),
            Ok(millis) => lines.push(("listen", format!("user_timeout = \"{millis}ms\"\n"))),
            Err(_) => left.push(format!("tcp_user_timeout = {value}: it is no number of milliseconds")),
        }
    }
    match (get("log_connections").unwrap_or("1"), get("log_disconnections").unwrap_or("1")) {
        ("1", "1") => (),
        ("0", "0") => lines.push(("log", "connections = false\n".to_owned())),
        (came, went) => left.push(format!(
            "log_connections = {came}, log_disconnections = {went}: `[log] connections` is for both, and is on"
        )),
    }
    match get("verbose") {
        None | Some("0") => (),
        Some("1") => lines.push(("log", "level = \"debug\"\n".to_owned())),
        Some(_) => lines.push(("log", "level = \"trace\"\n".to_owned())),
    }
    lines
}

/// Addresses and the Unix socket. Without an address there is only the socket, as with PgBouncer.
fn listen(ini: &Ini, lines: &mut Vec<(&'static str, String)>, left: &mut Vec<String>) {
    let port = ini.get("listen_port").filter(|port| !port.is_empty()).unwrap_or("6432");
    let hosts = ini.get("listen_addr").unwrap_or("").split(',').map(str::trim).filter(|it| !it.is_empty());
    let mut addresses = Vec::new();
    for host in hosts {
        let bare: Option<std::net::IpAddr> = host.parse().ok();
        match (host, bare) {
            ("*" | "localhost", _) | (_, Some(std::net::IpAddr::V4(_))) => addresses.push(format!("{host}:{port}")),
            (_, Some(std::net::IpAddr::V6(_))) => addresses.push(format!("[{host}]:{port}")),
            (_, None) => left.push(format!("listen_addr = {host}: addresses are numbers here, * or localhost")),
        }
    }
    let folder = match ini.get("unix_socket_dir") {
        // PgBouncer's own default.
        None => Some("/tmp"),
        Some("") => None,
        Some(folder) if folder.starts_with('@') => {
            left.push(format!("unix_socket_dir = {folder}: there are no abstract sockets"));
            None
        }
        Some(folder) => Some(folder),
    };
    if addresses.is_empty() && (folder.is_none() || port != "6432") {
        // The name of the socket has the port of the first address.
        left.push("listen_addr: nothing that could be listened on was left: it is 127.0.0.1".to_owned());
        addresses.push(format!("127.0.0.1:{port}"));
    }
    if !addresses.is_empty() {
        lines.push(("listen", format!("address = {}\n", super::ini::list(addresses.iter().map(String::as_str)))));
    }
    lines.extend(folder.map(|folder| ("listen", format!("unix_socket = {}\n", quoted(folder)))));
}

fn count(value: &str, least: u32, most: u32) -> Result<String, String> {
    let number = value.parse::<u32>().ok().filter(|number| (least..=most).contains(number));
    number.map(|number| number.to_string()).ok_or_else(|| format!("is a number from {least} to {most}"))
}

/// PgBouncer's seconds, with or without a fraction.
pub fn time(value: &str, least: f64, most: f64) -> Result<String, String> {
    let seconds = value.parse().ok().filter(|seconds: &f64| (least..=most).contains(seconds));
    let seconds = seconds.ok_or_else(|| format!("is between {least} and {most} seconds"))?;
    Ok(match seconds.fract() == 0.0 {
        true => format!("\"{seconds}s\""),
        false => format!("\"{}ms\"", (seconds * 1000.0).round()),
    })
}
