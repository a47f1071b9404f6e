//! New tables that the session places: on every shard, in the map and in its file; or nowhere.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::support::script::extended;

fn on_shards(stage: &Stage, sql: &str) -> Vec<String> {
    stage.world.shards.iter().map(|server| admin(server.port()).value(sql)).collect()
}

fn is_table(name: &str) -> String {
    format!("SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname = '{name}'")
}

/// A proxy at which `app` may place tables.
fn placing(stage: &Stage, name: &str, more: &str) -> Proxy {
    let lines = format!("pool_size = 10\ncreate_tables = [\"app\"]\n{more}");
    stage.proxy(name, &Settings { database: &lines, ..Settings::default() })
}

fn file(proxy: &Proxy) -> String {
    fs::read_to_string(&proxy.config).unwrap()
}

fn drop_everywhere(stage: &Stage, table: &str) {
    for server in &stage.world.shards {
        admin(server.port()).rows(&format!("DROP TABLE IF EXISTS {table}"));
    }
}

/// `shardway check` has nothing to say against the file.
fn check(proxy: &Proxy) {
    let output = Command::new(env!("CARGO_BIN_EXE_shardway")).arg("check").arg(&proxy.config).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn the_sequence_of_a_table_of_one_shard_is_there() {
    let stage = &*STAGE;
    let proxy = placing(stage, "numbered", "");
    let mut wire = login(&proxy);
    wire.rows("SET shardway.new_tables = 'shard=c'");
    wire.rows("CREATE TABLE \"Numbered\" (id serial PRIMARY KEY, note text)");
    assert_eq!(wire.value("SELECT nextval('\"Numbered_id_seq\"')"), "1");
    assert_eq!(wire.value("SELECT setval('public.\"Numbered_id_seq\"', 50)"), "50");
    assert_eq!(wire.value("INSERT INTO \"Numbered\" (note) VALUES ('x') RETURNING id"), "51");
    let reset =
        "SELECT setval(pg_get_serial_sequence('\"Numbered\"', 'id'), coalesce(max(id), 1) + 9, true) FROM \"Numbered\"";
    assert_eq!(wire.value(reset), "60");
    assert_eq!(wire.value("SELECT nextval('\"Numbered_id_seq\"'::regclass)"), "61");
    assert_eq!(wire.value("SELECT last_value FROM public.\"Numbered_id_seq\" AS s WHERE is_called"), "61");
    // The first shard does not have it.
    for (sql, expected) in [
        (r#"SELECT pg_get_serial_sequence('"Numbered"', 'id')"#, r#"public."Numbered_id_seq""#),
        (r#"SELECT '"Numbered"'::regclass"#, r#""Numbered""#),
        (r#"SELECT to_regclass('public."Numbered"')"#, r#""Numbered""#),
        (r#"SELECT pg_relation_size('"Numbered"') > 0"#, "t"),
        (r#"SELECT pg_total_relation_size('"Numbered_pkey"'::regclass) > 0"#, "t"),
        (r#"SELECT pg_partition_root('"Numbered"')"#, ""),
        (r#"SELECT has_table_privilege('"Numbered"', 'SELECT')"#, "t"),
        (r#"SELECT count(*) FROM pg_index WHERE indrelid = '"Numbered"'::regclass"#, "1"),
        (r#"SELECT count(*) FROM "Numbered" WHERE tableoid = '"Numbered"'::regclass"#, "1"),
        (r#"SELECT count(*) > 0 FROM events WHERE kind <> '"Numbered"'::regclass::text"#, "t"),
    ] {
        assert_eq!(wire.value(sql), expected, "{sql}");
    }
    // A view that the open transaction has made over it, whichever shards it has read before.
    for client in &stage.clients {
        wire.rows("BEGIN");
        wire.rows(&format!("SELECT count(*) FROM events WHERE client_id = {client}"));
        wire.rows("CREATE VIEW of_numbered AS SELECT id FROM \"Numbered\"");
        assert_eq!(wire.value("SELECT max(id) FROM of_numbered"), "51");
        wire.rows("ROLLBACK");
    }
    wire.rows("DROP TABLE \"Numbered\"");
}

/// Its shard has never heard of the other table.
#[test]
fn a_table_like_one_of_another_shard_is_refused() {
    let stage = &*STAGE;
    let proxy = placing(stage, "likened", "");
    let mut wire = login(&proxy);
    let create = |shard: &str| format!("/* shardway new_tables=shard={shard} */ CREATE TABLE likened (LIKE model)");
    wire.rows("/* shardway new_tables=shard=b */ CREATE TABLE model (id integer)");
    assert_eq!(failure(&mut wire, &create("c")).0, "0A000");
    wire.rows(&create("b"));
    wire.rows("DROP TABLE likened, model");
    // Both are of the open transaction.
    wire.rows("BEGIN");
    wire.rows("/* shardway new_tables=shard=a */ CREATE TABLE fresh_model (id integer)");
    let sql = "/* shardway new_tables=shard=c */ CREATE TABLE fresh_copy (LIKE fresh_model)";
    assert_eq!(failure(&mut wire, sql).0, "0A000");
    wire.rows("ROLLBACK");
}

/// Statements that are prepared are parsed where the session's temporary tables are, unless what they name is elsewhere.
#[test]
fn a_table_of_one_shard_is_found_beside_temporary_tables() {
    let stage = &*STAGE;
    let proxy = placing(stage, "beside_temporary", "");
    let mut wire = login(&proxy);
    let mut ask = |sql: &str| {
        wire.send(&extended(sql, &[])).unwrap();
        let answers = wire::answers(&wire.until_ready().unwrap());
        let failed = answers.iter().find_map(|answer| answer.error.clone());
        failed.map_or_else(|| answers[0].tag.clone(), |(state, _)| state)
    };
    ask("CREATE TEMP TABLE staged (id integer)");
    let mut read = Vec::new();
    for shard in ["a", "b", "c"] {
        let table = format!("beside_{shard}");
        let create = format!("/* shardway new_tables=shard={shard} */ CREATE TABLE {table} (id integer)");
        ask("BEGIN");
        assert_eq!(ask(&create), "CREATE TABLE");
        assert_eq!(ask(&format!("INSERT INTO {table} SELECT 7")), "INSERT 0 1", "{shard}");
        assert_eq!(ask(&format!("UPDATE {table} SET id = 8 RETURNING id")), "UPDATE 1", "{shard}");
        assert_eq!(ask(&format!("SELECT * FROM {table}")), "SELECT 1", "{shard}");
        ask("ROLLBACK");
        assert_eq!(ask(&create), "CREATE TABLE");
        assert_eq!(ask(&format!("INSERT INTO {table} VALUES (7)")), "INSERT 0 1", "{shard}");
        read.push(ask(&format!("SELECT count(*) FROM {table}, staged")));
        read.push(ask(&format!("INSERT INTO staged SELECT id FROM {table}")));
        assert_eq!(ask(&format!("DROP TABLE {table}")), "DROP TABLE");
    }
    // No server can parse a statement that names both, but the one that has both.
    read.sort();
    assert_eq!(read, ["0A000", "0A000", "0A000", "0A000", "INSERT 0 1", "SELECT 1"]);
}

/// What PostgreSQL finds when it reads a statement comes before a row that no shard is the home of.
#[test]
fn a_key_without_a_home_is_told_of_statements_that_are_right_otherwise() {
    let stage = &*STAGE;
    let proxy = placing(stage, "homeless", "");
    let mut wire = login(&proxy);
    wire.rows("SET shardway.new_tables = 'bigints(client_id)'");
    wire.rows("CREATE TABLE homeless (client_id bigint, note text)");
    for (sql, state) in [
        ("INSERT INTO homeless (nope) VALUES (1)", "42703"),
        ("INSERT INTO homeless (note) VALUES ('a', 'b')", "42601"),
        ("INSERT INTO homeless VALUES (NULL, 'a'), (NULL, nope(1))", "42883"),
        ("INSERT INTO homeless (note) VALUES ('a')", "23514"),
        ("INSERT INTO homeless VALUES (NULL, 'a'), (1, 'b')", "23514"),
        ("INSERT INTO homeless VALUES (NULL, 'a'::text)", "23514"),
        // On one PostgreSQL it is a division by zero, or none.
        ("INSERT INTO homeless VALUES (NULL, (1 / 0)::text)", "0A000"),
        ("INSERT INTO homeless VALUES (NULL, 'a'), (1, (1 / 0)::text), (2, 'b')", "0A000"),
    ] {
        assert_eq!(failure(&mut wire, sql).0, state, "{sql}");
        wire.rows("BEGIN");
        assert_eq!(failure(&mut wire, sql).0, state, "{sql}");
        assert_eq!(failure(&mut wire, "SELECT 1").0, "25P02", "{sql}");
        wire.rows("ROLLBACK");
        wire.send(&extended(sql, &[])).unwrap();
        let error = wire::answers(&wire.until_ready().unwrap()).remove(0).error;
        assert_eq!(error.unwrap().0, state, "{sql}");
    }
    assert_eq!(wire.value("SELECT count(*) FROM homeless"), "0");
    wire.rows("DROP TABLE homeless");
}

/// Whichever server is asked to parse.
#[test]
fn a_table_of_one_shard_that_the_map_does_not_list_is_refused_by_name() {
    let stage = &*STAGE;
    let [_, b, c] = [0, 1, 2].map(|shard| stage.world.shards[shard].port());
    admin(b).rows("CREATE TABLE forgotten_b (id integer); GRANT ALL ON forgotten_b TO app");
    admin(c).rows("CREATE TABLE forgotten_c (id integer); GRANT ALL ON forgotten_c TO app");
    let proxy = placing(stage, "forgotten", "");
    let mut wires: Vec<Wire> = (0..4).map(|_| login(&proxy)).collect();
    for (sql, table) in [
        ("SELECT id FROM forgotten_b WHERE id = 7", "forgotten_b"),
        ("INSERT INTO forgotten_c VALUES (7)", "forgotten_c"),
        ("SELECT count(*) FROM forgotten_c JOIN forgotten_b USING (id)", "forgotten_"),
        ("SELECT count(*) FROM events JOIN forgotten_b USING (id)", "forgotten_b"),
    ] {
        for wire in &mut wires {
            let (state, message) = failure(wire, sql);
            assert!(state == "0A000" && message.contains(table), "{sql}: {state} {message}");
            wire.send(&extended(sql, &[])).unwrap();
            let error = wire::answers(&wire.until_ready().unwrap()).remove(0).error;
            assert!(error.is_some_and(|(state, text)| state == "0A000" && text.contains(table)), "{sql}");
        }
    }
    // On a shard of the client's choice it is there.
    wires[0].rows("SET shardway.shard = 'b'");
    wires[0].send(&extended("SELECT id FROM forgotten_b WHERE id = 7", &[])).unwrap();
    assert_eq!(wire::answers(&wires[0].until_ready().unwrap())[0].tag, "SELECT 0");
    drop_everywhere(stage, "forgotten_b, forgotten_c");
}

#[test]
fn a_new_table_is_spread_and_the_file_lists_it() {
    let stage = &*STAGE;
    let proxy = placing(stage, "placed", "");
    let (mut wire, mut other) = (login(&proxy), login(&proxy));
    assert_eq!(wire.value("SHOW shardway.new_tables"), "");
    assert_eq!(wire.simple("SET shardway.new_tables = 'bigints(client_id)'").unwrap()[0].body, b"SET\0");
    let create = "CREATE TABLE placed (client_id bigint, id bigserial, note text, PRIMARY KEY (client_id, id))";
    let tags: Vec<u8> = wire.simple(create).unwrap().iter().map(|frame| frame.tag).collect();
    assert_eq!(tags, b"CZ");
    assert_eq!(on_shards(stage, &is_table("placed")), ["1"; 3]);
    // The next statement of anyone finds it.
    let rows: Vec<String> = stage.clients.iter().map(|client| format!("({client}, 'x'), ({client}, 'y')")).collect();
    other.rows(&format!("INSERT INTO placed (client_id, note) VALUES {}", rows.join(", ")));
    assert_eq!(on_shards(stage, "SELECT count(*) FROM placed"), ["2"; 3]);
    assert_eq!(wire.rows("SELECT count(*), count(DISTINCT id) FROM placed"), [[Some("6".into()), Some("6".into())]]);
    let of_one = format!("SELECT count(*) FROM placed WHERE client_id = {}", stage.clients[1]);
    assert_eq!(wire.value(&of_one), "2");
    // A table of the map needs no place.
    wire.rows("RESET shardway.new_tables");
    wire.rows("DROP TABLE placed");
    let same = format!("/* shardway new_tables=bigints(client_id) */ {create}");
    other.rows(&same);
    assert_eq!(failure(&mut other, &same).0, "42P07");
    let tolerant = same.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS");
    other.rows(&tolerant);
    other.send(&extended(&tolerant, &[])).unwrap();
    let tags: Vec<u8> = other.until_ready().unwrap().iter().map(|frame| frame.tag).collect();
    assert_eq!(tags, b"12nNCZ");
    assert_eq!(failure(&mut other, &same.replace("bigints(client_id)", "reference")).0, "22023");
    wire.rows("DROP TABLE placed");
    other.rows(create);
    assert!(file(&proxy).ends_with("\nplaced = { keyspace = \"bigints\", key = \"client_id\" }\n"), "{}", file(&proxy));
    check(&proxy);
    // The file means the same to who reads it next.
    reload(&proxy, |toml| toml, "ok");
    other.rows(&format!("INSERT INTO placed (client_id, note) VALUES {}", rows.join(", ")));
    assert_eq!(on_shards(stage, "SELECT count(*) FROM placed"), ["2"; 3]);
    wire.rows("DROP TABLE placed");
}

#[test]
fn copies_and_tables_of_one_shard_are_placed_too() {
    let stage = &*STAGE;
    let proxy = placing(stage, "placed-ways", "default_shard = \"c\"\n");
    let mut wire = login(&proxy);
    wire.rows("SET shardway.new_tables = 'reference'");
    wire.send(&extended("CREATE TABLE IF NOT EXISTS placed_copies (id integer PRIMARY KEY)", &[])).unwrap();
    let tags: Vec<u8> = wire.until_ready().unwrap().iter().map(|frame| frame.tag).collect();
    assert_eq!(tags, b"12nCZ");
    wire.rows("INSERT INTO placed_copies VALUES (1), (2)");
    assert_eq!(on_shards(stage, "SELECT count(*) FROM placed_copies"), ["2"; 3]);
    wire.rows("/* shardway new_tables=shard=b */ CREATE TABLE placed_single (id serial)");
    assert_eq!(on_shards(stage, &is_table("placed_single")), ["0", "1", "0"]);
    wire.rows("INSERT INTO placed_single DEFAULT VALUES");
    assert_eq!(wire.value("SELECT sum(id) FROM placed_single"), "1");
    // Nothing of the session's concern: a part of another table, a table of its own, one that the map lists.
    wire.rows("CREATE TEMP TABLE placed_own (id integer)");
    wire.rows("DISCARD ALL");
    wire.rows("SET shardway.new_tables = 'bigints(id)'");
    wire.rows("CREATE TABLE placed_whole (id bigint) PARTITION BY HASH (id)");
    wire.rows("SET shardway.new_tables = 'reference'");
    wire.rows("CREATE TABLE placed_part PARTITION OF placed_whole FOR VALUES WITH (MODULUS 1, REMAINDER 0)");
    assert_eq!(on_shards(stage, &is_table("placed_part")), ["1"; 3]);
    // A name may look like the end of a quoted text.
    wire.rows("/* shardway new_tables=bigints(id) */ CREATE TABLE \"a$shardway$b\" (id bigserial)");
    wire.rows("DROP TABLE \"a$shardway$b\"");
    // Without a place it is the default shard's, as ever.
    wire.rows("RESET shardway.new_tables");
    wire.rows("CREATE TABLE placed_default (id integer)");
    assert_eq!(on_shards(stage, &is_table("placed_default")), ["0", "0", "1"]);
    let lines = "placed_copies = \"reference\"\nplaced_single = { shard = \"b\" }\n\
                 placed_whole = { keyspace = \"bigints\", key = \"id\" }\n\
                 \"a$shardway$b\" = { keyspace = \"bigints\", key = \"id\" }\n";
    assert!(file(&proxy).ends_with(lines), "{}", file(&proxy));
    check(&proxy);
    wire.rows("DROP TABLE placed_whole");
    for table in ["placed_copies", "placed_single", "placed_default"] {
        drop_everywhere(stage, table);
    }
}

#[test]
fn what_cannot_be_listed_is_not_created() {
    let stage = &*STAGE;
    let proxy = placing(stage, "placed-refused", "default_shard = \"a\"\n");
    let before = file(&proxy);
    let mut wire = login(&proxy);
    assert_eq!(failure(&mut wire, "SET shardway.new_tables = 'bigint(id)'").0, "22023");
    assert_eq!(failure(&mut wire, "SET shardway.new_tables = 'somewhere'").0, "22023");
    let mut other = Wire::login(proxy.port, "postgres", &[]).unwrap();
    assert_eq!(failure(&mut other, "SET shardway.new_tables = 'reference'").0, "42501");
    let hinted = "/* shardway new_tables=reference */ CREATE TABLE misplaced (id integer)";
    assert_eq!(failure(&mut other, hinted).0, "42501");
    wire.rows("SET shardway.new_tables = 'bigints(client_id)'");
    for (sql, state) in [
        ("CREATE TABLE misplaced (id bigint)", "0A000"),
        ("CREATE TABLE misplaced (client_id text)", "0A000"),
        ("CREATE TABLE misplaced (client_id bigint, id bigint PRIMARY KEY)", "0A000"),
        ("CREATE TABLE misplaced AS SELECT 1 AS id", "0A000"),
        ("SELECT NULL::bigint AS client_id INTO misplaced", "23514"),
        ("CREATE TABLE misplaced (client_id bigint); SELECT 1 / 0", "22012"),
        ("CREATE TABLE no_schema.misplaced (client_id bigint)", "3F000"),
        ("CREATE TABLE misplaced (client_id bigint, other no_type)", "42704"),
        ("CREATE TABLE countries (client_id bigint)", "22023"),
        ("CREATE TABLE misplaced (", "42601"),
    ] {
        assert_eq!(failure(&mut wire, sql).0, state, "{sql}");
        wire.send(&extended(sql, &[])).unwrap();
        let frames = wire.until_ready().unwrap();
        assert!(frames.iter().any(|frame| frame.tag == b'E'), "{sql}");
    }
    let create = "CREATE TABLE misplaced (client_id bigint)";
    wire.rows("SET shardway.shard = 'b'");
    assert_eq!(failure(&mut wire, create).0, "22023");
    wire.rows("RESET shardway.shard");
    // It is there on one shard, which says so; or was there before, and nobody knows where its rows are.
    admin(stage.world.shards[1].port()).rows(create);
    assert_eq!(failure(&mut wire, create).0, "42P07");
    let (state, message) = failure(&mut wire, "CREATE TABLE IF NOT EXISTS misplaced (client_id bigint)");
    assert_eq!((&*state, &*message), ("0A000", "table \"misplaced\" was not created in schema \"public\""));
    assert_eq!(on_shards(stage, &is_table("misplaced")), ["0", "1", "0"]);
    drop_everywhere(stage, "misplaced");
    // The search path leads where the map was not asked to go.
    wire.rows("CREATE SCHEMA hidden_place");
    wire.rows("SET search_path = hidden_place, public");
    assert_eq!(failure(&mut wire, create).0, "0A000");
    wire.rows("RESET search_path");
    wire.rows("DROP SCHEMA hidden_place");
    // The file cannot be written.
    fs::set_permissions(&proxy.config, fs::Permissions::from_mode(0o444)).unwrap();
    let error = whole_error(&wire.simple(create).unwrap());
    assert!(error.contains("DCannot write ") && error.contains("read-only"), "{error}");
    let hint = "HNothing was created. List it first, under [databases.app.tables]: \
                \"misplaced\" = { keyspace = \"bigints\", key = \"client_id\" }";
    assert!(error.contains(hint), "{error}");
    fs::set_permissions(&proxy.config, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(on_shards(stage, &is_table("misplaced")), ["0"; 3]);
    assert_eq!(file(&proxy), before);
    assert_eq!(on_shards(stage, "SELECT count(*) FROM pg_prepared_xacts"), ["0"; 3]);
    // After all this it is created.
    wire.rows(create);
    wire.rows("DROP TABLE misplaced");
}

#[test]
fn a_table_that_is_not_committed_leaves_the_map() {
    let stage = &*STAGE;
    let world = &stage.world;
    let toml = |port, metrics| {
        let lines = Settings { database: "pool_size = 10\ncreate_tables = [\"app\"]\n", ..Settings::default() };
        stage.toml(port, metrics, &lines)
    };
    let stopping = [("SHARDWAY_STOP_AT", "before_prepare")];
    let proxy = Proxy::start_with_variables(&world.lab, "placed-undone", toml, &stopping).unwrap();
    let before = file(&proxy);
    let mut wire = login(&proxy);
    wire.rows("SET shardway.new_tables = 'bigints(client_id)'");
    let create = "CREATE TABLE undone_place (client_id bigint)";
    wire.send(&wire::query(create)).unwrap();
    until("it is about to commit", || proxy.is_stopped());
    assert!(file(&proxy).ends_with("undone_place = { keyspace = \"bigints\", key = \"client_id\" }\n"));
    let end = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE query LIKE '%undone_place%' \
               AND pid <> pg_backend_pid()";
    assert_eq!(admin(world.shards[2].port()).value(end), "1");
    proxy.signal("CONT");
    // The session goes with the server, as it would on one.
    assert!(wire.until_closed().unwrap().iter().any(|frame| frame.tag == b'E'));
    assert_eq!(on_shards(stage, &is_table("undone_place")), ["0"; 3]);
    assert_eq!(file(&proxy), before);
    let mut wire = login(&proxy);
    assert_eq!(failure(&mut wire, "SELECT * FROM undone_place").0, "42P01");
    wire.rows("SET shardway.new_tables = 'bigints(client_id)'");
    wire.rows(create);
    assert_eq!(on_shards(stage, &is_table("undone_place")), ["1"; 3]);
    wire.rows("DROP TABLE undone_place");
}

#[test]
fn a_proxy_that_dies_leaves_a_line_too_many_at_most() {
    let stage = &*STAGE;
    let toml = |port, metrics| {
        let lines = Settings { database: "pool_size = 10\ncreate_tables = [\"app\"]\n", ..Settings::default() };
        stage.toml(port, metrics, &lines)
    };
    let dying = [("SHARDWAY_CRASH_AT", "before_prepare")];
    let proxy = Proxy::start_with_variables(&stage.world.lab, "placed-died", toml, &dying).unwrap();
    let mut wire = login(&proxy);
    wire.rows("SET shardway.new_tables = 'reference'");
    let create = "CREATE TABLE half_placed (id integer PRIMARY KEY)";
    assert!(wire.simple(create).is_err());
    let left = file(&proxy);
    assert!(left.ends_with("half_placed = \"reference\"\n"), "{left}");
    check(&proxy);
    let map = left.split_once("[databases.app]").unwrap().1;
    let proxy = Proxy::start(&stage.world.lab, "placed-later", &format!("[databases.app]{map}")).unwrap();
    let mut wire = login(&proxy);
    assert_eq!(failure(&mut wire, "SELECT * FROM half_placed").0, "42P01");
    wire.rows(create);
    wire.rows("INSERT INTO half_placed VALUES (1)");
    assert_eq!(on_shards(stage, "SELECT count(*) FROM half_placed"), ["1"; 3]);
    wire.rows("DROP TABLE half_placed");
}

/// The rows of a query go to the shards that their keys say, or to every copy.
#[test]
fn a_new_table_of_all_shards_is_filled_with_the_rows_of_a_query() {
    let stage = &*STAGE;
    let proxy = placing(stage, "placed-filled", "");
    let (mut wire, mut other, mut oracle) = (login(&proxy), login(&proxy), admin(stage.world.oracle.port()));
    wire.rows("SET shardway.new_tables = 'bigints(client_id)'");
    for (query, columns, kind) in [
        ("SELECT client_id, count(*) AS n, sum(amount) AS total FROM events GROUP BY client_id", "", ""),
        ("SELECT * FROM events WHERE id % 2 = 0", "", ""),
        ("SELECT client_id, id FROM events WHERE id < 50; -- and no more", "", ""),
        ("SELECT client_id FROM events -- all of them\n WITH DATA ;;", "", ""),
        ("SELECT client_id, id FROM events -- the last words", "", ""),
        ("(SELECT instrument_id AS client_id, 'x' AS note FROM market_data) WITH DATA", "", "UNLOGGED "),
        ("SELECT id, max(kind)::varchar(9) FROM events GROUP BY id", " (client_id, \"the Kind\")", ""),
        ("WITH few AS (SELECT client_id FROM events LIMIT 0) SELECT client_id, 1.50 AS one FROM few", "", ""),
        ("SELECT client_id, code FROM events CROSS JOIN countries WHERE client_id = 42", "", ""),
        ("VALUES (1::bigint, 'a'), (2, 'b'), (3, NULL)", " (client_id, note)", ""),
        ("SELECT 7::bigint AS client_id, now() > 'epoch' AS later", "", ""),
        ("TABLE events", "", ""),
    ] {
        let create = format!("CREATE {kind}TABLE filled{columns} AS {query}");
        oracle.rows("DROP TABLE IF EXISTS filled");
        let expected_tag = wire::answers(&oracle.simple(&create).unwrap()).remove(0).tag;
        wire.send(&extended(&create, &[])).unwrap();
        let answers = wire::answers(&wire.until_ready().unwrap());
        assert_eq!((&answers[0].error, &answers[0].tag), (&None, &expected_tag), "{create}");
        let all = "SELECT * FROM filled AS f ORDER BY f::text COLLATE \"C\"";
        assert_eq!(other.rows(all), oracle.rows(all), "{create}");
        let shape = "SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) FROM \
                     pg_attribute WHERE attrelid = 'filled'::regclass AND attnum > 0";
        assert_eq!(on_shards(stage, shape), vec![oracle.value(shape); 3], "{create}");
        for (server, shard) in stage.world.shards.iter().zip(SHARDS) {
            for row in admin(server.port()).rows("SELECT DISTINCT client_id FROM filled") {
                let client = row[0].clone().unwrap();
                assert_eq!(
                    oracle
                        .value(&format!("SELECT CASE {client} WHEN 42 THEN 'c' ELSE placement.shard_of({client}) END")),
                    shard,
                    "{create}"
                );
            }
        }
        wire.rows("DROP TABLE filled");
    }
    // The map lists it by now: nobody has to say where it lives. SELECT INTO is the same.
    let frames = other.simple("SELECT client_id, id INTO filled FROM events WHERE id < 100;").unwrap();
    let expected = oracle.value("SELECT 'SELECT ' || count(*) FROM events WHERE id < 100");
    assert_eq!(wire::answers(&frames)[0].tag, expected);
    other.rows("DROP TABLE filled");
    let frames = other.simple("CREATE TABLE filled AS SELECT client_id FROM events WITH NO DATA;").unwrap();
    assert_eq!(wire::answers(&frames)[0].tag, "CREATE TABLE AS");
    assert_eq!(on_shards(stage, "SELECT count(*) FROM filled"), ["0"; 3]);
    other.rows("DROP TABLE filled");
    // In a transaction it is undone with it, and not looked at before it is committed.
    other.rows("BEGIN");
    other.rows("CREATE TABLE filled AS SELECT client_id FROM events");
    assert_eq!(failure(&mut other, "SELECT count(*) FROM filled").0, "0A000");
    other.rows("ROLLBACK");
    for (sql, state) in [
        ("CREATE TABLE filled AS SELECT id FROM events", "0A000"),
        ("CREATE TABLE filled AS SELECT client_id::text FROM events", "0A000"),
        ("CREATE TABLE IF NOT EXISTS filled AS SELECT client_id FROM events", "0A000"),
        ("CREATE TABLE filled AS SELECT NULL::bigint AS client_id", "23514"),
        ("CREATE TABLE filled AS SELECT client_id, 1 / (id - id) AS broken FROM events", "22012"),
        ("CREATE MATERIALIZED VIEW filled AS SELECT client_id FROM events", "0A000"),
    ] {
        assert_eq!(failure(&mut other, sql).0, state, "{sql}");
        assert_eq!(on_shards(stage, &is_table("filled")), ["0"; 3], "{sql}");
    }
    // What one server would compute once is one value on all shards.
    other.rows("CREATE TABLE filled AS SELECT client_id, txid_current() AS number, now() AS moment FROM events");
    let distinct = "SELECT count(DISTINCT number), count(DISTINCT moment) FROM filled";
    assert_eq!(other.rows(distinct), [[Some("1".into()), Some("1".into())]]);
    other.rows("DROP TABLE filled");
    wire.rows("SET shardway.new_tables = 'reference'");
    wire.rows("CREATE TABLE filled_copies AS SELECT c.*, random() AS chance FROM countries c");
    let sums =
        on_shards(stage, "SELECT count(*) || ' ' || sum(chance) FROM (SELECT * FROM filled_copies ORDER BY chance) f");
    assert!(sums.iter().all(|sum| *sum == sums[0]) && !sums[0].starts_with('0'), "{sums:?}");
    wire.rows("DROP TABLE filled_copies");
    // Rows that not every shard has are fetched for all copies.
    wire.rows("CREATE TABLE filled_copies AS SELECT client_id, id FROM events");
    let all = oracle.value("SELECT count(*) || ' ' || sum(client_id) || ' ' || sum(id) FROM events");
    let copies = "SELECT count(*) || ' ' || sum(client_id) || ' ' || sum(id) FROM filled_copies";
    assert_eq!(on_shards(stage, copies), [&*all; 3]);
    wire.rows("DROP TABLE filled_copies");
    assert_eq!(on_shards(stage, "SELECT count(*) FROM pg_prepared_xacts"), ["0"; 3]);
    oracle.rows("DROP TABLE IF EXISTS filled");
    check(&proxy);
}

/// To alter a table renews its row in the catalog, so that it looks as if the transaction had made it.
#[test]
fn a_table_that_was_there_is_not_listed_by_who_alters_it() {
    let stage = &*STAGE;
    let proxy = placing(stage, "placed-old", "default_shard = \"a\"\n");
    let before = file(&proxy);
    let mut wire = login(&proxy);
    wire.rows("CREATE TABLE old_place (client_id bigint)");
    wire.rows("INSERT INTO old_place VALUES (1), (2)");
    let create = "/* shardway new_tables=bigints(client_id) */ CREATE TABLE IF NOT EXISTS old_place (client_id bigint)";
    for alter in
        ["ALTER TABLE old_place ADD COLUMN z integer", "TRUNCATE old_place", "COMMENT ON TABLE old_place IS 'x'"]
    {
        wire.rows("BEGIN");
        wire.rows(alter);
        assert_eq!(failure(&mut wire, create).0, "0A000", "{alter}");
        wire.rows("ROLLBACK");
        assert_eq!(file(&proxy), before, "{alter}");
    }
    assert_eq!(wire.value("SELECT count(*) FROM old_place"), "2");
    wire.rows("DROP TABLE old_place");
}

/// A temporary table comes first for PostgreSQL, and the other one for plans.
#[test]
fn a_temporary_table_and_a_new_one_do_not_share_a_name() {
    let stage = &*STAGE;
    let proxy = placing(stage, "placed-shadows", "");
    let (mut wire, mut other) = (login(&proxy), login(&proxy));
    let place = "SET shardway.new_tables = 'bigints(client_id)'";
    let create = "CREATE TABLE public.shadowed (client_id bigint)";
    wire.rows(place);
    wire.rows("CREATE TEMP TABLE shadowed (client_id bigint)");
    wire.rows("INSERT INTO shadowed VALUES (1), (2)");
    wire.rows("CREATE TEMP TABLE passing (client_id bigint)");
    wire.rows("ALTER TABLE passing RENAME TO shadowed_later");
    assert_eq!(failure(&mut wire, create).0, "0A000");
    assert_eq!(failure(&mut wire, &format!("SELECT 1; {create}")).0, "0A000");
    assert_eq!(failure(&mut wire, "CREATE TABLE IF NOT EXISTS shadowed_later (client_id bigint)").0, "0A000");
    wire.send(&extended(create, &[])).unwrap();
    assert!(wire.until_ready().unwrap().iter().any(|frame| frame.tag == b'E'));
    assert_eq!(
        failure(&mut wire, "CREATE TEMP TABLE once (a int); CREATE TABLE public.once (client_id bigint)").0,
        "0A000"
    );
    let is_there = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename IN ('shadowed', 'once')";
    assert_eq!(on_shards(stage, is_there), ["0"; 3]);
    assert_eq!(wire.value("SELECT count(*) FROM shadowed"), "2");
    // Another session has no such table, and makes its own.
    other.rows(place);
    other.rows(create);
    for client in &stage.clients {
        other.rows(&format!("INSERT INTO shadowed VALUES ({client})"));
    }
    for sql in [
        "SELECT count(*) FROM shadowed",
        "INSERT INTO \"shadowed\" VALUES (3)",
        "SELECT 1; DELETE FROM shadowed",
        "COPY shadowed FROM STDIN",
        "COPY shadowed TO STDOUT",
        "PREPARE p AS SELECT FROM shadowed",
        "TRUNCATE shadowed",
        "DROP TABLE shadowed",
        "CREATE TABLE IF NOT EXISTS shadowed (client_id bigint)",
    ] {
        assert_eq!(failure(&mut wire, sql).0, "0A000", "{sql}");
        if !sql.starts_with("SELECT 1;") {
            wire.send(&extended(sql, &[])).unwrap();
            assert!(wire.until_ready().unwrap().iter().any(|frame| frame.tag == b'E'), "{sql}");
        }
    }
    assert_eq!(wire.value("SELECT count(*) FROM shadowed_later"), "0");
    assert_eq!(other.value("SELECT count(*) FROM shadowed"), "3");
    wire.rows("DISCARD ALL");
    assert_eq!(wire.value("SELECT count(*) FROM shadowed"), "3");
    wire.rows("DROP TABLE shadowed");
}

/// One comes first, the others plan theirs again with its table in the map.
#[test]
fn sessions_create_tables_at_the_same_time() {
    let stage = &*STAGE;
    let proxy = placing(stage, "placed-race", "");
    let tables: Vec<String> = (0..8).map(|number| format!("raced_{number}")).collect();
    let mut wires: Vec<Wire> = tables.iter().map(|_| login(&proxy)).collect();
    for (wire, table) in wires.iter_mut().zip(&tables) {
        wire.rows("SET shardway.new_tables = 'bigints(client_id)'");
        let create = format!("CREATE TABLE {table} (client_id bigint)");
        wire.send(&if table.ends_with(['1', '3']) { extended(&create, &[]) } else { wire::query(&create) }).unwrap();
    }
    for (wire, table) in wires.iter_mut().zip(&tables) {
        let answers = wire::answers(&wire.until_ready().unwrap());
        assert_eq!((&answers[0].error, &*answers[0].tag), (&None, "CREATE TABLE"), "{table}");
    }
    for table in &tables {
        let line = format!("\n{table} = {{ keyspace = \"bigints\", key = \"client_id\" }}\n");
        assert!(file(&proxy).contains(&line), "{table}");
        assert_eq!(on_shards(stage, &is_table(table)), ["1"; 3]);
    }
    // In a block there is nothing to begin again: it is for the client to do.
    let [first, second, ..] = wires.as_mut_slice() else { panic!("there are eight") };
    first.rows("BEGIN");
    first.rows("CREATE TABLE raced_late (client_id bigint)");
    second.rows("CREATE TABLE raced_more (client_id bigint)");
    let frames = first.simple("COMMIT").unwrap();
    assert_eq!(wire::answers(&frames)[0].error.as_ref().unwrap().0, "40000");
    assert_eq!(frames.last().unwrap().body, b"I");
    assert_eq!(on_shards(stage, &is_table("raced_late")), ["0"; 3]);
    check(&proxy);
    for table in tables.iter().map(|table| &**table).chain(["raced_more"]) {
        drop_everywhere(stage, table);
    }
}

/// A transaction finds its new tables; others do once it is committed, and the file has them from then on.
#[test]
fn tables_of_a_transaction_are_listed_when_it_is_committed() {
    let stage = &*STAGE;
    let proxy = placing(stage, "placed-block", "default_shard = \"a\"\n");
    let (mut wire, mut other) = (login(&proxy), login(&proxy));
    let before = file(&proxy);
    let migrate = |wire: &mut Wire| {
        wire.rows("BEGIN");
        wire.rows("SET LOCAL shardway.new_tables = 'bigints(client_id)'");
        wire.rows("CREATE TABLE blocked (client_id bigint, number bigint)");
        wire.rows("CREATE UNIQUE INDEX ON blocked (client_id, number)");
        wire.rows("CREATE TABLE blocked_lines (client_id bigint, number bigint, FOREIGN KEY (client_id, number) REFERENCES blocked (client_id, number))");
        for client in &stage.clients {
            wire.rows(&format!("INSERT INTO blocked (client_id) VALUES ({client})"));
        }
        assert_eq!(wire.value(&format!("SELECT count(*) FROM blocked WHERE client_id = {}", stage.clients[2])), "1");
    };
    migrate(&mut wire);
    assert_eq!(failure(&mut other, "SELECT * FROM blocked").0, "42P01");
    assert_eq!(file(&proxy), before);
    wire.rows("ROLLBACK");
    assert_eq!(on_shards(stage, &is_table("blocked")), ["0"; 3]);
    assert_eq!(failure(&mut wire, "SELECT * FROM blocked").0, "42P01");
    assert_eq!(file(&proxy), before);
    migrate(&mut wire);
    // What comes after a savepoint is undone with it.
    wire.rows("SAVEPOINT s");
    wire.rows("CREATE TABLE blocked_twice (client_id bigint)");
    assert_eq!(failure(&mut wire, "SELECT 1 / 0").0, "22012");
    wire.rows("ROLLBACK TO s");
    wire.rows("CREATE TABLE blocked_copies (client_id bigint)");
    wire.rows("COMMIT");
    let lines = ["blocked", "blocked_lines", "blocked_copies"]
        .map(|table| format!("{table} = {{ keyspace = \"bigints\", key = \"client_id\" }}\n"));
    assert_eq!(file(&proxy), before + &lines.concat());
    assert_eq!(on_shards(stage, "SELECT count(*) FROM blocked"), ["1"; 3]);
    assert_eq!(other.value("SELECT count(*) FROM blocked"), "3");
    assert_eq!(on_shards(stage, &is_table("blocked_twice")), ["0"; 3]);
    // So is what several statements in a text, or messages before one Sync, have made.
    let text = "SET shardway.new_tables = 'shard=b'; CREATE TABLE blocked_single (id integer); INSERT INTO blocked_single VALUES (1)";
    other.rows(text);
    assert_eq!(on_shards(stage, &is_table("blocked_single")), ["0", "1", "0"]);
    assert_eq!(wire.value("SELECT count(*) FROM blocked_single"), "1");
    other.rows("SET shardway.new_tables = 'bigints(client_id)'");
    let create = extended("CREATE TABLE blocked_piped (client_id bigint)", &[]);
    let before_sync = create.split_last_chunk::<5>().unwrap().0;
    let insert = format!("INSERT INTO blocked_piped (client_id) VALUES ({})", stage.clients[1]);
    other.send(&[before_sync, &extended(&insert, &[])].concat()).unwrap();
    let frames = other.until_ready().unwrap();
    assert!(frames.iter().all(|frame| frame.tag != b'E'), "{frames:?}");
    assert_eq!(on_shards(stage, "SELECT count(*) FROM blocked_piped"), ["0", "1", "0"]);
    check(&proxy);
    wire.rows("DROP TABLE blocked_lines, blocked");
    for table in ["blocked_copies", "blocked_single", "blocked_piped"] {
        drop_everywhere(stage, table);
    }
}

/// Its rows are given to the other copies whole: only its servers know its columns yet.
#[test]
fn a_new_reference_table_is_filled_in_its_transaction() {
    let stage = &*STAGE;
    let proxy = placing(stage, "placed-filled", "default_shard = \"a\"\n");
    let mut wire = login(&proxy);
    wire.rows("SET shardway.new_tables = 'reference'");
    wire.rows("BEGIN");
    wire.rows("CREATE TABLE grades (id integer GENERATED ALWAYS AS IDENTITY, grades text UNIQUE DEFAULT gen_random_uuid(), at timestamptz DEFAULT now(), parts text[])");
    let told =
        wire.rows("INSERT INTO grades (grades, parts) VALUES ('a, \"b\"', '{x,NULL}'), (DEFAULT, NULL) RETURNING id");
    assert_eq!(told.len(), 2);
    wire.rows("INSERT INTO grades AS g (grades) VALUES ('c'), ('c') ON CONFLICT DO NOTHING");
    wire.rows("COMMIT");
    let copies = on_shards(stage, "SELECT string_agg(ROW(g.*)::text, ' ' ORDER BY id) FROM grades g");
    assert_eq!(copies, [&*copies[0]; 3]);
    assert!(copies[0].contains(r#""a, ""b""","#) && copies[0].contains("{x,NULL}"), "{}", copies[0]);
    assert_eq!(wire.value("SELECT count(*) FROM grades"), "3");
    // What is computed from other columns cannot be given.
    wire.rows("BEGIN");
    wire.rows("CREATE TABLE computed (a integer, b integer GENERATED ALWAYS AS (a * 2) STORED)");
    assert_eq!(failure(&mut wire, "INSERT INTO computed (a) VALUES (1)").0, "0A000");
    wire.rows("ROLLBACK");
    check(&proxy);
    drop_everywhere(stage, "grades");
}

/// The map changes meanwhile.
#[test]
fn a_transaction_with_new_tables_is_over_when_the_map_changes() {
    let stage = &*STAGE;
    let proxy = placing(stage, "placed-changed", "default_shard = \"a\"\n");
    let mut other = login(&proxy);
    other.rows("SET shardway.new_tables = 'bigints(client_id)'");
    other.rows("BEGIN");
    other.rows("CREATE TABLE blocked_late (client_id bigint)");
    reload(&proxy, |toml| toml.replace("pool_size = 10", "pool_size = 11"), "ok");
    assert_eq!(failure(&mut other, "SELECT 1").0, "40000");
    assert_eq!(failure(&mut other, "SELECT 1").0, "25P02");
    other.rows("ROLLBACK");
    // COMMIT is over with it, and ROLLBACK is what it ever is.
    let undone = |wire: &mut Wire, sizes: (u32, u32)| {
        wire.rows("BEGIN");
        wire.rows("SAVEPOINT s");
        wire.rows("CREATE TABLE blocked_late (client_id bigint)");
        reload(
            &proxy,
            |toml| toml.replace(&format!("pool_size = {}", sizes.0), &format!("pool_size = {}", sizes.1)),
            "ok",
        );
    };
    undone(&mut other, (11, 12));
    let frames = other.simple("COMMIT").unwrap();
    assert_eq!(wire::answers(&frames)[0].error.as_ref().unwrap().0, "40000");
    assert_eq!(frames.last().unwrap().body, b"I");
    undone(&mut other, (12, 13));
    other.send(&extended("COMMIT", &[])).unwrap();
    let frames = other.until_ready().unwrap();
    assert!(frames.iter().any(|frame| frame.tag == b'E') && frames.last().unwrap().body == b"I", "{frames:?}");
    undone(&mut other, (13, 14));
    other.rows("ROLLBACK");
    undone(&mut other, (14, 15));
    assert_eq!(failure(&mut other, "ROLLBACK TO s").0, "40000");
    other.rows("ROLLBACK");
    assert_eq!(on_shards(stage, &is_table("blocked_late")), ["0"; 3]);
}
