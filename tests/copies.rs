//! Writes to reference tables: all copies get the same rows, or none of them any, whoever writes beside or dies. And
//! writes to sharded tables in which all shards must agree: on the time, on where a row lives.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::cluster::{Proxy, World};
use crate::support::data::{self, admin};
use crate::support::wire::{self, Wire};

const PATIENCE: Duration = Duration::from_secs(40);

/// An error, or nothing; the connection may break.
fn run(wire: &mut Wire, sql: &str) -> Option<String> {
    match wire.simple(sql) {
        Ok(frames) => wire::answers(&frames).into_iter().find_map(|answer| answer.error).map(|(state, _)| state),
        Err(error) => Some(error.to_string()),
    }
}

/// The answer of each shard, asked directly.
fn everywhere(world: &World, sql: &str) -> Vec<String> {
    world.shards.iter().map(|shard| admin(shard.port()).value(sql)).collect()
}

/// All rows of a copy as one text; of all copies, which must be the same.
fn copy(world: &World, table: &str) -> String {
    let copies =
        everywhere(world, &format!("SELECT coalesce(string_agg(t::text, '; ' ORDER BY t::text), '') FROM {table} t"));
    assert!(copies.iter().all(|copy| *copy == copies[0]), "{table}: {copies:#?}");
    copies[0].clone()
}

#[test]
fn what_differs_from_server_to_server_is_decided_once() {
    let world = World::start("copies", false).unwrap();
    data::load(&world);
    let proxy = Proxy::start(&world.lab, "proxy", &data::map_toml(&world)).unwrap();
    let mut wire = Wire::login(proxy.port, "app", &[]).unwrap();
    let writes = [
        "INSERT INTO remarks VALUES ('AA', gen_random_uuid()::text), ('BB', random()::text) RETURNING remark",
        "INSERT INTO tags (name, seen) VALUES ('one', clock_timestamp()), ('two', now()) RETURNING *",
        "INSERT INTO tags (name, weight, seen) VALUES ('red', random(), 'now') ON CONFLICT (name) DO UPDATE SET weight = excluded.weight + random(), seen = statement_timestamp()",
        "INSERT INTO tags (name, weight) VALUES ('red', 12), ('pink', 13) ON CONFLICT (name) DO UPDATE SET name = excluded.name, weight = excluded.weight RETURNING id",
        "UPDATE tags SET seen = now(), weight = 7 WHERE name = 'green' RETURNING seen",
        "UPDATE tags SET weight = random() RETURNING id, weight",
        "UPDATE tags SET seen = 'now' WHERE name = 'one'",
        "UPDATE tags SET seen = ('n' || 'ow')::timestamptz WHERE name = 'two'",
        "UPDATE tags SET seen = (('{n' || 'ow}')::timestamptz[])[1] WHERE name = 'one'",
        "UPDATE tags SET seen = ('n' || 'ow').timestamptz WHERE name = 'two'",
        "UPDATE tags SET seen = lower(tstzrange('[' || 'now,)')) WHERE name = 'two'",
        "UPDATE tags SET seen = remark::timestamptz FROM (SELECT max(remark) AS remark FROM remarks WHERE code = 'ZZ') r",
        "UPDATE tags SET weight = (SELECT population FROM countries LIMIT 1)",
        "DELETE FROM tags WHERE id IN (SELECT id FROM tags ORDER BY random() LIMIT 1) RETURNING id",
        "INSERT INTO remarks SELECT code, name || current_user FROM countries ORDER BY random() LIMIT 2",
        "UPDATE tags SET moods = ARRAY(SELECT m FROM unnest('{sad,happy}'::mood[]) m ORDER BY random())",
    ];
    assert_eq!(run(&mut wire, "INSERT INTO remarks VALUES ('ZZ', 'now')"), None);
    for sql in writes {
        let before = [copy(&world, "tags"), copy(&world, "remarks")];
        assert_eq!(run(&mut wire, sql), None, "{sql}");
        assert_ne!([copy(&world, "tags"), copy(&world, "remarks")], before, "{sql}");
    }
    // Rows that not every shard has are the same for all of them.
    let fetched = [
        "INSERT INTO remarks SELECT 'Q1', kind || id FROM events",
        "INSERT INTO remarks SELECT 'Q2', max(kind) FROM events GROUP BY client_id RETURNING remark",
        "INSERT INTO remarks SELECT 'Q3', a.what || l.entry FROM audit a JOIN ledger l USING (id)",
        "INSERT INTO tags (name) SELECT DISTINCT kind FROM events ON CONFLICT (name) DO UPDATE SET weight = 21 RETURNING *",
        "UPDATE tags SET weight = l.id FROM ledger l WHERE l.id < 4",
        "UPDATE tags SET name = name || e.kind FROM events e WHERE e.client_id = 3 AND e.id = 1 RETURNING tags.*, e.kind",
        "DELETE FROM remarks WHERE code = 'Q1' AND remark IN (SELECT kind || id FROM events WHERE id < 3)",
        "DELETE FROM tags WHERE id IN (SELECT id FROM ledger) OR name LIKE 'login%'",
    ];
    for sql in fetched {
        let before = [copy(&world, "tags"), copy(&world, "remarks")];
        assert_eq!(run(&mut wire, sql), None, "{sql}");
        assert_ne!([copy(&world, "tags"), copy(&world, "remarks")], before, "{sql}");
    }
    // By PREPARE and EXECUTE in SQL, each time anew.
    let prepared = [
        ("PREPARE moved(text) AS UPDATE tags SET seen = ('n' || $1)::timestamptz", "EXECUTE moved('ow')"),
        ("PREPARE kept(text, int) AS UPDATE tags SET name = $1 || id WHERE id > $2", "EXECUTE kept('x' || 'y', 1)"),
        ("PREPARE drawn AS INSERT INTO remarks VALUES ('PP', random()::text) RETURNING remark", "EXECUTE drawn"),
        ("PREPARE gone(text) AS DELETE FROM remarks WHERE code = $1", "EXECUTE gone('PP')"),
    ];
    for (prepare, execute) in prepared {
        assert_eq!(run(&mut wire, prepare), None, "{prepare}");
        let before = [copy(&world, "tags"), copy(&world, "remarks")];
        assert_eq!(run(&mut wire, execute), None, "{execute}");
        assert_ne!([copy(&world, "tags"), copy(&world, "remarks")], before, "{execute}");
    }
    let refused = "PREPARE read(text) AS UPDATE tags SET seen = $1::timestamptz";
    assert_eq!(run(&mut wire, refused), None);
    assert_eq!(run(&mut wire, "EXECUTE read('now')").as_deref(), Some("0A000"));
    assert_eq!(run(&mut wire, "EXECUTE read('n' || 'ow')").as_deref(), Some("0A000"));
    assert_eq!(run(&mut wire, "EXECUTE read('2024-01-01')"), None);
    // What the client hears is what is stored.
    let heard = wire.value("INSERT INTO remarks VALUES ('CC', gen_random_uuid()::text) RETURNING remark");
    assert!(copy(&world, "remarks").contains(&heard), "{heard}");
    // Together in one transaction, undone together.
    let before = [copy(&world, "tags"), copy(&world, "remarks")];
    for sql in ["BEGIN", writes[0], "SAVEPOINT s", writes[4], "ROLLBACK TO s", writes[1]] {
        assert!(matches!(run(&mut wire, sql).as_deref(), None | Some("23505")), "{sql}");
    }
    assert_eq!(run(&mut wire, "ROLLBACK"), None);
    assert_eq!([copy(&world, "tags"), copy(&world, "remarks")], before);
}

#[test]
fn a_parameter_that_says_now_is_not_left_to_the_servers() {
    let world = World::start("says-now", false).unwrap();
    data::load(&world);
    let proxy = Proxy::start(&world.lab, "proxy", &data::map_toml(&world)).unwrap();
    let mut wire = Wire::login(proxy.port, "app", &[]).unwrap();
    let sql = "UPDATE tags SET seen = $1 WHERE id = 1";
    let bound = |value: &str| {
        [wire::parse("", sql, &[]), wire::bind("", "", &[wire::text(value)], 0), wire::execute("", 0), wire::sync()]
            .concat()
    };
    wire.send(&bound(" Now")).unwrap();
    let answers = wire::answers(&wire.until_ready().unwrap());
    assert_eq!(answers[0].error.as_ref().map(|(state, _)| state.as_str()), Some("0A000"), "{answers:?}");
    wire.send(&bound("2024-02-29 12:00+00")).unwrap();
    assert_eq!(wire::answers(&wire.until_ready().unwrap())[0].tag, "UPDATE 1");
    assert!(copy(&world, "tags").contains("2024-02-29"));
}

#[test]
fn a_text_that_is_read_as_a_time_is_not_left_to_the_servers() {
    let world = World::start("reads-now", false).unwrap();
    data::load(&world);
    let types =
        "CREATE DOMAIN moment AS timestamptz; CREATE DOMAIN feeling AS mood; CREATE TYPE since AS (at timestamptz)";
    for shard in &world.shards {
        admin(shard.port()).rows(types);
    }
    let proxy = Proxy::start(&world.lab, "proxy", &data::map_toml(&world)).unwrap();
    let mut wire = Wire::login(proxy.port, "app", &[]).unwrap();
    let rows = |value: &str| (1..=9).map(|id| format!("({id}, 900, 'x', {value})")).collect::<Vec<_>>().join(", ");
    let insert = |value: &str| format!("INSERT INTO events (client_id, id, kind, at) VALUES {}", rows(value));
    let refused = [
        "UPDATE events SET at = ('n' || 'ow')::timestamptz".to_owned(),
        "UPDATE events SET at = kind::timestamptz".to_owned(),
        "UPDATE events SET at = CAST(payload->>'at' AS timestamp)".to_owned(),
        "DELETE FROM events WHERE at < (payload->>'at')::date".to_owned(),
        "UPDATE events SET at = lower(kind)::moment".to_owned(),
        "UPDATE events SET at = (lower(kind)::since).at".to_owned(),
        "UPDATE events SET at = ((ARRAY[kind])::moment[])[1]".to_owned(),
        "UPDATE events SET at = U&'n\\006fw'".to_owned(),
        "UPDATE events SET at = 'today Europe/Berlin'".to_owned(),
        format!("UPDATE events SET at = 'now{}'", " ".repeat(70)),
        insert("('n' || 'ow')::timestamptz"),
        insert("U&'n\\006fw'"),
        insert("U&'n!006fw' UESCAPE '!'"),
    ];
    for sql in refused {
        assert_eq!(run(&mut wire, &sql).as_deref(), Some("0A000"), "{sql}");
    }
    let done = [
        "UPDATE events SET at = (date_trunc('day', at) + interval '1 day')::date::timestamptz",
        "UPDATE events SET at = ((at::date)::text)::timestamptz",
        "UPDATE events SET at = ('n' || 'ow')::timestamptz WHERE client_id = 1",
        "UPDATE events SET kind = 'see you now'",
        "UPDATE events SET kind = lower('O' || 'K')::mood",
        "UPDATE events SET kind = ((ARRAY[kind])::feeling[])[1]",
    ];
    for sql in done {
        assert_eq!(run(&mut wire, sql), None, "{sql}");
    }
    // A parameter's value tells, whatever the way it comes.
    let bound = |sql: &str, value: &str, format: u16| {
        let value = (format, Some(value.as_bytes().to_vec()));
        [wire::parse("", sql, &[25]), wire::bind("", "", &[value], 0), wire::execute("", 0), wire::sync()].concat()
    };
    let mut ask = |sql: &str, value: &str, format: u16| {
        wire.send(&bound(sql, value, format)).unwrap();
        let answers = wire::answers(&wire.until_ready().unwrap());
        answers.into_iter().find_map(|answer| answer.error).map(|(state, _)| state)
    };
    for sql in ["UPDATE events SET at = $1::timestamptz".to_owned(), insert("$1::text::timestamptz")] {
        for format in [0, 1] {
            assert_eq!(ask(&sql, "now", format).as_deref(), Some("0A000"), "{sql}");
        }
    }
    assert_eq!(ask("UPDATE events SET kind = $1", "now", 0), None);
    assert_eq!(ask("UPDATE events SET at = $1::timestamptz", "2024-01-01", 1), None);
    // INSERT … SELECT: rows that stay on their shards too are read by one server.
    let sql = "INSERT INTO events (client_id, id, kind, at) SELECT client_id, 950, 'y', ('n' || 'ow')::timestamptz FROM sessions GROUP BY client_id";
    assert_eq!(run(&mut wire, sql), None);
    let times = everywhere(&world, "SELECT DISTINCT at FROM events WHERE id = 950");
    assert_eq!(times.iter().collect::<BTreeSet<_>>().len(), 1, "{times:?}");
    // COPY: rows of one shard may have one moment.
    let data = |clients: &[i64]| clients.iter().map(|client| format!("{client}\t960\tz\tnow\n")).collect::<String>();
    let mut copy_in = |clients: &[i64]| {
        let sql = "COPY events (client_id, id, kind, at) FROM STDIN";
        let rows = [wire::message(b'd', data(clients).as_bytes()), wire::message(b'c', b"")].concat();
        wire.send(&wire::query(sql)).unwrap();
        wire.until(b"GE").unwrap();
        wire.send(&rows).unwrap();
        let frames = wire.until_ready().unwrap();
        wire::answers(&frames).into_iter().find_map(|answer| answer.error).map(|(state, _)| state)
    };
    assert_eq!(copy_in(&[1, 2, 3, 4, 5, 6, 7, 8, 9]).as_deref(), Some("0A000"));
    assert_eq!(copy_in(&[7]), None);
}

#[test]
fn copies_that_are_not_the_same_are_not_written() {
    let world = World::start("unequal", false).unwrap();
    data::load(&world);
    let proxy = Proxy::start(&world.lab, "proxy", &data::map_toml(&world)).unwrap();
    let mut wire = Wire::login(proxy.port, "app", &[]).unwrap();
    admin(world.shards[1].port()).rows("DELETE FROM countries WHERE code = 'IS'");
    let names = "SELECT string_agg(name, ' ' ORDER BY name) FROM countries";
    let before = everywhere(&world, names);
    let answers = wire::answers(&wire.simple("UPDATE countries SET name = upper(name)").unwrap());
    let (state, message) = answers[0].error.clone().unwrap();
    assert_eq!(state, "XX001");
    assert!(message.contains("\"countries\""), "{message}");
    assert_eq!(everywhere(&world, names), before);
    assert_eq!(run(&mut wire, "BEGIN"), None);
    assert_eq!(run(&mut wire, "DELETE FROM countries WHERE code IN ('IS', 'XX')").as_deref(), Some("XX001"));
    assert_eq!(run(&mut wire, "SELECT 1").as_deref(), Some("25P02"));
    assert_eq!(run(&mut wire, "ROLLBACK"), None);
    assert_eq!(everywhere(&world, names), before);
    // Rows that all have.
    assert_eq!(run(&mut wire, "UPDATE countries SET name = 'X' WHERE code = 'XX'"), None);
    assert_eq!(everywhere(&world, "SELECT name FROM countries WHERE code = 'XX'"), ["X", "X", "X"]);
}

#[test]
fn a_crash_during_a_write_to_copies_leaves_all_or_nothing() {
    let world = World::start("copies-crash", false).unwrap();
    data::load(&world);
    let map = data::map_toml(&world);
    let mut oracle = admin(world.oracle.port());
    let of = |shard: &str| {
        format!("SELECT min(c) FROM generate_series(1::bigint, 40) c WHERE placement.shard_of(c) = '{shard}'")
    };
    let (from, to): (i64, i64) = (oracle.value(&of("b")).parse().unwrap(), oracle.value(&of("c")).parse().unwrap());
    let name = "SELECT name FROM countries WHERE code = 'DE'";
    let mut before = copy(&world, "countries");
    for (step, is_decided) in [("prepared_one", false), ("prepared_all", false), ("decided", true)] {
        for sql in [
            format!("UPDATE countries SET name = '{step}' WHERE code = 'DE'"),
            format!("UPDATE countries SET name = 'once {step}' WHERE code = 'DE' AND random() < 2"),
        ] {
            let mut dying = Proxy::start_to_crash(&world.lab, &format!("dying-{step}"), &map, step).unwrap();
            let mut wire = Wire::login(dying.port, "app", &[]).unwrap();
            assert!(run(&mut wire, &sql).is_some(), "{sql}: the proxy is to die");
            until(|| !dying.is_alive(), "the proxy does not die");
            let other = Proxy::start(&world.lab, &format!("recovering-{step}"), &map).unwrap();
            until(
                || everywhere(&world, "SELECT count(*) FROM pg_prepared_xacts").iter().all(|count| count == "0"),
                "prepared",
            );
            let after = copy(&world, "countries");
            assert_eq!(after != before, is_decided, "{sql}: {:?}\n{}", everywhere(&world, name), other.output());
            before = after;
        }
        move_and_crash(&world, &map, step, from, to, is_decided);
    }
}

/// Rows that move are there once, before the decision at the old place and after it at the new one.
fn move_and_crash(world: &World, map: &str, step: &str, from: i64, to: i64, is_decided: bool) {
    let mut dying = Proxy::start_to_crash(&world.lab, &format!("moving-{step}"), map, step).unwrap();
    let mut wire = Wire::login(dying.port, "app", &[]).unwrap();
    let sql = format!("UPDATE events SET client_id = {to}, kind = '{step}' WHERE client_id = {from} AND id = 1");
    assert_eq!(run(&mut wire, &format!("DELETE FROM events WHERE client_id = {to} AND id = 1")), None);
    assert!(run(&mut wire, &sql).is_some(), "{sql}: the proxy is to die");
    until(|| !dying.is_alive(), "the proxy does not die");
    let _other = Proxy::start(&world.lab, &format!("moved-{step}"), map).unwrap();
    until(|| everywhere(world, "SELECT count(*) FROM pg_prepared_xacts").iter().all(|count| count == "0"), "prepared");
    let rows = |client: i64| {
        let sql = format!("SELECT count(*) FROM events WHERE client_id = {client} AND id = 1");
        everywhere(world, &sql).join(" ")
    };
    let expected = if is_decided { ("0 0 0", "0 0 1") } else { ("0 1 0", "0 0 0") };
    assert_eq!((rows(from).as_str(), rows(to).as_str()), expected, "{step}");
}

fn until(mut done: impl FnMut() -> bool, what: &str) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The shards are gone to in one order, so that clients wait for each other and never in a circle.
#[test]
fn clients_that_write_the_same_copies_do_not_lock_each_other_out() {
    const CLIENTS: usize = 4;
    const ROUNDS: usize = 25;
    let world = World::start("copies-locks", false).unwrap();
    data::load(&world);
    let proxy = Proxy::start(&world.lab, "proxy", &data::map_toml(&world)).unwrap();
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let proxy = &proxy;
            scope.spawn(move || {
                let mut wire = Wire::login(proxy.port, "app", &[]).unwrap();
                for round in 0..ROUNDS {
                    let writes = [
                        "UPDATE countries SET population = population + 1 WHERE code = 'DE'".to_owned(),
                        format!("INSERT INTO tags (name) VALUES ('{client} {round}')"),
                        "UPDATE tags SET weight = weight + 1, seen = now() WHERE name = 'red'".to_owned(),
                        "UPDATE tags SET weight = weight + 1 + 0 * random() WHERE name = 'red'".to_owned(),
                    ];
                    for sql in writes {
                        assert_eq!(run(&mut wire, &sql), None, "{sql}");
                    }
                }
            });
        }
    });
    let countries = copy(&world, "countries");
    assert!(countries.contains(&format!("(DE,Germany,{})", 83_000_000 + CLIENTS * ROUNDS)), "{countries}");
    copy(&world, "tags");
    let weights = everywhere(&world, "SELECT round(weight) FROM tags WHERE name = 'red'");
    assert_eq!(weights, vec![(1 + 2 * CLIENTS * ROUNDS).to_string(); 3]);
    assert_eq!(everywhere(&world, "SELECT count(*) FROM tags"), vec![(3 + CLIENTS * ROUNDS).to_string(); 3]);
}

#[test]
fn all_shards_store_the_same_time() {
    let world = World::start("times", false).unwrap();
    data::load(&world);
    let proxy = Proxy::start(&world.lab, "proxy", &data::map_toml(&world)).unwrap();
    let mut wire = Wire::login(proxy.port, "app", &[]).unwrap();
    let times = |sql: &str| -> BTreeSet<String> {
        world.shards.iter().flat_map(|shard| admin(shard.port()).rows(sql)).filter_map(|row| row[0].clone()).collect()
    };
    let mut before = BTreeSet::new();
    for function in ["now()", "CURRENT_TIMESTAMP", "pg_catalog.now() + interval '1 day'", "statement_timestamp()"] {
        assert_eq!(run(&mut wire, &format!("UPDATE events SET at = {function}")), None, "{function}");
        let stored = times("SELECT DISTINCT at FROM events");
        assert_eq!(stored.len(), 1, "{function}: {stored:?}");
        assert_ne!(stored, before, "{function}");
        before = stored;
    }
    // The time of a transaction does not change in it.
    for sql in [
        "BEGIN",
        "UPDATE events SET at = now()",
        "SELECT pg_sleep(0.01)",
        "UPDATE sessions SET started = now()",
        "COMMIT",
    ] {
        assert_eq!(run(&mut wire, sql), None, "{sql}");
    }
    let at = times("SELECT DISTINCT at::timestamp FROM events");
    assert_eq!((at.len(), &at), (1, &times("SELECT DISTINCT started FROM sessions")));
}

#[test]
fn what_a_server_notes_is_told_once() {
    let world = World::start("notes", false).unwrap();
    data::load(&world);
    let proxy = Proxy::start(&world.lab, "proxy", &data::map_toml(&world)).unwrap();
    let mut ours = Wire::login(proxy.port, "app", &[]).unwrap();
    let mut plain = Wire::login(world.oracle.port(), "app", &[]).unwrap();
    let notes = |wire: &mut Wire, message: &[u8]| {
        wire.rows("DELETE FROM tags WHERE name IN ('a', 'b')");
        wire.rows("INSERT INTO tags (name) VALUES ('a'), ('b')");
        wire.send(message).unwrap();
        let frames = wire.until_ready().unwrap();
        let error = wire::answers(&frames).into_iter().find_map(|answer| answer.error);
        assert_eq!(error, None, "{}", String::from_utf8_lossy(message));
        let notes = frames.iter().filter(|frame| frame.tag == b'N');
        notes.map(|frame| wire::error_field(&frame.body, b'M')).collect::<Vec<_>>()
    };
    for wire in [&mut ours, &mut plain] {
        wire.rows(
            "CREATE FUNCTION loud(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS \
             $$ BEGIN RAISE NOTICE 'loud %', $1; RETURN $1; END $$",
        );
    }
    for sql in [
        // One shard runs it.
        "INSERT INTO remarks (code, remark) SELECT 'DE', loud(name) || random() FROM tags WHERE name IN ('a', 'b') RETURNING remark",
        "UPDATE tags SET weight = random(), name = loud(name) WHERE name IN ('a', 'b') RETURNING name",
        "DELETE FROM tags WHERE id IN (SELECT id FROM tags WHERE loud(name) IN ('a', 'b') ORDER BY random() LIMIT 2)",
        // All do.
        "UPDATE remarks SET remark = loud(remark) WHERE remark IN ('one', 'two')",
    ] {
        let prepared = [wire::parse("", sql, &[]), wire::bind("", "", &[], 0), wire::execute("", 0), wire::sync()];
        for message in [wire::query(sql), prepared.concat()] {
            let expected = notes(&mut plain, &message);
            assert!(expected.len() >= 2, "{sql}: {expected:?}");
            assert_eq!(notes(&mut ours, &message), expected, "{sql}");
        }
    }
}

#[test]
fn a_copy_that_each_server_would_fill_by_itself_is_refused_by_column() {
    let world = World::start("filled", false).unwrap();
    data::load(&world);
    let proxy = Proxy::start(&world.lab, "proxy", &data::map_toml(&world)).unwrap();
    let mut wire = Wire::login(proxy.port, "app", &[]).unwrap();
    wire.rows("ALTER TABLE remarks ADD COLUMN drawn uuid, ADD COLUMN noted timestamptz");
    wire.rows("ALTER TABLE remarks ALTER COLUMN drawn SET DEFAULT gen_random_uuid()");
    wire.rows("ALTER TABLE remarks ALTER COLUMN noted SET DEFAULT now() + random() * interval '1 hour'");
    for (sql, column) in [
        ("COPY tags (name, weight) FROM STDIN", "id"),
        ("COPY remarks (code, remark, noted) FROM STDIN", "drawn"),
        ("COPY remarks (code, remark, drawn) FROM STDIN", "noted"),
    ] {
        let answers = wire::answers(&wire.simple(sql).unwrap());
        let (state, message) = answers[0].error.clone().unwrap();
        assert_eq!((&*state, message.contains(&format!("leaves out \"{column}\""))), ("0A000", true), "{message}");
    }
    // What is one time for all rows is filled in.
    wire.rows(
        "ALTER TABLE remarks ALTER COLUMN noted SET DEFAULT date_trunc('milliseconds', now()) + interval '1 day'",
    );
    wire.rows("ALTER TABLE events ALTER COLUMN at SET DEFAULT CURRENT_TIMESTAMP");
    let uuid = "00000000-0000-0000-0000-000000000002";
    let lines = |end: &str| (1..=9).map(|client| format!("{client}\t970\tfilled{end}\n")).collect::<String>();
    for (sql, rows, wrong) in [
        ("COPY remarks (code, remark, drawn) FROM STDIN", format!("FI\tfilled\t{uuid}\nFJ\t\\N\t{uuid}"), None),
        (
            "COPY remarks (code, remark, drawn) FROM STDIN (FORMAT csv, HEADER)",
            format!("a,b,c\nFK,\"x\",{uuid}\n"),
            None,
        ),
        ("COPY remarks (code, remark, drawn) FROM STDIN", "FL\tshort\n".to_owned(), Some("22P04")),
        ("COPY events (client_id, id, kind) FROM STDIN", lines(""), None),
        ("COPY events (client_id, id, kind) FROM STDIN", lines("\t2024-01-01"), Some("22P04")),
    ] {
        wire.send(&wire::query(sql)).unwrap();
        wire.until(b"G").unwrap();
        wire.send(&[wire::message(b'd', rows.as_bytes()), wire::message(b'c', b"")].concat()).unwrap();
        let answers = wire::answers(&wire.until_ready().unwrap());
        let found = answers.iter().find_map(|answer| answer.error.clone()).map(|(state, _)| state);
        assert_eq!(found.as_deref(), wrong, "{sql}");
    }
    let filled = "SELECT count(*) FROM remarks WHERE code IN ('FI', 'FJ', 'FK') AND noted > now()";
    assert_eq!(everywhere(&world, filled), ["3", "3", "3"]);
    let times = everywhere(&world, "SELECT DISTINCT at FROM events WHERE id = 970");
    assert_eq!(times.iter().collect::<BTreeSet<_>>().len(), 1, "{times:?}");
    // Given, they are copied; a COPY that one server alone does not take leaves no rows anywhere.
    admin(world.shards[1].port()).rows("INSERT INTO countries VALUES ('ZZ', 'there already')");
    let before = [copy(&world, "remarks"), copy(&world, "tags")];
    for (sql, row, state) in [
        ("COPY remarks FROM STDIN", "DE\tgiven\t00000000-0000-0000-0000-000000000001\t2024-05-06\n", None),
        ("COPY countries FROM STDIN", "YY\tnew\t1\nZZ\tagain\t2\n", Some("23505")),
    ] {
        wire.send(&wire::query(sql)).unwrap();
        wire.until(b"G").unwrap();
        wire.send(&[wire::message(b'd', row.as_bytes()), wire::message(b'c', b"")].concat()).unwrap();
        let answers = wire::answers(&wire.until_ready().unwrap());
        let found = answers.iter().find_map(|answer| answer.error.clone()).map(|(state, _)| state);
        assert_eq!(found.as_deref(), state, "{sql}");
    }
    assert_ne!(copy(&world, "remarks"), before[0]);
    assert_eq!(everywhere(&world, "SELECT count(*) FROM countries WHERE code = 'YY'"), ["0", "0", "0"]);
}
