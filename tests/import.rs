//! `shardway import`: what becomes of a `pgbouncer.ini`, and that nothing of it is lost unseen.

use std::fs;

use shardway::config::import::import;
use shardway::config::{Settings, load_with};
use shardway::logic::auth::rules::{Method, Visitor, method};
use shardway::logic::topology::{Login, PoolMode, TlsMode};

use crate::support::folder::Folder;

/// The settings of PgBouncer 1.25.
const NAMES: &str = "admin_users application_name_add_host auth_dbname auth_file auth_hba_file auth_ident_file \
    auth_ldap_options auth_query auth_type auth_user autodb_idle_timeout client_idle_timeout client_login_timeout \
    client_tls_ca_file client_tls_cert_file client_tls_ciphers client_tls13_ciphers client_tls_dheparams \
    client_tls_ecdhcurve client_tls_key_file client_tls_protocols client_tls_sslmode conffile default_pool_size \
    disable_pqexec dns_max_ttl dns_nxdomain_ttl dns_zone_check_period idle_transaction_timeout \
    ignore_startup_parameters job_name listen_addr listen_backlog listen_port log_connections log_disconnections \
    log_pooler_errors log_stats logfile max_client_conn max_db_connections max_db_client_connections max_packet_size \
    max_prepared_statements max_user_connections max_user_client_connections min_pool_size peer_id pidfile pkt_buf \
    pool_mode query_timeout query_wait_notify query_wait_timeout cancel_wait_timeout reserve_pool_size \
    reserve_pool_timeout resolv_conf sbuf_loopcnt scram_iterations server_check_delay server_check_query \
    server_connect_timeout server_fast_close server_idle_timeout server_lifetime server_login_retry server_reset_query \
    server_reset_query_always server_round_robin server_tls_ca_file server_tls_cert_file server_tls_ciphers \
    server_tls13_ciphers server_tls_key_file server_tls_protocols server_tls_sslmode service_name so_reuseport \
    stats_period stats_users suspend_timeout syslog syslog_facility syslog_ident tcp_defer_accept tcp_keepalive \
    tcp_keepcnt tcp_keepidle tcp_keepintvl tcp_socket_buffer tcp_user_timeout track_extra_parameters \
    transaction_timeout unix_socket_dir unix_socket_group unix_socket_mode user verbose";

/// An ini beside other files; the settings, the lines of the file, and what was left.
fn imported(name: &str, ini: &str, files: &[(&str, &str)]) -> (Settings, String, Vec<String>) {
    let folder = Folder::new(name);
    for (name, text) in files {
        folder.file(name, text);
    }
    let read = |name: &str| fs::read_to_string(folder.0.join(name)).map_err(|_| "no such file".to_owned());
    let (toml, left) = import(ini, &read);
    let path = folder.file("shardway.toml", &toml);
    let settings = load_with(&path, &|_| None).unwrap_or_else(|report| panic!("{report}\n{toml}"));
    (settings, toml, left)
}

fn has(toml: &str, line: &str) {
    assert!(toml.lines().any(|it| it == line), "{line}\nis not in\n{toml}");
}

const USERS: (&str, &str) =
    ("userlist.txt", "\"app\" \"secret\"\n\"ops\" \"word\"\n\"old\" \"md5aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\n");

#[test]
fn each_setting_is_carried_over_or_named() {
    let nothing = |_: &str| Err("no such file".to_owned());
    let without = import("[databases]\n* = host=a\n[pgbouncer]\n", &nothing);
    for name in NAMES.split_whitespace() {
        let (toml, left) = import(&format!("[databases]\n* = host=a\n[pgbouncer]\n{name} = 7\n"), &nothing);
        let is_named = left.iter().any(|line| line.contains(name) && !without.1.contains(line));
        let is_carried = toml.split("# Not carried over").next() != without.0.split("# Not carried over").next();
        // Seven is a verifier of no mode and the size of nothing, yet each of them leaves a trace.
        let same = ["tcp_keepalive", "log_connections", "log_disconnections", "peer_id"].contains(&name);
        assert!(is_named || is_carried || same, "{name}\n{toml}");
        assert!(!left.iter().any(|line| line.contains("has no such setting")), "{left:?}");
    }
    let (_, left) = import("[pgbouncer]\nserver_reset_qery = x\n[user]\na = 1\n", &nothing);
    assert!(left.contains(&"server_reset_qery = x: PgBouncer 1.25 has no such setting".to_owned()), "{left:?}");
    assert!(left.contains(&"[user] a: there is no such section".to_owned()), "{left:?}");
}

#[test]
fn what_is_not_said_is_as_pgbouncer_has_it() {
    let ini = "[databases]\napp = host=pg1\n[pgbouncer]\nlisten_addr = 127.0.0.1\nauth_file = userlist.txt\n";
    let (settings, ..) = imported("unsaid", ini, &[USERS]);
    let pool = &settings.databases[0].pool;
    assert_eq!((pool.mode, pool.size, pool.login_retry.as_secs()), (PoolMode::Session, 20, 15));
    assert_eq!((settings.listen.max_clients, settings.listen.tls.is_none()), (100, true));
    assert_eq!(settings.listen.unix_socket.as_deref(), Some("/tmp".as_ref()));
    assert_eq!(settings.databases[0].shards[0].primary.address.tls.mode, TlsMode::Prefer);
    let (settings, ..) =
        imported("socket", "[databases]\napp = dbname=app\n[pgbouncer]\nauth_file = userlist.txt\n", &[USERS]);
    assert_eq!(settings.listen.addresses, [], "the socket alone");
}

#[test]
fn databases_and_pools_are_carried_over() {
    let ini = "\
;; ours
[databases]
app = host=pg1 port=5433 dbname='app db' pool_size=7 reserve_pool=2 max_db_connections=9 server_lifetime=60 pool_mode=statement
forced = host=10.0.0.1,10.0.0.2 user=ops connect_query='SELECT 1'
own = host=::1 user=app password='it''s'
\"Quoted \"\"Db\"\"\" = host=pg2 pool_mode=transaction
* = host=pg9 pool_size=3
[pgbouncer]
listen_addr = *, ::1
listen_port = 7432
auth_file = userlist.txt
auth_type = scram-sha-256
default_pool_size = 10
default_pool_size = 15
reserve_pool_size = 4
reserve_pool_timeout = 2.5
query_wait_timeout = 0.5
query_wait_notify = 0
server_lifetime = 0
server_tls_sslmode = require
log_connections = 0
log_disconnections = 0
admin_users = ops, root, old
autodb_idle_timeout = 600
%include more.ini
";
    let more = ("more.ini", "max_client_conn = 500\n[users]\napp = max_user_connections=5 pool_mode=session\n");
    let (settings, toml, left) = imported("databases", ini, &[USERS, more]);
    for line in [
        "address = [\"*:7432\", \"[::1]:7432\"]",
        "max_clients = 500",
        "file = \"userlist.txt\"",
        "pool_size = 15",
        "reserve_size = 4",
        "reserve_timeout = \"2500ms\"",
        "wait_timeout = \"500ms\"",
        "wait_notify = \"0s\"",
        "connections = false",
        "admin = [\"ops\"]",
        "primary = \"postgres://pg1:5433/app%20db?sslmode=require\"",
        "primary = \"postgres://ops:word@10.0.0.1:5432/forced?sslmode=require\"",
        "primary = \"postgres://app:it%27s@[::1]:5432/own?sslmode=require\"",
        "primary = \"postgres://pg9:5432?sslmode=require\"",
        "autodb_idle_timeout = \"600s\"",
    ] {
        has(&toml, line);
    }
    let app = settings.databases.iter().find(|it| &*it.name == "app").unwrap();
    let pool = &app.pool;
    assert_eq!((pool.size, pool.reserve, pool.database_max, pool.lifetime.as_secs()), (7, 2, 9, 60));
    assert_eq!(pool.mode, PoolMode::Transaction);
    assert!(settings.databases.iter().any(|it| &*it.name == "Quoted \"Db\"" && it.pool.mode == PoolMode::Transaction));
    assert_eq!(settings.users.iter().find(|it| &*it.user.name == "app").unwrap().user.connections_max, Some(5));
    let expected = [
        "server_lifetime = 0: `[pool] server_lifetime` is between 1 and 31536000 seconds",
        "[users] app: pool_mode = session: it is set for a database here, not for a user",
        "admin_users = root: auth_file does not name the user",
        "admin_users = old: auth_file has no password of the user, and no SCRAM verifier",
        "[databases] app: pool_mode = statement: there is no statement pooling: transaction pooling it is",
        "[databases] forced: connect_query = SELECT 1: nothing is said on new connections: ALTER ROLE … IN DATABASE … SET",
        "[databases] forced: host = 10.0.0.2: several hosts of one database: the first is the primary; `replicas` take reads",
    ];
    assert_eq!(left, expected);
    assert!(expected.iter().all(|line| toml.contains(&format!("#   {line}\n"))), "{toml}");
    assert!(!toml.contains("# Not carried over:\n#   app"), "no secrets in comments");
}

#[test]
fn logins_are_asked_for_as_before() {
    let ini = "\
[databases]
app = host=pg1
[pgbouncer]
listen_addr = 127.0.0.1
auth_file = userlist.txt
auth_user = app
auth_query = SELECT a, b FROM lookup($1)
auth_dbname = app
auth_type = hba
auth_hba_file = hba.conf
auth_ident_file = ident.conf
";
    let hba = "\
# TYPE DATABASE USER ADDRESS METHOD
local   all            all                          md5
host    app,\"all\"    app, @names  10.0.0.0/8      scram-sha-256
hostssl all            ops          192.168.0.0 255.255.0.0 trust
host    sameuser       all          172.16.0.0/12   md5
hostnossl all          all          all             reject
host    all            old          ::1/128         ldap
host    replication    all          all             trust
";
    let (settings, _, left) =
        imported("logins", ini, &[USERS, ("hba.conf", hba), ("names", "ann bob\n"), ("ident.conf", "m CN app\n")]);
    let query = settings.auth.query.as_ref().unwrap();
    assert_eq!(
        (&*query.user, query.database.as_deref(), &*query.sql),
        ("app", Some("app"), "SELECT a, b FROM lookup($1)")
    );
    assert_eq!(query.password.as_ref().map(|it| it.expose()), Some("secret"), "auth_file has it");
    let asked = |database, user, address: &str, is_secure| {
        method(&settings.auth.rules, &Visitor { database, user, address: address.parse().ok(), is_secure })
    };
    assert_eq!(asked("x", "app", "", false), Method::Scram, "over the socket");
    assert_eq!(asked("app", "bob", "10.1.1.1", false), Method::Scram);
    assert_eq!(asked("all", "app", "10.1.1.1", true), Method::Scram);
    assert_eq!(asked("x", "app", "10.1.1.1", true), Method::Reject);
    assert_eq!(asked("x", "ops", "192.168.9.9", true), Method::Trust);
    assert_eq!(asked("x", "ops", "192.169.9.9", true), Method::Reject);
    assert_eq!(asked("app", "app", "172.16.1.1", true), Method::Reject, "never more than before");
    assert_eq!(asked("x", "old", "::1", true), Method::Reject);
    let expected = [
        "host    sameuser       all          172.16.0.0/12   md5: a rule cannot compare user and database; whoever it may be for is rejected",
        "host    all            old          ::1/128         ldap: there is no such way to prove who one is; whoever it may be for is rejected",
        "host    replication    all          all             trust: there are no replication connections",
    ];
    assert_eq!(left[..3], expected.map(|line| format!("auth_hba_file: {line}")));
    assert_eq!(left[3..], ["auth_ident_file: m CN app: no rule uses this map"]);
}

#[test]
fn who_needed_no_password_needs_none() {
    let ini = "[databases]\napp = host=pg1\n[pgbouncer]\nauth_file = users\nauth_type = trust\nlisten_addr = *\n";
    let (settings, _, left) = imported("trusting", ini, &[("users", "\"app\" \"\"\n\"ops\" \"word\"\n")]);
    let app = settings.users.iter().find(|it| &*it.user.name == "app").unwrap();
    assert!(matches!(app.user.login, Login::Trust));
    let visitor = Visitor { database: "app", user: "ops", address: None, is_secure: false };
    assert_eq!((method(&settings.auth.rules, &visitor), left.len()), (Method::Trust, 0), "{left:?}");
}

#[test]
fn tls_is_asked_for_as_before() {
    let nothing = |_: &str| Err("no such file".to_owned());
    let files = "client_tls_cert_file = c\nclient_tls_key_file = k\nclient_tls_ca_file = ca\n";
    let cases = [
        ("client_tls_sslmode = prefer\n", "mode = \"allow\""),
        ("client_tls_sslmode = require\n", "mode = \"require\""),
        ("client_tls_sslmode = verify-full\n", "mode = \"verify\""),
        // PgBouncer's default.
        ("", "mode = \"disable\""),
    ];
    for (mode, line) in cases {
        let (toml, _) = import(&format!("[pgbouncer]\n{mode}{files}"), &nothing);
        for line in [line, "certificate = \"c\"", "key = \"k\"", "client_ca = \"ca\""] {
            has(&toml, line);
        }
    }
    let servers =
        |lines: &str| import(&format!("[databases]\na = host=h\nu = host=/run\n[pgbouncer]\n{lines}"), &nothing);
    let (toml, _) = servers("server_tls_sslmode = verify-full\nserver_tls_ca_file = /etc/my ca.pem\n");
    has(&toml, "primary = \"postgres://h:5432/a?sslmode=verify-full&sslrootcert=%2Fetc%2Fmy%20ca.pem\"");
    has(&toml, "primary = \"postgres:///u?host=%2Frun&port=5432\"");
    let (toml, left) = servers("server_tls_sslmode = allow\nserver_tls_ca_file = x\nserver_tls_key_file = y\n");
    has(&toml, "primary = \"postgres://h:5432/a\"");
    for name in ["server_tls_sslmode = allow", "server_tls_ca_file = x", "server_tls_key_file = y"] {
        assert!(left.iter().any(|line| line.starts_with(name)), "{name}: {left:?}");
    }
}
