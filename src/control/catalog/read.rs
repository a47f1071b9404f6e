//! Reads the schema of one shard, in a handful of queries of one REPEATABLE READ transaction.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use deadpool_postgres::{Object, Transaction};
use tokio_postgres::{Error, IsolationLevel, Row};

use super::asking::planned_once;
use super::beginning;
use super::rows::Rows;
use super::unasked::{self, Runner};
use super::{bodies, contained, search_path};
use crate::logic::body::leaves::{Leaves, Names};
use crate::logic::catalog::{
    Action, Column, ColumnDefault, Counts, Fired, ForeignKey, Function, FunctionKind, Relation, RelationKind,
    TextOrder, Unasked, UniqueIndex, Volatility,
};
use crate::logic::defaults::Defaults;
use crate::logic::shards::{ShardSet, TableName};
use crate::logic::sql::escapes::{self, Strings};

/// The schema of one shard. What is large is shared with what was read before, where it has not changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShardSchema {
    /// All but those of `pg_catalog`, `information_schema` and `shardway` (our own)
    pub relations: HashMap<TableName, Arc<Relation>>,
    /// Indexes and sequences, and the tables they belong to
    pub owners: Arc<HashMap<TableName, TableName>>,
    /// Foreign keys that act, each with the table that it points to
    pub foreign_keys: Vec<(TableName, ForeignKey)>,
    /// Names of those of `pg_catalog`
    pub system_relations: Arc<HashSet<Box<str>>>,
    /// Names of settings that sessions can set, those left out that belong to what a session loads
    pub settings: Arc<BTreeSet<Box<str>>>,
    /// By name
    pub functions: Arc<HashMap<Box<str>, Vec<Function>>>,
    /// Functions that leave something in the session, and what else does
    pub leaving: Names,
    /// What runs functions unasked
    pub runners: Arc<Vec<Runner>>,
    /// The same, as statements meet it
    pub unasked: Unasked,
    /// `=`, `<` and their kin between PostgreSQL's own types mean something else
    pub has_own_comparisons: bool,
    /// Names of types that others may be called in the place of PostgreSQL's
    pub shadowing_types: BTreeSet<Box<str>>,
    /// Names of types whose values do not depend on when their texts are read
    pub timeless_types: BTreeSet<Box<str>>,
    /// The OIDs of types that PostgreSQL does not bring along, temporary ones left out
    pub types: Arc<HashMap<TableName, u32>>,
    /// Of the database
    pub text_order: TextOrder,
    /// Settings that a new session of any role begins with
    pub defaults: Defaults,
    /// Of a new session
    pub search_path: Vec<Box<str>>,
    /// Settings a client is told at login, name and value
    pub greeting: Vec<(Box<str>, Box<str>)>,
}

/// What a server reports to its clients (protocol-flow, ParameterStatus), in its order. What a version lacks is left out. Of
/// `is_superuser` the users are read to whom it is `on`.
const GREETING: &str = "
    SELECT name, CASE name WHEN 'application_name' THEN '' WHEN 'client_encoding' THEN current_setting('server_encoding')
                 WHEN 'is_superuser' THEN (SELECT string_agg(rolname, E'\\n') FROM pg_roles WHERE rolsuper)
                 ELSE current_setting(name, true) END
      FROM unnest(ARRAY['in_hot_standby', 'integer_datetimes', 'TimeZone', 'IntervalStyle', 'is_superuser',
           'application_name', 'default_transaction_read_only', 'scram_iterations', 'DateStyle',
           'standard_conforming_strings', 'session_authorization', 'client_encoding', 'server_version',
           'server_encoding']) AS name";

// Of these texts, what stands in comments is for reading a part.

/// Relations a client can name, with what decides how rows get in.
const RELATIONS: &str = "
    SELECT n.nspname, c.relname, c.relkind::text, c.oid,
           CASE WHEN c.relkind = 'v' THEN pg_get_viewdef(c.oid) END, rn.nspname, r.relname,
           ARRAY(SELECT concat(bit_or(t.tgtype & 60), ' ', fn.nspname, '.', f.proname)
                   FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid
                   JOIN pg_namespace fn ON fn.oid = f.pronamespace JOIN pg_language l ON l.oid = f.prolang
                  WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND l.lanname NOT IN ('internal', 'c')
                    AND t.tgrelid IN (SELECT c.oid UNION ALL SELECT relid FROM pg_partition_tree(c.oid) WHERE c.relkind = 'p')
                  GROUP BY fn.nspname, f.proname ORDER BY fn.nspname, f.proname),
           c.relkind IN ('r', 'p', 'v') AND EXISTS (SELECT FROM pg_rewrite w WHERE w.ev_class = c.oid AND w.rulename <> '_RETURN'),
           ARRAY(SELECT pg_get_expr(e, c.oid) FROM pg_policy p CROSS JOIN LATERAL (VALUES (p.polqual), (p.polwithcheck)) v(e)
                  WHERE c.relrowsecurity AND p.polrelid = c.oid AND e IS NOT NULL ORDER BY p.polname, 1),
           c.relkind = 'v' AND NOT coalesce((SELECT option_value::boolean FROM pg_options_to_table(c.reloptions)
                                              WHERE option_name = 'security_invoker'), false)
             AND EXISTS (SELECT FROM pg_rewrite w JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
                           JOIN pg_class b ON d.refclassid = 'pg_class'::regclass AND b.oid = d.refobjid
                          WHERE w.ev_class = c.oid AND b.relrowsecurity),
           c.relpersistence = 'u' OR c.relkind = 'p' AND EXISTS (SELECT FROM pg_partition_tree(c.oid) t JOIN pg_class l ON l.oid = t.relid
                                                                  WHERE l.relpersistence = 'u')
             OR EXISTS (SELECT FROM pg_inherits h JOIN pg_class l ON l.oid = h.inhrelid WHERE h.inhparent = c.oid AND l.relpersistence = 'u'),
           s.seqstart, s.seqincrement
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_class r ON c.relispartition AND r.oid = pg_partition_root(c.oid)
      LEFT JOIN pg_namespace rn ON rn.oid = r.relnamespace
      LEFT JOIN pg_sequence s ON c.relkind = 'S' AND s.seqrelid = c.oid
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND c.relpersistence <> 't'
       AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'shardway') /*AND c.oid = ANY ($1)*/";

/// A column without a default of its own has that of its domain. Its text is steady where nothing that its type is made of is
/// printed, or read, by settings; of types that PostgreSQL does not bring along nobody knows. Rows of a table may come to have
/// another column, and who has a column of their type is not read again for that.
const COLUMNS: &str = "
    WITH RECURSIVE asked AS MATERIALIZED (
        SELECT a.*
          FROM pg_attribute a
          JOIN pg_class c ON c.oid = a.attrelid
          JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE a.attnum > 0 AND NOT a.attisdropped
           AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND c.relpersistence <> 't'
           AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'shardway') /*AND a.attrelid = ANY ($1)*/),
    made(oid, of) AS (
        SELECT DISTINCT atttypid, atttypid FROM asked
        UNION
        SELECT m.oid, parts.of
          FROM made m JOIN pg_type t ON t.oid = m.of CROSS JOIN LATERAL (
               SELECT t.typbasetype WHERE t.typtype = 'd'
               UNION ALL SELECT t.typelem WHERE t.typcategory = 'A'
               UNION ALL SELECT rngsubtype FROM pg_range WHERE rngtypid = t.oid
               UNION ALL SELECT atttypid FROM pg_attribute
                          WHERE attrelid = t.typrelid AND t.typrelid >= 16384 AND attnum > 0 AND NOT attisdropped) AS parts(of)),
    unsteady AS MATERIALIZED (
        SELECT DISTINCT m.oid FROM made m JOIN pg_type t ON t.oid = m.of
         WHERE typtype IN ('b', 'p', 'm') AND typcategory <> 'A' AND (t.oid >= 16384 OR typname NOT IN (
               'bool', 'int2', 'int4', 'int8', 'numeric', 'text', 'varchar', 'bpchar', 'char', 'name', 'uuid', 'json', 'jsonb',
               'jsonpath', 'bit', 'varbit', 'bytea', 'time', 'timetz', 'inet', 'cidr', 'macaddr', 'macaddr8', 'tsvector', 'tsquery',
               'oid', 'xid', 'xid8', 'cid', 'tid', 'pg_lsn', 'pg_snapshot', 'txid_snapshot', 'refcursor', 'regclass', 'regtype',
               'regnamespace', 'regrole', 'regcollation', 'regconfig', 'regdictionary', 'regprocedure', 'regoperator'))
            OR typtype = 'c' AND (SELECT c.oid < 16384 OR c.relkind <> 'c' FROM pg_class c WHERE c.oid = t.typrelid))
    SELECT a.attrelid, a.attname, a.atttypid, format_type(a.atttypid, a.atttypmod), a.attidentity::text,
           a.attgenerated::text, coalesce(pg_get_expr(d.adbin, d.adrelid), CASE WHEN t.typtype = 'd' THEN t.typdefault END),
           a.attnotnull OR t.typnotnull, coalesce(NOT l.collisdeterministic, false),
           CASE WHEN a.attcollation <> t.typcollation
                THEN (SELECT quote_ident(ln.nspname) FROM pg_namespace ln WHERE ln.oid = l.collnamespace) || '.' || quote_ident(l.collname) END,
           a.atttypid NOT IN (SELECT oid FROM unsteady)
      FROM asked a
      JOIN pg_type t ON t.oid = a.atttypid
      LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      LEFT JOIN pg_collation l ON l.oid = a.attcollation
     ORDER BY a.attrelid, a.attnum";

/// Unique indexes and exclusion constraints; the columns in the index's order, of a constraint those that must be equal.
const INDEXES: &str = "
    SELECT i.indrelid, i.indpred IS NOT NULL OR i.indexprs IS NOT NULL OR i.indisexclusion,
           ARRAY(SELECT a.attname::text FROM generate_series(0, i.indnkeyatts - 1) k
                   JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k]
                   LEFT JOIN pg_constraint x ON i.indisexclusion AND x.conindid = i.indexrelid AND x.contype = 'x'
                   LEFT JOIN pg_operator o ON o.oid = x.conexclop[k + 1]
                  WHERE NOT i.indisexclusion OR o.oprname = '=' AND o.oprnamespace = 'pg_catalog'::regnamespace ORDER BY k),
           c.relname::text, pg_get_indexdef(i.indexrelid), i.indisprimary AND i.indimmediate
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
     WHERE (i.indisunique OR i.indisexclusion) AND i.indrelid >= 16384 /*AND i.indrelid = ANY ($1)*/
     ORDER BY i.indexrelid";

/// Indexes, and the sequences of `serial` and identity columns: whose they are.
const OWNERS: &str = "
    SELECT n.nspname, c.relname, tn.nspname, t.relname
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_index i ON i.indexrelid = c.oid
      LEFT JOIN pg_depend d ON c.relkind = 'S' AND d.classid = 'pg_class'::regclass AND d.objid = c.oid
                           AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
      JOIN pg_class t ON t.oid = coalesce(i.indrelid, d.refobjid)
      JOIN pg_namespace tn ON tn.oid = t.relnamespace
     WHERE c.relkind IN ('i', 'I', 'S') AND c.relpersistence <> 't'
       AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'shardway') /*AND c.oid = ANY ($1)*/";

/// Foreign keys that change rows. Those that partitions have from their table are left out.
const FOREIGN_KEYS: &str = "
    SELECT tn.nspname, t.relname, fn.nspname, f.relname, k.conname, k.confupdtype::text, k.confdeltype::text,
           ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS u(number, place)
                   JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number ORDER BY u.place),
           ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS u(number, place)
                   JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number ORDER BY u.place),
           ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = k.conrelid AND jsonb_typeof(j.reset) = 'array'
                    AND j.reset @> to_jsonb(a.attnum) ORDER BY a.attnum)
      FROM pg_constraint k
      CROSS JOIN LATERAL (SELECT to_jsonb(k) -> 'confdelsetcols') AS j(reset)
      JOIN pg_class t ON t.oid = coalesce(pg_partition_root(k.confrelid), k.confrelid)
      JOIN pg_namespace tn ON tn.oid = t.relnamespace
      JOIN pg_class f ON f.oid = coalesce(pg_partition_root(k.conrelid), k.conrelid)
      JOIN pg_namespace fn ON fn.oid = f.relnamespace
     WHERE k.contype = 'f' AND k.conparentid = 0 AND (k.confupdtype IN ('c', 'n', 'd') OR k.confdeltype IN ('c', 'n', 'd'))
     ORDER BY 1, 2, 3, 4, 5";

/// PostgreSQL's own functions in SQL (`lpad`, `age`) look at no user table. `looking`: those that do, whatever they say of
/// themselves, and those that run them.
const FUNCTIONS: &str = "
    SELECT DISTINCT p.proname, n.nspname,
           CASE WHEN r.oid IS NULL THEN p.provolatile::text WHEN r.is_volatile THEN 'v' ELSE greatest(p.provolatile::text, 's') END,
           p.prokind::text, l.lanname IN ('internal', 'c') AND r.oid IS NULL OR (n.nspname = 'pg_catalog' AND p.oid < 16384), p.proretset
      FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
      LEFT JOIN unnest($1::oid[], $2::bool[]) AS r(oid, is_volatile) ON r.oid = p.oid
     WHERE n.nspname !~ '^pg_temp'
     ORDER BY 1, 2, 3, 4, 5, 6";

/// Do operators outside of pg_catalog compare PostgreSQL's own types?
const OWN_COMPARISONS: &str = "
    SELECT EXISTS (SELECT FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
                    WHERE n.nspname <> 'pg_catalog' AND n.nspname !~ '^pg_temp'
                      AND o.oprname IN ('=', '<', '<=', '>', '>=') AND o.oprleft < 16384 AND o.oprright < 16384)";

/// Types of other schemas that are called as PostgreSQL's own.
const SHADOWING_TYPES: &str = "
    SELECT DISTINCT t.typname
      FROM pg_type t JOIN pg_type own ON own.typname = t.typname AND own.typnamespace = 'pg_catalog'::regnamespace
      JOIN pg_namespace n ON n.oid = t.typnamespace
     WHERE t.oid >= 16384 AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_temp'";

/// Enumerations, types whose input is IMMUTABLE, domains and arrays of these. A name may stand for types of several schemas.
const TIMELESS_TYPES: &str = "
    WITH RECURSIVE made(oid, of) AS MATERIALIZED (
        SELECT oid, typbasetype FROM pg_type WHERE typtype = 'd'
        UNION ALL SELECT oid, typelem FROM pg_type WHERE typcategory = 'A'),
    timeless(oid) AS (
        SELECT t.oid FROM pg_type t JOIN pg_proc p ON p.oid = t.typinput
         WHERE t.typtype = 'e' OR t.typtype = 'b' AND t.typcategory <> 'A' AND p.provolatile = 'i'
        UNION
        SELECT m.oid FROM timeless t JOIN made m ON m.of = t.oid)
    SELECT typname FROM pg_type WHERE oid >= 16384
     GROUP BY typname HAVING bool_and(oid IN (SELECT oid FROM timeless))";

/// Is its encoding UTF8, and does it order text by its bytes? Versions before 15 know one provider of collations.
const TEXT_ORDER: &str = "
    SELECT pg_encoding_to_char(encoding) = 'UTF8',
           datcollate IN ('C', 'POSIX') AND coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') = 'c'
      FROM pg_database d WHERE datname = current_database()";

const SYSTEM_RELATIONS: &str = "
    SELECT relname FROM pg_class
     WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f')";

const SETTINGS: &str = "SELECT name FROM pg_settings WHERE context IN ('user', 'superuser') AND name !~ '[.]'";

const TYPES: &str = "
    SELECT n.nspname, t.typname, t.oid FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
     WHERE t.oid >= 16384 AND n.nspname !~ '^pg_t' /*AND t.oid = ANY ($1)*/";

/// All is read in one.
pub async fn begin(client: &mut Object) -> Result<Transaction<'_>, Error> {
    client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true).start().await
}

/// Reads it all, and first the rows that it is read from. The connection should be a new one: in an old one the defaults of
/// its role are those of back then.
pub async fn schema(client: &mut Object) -> Result<(ShardSchema, Rows), Error> {
    let connected = Object::metrics(client).created;
    let mut transaction = begin(client).await?;
    transaction.batch_execute("SET LOCAL search_path TO DEFAULT").await?;
    let search_path = transaction.query_one("SELECT pg_catalog.current_setting('search_path')", &[]).await?;
    let base = beginning::base(&transaction).await?;
    // From here on every name of a view definition or a default comes qualified.
    transaction.batch_execute("SET LOCAL search_path = ''").await?;
    let rows = Rows::read(&transaction, connected).await?;
    let mut schema = ShardSchema {
        search_path: search_path::split(search_path.get(0)),
        greeting: greeting(&transaction).await?,
        ..ShardSchema::default()
    };
    schema.defaults = Defaults { base, ..beginning::set(&mut transaction).await? };
    transaction.batch_execute(PRINTING).await?;
    schema.relations = relations(&transaction, None).await?;
    functions(&transaction, &mut schema).await?;
    unasked::company(&transaction, &schema.runners, &mut schema.relations).await?;
    leaving(&transaction, &mut schema).await?;
    schema.owners = Arc::new(owners(&transaction, None).await?.collect());
    schema.foreign_keys = foreign_keys(&transaction).await?;
    schema.has_own_comparisons = transaction.query_one(OWN_COMPARISONS, &[]).await?.get(0);
    schema.types = Arc::new(types(&transaction, None).await?.collect());
    schema.shadowing_types = shadowing_types(&transaction).await?;
    schema.timeless_types = timeless_types(&transaction).await?;
    let order = transaction.query_one(TEXT_ORDER, &[]).await?;
    schema.text_order = match (order.get(0), order.get(1)) {
        (false, _) => TextOrder::Unknown,
        (true, false) => TextOrder::Locale,
        (true, true) => TextOrder::Bytes,
    };
    let names = transaction.query(SYSTEM_RELATIONS, &[]).await?;
    schema.system_relations = Arc::new(names.iter().map(|row| text(row, 0)).collect());
    let names = transaction.query(SETTINGS, &[]).await?;
    schema.settings = Arc::new(names.iter().map(|row| text(row, 0)).collect());
    transaction.rollback().await?;
    Ok((schema, rows))
}

/// Strings in definitions are printed as we read strings. Printing a view locks it and its tables: we give way before
/// PostgreSQL finds a deadlock between us and somebody who drops them, and ends the other one. Compiling our queries takes
/// a second where running them takes a tenth.
pub const PRINTING: &str =
    "SET LOCAL standard_conforming_strings = on; SET LOCAL lock_timeout = '100ms'; SET LOCAL jit = off";

/// All rows of a query, or those of these relations or types.
async fn select(transaction: &Transaction<'_>, sql: &str, of: Option<&[u32]>) -> Result<Vec<Row>, Error> {
    match of {
        None => transaction.query(sql, &[]).await,
        Some(oids) => planned_once(transaction, &sql.replace("/*", "").replace("*/", ""), &[&oids]).await,
    }
}

pub async fn owners(
    transaction: &Transaction<'_>,
    of: Option<&[u32]>,
) -> Result<impl Iterator<Item = (TableName, TableName)>, Error> {
    let rows = select(transaction, OWNERS, of).await?;
    Ok(rows.into_iter().map(|row| (table(&row, 0), table(&row, 2))))
}

pub async fn types(
    transaction: &Transaction<'_>,
    of: Option<&[u32]>,
) -> Result<impl Iterator<Item = (TableName, u32)>, Error> {
    let rows = select(transaction, TYPES, of).await?;
    Ok(rows.into_iter().map(|row| (table(&row, 0), row.get(2))))
}

pub async fn foreign_keys(transaction: &Transaction<'_>) -> Result<Vec<(TableName, ForeignKey)>, Error> {
    let rows = planned_once(transaction, FOREIGN_KEYS, &[]).await?;
    Ok(rows.iter().map(|row| (table(row, 0), foreign_key(row))).collect())
}

async fn greeting(transaction: &Transaction<'_>) -> Result<Vec<(Box<str>, Box<str>)>, Error> {
    let rows = transaction.query(GREETING, &[]).await?;
    Ok(rows.iter().filter_map(|row| Some((text(row, 0), row.get::<_, Option<&str>>(1)?.into()))).collect())
}

fn foreign_key(row: &Row) -> ForeignKey {
    let action = |at: usize| match row.get::<_, &str>(at) {
        "c" => Action::Cascade,
        "n" => Action::Null,
        "d" => Action::Default,
        _ => Action::Nothing,
    };
    ForeignKey {
        name: text(row, 4),
        from: table(row, 2),
        columns: texts(row, 7).into_iter().zip(texts(row, 8)).collect(),
        on_update: action(5),
        on_delete: action(6),
        reset: texts(row, 9),
    }
}

pub async fn relations(
    transaction: &Transaction<'_>,
    of: Option<&[u32]>,
) -> Result<HashMap<TableName, Arc<Relation>>, Error> {
    let (found, columns, indexes) = (
        select(transaction, RELATIONS, of).await?,
        select(transaction, COLUMNS, of).await?,
        select(transaction, INDEXES, of).await?,
    );
    let mut by_oid: HashMap<u32, (TableName, Relation)> = found.iter().filter_map(relation).collect();
    for row in &columns {
        if let Some((_, relation)) = by_oid.get_mut(&row.get(0)) {
            relation.columns.push(column(row));
        }
    }
    for row in &indexes {
        if let Some((_, relation)) = by_oid.get_mut(&row.get(0)) {
            let is_partial: bool = row.get(1);
            if row.get(5) {
                relation.primary_key = Some(texts(row, 2));
            }
            if !is_partial {
                relation.unique_keys.push(texts(row, 2));
            }
            relation.unique_indexes.push(UniqueIndex {
                name: text(row, 3),
                columns: texts(row, 2),
                // An index that goes while we look at it has no definition any more.
                definition: is_partial.then(|| row.get::<_, Option<&str>>(4).unwrap_or_default().into()),
            });
        }
    }
    Ok(by_oid.into_values().map(|(name, relation)| (name, Arc::new(relation))).collect())
}

/// Each with the bits of `tgtype` for the commands that run it (PostgreSQL's catalog/pg_trigger.h).
fn triggers(written: &[Box<str>]) -> (Vec<Box<str>>, Fired) {
    const INSERT: u16 = 1 << 2;
    const DELETE: u16 = 1 << 3;
    const TRUNCATE: u16 = 1 << 5;
    let all: Vec<(u16, &str)> = written
        .iter()
        .filter_map(|it| it.split_once(' '))
        .filter_map(|(bits, name)| Some((bits.parse().ok()?, name)))
        .collect();
    let of = |wanted: u16| all.iter().filter(|(bits, _)| bits & wanted != 0).map(|(_, name)| (*name).into()).collect();
    let fired = Fired { insert: of(INSERT), delete: of(DELETE), truncate: of(TRUNCATE) };
    (of(u16::MAX), fired)
}

/// `None`: a view that was dropped while we read; the next look will not find it.
fn relation(row: &Row) -> Option<(u32, (TableName, Relation))> {
    let root: Option<&str> = row.get(6);
    let view: Option<&str> = row.get(4);
    let kind = match (row.get::<_, &str>(2), root) {
        ("r" | "p", Some(root)) => RelationKind::Partition(TableName { schema: text(row, 5), name: root.into() }),
        ("v", _) => RelationKind::View(spelled_out(view?)),
        ("m", _) => RelationKind::MaterializedView,
        ("S", _) => RelationKind::Sequence,
        ("f", _) => RelationKind::Foreign,
        _ => RelationKind::Table,
    };
    let (triggers, fired) = triggers(&texts(row, 7));
    let relation = Relation {
        kind,
        columns: Vec::new(),
        unique_keys: Vec::new(),
        primary_key: None,
        unique_indexes: Vec::new(),
        triggers,
        fired,
        counts: row.get::<_, Option<i64>>(12).map(|start| Counts { start, step: row.get(13) }),
        alike: ShardSet::EMPTY,
        checks: Vec::new(),
        reads: Vec::new(),
        has_rules: row.get(8),
        policies: texts(row, 9),
        reads_as_owner: row.get(10),
        is_unlogged: row.get(11),
        absent: ShardSet::EMPTY,
    };
    Some((row.get(3), (table(row, 0), relation)))
}

/// Servers print strings by our setting; in statements of ours they may stand under another.
fn spelled_out(expression: &str) -> Box<str> {
    let spelled = escapes::spelled_out(expression.as_bytes(), Strings::Standard);
    spelled.ok().and_then(|spelled| String::from_utf8(spelled.into_owned()).ok()).map_or(expression.into(), Into::into)
}

fn column(row: &Row) -> Column {
    let expression: Option<&str> = row.get(6);
    let default = match (row.get::<_, &str>(4), row.get::<_, &str>(5), expression) {
        ("", "", None) => ColumnDefault::None,
        ("", "", Some(expression)) => ColumnDefault::Expression(spelled_out(expression)),
        ("", _, _) => ColumnDefault::Generated,
        (_, _, _) => ColumnDefault::Identity,
    };
    Column {
        name: text(row, 1),
        type_oid: row.get(2),
        type_name: text(row, 3),
        default,
        is_not_null: row.get(7),
        has_loose_equality: row.get(8),
        collation: row.get::<_, Option<&str>>(9).map(Box::from),
        is_steady: row.get(10),
    }
}

/// Names of types that one of a schema before `pg_catalog` takes from PostgreSQL's.
pub async fn shadowing_types(transaction: &Transaction<'_>) -> Result<BTreeSet<Box<str>>, Error> {
    Ok(planned_once(transaction, SHADOWING_TYPES, &[]).await?.iter().map(|row| text(row, 0)).collect())
}

/// Names of types of the user's own whose values do not depend on when their texts are read.
pub async fn timeless_types(transaction: &Transaction<'_>) -> Result<BTreeSet<Box<str>>, Error> {
    Ok(planned_once(transaction, TIMELESS_TYPES, &[]).await?.iter().map(|row| text(row, 0)).collect())
}

/// Reads the functions, and what runs them.
pub async fn functions(transaction: &Transaction<'_>, schema: &mut ShardSchema) -> Result<(), Error> {
    let runners = unasked::runners(transaction).await?;
    let (looking, volatile) = unasked::looking(&runners);
    let mut functions: HashMap<Box<str>, Vec<Function>> = HashMap::new();
    for row in &transaction.query(FUNCTIONS, &[&looking, &volatile]).await? {
        functions.entry(text(row, 0)).or_default().push(function(row));
    }
    contained::judge(transaction, &mut functions, &runners).await?;
    schema.functions = Arc::new(functions);
    schema.unasked = unasked::unasked(&runners);
    schema.runners = Arc::new(runners);
    Ok(())
}

/// Reads what functions leave in the session.
pub async fn leaving(transaction: &Transaction<'_>, schema: &mut ShardSchema) -> Result<(), Error> {
    let names = unasked::names(&schema.runners);
    schema.leaving = bodies::leaving(transaction, &mut schema.functions, &schema.relations, &names).await?;
    Ok(())
}

fn function(row: &Row) -> Function {
    Function {
        schema: text(row, 1),
        volatility: match row.get(2) {
            "i" => Volatility::Immutable,
            "s" => Volatility::Stable,
            _ => Volatility::Volatile,
        },
        kind: match row.get(3) {
            "a" => FunctionKind::Aggregate,
            "w" => FunctionKind::Window,
            "p" => FunctionKind::Procedure,
            _ => FunctionKind::Function,
        },
        is_native: row.get(4),
        returns_set: row.get(5),
        leaves: Leaves::Nothing,
        contained: None,
    }
}

fn table(row: &Row, at: usize) -> TableName {
    TableName { schema: text(row, at), name: text(row, at + 1) }
}

fn texts(row: &Row, index: usize) -> Vec<Box<str>> {
    row.get::<_, Vec<&str>>(index).into_iter().map(Into::into).collect()
}

fn text(row: &Row, index: usize) -> Box<str> {
    row.get::<_, &str>(index).into()
}
