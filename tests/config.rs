//! The settings file: what it means, what is wrong with it, what a reload changes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use shardway::config::{Effect, LogFormat, SECTIONS, Settings, diff, load_with, misplaces};
use shardway::logic::shards::{Method, Placement, ShardId, TableName};
use shardway::logic::topology::{Host, Login, PoolMode, Role, TlsMode};
use shardway::logic::value::Key;

use crate::support::folder::Folder;

fn env(name: &str) -> Option<String> {
    match name {
        "APP_PASSWORD" => Some("from the environment".into()),
        _ => None,
    }
}

/// Everything wrong with a file, without its folder.
fn problems(name: &str, text: &str) -> String {
    let folder = Folder::new(name);
    let path = folder.file("s.toml", text);
    let report = match load_with(&path, &env) {
        Ok(settings) => settings.warnings,
        Err(report) => report,
    };
    report.to_string().replace(&format!("{}/", folder.0.display()), "")
}

fn good(name: &str, text: &str) -> Settings {
    let folder = Folder::new(name);
    let path = folder.file("s.toml", text);
    load_with(&path, &env).unwrap_or_else(|report| panic!("{report}"))
}

const USER: &str = "[[users]]\nname = \"app\"\npassword = \"hunter2\"\n";

/// A file with two shards and one keyspace.
fn with_keyspace(keyspace: &str) -> String {
    format!(
        "{USER}
[databases.app.shards]
a.primary = \"postgres://pg-a/app\"
b.primary = \"postgres://pg-b/app\"
[databases.app.tables]
events = {{ keyspace = \"clients\", key = \"client_id\" }}
[databases.app.keyspaces.clients]
{keyspace}"
    )
}

/// The messages only, one a line, without the lines around them.
fn messages(name: &str, text: &str) -> Vec<String> {
    let shown = problems(name, text);
    let kept = shown.lines().filter(|line| line.starts_with("error") || line.starts_with("warning"));
    kept.map(|line| line.split(": expected ").next().unwrap_or(line).to_owned()).collect()
}

#[test]
fn the_sketch_of_the_design_loads() {
    let settings = load_with(Path::new("config/minimal.toml"), &env).unwrap_or_else(|report| panic!("{report}"));
    assert!(settings.warnings.problems.is_empty(), "{}", settings.warnings);
    assert_eq!(settings.listen.addresses, ["0.0.0.0:6432".parse().unwrap()]);
    assert_eq!(settings.listen.metrics, Some("0.0.0.0:9090".parse().unwrap()));

    let user = &settings.users[0].user;
    assert!(matches!(&user.login, Login::Verifier(it) if it.expose().starts_with("SCRAM-SHA-256$4096:")));
    assert_eq!(user.server_password.as_ref().unwrap().expose(), "from the environment");

    let database = &settings.databases[0];
    assert_eq!((&*database.name, database.pool.size, database.pool.mode), ("app", 20, PoolMode::Transaction));
    let replica = &database.shards[0].replicas[0];
    assert_eq!((&*replica.name, replica.role, replica.shard), ("app/a/replica-1", Role::Replica, ShardId(0)));
    assert_eq!(replica.address.host, Host::Tcp("pg-a2".into()));

    let map = &database.map;
    let Method::Hash { buckets } = &map.keyspaces[0].method else { panic!("clients is hashed") };
    assert_eq!(buckets.len(), 256);
    assert_eq!([buckets[0], buckets[85], buckets[86], buckets[255]].map(|it| it.0), [0, 0, 1, 2]);
    assert_eq!(map.keyspaces[0].pins[&Key::Int(42)], ShardId(2));
    let Method::Range(ranges) = &map.keyspaces[1].method else { panic!("instruments are ranges") };
    assert_eq!(ranges[1].from, Some(Key::Int(10_001)));
    assert_eq!(ranges[2].to, None);
    let table = |name: &str| &map.tables[&TableName { schema: "public".into(), name: name.into() }];
    assert_eq!(table("countries"), &Placement::Reference);
    assert_eq!(table("audit"), &Placement::Single(ShardId(0)));
    assert!(matches!(table("events"), Placement::Sharded { key, .. } if &**key == "client_id"));
}

#[test]
fn the_reference_loads_and_names_every_setting() {
    let text = fs::read_to_string("config/shardway.toml").unwrap();
    for (section, fields) in SECTIONS {
        for field in *fields {
            let names =
                |line: &str| line.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == *field);
            assert!(text.lines().any(names), "`{field}` of {section} is not in config/shardway.toml");
        }
    }
    let settings = load_with(Path::new("config/shardway.toml"), &env).unwrap_or_else(|report| panic!("{report}"));
    assert!(settings.warnings.problems.is_empty(), "{}", settings.warnings);
}

/// What the reference shows as set is the default, or an example that the text calls one.
#[test]
fn the_values_of_the_reference_are_the_defaults() {
    let shown = load_with(Path::new("config/shardway.toml"), &env).unwrap_or_else(|report| panic!("{report}"));
    let plain = load_with(Path::new("config/minimal.toml"), &env).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(shown.databases[0].pool, plain.databases[0].pool);
    assert_eq!(shown.databases[0].limits, plain.databases[0].limits);
    assert_eq!(shown.databases[0].replicas, plain.databases[0].replicas);
    assert_eq!(shown.health, plain.health);
    assert_eq!(shown.log, plain.log);
    assert_eq!(shown.listen.login_timeout, plain.listen.login_timeout);
    assert_eq!(shown.listen.socket, plain.listen.socket);
    assert_eq!(shown.listen.max_clients, plain.listen.max_clients);
    assert_eq!(shown.listen.backlog, plain.listen.backlog);
}

#[test]
fn the_settings_of_the_containers_load() {
    let settings =
        load_with(Path::new("config/docker/shardway.toml"), &env).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(settings.databases[0].shards.len(), 3);
    assert!(settings.warnings.problems.is_empty(), "{}", settings.warnings);
}

#[test]
fn a_problem_is_shown_where_it_stands() {
    let text = "[listen]\naddress = \"127.0.0.1:6432\"\nmax_client = 5\n";
    let shown =
        problems("caret", &format!("{text}{}", with_keyspace("type = \"bigint\"\nbuckets = { a = \"0-1\", b = 2 }")));
    let expected = "\
error: unknown setting `max_client`
 --> s.toml:3:1
  |
3 | max_client = 5
  | ^^^^^^^^^^
  help: did you mean `max_clients`?

";
    assert_eq!(shown, expected);
}

#[test]
fn everything_wrong_is_reported_at_once() {
    let text = r#"
[listen]
address = "everywhere"
login_timeout = 5
workers = "two"
[listen.tls]
certificate = "missing.pem"
[[users]]
name = "app"
password = { env = "NOT_SET" }
[[users]]
nam = "b"
[pool]
pool_mode = "statement"
pool_size = 0
[databases.pgbouncer.shards.a]
primary = "mysql://u:topsecret@h/db"
[databases.app]
pool_sise = 3
default_shard = "x"
[databases.app.shards.a]
replicas = []
"#;
    assert_eq!(
        messages("all", text),
        [
            "error: `everywhere` is not an address to listen on",
            "error: `login_timeout` must be a duration",
            "error: `workers` must be a whole number, not a string",
            "error: `key` is missing",
            "error: cannot read missing.pem: No such file or directory (os error 2)",
            "error: the environment variable NOT_SET is not set",
            "error: `name` is missing",
            "error: unknown setting `nam`",
            "error: `pool_mode` cannot be \"statement\"",
            "error: `pool_size` must be between 1 and 10000",
            "error: the database name `pgbouncer` is reserved",
            "warning: nothing lives on the shard `a`",
            "error: the address of a server starts with postgres://",
            "error: unknown setting `pool_sise`",
            "error: there is no shard `x`",
            "error: the shard `a` has no `primary`",
        ]
    );
    assert!(!problems("all-2", text).contains("topsecret"));
}

#[test]
fn broken_toml_is_shown_with_the_rest() {
    let text = "[listen\naddress = \"127.0.0.1:1\"\n[pool]\npool_size = = 3\npool_min = \"x\"\n";
    let shown = messages("broken", text);
    assert!(shown.len() >= 3, "{shown:#?}");
    assert!(shown.iter().any(|it| it.contains("`pool_min` must be a whole number")), "{shown:#?}");
    assert!(!shown.iter().any(|it| it.contains("no users") || it.contains("no databases")), "{shown:#?}");
}

#[test]
fn maps_with_mistakes() {
    let cases: &[(&str, &[&str])] = &[
        ("type = \"bigint\"\nbuckets = { a = \"0-85\", b = \"86-255\" }", &[]),
        ("type = \"bigint\"\nbuckets = { a = [\"0-5\", \"9\"], b = \"6-8, 10\" }", &[]),
        ("type = \"bigint\"\nbuckets = { a = \"0-5\", b = \"8-9\" }", &["error: buckets 6-7 have no shard"]),
        (
            "type = \"bigint\"\nbucket_count = 16\nbuckets = { a = \"0-5\", b = \"7-14\" }",
            &["error: bucket 15 has no shard", "error: bucket 6 has no shard"],
        ),
        ("type = \"bigint\"\nbuckets = { a = \"0-5\", b = \"5-9\" }", &["error: bucket 5 has two shards"]),
        (
            "type = \"bigint\"\nbucket_count = 8\nbuckets = { a = \"0-5\", b = \"6-9\" }",
            &["error: bucket 9 does not exist: there are 8, counted from 0"],
        ),
        ("type = \"bigint\"\nbuckets = { a = \"0-5\", c = \"6-9\" }", &["error: there is no shard `c`"]),
        ("type = \"bigint\"\nbuckets = { a = \"5-0\" }", &["error: buckets 5-0 run backwards; write 0-5"]),
        (
            "type = \"bigint\"\nbuckets = { a = \"x\", b = -1 }",
            &["error: `x` does not name buckets", "error: `-1` does not name buckets"],
        ),
        ("type = \"bigint\"\nbuckets = {}", &["error: no shard has any keys"]),
        ("type = \"float\"\nbuckets = { a = \"0-5\", b = 6 }", &["error: `float` is not a type that a key can have"]),
        ("type = \"bigint\"", &["error: the keyspace `clients` has neither `buckets` nor `ranges`"]),
        ("type = \"bigint\"\nmethod = \"hash\"", &["error: the keyspace `clients` has no `buckets`"]),
        (
            "type = \"bigint\"\nmethod = \"range\"\nbuckets = { a = 0 }",
            &["error: the keyspace `clients` has no `ranges`"],
        ),
        ("type = \"bigint\"\nranges = [ { to = 5, shard = \"a\" }, { from = 5, shard = \"b\" } ]", &[]),
        ("type = \"bigint\"\nranges = [ { from = 5, shard = \"b\" }, { to = 5, shard = \"a\" } ]", &[]),
        (
            "type = \"bigint\"\nranges = [ { to = 5, shard = \"a\" }, { from = 7, shard = \"b\" } ]",
            &["error: no range holds the keys from 5 up to 7"],
        ),
        (
            "type = \"bigint\"\nranges = [ { to = 5, shard = \"a\" }, { from = 4, shard = \"b\" } ]",
            &["error: key 4 lies in two ranges"],
        ),
        (
            "type = \"bigint\"\nranges = [ { shard = \"a\" }, { from = 4, shard = \"b\" } ]",
            &["error: key 4 lies in two ranges"],
        ),
        (
            "type = \"bigint\"\nranges = [ { from = 5, to = 5, shard = \"a\" }, { from = 6, shard = \"b\" } ]",
            &["error: the range from 5 to 5 holds no key; the upper bound is excluded"],
        ),
        (
            "type = \"smallint\"\nranges = [ { to = 70000, shard = \"a\" }, { from = 70000, shard = \"b\" } ]",
            &["error: \"70000\" is not a key of type smallint", "error: \"70000\" is not a key of type smallint"],
        ),
        ("type = \"text\"\nranges = [ { to = 5, shard = \"a\" } ]", &["error: a text key stands in quotes"]),
        ("type = \"text\"\nranges = [ { to = \"m\", shard = \"a\" }, { from = \"m\", shard = \"b\" } ]", &[]),
        (
            "type = \"date\"\nranges = [ { to = 2025-01-01, shard = \"a\" }, { from = \"2025-01-01\", shard = \"b\" } ]",
            &[],
        ),
        (
            "type = \"bigint\"\nbuckets = { a = 0, b = 1 }\npins = { 7 = \"a\", \"07\" = \"b\" }",
            &["error: the key `07` is pinned twice"],
        ),
        (
            "type = \"bigint\"\nbuckets = { a = 0, b = 1 }\npins = { x = \"a\", 5 = \"z\" }",
            &["error: \"x\" is not a key of type bigint", "error: there is no shard `z`"],
        ),
        ("type = \"bigint\"\nbuckets = { a = \"0-9\" }", &["warning: nothing lives on the shard `b`"]),
    ];
    for (number, (keyspace, expected)) in cases.iter().enumerate() {
        assert_eq!(messages(&format!("map-{number}"), &with_keyspace(keyspace)), *expected, "{keyspace}");
    }
}

#[test]
fn ranges_of_dates_and_numbers_are_written_as_toml_or_as_text() {
    let cases = [
        ("date", "2025-01-01", "\"2025-01-01\""),
        ("timestamp", "2025-01-01T12:30:00", "\"2025-01-01 12:30:00\""),
        ("timestamp", "2025-01-01 12:30:00", "\"2025-01-01 12:30:00\""),
        ("timestamptz", "2025-01-01T12:30:00+02:00", "\"2025-01-01 10:30:00+00\""),
        ("timestamptz", "2025-01-01T10:30:00Z", "\"2025-01-01 10:30:00+00\""),
        ("numeric", "12.50", "\"12.5\""),
        ("bigint", "10_001", "\"10001\""),
        ("uuid", "\"0190163d-8694-739b-aea5-966c26f8ad91\"", "\"0190163D8694739BAEA5966C26F8AD91\""),
    ];
    for (number, (key_type, bound, same)) in cases.iter().enumerate() {
        let keyspace = format!(
            "type = \"{key_type}\"\nranges = [ {{ to = {bound}, shard = \"a\" }}, {{ from = {same}, shard = \"b\" }} ]"
        );
        let found = messages(&format!("bound-{number}"), &with_keyspace(&keyspace));
        assert!(found.is_empty(), "{key_type} {bound} {same}: {found:?}");
    }
}

#[test]
fn the_front_door_is_found_where_it_is_put() {
    let map = with_keyspace("type = \"bigint\"\nbuckets = { a = 0, b = 1 }\n");
    let addresses = |listen: &str| {
        let listen = good("listen", &format!("{map}[listen]\n{listen}\n")).listen;
        (listen.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "), listen.socket_file())
    };
    let socket = |port: u16| Some(PathBuf::from(format!("/tmp/.s.PGSQL.{port}")));
    assert_eq!(addresses(""), ("127.0.0.1:6432".into(), None));
    assert_eq!(addresses("address = \"*:7000\""), ("0.0.0.0:7000".into(), None));
    assert_eq!(addresses("address = [\"localhost\", \"[::1]:7001\"]"), ("127.0.0.1:6432 [::1]:7001".into(), None));
    assert_eq!(addresses("unix_socket = \"/tmp\""), (String::new(), socket(6432)));
    assert_eq!(addresses("unix_socket = \"/tmp\"\naddress = \"[::]:7002\""), ("[::]:7002".into(), socket(7002)));
    assert_eq!(good("keepalive", &format!("{map}[listen]\nkeepalive = \"0\"\n")).listen.socket.keepalive, None);

    let cases: &[(&str, &[&str])] = &[
        ("[listen.tls]\nmode = \"disable\"", &[]),
        ("[listen.tls]\nmode = \"requird\"", &["error: `mode` cannot be \"requird\""]),
        (
            "[listen.tls]\ncertificate = \"s.toml\"\nkey = \"s.toml\"\nmode = \"verify\"",
            &["error: `client_ca` is missing: nobody could present a valid certificate"],
        ),
        (
            "[listen.tls]\ncertificate = \"s.toml\"\nkey = \"s.toml\"",
            &["error: these certificates cannot be used: s.toml: holds no certificate"],
        ),
        (
            "[listen]\nunix_socket = \"/no/such/folder\"",
            &["error: there is no folder /no/such/folder for the Unix socket"],
        ),
        ("[listen]\nunix_socket_mode = \"999\"", &["error: `unix_socket_mode` must be octal permissions"]),
        ("[log]\nlevel = \"loud\"", &["error: `loud` is not a log level"]),
        ("[monitor]\npassword = \"x\"", &["error: [monitor] has a password and no user"]),
        ("[pool]\npool_min = 30", &["error: `pool_min` (30) is more than `pool_size` (20)"]),
    ];
    for (number, (text, expected)) in cases.iter().enumerate() {
        let mut found = messages(&format!("door-{number}"), &format!("{map}{text}\n"));
        found.retain(|it| !it.contains("is missing") || it.contains("client_ca"));
        found.dedup();
        assert_eq!(found, *expected, "{text}");
    }
}

#[test]
fn tables_with_mistakes() {
    let good = with_keyspace("type = \"bigint\"\nbuckets = { a = 0, b = 1 }");
    let cases: &[(&str, &[&str])] = &[
        ("countries = \"referense\"", &["error: the table `countries` cannot be \"referense\""]),
        ("\"public.events\" = \"reference\"", &["error: the table `public.events` is listed twice"]),
        ("sales.orders = \"reference\"", &["error: a table name with a schema stands in quotes"]),
        ("\"sales.orders\" = \"reference\"", &[]),
        ("\"a.b.c\" = \"reference\"", &["error: `a.b.c` is not the name of a table"]),
        ("t = { shard = \"c\" }", &["error: there is no shard `c`"]),
        ("t = { keyspace = \"client\", key = \"id\" }", &["error: there is no keyspace `client`"]),
        ("t = { keyspace = \"clients\" }", &["error: the table needs its `key`: the column that decides the shard"]),
        ("t = { shard = \"a\", key = \"id\" }", &["error: a table is either on one shard or spread by a keyspace"]),
        ("t = {}", &["error: nothing says where the table lives"]),
        ("t = { keyspace = \"clients\", key = \"id\", unique = [\"number\"] }", &[]),
        (
            "t = { keyspace = \"clients\", key = \"id\", unique = [5] }",
            &["error: `unique` must be a string, not an integer"],
        ),
        (
            "t = { shard = \"a\", unique = \"number\" }",
            &["error: `unique` is for tables that are spread by a keyspace"],
        ),
        ("t = { shard = \"a\", colour = \"red\" }", &["error: unknown setting `colour`"]),
    ];
    for (number, (table, expected)) in cases.iter().enumerate() {
        let text = good.replace("[databases.app.tables]", &format!("[databases.app.tables]\n{table}"));
        let mut found = messages(&format!("table-{number}"), &text);
        found.sort();
        assert_eq!(found, *expected, "{table}");
    }
}

#[test]
fn users_with_mistakes() {
    let cases: &[(&str, &[&str])] = &[
        ("name = \"u\"\nauth = \"trust\"", &["warning: anyone who can reach us may log in as `u`"]),
        ("name = \"u\"", &["error: the user `u` has no password"]),
        ("name = \"app\"\npassword = \"x\"", &["error: the user `app` is listed twice"]),
        ("name = \"u\"\npassword = \"\"", &["error: the password is empty"]),
        ("name = \"u\"\npassword = 5", &["error: this cannot be a password"]),
        (
            "name = \"u\"\npassword = { file = \"gone\" }",
            &["error: cannot read the password file gone: No such file or directory (os error 2)"],
        ),
        ("name = \"u\"\npassword = { env = \"A\", file = \"b\" }", &["error: a password needs either `env` or `file`"]),
        ("name = \"u\"\npassword = \"SCRAM-SHA-256$oops\"", &["error: this is not a SCRAM-SHA-256 verifier"]),
        (
            "name = \"u\"\npassword = \"md55d41402abc4b2a76b9719d911017c592\"",
            &["error: md5 password hashes are not supported"],
        ),
        ("name = \"u\"\nauth = \"certificate\"", &["error: client certificates cannot be checked"]),
    ];
    let map = with_keyspace("type = \"bigint\"\nbuckets = { a = 0, b = 1 }");
    for (number, (user, expected)) in cases.iter().enumerate() {
        let text = format!("{map}\n[[users]]\n{user}\n");
        assert_eq!(messages(&format!("user-{number}"), &text), *expected, "{user}");
    }
    assert_eq!(messages("no-users", &map.replace(USER, "")), ["error: there are no users: nobody could log in"]);
}

#[test]
fn nothing_prints_a_password() {
    let text = with_keyspace("type = \"bigint\"\nbuckets = { a = 0, b = 1 }")
        .replace("postgres://pg-a/app", "postgres://u:hunter3@pg-a/app?sslmode=verify-full");
    let settings = good("secrets", &text);
    let shown = format!("{settings:?}");
    assert!(!shown.contains("hunter"), "{shown}");
    assert_eq!(settings.databases[0].shards[0].primary.address.password.as_ref().unwrap().expose(), "hunter3");
    assert_eq!(settings.databases[0].shards[0].primary.address.tls.mode, TlsMode::VerifyFull);

    let broken = text.replace("sslmode=verify-full", "sslmode=sometimes").replace("name = \"app\"", "name = 5");
    let shown = problems("secrets-2", &broken);
    assert!(shown.contains("unknown sslmode") && !shown.contains("hunter"), "{shown}");
}

#[test]
fn passwords_come_from_files_and_verifiers_pass_through() {
    let folder = Folder::new("password-files");
    folder.file("word", "from a file\n");
    let verifier = "SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2FsdA==$\
        AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let map = with_keyspace("type = \"bigint\"\nbuckets = { a = 0, b = 1 }");
    let text = format!(
        "{map}\n[[users]]\nname = \"f\"\npassword = {{ file = \"word\" }}\nserver_user = \"other\"\n\
         [[users]]\nname = \"v\"\npassword = \"{verifier}\"\nserver_password = \"x\"\n"
    );
    let settings = load_with(&folder.file("s.toml", &text), &env).unwrap_or_else(|report| panic!("{report}"));
    let file = &settings.users[1].user;
    assert_eq!(file.server_password.as_ref().unwrap().expose(), "from a file");
    assert_eq!(file.server_user.as_deref(), Some("other"));
    let stored = &settings.users[2].user;
    assert!(matches!(&stored.login, Login::Verifier(it) if it.expose() == verifier));
    assert_eq!(stored.server_password.as_ref().unwrap().expose(), "x");
}

#[test]
fn what_is_wrong_with_logins_is_told() {
    let map = with_keyspace("type = \"bigint\"\nbuckets = { a = 0, b = 1 }");
    let wrong = |auth: &str| messages("auth", &format!("{auth}\n{map}"));
    assert_eq!(
        wrong("[auth]\nquery = \"SELECT 1\""),
        ["error: [auth] has `query` and no `user`", "error: the query does not look at `$1`, the name of the user"]
    );
    assert_eq!(
        wrong("[auth]\nrules = [{ address = \"10.0.0.0/99\", method = \"scram\" }, { user = \"x\" }]"),
        ["error: `10.0.0.0/99` is no address", "error: `method` is missing"]
    );
    assert_eq!(
        wrong("[auth]\nrules = [{ method = \"certificate\" }]"),
        ["error: client certificates cannot be checked"]
    );
    assert_eq!(
        wrong("[auth]\nrules = [{ method = \"trust\" }]"),
        ["warning: whoever this rule fits may log in without a password"]
    );
    assert_eq!(wrong("[auth]\nuser = \"looker\""), [] as [&str; 0]);
}

#[test]
fn included_files_are_merged_and_named_in_errors() {
    let folder = Folder::new("include");
    let main = folder.file("main.toml", &format!("include = [\"databases/*.toml\", \"log.toml\"]\n{USER}"));
    folder.file("log.toml", "[log]\nformat = \"json\"\n[[users]]\nname = \"b\"\npassword = \"x\"\n");
    folder.file(
        "databases/one.toml",
        "[databases.one.shards.a]\nprimary = \"postgres://h/one\"\n[databases.one]\ndefault_shard = \"a\"\n",
    );
    folder.file(
        "databases/two.toml",
        "[databases.two.shards.a]\nprimary = \"postgres://h/two\"\n[databases.two]\ndefault_shard = \"a\"\n",
    );
    folder.file("databases/ignored.txt", "not toml");
    let settings = load_with(&main, &env).unwrap_or_else(|report| panic!("{report}"));
    let names: Vec<&str> = settings.databases.iter().map(|it| &*it.name).collect();
    assert_eq!((names, settings.users.len()), (vec!["one", "two"], 2));
    assert_eq!(settings.log.format, LogFormat::Json);

    folder.file("databases/two.toml", "\n[databases.one]\ndefault_shard = \"b\"\n");
    folder.file("log.toml", "include = \"main.toml\"\n");
    let shown = load_with(&main, &env).unwrap_err().to_string();
    assert!(shown.contains("databases/two.toml:3:1\n"), "{shown}");
    assert!(shown.contains("`default_shard` is set twice"), "{shown}");
    assert!(shown.contains("log.toml:1:1\n") && shown.contains("cannot include others"), "{shown}");
}

#[test]
fn a_missing_file_is_named() {
    let shown = load_with(Path::new("/nowhere/s.toml"), &env).unwrap_err().to_string();
    assert!(shown.starts_with("error: cannot read /nowhere/s.toml: No such file"), "{shown}");
}

#[test]
fn a_reload_knows_what_changed() {
    let text = with_keyspace("type = \"bigint\"\nbuckets = { a = 0, b = 1 }\n[listen]\nmax_clients = 5\n[limits]\n");
    let old = good("diff", &text);
    assert!(diff(&old, &good("diff-2", &text)).is_empty(), "the same file twice");

    let changed = text
        .replace("max_clients = 5", "max_clients = 6\naddress = \"127.0.0.1:7000\"")
        .replace("{ a = 0, b = 1 }", "{ a = 1, b = 0 }")
        .replace("[limits]", "[limits]\nquery_timeout = \"5s\"")
        .replace("hunter2", "hunter3")
        .replace("pg-b", "pg-c")
        + "[databases.new.shards.a]\nprimary = \"postgres://h/new\"\n[databases.new]\ndefault_shard = \"a\"\n";
    let new = good("diff-3", &changed);
    assert_eq!(new.databases[0].limits.query_timeout, Duration::from_secs(5));
    let shown: Vec<String> = diff(&old, &new).changes.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "listen.address (at the next start)",
            "listen.max_clients",
            "user app",
            "monitor",
            "database app: limits",
            "database app: servers",
            "database app: shard map",
            "database new is new",
        ]
    );
    let restart: Vec<_> = diff(&old, &new).needs_restart().map(|it| it.effect).collect();
    assert_eq!(restart, [Effect::Restart]);
    assert_eq!(misplaces(&old, &new), None, "buckets may move");
}

#[test]
fn a_reload_does_not_take_another_number_of_buckets() {
    let keyspace = |buckets: &str| with_keyspace(&format!("type = \"bigint\"\nbuckets = {buckets}\n"));
    let old = good("buckets", &keyspace("{ a = \"0-15\", b = \"16-31\" }"));
    let mistyped = good("buckets-2", &keyspace("{ a = \"0-15\", b = \"16-30\" }"));
    let why = misplaces(&old, &mistyped).expect("it is refused");
    assert!(why.contains("has 32 buckets and would have 31"), "{why}");
    assert!(
        mistyped.warnings.to_string().contains("31 buckets: is the highest one mistyped?"),
        "{}",
        mistyped.warnings
    );
    let meant = good("buckets-3", &keyspace("{ a = \"0-15\", b = \"16-30\" }\nbucket_count = 31"));
    assert!(!meant.warnings.to_string().contains("mistyped"), "{}", meant.warnings);
}

#[test]
fn who_creates_tables_is_a_user_and_no_proxy_looks_elsewhere_for_them() {
    let tables = "buckets = { a = \"0-127\", b = \"128-255\" }\ntype = \"bigint\"\n";
    let with = |lines: &str, more: &str| {
        with_keyspace(tables)
            .replace("[databases.app.shards]", &format!("[databases.app]\n{lines}[databases.app.shards]"))
            + more
    };
    let settings = good("creators", &with("create_tables = \"app\"\n", ""));
    assert_eq!(settings.databases[0].create_tables, [Box::from("app")]);
    let unknown = messages("creators-unknown", &with("create_tables = [\"app\", \"apo\"]\n", ""));
    assert_eq!(unknown, ["error: there is no user `apo`"]);
    let both = "create_tables = [\"app\"]\ndefault_shard = \"a\"\n";
    assert!(messages("creators-alone", &with(both, "")).is_empty());
    let peers = "[[peers]]\nid = 2\naddress = \"10.0.0.2:6432\"\n[listen]\nnode = 1\npeer_secret = \"long enough to be a secret\"\n";
    let told = messages("creators-peers", &with(both, peers));
    assert_eq!(told, ["error: `create_tables` beside `default_shard` is for a proxy that is alone"]);
}

#[test]
fn the_default_shard_counts_as_the_first_and_keys_stay_where_they_were() {
    let buckets = "buckets = { a = \"0-127\", b = \"128-255\" }\ntype = \"bigint\"\n";
    let plain = with_keyspace(buckets);
    let default =
        plain.replace("[databases.app.shards]", "[databases.app]\ndefault_shard = \"b\"\n[databases.app.shards]");
    let (plain, default) = (good("no-default", &plain), good("default-first", &default));
    let names =
        |settings: &Settings| settings.databases[0].map.shards.iter().map(|it| it.to_string()).collect::<Vec<_>>();
    assert_eq!(
        (names(&plain), names(&default)),
        (vec!["a".to_owned(), "b".to_owned()], vec!["b".to_owned(), "a".to_owned()])
    );
    assert_eq!(default.databases[0].map.default_shard, Some(ShardId(0)));
    assert_eq!(&*default.databases[0].shards[0].primary.name, "app/b/primary");
    let home = |settings: &Settings, key: i64| {
        let map = &settings.databases[0].map;
        let shard = map.keyspaces[0].shard_of(&Key::Int(key)).expect("every hash has a bucket");
        map.shards[usize::from(shard.0)].to_string()
    };
    assert!((1..50).all(|key| home(&plain, key) == home(&default, key)));
}

#[test]
fn the_wildcard_is_one_server_and_has_no_map() {
    let wildcard = |lines: &str| format!("{USER}[databases.\"*\"]\n{lines}\n");
    let server = "shards.main.primary = \"postgres://pg-d\"\n";
    let settings = good("wildcard", &wildcard(&format!("{server}pool_size = 3\nautodb_idle_timeout = \"5m\"")));
    let found = settings.wildcard.as_ref().expect("it is there");
    assert_eq!((found.idle_timeout, found.database.pool.size), (Duration::from_secs(300), 3));
    assert!(settings.databases.is_empty() && settings.warnings.problems.is_empty(), "{}", settings.warnings);
    let named = found.wildcard().named("x/y");
    let primary = &named.shards[0].primary;
    assert_eq!((&*primary.name, &*primary.address.database), ("x/y/main/primary", "x/y"));
    assert_eq!(named.map.default_shard, Some(ShardId(0)));
    assert_eq!(good("wildcard", &wildcard(server)).wildcard.unwrap().idle_timeout, Duration::from_secs(3600));
    let fixed = good("wildcard", &wildcard("shards.main.primary = \"postgres://pg-d/one\""));
    let named = fixed.wildcard.unwrap().wildcard().named("x");
    assert_eq!((&*named.name, &*named.shards[0].primary.address.database), ("x", "one"));

    let of = |lines: &str| messages("wildcard", &wildcard(lines));
    let two = of("shards.main.primary = \"postgres://a\"\nshards.other.primary = \"postgres://b\"");
    assert_eq!(two[0], "error: [databases.\"*\"] has one shard");
    assert_eq!(
        of("shards.main = { primary = \"postgres://a\", replicas = [\"postgres://b\"] }"),
        ["error: [databases.\"*\"] has one server"]
    );
    assert_eq!(
        of(&format!("{server}tables = {{ t = {{ shard = \"main\" }} }}")),
        ["error: `tables` has no meaning in [databases.\"*\"]"]
    );
    assert_eq!(of(&format!("{server}autodb_idle_timeout = \"0s\"")).len(), 1);
    let query = format!("[auth]\nuser = \"app\"\npassword = \"x\"\n{}", wildcard(server));
    assert_eq!(messages("wildcard", &query), ["error: [databases.\"*\"] needs a `database` in [auth]"]);
    let listed = format!("{USER}[databases.x]\ndefault_shard = \"main\"\nautodb_idle_timeout = \"1h\"\n{server}");
    assert_eq!(messages("wildcard", &listed), ["error: unknown setting `autodb_idle_timeout`"]);
}
