//! What clients share without knowing: connections, statements that servers have prepared, plans. Several clients play a
//! script against plain PostgreSQL and through the proxy, where they meet on the same connections.

use super::STAGE;
use crate::support::script::{Step, ask, extended, play, q};
use crate::support::wire::{Wire, bind, close, describe, execute, parse, sync};

/// Who says something, and what.
type Script = Vec<(usize, Vec<Step>)>;

/// A statement of one shard, prepared by a name and run.
fn prepared(value: &str) -> Vec<Step> {
    let sql = format!("SELECT {value} FROM events WHERE client_id = 1 AND id = 1");
    ask(&[parse("s", &sql, &[]), bind("", "s", &[], 0), execute("", 0), sync(), close(b'S', "s"), sync()])
        .into_iter()
        .chain([Step::Ready(1)])
        .collect()
}

/// The same by PREPARE and EXECUTE.
fn by_sql(value: &str) -> Vec<Step> {
    [
        q(&format!("PREPARE s AS SELECT {value} FROM events WHERE client_id = 1 AND id = 1")),
        q("EXECUTE s"),
        q("DEALLOCATE s"),
    ]
    .concat()
}

/// Two clients that read the same literal otherwise, one after the other, and again.
fn otherwise(first: &str, second: &str, value: &str) -> Script {
    let mut script = vec![(0, q(first)), (1, q(second))];
    for statement in [prepared(value), by_sql(value), prepared(value)] {
        script.extend([(0, statement.clone()), (1, statement.clone()), (2, statement)]);
    }
    script
}

fn unset(set: &[&str]) -> Script {
    let look = "SELECT current_setting('app.tenant', true) FROM events WHERE client_id = 1 AND id = 1";
    let mut script = Vec::new();
    for (place, sql) in set.iter().enumerate() {
        script.push((0, q(sql)));
        // Before it is set, it reads as another client has left it.
        if set[..=place].iter().any(|sql| sql.contains("app.tenant")) {
            script.extend([(0, q(look)), (0, q("SELECT current_setting('app.tenant', true)"))]);
        }
    }
    script
}

fn scripts() -> Vec<(&'static str, Script)> {
    let names = "SELECT name FROM pg_prepared_statements ORDER BY name";
    let count = "SELECT count(*) FROM pg_prepared_statements";
    let run = |name: &str| ask(&[bind("", name, &[], 0), execute("", 0), sync()]);
    let named = |name: &str, sql: &str| ask(&[parse(name, sql, &[]), describe(b'S', name), sync()]);
    let (all, kinds) = ("SELECT * FROM events WHERE client_id = 1 AND id = 1", "SELECT kind FROM events WHERE client_id = 1 AND id < 4 ORDER BY id");
    let (other, usual) = ("SET search_path = other, public", "SET search_path = public");
    let watched = "SELECT * FROM watched WHERE client_id = 1";
    let turns = |steps: [Vec<Step>; 2]| steps.into_iter().flat_map(|steps| [(0, steps.clone()), (1, steps.clone()), (0, steps.clone()), (1, steps)]);
    let both = |first: Vec<Step>, script: Vec<(usize, Vec<Step>)>| [vec![(0, first)], script].concat();
    vec![
        ("names of tables: by the protocol", both(q(other), [vec![(0, named("e", all)), (1, named("e", all))], turns([run("e"), run("e")]).collect()].concat())),
        ("names of tables: by SQL", both(q(other), [vec![(0, q(&format!("PREPARE e AS {all}"))), (1, q(&format!("PREPARE e AS {all}")))], turns([q("EXECUTE e"), q("EXECUTE e")]).collect()].concat())),
        ("names of tables: the path changes", both(named("k", kinds), [
            vec![(0, run("k")), (0, q(other)), (0, run("k")), (1, named("k", kinds)), (1, run("k")), (0, named("e", all)), (0, run("e")), (0, q(usual)), (0, run("k"))],
            vec![(1, named("e", all)), (1, run("e")), (1, q(other)), (1, run("k")), (1, run("e")), (1, run("k")), (1, q(usual)), (1, run("e")), (2, named("e", all)), (2, run("e"))],
        ].concat())),
        ("a definition of one's own transaction", [false, true].into_iter().flat_map(|by_sql| {
            let ask_for = move |name: &str| if by_sql { q(&format!("PREPARE {name} AS {watched}")) } else { named(name, watched) };
            let run = move |name: &'static str| if by_sql { q(&format!("EXECUTE {name}")) } else { run(name) };
            let suffix = |name: &'static str| if by_sql { ["sw", "sx", "sy", "sz"][name.len() - 1] } else { name };
            let [w, x, y, z] = ["w", "xx", "yyy", "zzzz"].map(suffix);
            vec![
                (1, ask_for(w)), (1, run(w)), (2, ask_for(w)), (2, run(w)), (0, q("BEGIN")), (0, q("ALTER TABLE watched ADD COLUMN more integer")), (0, ask_for(x)), (0, run(x)), (0, run(x)),
                (0, q("SELECT 1")), (0, ask(&[extended(watched, &[])])), (0, q("ALTER TABLE watched ADD COLUMN again text")), (0, ask_for(y)), (0, run(y)), (0, q("ROLLBACK")), (1, run(w)), (2, run(w)),
                (0, ask_for(z)), (0, run(z)), (0, q("BEGIN")), (0, q("ALTER TABLE watched ALTER COLUMN v TYPE varchar(90)")), (0, run(z)), (0, q("ROLLBACK")), (0, run(z)),
            ]
        }).collect()),
        ("a column that another client adds", {
            let runs = ["EXECUTE one", "EXECUTE keyed(1)", "EXECUTE keyed(1 + 1)", "EXECUTE named(1)", "EXECUTE named(1 + 1)", "EXECUTE every", "EXPLAIN (COSTS OFF) EXECUTE bare"];
            let prepared = [
                "one AS SELECT * FROM watched WHERE client_id = 1", "keyed(bigint) AS SELECT * FROM watched WHERE client_id = $1", "named(bigint) AS SELECT id, v FROM watched WHERE client_id = $1",
                "every AS SELECT * FROM watched ORDER BY client_id, id", "bare AS SELECT 1",
            ];
            let prepare = prepared.map(|it| (0, q(&format!("PREPARE {it}"))));
            let run = |with_simple: bool| runs.map(|sql| (0, if with_simple { q(sql) } else { ask(&[extended(sql, &[])]) }));
            let all = [run(true), run(false)].concat();
            let alter = |what: &str| vec![(1, q(&format!("ALTER TABLE watched {what}")))];
            [prepare.to_vec(), all.clone(), alter("ADD COLUMN more integer"), all.clone(), alter("DROP COLUMN more"), all].concat()
        }),
        ("dates in prepared statements", otherwise("SET DateStyle = 'ISO, MDY'", "SET DateStyle = 'ISO, DMY'", "'01/02/2020'::date")),
        ("times in prepared statements", otherwise("SET TimeZone = 'UTC'", "SET TimeZone = 'Asia/Tokyo'", "('2020-01-01 00:00'::timestamptz AT TIME ZONE 'UTC')")),
        ("intervals in prepared statements", otherwise("SET IntervalStyle = 'sql_standard'", "SET IntervalStyle = 'postgres'", "extract(epoch FROM '-1 2:03:04'::interval)")),
        ("NULL in prepared statements", otherwise("SET transform_null_equals = on", "SELECT 1", "nullif(kind, kind) = NULL")),
        ("NULL in arrays of prepared statements", otherwise("SET array_nulls = off", "SELECT 1", "'{NULL}'::text[]")),
        ("a parameter that is unset: RESET", unset(&["SET app.tenant = 'x'", "RESET app.tenant"])),
        ("a parameter that is unset: ROLLBACK", unset(&["BEGIN", "SET app.tenant = 'x'", "SAVEPOINT s", "SET app.tenant = 'y'", "ROLLBACK TO s", "ROLLBACK"])),
        ("a parameter that is unset: SET LOCAL", unset(&["BEGIN", "SET LOCAL app.tenant = 'x'", "COMMIT", "SET app.tenant = 'y'", "DISCARD ALL"])),
        ("a parameter that is unset: set_config", unset(&["BEGIN", "SELECT set_config('app.tenant', 'x', true)", "COMMIT", "RESET ALL"])),
        ("the names of prepared statements", vec![
            (0, q(count)), (0, q("PREPARE p(int) AS SELECT $1")), (0, named("q", "SELECT 1")), (0, q(names)), (1, q(count)), (1, q("PREPARE p AS SELECT 2")), (1, q(names)),
            (0, ask(&[extended(count, &[])])), (0, named("lists", names)), (0, run("lists")), (0, q("DEALLOCATE p")), (0, run("lists")),
            (0, q("SELECT count(*) AS c, count(name) FROM pg_catalog.pg_prepared_statements; SELECT 1")), (0, q("BEGIN")), (0, q("SELECT 1/0")), (0, q(count)), (0, q("ROLLBACK")),
            (0, q("DEALLOCATE ALL")), (0, q(count)),
        ]),
        ("the channels of a session", vec![
            (0, q("SELECT pg_listening_channels()")), (0, q("LISTEN a")), (0, q("LISTEN \"b \"\"c\\\"")), (0, q("SELECT pg_listening_channels()")), (1, q("SELECT pg_listening_channels() AS x")),
            (0, q("SELECT * FROM pg_listening_channels() ORDER BY 1")), (0, q("SELECT c FROM pg_catalog.pg_listening_channels() AS c; SELECT 1")), (0, named("s", "SELECT pg_listening_channels()")),
            (0, q("BEGIN")), (0, q("LISTEN d")), (0, run("s")), (0, q("COMMIT")), (0, run("s")), (0, q("UNLISTEN *")), (0, run("s")), (0, q("SELECT count(*) FROM pg_listening_channels()")),
        ]),
    ]
}

#[test]
fn what_clients_share_does_not_show() {
    let _turn = super::TURN.lock();
    for (name, script) in scripts() {
        let said = [STAGE.world.oracle.port(), STAGE.proxy.port].map(|port| {
            let mut clients: Vec<_> = (0..3).map(|_| Wire::login(port, "app", &[]).unwrap()).collect();
            script.iter().map(|(client, steps)| play(&mut clients[*client], steps)).collect::<Vec<_>>()
        });
        assert_eq!(said[1], said[0], "{name}");
    }
}

/// PostgreSQL makes a constant of it when it parses the statement.
#[test]
fn a_moment_is_that_of_the_clients_own_parse() {
    let mut clients = [0, 1].map(|_| Wire::login(STAGE.proxy.port, "app", &[]).unwrap());
    let now = prepared("'now'::timestamptz");
    let rows = |lines: Vec<String>| lines.into_iter().filter(|line| line.starts_with("Row ")).collect::<Vec<_>>();
    let said: Vec<_> = (0..4).map(|turn| rows(play(&mut clients[turn % 2], &now))).collect();
    assert!(said.iter().all(|rows| rows.len() == 1), "{said:?}");
    assert!((1..4).all(|turn| said[turn] != said[turn - 1]), "{said:?}");
}

/// It would be read anew, by other rules than when it was prepared.
#[test]
fn a_statement_with_dates_is_refused_once_they_are_read_otherwise() {
    let mut wire = Wire::login(STAGE.proxy.port, "app", &[]).unwrap();
    let dated = "SELECT count(*) FROM events WHERE client_id = 1 AND at > '01/02/2020'";
    let plain = "SELECT count(*) FROM events WHERE client_id = 1 AND kind = 'view'";
    play(&mut wire, &[q(&format!("PREPARE dated AS {dated}")), q(&format!("PREPARE plain AS {plain}"))].concat());
    play(&mut wire, &ask(&[parse("d", dated, &[]), parse("p", plain, &[]), sync()]));
    let run = |name: &str| ask(&[bind("", name, &[], 0), execute("", 0), sync()]);
    let mut is_refused = |steps: Vec<Step>| play(&mut wire, &steps).iter().any(|line| line.contains("ERROR 0A000"));
    assert!(!is_refused(q("SET DateStyle = 'ISO, DMY'")));
    assert!(is_refused(q("EXECUTE dated")) && is_refused(run("d")));
    assert!(!is_refused(q("EXECUTE plain")) && !is_refused(run("p")));
    assert!(!is_refused(q("RESET DateStyle")));
    assert!(!is_refused(q("EXECUTE dated")) && !is_refused(run("d")));
}

/// A server knows what all its clients have prepared, and what their transactions have declared on it alone.
#[test]
fn what_servers_know_of_statements_and_cursors_is_refused() {
    let mut wire = Wire::login(STAGE.proxy.port, "app", &[]).unwrap();
    for sql in [
        "SELECT * FROM pg_prepared_statements",
        "SELECT count(*) FROM pg_prepared_statements WHERE from_sql",
        "SELECT pg_prepared_statement()",
        "WITH all_of AS (SELECT statement FROM pg_prepared_statements) SELECT * FROM all_of",
        "SELECT count(*) FROM events, pg_prepared_statements",
        "/* shardway shard=a */ SELECT statement FROM pg_prepared_statements",
        "BEGIN; DECLARE c CURSOR FOR SELECT id FROM events ORDER BY id; SELECT name FROM pg_cursors",
    ] {
        let lines = play(&mut wire, &[q(sql), q("ROLLBACK")].concat());
        assert!(lines.iter().any(|line| line.contains("ERROR 0A000")), "{sql}: {lines:#?}");
    }
}
