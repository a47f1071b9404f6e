//! The tables of the corpus, the map that spreads them, and the comparison of shards with the oracle.

use std::collections::BTreeMap;

use super::cluster::{SHARDS, World};
use super::wire::{self, Wire};

/// Where a table's rows live, as SQL on the oracle can tell.
#[derive(Debug, Clone, Copy)]
pub enum Home {
    /// PostgreSQL's own hash of this column of this type
    Hash(&'static str, &'static str),
    /// An expression that names the shard
    Range(&'static str),
    /// A copy on every shard
    Reference,
    /// On one shard. The others have the table too, without rows
    Single(&'static str),
    /// On one shard, and the others have no such table
    Only(&'static str),
}

impl Home {
    /// Is the table there at all?
    fn is_on(self, shard: &str) -> bool {
        match self {
            Only(home) => home == shard,
            Hash(..) | Range(_) | Reference | Single(_) => true,
        }
    }
}

use Home::{Hash, Only, Range, Reference, Single};

const BY_INSTRUMENT: &str = "CASE WHEN instrument_id < 10001 THEN 'a' WHEN instrument_id < 20001 THEN 'b' ELSE 'c' END";
const BY_DAY: &str = "CASE WHEN day < '2024-01-01' THEN 'a' WHEN day < '2024-05-01' THEN 'b' ELSE 'c' END";

/// All tables and their homes.
pub const TABLES: &[(&str, Home)] = &[
    ("events", Hash("client_id", "bigint")),
    ("sessions", Hash("client_id", "bigint")),
    ("orders", Hash("customer", "text")),
    ("order_items", Hash("customer", "text")),
    ("market_data", Range(BY_INSTRUMENT)),
    ("instruments", Range(BY_INSTRUMENT)),
    ("readings", Range(BY_DAY)),
    ("countries", Reference),
    ("audit", Single("a")),
    ("ledger", Single("b")),
    ("unlisted", Single("a")),
    ("labels", Only("b")),
    ("memos", Only("c")),
    ("private_rows", Hash("client_id", "bigint")),
    ("tenant_rows", Hash("client_id", "bigint")),
    ("k_smallint", Hash("k", "smallint")),
    ("k_integer", Hash("k", "integer")),
    ("k_bigint", Hash("k", "bigint")),
    ("k_text", Hash("k", "text")),
    ("k_varchar", Hash("k", "text")),
    ("k_uuid", Hash("k", "uuid")),
    ("k_date", Hash("k", "date")),
    ("k_timestamp", Hash("k", "timestamp")),
    ("k_timestamptz", Hash("k", "timestamptz")),
    ("k_numeric", Hash("k", "numeric")),
    ("other.events", Hash("client_id", "bigint")),
    ("rounded", Hash("k", "numeric")),
    ("seconds", Hash("k", "timestamp")),
    ("short", Hash("k", "text")),
    ("padded", Hash("k", "text")),
    ("smaller", Hash("client_id", "bigint")),
    ("watched", Hash("client_id", "bigint")),
    ("stamped", Hash("client_id", "bigint")),
    ("touched", Hash("client_id", "bigint")),
    ("counted", Hash("client_id", "bigint")),
    ("guarded", Hash("client_id", "bigint")),
    ("own_rows", Hash("client_id", "bigint")),
    ("ruled", Hash("client_id", "bigint")),
    ("wide", Hash("client_id", "bigint")),
    ("styled", Hash("client_id", "bigint")),
    ("givens", Hash("client_id", "bigint")),
    ("nothing", Hash("client_id", "bigint")),
    ("registered", Hash("client_id", "bigint")),
    ("serials", Hash("id", "bigint")),
    ("identified", Hash("id", "bigint")),
    ("dated", Hash("client_id", "bigint")),
    ("tags", Reference),
    ("remarks", Reference),
    ("parents", Hash("client_id", "bigint")),
    ("children", Hash("client_id", "bigint")),
    ("doubled", Hash("client_id", "bigint")),
    ("things_kept", Reference),
    ("others_kept", Reference),
    ("zones", Reference),
    ("titles", Reference),
    ("regions", Reference),
    ("depots", Hash("region", "text")),
    ("lots", Hash("zone", "text")),
    ("met", Hash("client_id", "bigint")),
    ("meetings", Hash("client_id", "bigint")),
    ("vetted", Hash("client_id", "bigint")),
    ("totalled", Hash("client_id", "bigint")),
    ("badges", Hash("client_id", "bigint")),
    ("marks", Hash("client_id", "bigint")),
    ("sized", Hash("client_id", "bigint")),
    ("plain_numbers", Hash("client_id", "bigint")),
];

/// The types of hash keys.
pub const KEY_TYPES: [&str; 9] =
    ["smallint", "integer", "bigint", "text", "uuid", "date", "timestamp", "timestamptz", "numeric"];

/// Shards and hash keyspaces, one for each type of key.
pub fn keyspaces_toml(world: &World) -> String {
    let buckets = "{ a = \"0-85\", b = \"86-170\", c = \"171-255\" }";
    let mut toml = format!("[databases.app]\npool_size = 10\n\n{}\n", world.shards_toml());
    for kind in KEY_TYPES {
        toml += &format!(
            "[databases.app.keyspaces.{kind}s]\ntype = \"{kind}\"\nmethod = \"hash\"\nbuckets = {buckets}\n\n"
        );
    }
    toml.replace("type = \"bigint\"\nmethod", "type = \"bigint\"\npins = { 42 = \"c\" }\nmethod")
}

/// The map for these tables, shards included.
pub fn map_toml(world: &World) -> String {
    let mut toml = keyspaces_toml(world);
    toml = toml.replace("pool_size = 10\n", "pool_size = 10\nlocal_functions = [\"stamp\"]\n");
    toml += "[databases.app.keyspaces.instruments]\ntype = \"bigint\"\nmethod = \"range\"\n\
             ranges = [ { to = 10_001, shard = \"a\" }, { from = 10_001, to = 20_001, shard = \"b\" }, { from = 20_001, shard = \"c\" } ]\n\n\
             [databases.app.keyspaces.days]\ntype = \"date\"\nmethod = \"range\"\n\
             ranges = [ { to = \"2024-01-01\", shard = \"a\" }, { from = \"2024-01-01\", to = \"2024-05-01\", shard = \"b\" }, { from = \"2024-05-01\", shard = \"c\" } ]\n\n\
             [databases.app.tables]\n";
    for (table, home) in TABLES.iter().filter(|(table, _)| *table != "unlisted") {
        let place = match home {
            Hash(key, kind) => format!("{{ keyspace = \"{kind}s\", key = \"{key}\" }}"),
            Range(BY_DAY) => "{ keyspace = \"days\", key = \"day\" }".to_owned(),
            Range(_) => "{ keyspace = \"instruments\", key = \"instrument_id\" }".to_owned(),
            Reference => "\"reference\"".to_owned(),
            Single(shard) | Only(shard) => format!("{{ shard = \"{shard}\" }}"),
        };
        toml +=
            &format!("{} = {place}\n", if table.contains('.') { format!("\"{table}\"") } else { (*table).to_owned() });
    }
    toml
}

/// Creates the tables everywhere, fills the oracle, and each shard with its part.
pub fn load(world: &World) {
    let schema = include_str!("../corpus/schema.ddl");
    let mut oracle = admin(world.oracle.port());
    oracle.rows(&format!("BEGIN; {schema}; {}; COMMIT", include_str!("../corpus/data.ddl")));
    oracle.rows(&placement_functions());
    for (index, server) in world.shards.iter().enumerate() {
        let mut shard = admin(server.port());
        shard.rows(&format!("BEGIN; {schema}; COMMIT"));
        for (table, home) in TABLES {
            if home.is_on(SHARDS[index]) {
                fill(&mut oracle, &mut shard, table, *home, SHARDS[index]);
            } else {
                shard.rows(&format!("DROP TABLE {table}"));
            }
        }
        shard.rows("ANALYZE");
    }
}

/// Makes a table's rows on the shards those of the oracle again.
pub fn repair(world: &World, table: &str) {
    let (_, home) = TABLES.iter().find(|(name, _)| *name == table).expect("a table of the corpus");
    let mut oracle = admin(world.oracle.port());
    for (index, server) in world.shards.iter().enumerate().filter(|(index, _)| home.is_on(SHARDS[*index])) {
        let mut shard = admin(server.port());
        // Without triggers and foreign keys.
        shard.rows("SET session_replication_role = replica");
        shard.rows(&format!("DELETE FROM {table}"));
        fill(&mut oracle, &mut shard, table, *home, SHARDS[index]);
    }
}

/// What is wrong with a table's rows on the shards, compared with the oracle; `None` when all is well.
pub fn difference(oracle: &mut Wire, shards: &mut [Wire], table: &str) -> Option<String> {
    let (_, home) = TABLES.iter().find(|(name, _)| *name == table).expect("a table of the corpus");
    let at_home = format!("SELECT {} AS home, whole::text FROM {table} whole", shard_expression(*home));
    let mut expected: BTreeMap<(String, String), i64> = BTreeMap::new();
    for row in oracle.rows(&at_home) {
        let [Some(homes), Some(text)] = &row[..] else { return Some(format!("{table}: a row without a home")) };
        for home in homes.split(' ') {
            *expected.entry((home.to_owned(), text.clone())).or_default() += 1;
        }
    }
    for (index, shard) in shards.iter_mut().enumerate().filter(|(index, _)| home.is_on(SHARDS[*index])) {
        for row in shard.rows(&format!("SELECT whole::text FROM {table} whole")) {
            *expected.entry((SHARDS[index].to_owned(), row[0].clone().unwrap_or_default())).or_default() -= 1;
        }
    }
    let wrong: Vec<String> = expected
        .into_iter()
        .filter(|(_, count)| *count != 0)
        .map(|((shard, row), count)| match count > 0 {
            true => format!("shard {shard} lacks {count} × {row}"),
            false => format!("shard {shard} has {} × {row} too many", -count),
        })
        .collect();
    (!wrong.is_empty()).then(|| format!("{table}: {}", wrong[..wrong.len().min(5)].join("; ")))
}

/// A superuser's connection straight to a server.
pub fn admin(port: u16) -> Wire {
    Wire::login(port, "postgres", &[]).unwrap()
}

/// On the oracle: `bucket_of(parent, key)`, by PostgreSQL's own partition bounds.
pub fn placement_functions() -> String {
    let mut sql = String::from("CREATE SCHEMA placement; ");
    for kind in KEY_TYPES {
        sql += &format!(
            "CREATE TABLE placement.by_{kind} (k {kind}) PARTITION BY HASH (k); \
             CREATE FUNCTION placement.shard_of(key {kind}) RETURNS text LANGUAGE sql IMMUTABLE AS $f$ \
             SELECT CASE WHEN r <= 85 THEN 'a' WHEN r <= 170 THEN 'b' ELSE 'c' END FROM generate_series(0, 255) r \
             WHERE satisfies_hash_partition('placement.by_{kind}'::regclass, 256, r, key) $f$; "
        );
    }
    sql + "GRANT USAGE ON SCHEMA placement TO app"
}

/// SQL that names the shard of a row; for a reference table all of them.
fn shard_expression(home: Home) -> String {
    match home {
        Hash(key, "bigint") => format!("CASE {key} WHEN 42 THEN 'c' ELSE placement.shard_of({key}) END"),
        Hash(key, kind) => format!("placement.shard_of({key}::{kind})"),
        Range(expression) => expression.to_owned(),
        Reference => "'a b c'".to_owned(),
        Single(shard) | Only(shard) => format!("'{shard}'"),
    }
}

/// Copies the rows of one shard from the oracle.
pub fn fill(oracle: &mut Wire, shard: &mut Wire, table: &str, home: Home, name: &str) {
    let condition = format!("'{name}' = ANY (string_to_array({}, ' '))", shard_expression(home));
    let columns = oracle.value(&format!(
        "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute \
         WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''"
    ));
    oracle.send(&wire::query(&format!("COPY (SELECT {columns} FROM {table} WHERE {condition}) TO STDOUT"))).unwrap();
    shard.send(&wire::query(&format!("COPY {table} ({columns}) FROM STDIN"))).unwrap();
    assert_eq!(shard.recv().unwrap().tag, b'G', "{table}");
    for frame in oracle.until_ready().unwrap() {
        match frame.tag {
            b'd' => shard.send(&wire::message(b'd', &frame.body)).unwrap(),
            b'E' => panic!("{table}: {}", wire::describe_error(&frame.body)),
            _ => (),
        }
    }
    shard.send(&wire::message(b'c', b"")).unwrap();
    let answers = wire::answers(&shard.until_ready().unwrap());
    assert!(answers[0].error.is_none(), "{table}: {answers:?}");
}
