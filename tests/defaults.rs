//! Settings that servers give to new sessions: ALTER ROLE, ALTER DATABASE and the configuration.

use std::io;
use std::time::{Duration, Instant};

use crate::support::cluster::{Proxy, World};
use crate::support::data::{self, admin};
use crate::support::wire::{self, Wire};

struct Stage {
    world: World,
    proxy: Proxy,
}

impl Stage {
    fn start(name: &str) -> Self {
        let world = World::start(name, false).unwrap();
        data::load(&world);
        let proxy = Proxy::start(&world.lab, "proxy", &data::map_toml(&world)).unwrap();
        Self { world, proxy }
    }

    fn login(&self) -> Wire {
        Wire::login(self.proxy.port, "app", &[]).unwrap()
    }

    /// On the shards and on the oracle, past the proxy.
    fn everywhere(&self, sql: &str) {
        self.world.shards.iter().for_each(|shard| drop(admin(shard.port()).rows(sql)));
        admin(self.world.oracle.port()).rows(sql);
    }

    /// Logs in until it is as it should be: the proxy looks at its servers from time to time.
    fn until<T>(&self, options: &[(&str, &str)], look: impl Fn(io::Result<Wire>) -> Option<T>) -> T {
        let deadline = Instant::now() + Duration::from_secs(60);
        // A change of the schema through the proxy makes it look at once.
        let plain = [("client_encoding", "UTF8"), ("standard_conforming_strings", "on")];
        let mut owner = Wire::login(self.proxy.port, "app", &plain).unwrap();
        loop {
            owner.rows("COMMENT ON TABLE events IS 'looked at'");
            if let Some(found) = look(Wire::login(self.proxy.port, "app", options)) {
                return found;
            }
            assert!(Instant::now() < deadline, "the new default is not seen");
        }
    }
}

fn state(wire: &mut Wire, sql: &str) -> Option<String> {
    wire::answers(&wire.simple(sql).unwrap()).into_iter().find_map(|answer| answer.error).map(|(state, _)| state)
}

const ALL: &str = "SELECT count(*) FROM events";

#[test]
fn the_isolation_of_a_role_is_that_of_its_transactions() {
    let stage = Stage::start("role-isolation");
    let mut before = stage.login();
    // Through the proxy: seen by the next login.
    before.rows("ALTER ROLE app SET default_transaction_isolation = 'repeatable read'");
    let mut wire = stage.login();
    assert_eq!(wire.value("SHOW transaction_isolation"), "repeatable read");
    for (session, grows) in [(&mut wire, 0), (&mut before, 1)] {
        session.rows("BEGIN");
        let count: i64 = session.value(ALL).parse().unwrap();
        for shard in &stage.world.shards {
            admin(shard.port())
                .rows("INSERT INTO events (client_id, id, kind) SELECT 1000000, 1 + count(*), 'new' FROM events");
        }
        assert_eq!(session.value(ALL).parse::<i64>().unwrap(), count + 3 * grows);
        session.rows("COMMIT");
    }
    before.rows("ALTER ROLE app SET default_transaction_isolation = 'serializable'");
    let mut wire = stage.login();
    assert_eq!(state(&mut wire, ALL).as_deref(), Some("0A000"));
    assert_eq!(wire.value("SHOW default_transaction_isolation"), "serializable");
    // What a session sets itself wins, and RESET goes back to what its role gives.
    wire.rows("SET default_transaction_isolation = 'read committed'");
    assert_eq!(state(&mut wire, ALL), None);
    wire.rows("RESET default_transaction_isolation");
    assert_eq!(state(&mut wire, ALL).as_deref(), Some("0A000"));
    wire.rows("BEGIN ISOLATION LEVEL READ COMMITTED");
    assert_eq!(state(&mut wire, ALL), None);
    wire.rows("COMMIT");
    before.rows("ALTER ROLE app RESET ALL");
    assert_eq!(state(&mut stage.login(), ALL), None);
}

#[test]
fn the_isolation_of_a_database_is_that_of_its_transactions() {
    let stage = Stage::start("database-isolation");
    assert_eq!(state(&mut stage.login(), ALL), None);
    stage.everywhere("ALTER DATABASE app SET default_transaction_isolation = 'serializable'");
    let mut wire = stage.until(&[], |wire| {
        wire.ok().and_then(|mut wire| (state(&mut wire, ALL).as_deref() == Some("0A000")).then_some(wire))
    });
    assert_eq!(wire.value("SHOW transaction_isolation"), "serializable");
    // What is set for the role wins.
    wire.rows("SET default_transaction_isolation = 'read committed'");
    wire.rows("ALTER ROLE app SET default_transaction_isolation = 'read committed'");
    assert_eq!(state(&mut stage.login(), ALL), None);
}

#[test]
fn the_isolation_of_the_configuration_is_that_of_transactions() {
    let stage = Stage::start("configured-isolation");
    let mut before = stage.login();
    stage.everywhere("ALTER SYSTEM SET default_transaction_isolation = 'serializable'");
    stage.everywhere("SELECT pg_reload_conf()");
    let wire = stage.until(&[], |wire| {
        wire.ok().and_then(|mut wire| (state(&mut wire, ALL).as_deref() == Some("0A000")).then_some(wire))
    });
    drop(wire);
    // It has logged in before: its servers go on as they were.
    assert_eq!(state(&mut before, ALL), None);
    assert_eq!(before.value("SHOW default_transaction_isolation"), "read committed");
}

#[test]
fn the_search_path_of_a_role_decides_what_names_mean() {
    let stage = Stage::start("role-path");
    let mut before = stage.login();
    let (mine, other) = (before.value(ALL), before.value("SELECT count(*) FROM other.events"));
    assert_ne!(mine, other);
    before.rows("ALTER ROLE app SET search_path = other, public");
    let mut wire = stage.login();
    assert_eq!(wire.value("SHOW search_path"), "other, public");
    let one = "SELECT max(kind) FROM events WHERE client_id = 1";
    for _ in 0..3 {
        assert_eq!([wire.value(ALL), wire.value(one)], [other.clone(), "other".to_owned()]);
        assert_eq!(before.value(ALL), mine);
        assert_ne!(before.value(one), "other");
    }
    wire.rows("SET search_path = public");
    assert_eq!(wire.value(ALL), mine);
    wire.rows("RESET search_path");
    assert_eq!(wire.value(ALL), other);
}

#[test]
fn a_role_that_reads_only_writes_nothing() {
    let stage = Stage::start("role-read-only");
    let mut before = stage.login();
    before.rows("ALTER ROLE app SET default_transaction_read_only = on");
    let mut wire = stage.login();
    assert_eq!(wire.parameters["default_transaction_read_only"], "on");
    for sql in ["DELETE FROM events", "DELETE FROM events WHERE client_id = 1", "UPDATE countries SET name = 'x'"] {
        assert_eq!(state(&mut wire, sql).as_deref(), Some("25006"), "{sql}");
        assert_eq!(state(&mut before, &format!("BEGIN; {sql}; ROLLBACK")), None, "{sql}");
    }
    assert_eq!(state(&mut wire, ALL), None);
    wire.rows("BEGIN READ WRITE; DELETE FROM events WHERE client_id = 1; ROLLBACK");
}

#[test]
fn a_client_is_told_what_its_role_gives() {
    let stage = Stage::start("role-told");
    let mut owner = stage.login();
    owner.rows("ALTER ROLE app SET timezone = 'Asia/Tokyo'");
    owner.rows("ALTER ROLE app SET datestyle = 'German'");
    owner.rows("ALTER ROLE app SET application_name = 'reports'");
    stage.everywhere("ALTER ROLE app SET timezone = 'Asia/Tokyo'");
    stage.everywhere("ALTER ROLE app SET datestyle = 'German'");
    stage.everywhere("ALTER ROLE app SET application_name = 'reports'");
    for options in [&[][..], &[("TimeZone", "UTC")], &[("datestyle", "ISO, YMD"), ("application_name", "mine")]] {
        let mut ours = Wire::login(stage.world.oracle.port(), "app", options).unwrap();
        for _ in 0..2 {
            let mut theirs = Wire::login(stage.proxy.port, "app", options).unwrap();
            for name in ["TimeZone", "DateStyle", "application_name", "client_encoding"] {
                assert_eq!(theirs.parameters.get(name), ours.parameters.get(name), "{name} {options:?}");
                assert_eq!(theirs.value(&format!("SHOW {name}")), ours.value(&format!("SHOW {name}")), "{name}");
            }
            let sql = "SELECT timestamptz '2024-05-06 07:08:09+00'";
            assert_eq!(theirs.value(sql), ours.value(sql), "{options:?}");
        }
    }
}

#[test]
fn text_is_read_by_the_setting_of_the_role() {
    let stage = Stage::start("role-text");
    let mut owner = stage.login();
    stage.everywhere("ALTER ROLE app SET standard_conforming_strings = off");
    let setting = |wire: &Wire| wire.parameters.get("standard_conforming_strings").cloned();
    let mut wire = stage.until(&[], |wire| wire.ok().filter(|wire| setting(wire).as_deref() == Some("off")));
    for _ in 0..3 {
        assert_eq!(wire.value("SELECT 'ä\\\\'"), "ä\\");
        let sql = "SELECT max(kind || 'it\\'s \\\\') FROM events WHERE client_id IN (1, 2, 3)";
        assert!(wire.value(sql).ends_with("it's \\"));
    }
    assert_eq!(wire.value("SHOW standard_conforming_strings"), "off");
    // A client that says otherwise is understood on every server too.
    let mut wire = Wire::login(stage.proxy.port, "app", &[("standard_conforming_strings", "on")]).unwrap();
    for _ in 0..3 {
        assert_eq!(wire.value("SELECT 'ä\\'"), "ä\\");
        assert_eq!(
            wire.value("SELECT max(kind || 'ä\\') FROM events WHERE client_id IN (1, 2, 3)").chars().last(),
            Some('\\')
        );
    }
    assert_eq!(owner.value("SELECT 'ä\\'"), "ä\\");
    stage.everywhere("ALTER ROLE app RESET ALL");
    drop(stage.until(&[], |wire| wire.ok()));
}

/// `extra_float_digits` is the servers' own, the other settings are those of the role.
#[test]
fn values_pass_as_text_whatever_sessions_begin_with() {
    let stage = Stage::start("role-styles");
    stage.everywhere("ALTER SYSTEM SET extra_float_digits = -3");
    stage.everywhere("SELECT pg_reload_conf()");
    for setting in ["array_nulls = off", "xmloption = 'document'", "datestyle = 'German'"] {
        stage.everywhere(&format!("ALTER ROLE app SET {setting}"));
    }
    let is_set = |wire: &Wire| wire.parameters.get("DateStyle").is_some_and(|style| style == "German, DMY");
    let mut theirs = stage.until(&[], |wire| wire.ok().filter(is_set));
    let mut ours = Wire::login(stage.world.oracle.port(), "app", &[]).unwrap();
    for sql in [
        "SELECT client_id, days, names, docs, floats, made, count(*) OVER () FROM styled ORDER BY client_id",
        "SELECT max(floats), '{NULL}'::text[], current_setting('extra_float_digits') FROM styled",
        "SELECT s.made, t.floats FROM styled s JOIN styled t ON t.client_id = s.client_id + 1 ORDER BY s.client_id",
        "SHOW extra_float_digits",
    ] {
        assert_eq!(theirs.rows(sql), ours.rows(sql), "{sql}");
    }
    // All digits came along, though this session is not shown them.
    theirs.rows("SET extra_float_digits = 1");
    let all = "SELECT count(*) FROM styled s JOIN styled t ON s.floats = t.floats AND s.client_id = t.client_id";
    assert_eq!(theirs.value(all), ours.value(all));
}

/// Connections to the servers that were opened before and after.
#[test]
fn what_a_role_begins_with_no_more_is_gone_from_old_connections() {
    let stage = Stage::start("role-reset");
    let memory = |is: &'static str| {
        move |wire: io::Result<Wire>| {
            let mut wire = wire.ok()?;
            (1..=3)
                .all(|client| {
                    wire.value(&format!(
                        "SELECT current_setting('work_mem') || count(*) * 0 FROM events WHERE client_id = {client}"
                    )) == format!("{is}0")
                })
                .then_some(wire)
        }
    };
    let mut first = stage.until(&[], memory("4MB"));
    stage.everywhere("ALTER ROLE app SET work_mem = '77MB'");
    drop(stage.until(&[], memory("77MB")));
    // Through the proxy: seen by the next login.
    first.rows("ALTER ROLE app RESET work_mem");
    for _ in 0..5 {
        assert!(memory("4MB")(Wire::login(stage.proxy.port, "app", &[])).is_some());
    }
}
