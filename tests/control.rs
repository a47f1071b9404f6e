//! The control plane against real servers: what it publishes when they lag, die, change their role or their schema.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use shardway::control::{CatalogSettings, Control, ControlHandle, ControlSettings, MonitorSettings, Refreshed};
use shardway::logic::catalog::{Column, ColumnDefault, FunctionKind, RelationKind, Volatility};
use shardway::logic::health::HealthSettings;
use shardway::logic::picture;
use shardway::logic::shards::{Placement, ShardId, ShardMap, TableName};
use shardway::logic::topology::{Health, Secret, Server as Member, Shard, Topology};
use shardway::proxy::metrics::Metrics;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::cluster::{Auth, Lab, Server};

fn settings() -> ControlSettings {
    let health = HealthSettings {
        interval: Duration::from_millis(100),
        timeout: Duration::from_millis(400),
        ..HealthSettings::default()
    };
    let http = Some("127.0.0.1:0".parse().unwrap());
    ControlSettings { health, http, ..ControlSettings::default() }
}

fn start(topology: Topology) -> ControlHandle {
    Control::start(settings(), topology, Metrics::new()).unwrap()
}

/// Runs SQL as the superuser.
async fn sql(server: &Server, text: &str) {
    let config = format!("postgres://postgres@127.0.0.1:{}/postgres", server.port());
    let (client, connection) = tokio_postgres::connect(&config, tokio_postgres::NoTls).await.unwrap();
    let carried = tokio::spawn(connection);
    client.batch_execute(text).await.unwrap();
    drop(client);
    carried.await.unwrap().unwrap();
}

/// Nothing here may take longer.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let within = tokio::time::timeout(Duration::from_secs(20), future).await;
    within.unwrap_or_else(|_| panic!("never happened: {what}"))
}

async fn until(control: &ControlHandle, what: &str, holds: impl Fn(&Topology) -> bool) -> Arc<Topology> {
    soon(what, control.reader().until(holds)).await
}

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

async fn get(control: &ControlHandle, path: &str) -> (String, String) {
    let mut stream = tokio::net::TcpStream::connect(control.http_address().unwrap()).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
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
async fn a_server_that_turns_us_away_is_alive_and_nobody_can_deceive_us() {
    let lab = Arc::new(Lab::new("turned-away").unwrap());
    let a = Server::start(&lab, "a", Auth::Scram, &[]).unwrap();
    // Were our queries to use it, the primary would look like a standby.
    sql(&a, "CREATE FUNCTION public.pg_is_in_recovery() RETURNS bool LANGUAGE sql AS 'SELECT true'").await;
    sql(&a, "ALTER DATABASE postgres SET search_path = public, pg_catalog").await;
    sql(&a, "CREATE ROLE watcher LOGIN PASSWORD 'right'").await;
    let as_watcher = |password: &str| {
        let mut topology = picture::of_ports("app", &[(a.port(), &[])]);
        let app = Arc::make_mut(topology.databases.get_mut("app").unwrap());
        let mut primary = Member::clone(&app.shards[0].primary);
        (primary.address.user, primary.address.password) = (None, None);
        app.shards[0].primary = Arc::new(primary);
        let monitor = MonitorSettings { user: Some("watcher".into()), password: Some(Secret::new(password)) };
        (topology, ControlSettings { monitor, ..settings() })
    };
    let (topology, wrong) = as_watcher("wrong");
    let control = Control::start(wrong, topology, Metrics::new()).unwrap();
    let now = until(&control, "alive, but not known", |it| primary(it).health == Health::Up).await;
    assert!(now.databases["app"].catalog.is_none());
    let (topology, right) = as_watcher("right");
    control.replace(topology, right);
    until(&control, "the schema is read", |it| it.databases["app"].catalog.is_some()).await;
    let probed = until(&control, "it was probed too", |it| primary(it).health != Health::Unknown).await;
    assert_eq!(primary(&probed).health, Health::Up);
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

const SCHEMA: &str = r#"
    CREATE SCHEMA sales;
    CREATE DOMAIN sales.amount AS numeric(10, 2) DEFAULT 0;
    CREATE TABLE sales.orders (
        id bigint GENERATED ALWAYS AS IDENTITY, customer_id bigint NOT NULL, gone int, placed timestamptz DEFAULT now(),
        total sales.amount, doubled numeric GENERATED ALWAYS AS (id * 2) STORED, "Note" text,
        PRIMARY KEY (customer_id, id));
    ALTER TABLE sales.orders DROP COLUMN gone;
    CREATE UNIQUE INDEX ON sales.orders (lower("Note"));
    CREATE VIEW recent AS SELECT customer_id FROM sales.orders WHERE placed > now() - interval '1 day';
    CREATE TABLE parted (k int, v text) PARTITION BY RANGE (k);
    CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (0) TO (10) PARTITION BY LIST (v);
    CREATE TABLE parted_low_a PARTITION OF parted_low FOR VALUES IN ('a');
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TABLE watched (id int);
    CREATE TRIGGER touched BEFORE INSERT ON watched FOR EACH ROW EXECUTE FUNCTION touch();
    CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
    CREATE FUNCTION twice(text) RETURNS text LANGUAGE sql AS 'SELECT $1 || $1';
    CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM watched;
    CREATE SEQUENCE numbers;
    ALTER ROLE postgres SET search_path = sales, "$user", public;
"#;

fn name(schema: &str, table: &str) -> TableName {
    TableName { schema: schema.into(), name: table.into() }
}

fn columns(columns: &[Column]) -> Vec<(&str, u32, &str)> {
    columns.iter().map(|it| (&*it.name, it.type_oid, &*it.type_name)).collect()
}

#[tokio::test]
async fn the_schema_is_read_as_it_is() {
    let lab = Arc::new(Lab::new("schema").unwrap());
    let a = Server::start(&lab, "a", Auth::Trust, &[]).unwrap();
    sql(&a, SCHEMA).await;
    let control = start(picture::of_ports("app", &[(a.port(), &[])]));
    let now = until(&control, "the schema is read", |it| it.databases["app"].catalog.is_some()).await;
    let catalog = now.databases["app"].catalog.clone().unwrap();

    let orders = &catalog.relations[&name("sales", "orders")];
    assert_eq!(orders.kind, RelationKind::Table);
    let expected = [("id", 20, "bigint"), ("customer_id", 20, "bigint"), ("placed", 1184, "timestamp with time zone")];
    assert_eq!(columns(&orders.columns[..3]), expected);
    assert_eq!((&*orders.columns[3].type_name, &*orders.columns[5].name), ("sales.amount", "Note"));
    let defaults: Vec<_> = orders.columns.iter().map(|it| it.default.clone()).collect();
    assert_eq!(
        defaults,
        [
            ColumnDefault::Identity,
            ColumnDefault::None,
            ColumnDefault::Expression("now()".into()),
            ColumnDefault::Expression("0".into()),
            ColumnDefault::Generated,
            ColumnDefault::None,
        ]
    );
    assert_eq!(orders.unique_keys, [vec!["customer_id".into(), "id".into()] as Vec<Box<str>>]);
    assert!(orders.has_partial_unique && !orders.has_triggers);

    let RelationKind::View(view) = &catalog.relations[&name("public", "recent")].kind else { panic!("a view") };
    assert!(view.contains("FROM sales.orders"), "names are qualified: {view}");
    let kind = |table| catalog.relations[&name("public", table)].kind.clone();
    assert_eq!(kind("parted"), RelationKind::Table);
    assert_eq!(kind("parted_low_a"), RelationKind::Partition(name("public", "parted")));
    assert_eq!((kind("counted"), kind("numbers")), (RelationKind::MaterializedView, RelationKind::Sequence));
    assert!(catalog.relations[&name("public", "watched")].has_triggers);
    assert!(!catalog.relations.keys().any(|it| it.schema.starts_with("pg_") || &*it.schema == "information_schema"));

    assert!(catalog.system_relations.contains("pg_class") && catalog.system_relations.contains("pg_stat_activity"));
    assert_eq!(catalog.search_path.iter().map(|it| &**it).collect::<Vec<_>>(), ["sales", "$user", "public"]);
    let mut twice: Vec<_> = catalog.functions["twice"].iter().map(|it| (it.volatility, it.is_native)).collect();
    twice.sort();
    assert_eq!(twice, [(Volatility::Immutable, false), (Volatility::Volatile, false)]);
    assert!(catalog.functions["lpad"].iter().all(|it| it.is_native && it.volatility == Volatility::Immutable));
    assert!(catalog.functions["sum"].iter().all(|it| it.kind == FunctionKind::Aggregate));
    assert!(catalog.functions["row_number"].iter().all(|it| it.kind == FunctionKind::Window));

    let greeting = now.databases["app"].greeting.clone();
    let told = |wanted: &str| greeting.iter().find(|(name, _)| &**name == wanted).map(|(_, value)| &**value);
    assert!(told("server_version").is_some_and(|it| it.starts_with(char::is_numeric)));
    assert_eq!((told("server_encoding"), told("client_encoding")), (Some("UTF8"), Some("UTF8")));
    assert_eq!((told("in_hot_standby"), told("integer_datetimes")), (Some("off"), Some("on")));
    assert_eq!((told("application_name"), told("standard_conforming_strings")), (Some(""), Some("on")));
}

/// Two shards; `audit` is listed as living on the second.
fn two_shards(a: &Server, b: &Server) -> Topology {
    let mut topology = picture::of_ports("app", &[(a.port(), &[]), (b.port(), &[])]);
    let app = Arc::make_mut(topology.databases.get_mut("app").unwrap());
    let tables = [(name("public", "audit"), Placement::Single(ShardId(1)))].into();
    app.map = Arc::new(ShardMap { tables, ..ShardMap::clone(&app.map) });
    topology
}

#[tokio::test]
async fn the_schema_follows_ddl_on_any_shard_and_outlives_a_shard() {
    let lab = Arc::new(Lab::new("ddl").unwrap());
    let a = Server::start(&lab, "a", Auth::Trust, &[]).unwrap();
    let mut b = Server::start(&lab, "b", Auth::Trust, &[]).unwrap();
    sql(&b, "CREATE TABLE audit (entry text)").await;
    let control = start(two_shards(&a, &b));
    let refresher = control.refresher();
    let audit = name("public", "audit");
    until(&control, "b's own table is known", |it| {
        it.databases["app"].catalog.as_ref().is_some_and(|it| it.relations.contains_key(&audit))
    })
    .await;
    let catalog = || control.reader().load().databases["app"].catalog.clone().unwrap();

    // Every change is seen by whoever has asked after it.
    for (server, ddl) in [
        (&b, "ALTER TABLE audit ADD COLUMN at timestamptz"),
        (&a, "CREATE TABLE t (x int)"),
        (&a, "ALTER TABLE t ALTER x SET DEFAULT 5"),
        (&a, "CREATE UNIQUE INDEX t_x ON t (x)"),
        (&a, "CREATE FUNCTION f() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'"),
        (&a, "ALTER FUNCTION f() VOLATILE"),
        (&a, "CREATE VIEW w AS SELECT x FROM t"),
        (&a, "CREATE OR REPLACE VIEW w AS SELECT x + 1 - 1 AS x FROM t"),
        (&a, "CREATE RULE r AS ON INSERT TO t DO ALSO NOTHING"),
        (&a, "CREATE SCHEMA s; ALTER TABLE t SET SCHEMA s"),
        (&a, "ALTER TABLE s.t RENAME COLUMN x TO y"),
        (&a, "DROP TABLE s.t CASCADE"),
        (&a, "ALTER ROLE postgres SET search_path = s, public"),
    ] {
        let before = catalog().version;
        sql(server, ddl).await;
        assert_eq!(soon(ddl, refresher.poke("app")).await, Refreshed::Done);
        assert_ne!(catalog().version, before, "{ddl}");
    }
    let before = catalog().version;
    sql(&a, "CREATE TEMP TABLE mine (x int)").await;
    assert_eq!(soon("a look for nothing", refresher.poke("app")).await, Refreshed::Done);
    assert_eq!(catalog().version, before, "temporary tables are nobody else's business");

    b.kill().unwrap();
    sql(&a, "CREATE TABLE public.later (x int)").await;
    assert_eq!(soon("a look at half of them", refresher.poke("app")).await, Refreshed::Incomplete);
    assert_eq!(catalog().relations[&audit].columns.len(), 2, "what b last said still holds");
    assert!(catalog().relations.contains_key(&name("public", "later")));
}

#[tokio::test]
async fn the_schema_is_looked_at_every_so_often() {
    let lab = Arc::new(Lab::new("refresh").unwrap());
    let a = Server::start(&lab, "a", Auth::Trust, &[]).unwrap();
    let catalog = CatalogSettings { refresh: Duration::from_millis(100), ..CatalogSettings::default() };
    let topology = picture::of_ports("app", &[(a.port(), &[])]);
    let control = Control::start(ControlSettings { catalog, ..settings() }, topology, Metrics::new()).unwrap();
    until(&control, "the schema is read", |it| it.databases["app"].catalog.is_some()).await;
    assert_eq!(get(&control, "/readyz").await.0, "HTTP/1.1 200 OK");
    sql(&a, "CREATE TABLE unannounced (x int)").await;
    until(&control, "a table that nobody announced", |it| {
        let catalog = it.databases["app"].catalog.as_ref();
        catalog.is_some_and(|it| it.relations.contains_key(&name("public", "unannounced")))
    })
    .await;
    control.drain();
    assert_eq!(
        get(&control, "/readyz").await,
        ("HTTP/1.1 503 Service Unavailable".to_owned(), "draining\n".to_owned())
    );
    assert!(
        get(&control, "/metrics")
            .await
            .1
            .contains(r#"shardway_catalog_reads_total{database="app",result="changed"} 2"#)
    );
}
