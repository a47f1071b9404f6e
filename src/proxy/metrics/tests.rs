//! What a scrape shows. No test of the exporter itself.

use std::time::{Duration, Instant};

use super::*;
use crate::logic::commit::Outcome;
use crate::logic::picture;
use crate::logic::shards::ShardId;
use crate::logic::topology::{Health, Lag, Role, Server};

fn touched() -> (Arc<Metrics>, Topology) {
    let (metrics, topology) = (Metrics::new(), picture::of_ports("app", &[(1, &[2]), (3, &[])]));
    let app = metrics.database(&topology.databases["app"]);
    app.statement(Some((ShardId(1), Role::Replica)), PlanKind::Key);
    app.statement(None, PlanKind::Command);
    app.refusal(crate::logic::plan::refusal::Reason::ManyShards);
    for code in [&b"42P01"[..], b"42601", b"ZZ999", b""] {
        app.error(code);
    }
    app.client(None, Some(ClientState::Idle));
    app.client(Some(ClientState::Idle), Some(ClientState::Active));
    app.bytes(Direction::ServerOut, 70);
    for histogram in [&app.query_seconds, &app.transaction_seconds, &app.pool_wait_seconds] {
        histogram.record(0.002);
    }
    metrics.rejected(Rejection::Full);
    metrics.catalog_read("app", CatalogRead::Changed);
    metrics.in_doubt("app", "a", 1, Duration::from_secs(2));
    metrics.deadlocks("app", 1);
    metrics.primaries("app/a/server-1", 2);
    metrics.failover("app/a/server-1");
    app.kept(Kept::Written);
    app.retry(Retry::Conflict);
    app.pin("advisory lock");
    metrics.connections_of("app", 3, 5);
    let channels = metrics.channels("app", "a");
    for gauge in [&channels.connections, &channels.listening] {
        gauge.set(1.0);
    }
    for counter in [&channels.received, &channels.delivered, &channels.lost] {
        counter.increment(1);
    }
    metrics.hot_keys("app", "clients", [0.5, 0.2, 0.1]);
    metrics.recovered("app", Outcome::Committed, 1);
    metrics.show(&topology);
    (metrics, topology)
}

#[test]
fn a_scrape_shows_what_was_counted() {
    let text = touched().0.render();
    for line in [
        r#"shardway_statements_total{database="app",shard="b",role="replica",plan="key"} 1"#,
        r#"shardway_statements_total{database="app",shard="none",role="none",plan="command"} 1"#,
        r#"shardway_refusals_total{database="app",reason="many_shards"} 1"#,
        r#"shardway_errors_total{database="app",class="42"} 2"#,
        r#"shardway_errors_total{database="app",class="other"} 2"#,
        r#"shardway_clients{database="app",state="active"} 1"#,
        r#"shardway_clients{database="app",state="idle"} 0"#,
        r#"shardway_bytes_total{database="app",direction="server_out"} 70"#,
        r#"shardway_query_seconds_bucket{database="app",le="0.001"} 0"#,
        r#"shardway_query_seconds_bucket{database="app",le="0.0025"} 1"#,
        r#"shardway_clients_rejected_total{reason="full"} 1"#,
        r#"shardway_primaries{database="app",shard="a"} 2"#,
        r#"shardway_failovers_total{database="app",shard="a"} 1"#,
        r#"shardway_notifications_total{database="app",shard="a"} 1"#,
        r#"shardway_reads_kept_total{database="app",reason="own_write"} 1"#,
        r#"shardway_retries_total{database="app",reason="conflict"} 1"#,
        concat!(r#"shardway_build_info{version=""#, env!("CARGO_PKG_VERSION"), r#""} 1"#),
    ] {
        assert!(text.lines().any(|it| it == line), "{line}\nis not in\n{text}");
    }
}

#[test]
fn every_metric_is_described_here_and_in_the_manual() {
    let (metrics, mut topology) = touched();
    let app = Arc::make_mut(topology.databases.get_mut("app").expect("it is there"));
    let lag = Some(Lag { bytes: 1, time: Duration::ZERO });
    app.shards[0].replicas[0] =
        Arc::new(Server { health: Health::Up, lag, ..Server::clone(&app.shards[0].replicas[0]) });
    metrics.show(&topology);
    let (text, manual) = (metrics.render(), include_str!("../../../config/METRICS.md"));
    for named in names::ALL {
        assert!(text.contains(&format!("# HELP {} {}", named.name, named.help)), "{} has no HELP", named.name);
        assert!(manual.contains(&format!("`{}`", named.name)), "{} is not in the manual", named.name);
    }
    let ours = manual.matches("\n| `shardway_").count();
    assert_eq!(ours, names::ALL.len(), "the manual lists what there is, and nothing else");
}

#[test]
fn servers_come_and_go() {
    let (metrics, mut topology) = touched();
    let up = |metrics: &Metrics, port| {
        let line = format!("shardway_server_up{{server=\"app/{port}\"}} ");
        metrics.render().lines().find_map(|it| it.strip_prefix(&line).map(str::to_owned))
    };
    assert_eq!(up(&metrics, "b/primary"), None, "not probed yet");
    let app = Arc::make_mut(topology.databases.get_mut("app").expect("it is there"));
    app.shards[1].primary = Arc::new(Server { health: Health::Down, ..Server::clone(&app.shards[1].primary) });
    metrics.show(&topology);
    assert_eq!(up(&metrics, "b/primary").as_deref(), Some("0"));
    let connects = Connects { ok: 2, failed: 1 };
    let standing = Standing { active: 2, connections_max: Some(20), connects, ..Standing::default() };
    let standings = HashMap::from([("app/b/primary".into(), standing)]);
    metrics.stand(&standings);
    metrics.stand(&standings);
    let text = metrics.render();
    for line in [
        r#"shardway_servers{server="app/b/primary",state="active"} 2"#,
        r#"shardway_server_connections_max{server="app/b/primary"} 20"#,
        r#"shardway_server_connects_total{server="app/b/primary",result="ok"} 4"#,
        r#"shardway_server_connects_total{server="app/b/primary",result="failed"} 2"#,
    ] {
        assert!(text.lines().any(|it| it == line), "{line}\n{text}");
    }
    // Its pools are gone.
    metrics.stand(&HashMap::new());
    let text = metrics.render();
    assert!(text.contains(r#"shardway_servers{server="app/b/primary",state="active"} 0"#), "{text}");
    assert!(!text.contains(r#"shardway_server_connections_max{server="app/b/primary"}"#), "{text}");
    metrics.show(&picture::of_ports("app", &[(1, &[2])]));
    assert_eq!(up(&metrics, "b/primary"), None, "its series has ended");
    assert!(!metrics.render().contains(r#"server="app/b/primary""#), "{}", metrics.render());
    // It comes back, and counts on.
    metrics.show(&topology);
    assert!(metrics.render().contains(r#"shardway_server_connects_total{server="app/b/primary",result="ok"} 4"#));
    let odd = "x\\y\"z/a/primary";
    metrics.server(odd);
    assert!(metrics.render().contains(r#"shardway_server_connects_total{server="x\\y\"z/a/primary",result="ok"} 0"#));
}

#[test]
fn two_proxies_in_one_process_count_apart() {
    let (one, other) = (Metrics::new(), Metrics::new());
    one.client_connections.increment(5);
    assert!(one.render().contains("shardway_client_connections_total 5"));
    assert!(other.render().contains("shardway_client_connections_total 0"));
}

#[test]
fn handles_survive_a_reload_that_adds_a_shard() {
    let metrics = Metrics::new();
    let (before, after) = (picture::of_ports("app", &[(1, &[])]), picture::of_ports("app", &[(1, &[]), (2, &[])]));
    let old = metrics.database(&before.databases["app"]);
    let new = metrics.database(&after.databases["app"]);
    old.statement(Some((ShardId(0), Role::Primary)), PlanKind::Any);
    new.statement(Some((ShardId(0), Role::Primary)), PlanKind::Any);
    new.statement(Some((ShardId(1), Role::Primary)), PlanKind::Any);
    let text = metrics.render();
    let counted = |shard| format!(r#"{{database="app",shard="{shard}",role="primary",plan="any"}} "#);
    assert!(text.contains(&(counted("a") + "2")) && text.contains(&(counted("b") + "1")), "{text}");
}

/// Not a figure to rely on in a debug build; it catches a lookup that crept into the path.
#[test]
fn counting_a_statement_is_cheap() {
    let (metrics, topology) = touched();
    let app = metrics.database(&topology.databases["app"]);
    let start = Instant::now();
    for _ in 0..100_000 {
        app.statement(Some((ShardId(0), Role::Primary)), PlanKind::Key);
    }
    assert!(start.elapsed() / 100_000 < Duration::from_micros(2), "{:?}", start.elapsed() / 100_000);
}
