//! The 22 queries of TPC-H over three shards: each answers as one PostgreSQL does, however much has to travel for it.
//!
//! orders and lineitem are sharded by the order's key, customer by its own, part and partsupp by the part's; supplier,
//! nation and region are reference tables. `SHARDWAY_TPCH_SCALE` (default 0.01) makes more rows.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator, PartSuppGenerator,
    RegionGenerator, SupplierGenerator,
};
use tpchgen::q_and_a::queries::query;

use crate::operations::metric;
use crate::oracle::{Mode, difference, login, run};
use crate::support::cluster::{Proxy, World};
use crate::support::corpus::Case;
use crate::support::data::admin;
use crate::support::wire::{self, Wire};

const SCHEMA: &str = "
CREATE TABLE region (r_regionkey bigint PRIMARY KEY, r_name text NOT NULL, r_comment text NOT NULL);
CREATE TABLE nation (n_nationkey bigint PRIMARY KEY, n_name text NOT NULL, n_regionkey bigint NOT NULL, n_comment text NOT NULL);
CREATE TABLE supplier (s_suppkey bigint PRIMARY KEY, s_name text NOT NULL, s_address text NOT NULL, s_nationkey bigint NOT NULL, s_phone text NOT NULL, s_acctbal numeric(15,2) NOT NULL, s_comment text NOT NULL);
CREATE TABLE part (p_partkey bigint PRIMARY KEY, p_name text NOT NULL, p_mfgr text NOT NULL, p_brand text NOT NULL, p_type text NOT NULL, p_size integer NOT NULL, p_container text NOT NULL, p_retailprice numeric(15,2) NOT NULL, p_comment text NOT NULL);
CREATE TABLE partsupp (ps_partkey bigint, ps_suppkey bigint, ps_availqty integer NOT NULL, ps_supplycost numeric(15,2) NOT NULL, ps_comment text NOT NULL, PRIMARY KEY (ps_partkey, ps_suppkey));
CREATE TABLE customer (c_custkey bigint PRIMARY KEY, c_name text NOT NULL, c_address text NOT NULL, c_nationkey bigint NOT NULL, c_phone text NOT NULL, c_acctbal numeric(15,2) NOT NULL, c_mktsegment text NOT NULL, c_comment text NOT NULL);
CREATE TABLE orders (o_orderkey bigint PRIMARY KEY, o_custkey bigint NOT NULL, o_orderstatus char(1) NOT NULL, o_totalprice numeric(15,2) NOT NULL, o_orderdate date NOT NULL, o_orderpriority text NOT NULL, o_clerk text NOT NULL, o_shippriority integer NOT NULL, o_comment text NOT NULL);
CREATE TABLE lineitem (l_orderkey bigint, l_partkey bigint NOT NULL, l_suppkey bigint NOT NULL, l_linenumber integer, l_quantity numeric(15,2) NOT NULL, l_extendedprice numeric(15,2) NOT NULL, l_discount numeric(15,2) NOT NULL, l_tax numeric(15,2) NOT NULL, l_returnflag char(1) NOT NULL, l_linestatus char(1) NOT NULL, l_shipdate date NOT NULL, l_commitdate date NOT NULL, l_receiptdate date NOT NULL, l_shipinstruct text NOT NULL, l_shipmode text NOT NULL, l_comment text NOT NULL, PRIMARY KEY (l_orderkey, l_linenumber));
CREATE VIEW revenue0 (supplier_no, total_revenue) AS SELECT l_suppkey, sum(l_extendedprice * (1 - l_discount)) FROM lineitem WHERE l_shipdate >= date '1996-01-01' AND l_shipdate < date '1996-01-01' + interval '3' month GROUP BY l_suppkey;
GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
CREATE INDEX ON lineitem (l_partkey);
CREATE INDEX ON orders (o_custkey);
CREATE INDEX ON lineitem (l_suppkey)";

/// Tables of which every shard has a copy.
const REFERENCE: [&str; 3] = ["region", "nation", "supplier"];

#[test]
fn the_queries_of_tpch_answer_as_on_one_postgresql() {
    let scale: f64 = std::env::var("SHARDWAY_TPCH_SCALE").map_or(0.01, |text| text.parse().unwrap());
    let world = World::start("tpch", false).unwrap();
    let mut servers: Vec<Wire> = world.shards.iter().map(|shard| admin(shard.port())).collect();
    servers.push(admin(world.oracle.port()));
    servers.iter_mut().for_each(|server| drop(server.rows(SCHEMA)));
    let proxy = Proxy::start(&world.lab, "proxy", &map_toml(&world)).unwrap();
    let (mut ours, mut theirs) = (login(world.oracle.port()), login(proxy.port));
    for (table, rows) in tables(scale) {
        copy(&mut ours, table, &rows);
        match REFERENCE.contains(&table) {
            true => servers[..3].iter_mut().for_each(|shard| copy(shard, table, &rows)),
            false => copy(&mut theirs, table, &rows),
        }
    }
    servers.iter_mut().for_each(|server| drop(server.rows("ANALYZE")));
    let mut report =
        "| query | rows | PostgreSQL ms | shardway ms | KiB from the shards |\n|---|---|---|---|---|\n".to_owned();
    let (mut wrong, mut filled) = (String::new(), 0);
    for number in 1..=22 {
        let case = Case { sql: text_of(number), ..Case::default() };
        let (expected, plain) = timed(&mut ours, &case);
        assert!(expected.0[0].error.is_none(), "Q{number}: {:?}", expected.0[0].error);
        filled += usize::from(!expected.0[0].rows.is_empty());
        let carried = || metric(&proxy, "shardway_bytes_total", &["direction=\"server_in\""]);
        let before = carried();
        let (found, across) = timed(&mut theirs, &case);
        let kibibytes = (carried() - before) / 1024.0;
        let rows = expected.0[0].rows.len();
        writeln!(report, "| {number} | {rows} | {} | {} | {kibibytes:.0} |", plain.as_millis(), across.as_millis())
            .unwrap();
        if let Some(how) = difference(&expected, &found, case.is_ordered()) {
            writeln!(wrong, "Q{number}: {how}").unwrap();
        }
    }
    std::fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join("tpch-report.md"), &report).unwrap();
    assert_eq!(wrong, "", "{report}");
    assert!(filled > 18, "only {filled} queries find rows\n{report}");
}

fn map_toml(world: &World) -> String {
    let buckets = "{ a = \"0-85\", b = \"86-170\", c = \"171-255\" }";
    let mut toml = format!("[databases.app]\n{}", world.shards_toml());
    for keyspace in ["order_keys", "customer_keys", "part_keys"] {
        toml += &format!("[databases.app.keyspaces.{keyspace}]\ntype = \"bigint\"\nbuckets = {buckets}\n");
    }
    toml += "[databases.app.tables]\n";
    for (table, keyspace, key) in [
        ("orders", "order_keys", "o_orderkey"),
        ("lineitem", "order_keys", "l_orderkey"),
        ("customer", "customer_keys", "c_custkey"),
        ("part", "part_keys", "p_partkey"),
        ("partsupp", "part_keys", "ps_partkey"),
    ] {
        toml += &format!("{table} = {{ keyspace = \"{keyspace}\", key = \"{key}\" }}\n");
    }
    REFERENCE.iter().for_each(|table| toml += &format!("{table} = \"reference\"\n"));
    toml
}

/// Each table and its rows, fields between bars.
fn tables(scale: f64) -> [(&'static str, Vec<u8>); 8] {
    fn lines(rows: impl Iterator<Item = impl std::fmt::Display>) -> Vec<u8> {
        let mut text = String::new();
        for row in rows {
            let row = row.to_string();
            text += row.strip_suffix('|').unwrap_or(&row);
            text.push('\n');
        }
        text.into_bytes()
    }
    [
        ("region", lines(RegionGenerator::new(scale, 1, 1).iter())),
        ("nation", lines(NationGenerator::new(scale, 1, 1).iter())),
        ("supplier", lines(SupplierGenerator::new(scale, 1, 1).iter())),
        ("part", lines(PartGenerator::new(scale, 1, 1).iter())),
        ("partsupp", lines(PartSuppGenerator::new(scale, 1, 1).iter())),
        ("customer", lines(CustomerGenerator::new(scale, 1, 1).iter())),
        ("orders", lines(OrderGenerator::new(scale, 1, 1).iter())),
        ("lineitem", lines(LineItemGenerator::new(scale, 1, 1).iter())),
    ]
}

/// The values of `:1`, `:2`, … that the specification validates with.
const VALUES: [&[&str]; 22] = [
    &["90"],
    &["15", "BRASS", "EUROPE"],
    &["BUILDING", "1995-03-15"],
    &["1993-07-01"],
    &["ASIA", "1994-01-01"],
    &["1994-01-01", ".06", "24"],
    &["FRANCE", "GERMANY"],
    &["BRAZIL", "AMERICA", "ECONOMY ANODIZED STEEL"],
    &["green"],
    &["1993-10-01"],
    // 0.0001 at scale 1
    &["GERMANY", "0.01"],
    &["MAIL", "SHIP", "1994-01-01"],
    &["special", "requests"],
    &["1995-09-01"],
    &["1996-01-01"],
    &["Brand#45", "MEDIUM POLISHED", "49", "14", "23", "45", "19", "3", "36", "9"],
    &["Brand#23", "MED BOX"],
    // 300 at scale 1
    &["250"],
    &["Brand#12", "Brand#23", "Brand#34", "1", "10", "20"],
    &["forest", "1994-01-01", "CANADA"],
    &["SAUDI ARABIA"],
    &["13", "31", "23", "29", "30", "18", "17"],
];

/// The text of a query as PostgreSQL takes it; its order made total, and the number of rows as specified.
fn text_of(number: i32) -> String {
    let mut text = query(number).unwrap().replace("day (3)", "day").replace("revenue:s", "revenue0");
    for (place, value) in VALUES[number as usize - 1].iter().enumerate().rev() {
        text = text.replace(&format!(":{}", place + 1), value);
    }
    if number == 15 {
        // Its view is there already.
        text = text.split(';').find(|part| part.contains("revenue0") && !part.contains(" view ")).unwrap().to_owned();
    }
    let end = match number {
        2 | 21 => " LIMIT 100",
        3 => ", l_orderkey LIMIT 10",
        10 => ", c_custkey LIMIT 20",
        11 => ", ps_partkey",
        18 => ", o_orderkey LIMIT 100",
        _ => "",
    };
    text.trim().trim_end_matches(';').to_owned() + end
}

fn copy(wire: &mut Wire, table: &str, rows: &[u8]) {
    wire.send(&wire::query(&format!("COPY {table} FROM STDIN (FORMAT csv, DELIMITER '|', QUOTE E'\\b')"))).unwrap();
    assert_eq!(wire.recv().unwrap().tag, b'G', "{table}");
    for piece in rows.chunks(1 << 16) {
        wire.send(&wire::message(b'd', piece)).unwrap();
    }
    wire.send(&wire::message(b'c', b"")).unwrap();
    let answers = wire::answers(&wire.until_ready().unwrap());
    assert!(answers[0].error.is_none(), "{table}: {answers:?}");
}

fn timed(wire: &mut Wire, case: &Case) -> ((Vec<wire::Answer>, u8), Duration) {
    let begin = Instant::now();
    let answer = run(wire, case, Mode::ExtendedText, &[]).unwrap();
    (answer, begin.elapsed())
}
