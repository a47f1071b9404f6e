//! Commands, and who may give them.

use super::*;

#[test]
fn only_members_come_in_and_by_either_name() {
    let proxy = STAGE.with_console("members");
    for name in ["shardway", "pgbouncer"] {
        let mut wire = enter(proxy.port, "grafana", &[("database", name)]).unwrap();
        assert_eq!(wire.value("SHOW VERSION"), concat!("shardway ", env!("CARGO_PKG_VERSION")));
        let refused = enter(proxy.port, "app", &[("database", name)]).map(drop).unwrap_err();
        assert_eq!(refused.to_string(), "FATAL 42501: user \"app\" may not use the console");
    }
    let stranger = enter(proxy.port, "nobody", &[("database", "shardway")]).map(drop).unwrap_err();
    assert!(stranger.to_string().contains("28P01"), "{stranger}");
}

/// CVE-2026-6667: in PgBouncer, KILL_CLIENT was for everyone who may look.
#[test]
fn who_may_look_can_do_nothing_over_either_protocol() {
    let proxy = STAGE.with_console("lookers");
    let mut client = login(&proxy);
    let mut ops = console(&proxy, "grafana");
    let id = row(&mut ops, "SHOW CLIENTS", &[("user", "app")])["id"].clone();
    for sql in [
        format!("KILL_CLIENT {id}"),
        "KILL app".into(),
        "PAUSE".into(),
        "RESUME".into(),
        "DISABLE app".into(),
        "ENABLE app".into(),
        "RECONNECT".into(),
        "WAIT_CLOSE".into(),
        "RELOAD".into(),
        "SHUTDOWN".into(),
        "SET max_client_conn = 1".into(),
    ] {
        let denied = ("42501".to_owned(), "admin access needed".to_owned());
        assert_eq!(failure(&mut ops, &sql), denied, "{sql}");
        ops.send(&[parse("", &sql, &[]), bind("", "", &[], 0), execute("", 0), sync()].concat()).unwrap();
        assert_eq!(answers(&ops.until_ready().unwrap())[0].error, Some(denied), "{sql}");
    }
    assert_eq!(client.value("SELECT 7"), "7", "nothing has happened to it");
}

#[test]
fn a_client_can_be_sent_away_whatever_it_does() {
    let stage = &*STAGE;
    let proxy = stage.with_console("sent_away");
    let mut ops = console(&proxy, "postgres");
    let sql = format!("SELECT count(*) FROM events WHERE client_id = {}", stage.clients[0]);
    let idle = login(&proxy);
    let mut in_transaction = login(&proxy);
    in_transaction.rows("BEGIN");
    in_transaction.rows(&sql);
    let mut busy = login(&proxy);
    busy.send(&wire::query("SELECT pg_sleep(60)")).unwrap();
    let mut copies = login(&proxy);
    copies.send(&wire::query("COPY events (client_id, id, kind) FROM STDIN")).unwrap();
    copies.until(b"G").unwrap();
    until("it runs", || named_rows(&mut ops, "SHOW CLIENTS").iter().any(|row| row["link"].starts_with("0x")));
    let ids: Vec<String> = named_rows(&mut ops, "SHOW CLIENTS")
        .into_iter()
        .filter(|row| row["user"] == "app")
        .map(|row| row["id"].clone())
        .collect();
    assert_eq!(ids.len(), 4);
    for id in &ids {
        assert_eq!(answer(&mut ops, &format!("KILL_CLIENT {id}")).tag, "KILL_CLIENT");
    }
    for mut wire in [idle, in_transaction, busy, copies] {
        wire.until_closed().unwrap();
    }
    until("they are gone", || named_rows(&mut ops, "SHOW CLIENTS").iter().all(|row| row["user"] != "app"));
    assert_eq!(failure(&mut ops, &format!("KILL_CLIENT {}", ids[0])).1, "client not found");
    // Their servers serve others.
    assert_eq!(login(&proxy).value(&sql), "6");
}

#[test]
fn a_disabled_database_takes_no_new_clients() {
    let proxy = STAGE.with_console("disabled");
    let mut ops = console(&proxy, "postgres");
    let mut before = login(&proxy);
    assert_eq!(answer(&mut ops, "DISABLE app").tag, "DISABLE");
    assert_eq!(row(&mut ops, "SHOW DATABASES", &[("name", "app")])["disabled"], "1");
    let refused = Wire::login(proxy.port, "app", &[]).map(drop).unwrap_err();
    assert!(refused.to_string().contains("database \"app\" is disabled"), "{refused}");
    assert_eq!(before.value("SELECT 7"), "7", "who is there stays");
    assert_eq!(answer(&mut ops, "ENABLE app").tag, "ENABLE");
    assert_eq!(login(&proxy).value("SELECT 7"), "7");
    assert_eq!(failure(&mut ops, "DISABLE nowhere"), ("3D000".into(), "no such database: nowhere".into()));
}

#[test]
fn a_reload_says_what_is_wrong() {
    let stage = &*STAGE;
    let proxy = stage.with_console("reloaded");
    let mut ops = console(&proxy, "postgres");
    let good = fs::read_to_string(&proxy.config).unwrap();
    fs::write(&proxy.config, good.replace("[listen]", "[listen]\nmax_clients = 77")).unwrap();
    assert_eq!(answer(&mut ops, "RELOAD").tag, "RELOAD");
    assert_eq!(row(&mut ops, "SHOW CONFIG", &[("key", "max_client_conn")])["value"], "77");
    fs::write(&proxy.config, good.replace("[listen]", "[listen]\nmax_clientz = 5")).unwrap();
    let (_, why) = failure(&mut ops, "RELOAD");
    assert!(why.contains("unknown setting `max_clientz`"), "{why}");
    assert_eq!(row(&mut ops, "SHOW CONFIG", &[("key", "max_client_conn")])["value"], "77");
}

/// Scripts match these words.
#[test]
fn errors_are_worded_as_pgbouncer_words_them() {
    let proxy = STAGE.with_console("worded");
    let mut ops = console(&proxy, "postgres");
    for (sql, message) in [
        ("FLY", "invalid command 'FLY', use SHOW HELP;"),
        ("SHOW NONSENSE", "invalid command 'SHOW NONSENSE', use SHOW HELP;"),
        ("KILL nope", "no such database: nope"),
        ("KILL", "a database is required"),
        ("RESUME", "pooler is not paused/suspended"),
        ("RESUME app", "database app is not paused"),
        ("RESUME pgbouncer", "database pgbouncer is not paused"),
        ("PAUSE pgbouncer", "cannot pause admin db: pgbouncer"),
        ("KILL pgbouncer", "cannot kill admin db: pgbouncer"),
        ("DISABLE pgbouncer", "cannot disable admin db: pgbouncer"),
        ("RECONNECT pgbouncer", "cannot reconnect admin db: pgbouncer"),
        ("WAIT_CLOSE pgbouncer", "cannot wait in admin db: pgbouncer"),
        ("KILL_CLIENT x", "invalid client pointer supplied"),
        ("KILL_CLIENT 99999999", "client not found"),
        ("SET x = y", "SET failed: \"x\" cannot be set here: change the file, and RELOAD"),
    ] {
        assert_eq!(failure(&mut ops, sql).1, message, "{sql}");
    }
    let frames = ops.simple("SET client_encoding = 'UTF8'").unwrap();
    let notice = frames.iter().find(|frame| frame.tag == b'N').unwrap();
    assert!(String::from_utf8_lossy(&notice.body).contains("SET ignored"));
    assert_eq!(answers(&frames)[0].tag, "SET");
}
