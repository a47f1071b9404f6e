//! What a server says of itself and of the tables in the map.

use std::collections::{HashMap, HashSet};

use deadpool_postgres::Object;
use tokio_postgres::{Error, Row};

use super::definitions::{self, Objects};
use crate::logic::catalog::Counts;
use crate::logic::shards::TableName;
use crate::logic::value::oid;

/// One server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerFacts {
    /// It is a replica
    pub is_recovering: bool,
    /// `system_identifier`: a primary has it in common with its replicas, and with nobody else
    pub system: i64,
    /// `150004` is 15.4
    pub version: i32,
    /// `server_encoding`
    pub encoding: String,
    /// Zero: no two-phase commit
    pub prepared_transactions_max: i32,
    /// Those of the map that exist
    pub tables: HashMap<TableName, TableFacts>,
    /// Sequences that belong to no table of the map
    pub sequences: Vec<SequenceFacts>,
    /// What the database has besides tables
    pub objects: Objects,
}

/// One table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableFacts {
    /// In order
    pub columns: Vec<ColumnFacts>,
    /// Columns of each unique index, primary keys among them; the index's name comes first
    pub unique: Vec<(String, Vec<String>)>,
    /// Foreign keys
    pub references: Vec<ForeignKey>,
    /// Triggers of users, by name
    pub triggers: Vec<String>,
    /// Sequences that its columns take their values from, by name
    pub sequences: Vec<SequenceFacts>,
    /// What else is defined of it
    pub objects: Objects,
}

/// How a sequence counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequenceFacts {
    /// As SQL
    pub name: String,
    /// START and INCREMENT
    pub counts: Counts,
    /// The last number it gave out; the one it starts with, if it has given out none
    pub last: i64,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnFacts {
    /// Name
    pub name: String,
    /// OID of its type where that is PostgreSQL's own, else 0: each server has a number of its own for others
    pub type_oid: u32,
    /// The type in words, with its modifier
    pub type_name: String,
    /// Equal means the same bytes
    pub is_deterministic: bool,
}

/// A foreign key: pairs of columns, ours and theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignKey {
    /// The constraint
    pub name: String,
    /// The table it points to
    pub to: TableName,
    /// Our column, their column
    pub columns: Vec<(String, String)>,
    /// Those of ours that an UPDATE of theirs changes
    pub updated: Vec<String>,
    /// Those of ours that a DELETE of their row changes
    pub reset: Vec<String>,
}

const SERVER: &str = "
    SELECT pg_is_in_recovery(), current_setting('server_version_num')::int4, current_setting('server_encoding'),
           current_setting('max_prepared_transactions')::int4, (SELECT system_identifier FROM pg_control_system())";

const COLUMNS: &str = "
    SELECT a.attname::text, a.atttypid, format_type(a.atttypid, a.atttypmod), coalesce(c.collisdeterministic, true)
      FROM pg_attribute a LEFT JOIN pg_collation c ON c.oid = a.attcollation
     WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

const UNIQUE: &str = "
    SELECT i.relname::text,
           ARRAY(SELECT a.attname::text FROM unnest(x.indkey::int2[]) WITH ORDINALITY AS k(number, place)
                   JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.number
                  WHERE k.place <= x.indnkeyatts ORDER BY k.place)
      FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
     WHERE x.indrelid = $1 AND x.indisunique ORDER BY i.relname";

const REFERENCES: &str = "
    SELECT k.conname::text, n.nspname::text, c.relname::text,
           ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS u(number, place)
                   JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number ORDER BY u.place),
           ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS u(number, place)
                   JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number ORDER BY u.place),
           k.confupdtype IN ('c', 'n', 'd'), k.confdeltype IN ('n', 'd'),
           ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = k.conrelid AND jsonb_typeof(j.reset) = 'array'
                    AND j.reset @> to_jsonb(a.attnum) ORDER BY a.attnum)
      FROM pg_constraint k CROSS JOIN LATERAL (SELECT to_jsonb(k) -> 'confdelsetcols') AS j(reset)
      JOIN pg_class c ON c.oid = k.confrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE k.conrelid = $1 AND k.contype = 'f' ORDER BY k.conname";

const TRIGGERS: &str = "SELECT tgname::text FROM pg_trigger WHERE tgrelid = $1 AND NOT tgisinternal ORDER BY tgname";

/// Those of `serial` and identity columns, and those that a default names.
const SEQUENCES: &str = "
    SELECT DISTINCT s.seqrelid::regclass::text, s.seqstart, s.seqincrement, coalesce(pg_sequence_last_value(s.seqrelid), s.seqstart)
      FROM pg_sequence s JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid
     WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = $1 AND d.deptype IN ('a', 'i')
    UNION
    SELECT s.seqrelid::regclass::text, s.seqstart, s.seqincrement, coalesce(pg_sequence_last_value(s.seqrelid), s.seqstart)
      FROM pg_attrdef f JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid
      JOIN pg_sequence s ON d.refclassid = 'pg_class'::regclass AND d.refobjid = s.seqrelid
     WHERE f.adrelid = $1
     ORDER BY 1";

/// Those that statements name.
const FREE_SEQUENCES: &str = "
    SELECT s.seqrelid::regclass::text, s.seqstart, s.seqincrement, coalesce(pg_sequence_last_value(s.seqrelid), s.seqstart)
      FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
     WHERE c.relpersistence <> 't' AND CASE c.relkind WHEN 'S' THEN has_sequence_privilege(c.oid, 'SELECT, USAGE') END
       AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                          AND d.refclassid = d.classid AND d.deptype IN ('a', 'i'))
     ORDER BY 1";

/// Asks for all of it.
pub async fn read(client: &mut Object, tables: &[&TableName]) -> Result<ServerFacts, Error> {
    let server = client.query_one(SERVER, &[]).await?;
    let mut facts = ServerFacts {
        is_recovering: server.get(0),
        version: server.get(1),
        encoding: server.get(2),
        prepared_transactions_max: server.get(3),
        system: server.get(4),
        tables: HashMap::new(),
        sequences: client.query(FREE_SEQUENCES, &[]).await?.iter().map(sequence).collect(),
        objects: definitions::of_database(client).await?,
    };
    for name in tables {
        const FIND: &str = "SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                             WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'f')";
        if let Some(row) = client.query_opt(FIND, &[&&*name.schema, &&*name.name]).await? {
            facts.tables.insert((*name).clone(), table(client, row.get(0)).await?);
        }
    }
    let named: HashSet<&str> = facts.tables.values().flat_map(|it| &it.sequences).map(|it| it.name.as_str()).collect();
    facts.sequences.retain(|it| !named.contains(it.name.as_str()));
    Ok(facts)
}

fn sequence(row: &Row) -> SequenceFacts {
    SequenceFacts { name: row.get(0), counts: Counts { start: row.get(1), step: row.get(2) }, last: row.get(3) }
}

async fn table(client: &mut Object, oid: u32) -> Result<TableFacts, Error> {
    let column = |row: &Row| ColumnFacts {
        name: row.get(0),
        type_oid: Some(row.get(1)).filter(|oid| *oid < oid::FIRST_OF_USERS).unwrap_or(0),
        type_name: row.get(2),
        is_deterministic: row.get(3),
    };
    let foreign_key = |row: &Row| {
        let (ours, named) = (row.get::<_, Vec<String>>(3), row.get::<_, Vec<String>>(7));
        let reset = if named.is_empty() { ours.clone() } else { named };
        ForeignKey {
            name: row.get(0),
            to: TableName { schema: row.get::<_, String>(1).into(), name: row.get::<_, String>(2).into() },
            updated: if row.get(5) { ours.clone() } else { Vec::new() },
            reset: if row.get(6) { reset } else { Vec::new() },
            columns: ours.into_iter().zip(row.get::<_, Vec<String>>(4)).collect(),
        }
    };
    Ok(TableFacts {
        columns: client.query(COLUMNS, &[&oid]).await?.iter().map(column).collect(),
        unique: client.query(UNIQUE, &[&oid]).await?.iter().map(|row| (row.get(0), row.get(1))).collect(),
        references: client.query(REFERENCES, &[&oid]).await?.iter().map(foreign_key).collect(),
        triggers: client.query(TRIGGERS, &[&oid]).await?.iter().map(|row| row.get(0)).collect(),
        sequences: client.query(SEQUENCES, &[&oid]).await?.iter().map(sequence).collect(),
        objects: definitions::of_table(client, oid).await?,
    })
}
