//! The command line: exit codes and what is printed.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::cluster::{Auth, Lab, SHARDS, Server, world};
use crate::support::data::admin;

fn shardway(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_shardway")).args(arguments).env("APP_PASSWORD", "x").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn exit_codes_tell_good_from_bad_from_misused() {
    let cases: &[(&[&str], i32)] = &[
        (&["--version"], 0),
        (&["--help"], 0),
        (&["check", "config/minimal.toml"], 0),
        (&["check", "config/shardway.toml"], 0),
        (&["check", "config/docker/shardway.toml"], 0),
        (&["check", "no-such-file.toml"], 1),
        (&["run", "-c", "no-such-file.toml"], 1),
        (&[], 2),
        (&["chekc"], 2),
        (&["run"], 2),
        (&["check", "a", "--colour"], 2),
    ];
    for (arguments, code) in cases {
        let output = shardway(arguments);
        assert_eq!(output.status.code(), Some(*code), "{arguments:?}: {}", text(&output.stderr));
    }
    assert_eq!(text(&shardway(&["--version"]).stdout), format!("shardway {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn check_shows_problems_with_carets() {
    let folder = std::env::temp_dir();
    let file = folder.join(format!("shardway-check-{}.toml", std::process::id()));
    fs::write(&file, "[listen]\nmax_client = 5\n").unwrap();
    let output = shardway(&["check", file.to_str().unwrap()]);
    fs::remove_file(&file).unwrap();
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1));
    assert!(shown.contains(":2:1\n") && shown.contains("2 | max_client = 5\n  | ^^^^^^^^^^\n"), "{shown}");
    assert!(shown.contains("there are no databases"), "{shown}");
}

#[test]
fn route_says_where_and_why() {
    let key = "because  key events.client_id = ";
    let cases: &[(&[&str], &[&str])] = &[
        (
            &["SELECT * FROM events WHERE client_id = 42"],
            &["shard    c", "server   replica or primary", &format!("{key}42")],
        ),
        (
            &["DELETE FROM events WHERE client_id = $1", "-p", "42"],
            &["shard    c", "server   primary", &format!("{key}$1")],
        ),
        (&["SELECT * FROM events WHERE client_id = $1"], &["shard    decided by $1, which --param gives here"]),
        (&["SELECT name FROM countries"], &["shard    any", "because  every shard would give the same answer"]),
        (&["SELECT * FROM audit"], &["shard    a", "because  audit on a"]),
        (&["BEGIN; SELECT 1"], &["BEGIN\nshard    none: BEGIN is the session's own\n\nSELECT 1\nshard    any"]),
        (&["COPY events FROM STDIN"], &["shard    of each row: by its client_id, row by row"]),
        (&["/* shardway shard=b */ SELECT count(*) FROM events"], &["shard    as the hint says: shard b"]),
        (
            &["UPDATE events SET client_id = 7 WHERE client_id = 42"],
            &["shard    c: what is not at home there any more moves to "],
        ),
        (
            &["UPDATE events SET client_id = client_id + 1 WHERE client_id = 42"],
            &["refused  0A000: cannot update sharding key \"events.client_id\"", "hint     "],
        ),
        (&["DELETE FROM events"], &["shard    a, b, c: each changes its own rows", "server   primary"]),
        (&["UPDATE countries SET name = 'x'"], &["shard    all: each writes to its copy"]),
        (&["SELECT * FROM market_data WHERE instrument_id IN (1, 15000)"], &["shard    a, b: one of them runs"]),
        (&["SELECT * FROM market_data WHERE instrument_id BETWEEN 5 AND 500"], &["shard    a"]),
        (&["INSERT INTO market_data (instrument_id) VALUES (0)"], &["refused  23514: "]),
        (&["ALTER TABLE events ADD COLUMN note text"], &["shard    all: in one transaction", "server   primary"]),
        (
            &["/* shardway new_tables=reference */ CREATE TABLE kinds (id integer)"],
            &["shard    all: in one transaction", "map      gains \"kinds\" = \"reference\""],
        ),
        (&["COPY events TO STDOUT"], &["shard    a, b, c: each copies its own rows"]),
        (&[""], &["shard    none: there is no statement"]),
        (&["VACUUM events"], &["shard    all: one after the other"]),
        (&["CREATE UNIQUE INDEX ON events (id)"], &["refused  0A000: a unique constraint on \"events\" must include"]),
    ];
    for (arguments, expected) in cases {
        // Nobody is logged in: the password is not needed.
        let arguments = [&["route", "-c", "config/minimal.toml"], *arguments].concat();
        let output = Command::new(env!("CARGO_BIN_EXE_shardway")).args(&arguments).env_remove("APP_PASSWORD").output();
        let shown = text(&output.unwrap().stdout);
        for part in *expected {
            assert!(shown.contains(part), "{arguments:?}: {part}\n{shown}");
        }
    }
}

/// What the tables of `check --live` look like: the first shard, the second shard.
const SCHEMAS: [&str; 2] = [
    "CREATE COLLATION loose (provider = icu, locale = 'und', deterministic = false);
     CREATE TABLE countries (code text PRIMARY KEY);
     CREATE TABLE good (client_id bigint, id bigint, country text REFERENCES countries, PRIMARY KEY (client_id, id));
     CREATE TABLE child (client_id bigint, id bigint, good_id bigint, PRIMARY KEY (client_id, id),
                         FOREIGN KEY (client_id, good_id) REFERENCES good (client_id, id));
     CREATE TABLE follows (client_id text REFERENCES countries ON UPDATE CASCADE ON DELETE SET NULL, other text REFERENCES countries ON UPDATE CASCADE ON DELETE SET DEFAULT);
     CREATE TABLE wrong_type (client_id integer);
     CREATE TABLE wrong_unique (client_id bigint, id bigint PRIMARY KEY);
     CREATE TABLE wrong_reference (client_id bigint, id bigint, FOREIGN KEY (id) REFERENCES wrong_unique);
     CREATE TABLE loose_key (name text COLLATE loose);
     CREATE TABLE no_key (other bigint);
     CREATE TABLE numbered (client_id bigint, id bigint GENERATED ALWAYS AS IDENTITY, PRIMARY KEY (client_id, id));
     CREATE TABLE differs (client_id bigint, a text);
     CREATE TABLE only_here (client_id bigint);
     CREATE TABLE single (id bigint PRIMARY KEY);
     CREATE TYPE mood AS ENUM ('sad', 'ok');
     CREATE VIEW of_single AS SELECT id FROM single;
     CREATE SEQUENCE free; CREATE SEQUENCE apart INCREMENT BY 64 START WITH 1;
     CREATE VIEW codes AS SELECT code FROM countries;",
    "CREATE COLLATION loose (provider = icu, locale = 'und', deterministic = false);
     CREATE TABLE countries (code text PRIMARY KEY);
     CREATE TABLE good (client_id bigint, id bigint, country text REFERENCES countries, PRIMARY KEY (client_id, id));
     CREATE TABLE child (client_id bigint, id bigint, good_id bigint, PRIMARY KEY (client_id, id),
                         FOREIGN KEY (client_id, good_id) REFERENCES good (client_id, id));
     CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
     CREATE TRIGGER counts AFTER INSERT ON good FOR EACH ROW EXECUTE FUNCTION nothing();
     CREATE TABLE follows (client_id text REFERENCES countries ON UPDATE CASCADE ON DELETE SET NULL, other text REFERENCES countries ON UPDATE CASCADE ON DELETE SET DEFAULT);
     CREATE TABLE wrong_type (client_id integer);
     CREATE TABLE wrong_unique (client_id bigint, id bigint PRIMARY KEY);
     CREATE TABLE wrong_reference (client_id bigint, id bigint, FOREIGN KEY (id) REFERENCES wrong_unique);
     CREATE TABLE loose_key (name text COLLATE loose);
     CREATE TABLE no_key (other bigint);
     CREATE TABLE numbered (client_id bigint, id bigint GENERATED ALWAYS AS IDENTITY, PRIMARY KEY (client_id, id));
     CREATE TABLE differs (client_id bigint, a varchar(5), b int);
     CREATE TYPE mood AS ENUM ('ok', 'sad');
     CREATE VIEW codes AS SELECT lower(code) AS code FROM countries;
     ALTER TABLE good ALTER COLUMN country SET DEFAULT 'de', ADD CHECK (id > 0);
     CREATE INDEX by_country ON good (country);
     CREATE SEQUENCE free; CREATE SEQUENCE apart INCREMENT BY 64 START WITH 2;",
];

#[test]
fn check_live_compares_the_map_with_the_servers() {
    let world = world();
    for (shard, schema) in world.shards.iter().zip(SCHEMAS) {
        let psql = |database: &str, sql: &str| {
            let url = shard.url("postgres").replace("/app", &format!("/{database}"));
            let output =
                world.lab.program("psql").args(["-XqAt", "-v", "ON_ERROR_STOP=1", &url, "-c", sql]).output().unwrap();
            assert!(output.status.success(), "{}", text(&output.stderr));
        };
        psql("postgres", "CREATE DATABASE live");
        psql("live", schema);
    }
    let mut toml = "[[users]]\nname = \"postgres\"\npassword = \"secret\"\n".to_owned();
    for (name, shard) in SHARDS.iter().zip(&world.shards[..2]) {
        toml += &format!("[databases.live.shards.{name}]\nprimary = \"postgres://127.0.0.1:{}/live\"\n", shard.port());
    }
    toml += "[databases.live.keyspaces.clients]\ntype = \"bigint\"\nbuckets = { a = 0, b = 1 }\n\
             [databases.live.keyspaces.names]\ntype = \"text\"\nbuckets = { a = 0, b = 1 }\n\
             [databases.live.tables]\ncountries = \"reference\"\nsingle = { shard = \"a\" }\n\
             follows = { keyspace = \"names\", key = \"client_id\" }\nloose_key = { keyspace = \"names\", key = \"name\" }\n";
    for table in
        ["good", "child", "wrong_type", "wrong_unique", "wrong_reference", "no_key", "numbered", "differs", "only_here"]
    {
        toml += &format!("{table} = {{ keyspace = \"clients\", key = \"client_id\" }}\n");
    }
    let file = world.lab.folder().join("live.toml");
    let wrong_role = toml.replace(
        "[databases.live.shards.b]\n",
        &format!("[databases.live.shards.b]\nreplicas = [\"postgres://127.0.0.1:{}/app\", \"postgres://127.0.0.1:1/live\"]\n", world.shards[2].port()),
    );
    fs::write(&file, wrong_role).unwrap();

    let output = shardway(&["check", "--live", file.to_str().unwrap()]);
    let shown = text(&output.stdout);
    let mut found: Vec<&str> = shown.lines().filter(|line| !line.contains("max_prepared_transactions")).collect();
    let unreachable = found.iter().position(|line| line.contains("live/b/replica-2: cannot be asked:"));
    found.remove(unreachable.unwrap_or_else(|| panic!("{shown}")));
    let summary = found.pop().unwrap();
    assert_eq!(
        found,
        [
            "error: live/b/replica-1: is listed as a replica and is a primary",
            "error: live: the table differs differs between the shards a and b: only a has a text; only b has a character varying(5), b integer",
            "warning: live: the foreign key follows_client_id_fkey of follows changes the key client_id where the row is (ON UPDATE): what would set it off is refused, unless it goes past shardway, which would leave rows on the wrong shard",
            "warning: live: the foreign key follows_client_id_fkey of follows changes the key client_id where the row is (ON DELETE): what would set it off is refused, unless it goes past shardway, which would leave rows on the wrong shard",
            "error: live: the column country of good differs between the shards a and b: nothing more; DEFAULT 'de'::text",
            "error: live: the constraint good_id_check of good is on b, not on a: CHECK ((id > 0))",
            "warning: live: the index by_country of good is on b, not on a: CREATE INDEX by_country ON public.good USING btree (country)",
            "error: live: the trigger counts of good is on b, not on a: CREATE TRIGGER counts AFTER INSERT ON public.good FOR EACH ROW EXECUTE FUNCTION public.nothing()",
            "warning: live: the table good has triggers (counts): they see only the rows of their own shard",
            "error: live: the column loose_key.name has a nondeterministic collation: equal keys may differ in bytes",
            "error: live: the table no_key has no column client_id, its sharding key",
            "warning: live: the sequence public.numbered_id_seq of the table numbered gives out the same numbers on several shards; while nobody writes, run (with RESTART behind the greatest number that rows have, where they came in with theirs)",
            "  a: ALTER SEQUENCE public.numbered_id_seq INCREMENT BY 64 START WITH 1 RESTART WITH 65;",
            "  b: ALTER SEQUENCE public.numbered_id_seq INCREMENT BY 64 START WITH 2 RESTART WITH 66;",
            "error: live: the table only_here does not exist on shard b",
            "error: live: the foreign key wrong_reference_id_fkey of wrong_reference to wrong_unique may point to another shard",
            "error: live: the column wrong_type.client_id is of type integer, the keyspace clients of type bigint",
            "error: live: the unique index wrong_unique_pkey of wrong_unique does not contain the key client_id: it holds only within a shard. Writes to it are refused, unless unique = [\"wrong_unique_pkey\"] in the map says that its values cannot repeat",
            "warning: live: the sequence public.free gives out the same numbers on several shards; while nobody writes, run (with RESTART behind the greatest number that rows have, where they came in with theirs)",
            "  a: ALTER SEQUENCE public.free INCREMENT BY 64 START WITH 1 RESTART WITH 65;",
            "  b: ALTER SEQUENCE public.free INCREMENT BY 64 START WITH 2 RESTART WITH 66;",
            "error: live: the enum type public.mood differs between the shards a and b: {sad,ok}; {ok,sad}",
            "error: live: the function public.nothing() is on b, not on a: CREATE OR REPLACE FUNCTION public.nothing() RETURNS trigger LANGUAGE plpgsql AS $function$BEGIN RETURN NULL; END$function$",
            "error: live: the view public.codes differs between the shards a and b: SELECT countries.code FROM public.countries;; SELECT lower(countries.code) AS code FROM public.countries;",
        ]
    );
    assert!(summary.ends_with("15 problems with the servers"), "{summary}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn check_live_knows_a_replica_of_another_cluster() {
    let start = |name: &str| {
        let lab = std::sync::Arc::new(Lab::new(name).unwrap());
        let server = Server::start(&lab, "primary", Auth::Scram, &[]).unwrap();
        (lab, server)
    };
    let ((lab, ours), (_other, theirs)) = (start("ours"), start("theirs"));
    let (own, foreign) = (Server::replica_of(&ours, "own").unwrap(), Server::replica_of(&theirs, "foreign").unwrap());
    let file = lab.folder().join("foreign.toml");
    let found = |role: &str, primary: &Server, replicas: &[&Server]| {
        let url = |server: &Server| format!("postgres://127.0.0.1:{}/app", server.port());
        let toml = format!(
            "[[users]]\nname = \"postgres\"\npassword = \"secret\"\n[databases.app]\ndefault_shard = \"a\"\n\
             [databases.app.shards.a]\nrole = \"{role}\"\nprimary = \"{}\"\nreplicas = {:?}\n",
            url(primary),
            replicas.iter().copied().map(url).collect::<Vec<_>>()
        );
        fs::write(&file, toml).unwrap();
        let output = shardway(&["check", "--live", file.to_str().unwrap()]);
        let mut shown = text(&output.stdout);
        for (server, name) in [(&ours, "OURS"), (&theirs, "THEIRS")] {
            let system = admin(server.port()).value("SELECT system_identifier FROM pg_control_system()");
            shown = shown.replace(&system, name);
        }
        shown.lines().filter(|line| line.starts_with("error")).map(str::to_owned).collect::<Vec<_>>()
    };
    let alien = |name: &str, first: &str, (system, its): (&str, &str)| {
        format!(
            "error: app/a/{name}: is of another cluster than app/a/{first}: its system_identifier is {system}, not {its}"
        )
    };
    for (role, first, alone) in [("fixed", "primary", "replica-2"), ("auto", "server-1", "server-3")] {
        assert_eq!(found(role, &ours, &[&own, &foreign]), [alien(alone, first, ("THEIRS", "OURS"))]);
    }
    let wrong = "error: app/a/primary: is listed as the primary and is a replica".to_owned();
    let other = alien("replica-1", "primary", ("OURS", "THEIRS"));
    assert_eq!(found("fixed", &foreign, &[&own]), [wrong, other]);
}

#[test]
fn check_live_warns_of_a_server_that_prepares_no_transactions() {
    let lab = std::sync::Arc::new(Lab::new("unprepared").unwrap());
    let start = |name, settings: &[(&str, &str)]| Server::start(&lab, name, Auth::Scram, settings).unwrap();
    let (able, unable) = (start("able", &[]), start("unable", &[("max_prepared_transactions", "0")]));
    let toml = |one: &Server, other: &Server| {
        let url = |server: &Server| format!("\"postgres://127.0.0.1:{}/app\"", server.port());
        format!(
            "[[users]]\nname = \"postgres\"\npassword = \"secret\"\n[databases.app.shards]\n\
             a.primary = {}\nb.primary = {}\n",
            url(one),
            url(other)
        )
    };
    let file = lab.folder().join("unprepared.toml");
    fs::write(&file, toml(&able, &unable)).unwrap();
    let output = shardway(&["check", "--live", file.to_str().unwrap()]);
    let shown = text(&output.stdout);
    let found: Vec<&str> = shown.lines().filter(|line| line.contains("max_prepared_transactions")).collect();
    assert_eq!(
        found,
        ["warning: app/b/primary: has max_prepared_transactions = 0: writes to several shards will be refused"],
        "{shown}"
    );
    assert_eq!(output.status.code(), Some(0), "a warning: {shown}");
    // Where there is one shard nothing is prepared.
    fs::write(&file, toml(&unable, &able).replace("b.primary", "# b.primary")).unwrap();
    let shown = text(&shardway(&["check", "--live", file.to_str().unwrap()]).stdout);
    assert!(!shown.contains("max_prepared_transactions"), "{shown}");
}

#[test]
fn every_file_that_the_containers_mount_exists() {
    let compose = fs::read_to_string("docker-compose.yml").unwrap();
    let mounted = compose.lines().filter_map(|line| line.trim().strip_prefix("- ./")?.split(':').next());
    let missing: Vec<&str> = mounted.filter(|path| !Path::new(path).exists()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
