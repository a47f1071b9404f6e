//! Up, down, behind, in the wrong role.

use std::sync::Arc;
use std::time::Duration;

use shardway::control::Refreshed;
use shardway::logic::picture;
use shardway::logic::topology::{Health, Server as Member, Shard, Topology};

use super::{get, settings, sql, start, until};
use crate::support::cluster::{Auth, Lab, Server};

fn shard(topology: &Topology, index: usize) -> &Shard {
    &topology.databases["app"].shards[index]
}

fn primary(topology: &Topology) -> &Member {
    &shard(topology, 0).primary
}

fn replica(topology: &Topology) -> &Member {
    &shard(topology, 0).replicas[0]
}

fn lag_bytes(topology: &Topology) -> Option<u64> {
    replica(topology).lag.map(|it| it.bytes)
}

#[tokio::test]
async fn a_replica_lags_a_primary_dies_and_comes_back_a_replica_is_promoted() {
    let lab = Arc::new(Lab::new("health").unwrap());
    let mut a = Server::start(&lab, "a", Auth::Trust, &[]).unwrap();
    let a2 = Server::replica_of(&a, "a2").unwrap();
    let control = start(picture::of_ports("app", &[(a.port(), &[a2.port()])]));

    until(&control, "both are up and level", |it| {
        (primary(it).health, replica(it).health, lag_bytes(it)) == (Health::Up, Health::Up, Some(0))
    })
    .await;

    sql(&a2, "SELECT pg_wal_replay_pause()").await;
    sql(&a, "CREATE TABLE filler AS SELECT g, repeat('x', 100) FROM generate_series(1, 2000) g").await;
    until(&control, "the replica falls behind", |it| lag_bytes(it).is_some_and(|bytes| bytes > 100_000)).await;
    until(&control, "and further, in time", |it| replica(it).lag.is_some_and(|it| it.time > Duration::from_secs(1)))
        .await;
    let metrics = get(&control, "/metrics").await.1;
    assert!(metrics.contains(r#"shardway_replica_lag_bytes{server="app/a/replica-1"}"#), "{metrics}");
    sql(&a2, "SELECT pg_wal_replay_resume()").await;
    until(&control, "it catches up", |it| replica(it).lag.is_some_and(|it| it.bytes == 0 && it.time.is_zero())).await;

    a.kill().unwrap();
    control.hasten("app/a/primary");
    until(&control, "the primary is down", |it| primary(it).health == Health::Down).await;
    until(&control, "what the replica has grows old", |it| {
        replica(it).lag.is_some_and(|it| it.time > Duration::from_secs(1))
    })
    .await;
    assert_eq!(get(&control, "/readyz").await.0, "HTTP/1.1 503 Service Unavailable");
    assert!(get(&control, "/metrics").await.1.contains(r#"shardway_server_up{server="app/a/primary"} 0"#));
    a.restart().unwrap();
    until(&control, "it is back", |it| primary(it).health == Health::Up && lag_bytes(it) == Some(0)).await;
    assert_eq!(get(&control, "/readyz").await.0, "HTTP/1.1 200 OK");

    sql(&a2, "SELECT pg_promote()").await;
    let now = until(&control, "a second primary takes no part", |it| replica(it).health == Health::Down).await;
    assert_eq!((replica(&now).lag, primary(&now).health), (None, Health::Up));
    control.shutdown().await;
}

#[tokio::test]
async fn a_standby_is_never_taken_for_a_primary() {
    let lab = Arc::new(Lab::new("roles").unwrap());
    let a = Server::start(&lab, "a", Auth::Trust, &[]).unwrap();
    let a2 = Server::replica_of(&a, "a2").unwrap();
    // The map has them the wrong way round.
    let control = start(picture::of_ports("app", &[(a2.port(), &[a.port()])]));
    until(&control, "neither takes part", |it| {
        (primary(it).health, replica(it).health, lag_bytes(it)) == (Health::Down, Health::Down, None)
    })
    .await;
    control.replace(picture::of_ports("app", &[(a.port(), &[a2.port()])]), settings());
    let now = until(&control, "the map is put right", |it| lag_bytes(it) == Some(0)).await;
    assert_eq!((primary(&now).health, replica(&now).health, now.map_epoch), (Health::Up, Health::Up, 2));
}

#[tokio::test]
async fn a_server_that_hangs_is_down_and_so_is_one_that_refuses() {
    let deaf = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refusing = {
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        gone.local_addr().unwrap().port()
    };
    let control = start(picture::of_ports("app", &[(deaf.local_addr().unwrap().port(), &[]), (refusing, &[])]));
    let now =
        until(&control, "both are down", |it| (0..2).all(|index| shard(it, index).primary.health == Health::Down))
            .await;
    assert!(now.databases["app"].catalog.is_none());
    let (status, reasons) = get(&control, "/readyz").await;
    assert_eq!(status, "HTTP/1.1 503 Service Unavailable");
    assert_eq!(
        reasons,
        "database app: its schema was not read yet\ndatabase app: down: app/a/primary, app/b/primary\n"
    );
    assert_eq!(get(&control, "/livez").await, ("HTTP/1.1 200 OK".to_owned(), "ok\n".to_owned()));
    assert_eq!(control.refresher().poke("nobody").await, Refreshed::TimedOut);
    control.shutdown().await;
    assert!(tokio::net::TcpStream::connect(control.http_address().unwrap()).await.is_err(), "nobody serves any more");
}

fn found(ports: (u16, &[u16])) -> Topology {
    let mut topology = picture::of_ports("app", &[ports]);
    let app = Arc::make_mut(topology.databases.get_mut("app").unwrap());
    app.shards[0].finds_roles = true;
    topology
}

/// Port and health of the primary.
fn chosen(topology: &Topology) -> (u16, Health) {
    (primary(topology).address.port, primary(topology).health)
}

#[tokio::test]
async fn a_promoted_replica_is_followed_and_the_old_primary_stays_away() {
    let lab = Arc::new(Lab::new("found").unwrap());
    let mut a = Server::start(&lab, "a", Auth::Trust, &[]).unwrap();
    let a2 = Server::replica_of(&a, "a2").unwrap();
    let a3 = Server::replica_of(&a, "a3").unwrap();
    // The map's guess is wrong.
    let control = start(found((a2.port(), &[a.port(), a3.port()])));
    let now = until(&control, "the primary is found", |it| chosen(it) == (a.port(), Health::Up)).await;
    assert!(shard(&now, 0).replicas.iter().all(|it| it.address.port != a.port()));
    until(&control, "the others follow it", |it| shard(it, 0).replicas.iter().all(|it| it.lag.is_some())).await;

    // Promoted while the old one lives: it must not be used any more.
    sql(&a2, "SELECT pg_promote()").await;
    until(&control, "the promoted one is followed", |it| chosen(it) == (a2.port(), Health::Up)).await;
    let timeline = |server: &Member| server.trail.last().map(|it| it.position.timeline);
    let now = until(&control, "on its timeline", |it| timeline(primary(it)) == Some(2)).await;
    let of = |topology: &Topology, port: u16| {
        let servers = std::iter::once(&shard(topology, 0).primary).chain(&shard(topology, 0).replicas);
        servers.into_iter().find(|it| it.address.port == port).unwrap().clone()
    };
    assert_eq!(of(&now, a.port()).health, Health::Down, "it takes writes that nobody will find again");
    until(&control, "who follows the old one takes no reads", |it| of(it, a3.port()).lag.is_none()).await;
    let metrics = get(&control, "/metrics").await.1;
    assert!(metrics.contains(r#"shardway_failovers_total{database="app",shard="a"} 1"#), "{metrics}");
    assert!(metrics.contains(r#"shardway_primaries{database="app",shard="a"} 1"#), "{metrics}");

    // A second one of the same timeline: none of the two.
    sql(&a3, "SELECT pg_promote()").await;
    until(&control, "neither is used", |it| {
        shard(it, 0).is_down() && [a2.port(), a3.port()].iter().all(|port| of(it, *port).health == Health::Down)
    })
    .await;
    let metrics = get(&control, "/metrics").await.1;
    assert!(metrics.contains(r#"shardway_primaries{database="app",shard="a"} 2"#), "{metrics}");
    drop(a3);
    until(&control, "one of them has gone", |it| chosen(it) == (a2.port(), Health::Up)).await;
    a.stop().unwrap();
    a.restart().unwrap();
    // It has missed what was written since, so it does not come back even when it is alone.
    drop(a2);
    until(&control, "nobody is left", |it| shard(it, 0).is_down()).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(shard(&control.reader().load_full(), 0).is_down());
    assert_eq!(of(&control.reader().load_full(), a.port()).health, Health::Down);
}
