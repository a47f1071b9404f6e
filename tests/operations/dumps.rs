//! What `pg_dump` writes of one PostgreSQL, said to the proxy: the tables come in with all that belongs to them, and are written.

use super::*;

const MAP: &str = "[databases.app.keyspaces.clients]\ntype = \"bigint\"\nmethod = \"hash\"\n\
     buckets = { a = \"0-85\", b = \"86-170\", c = \"171-255\" }\n\
     [databases.app.tables]\nbookings = { keyspace = \"clients\", key = \"client_id\" }\n\
     orders = { keyspace = \"clients\", key = \"client_id\" }\nvisits = { keyspace = \"clients\", key = \"client_id\" }\n\
     visits_old = { keyspace = \"clients\", key = \"client_id\" }\n\
     docs = { keyspace = \"clients\", key = \"client_id\", unique = [\"uid\"] }\n\
     kinds = \"reference\"\n";

/// In the order of a dump: tables, rows, and then what is faster to make with the rows there.
const SCHEMA: [&str; 19] = [
    "CREATE TABLE public.bookings (client_id bigint NOT NULL, during tstzrange)",
    "CREATE TABLE public.orders (client_id bigint NOT NULL, id bigint NOT NULL, t text, line integer)",
    "CREATE TABLE public.visits (client_id bigint NOT NULL, day date NOT NULL, n integer) PARTITION BY RANGE (day)",
    "CREATE TABLE public.visits_old (client_id bigint NOT NULL, day date NOT NULL, n integer)",
    "CREATE TABLE public.docs (client_id bigint NOT NULL, uid uuid NOT NULL)",
    "ALTER TABLE ONLY public.visits ATTACH PARTITION public.visits_old FOR VALUES FROM ('2020-01-01') TO ('2030-01-01')",
    "CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.t := clock_timestamp()::text; RETURN NEW; END$$",
    "INSERT INTO public.orders VALUES (1, 1, 'a', 1), (2, 1, 'b', 1), (3, 1, 'c', 1), (4, 1, 'd', 2)",
    "INSERT INTO public.docs VALUES (1, '00000000-0000-0000-0000-000000000000')",
    "ALTER TABLE ONLY public.bookings ADD CONSTRAINT no_overlap EXCLUDE USING gist (client_id WITH =, during WITH &&)",
    "ALTER TABLE ONLY public.orders ADD CONSTRAINT orders_pkey PRIMARY KEY (client_id, id)",
    "ALTER TABLE ONLY public.visits ADD CONSTRAINT visits_pkey PRIMARY KEY (client_id, day)",
    "ALTER TABLE ONLY public.visits_old ADD CONSTRAINT visits_old_pkey PRIMARY KEY (client_id, day)",
    "ALTER TABLE ONLY public.docs ADD CONSTRAINT docs_uid UNIQUE (uid)",
    "CREATE UNIQUE INDEX one_first ON public.orders USING btree (client_id, t) WHERE (line = 1)",
    "CREATE INDEX visits_n ON ONLY public.visits USING btree (n)",
    "CREATE INDEX visits_old_n ON public.visits_old USING btree (n)",
    "ALTER INDEX public.visits_n ATTACH PARTITION public.visits_old_n",
    "ALTER INDEX public.visits_pkey ATTACH PARTITION public.visits_old_pkey",
];

#[test]
fn a_schema_comes_in_as_pg_dump_writes_it() {
    let world = World::start("dumped-into", false).unwrap();
    for server in world.shards.iter().chain([&world.oracle]) {
        admin(server.port()).rows("CREATE EXTENSION btree_gist; GRANT ALL ON SCHEMA public TO app");
    }
    let map = format!("[databases.app]\npool_size = 4\n{}{MAP}", world.shards_toml());
    let proxy = Proxy::start(&world.lab, "proxy", &map).unwrap();
    let mut sides = [world.oracle.port(), proxy.port].map(admin);
    let tells = |wire: &mut Wire, sql: &str| {
        let answers = wire::answers(&wire.simple(sql).unwrap());
        answers.into_iter().map(|it| (it.error.map(|(state, _)| state), it.tag, it.rows)).collect::<Vec<_>>()
    };
    let mut are_alike = |sql: &str| {
        let [expected, found] = sides.each_mut().map(|side| tells(side, sql));
        assert_eq!(found, expected, "{sql}");
        found
    };
    for sql in SCHEMA {
        assert_eq!(are_alike(sql)[0].0, None, "{sql}");
    }
    are_alike(
        "SELECT indisvalid, count(*) FROM pg_index i JOIN pg_class c ON c.oid = indexrelid WHERE relname LIKE 'visits%' GROUP BY 1",
    );
    // A trigger of UPDATE is not run by others, and a unique index that has the key keeps it whole.
    are_alike("CREATE TRIGGER touch BEFORE UPDATE ON public.orders FOR EACH ROW EXECUTE FUNCTION public.touch()");
    for sql in [
        "INSERT INTO bookings VALUES (7, '[2030-01-01,2030-01-02)'), (8, '[2030-01-01,2030-01-02)'), (9, '[2030-01-01,2030-01-02)')",
        "INSERT INTO bookings VALUES (7, '[2030-01-01,2030-01-03)')",
        "INSERT INTO bookings VALUES (7, '[2030-01-01,2030-01-03)') ON CONFLICT DO NOTHING",
        "UPDATE bookings SET during = '[2031-01-01,2031-01-02)'",
        "SELECT client_id, during FROM bookings ORDER BY 1",
        "INSERT INTO orders VALUES (5, 2, 'e', 1), (6, 2, 'f', 1), (7, 2, 'g', 1), (8, 2, 'h', 1)",
        "INSERT INTO orders VALUES (5, 3, 'e', 1)",
        "INSERT INTO orders VALUES (5, 3, 'e', 1), (6, 3, 'f', 1), (9, 3, 'i', 1) ON CONFLICT DO NOTHING",
        "INSERT INTO visits VALUES (1, '2024-01-01', 1), (2, '2024-01-01', 1), (3, '2024-01-01', 1)",
        "INSERT INTO visits VALUES (1, '2024-01-01', 5) ON CONFLICT (client_id, day) DO UPDATE SET n = excluded.n",
        "SELECT * FROM visits ORDER BY client_id",
        "INSERT INTO docs VALUES (2, '00000000-0000-0000-0000-000000000001')",
        "INSERT INTO docs VALUES (2, '00000000-0000-0000-0000-000000000001') ON CONFLICT DO NOTHING",
        "INSERT INTO docs VALUES (2, '00000000-0000-0000-0000-000000000001'), (2, '00000000-0000-0000-0000-000000000002') ON CONFLICT DO NOTHING",
        "DELETE FROM orders WHERE line = 2",
        "SELECT client_id, id, t FROM orders ORDER BY 1, 2",
        "TRUNCATE orders",
        "SELECT count(*) FROM orders",
    ] {
        are_alike(sql);
    }
    // As pg_dump reads them, row security or not.
    for sql in [
        "ALTER TABLE docs ADD COLUMN twice bigint GENERATED ALWAYS AS (client_id * 2) STORED",
        "CREATE POLICY own ON docs FOR SELECT USING (client_id = current_setting('app.client', true)::bigint)",
    ] {
        admin(world.oracle.port()).simple(sql).unwrap();
        admin(proxy.port).simple(sql).unwrap();
    }
    for (columns, lines) in [("", 3), ("(uid)", 3), ("(uid, uid)", 0), ("(twice)", 0), ("(ctid)", 0)] {
        let [expected, found] = [world.oracle.port(), proxy.port].map(|port| {
            let frames = admin(port).simple(&format!("COPY public.docs {columns} TO STDOUT")).unwrap();
            let mut lines: Vec<_> = frames.into_iter().filter(|it| it.tag == b'd').map(|it| it.body).collect();
            lines.sort();
            lines
        });
        assert!(found.len() == lines && found == expected, "{columns}: {found:?} {expected:?}");
    }
    // What its own transaction has made, COPY does not know.
    let mut wire = admin(proxy.port);
    wire.rows("BEGIN; CREATE TABLE public.kinds (name text)");
    let (state, message) = failure(&mut wire, "COPY kinds FROM STDIN");
    assert!(state == "0A000" && message.contains("\"kinds\" has been changed in this transaction"), "{message}");
    wire.rows("ROLLBACK");
    // An UPDATE runs it, and so does an INSERT that may update.
    for sql in [
        "UPDATE orders SET line = 3",
        "INSERT INTO orders VALUES (5, 3, 'e', 1), (6, 3, 'f', 1), (9, 3, 'i', 1) ON CONFLICT (client_id, id) DO UPDATE SET line = 9",
    ] {
        let (state, message) = failure(&mut wire, sql);
        assert!(state == "0A000" && message.contains("touch()"), "{sql}: {message}");
    }
}

/// What `check --live` says is to be run on this shard.
fn advice(file: &str, shard: &str) -> Vec<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_shardway")).args(["check", "--live", file]).output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!shown.contains("cannot be asked"), "{shown}");
    let prefix = format!("  {shard}: ");
    shown.lines().filter_map(|line| line.strip_prefix(&prefix)).map(str::to_owned).collect()
}

#[test]
fn sequences_of_a_schema_made_on_each_shard_are_kept_apart_first() {
    const TABLES: &str = "CREATE TABLE tickets (client_id bigint, id bigserial, n integer);
        CREATE TABLE notes (client_id bigint, id bigint GENERATED BY DEFAULT AS IDENTITY, n integer);
        CREATE TABLE parts (client_id bigint, id bigserial, day integer) PARTITION BY LIST (day);
        CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
        CREATE TABLE people (client_id bigserial, name text);
        CREATE TABLE kinds (id serial, name text);
        CREATE TABLE logs (id serial, what text);
        CREATE TABLE rooms (id integer, what text);
        CREATE TABLE firsts (id integer);
        CREATE SEQUENCE free;
        CREATE VIEW shown AS SELECT client_id, n FROM tickets;
        GRANT ALL ON ALL TABLES IN SCHEMA public TO app; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app";
    const LISTED: &str = "[databases.app.keyspaces.clients]\ntype = \"bigint\"\nmethod = \"hash\"\n\
        buckets = { a = \"0-85\", b = \"86-170\", c = \"171-255\" }\n\
        [databases.app.keyspaces.alone]\ntype = \"bigint\"\nmethod = \"hash\"\nbuckets = { b = \"0-255\" }\n\
        [databases.app.tables]\nkinds = \"reference\"\nlogs = { shard = \"b\" }\nrooms = { shard = \"b\" }\nfirsts = { shard = \"a\" }\n\
        tickets = { keyspace = \"clients\", key = \"client_id\" }\nnotes = { keyspace = \"clients\", key = \"client_id\" }\n\
        parts = { keyspace = \"clients\", key = \"client_id\" }\npeople = { keyspace = \"clients\", key = \"client_id\" }\n\
        single = { keyspace = \"alone\", key = \"client_id\" }\n";
    const MEETING: [&str; 11] = [
        "INSERT INTO tickets (client_id) VALUES (1)",
        "INSERT INTO tickets (client_id) VALUES (1), (2), (3)",
        "INSERT INTO tickets (client_id, id, n) VALUES (1, nextval('tickets_id_seq'), 1)",
        "INSERT INTO tickets (client_id, n) SELECT client_id, n FROM tickets",
        "INSERT INTO shown VALUES (1, 1)",
        "UPDATE tickets SET id = DEFAULT WHERE client_id = 1",
        "INSERT INTO notes VALUES (1, DEFAULT, 1)",
        "MERGE INTO notes USING (VALUES (1, 2)) AS v (a, b) ON client_id = 1 WHEN NOT MATCHED THEN INSERT (client_id, n) VALUES (1, b)",
        "INSERT INTO parts_1 (client_id, day) VALUES (1, 1)",
        "INSERT INTO people (client_id, name) VALUES (1, nextval('free'))",
        "INSERT INTO rooms (id) VALUES (nextval('free'))",
    ];
    let world = World::start("kept-apart", false).unwrap();
    for server in &world.shards {
        admin(server.port()).rows(TABLES);
        admin(server.port()).rows(
            "CREATE TABLE single (client_id bigint, id bigserial); GRANT ALL ON ALL TABLES IN SCHEMA public TO app; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app",
        );
    }
    let map = format!("[databases.app]\npool_size = 4\n{}{LISTED}", world.shards_toml());
    let proxy = Proxy::start(&world.lab, "proxy", &map).unwrap();
    let mut wire = admin(proxy.port);
    for sql in MEETING {
        let (state, message) = failure(&mut wire, sql);
        assert!(
            state == "0A000" && message.contains("gives out the same numbers on several shards"),
            "{sql}: {message}"
        );
    }
    let (state, message) = failure(&mut wire, "ALTER SEQUENCE free OWNED BY rooms.id");
    assert!(state == "0A000" && message.contains("free gives out the same"), "{message}");
    let (state, message) = failure(&mut wire, "COPY tickets (client_id) FROM STDIN");
    assert!(state == "0A000" && message.contains("tickets_id_seq gives out the same"), "{message}");
    // One shard alone makes these numbers, or none does.
    for sql in [
        "INSERT INTO tickets VALUES (1, 4000, 1), (2, 4001, 1)",
        "UPDATE tickets SET n = 2",
        "INSERT INTO people (name) VALUES ('a'), ('b'), ('c')",
        "INSERT INTO people (client_id, name) VALUES (nextval('people_client_id_seq'), 'd')",
        "INSERT INTO people SELECT nextval('people_client_id_seq'), 'e' FROM kinds",
        "INSERT INTO kinds (name) VALUES ('k'), ('l')",
        "INSERT INTO logs (what) VALUES ('m')",
        "INSERT INTO single (client_id) VALUES (1), (2), (3)",
        "INSERT INTO firsts (id) VALUES (nextval('free'))",
    ] {
        wire.rows(sql);
    }
    assert_eq!(
        wire.rows("SELECT count(*), count(DISTINCT client_id) FROM people"),
        [[Some("4".to_owned()), Some("4".to_owned())]]
    );
    // Who asks for a number is given one of the shard that has all rows.
    assert_eq!(wire.value("SELECT nextval('single_id_seq') > max(id) FROM single"), "t");
    let told = |name: &str| advice(proxy.config.to_str().unwrap(), name);
    let all = SHARDS.map(told);
    for (server, statements) in world.shards.iter().zip(&all) {
        assert!(statements.len() >= 4, "{all:?}");
        statements.iter().for_each(|sql| drop(admin(server.port()).rows(sql)));
    }
    reload(&proxy, |toml| toml, "ok");
    for (at, sql) in MEETING.iter().enumerate() {
        // It is read again soon.
        let mut error = None;
        until(sql, || {
            error = wire::answers(&wire.simple(sql).unwrap()).remove(0).error;
            error.as_ref().is_none_or(|(_, message)| !message.contains("gives out the same"))
        });
        assert_eq!(error, None, "{sql}");
        assert!(at > 0 || SHARDS.map(told).concat().is_empty(), "there is nothing more to do");
    }
    for table in ["tickets", "notes", "parts"] {
        let [count] = &wire.rows(&format!("SELECT count(*) - count(DISTINCT id) FROM {table}"))[..] else {
            panic!("one row")
        };
        assert_eq!(count[0].as_deref(), Some("0"), "{table}");
    }
    // A reference table has it, and others take its numbers on every shard.
    wire.rows("CREATE SEQUENCE shared; ALTER SEQUENCE shared OWNED BY kinds.id; ALTER TABLE tickets ALTER id SET DEFAULT nextval('shared')");
    assert_eq!(wire.value("SELECT setval('shared', 9000)"), "9000");
    wire.rows("INSERT INTO tickets (client_id, n) VALUES (1, 9), (2, 9), (3, 9), (4, 9), (5, 9), (6, 9)");
    assert_eq!(wire.value("SELECT count(DISTINCT id) FROM tickets WHERE n = 9 AND id > 9000"), "6");
    wire.rows("INSERT INTO kinds (id, name) VALUES (nextval('shared'), 's')");
    assert_eq!(wire.value("SELECT count(*) FROM kinds WHERE id > 9000"), "1");
}

#[test]
fn a_sequence_goes_with_the_table_of_one_shard_that_it_comes_to_belong_to() {
    let world = World::start("owned-by", false).unwrap();
    for server in &world.shards {
        admin(server.port()).rows("GRANT ALL ON SCHEMA public TO app");
    }
    let listed = "[databases.app]\npool_size = 4\ndefault_shard = \"a\"\n".to_owned() + &world.shards_toml();
    let proxy =
        Proxy::start(&world.lab, "proxy", &format!("{listed}[databases.app.tables]\nlogs = {{ shard = \"b\" }}\n"))
            .unwrap();
    let mut wire = admin(proxy.port);
    let has_it = |name: &str| {
        let asked = format!("SELECT count(*) FROM pg_class WHERE relname = '{name}'");
        world.shards.iter().map(|server| admin(server.port()).value(&asked)).collect::<Vec<_>>().concat()
    };
    // `logs` is of the second shard; the map does not name `others`, which the first one has.
    for (table, shard, place) in [("logs", "b", "010"), ("others", "a", "100")] {
        let sequence = format!("{table}_id_seq");
        for sql in [
            format!("CREATE TABLE public.{table} (id integer NOT NULL, what text)"),
            format!(
                "CREATE SEQUENCE public.{sequence} AS integer START WITH 1 INCREMENT BY 1 NO MINVALUE NO MAXVALUE CACHE 1"
            ),
        ] {
            wire.rows(&sql);
        }
        assert_eq!(has_it(&sequence), "111");
        let owned = format!("ALTER SEQUENCE public.{sequence} OWNED BY public.{table}.id");
        // It may be undone, and it may be in a transaction.
        wire.rows(&format!("BEGIN; {owned}; ROLLBACK"));
        assert_eq!(has_it(&sequence), "111");
        let tags: Vec<_> = wire::answers(&wire.simple(&owned).unwrap()).into_iter().map(|it| it.tag).collect();
        assert_eq!(tags, ["ALTER SEQUENCE"]);
        assert_eq!(has_it(&sequence), place);
        for sql in [
            format!(
                "ALTER TABLE ONLY public.{table} ALTER COLUMN id SET DEFAULT nextval('public.{sequence}'::regclass)"
            ),
            format!("SELECT pg_catalog.setval('public.{sequence}', 70, true)"),
            format!("INSERT INTO {table} (what) VALUES ('x')"),
        ] {
            wire.rows(&sql);
        }
        let found: i64 = wire.value(&format!("SELECT id FROM {table}")).parse().unwrap();
        assert!(found > 70, "{found}");
        assert_eq!(wire.value(&format!("SELECT nextval('{sequence}') > {found}")), "t");
        // Of nobody again, it stays where it is.
        wire.rows(&format!("ALTER SEQUENCE {sequence} OWNED BY NONE"));
        assert_eq!(wire.value(&format!("SELECT nextval('{sequence}') > {found}")), "t");
        wire.rows(&format!(
            "DROP TABLE {table}; SET shardway.shard = '{shard}'; DROP SEQUENCE {sequence}; RESET shardway.shard"
        ));
        assert_eq!(has_it(&sequence), "000");
    }
    // What another table needs stays.
    wire.rows("CREATE TABLE logs (id integer); CREATE SEQUENCE needed");
    for server in &world.shards {
        admin(server.port()).rows("CREATE VIEW reader AS SELECT nextval('needed') AS n");
    }
    let (state, message) = failure(&mut wire, "ALTER SEQUENCE needed OWNED BY logs.id");
    assert_eq!((state.as_str(), has_it("needed").as_str()), ("2BP01", "111"), "{message}");
    let (state, message) = failure(&mut wire, "ALTER SEQUENCE needed OWNED BY logs.nothing");
    assert!(["42703", "2BP01"].contains(&state.as_str()), "{message}");
}

/// As frameworks add a foreign key to a table of one shard.
#[test]
fn a_constraint_of_one_shards_table_is_set_by_name() {
    let world = World::start("constraints", false).unwrap();
    for server in world.shards.iter().chain([&world.oracle]) {
        admin(server.port()).rows("GRANT ALL ON SCHEMA public TO app");
    }
    let listed = "[databases.app]\npool_size = 4\ndefault_shard = \"b\"\n".to_owned() + &world.shards_toml();
    let proxy = Proxy::start(&world.lab, "proxy", &format!("{listed}[databases.app.tables]\n")).unwrap();
    let mut sides = [world.oracle.port(), proxy.port].map(admin);
    for sql in [
        "CREATE TABLE parents (id integer PRIMARY KEY)",
        "CREATE TABLE children (id integer)",
        "INSERT INTO parents VALUES (1)",
        "BEGIN; ALTER TABLE children ADD COLUMN parent integer CONSTRAINT child_fk REFERENCES parents DEFERRABLE INITIALLY DEFERRED",
        "SET CONSTRAINTS child_fk IMMEDIATE",
        "COMMIT",
        "BEGIN; INSERT INTO children VALUES (1, 2)",
        "SET CONSTRAINTS \"child_fk\" IMMEDIATE",
        "ROLLBACK",
        "BEGIN; INSERT INTO children VALUES (1, 2); SET CONSTRAINTS public.child_fk DEFERRED; INSERT INTO parents VALUES (2); COMMIT",
        "SELECT * FROM children",
        "BEGIN; SET CONSTRAINTS nobody IMMEDIATE",
        "SELECT 1",
        "ROLLBACK",
    ] {
        let [expected, found] = sides.each_mut().map(|side| {
            let answers = wire::answers(&side.simple(sql).unwrap());
            answers.into_iter().map(|it| (it.error, it.tag, it.rows)).collect::<Vec<_>>()
        });
        assert_eq!(found, expected, "{sql}");
    }
    // Another of this name, out of sight: nobody is told that there is none.
    admin(world.shards[0].port())
        .rows("CREATE SCHEMA away; CREATE TABLE away.t (id integer CONSTRAINT child_fk UNIQUE DEFERRABLE)");
    sides[1].rows("BEGIN");
    assert_eq!(failure(&mut sides[1], "SET CONSTRAINTS child_fk IMMEDIATE").0, "0A000");
}
