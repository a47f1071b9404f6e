//! Statements beside a change of the schema that another session makes: they come before it, or behind it.

use super::*;
use crate::support::script::extended;

/// A change that drops a column before the key: what stands at the places of the others means something else.
const CHANGE: &str = "ALTER TABLE moving DROP COLUMN a, ADD COLUMN z integer";

const COLUMNS: &str = "a bigint, client_id bigint, id integer, PRIMARY KEY (client_id, id)";

/// What each shard has.
fn on_shards(stage: &Stage, sql: &str) -> Vec<String> {
    stage.world.shards.iter().map(|server| admin(server.port()).value(sql)).collect()
}

/// Made anew on all shards, by their owner `app`.
fn make(stage: &Stage, table: &str, columns: &str) {
    for server in &stage.world.shards {
        admin(server.port()).rows(&format!(
            "DROP TABLE IF EXISTS {table}; CREATE TABLE {table} ({columns}); ALTER TABLE {table} OWNER TO app"
        ));
    }
}

/// A proxy that knows these tables.
fn with_tables(stage: &Stage, name: &str, database: &str, lines: &str) -> Proxy {
    let proxy = stage.proxy(name, &Settings { database, ..Settings::default() });
    let section = "[databases.app.tables]\n";
    reload(&proxy, |toml| toml.replacen(section, &format!("{section}{lines}\n"), 1), "ok");
    proxy
}

/// Statements that wait for a lock of the table, on any shard.
fn waiting(stage: &Stage, table: &str) -> u32 {
    let sql = format!("SELECT count(*) FROM pg_locks WHERE relation = '{table}'::regclass AND NOT granted");
    on_shards(stage, &sql).iter().map(|count| count.parse::<u32>().unwrap()).sum()
}

/// Sends it, and returns when it waits: for a server, or for the change.
fn send_to_wait(stage: &Stage, proxy: &Proxy, wire: &mut Wire, messages: &[u8], table: &str) {
    let before = waiting(stage, table);
    wire.send(messages).unwrap();
    until("it waits", || {
        waiting(stage, table) > before || metric(proxy, "shardway_clients", &["state=\"waiting\""]) > 0.0
    });
}

#[test]
fn rows_find_their_places_by_the_columns_that_the_table_has_when_they_are_stored() {
    let stage = &*STAGE;
    let [a, b, c] = [0, 1, 2].map(|shard| stage.clients[shard]);
    make(stage, "moving", COLUMNS);
    let proxy = with_tables(stage, "beside-rows", "", "moving = { keyspace = \"bigints\", key = \"client_id\" }");
    let copy = |rows: &str| {
        [wire::query("COPY moving FROM STDIN"), wire::message(b'd', rows.as_bytes()), wire::message(b'c', b"")]
    };
    let one = format!("INSERT INTO moving VALUES ({a}, {b}, 7)");
    let several = format!("INSERT INTO moving VALUES ({a}, {b}, 7), ({b}, {c}, 7), ({c}, {a}, 7)");
    let (of_one, of_several) = ([a.to_string(), String::new(), String::new()], [a, b, c].map(|it| it.to_string()));
    let cases = [
        (wire::query(&one), &of_one),
        (extended(&one, &[]), &of_one),
        (wire::query(&several), &of_several),
        (extended(&several, &[]), &of_several),
        (wire::query(&format!("INSERT INTO moving SELECT {a}, {b}, 7")), &of_one),
        (copy(&format!("{a}\t{b}\t7\n{b}\t{c}\t7\n{c}\t{a}\t7\n")).concat(), &of_several),
        (wire::query(&format!("SELECT 1; {one}")), &of_one),
        (wire::query(&format!("EXECUTE stored({a}, {b}, 7)")), &of_one),
    ];
    for (number, (messages, expected)) in cases.iter().enumerate() {
        let what = String::from_utf8_lossy(messages).into_owned();
        make(stage, "moving", COLUMNS);
        let (mut holder, mut owner, mut wire) = (login(&proxy), login(&proxy), login(&proxy));
        // The columns are those of before.
        owner.rows("COMMENT ON TABLE moving IS 'anew'");
        wire.rows("PREPARE stored(bigint, bigint, bigint) AS INSERT INTO moving VALUES ($1, $2, $3)");
        let holder_at = [a, c][number % 2];
        holder.rows(&format!("BEGIN; SELECT * FROM moving WHERE client_id = {holder_at}"));
        send_to_wait(stage, &proxy, &mut owner, &wire::query(CHANGE), "moving");
        send_to_wait(stage, &proxy, &mut wire, messages, "moving");
        holder.rows("COMMIT");
        assert!(owner.until_ready().unwrap().iter().all(|frame| frame.tag != b'E'), "{what}");
        let frames = wire.until_ready().unwrap();
        assert!(frames.iter().all(|frame| frame.tag != b'E'), "{what}: {frames:?}");
        let stored = on_shards(stage, "SELECT coalesce(string_agg(client_id::text, ','), '') FROM moving WHERE z = 7");
        assert_eq!(stored, *expected, "{what}");
    }
}

#[test]
fn a_default_that_the_table_gets_meanwhile_is_computed_once_for_all_copies() {
    let stage = &*STAGE;
    make(stage, "copied", "id integer PRIMARY KEY, name text, mark text");
    let proxy = with_tables(stage, "beside-copies", "", "copied = \"reference\"");
    let changes = ["ALTER TABLE copied ALTER mark SET DEFAULT gen_random_uuid()::text"; 3];
    let rows = [
        wire::query("INSERT INTO copied (id, name) VALUES (1, 'x')"),
        extended("INSERT INTO copied (id, name) VALUES (1, 'x')", &[]),
        wire::query("INSERT INTO copied (id, name) SELECT 1, 'x'"),
    ];
    for (change, messages) in changes.iter().zip(&rows) {
        make(stage, "copied", "id integer PRIMARY KEY, name text, mark text");
        let (mut owner, mut wire) = (login(&proxy), login(&proxy));
        owner.rows("COMMENT ON TABLE copied IS 'anew'");
        owner.rows("BEGIN");
        owner.rows(change);
        send_to_wait(stage, &proxy, &mut wire, messages, "copied");
        owner.rows("COMMIT");
        let frames = wire.until_ready().unwrap();
        let marks = on_shards(stage, "SELECT coalesce(min(mark), '') FROM copied");
        assert!(marks.iter().all(|mark| *mark == marks[0]), "{marks:?}: {frames:?}");
    }
}

/// However it ends: by itself, by what its client asks for, or by what happens to its servers.
#[test]
fn who_waits_for_a_change_goes_on_when_it_is_over() {
    let stage = &*STAGE;
    make(stage, "ending", COLUMNS);
    let proxy = with_tables(stage, "beside-ends", "", "ending = { keyspace = \"bigints\", key = \"client_id\" }");
    let mut wire = login(&proxy);
    let count = format!("SELECT count(*) FROM ending WHERE client_id = {}", stage.clients[1]);
    let change = "ALTER TABLE ending ADD COLUMN z integer";
    let ends: [(&str, &dyn Fn(Wire)); 6] = [
        ("ROLLBACK", &|mut owner| drop(owner.rows("ROLLBACK"))),
        ("an error", &|mut owner| drop(failure(&mut owner, "SELECT 1 / 0"))),
        ("a refusal", &|mut owner| drop(failure(&mut owner, "INSERT INTO ending VALUES (1, 2, 3)"))),
        ("goodbye", &drop),
        ("a lost server", &|mut owner| {
            admin(stage.world.shards[2].port()).rows(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE relation = 'ending'::regclass AND granted \
                 AND mode = 'AccessExclusiveLock'",
            );
            assert!(owner.until_closed().is_ok());
        }),
        ("COMMIT", &|mut owner| drop(owner.rows("COMMIT"))),
    ];
    for (what, end) in ends {
        let mut owner = login(&proxy);
        owner.rows("BEGIN");
        owner.rows(change);
        send_to_wait(stage, &proxy, &mut wire, &wire::query(&count), "ending");
        // Others go on.
        assert_eq!(login(&proxy).rows("SELECT count(*) FROM events").len(), 1, "{what}");
        end(owner);
        let frames = wire.until_ready().unwrap();
        assert!(frames.iter().all(|frame| frame.tag != b'E'), "{what}: {frames:?}");
        assert_eq!(waiting(stage, "ending"), 0, "{what}");
    }
    assert_eq!(failure(&mut login(&proxy), change).0, "42701");
    assert_eq!(wire.value(&count), "0", "one that fails is over too");
}

#[test]
fn a_wait_for_a_change_ends_with_a_cancel_request_and_in_time() {
    let stage = &*STAGE;
    make(stage, "waited", COLUMNS);
    let proxy = with_tables(stage, "beside-limits", "", "waited = { keyspace = \"bigints\", key = \"client_id\" }");
    let (mut owner, mut wire) = (login(&proxy), login(&proxy));
    let count = "SELECT count(*) FROM waited";
    owner.rows("BEGIN; ALTER TABLE waited ADD COLUMN z integer");
    for messages in [wire::query(count), extended(count, &[])] {
        send_to_wait(stage, &proxy, &mut wire, &messages, "waited");
        wire.cancel().unwrap();
        let error = whole_error(&wire.until_ready().unwrap());
        assert!(error.contains("C57014 | Mcanceling statement due to user request"), "{error}");
        for (setting, expected) in [("statement_timeout", "C57014 |"), ("lock_timeout", "C55P03 |")] {
            wire.rows(&format!("SET {setting} = '50ms'"));
            wire.send(&messages).unwrap();
            let error = whole_error(&wire.until_ready().unwrap());
            assert!(error.contains(expected), "{error}");
            wire.rows(&format!("RESET {setting}"));
        }
    }
    // In a block that has not begun anywhere it fails with it.
    wire.rows("BEGIN; SET LOCAL lock_timeout = 20");
    assert_eq!(failure(&mut wire, count).0, "55P03");
    assert_eq!(failure(&mut wire, "SELECT 1").0, "25P02");
    wire.rows("ROLLBACK");
    // A client that leaves is not waited for.
    send_to_wait(stage, &proxy, &mut wire, &wire::query(count), "waited");
    drop(wire);
    until("it has left", || metric(&proxy, "shardway_clients", &["state=\"waiting\""]) == 0.0);
    owner.rows("ROLLBACK");
}

/// What it holds the change may wait for.
#[test]
fn who_is_in_a_transaction_does_not_wait_for_a_change() {
    let stage = &*STAGE;
    let a = stage.clients[0];
    make(stage, "crossed", COLUMNS);
    let proxy = with_tables(stage, "beside-open", "", "crossed = { keyspace = \"bigints\", key = \"client_id\" }");
    let (mut owner, mut wire) = (login(&proxy), login(&proxy));
    let count = format!("SELECT count(*) FROM crossed WHERE client_id = {a}");
    wire.rows(&format!("BEGIN; {count}"));
    send_to_wait(stage, &proxy, &mut owner, &wire::query("ALTER TABLE crossed ADD COLUMN z integer"), "crossed");
    assert_eq!(wire.value(&count), "0");
    wire.rows("COMMIT");
    assert!(owner.until_ready().unwrap().iter().all(|frame| frame.tag != b'E'));
    assert_eq!(wire.rows(&format!("SELECT * FROM crossed WHERE client_id = {a}")).len(), 0);
    // What PostgreSQL lets others go on with is not waited for.
    owner.rows("BEGIN; COMMENT ON TABLE crossed IS 'x'; CREATE VIEW over_crossed AS SELECT 1 AS one");
    assert_eq!(wire.value(&count), "0");
    owner.rows("ROLLBACK");
}

/// A change that is made shard by shard, not through the proxy, may be there on some shards and not on others.
#[test]
fn rows_of_different_kinds_are_not_told_as_one_answer() {
    let stage = &*STAGE;
    let [a, b, c] = [0, 1, 2].map(|shard| stage.clients[shard]);
    let columns = "client_id bigint, id integer, note text DEFAULT 'x', PRIMARY KEY (client_id, id)";
    make(stage, "torn", columns);
    let proxy = with_tables(stage, "beside-torn", "", "torn = { keyspace = \"bigints\", key = \"client_id\" }");
    let mut wire = login(&proxy);
    let fill = format!("INSERT INTO torn VALUES ({a}, 1), ({b}, 2), ({c}, 3)");
    let texts = [
        "SELECT * FROM torn",
        "SELECT id FROM torn",
        "SELECT * FROM torn LIMIT 5",
        "SELECT client_id, id FROM torn ORDER BY client_id",
        "SELECT max(id) FROM torn",
        "SELECT id, count(*) FROM torn GROUP BY id",
        "SELECT one.id FROM torn AS one JOIN torn AS other ON one.id = other.id",
        "UPDATE torn SET note = 'y' RETURNING *",
    ];
    for change in ["ALTER id TYPE bigint", "ALTER id TYPE text", "ADD COLUMN more integer DEFAULT 7"] {
        make(stage, "torn", columns);
        let mut owner = login(&proxy);
        owner.rows("COMMENT ON TABLE torn IS 'anew'");
        owner.rows(&fill);
        admin(stage.world.shards[1].port()).rows(&format!("ALTER TABLE torn {change}"));
        for text in texts {
            for messages in [wire::query(text), extended(text, &[])] {
                wire.send(&messages).unwrap();
                let frames = wire.until_ready().unwrap();
                let what = format!("{change}, {text}: {:?}", wire::transcript(&frames));
                let described = frames.iter().find(|frame| frame.tag == b'T').map(|frame| wire::columns(&frame.body));
                let rows = || frames.iter().filter(|frame| frame.tag == b'D').map(|frame| wire::fields(&frame.body));
                assert!(rows().all(|row| described.as_ref().is_some_and(|it| it.len() == row.len())), "{what}");
                match frames.iter().find(|frame| frame.tag == b'E') {
                    Some(frame) => assert_eq!(wire::error_field(&frame.body, b'C'), "40001", "{what}"),
                    // What does not look at the columns that differ is the same everywhere.
                    None => assert!(change.starts_with("ADD") && !text.contains(" *"), "{what}"),
                }
                assert_eq!(frames.last().unwrap().body, b"I", "{what}");
            }
        }
        assert_eq!(wire.value("SELECT count(*) FROM torn WHERE note = 'y'"), "0", "{change}: nothing of it has stayed");
        wire.rows("BEGIN");
        assert_eq!(failure(&mut wire, texts[0]).0, "40001");
        assert_eq!(failure(&mut wire, "SELECT 1").0, "25P02");
        wire.rows("ROLLBACK");
    }
}

/// A change that is made on all shards, not through the proxy, is seen within seconds. Until then nothing is read as what it
/// is not.
#[test]
fn rows_of_another_kind_than_planned_are_not_told() {
    let stage = &*STAGE;
    let [a, b, c] = [0, 1, 2].map(|shard| stage.clients[shard]);
    make(stage, "retyped", "client_id bigint, id integer, PRIMARY KEY (client_id, id)");
    let proxy = with_tables(stage, "beside-retyped", "", "retyped = { keyspace = \"bigints\", key = \"client_id\" }");
    let mut wire = login(&proxy);
    wire.rows(&format!("INSERT INTO retyped VALUES ({a}, 1), ({b}, 2), ({c}, 3)"));
    let fetched = "SELECT one.id FROM retyped AS one JOIN retyped AS other ON one.id = other.id ORDER BY one.id";
    let rows = [["1"], ["2"], ["3"]].map(|row| row.map(|value| Some(value.to_owned())));
    assert_eq!(wire.rows(fetched), rows);
    let mut refused = 0;
    for of_type in ["double precision", "bigint", "real", "integer"] {
        for shard in &stage.world.shards {
            admin(shard.port()).rows(&format!("ALTER TABLE retyped ALTER id TYPE {of_type}"));
        }
        until("it is seen", || {
            let answer = wire::answers(&wire.simple(fetched).unwrap()).remove(0);
            match answer.error {
                Some((state, message)) => {
                    assert_eq!(state, "40001", "{of_type}: {message}");
                    refused += 1;
                    false
                }
                None => {
                    let told: Vec<_> =
                        answer.rows.iter().flatten().flatten().map(|it| String::from_utf8_lossy(it)).collect();
                    assert_eq!(told, ["1", "2", "3"], "{of_type}");
                    true
                }
            }
        });
    }
    assert!(refused > 0, "each change was seen at once");
}

/// What an UPDATE of a reference table looks up is looked up once: others may change it before the last copy is written.
#[test]
fn copies_get_the_value_that_was_found_for_the_first() {
    let stage = &*STAGE;
    make(stage, "looked_up", "code integer PRIMARY KEY, name text");
    make(stage, "copied", "name text PRIMARY KEY, weight integer");
    let proxy = with_tables(stage, "beside-copies", "", "looked_up = \"reference\"\ncopied = \"reference\"");
    let (mut wire, mut other) = (login(&proxy), login(&proxy));
    wire.rows("INSERT INTO looked_up VALUES (15, 'A'); INSERT INTO copied VALUES ('rf1', 0), ('rf2', 5)");
    let second = stage.world.shards[1].port();
    for value in [
        "(SELECT ascii(name) FROM looked_up WHERE code = 15)",
        "CASE WHEN EXISTS (SELECT FROM looked_up WHERE name = 'A') THEN 1 ELSE 2 END",
        "CASE WHEN 'A' IN (SELECT name FROM looked_up) THEN 1 ELSE 2 END",
        "(SELECT c.weight FROM copied c WHERE c.name = 'rf2')",
    ] {
        other.rows("UPDATE looked_up SET name = 'A'; UPDATE copied SET weight = 5 WHERE name = 'rf2'");
        let mut locker = admin(second);
        locker.rows("BEGIN; SELECT FROM copied WHERE name = 'rf1' FOR UPDATE");
        wire.send(&wire::query(&format!("UPDATE copied SET weight = {value} WHERE name = 'rf1'"))).unwrap();
        until("it waits", || admin(second).value("SELECT count(*) FROM pg_locks WHERE NOT granted") != "0");
        other.rows("UPDATE looked_up SET name = 'B'; UPDATE copied SET weight = 6 WHERE name = 'rf2'");
        locker.rows("ROLLBACK");
        let answer = wire::answers(&wire.until_ready().unwrap()).remove(0);
        assert_eq!((answer.error, answer.tag.as_str()), (None, "UPDATE 1"), "{value}");
        let copies =
            stage.world.shards.iter().map(|it| admin(it.port()).value("SELECT weight FROM copied WHERE name = 'rf1'"));
        let copies: Vec<_> = copies.collect();
        assert!(copies.iter().all(|it| *it == copies[0]), "{value}: {copies:?}");
    }
}

/// The locks that it holds may be what the change waits for, so it does not wait; and what it has said goes by the columns of
/// before.
#[test]
fn who_is_in_a_transaction_stores_no_row_by_the_places_of_columns_that_change() {
    let stage = &*STAGE;
    let [a, b, c] = [0, 1, 2].map(|shard| stage.clients[shard]);
    let proxy = with_tables(stage, "beside-places", "", "shifting = { keyspace = \"bigints\", key = \"client_id\" }");
    let change = "ALTER TABLE shifting DROP COLUMN a, ADD COLUMN z integer";
    let one = format!("INSERT INTO shifting VALUES ({a}, {b}, 7)");
    let several = format!("INSERT INTO shifting VALUES ({a}, {b}, 7), ({b}, {c}, 7), ({c}, {a}, 7)");
    let copy = [wire::query("COPY shifting FROM STDIN"), wire::message(b'd', b"1\t2\t7\n"), wire::message(b'c', b"")];
    let cases = [
        (wire::query(&one), "C40001 |"),
        (extended(&one, &[]), "C40001 |"),
        (wire::query(&format!("SELECT 1; {one}")), "C40001 |"),
        (wire::query(&format!("EXECUTE stored({a}, {b}, 7)")), "C40001 |"),
        (wire::query(&format!("INSERT INTO shifting SELECT {a}, {b}, 7")), "C40001 |"),
        (copy.concat(), "C40001 |"),
        (wire::query(&several), "C42703 |"),
        (extended(&several, &[]), "C42703 |"),
    ];
    for (messages, expected) in &cases {
        let what = String::from_utf8_lossy(messages).into_owned();
        make(stage, "shifting", COLUMNS);
        let (mut holder, mut owner, mut wire) = (login(&proxy), login(&proxy), login(&proxy));
        owner.rows("COMMENT ON TABLE shifting IS 'anew'");
        wire.rows("PREPARE stored(bigint, bigint, bigint) AS INSERT INTO shifting VALUES ($1, $2, $3)");
        wire.rows(&format!("BEGIN; SELECT FROM events WHERE client_id = {b} LIMIT 1"));
        holder.rows(&format!("BEGIN; SELECT * FROM shifting WHERE client_id = {c}"));
        send_to_wait(stage, &proxy, &mut owner, &wire::query(change), "shifting");
        let before = waiting(stage, "shifting");
        wire.send(messages).unwrap();
        if *expected != "C40001 |" {
            until("it waits", || waiting(stage, "shifting") > before);
            holder.rows("COMMIT");
        }
        let frames = wire.until_ready().unwrap();
        assert!(frames.iter().any(|frame| frame.tag == b'E'), "{what}: {frames:?}");
        let error = whole_error(&frames);
        assert!(error.contains(expected), "{what}: {error}");
        wire.rows("ROLLBACK");
        if *expected == "C40001 |" {
            holder.rows("COMMIT");
        }
        assert!(owner.until_ready().unwrap().iter().all(|frame| frame.tag != b'E'), "{what}");
        // Behind the change it is right.
        wire.rows(&format!("BEGIN; SELECT FROM events WHERE client_id = {b} LIMIT 1; {one}; COMMIT"));
        let stored = on_shards(stage, "SELECT coalesce(string_agg(client_id::text, ','), '') FROM shifting");
        assert_eq!(stored, [a.to_string(), String::new(), String::new()], "{what}");
    }
}

/// What was planned before it waited for a connection is not sent behind the change.
#[test]
fn a_change_that_is_made_while_a_statement_waits_for_its_server_is_noticed() {
    let stage = &*STAGE;
    let [a, b] = [0, 1].map(|shard| stage.clients[shard]);
    let table = "queued = { keyspace = \"bigints\", key = \"client_id\" }";
    let proxy = with_tables(stage, "beside-queue", "pool_size = 1", table);
    let one = format!("INSERT INTO queued VALUES ({a}, {b}, 7)");
    for messages in [wire::query(&one), extended(&one, &[])] {
        make(stage, "queued", COLUMNS);
        let (mut owner, mut wire) = (login(&proxy), login(&proxy));
        owner.rows("COMMENT ON TABLE queued IS 'anew'");
        owner.rows("BEGIN; SELECT count(*) FROM events");
        wire.send(&messages).unwrap();
        until("it waits", || metric(&proxy, "shardway_clients", &["state=\"waiting\""]) > 0.0);
        owner.rows("ALTER TABLE queued DROP COLUMN a, ADD COLUMN z integer");
        owner.rows("COMMIT");
        let error = whole_error(&wire.until_ready().unwrap());
        assert!(error.contains("C40001 |"), "{error}");
        wire.rows(&one);
        let stored = on_shards(stage, "SELECT coalesce(string_agg(client_id::text, ','), '') FROM queued");
        assert_eq!(stored, [a.to_string(), String::new(), String::new()]);
    }
}

/// Who changes a table and fills it in one transaction, or in one text, knows its columns.
#[test]
fn whose_change_it_is_stores_rows_by_the_places_of_the_columns_that_it_has_made() {
    let stage = &*STAGE;
    let [a, b] = [0, 1].map(|shard| stage.clients[shard]);
    let proxy = with_tables(stage, "beside-own", "", "owned = { keyspace = \"bigints\", key = \"client_id\" }");
    let change = "ALTER TABLE owned DROP COLUMN a, ADD COLUMN z integer";
    let one = format!("INSERT INTO owned VALUES ({a}, {b}, 7)");
    let texts: [&[&str]; 3] = [
        &["BEGIN", change, "COMMIT", &one],
        &[change, &one],
        &[&format!("BEGIN; {change}; COMMIT"), "BEGIN", &one, "COMMIT"],
    ];
    for texts in texts {
        make(stage, "owned", COLUMNS);
        let mut wire = login(&proxy);
        wire.rows("COMMENT ON TABLE owned IS 'anew'");
        texts.iter().for_each(|text| drop(wire.rows(text)));
        let stored = on_shards(stage, "SELECT coalesce(string_agg(client_id::text, ','), '') FROM owned");
        assert_eq!(stored, [a.to_string(), String::new(), String::new()], "{texts:?}");
    }
}
