//! Sessions by their number: `pg_backend_pid()` is what the client was greeted with, and others may cancel and end it by that.

use super::*;

fn extended(sql: &str, types: &[u32], parameters: &[&str], format: u16) -> Vec<u8> {
    let parameters: Vec<_> = parameters.iter().map(|value| (0, Some(value.as_bytes().to_vec()))).collect();
    [
        wire::parse("", sql, types),
        wire::describe(b'S', ""),
        wire::bind("", "", &parameters, format),
        wire::describe(b'P', ""),
        wire::execute("", 0),
        wire::sync(),
    ]
    .concat()
}

/// The one row of an answer, as it came, and the name and type of its first column.
fn answer(wire: &mut Wire, messages: &[u8]) -> (Option<Vec<u8>>, (String, u32)) {
    wire.send(messages).unwrap();
    let frames = wire.until_ready().unwrap();
    let row = frames.iter().find(|frame| frame.tag == b'D').unwrap_or_else(|| panic!("{frames:?}"));
    let columns = frames.iter().find(|frame| frame.tag == b'T').unwrap();
    (wire::fields(&row.body).remove(0), wire::columns(&columns.body).remove(0))
}

fn column() -> (String, u32) {
    ("pg_backend_pid".to_owned(), 23)
}

#[test]
fn a_client_is_told_its_own_number_however_it_asks() {
    let proxy = STAGE.proxy("own_number", &Settings::default());
    let mut wires = [login(&proxy), login(&proxy)];
    for wire in &mut wires {
        let (pid, text) = (wire.pid(), wire.pid().to_string());
        let ask = "SELECT pg_backend_pid()";
        assert_eq!(answer(wire, &wire::query(ask)), (Some(text.clone().into_bytes()), column()));
        assert_eq!(answer(wire, &extended(ask, &[], &[], 0)), (Some(text.clone().into_bytes()), column()));
        assert_eq!(answer(wire, &extended(ask, &[], &[], 1)), (Some(pid.to_be_bytes().to_vec()), column()));
        let prepared = [wire::parse("own", ask, &[]), wire::sync()].concat();
        wire.send(&prepared).unwrap();
        wire.until_ready().unwrap();
        let again = [wire::bind("", "own", &[], 1), wire::describe(b'P', ""), wire::execute("", 0), wire::sync()];
        for _ in 0..2 {
            assert_eq!(answer(wire, &again.concat()), (Some(pid.to_be_bytes().to_vec()), column()));
        }
        wire.rows("PREPARE asked AS SELECT pg_backend_pid() AS mine, $1::int");
        for _ in 0..2 {
            assert_eq!(wire.value("EXECUTE asked(1)"), text);
        }
        assert_eq!(answer(wire, &wire::query("SELECT pg_backend_pid()::int8")).1, ("pg_backend_pid".into(), 20));
        for sql in [
            "SELECT pg_catalog . pg_backend_pid ( /* ) */ ) AS mine",
            "SELECT CAST(pg_backend_pid() AS text)",
            "select PG_BACKEND_PID()::bigint, current_user, version()",
            "SELECT pg_backend_pid() WHERE pg_backend_pid() > 4194303",
            "SELECT (SELECT pg_backend_pid())",
            "SELECT 7 UNION ALL SELECT pg_backend_pid() ORDER BY 1 DESC LIMIT 1",
            "VALUES (pg_backend_pid())",
            "SELECT concat(pg_backend_pid(), '')",
            "/* shardway shard=b */ SELECT pg_backend_pid()",
        ] {
            assert_eq!(wire.value(sql), text, "{sql}");
            assert_eq!(answer(wire, &extended(sql, &[], &[], 0)).0, Some(text.clone().into_bytes()), "{sql}");
        }
        let answers =
            wire::answers(&wire.simple("SELECT 1; SELECT pg_backend_pid(); BEGIN; SELECT pg_backend_pid()").unwrap());
        let values: Vec<_> = answers.iter().flat_map(|answer| answer.rows.concat()).flatten().collect();
        assert_eq!(values, [b"1", text.as_bytes(), text.as_bytes()]);
        wire.rows("ROLLBACK");
        wire.rows("BEGIN");
        assert_eq!(wire.value(ask), text);
        assert_eq!(failure(wire, "SELECT pg_backend_pid(), nowhere").0, "42703");
        assert_eq!(failure(wire, ask).0, "25P02");
        wire.rows("ROLLBACK");
        // Where servers are asked about it, it is theirs.
        for sql in [
            "SELECT pid FROM pg_stat_activity WHERE pid = pg_backend_pid()",
            "SELECT pg_backend_pid() FROM pg_class LIMIT 1",
            "SELECT pg_backend_pid() FROM pg_stat_get_activity(NULL) LIMIT 1",
        ] {
            assert!(wire.value(sql).parse::<i32>().unwrap() < 1 << 22, "{sql}");
        }
        assert_eq!(wire.value("SELECT pg_blocking_pids(pg_backend_pid())"), "{}");
    }
    assert_ne!(wires[0].pid(), wires[1].pid());
}

#[test]
fn it_is_the_clients_where_a_server_stays_with_it_too() {
    STAGE.role("staying");
    let more = "[[users]]\nname = \"staying\"\npassword = \"secret\"\n";
    let database = "pool_mode = \"session\"\npool_size = 2";
    let proxy = STAGE.proxy("own_number_session", &Settings { database, more, ..Settings::default() });
    let mut wire = enter(proxy.port, "staying", &[]).unwrap();
    wire.rows("SELECT pg_advisory_lock(4811)");
    assert_eq!(wire.value("SELECT pg_backend_pid()"), wire.pid().to_string());
    wire.rows("SELECT pg_advisory_unlock(4811)");
}

/// FATAL, and nothing else.
fn last_words(wire: &mut Wire) -> String {
    let frames = wire.until_closed().unwrap();
    assert!(frames.iter().all(|frame| matches!(frame.tag, b'E' | b'N')), "{frames:?}");
    whole_error(&frames)
}

const TERMINATED: &str = "SFATAL | VFATAL | C57P01 | Mterminating connection due to administrator command | ";

fn assert_terminated(wire: &mut Wire, what: &str) {
    let words = last_words(wire);
    assert!(words.starts_with(TERMINATED), "{what}: {words}");
}

#[test]
fn a_client_ends_another_of_its_user_by_its_number_whatever_that_does() {
    let stage = &*STAGE;
    let proxy = stage.proxy("terminated", &Settings::default());
    let mut wire = login(&proxy);
    let end = |pid: i32| format!("SELECT pg_terminate_backend({pid})");
    let ask = format!("UPDATE events SET kind = kind WHERE client_id = {} AND id = 1", stage.clients[0]);
    let mut idle = login(&proxy);
    idle.value("SELECT 1");
    let mut in_transaction = login(&proxy);
    in_transaction.rows("BEGIN");
    in_transaction.rows(&ask);
    let mut busy = login(&proxy);
    busy.send(&wire::query("SELECT pg_sleep(60)")).unwrap();
    let mut across = login(&proxy);
    across
        .send(&wire::query("SELECT e.id FROM events e, generate_series(1, 30000000) endless WHERE endless < 0"))
        .unwrap();
    let mut copies = login(&proxy);
    copies.send(&wire::query("COPY events (client_id, id, kind) FROM STDIN")).unwrap();
    copies.until(b"G").unwrap();
    let mut server = admin(stage.world.shards[0].port());
    until("it runs", || {
        server.value("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%endless < 0%' AND pid <> pg_backend_pid()") != "0"
    });
    let whom: [(&str, &mut Wire); 5] = [
        ("idle", &mut idle),
        ("in a transaction", &mut in_transaction),
        ("busy", &mut busy),
        ("over shards", &mut across),
        ("copies", &mut copies),
    ];
    for (what, other) in whom {
        let column = ("pg_terminate_backend".to_owned(), 16);
        assert_eq!(answer(&mut wire, &wire::query(&end(other.pid()))), (Some(b"t".to_vec()), column), "{what}");
        assert_terminated(other, what);
    }
    // What it held is free.
    wire.rows(&ask);
}

#[test]
fn a_number_may_be_a_parameter_in_any_form() {
    let proxy = STAGE.proxy("terminated_by", &Settings::default());
    let mut wire = login(&proxy);
    let ask = "SELECT pg_terminate_backend($1) AS ended";
    let column = ("ended".to_owned(), 16);
    let mut other = login(&proxy);
    let number = other.pid().to_string();
    assert_eq!(answer(&mut wire, &extended(ask, &[], &[&number], 0)), (Some(b"t".to_vec()), column.clone()));
    assert_terminated(&mut other, "text");
    let mut other = login(&proxy);
    let number = other.pid().to_string();
    assert_eq!(answer(&mut wire, &extended(ask, &[23], &[&number], 1)), (Some(vec![1]), column.clone()));
    assert_terminated(&mut other, "binary answer");
    let mut other = login(&proxy);
    wire.rows("PREPARE ending(int, bigint) AS SELECT pg_terminate_backend($1, $2)");
    assert_eq!(wire.value(&format!("EXECUTE ending({}, 10000)", other.pid())), "t");
    assert_terminated(&mut other, "PREPARE");
    let mut other = login(&proxy);
    assert_eq!(wire.value(&format!("EXECUTE ending({} + 1, 5 * 2000)", other.pid() - 1)), "t");
    assert_terminated(&mut other, "computed");
    let mut other = login(&proxy);
    let answers = wire::answers(
        &wire.simple(&format!("SELECT 1; SELECT pg_terminate_backend('{}'); SELECT 2", other.pid())).unwrap(),
    );
    let values: Vec<_> = answers.iter().flat_map(|answer| answer.rows.concat()).flatten().collect();
    assert_eq!(values, [b"1", b"t", b"2"]);
    assert_terminated(&mut other, "among others");
    let mut other = login(&proxy);
    wire.rows("SET shardway.shard = 'b'");
    assert_eq!(wire.value(&format!("SELECT pg_terminate_backend({}, 10000)", other.pid())), "t");
    assert_terminated(&mut other, "with a shard named");
    // What is no client is a server's to answer.
    wire.rows("RESET shardway.shard");
    for sql in [
        "SELECT pg_terminate_backend(NULL)",
        "SELECT pg_terminate_backend(5000000, NULL)",
        "SELECT pg_cancel_backend(NULL)",
    ] {
        assert_eq!(wire.rows(sql), [[None]], "{sql}");
    }
    for sql in [
        "SELECT pg_terminate_backend(5000000.0)",
        "SELECT pg_terminate_backend(5000000::bigint)",
        "SELECT pg_terminate_backend(9999999999)",
    ] {
        assert_eq!(failure(&mut wire, sql).0, "42883", "{sql}");
    }
    assert_eq!(
        failure(&mut wire, "SELECT pg_terminate_backend(5000000, -1)"),
        ("22003".into(), "\"timeout\" must not be negative".into())
    );
}

#[test]
fn a_number_that_nobody_has_is_warned_of() {
    let proxy = STAGE.proxy("terminated_nobody", &Settings::default());
    let mut wire = login(&proxy);
    for call in ["pg_terminate_backend", "pg_cancel_backend"] {
        // No client, and no process: PostgreSQL says the same of both.
        for number in [4_194_304, 4_194_303] {
            let frames = wire.simple(&format!("SELECT {call}({number})")).unwrap();
            assert_eq!(frames.iter().map(|frame| frame.tag).collect::<Vec<_>>(), b"TNDCZ", "{frames:?}");
            let warning = String::from_utf8_lossy(&frames[1].body).replace('\0', " | ");
            let expected =
                format!("SWARNING | VWARNING | C01000 | MPID {number} is not a PostgreSQL backend process | ");
            assert!(warning.starts_with(&expected), "{warning}");
            assert_eq!(wire::fields(&frames[2].body), [Some(b"f".to_vec())]);
        }
    }
    wire.rows("SET client_min_messages = error");
    let frames = wire.simple("SELECT pg_terminate_backend(4194304)").unwrap();
    assert_eq!(frames.iter().map(|frame| frame.tag).collect::<Vec<_>>(), b"TDCZ");
}

#[test]
fn a_client_cancels_the_statement_of_another() {
    let stage = &*STAGE;
    let proxy = stage.proxy("cancelled_by", &Settings::default());
    let (mut wire, mut other) = (login(&proxy), login(&proxy));
    let cancel = format!("SELECT pg_cancel_backend({})", other.pid());
    assert_eq!(wire.value(&cancel), "t", "it does nothing");
    assert_eq!(other.value("SELECT 1"), "1");
    other.send(&wire::query("SELECT pg_sleep(60) /* another's */")).unwrap();
    let mut servers: Vec<Wire> = stage.world.shards.iter().map(|shard| admin(shard.port())).collect();
    until("it runs", || {
        servers.iter_mut().any(|server| {
            server.value("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%another%' AND pid <> pg_backend_pid()") != "0"
        })
    });
    assert_eq!(wire.value(&cancel), "t");
    let answers = wire::answers(&other.until_ready().unwrap());
    assert_eq!(answers[0].error, Some(("57014".into(), "canceling statement due to user request".into())));
    assert_eq!(other.value("SELECT 1"), "1");
    // Its own.
    let own = format!("SELECT pg_cancel_backend({})", wire.pid());
    for sql in [own.as_str(), "SELECT pg_cancel_backend(pg_backend_pid())"] {
        assert_eq!(
            failure(&mut wire, sql),
            ("57014".into(), "canceling statement due to user request".into()),
            "{sql}"
        );
    }
    assert_eq!(wire.value("SELECT 1"), "1");
    let own = format!("SELECT pg_terminate_backend({})", wire.pid());
    wire.send(&wire::query(&own)).unwrap();
    let frames = wire.until_closed().unwrap();
    assert!(whole_error(&frames).starts_with(TERMINATED), "{frames:?}");
    assert!(frames.iter().all(|frame| frame.tag != b'D'), "{frames:?}");
}

#[test]
fn whose_client_it_is_decides_who_may_end_it() {
    let stage = &*STAGE;
    stage.role("bystander");
    let more = "[[users]]\nname = \"bystander\"\npassword = \"secret\"\n[[users]]\nname = \"root\"\npassword = \"secret\"\n\
                server_user = \"postgres\"\nserver_password = \"secret\"\n";
    let proxy = stage.proxy("terminated_rights", &Settings { more, ..Settings::default() });
    let mut app = login(&proxy);
    let mut bystander = enter(proxy.port, "bystander", &[]).unwrap();
    let mut root = enter(proxy.port, "root", &[]).unwrap();
    let no = |what: &str| ("42501".to_owned(), what.to_owned());
    let end = |wire: &Wire| format!("SELECT pg_terminate_backend({})", wire.pid());
    let cancel = |wire: &Wire| format!("SELECT pg_cancel_backend({})", wire.pid());
    let stranger = "must be a member of the role whose process is being terminated or member of pg_signal_backend";
    assert_eq!(failure(&mut app, &end(&bystander)), no(stranger));
    let stranger = "must be a member of the role whose query is being canceled or member of pg_signal_backend";
    assert_eq!(failure(&mut app, &cancel(&bystander)), no(stranger));
    assert_eq!(failure(&mut bystander, &end(&root)), no("must be a superuser to terminate superuser process"));
    assert_eq!(failure(&mut bystander, &cancel(&root)), no("must be a superuser to cancel superuser query"));
    for wire in [&mut app, &mut bystander, &mut root] {
        assert_eq!(wire.value("SELECT 1"), "1", "nothing has happened to it");
    }
    // A member of the other's role; then a superuser, but not with the role of another.
    assert_eq!(bystander.value(&end(&app)), "t");
    assert_terminated(&mut app, "by a member");
    let mut app = login(&proxy);
    root.rows("SET ROLE app");
    assert_eq!(failure(&mut root, &end(&bystander)).0, "42501");
    root.rows("RESET ROLE");
    assert_eq!(root.value(&end(&bystander)), "t");
    assert_terminated(&mut bystander, "by a superuser");
    assert_eq!(app.value("SELECT 1"), "1");
}
