//! Tables, functions and settings as they are and as they change.

use std::sync::Arc;
use std::time::Duration;

use shardway::control::{CatalogSettings, Control, ControlSettings, Refreshed};
use shardway::logic::catalog::{Column, ColumnDefault, FunctionKind, RelationKind, Volatility};
use shardway::logic::picture;
use shardway::logic::shards::{Placement, ShardId, ShardMap, TableName};
use shardway::logic::topology::Topology;
use shardway::proxy::metrics::Metrics;

use super::{get, settings, soon, sql, start, until};
use crate::support::cluster::{Auth, Lab, Server};

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
    assert!(orders.has_partial_unique() && orders.triggers.is_empty());

    let RelationKind::View(view) = &catalog.relations[&name("public", "recent")].kind else { panic!("a view") };
    assert!(view.contains("FROM sales.orders"), "names are qualified: {view}");
    let kind = |table| catalog.relations[&name("public", table)].kind.clone();
    assert_eq!(kind("parted"), RelationKind::Table);
    assert_eq!(kind("parted_low_a"), RelationKind::Partition(name("public", "parted")));
    assert_eq!((kind("counted"), kind("numbers")), (RelationKind::MaterializedView, RelationKind::Sequence));
    assert_eq!(catalog.relations[&name("public", "watched")].triggers, ["public.touch".into()] as [Box<str>; 1]);
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
