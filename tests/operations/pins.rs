//! Statements that keep a server with their client: counted, warned of, or refused.

use super::*;
use crate::support::cluster::{Auth, Server};

const KEEPING: &[(&str, &str)] =
    &[("temporary table", "CREATE TEMP TABLE kept (id integer)"), ("advisory lock", "SELECT pg_advisory_lock(7)")];

#[test]
fn what_keeps_a_server_is_counted_by_its_reason() {
    let stage = &*STAGE;
    let proxy = stage.proxy("pinning", &Settings { database: "pin = \"warn\"", ..Settings::default() });
    for (reason, sql) in KEEPING {
        let mut wire = login(&proxy);
        wire.rows(sql);
        wire.rows(sql.replace("CREATE TEMP TABLE kept", "CREATE TEMP TABLE kept_too").as_str());
        let label = format!("reason=\"{reason}\"");
        assert_eq!(metric(&proxy, "shardway_pins_total", &[&label]), 1.0, "once for a session: {reason}");
        let warned = |line: &str| line.contains("WARN") && line.contains("server stays") && line.contains(reason);
        assert!(proxy.output().lines().any(warned), "{reason}: {}", proxy.output());
    }
}

#[test]
fn where_nothing_may_keep_a_server_such_statements_are_refused() {
    let stage = &*STAGE;
    let proxy = stage.proxy("unpinned", &Settings { database: "pin = \"error\"", ..Settings::default() });
    let mut wire = login(&proxy);
    let held = format!("DECLARE c CURSOR WITH HOLD FOR SELECT id FROM events WHERE client_id = {}", stage.clients[0]);
    let everywhere = "DECLARE c CURSOR WITH HOLD FOR SELECT id FROM events ORDER BY id";
    let gathered = "CREATE TEMP TABLE kept AS SELECT count(*) FROM events";
    let more = [("cursor WITH HOLD", &*held), ("cursor WITH HOLD", everywhere), ("temporary table", gathered)];
    for (reason, sql) in KEEPING.iter().copied().chain(more) {
        let (state, message) = failure(&mut wire, sql);
        assert_eq!((state.as_str(), message), ("0A000", format!("{reason} is not allowed here (pin)")), "{sql}");
    }
    // Among other statements of a text, and by the extended protocol.
    assert_eq!(failure(&mut wire, "SELECT 1; SELECT pg_advisory_lock(7)").0, "0A000");
    wire.send(
        &[
            wire::parse("", "SELECT pg_advisory_lock(7)", &[]),
            wire::bind("", "", &[], 0),
            wire::execute("", 0),
            wire::sync(),
        ]
        .concat(),
    )
    .unwrap();
    assert!(whole_error(&wire.until_ready().unwrap()).contains("C0A000"));
    assert_eq!(wire.value("SELECT pg_try_advisory_xact_lock(7)"), "t", "what ends with its transaction may be");
    assert_eq!(metric(&proxy, "shardway_pins_total", &[]), 0.0);
}

/// Before one database with a server or two of its own: what one client makes for itself, the next never meets.
#[test]
fn what_ends_with_its_session_is_seen_by_no_other() {
    let stage = &*STAGE;
    let server = stage.world.shards[0].port();
    let proxy = Proxy::start_with(&stage.world.lab, "own-objects", |port, metrics| {
        let front = Proxy::front(port, metrics);
        format!(
            "{front}[databases.app]\npool_size = 4\ndefault_shard = \"only\"\n\
             [databases.app.shards.only]\nprimary = \"postgres://127.0.0.1:{server}/app\"\n"
        )
    })
    .unwrap();
    let made = [
        ("CREATE TYPE pg_temp.own_mood AS ENUM ('sad', 'ok')", "SELECT 'sad'::own_mood"),
        ("CREATE TYPE pg_temp.own_pair AS (a int, b int)", "SELECT '(1,2)'::own_pair"),
        ("CREATE TYPE pg_temp.own_span AS RANGE (subtype = int)", "SELECT '[1,2)'::own_span"),
        ("CREATE DOMAIN pg_temp.own_small AS int CHECK (VALUE < 10)", "SELECT 3::own_small"),
        ("CREATE FUNCTION pg_temp.twice(int) RETURNS int LANGUAGE sql AS 'SELECT 2 * $1'", "SELECT pg_temp.twice(2)"),
        ("CREATE AGGREGATE pg_temp.adds(int) (sfunc = int4pl, stype = int)", "SELECT pg_temp.adds(1)"),
        ("CREATE SEQUENCE pg_temp.numbers", "SELECT nextval('numbers')"),
        ("CREATE TEMP SEQUENCE counted", "SELECT nextval('counted')"),
        ("CREATE VIEW pg_temp.seen AS SELECT 1 AS one", "SELECT * FROM seen"),
        ("CREATE TEMP VIEW looked_at AS SELECT 1 AS one", "SELECT * FROM looked_at"),
        ("CREATE TABLE pg_temp.kept (a int)", "SELECT count(*) FROM kept"),
        ("CREATE TABLE pg_temp.filled AS SELECT 1 AS one", "SELECT * FROM filled"),
    ];
    let mut wrong = Vec::new();
    for (make, using) in made {
        let mut owner = login(&proxy);
        owner.rows(make);
        let mut others: Vec<Wire> = (0..3).map(|_| login(&proxy)).collect();
        let heard = others.iter_mut().map(|other| wire::answers(&other.simple(using).unwrap())).collect::<Vec<_>>();
        if heard.iter().flatten().any(|answer| answer.error.is_none()) {
            wrong.push(format!("{using}: another client has it"));
        }
        if let Some((state, message)) = wire::answers(&owner.simple(using).unwrap()).into_iter().find_map(|it| it.error)
        {
            wrong.push(format!("{using}: {state} {message}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(metric(&proxy, "shardway_pins_total", &["reason=\"temporary object\""]), 8.0);
}

/// Functions that set something for the session keep their server, others do not: with what is known of their bodies.
#[test]
fn a_function_that_sets_something_keeps_its_server() {
    let stage = &*STAGE;
    let server = Server::start(&stage.world.lab, "setting", Auth::Scram, &[]).unwrap();
    admin(server.port()).rows(
        "CREATE FUNCTION sets() RETURNS void LANGUAGE plpgsql AS $$BEGIN SET work_mem = '9MB'; END$$;
         CREATE FUNCTION sets_nothing() RETURNS void LANGUAGE plpgsql AS $$BEGIN SET LOCAL work_mem = '9MB'; END$$;
         CREATE FUNCTION writes() RETURNS void LANGUAGE plpgsql AS
           $$BEGIN UPDATE settled SET a = 1; EXECUTE format('UPDATE %I SET a = 2', 'settled'); END$$;
         CREATE TABLE settled (a int); GRANT ALL ON settled TO app",
    );
    let start = |name: &str, pin: &str| {
        let map = format!(
            "[databases.app]\npool_size = 4\npin = \"{pin}\"\ndefault_shard = \"only\"\n\
             [databases.app.shards.only]\nprimary = \"postgres://127.0.0.1:{}/app\"\n",
            server.port()
        );
        let toml = |port, metrics| Proxy::front(port, metrics) + &map;
        Proxy::start_with(&stage.world.lab, name, toml).unwrap()
    };
    let pins = |proxy: &Proxy| metric(proxy, "shardway_pins_total", &["reason=\"setting made by a function\""]);
    let harmless = ["SELECT sets_nothing()", "SELECT writes()", "DO $$BEGIN PERFORM sets_nothing(); END$$"];
    let setting = ["SELECT sets()", "DO $$BEGIN PERFORM sets(); END$$", "SELECT set_config('a.' || 'b', 'c', false)"];

    let strict = start("strict", "error");
    let mut wire = login(&strict);
    for sql in setting {
        let (state, message) = failure(&mut wire, sql);
        assert_eq!(
            (state.as_str(), &*message),
            ("0A000", "setting made by a function is not allowed here (pin)"),
            "{sql}"
        );
    }
    harmless.iter().for_each(|sql| drop(wire.rows(sql)));
    assert_eq!(pins(&strict), 0.0);

    let proxy = start("allowing", "allow");
    let mut wire = login(&proxy);
    harmless.iter().for_each(|sql| drop(wire.rows(sql)));
    assert_eq!(pins(&proxy), 0.0);
    setting.iter().for_each(|sql| drop(wire.rows(sql)));
    assert_eq!(pins(&proxy), 1.0, "once for a session");
    assert_eq!(wire.value("SHOW work_mem"), "9MB");
    // The server goes: the session does not go on without what was set.
    admin(server.port()).rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'");
    let told = wire.until_closed().unwrap();
    let code = whole_error(&told);
    assert!(code.contains("VFATAL") && (code.contains("C08006") || code.contains("C57P01")), "{code}");
}

/// A lock that the session believes to hold is anybody's then: PostgreSQL would have ended the session with its server.
#[test]
fn a_session_whose_kept_server_goes_ends_and_others_go_on() {
    let stage = &*STAGE;
    let mut server = Server::start(&stage.world.lab, "going", Auth::Scram, &[]).unwrap();
    let map = |mode: &str| {
        format!(
            "[databases.app]\npool_mode = \"{mode}\"\ndefault_shard = \"only\"\n\
             [databases.app.shards.only]\nprimary = \"postgres://127.0.0.1:{}/app\"\n",
            server.port()
        )
    };
    let start = |mode: &str| {
        let toml = map(mode);
        Proxy::start_with(&stage.world.lab, mode, |port, metrics| Proxy::front(port, metrics) + &toml).unwrap()
    };
    let (proxy, by_session) = (start("transaction"), start("session"));
    let hold = "BEGIN; DECLARE kept CURSOR WITH HOLD FOR SELECT generate_series(1, 9); COMMIT";
    let keeping = KEEPING.iter().copied().chain([("cursor WITH HOLD", hold)]);
    for kill in [false, true] {
        let kept: Vec<(&str, Wire)> = keeping
            .clone()
            .map(|(reason, sql)| {
                let mut wire = login(&proxy);
                wire.rows(sql);
                (reason, wire)
            })
            .chain([("session pooling", login(&by_session))])
            .map(|(reason, mut wire)| {
                wire.rows("SELECT 1");
                (reason, wire)
            })
            .collect();
        let mut free = login(&proxy);
        free.rows("SELECT 1");
        if kill {
            server.kill().unwrap()
        } else {
            server.stop().unwrap()
        }
        server.restart().unwrap();
        for (reason, mut wire) in kept {
            let error = whole_error(&wire.until_closed().unwrap());
            assert!(
                error.contains("VFATAL") && error.contains("C08006 |") && error.contains(reason),
                "{reason}: {error}"
            );
        }
        until("others go on", || free.simple("SELECT 1").unwrap().iter().all(|frame| frame.tag != b'E'));
    }
}
