//! After a known workload the counters say exactly what happened; the logs say who did what, and no secrets.

use super::*;

#[test]
fn counters_say_what_happened() {
    let stage = &*STAGE;
    let proxy = stage.proxy("counted", &Settings { database: "pool_size = 3", ..Settings::default() });
    let [a, b, _] = stage.clients[..] else { panic!("three shards") };
    let count = |client: i64| format!("SELECT count(*) FROM events WHERE client_id = {client}");
    let mut wire = login(&proxy);
    for _ in 0..5 {
        wire.rows(&count(a));
    }
    let extended = crate::support::script::extended;
    for _ in 0..3 {
        wire.send(&extended("SELECT count(*) FROM events WHERE client_id = $1", &[&b.to_string()])).unwrap();
        assert_eq!(wire::answers(&wire.until_ready().unwrap())[0].error, None);
    }
    wire.rows(&format!("BEGIN; {}; {}; COMMIT", count(a), count(a)));
    assert_eq!(failure(&mut wire, "SELECT ctid FROM events").0, "0A000");
    assert_eq!(failure(&mut wire, "SELECT xmin FROM events").0, "0A000");
    assert_eq!(failure(&mut wire, &format!("SELECT 1/0 FROM events WHERE client_id = {a}")).0, "22012");
    assert_eq!(failure(&mut wire, "SELEC").0, "42601");
    wire.rows("SET work_mem = '5MB'");
    // The upkeep sets some gauges once a second.
    until("plans show", || metric(&proxy, "shardway_plan_cache_entries", &[]) > 0.0);
    // An answer is on its way before its statement has been counted to the end.
    until("the client is idle", || metric(&proxy, "shardway_clients", &["state=\"idle\""]) == 1.0);
    let (_, body) = get(proxy.metrics_port, "/metrics");
    let mut wrong = Vec::new();
    let differing = std::cell::RefCell::new(Vec::new());
    let expect = |name: &str, labels: &[&str], expected: f64| {
        let found = sum(&body, name, labels);
        if found != expected {
            differing.borrow_mut().push(format!("{name}{labels:?}: {found}, not {expected}"));
        }
    };
    let key = "plan=\"key\"";
    // Five, the Query of four statements, which goes as one, and the one that divides by zero.
    expect("shardway_statements_total", &["database=\"app\"", "shard=\"a\"", "role=\"primary\"", key], 7.0);
    expect("shardway_statements_total", &["shard=\"b\"", "role=\"primary\"", key], 3.0);
    expect("shardway_statements_total", &["shard=\"c\""], 0.0);
    expect("shardway_statements_total", &["shard=\"none\"", "plan=\"command\""], 1.0);
    expect("shardway_refusals_total", &["database=\"app\""], 2.0);
    expect("shardway_errors_total", &["class=\"0A\""], 2.0);
    expect("shardway_errors_total", &["class=\"22\""], 1.0);
    expect("shardway_errors_total", &["class=\"42\""], 1.0);
    expect("shardway_errors_total", &[], 4.0);
    expect("shardway_clients", &["database=\"app\""], 1.0);
    expect("shardway_clients", &["state=\"idle\""], 1.0);
    expect("shardway_clients_rejected_total", &[], 0.0);
    expect("shardway_server_up", &["app/"], 3.0);
    expect("shardway_build_info", &[], 1.0);
    expect("shardway_reloads_total", &[], 0.0);
    expect("shardway_map_epoch", &[], 1.0);
    // Answers: 5 + 3 + 1 (one Query of four statements) + 4 errors + SET.
    let queries = sum(&body, "shardway_query_seconds_count", &["database=\"app\""]);
    if !(9.0..=17.0).contains(&queries) {
        wrong.push(format!("query_seconds_count: {queries}"));
    }
    expect("shardway_transaction_seconds_count", &["database=\"app\""], 14.0);
    for direction in ["client_in", "client_out", "server_in", "server_out"] {
        if sum(&body, "shardway_bytes_total", &[&format!("direction=\"{direction}\"")]) < 500.0 {
            wrong.push(format!("few bytes {direction}"));
        }
    }
    for name in [
        "shardway_plan_cache_hits_total",
        "shardway_plan_cache_misses_total",
        "shardway_plan_cache_entries",
        "shardway_client_connections_total",
    ] {
        if sum(&body, name, &[]) < 1.0 {
            wrong.push(format!("{name} is 0"));
        }
    }
    wrong.extend(differing.take());
    wrong.extend(undocumented(&body));
    assert!(wrong.is_empty(), "{}\n{body}", wrong.join("\n"));
    // The upkeep sets the gauges of servers once a second.
    until("the servers show", || metric(&proxy, "shardway_servers", &["app/a/primary", "state=\"idle\""]) == 1.0);
    drop(wire);
    until("the client is gone", || metric(&proxy, "shardway_clients", &[]) == 0.0);
}

/// Names that are served and not in config/METRICS.md, or the other way round.
fn undocumented(body: &str) -> Vec<String> {
    let book = include_str!("../../config/METRICS.md");
    let served: std::collections::BTreeSet<&str> =
        body.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let written: std::collections::BTreeSet<&str> = book
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .filter(|name| name.starts_with("shardway_"))
        .collect();
    // Without replicas there is no lag to show; nobody was turned away, nothing kept its server; no shard finds its roles;
    // hot keys are looked for in one of many statements; nobody listens.
    let absent = ["replica_lag", "rejected", "pins", "primaries", "failovers", "hot_key", "listen", "notifications"];
    let missing = written.difference(&served).filter(|name| !absent.iter().any(|part| name.contains(part)));
    served
        .difference(&written)
        .map(|name| format!("{name} is not documented"))
        .chain(missing.map(|name| format!("{name} is not served")))
        .collect()
}

#[test]
fn health_pages_answer() {
    let stage = &*STAGE;
    let proxy = stage.proxy("pages", &Settings::default());
    assert_eq!(get(proxy.metrics_port, "/livez").0, 200);
    assert_eq!(get(proxy.metrics_port, "/readyz").0, 200);
    assert_eq!(get(proxy.metrics_port, "/nothing").0, 404);
}

#[test]
fn logs_are_json_with_ids_and_hold_no_secrets() {
    let stage = &*STAGE;
    stage.role("quiet");
    let verifier =
        admin(stage.world.shards[0].port()).value("SELECT rolpassword FROM pg_authid WHERE rolname = 'quiet'");
    let more = format!(
        "[log]\nformat = \"json\"\nlevel = \"trace\"\n\n[[users]]\nname = \"quiet\"\npassword = \"{verifier}\"\nserver_password = \"secret\"\n\n\
         [[users]]\nname = \"clumsy\"\npassword = \"kqzPassw0rd\"\nserver_user = \"quiet\"\nserver_password = \"zzWrongSecretzz\"\n"
    );
    let proxy = stage.proxy("logs", &Settings { more: &more, ..Settings::default() });
    let ask = format!("SELECT count(*) FROM events WHERE client_id = {}", stage.clients[0]);
    let mut wire = enter(proxy.port, "quiet", &[]).unwrap();
    assert_eq!(wire.value(&ask), "6");
    assert!(enter(proxy.port, "clumsy", &[]).is_err());
    let at = format!("host=127.0.0.1 port={} dbname=app user=clumsy password=kqzPassw0rd", proxy.port);
    psql(&["-c", &ask, &at]);
    reload(&proxy, |toml| toml.replace("kqzPassw0rd", "kqzPassw0rd2"), "ok");
    reload(&proxy, |toml| toml.replace("password = \"kqzPassw0rd2\"", "password = \"kqzPassw0rd2\" oops"), "failed");
    admin(stage.world.shards[0].port())
        .rows("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'quiet'");
    wire.simple(&ask).unwrap();
    drop(wire);
    proxy.signal("TERM");
    let log = proxy.output();
    let metrics = log.clone();
    let stored = verifier.rsplit('$').next().unwrap().to_owned();
    for secret in [
        "kqzPassw0rd",
        "zzWrongSecretzz",
        "\"secret\"",
        &verifier,
        stored.split(':').next().unwrap(),
        stored.split(':').nth(1).unwrap(),
    ] {
        assert!(
            !log.contains(secret) && !metrics.contains(secret),
            "{secret} shows:\n{}",
            log.lines().find(|line| line.contains(secret)).unwrap_or_default()
        );
    }
    let mut seen = std::collections::BTreeSet::new();
    for line in log.lines() {
        assert!(line.starts_with('{') && line.ends_with('}'), "not JSON: {line}");
        let mut check = Command::new("python3");
        if seen.len() < 3 {
            assert!(
                check.args(["-c", "import json,sys; json.loads(sys.argv[1])", line]).status().unwrap().success(),
                "{line}"
            );
        }
        for key in ["\"client\":", "\"server\":", "\"peer\":", "\"user\":", "\"level\":", "\"timestamp\":"] {
            if line.contains(key) {
                seen.insert(key);
            }
        }
    }
    assert_eq!(seen.len(), 6, "{seen:?}");
}

#[test]
fn names_that_clients_choose_forge_no_line_of_the_log() {
    let stage = &*STAGE;
    let more = "[log]\nsample_every = 1\n";
    let proxy = stage.proxy("forged", &Settings { more, ..Settings::default() });
    assert!(enter(proxy.port, "evil\nFORGED user\x1b[2J\u{9b}", &[]).is_err());
    assert!(enter(proxy.port, "app", &[("database", "x\nFORGED database")]).is_err());
    let mut wire = enter(proxy.port, "app", &[("application_name", "x\nFORGED application")]).unwrap();
    wire.rows("SELECT 1 AS \"a\nFORGED column\"");
    wire.rows("LISTEN \"a\nFORGED channel\"");
    until("they are told of", || ["evil", "FORGED column"].iter().all(|it| proxy.output().contains(it)));
    reload(&proxy, |toml| toml + "[nonsense]\n", "failed");
    let log = proxy.output();
    assert!(log.contains(r"evil\nFORGED user\u{1b}[2J\u{9b}"), "{log}");
    assert!(log.lines().all(|line| line.starts_with("20")), "every line begins with its time:\n{log}");
    assert!(!log.contains(|c: char| c.is_control() && c != '\n'), "{log}");
    assert!(log.lines().any(|line| line.ends_with("error: unknown setting `nonsense`")), "{log}");
}

#[test]
fn slow_statements_are_told_of_and_their_values_are_not() {
    let stage = &*STAGE;
    let more = "[log]\nslow_statement = \"1s\"\n";
    let proxy = stage.proxy("slow", &Settings { more, ..Settings::default() });
    let [a, b, _] = stage.clients[..] else { panic!("three shards") };
    let mut wire = login(&proxy);
    wire.rows(
        "SELECT pg_sleep(1.1), 'kqzValue' /* kqzRemark */ FROM countries WHERE 471100004711 = 471100004711 LIMIT 1",
    );
    let sleeper =
        "SELECT count(*), pg_sleep($1::float8) FROM events WHERE client_id = $2::bigint GROUP BY 'kqzOther'::text";
    wire.send(&crate::support::script::extended(sleeper, &["1.1", &b.to_string()])).unwrap();
    assert_eq!(wire::answers(&wire.until_ready().unwrap())[0].error, None);
    wire.rows(&format!(
        "SELECT count(*) FROM (SELECT kind FROM events WHERE client_id IN ({a}, {b}) AND id < 0
         UNION ALL SELECT E'kqz\\'Odd' || pg_sleep(1.1)::text) x"
    ));
    until("three are counted", || metric(&proxy, "shardway_slow_statements_total", &["database=\"app\""]) >= 3.0);
    reload(&proxy, |toml| toml.replace("slow_statement = \"1s\"", "sample_every = 1"), "ok");
    wire.rows(&format!("SELECT 'kqzSample' FROM events WHERE client_id = {a} LIMIT 1"));
    wire.rows("SET my.key TO kqzUnquoted");
    wire.rows(&format!("/* shardway key=bigints:{a} */ SELECT kind FROM events LIMIT 2"));
    drop(wire);
    proxy.signal("TERM");
    for parts in [
        [
            "slow statement client=1",
            "plan=\"any\"",
            "statement=\"SELECT pg_sleep(?), ? FROM countries WHERE ? = ? LIMIT ?\"",
        ],
        ["slow statement client=1", "plan=\"key\" shards=\"b\"", "WHERE client_id = $2::bigint GROUP BY ?::text"],
        [": statement client=1", "plan=\"hint\" shards=\"a\"", "statement=\"SELECT kind FROM events LIMIT ?\""],
        [": statement client=1", "", "statement=\"SET my.key TO ?\""],
        ["slow statement client=1", "plan=\"gather\" shards=\"a, b\"", "statement=\"SELECT …\""],
        [
            ": statement client=1",
            "plan=\"key\" shards=\"a\"",
            "statement=\"SELECT ? FROM events WHERE client_id = ? LIMIT ?\"",
        ],
    ] {
        let says_all = |line: &str| parts.iter().all(|part| line.contains(part));
        until(&format!("{parts:?} in the log"), || proxy.output().lines().any(says_all));
    }
    let log = proxy.output();
    assert!(!log.contains("kqz") && !log.contains("471100004711") && !log.contains("bigints:"), "{log}");
}

/// A collector that answers each request with 200 and keeps its body.
fn collector() -> (u16, std::sync::mpsc::Receiver<serde_json::Value>) {
    use std::io::{BufRead, BufReader, Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut length, mut line) = (0, String::new());
            while stream.read_line(&mut line).unwrap() > 2 {
                assert!(!line.starts_with("POST") || line.starts_with("POST /v1/traces HTTP/1.1"), "{line}");
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").unwrap();
            if sender.send(serde_json::from_slice(&body).unwrap()).is_err() {
                return;
            }
        }
    });
    (port, receiver)
}

#[test]
fn statements_of_a_trace_have_spans() {
    let stage = &*STAGE;
    let (port, bodies) = collector();
    let more = format!("[traces]\ncollector = \"http://127.0.0.1:{port}\"\nservice = \"front\"\n");
    let proxy = stage.proxy("traced", &Settings { more: &more, ..Settings::default() });
    let [a, b, _] = stage.clients[..] else { panic!("three shards") };
    let mut wire = login(&proxy);
    let said = |span: u8, flags: &str| format!("/*route='x',traceparent='00-{:032x}-{span:016x}-{flags}'*/", 0xabc);
    wire.rows(&format!("SELECT count(*) FROM events WHERE client_id = {a} AND kind <> 'kqzValue' {}", said(1, "01")));
    wire.rows(&format!("SELECT count(*) FROM events WHERE client_id = {a} {}", said(9, "00")));
    wire.rows(&format!("SELECT count(*) FROM events WHERE client_id = {a}"));
    assert_eq!(failure(&mut wire, &format!("SELECT ctid FROM events {}", said(2, "01"))).0, "0A000");
    assert_eq!(
        failure(&mut wire, &format!("SELECT 1/0 FROM events WHERE client_id = {b} {}", said(3, "01"))).0,
        "22012"
    );
    for span in [4, 5] {
        let text = format!("SELECT kind FROM events WHERE client_id IN ($1, $2) {}", said(span, "01"));
        wire.send(&crate::support::script::extended(&text, &[&a.to_string(), &b.to_string()])).unwrap();
        assert_eq!(wire::answers(&wire.until_ready().unwrap())[0].error, None);
    }
    let mut spans = std::collections::BTreeMap::new();
    while spans.len() < 5 {
        let body = bodies.recv_timeout(PATIENCE).expect("spans arrive");
        let of = &body["resourceSpans"][0];
        assert_eq!(of["resource"]["attributes"][0]["value"]["stringValue"], "front");
        for span in of["scopeSpans"][0]["spans"].as_array().unwrap() {
            spans.insert(span["parentSpanId"].as_str().unwrap().to_owned(), span.clone());
        }
    }
    assert_eq!(spans.len(), 5, "{spans:?}");
    let of = |parent: u8, key: &str| {
        let span = &spans[&format!("{parent:016x}")];
        assert_eq!(span["traceId"], format!("{:032x}", 0xabc));
        let attributes = span["attributes"].as_array().unwrap();
        let found = attributes.iter().find(|it| it["key"] == key).map(|it| it["value"]["stringValue"].clone());
        found.unwrap_or_default().as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(of(1, "db.query.text"), "SELECT count(*) FROM events WHERE client_id = ? AND kind <> ?");
    assert_eq!([of(1, "shardway.plan"), of(1, "shardway.shards")], ["key", "a"]);
    assert_eq!(of(2, "db.response.status_code"), "0A000");
    assert_eq!([of(3, "db.response.status_code"), of(3, "shardway.shards")], ["22012", "b"]);
    assert_eq!([of(4, "shardway.plan"), of(4, "shardway.shards")], ["fanout", "a, b"]);
    assert_eq!(of(5, "db.query.text"), "SELECT kind FROM events WHERE client_id IN ($1, $2)");
    let nanos = |at: &str| spans[&format!("{:016x}", 1)][at].as_str().unwrap().parse::<u128>().unwrap();
    assert!(nanos("startTimeUnixNano") < nanos("endTimeUnixNano"));
    until("they are counted", || metric(&proxy, "shardway_spans_total", &["result=\"sent\""]) == 5.0);
    // Texts that differ in their span alone are planned once.
    let entries = || metric(&proxy, "shardway_plan_cache_misses_total", &[]);
    let before = entries();
    let text = format!("SELECT kind FROM events WHERE client_id IN ($1, $2) {}", said(6, "00"));
    wire.send(&crate::support::script::extended(&text, &[&a.to_string(), &b.to_string()])).unwrap();
    assert_eq!(wire::answers(&wire.until_ready().unwrap())[0].error, None);
    assert_eq!(entries(), before);
}

#[test]
fn the_status_page_is_served_with_all_it_needs_and_nothing_else() {
    let stage = &*STAGE;
    let proxy = stage.proxy("status", &Settings::default());
    let mut wire = login(&proxy);
    wire.rows(&format!("SELECT count(*) FROM events WHERE client_id = {}", stage.clients[0]));
    assert_eq!(failure(&mut wire, "SELECT ctid FROM events").0, "0A000");
    until("the pool shows", || metric(&proxy, "shardway_server_connections_max", &["app/a/primary"]) > 0.0);
    let (status, page) = get(proxy.metrics_port, "/");
    assert_eq!(status, 200);
    for name in ["page.css", "page.js", "icon.svg", "status.json", "metrics", "readyz"] {
        assert!(page.contains(&format!("\"{name}\"")), "the page does not name {name}");
        assert_eq!(get(proxy.metrics_port, &format!("/{name}")).0, 200, "{name}");
    }
    assert!(!page.contains("//"), "nothing comes from elsewhere");
    let status: serde_json::Value = serde_json::from_str(&get(proxy.metrics_port, "/status.json").1).unwrap();
    let app = &status["databases"][0];
    assert_eq!((&app["name"], app["shards"].as_array().unwrap().len()), (&"app".into(), 3));
    assert_eq!(status["reasons"], serde_json::json!([]));
    let statements = app["statements"].as_array().unwrap();
    let count = |shard: &str, plan: &str| {
        let fits = |it: &&serde_json::Value| it["shard"] == shard && it["plan"] == plan;
        statements.iter().filter(fits).map(|it| it["count"].as_f64().unwrap()).sum::<f64>()
    };
    assert_eq!((count("a", "key"), count("b", "key")), (1.0, 0.0));
    assert_eq!(app["refusals"].as_object().unwrap().values().map(|it| it.as_f64().unwrap()).sum::<f64>(), 1.0);
    let server = &app["shards"][0]["servers"][0];
    assert_eq!((&server["name"], &server["role"]), (&"app/a/primary".into(), &"primary".into()));
    assert_eq!((&server["health"], server["connections_max"].as_f64()), (&"up".into(), Some(10.0)));
    assert_eq!(app["query_seconds"]["counts"].as_array().unwrap().len(), 19);
}

#[test]
fn who_connects_and_says_nothing_keeps_no_probe_out() {
    let proxy = STAGE.proxy("silent-http", &Settings::default());
    let silent: Vec<_> =
        (0..100).map(|_| std::net::TcpStream::connect(("127.0.0.1", proxy.metrics_port)).unwrap()).collect();
    assert_eq!(get(proxy.metrics_port, "/livez"), (200, "ok\n".to_owned()));
    assert_eq!(get(proxy.metrics_port, "/metrics").0, 200);
    drop(silent);
}
