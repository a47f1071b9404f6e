//! After a change only what it may concern is read again: what is kept must be what a whole read would give.

use std::sync::Arc;

use shardway::control::Refreshed;
use shardway::logic::catalog::Catalog;
use shardway::logic::picture;
use shardway::logic::shards::TableName;

use super::{soon, sql, start, until};
use crate::support::cluster::{Auth, Lab, Server};

/// Much that depends on each other.
const SCHEMA: &str = r#"
    CREATE TABLE bystander (id bigint PRIMARY KEY, note text DEFAULT 'none');
    CREATE SCHEMA sales;
    CREATE TYPE mood AS ENUM ('low', 'high');
    CREATE DOMAIN amount AS numeric DEFAULT 1;
    CREATE TYPE pair AS (one int, two int);
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE FUNCTION leave() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN SET work_mem = '1MB'; RETURN NEW; END$$;
    CREATE FUNCTION five() RETURNS int LANGUAGE sql AS 'SELECT 5';
    CREATE SEQUENCE numbers;
    CREATE TABLE sales.orders (id bigserial PRIMARY KEY, customer int NOT NULL, total amount, felt mood DEFAULT 'low',
        number bigint DEFAULT nextval('numbers'), five int DEFAULT five());
    CREATE TABLE customers (id int PRIMARY KEY, name text COLLATE "C");
    CREATE FUNCTION some_customer() RETURNS customers LANGUAGE sql AS 'SELECT 1, NULL::text';
    CREATE TABLE fields (name text DEFAULT (some_customer()).name, one int DEFAULT (row(1, 2)::pair).one);
    CREATE VIEW recent AS SELECT o.id, c.name, o.felt FROM sales.orders o JOIN customers c ON c.id = o.customer WHERE o.felt = 'low';
    CREATE VIEW joined AS SELECT * FROM sales.orders JOIN customers USING (id);
    CREATE VIEW merged AS SELECT id FROM sales.orders FULL JOIN customers USING (id) CROSS JOIN fields;
    CREATE TABLE guarded (id int);
    ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
    CREATE POLICY of_others ON guarded USING (EXISTS (SELECT id FROM sales.orders FULL JOIN customers USING (id) CROSS JOIN fields));
    CREATE VIEW made AS SELECT five() AS five, * FROM some_customer();
    CREATE VIEW writes AS SELECT number FROM sales.orders;
    CREATE TABLE parted (k int, v text) PARTITION BY RANGE (k);
    CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (0) TO (10) PARTITION BY LIST (v);
    CREATE TABLE parted_low_a PARTITION OF parted_low FOR VALUES IN ('a');
    CREATE TABLE apart (k int, v text) PARTITION BY LIST (v);
    CREATE TABLE apart_a PARTITION OF apart FOR VALUES IN ('a');
    CREATE TABLE base (id int, told text);
    CREATE FUNCTION settles() RETURNS int LANGUAGE plpgsql AS $$BEGIN INSERT INTO customers VALUES (1); RETURN 1; END$$;
"#;

/// How far a change reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Relations that it does not concern are not read again
    Part,
    /// All is read
    Whole,
}

use Reach::{Part, Whole};

const CHANGES: &[(Reach, &str)] = &[
    // Tables and columns.
    (
        Part,
        "CREATE TABLE plain (id bigserial PRIMARY KEY, at timestamptz DEFAULT now(), kind mood, sum amount, UNIQUE (at))",
    ),
    (Part, "ALTER TABLE plain ADD COLUMN extra int DEFAULT 7"),
    (Part, "ALTER TABLE plain ALTER extra SET NOT NULL, ALTER extra DROP DEFAULT"),
    (Part, "ALTER TABLE plain ALTER extra TYPE bigint, ALTER id SET DEFAULT 3"),
    (Whole, "ALTER TABLE plain RENAME COLUMN extra TO more"),
    (Whole, "ALTER TABLE plain DROP COLUMN more"),
    (
        Part,
        "ALTER TABLE plain ADD COLUMN again int GENERATED ALWAYS AS IDENTITY, ADD COLUMN twice int GENERATED ALWAYS AS (4) STORED",
    ),
    (Part, "ALTER TABLE plain ALTER again DROP IDENTITY"),
    (Whole, "ALTER TABLE plain RENAME TO plainer"),
    (Whole, "ALTER TABLE plainer SET SCHEMA sales"),
    (Part, "DROP TABLE sales.plainer"),
    (Part, "CREATE TABLE twice (id int); DROP TABLE twice; CREATE TABLE twice (other text)"),
    (Part, "DROP TABLE twice; CREATE TABLE twice (id int PRIMARY KEY)"),
    (Part, "CREATE TABLE one (a int); CREATE TABLE two (a int UNIQUE); DROP TABLE twice"),
    (Part, "CREATE UNLOGGED TABLE three (a int); ALTER TABLE three SET LOGGED"),
    (Part, "CREATE TABLE four AS SELECT * FROM customers"),
    (Part, "CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM customers"),
    (Part, "CREATE UNIQUE INDEX ON counted (count)"),
    (Part, "DROP MATERIALIZED VIEW counted"),
    (Part, "CREATE TABLE child (own int) INHERITS (base)"),
    (Part, "ALTER TABLE child NO INHERIT base"),
    // What views print of tables that they are of.
    (Part, "ALTER TABLE sales.orders ADD COLUMN name text"),
    (Part, "ALTER TABLE fields ADD COLUMN id int"),
    (Part, "ALTER TABLE customers ADD COLUMN customer int, ADD COLUMN number int"),
    (Whole, "ALTER TABLE customers RENAME COLUMN name TO called"),
    (Whole, "ALTER TABLE customers RENAME TO people"),
    (Whole, "ALTER VIEW recent RENAME COLUMN name TO of_whom"),
    (Whole, "ALTER TYPE pair RENAME ATTRIBUTE one TO first"),
    (Whole, "ALTER TYPE mood RENAME VALUE 'low' TO 'deep'"),
    (Whole, "ALTER TYPE mood RENAME TO feeling"),
    (Whole, "ALTER SEQUENCE numbers RENAME TO digits"),
    (Whole, "ALTER SCHEMA sales RENAME TO trade"),
    (Whole, "ALTER FUNCTION five() RENAME TO cinq"),
    (Whole, "ALTER DOMAIN amount SET DEFAULT 2"),
    (Whole, "ALTER DOMAIN amount SET NOT NULL"),
    (Part, "CREATE VIEW simple AS SELECT 1 AS one"),
    (Part, "CREATE OR REPLACE VIEW simple AS SELECT 2 AS one, 3 AS two"),
    (Part, "ALTER VIEW simple SET (security_invoker = true)"),
    (Part, "CREATE VIEW upon AS SELECT * FROM simple"),
    (Whole, "ALTER VIEW simple RENAME TO simpler"),
    (Part, "DROP VIEW simpler CASCADE"),
    // Indexes, sequences, foreign keys.
    (Part, "CREATE UNIQUE INDEX lowered ON people (lower(called)); CREATE INDEX ON people (called)"),
    (Whole, "ALTER INDEX lowered RENAME TO lower_called"),
    (Part, "DROP INDEX lower_called"),
    (Part, "ALTER TABLE two ADD COLUMN b int, ADD PRIMARY KEY (b), ADD EXCLUDE USING btree (a WITH =)"),
    (Part, "ALTER TABLE two DROP CONSTRAINT two_pkey"),
    (Part, "CREATE SEQUENCE loose; ALTER SEQUENCE loose OWNED BY two.b"),
    (Part, "ALTER SEQUENCE loose OWNED BY NONE"),
    (Part, "CREATE TABLE pointing (id int REFERENCES people ON DELETE CASCADE)"),
    (Part, "ALTER TABLE pointing DROP CONSTRAINT pointing_id_fkey"),
    (Part, "ALTER TABLE pointing ADD CONSTRAINT points FOREIGN KEY (id) REFERENCES people ON DELETE SET NULL"),
    (Part, "ALTER TABLE pointing RENAME CONSTRAINT points TO point"),
    (Part, "DROP TABLE pointing"),
    // Partitions, their roots and their triggers.
    (Part, "CREATE TRIGGER touched BEFORE INSERT ON parted_low_a FOR EACH ROW EXECUTE FUNCTION touch()"),
    (Part, "ALTER TABLE parted DETACH PARTITION parted_low"),
    (Part, "ALTER TABLE parted ATTACH PARTITION parted_low FOR VALUES FROM (0) TO (20)"),
    (Part, "ALTER TABLE parted_low ATTACH PARTITION apart FOR VALUES IN ('b', 'c')"),
    (Part, "CREATE TRIGGER left_on BEFORE INSERT ON parted FOR EACH ROW EXECUTE FUNCTION leave()"),
    (Part, "ALTER TABLE apart_a DISABLE TRIGGER left_on"),
    (Part, "CREATE TABLE parted_high PARTITION OF parted FOR VALUES FROM (20) TO (30)"),
    (Part, "DROP TRIGGER left_on ON parted"),
    (Part, "DROP TABLE parted_low_a"),
    (
        Part,
        "CREATE TABLE to_parts (id int PRIMARY KEY) PARTITION BY HASH (id); CREATE TABLE to_parts_0 PARTITION OF to_parts FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
    ),
    (Part, "ALTER TABLE parted ADD COLUMN id int REFERENCES to_parts ON DELETE CASCADE"),
    (Part, "ALTER TABLE apart_a ADD FOREIGN KEY (k) REFERENCES to_parts ON DELETE CASCADE"),
    (Part, "ALTER TABLE apart DETACH PARTITION apart_a"),
    (Part, "ALTER TABLE parted DETACH PARTITION parted_high"),
    (Whole, "ALTER TABLE parted RENAME TO shared"),
    (Part, "CREATE UNLOGGED TABLE shared_top PARTITION OF shared FOR VALUES FROM (40) TO (50)"),
    (Part, "ALTER TABLE shared_top SET LOGGED"),
    (Part, "CREATE UNLOGGED TABLE passing () INHERITS (base)"),
    (Part, "ALTER TABLE passing SET LOGGED"),
    (Part, "ALTER TABLE passing SET UNLOGGED"),
    // What bodies leave.
    (Part, "CREATE TRIGGER leaves AFTER INSERT ON people FOR EACH ROW EXECUTE FUNCTION leave()"),
    (Part, "CREATE VIEW setting AS SELECT set_config('work_mem', '1MB', false)"),
    (Part, "CREATE FUNCTION asks() RETURNS text LANGUAGE sql AS 'SELECT set_config FROM setting'"),
    (Part, "CREATE OR REPLACE VIEW setting AS SELECT 'no'::text AS set_config"),
    (Part, "ALTER TABLE people DISABLE TRIGGER leaves"),
    (Part, "DROP TRIGGER leaves ON people"),
    (Whole, "ALTER FUNCTION touch() RENAME TO touches"),
    (Whole, "CREATE OR REPLACE FUNCTION leave() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"),
    (Part, "DROP FUNCTION settles()"),
    (Part, "CREATE AGGREGATE total (int) (SFUNC = int4pl, STYPE = int)"),
    (Part, "DROP FUNCTION asks"),
    (
        Part,
        "CREATE FUNCTION alone(one int) RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE VIEW alone AS SELECT alone(one => 3)",
    ),
    (Whole, "ALTER FUNCTION alone(int) STABLE"),
    (
        Whole,
        "CREATE OR REPLACE FUNCTION alone(one int DEFAULT 2) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'",
    ),
    // Rules and row security.
    (Part, "CREATE RULE nothing AS ON INSERT TO base DO ALSO NOTHING"),
    (Part, "DROP RULE nothing ON base"),
    (Part, "CREATE POLICY own ON people USING (called = CURRENT_USER)"),
    (Part, "ALTER TABLE people ENABLE ROW LEVEL SECURITY"),
    (Part, "ALTER POLICY own ON people USING (called = SESSION_USER)"),
    (Whole, "ALTER POLICY own ON people USING (id = cinq()); ALTER FUNCTION cinq() RENAME TO five"),
    (Part, "ALTER TABLE people DISABLE ROW LEVEL SECURITY"),
    (Part, "DROP POLICY own ON people"),
    // Types, operators, settings, schemas.
    (Part, "CREATE DOMAIN other AS text"),
    (Part, "DROP DOMAIN other"),
    (Part, "CREATE TYPE pairs AS (a int, b int); CREATE TABLE of_pairs (p pairs)"),
    (Whole, "CREATE TYPE colour AS ENUM ('red'); CREATE TABLE coloured (c colour DEFAULT 'red')"),
    (Part, "CREATE SCHEMA more; CREATE TABLE more.t (id int PRIMARY KEY)"),
    (Whole, "DROP SCHEMA more CASCADE"),
    (
        Whole,
        "CREATE FUNCTION alike(int, text) RETURNS boolean LANGUAGE sql AS 'SELECT true'; CREATE OPERATOR = (LEFTARG = int, RIGHTARG = text, FUNCTION = alike)",
    ),
    (Whole, "DROP OPERATOR = (int, text)"),
    (Whole, "ALTER ROLE postgres SET search_path = trade, public"),
    (Whole, "CREATE COLLATION mine FROM \"C\"; CREATE TABLE sorted (t text COLLATE mine)"),
    (Whole, "ALTER COLLATION mine RENAME TO ours"),
    // What runs functions though nobody calls them.
    (
        Part,
        "CREATE FUNCTION looks(v int) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN SET work_mem = '1MB'; RETURN v > 5; END$$",
    ),
    (Part, "ALTER TABLE people ADD CONSTRAINT looked CHECK (looks(id))"),
    (Part, "CREATE FUNCTION adds_people() RETURNS int LANGUAGE sql AS 'INSERT INTO people VALUES (7) RETURNING id'"),
    (Part, "ALTER TABLE people DROP CONSTRAINT looked"),
    (Whole, "CREATE DOMAIN small AS int CHECK (looks(VALUE))"),
    (Part, "CREATE DOMAIN smaller AS small; CREATE TABLE of_small (s smaller, a small[])"),
    (Part, "CREATE TYPE with_small AS (s smaller); CREATE TABLE of_rows (r with_small)"),
    (Part, "CREATE FUNCTION takes(small) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'"),
    (Whole, "CREATE TYPE spans AS RANGE (SUBTYPE = small); CREATE TABLE spanned (s spans)"),
    (
        Part,
        "CREATE TABLE checks (k int) PARTITION BY LIST (k); CREATE TABLE checks_1 PARTITION OF checks FOR VALUES IN (1)",
    ),
    (Part, "ALTER TABLE checks_1 ADD CHECK (looks(k))"),
    (Part, "ALTER TABLE checks DETACH PARTITION checks_1"),
    (Whole, "ALTER DOMAIN small DROP CONSTRAINT small_check"),
    (Whole, "ALTER DOMAIN small ADD CHECK (looks(VALUE)) NOT VALID"),
    (
        Whole,
        "CREATE FUNCTION as_text(pairs) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN count(*) FROM base; END'; CREATE CAST (pairs AS text) WITH FUNCTION as_text(pairs) AS IMPLICIT",
    ),
    (Whole, "DROP CAST (pairs AS text)"),
    (
        Part,
        "CREATE FUNCTION quick(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1'; CREATE INDEX indexed ON people (quick(id))",
    ),
    (
        Whole,
        "CREATE OR REPLACE FUNCTION quick(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT count(*)::int FROM base'",
    ),
    (Part, "DROP INDEX indexed"),
    (
        Part,
        "CREATE FUNCTION early(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN (SELECT count(*) FROM later); END'",
    ),
    (Part, "CREATE TABLE later (id int)"),
    (Part, "DROP TABLE later"),
    (
        Whole,
        "CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM 1; END'; CREATE EVENT TRIGGER fires ON ddl_command_end EXECUTE FUNCTION on_ddl()",
    ),
    (Whole, "ALTER EVENT TRIGGER fires DISABLE"),
    (Whole, "ALTER EVENT TRIGGER fires ENABLE"),
    (Whole, "DROP EVENT TRIGGER fires"),
    // One transaction, many things.
    (
        Part,
        "BEGIN; CREATE TABLE big (id int PRIMARY KEY); ALTER TABLE big ADD COLUMN x int; CREATE INDEX ON big (x); CREATE VIEW of_big AS SELECT * FROM big; COMMIT",
    ),
    (Part, "DROP TABLE big CASCADE"),
    (Part, "CREATE TEMP TABLE mine (id serial PRIMARY KEY, x text); CREATE TABLE yours (id int)"),
    (Part, "REFRESH MATERIALIZED VIEW later; DROP MATERIALIZED VIEW later"),
    (Part, "VACUUM FULL people"),
];

#[tokio::test]
async fn what_is_kept_is_what_a_whole_read_gives() {
    let lab = Arc::new(Lab::new("parts").unwrap());
    let a = Server::start(&lab, "a", Auth::Trust, &[]).unwrap();
    sql(&a, SCHEMA).await;
    sql(&a, "CREATE MATERIALIZED VIEW later AS SELECT 1 AS one").await;
    let topology = || picture::of_ports("app", &[(a.port(), &[])]);
    let kept = start(topology());
    until(&kept, "the schema is read", |it| it.databases["app"].catalog.is_some()).await;
    let mut before = kept.reader().load().databases["app"].catalog.clone().unwrap();
    let mut other_reach = Vec::new();
    for (reach, change) in CHANGES {
        // What the last look has read is read once more: here that would hide what the next one leaves out.
        assert_eq!(soon(change, kept.refresher().poke("app")).await, Refreshed::Done, "{change}");
        sql(&a, change).await;
        assert_eq!(soon(change, kept.refresher().poke("app")).await, Refreshed::Done, "{change}");
        let after = kept.reader().load().databases["app"].catalog.clone().unwrap();
        let fresh = start(topology());
        let read = until(&fresh, "the schema is read", |it| it.databases["app"].catalog.is_some()).await;
        compare(change, &after, read.databases["app"].catalog.as_ref().unwrap());
        if reach_of(&before, &after) != *reach {
            other_reach.push(*change);
        }
        before = after;
    }
    assert!(other_reach.is_empty(), "{other_reach:#?}");
}

/// Transactions that overlap: the oldest of them is older than what the others have changed and we have seen.
#[tokio::test]
async fn changes_that_come_together_are_all_seen() {
    let lab = Arc::new(Lab::new("together").unwrap());
    let a = Server::start(&lab, "a", Auth::Trust, &[]).unwrap();
    sql(&a, "CREATE TABLE shared (id int PRIMARY KEY)").await;
    let b = Server::start(&lab, "b", Auth::Trust, &[]).unwrap();
    sql(&b, "CREATE TABLE shared (id int PRIMARY KEY, more text)").await;
    let topology = || picture::of_ports("app", &[(a.port(), &[]), (b.port(), &[])]);
    let kept = start(topology());
    until(&kept, "the schema is read", |it| it.databases["app"].catalog.is_some()).await;
    let catalog = || kept.reader().load().databases["app"].catalog.clone().unwrap();
    let session = async |session: i32, server: &Server| {
        for turn in 0..8 {
            let change = format!(
                "BEGIN; CREATE TABLE t{session}_{turn} (id int PRIMARY KEY); SELECT pg_sleep(0.0{session});
                 ALTER TABLE t{session}_{turn} ADD COLUMN x int DEFAULT {turn}; SELECT pg_sleep(0.02);
                 CREATE VIEW v{session}_{turn} AS SELECT s.id, t.x FROM t{session}_{turn} t JOIN shared s USING (id); COMMIT;
                 BEGIN; ALTER TABLE t{session}_{turn} ADD COLUMN never int; CREATE TABLE never (id int); ROLLBACK"
            );
            sql(server, &change).await;
            assert_eq!(soon(&change, kept.refresher().poke("app")).await, Refreshed::Done);
            let columns = |name: String| {
                let relation =
                    catalog().relations.get(&TableName { schema: "public".into(), name: name.into() }).cloned();
                relation.map(|it| it.columns.iter().map(|column| column.name.to_string()).collect::<Vec<_>>())
            };
            assert_eq!(columns(format!("t{session}_{turn}")).unwrap_or_default(), ["id", "x"], "{change}");
            assert_eq!(columns(format!("v{session}_{turn}")).unwrap_or_default(), ["id", "x"], "{change}");
            if turn % 2 == 0 {
                sql(server, &format!("DROP TABLE t{session}_{turn} CASCADE")).await;
            }
        }
    };
    tokio::join!(session(1, &a), session(2, &a), session(3, &b), session(4, &b));
    assert_eq!(soon("a last look", kept.refresher().poke("app")).await, Refreshed::Done);
    let fresh = start(topology());
    let read = until(&fresh, "the schema is read", |it| it.databases["app"].catalog.is_some()).await;
    compare("all of it", &catalog(), read.databases["app"].catalog.as_ref().unwrap());
}

fn compare(change: &str, kept: &Catalog, read: &Catalog) {
    for (name, relation) in &read.relations {
        assert_eq!(kept.relations.get(name), Some(relation), "{name:?} after {change}");
    }
    assert_eq!(kept, read, "after {change}");
}

/// Is a table that nobody touches still the one that was read before?
fn reach_of(before: &Catalog, after: &Catalog) -> Reach {
    let bystander = |catalog: &Catalog| {
        let name = catalog.relations.keys().find(|name| *name.name == *"bystander").unwrap();
        Arc::clone(&catalog.relations[name])
    };
    if Arc::ptr_eq(&bystander(before), &bystander(after)) { Part } else { Whole }
}
