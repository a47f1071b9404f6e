//! Statements that keep a server with their client: counted, warned of, or refused.

use super::*;

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
