//! Who comes in at the running proxy, and what those hear who do not.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::*;
use crate::door::certificates::Folder;

#[test]
fn wrong_passwords_and_unknown_users_hear_the_same() {
    let stage = &*STAGE;
    let more = "[[users]]\nname = \"guarded\"\npassword = \"another\"\n";
    let proxy = stage.proxy("passwords", &Settings { more, ..Settings::default() });
    let refused = |user: &str, options: &[(&str, &str)]| enter(proxy.port, user, options).err().unwrap().to_string();
    assert_eq!(refused("guarded", &[]), "FATAL 28P01: password authentication failed for user \"guarded\"");
    assert_eq!(refused("nobody", &[]), "FATAL 28P01: password authentication failed for user \"nobody\"");
    let nowhere = &[("database", "nowhere")];
    assert_eq!(refused("nobody", nowhere), "FATAL 28P01: password authentication failed for user \"nobody\"");
    assert_eq!(refused("app", nowhere), "FATAL 3D000: database \"nowhere\" does not exist");
    assert_eq!(metric(&proxy, "shardway_clients_rejected_total", &["reason=\"login\""]), 3.0);
    assert_eq!(login(&proxy).value("SELECT current_user"), "app");
}

/// Whoever reads it for the proxy.
#[test]
fn a_client_is_told_whether_it_is_a_superuser() {
    let stage = &*STAGE;
    for server in &stage.world.shards {
        admin(server.port()).rows("CREATE ROLE chief SUPERUSER LOGIN PASSWORD 'secret'");
    }
    let user = "[[users]]\nname = \"chief\"\npassword = \"secret\"\n";
    for (number, monitor) in ["app", "chief"].into_iter().enumerate() {
        let more = format!("{user}[monitor]\nuser = \"{monitor}\"\npassword = \"secret\"\n");
        let proxy = stage.proxy(&format!("superusers-{number}"), &Settings { more: &more, ..Settings::default() });
        for (user, told) in [("app", "off"), ("chief", "on")] {
            let mut wire = Wire::connect(proxy.port).unwrap();
            wire.send(&wire::startup(196_608, &[("user", user), ("database", "app")])).unwrap();
            let greeting = wire.authenticate().unwrap();
            let status = format!("is_superuser\0{told}\0");
            assert!(greeting.iter().any(|frame| frame.body == status.as_bytes()), "{user} by {monitor}: {greeting:?}");
            assert_eq!(wire.value("SHOW is_superuser"), told);
        }
    }
    for server in &stage.world.shards {
        admin(server.port()).rows("DROP ROLE chief");
    }
}

#[test]
fn startup_parameters_are_refused_in_postgresqls_words() {
    let stage = &*STAGE;
    let proxy = stage.proxy("startup", &Settings::default());
    let cases: &[(&str, &str)] = &[
        ("options", "-c work_mem=banana"),
        ("options", "-c no_such_thing=1"),
        ("no_such_thing", "1"),
        ("TimeZone", "Nowhere/Land"),
        ("DateStyle", "sideways"),
        ("client_encoding", "KLINGON"),
        ("options", "-c shared_buffers=1MB"),
        ("options", "-c log_min_messages=debug5"),
        ("application_name", "it's \\ ; fine"),
        ("search_path", "no_schema, other"),
    ];
    let mut wrong = Vec::new();
    for case in cases {
        let look = |port| match enter(port, "app", &[*case]) {
            Ok(mut wire) => wire.value("SELECT current_setting('application_name') || current_setting('search_path')"),
            Err(error) => error.to_string(),
        };
        let (expected, found) = (look(stage.world.oracle.port()), look(proxy.port));
        if expected != found {
            wrong.push(format!("{case:?}\n  postgres: {expected}\n  shardway: {found}"));
        }
    }
    for (name, value) in [("shardway.shard", "z"), ("shardway.nothing", "1")] {
        let found = enter(proxy.port, "app", &[(name, value)]).err().map(|error| error.to_string());
        if !found.as_ref().is_some_and(|error| error.starts_with("FATAL 22023") || error.starts_with("FATAL 42704")) {
            wrong.push(format!("{name} = {value}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn one_client_too_many_is_told_and_a_place_that_is_left_is_free() {
    let stage = &*STAGE;
    let proxy = stage.proxy("crowd", &Settings { listen: "max_clients = 3", ..Settings::default() });
    let mut inside: Vec<_> = (0..3).map(|_| login(&proxy)).collect();
    let error = enter(proxy.port, "app", &[]).err().unwrap().to_string();
    assert!(error.starts_with("FATAL 53300: "), "{error}");
    assert_eq!(metric(&proxy, "shardway_clients_rejected_total", &["reason=\"full\""]), 1.0);
    // Cancel requests are no clients: they must come through.
    inside[0].send(&wire::query("SELECT pg_sleep(30.017)")).unwrap();
    let running = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE '%30.017%'";
    until("it runs", || stage.world.shards.iter().any(|shard| admin(shard.port()).value(running) == "1"));
    inside[0].cancel().unwrap();
    assert!(whole_error(&inside[0].until_ready().unwrap()).contains("57014"));
    inside.pop();
    until("the place is free", || enter(proxy.port, "app", &[]).is_ok());
}

#[test]
fn a_login_that_takes_too_long_ends() {
    let stage = &*STAGE;
    let proxy = stage.proxy("slow", &Settings { listen: "login_timeout = \"1s\"", ..Settings::default() });
    let start = Instant::now();
    let mut silent = TcpStream::connect(("127.0.0.1", proxy.port)).unwrap();
    let mut half = Wire::connect(proxy.port).unwrap();
    half.send(&wire::startup(196_608, &[("user", "app"), ("database", "app")])).unwrap();
    assert_eq!(half.recv().unwrap().tag, b'R');
    // A byte now and then does not buy more time.
    let mut drip = TcpStream::connect(("127.0.0.1", proxy.port)).unwrap();
    let message = wire::startup(196_608, &[("user", "app"), ("database", "app")]);
    let dripped = message.iter().take_while(|byte| {
        std::thread::sleep(Duration::from_millis(100));
        drip.write_all(&[**byte]).is_ok()
    });
    assert!(dripped.count() < message.len(), "the slow client is cut off");
    half.until_closed().unwrap();
    assert_eq!(silent.read(&mut [0; 16]).unwrap_or(0), 0);
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(metric(&proxy, "shardway_clients_rejected_total", &["reason=\"timeout\""]), 3.0);
}

#[test]
fn the_unix_socket_lets_in_as_tcp_does() {
    let stage = &*STAGE;
    let folder = stage.world.lab.folder().to_str().unwrap().to_owned();
    let proxy =
        stage.proxy("socket", &Settings { listen: &format!("unix_socket = \"{folder}\""), ..Settings::default() });
    let at = |user: &str| format!("host={folder} port={} dbname=app user={user}", proxy.port);
    let asked = format!("SELECT count(*) FROM events WHERE client_id = {}", stage.clients[0]);
    assert_eq!(psql(&["-c", &asked, &at("app")]), (true, "6".to_owned()));
    let (is_in, said) = psql(&["-c", "SELECT 1", &at("nobody")]);
    assert!(!is_in && said.contains("password authentication failed"), "{said}");
}

#[test]
fn psql_comes_in_through_tls() {
    let stage = &*STAGE;
    let folder = Folder::new();
    folder.authority("ca");
    folder.authority("foreign");
    folder.leaf("proxy", "ca", "proxy", "DNS:localhost,IP:127.0.0.1");
    folder.leaf("card", "ca", "card", "");
    folder.leaf("stranger", "foreign", "card", "");
    for server in &stage.world.shards {
        admin(server.port()).rows("CREATE ROLE card LOGIN PASSWORD 'secret' IN ROLE app");
    }
    let path = |name: &str| folder.path(name).to_str().unwrap().to_owned();
    let more = |mode: &str| {
        format!(
            "[listen.tls]\nmode = \"{mode}\"\ncertificate = \"{}\"\nkey = \"{}\"\nclient_ca = \"{}\"\n\n\
             [[users]]\nname = \"card\"\nauth = \"certificate\"\nserver_user = \"card\"\nserver_password = \"secret\"\n",
            path("proxy.crt"),
            path("proxy.key"),
            path("ca.crt")
        )
    };
    let with = |name: &str| format!("sslcert={} sslkey={}", path(&format!("{name}.crt")), path(&format!("{name}.key")));
    let full = format!("sslmode=verify-full sslrootcert={}", path("ca.crt"));
    let foreign = format!("sslmode=verify-full sslrootcert={}", path("foreign.crt"));
    // Mode of the proxy, user, manner of the client, what it hears.
    let cases: Vec<(&str, &str, String, &str)> = vec![
        ("allow", "app", "sslmode=disable".into(), "app"),
        ("allow", "app", "sslmode=require".into(), "app"),
        ("allow", "app", "sslmode=require channel_binding=require".into(), "app"),
        ("allow", "app", full.clone(), "app"),
        ("allow", "app", foreign, "certificate verify failed"),
        ("allow", "card", format!("{full} {}", with("card")), "card"),
        ("allow", "card", full.clone(), "authentication failed"),
        (
            "allow",
            "app",
            "sslmode=require ssl_min_protocol_version=TLSv1.2 ssl_max_protocol_version=TLSv1.2".into(),
            "app",
        ),
        ("require", "app", "sslmode=disable".into(), "requires SSL encryption"),
        ("require", "app", full.clone(), "app"),
        ("verify", "app", full.clone(), "certificate required"),
        ("verify", "app", format!("{full} {}", with("card")), "app"),
        ("verify", "app", format!("{full} {}", with("stranger")), "tlsv1"),
        ("verify", "card", format!("{full} {}", with("card")), "card"),
    ];
    let mut wrong = Vec::new();
    for mode in ["allow", "require", "verify"] {
        let toml = |port, metrics| stage.toml(port, metrics, &Settings { more: &more(mode), ..Settings::default() });
        let proxy = Proxy::start_with(&stage.world.lab, &format!("tls-{mode}"), toml).unwrap();
        let ends = metric(&proxy, "shardway_certificate_expiry_timestamp_seconds", &[]);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        assert!(ends > now.as_secs_f64(), "the certificate ends at {ends}");
        for (_, user, manner, expected) in cases.iter().filter(|(of, ..)| *of == mode) {
            let at = format!("host=localhost hostaddr=127.0.0.1 port={} dbname=app user={user} {manner}", proxy.port);
            let (_, said) = psql(&["-c", "SELECT current_user", &at]);
            if !said.contains(expected) || (expected == user && said != *expected) {
                wrong.push(format!("{mode}: {user} {manner}: {said}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn startup_parameters_with_quotes_and_wrong_roles() {
    let stage = &*STAGE;
    let proxy = stage.proxy("startup-quotes", &Settings::default());
    let look = |port| {
        let mut wire = enter(port, "app", &[("search_path", "public, \"Odd, one\"")]).unwrap();
        wire.value("SELECT current_setting('search_path')")
    };
    assert_eq!(look(proxy.port), look(stage.world.oracle.port()));
    assert!(enter(proxy.port, "app", &[("shardway.role", "banana")]).is_err());
    assert_eq!(failure(&mut login(&proxy), "SET shardway.role = 'banana'").0, "22023");
}
