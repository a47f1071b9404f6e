//! Which functions of a shard run although nobody calls them by name: those of operators, casts, orders of types, checks of
//! domains and tables, generated columns, indexes and event triggers; and which functions look at tables though they say
//! they do not.
//!
//! PostgreSQL knows what depends on what (`pg_depend`). So the way goes from each function that may look at tables to
//! everything that runs it. Where there is no such function, there is nowhere to go.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use deadpool_postgres::Transaction;
use tokio_postgres::{Error, Row};

use super::asking::planned_once;
use crate::logic::catalog::{Relation, Unasked};
use crate::logic::shards::TableName;
use crate::logic::value::oid;

/// What runs a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runner {
    class: u32,
    oid: u32,
    /// What an operator stands between
    operands: Vec<u32>,
    /// Its own name, and of a function the schema
    schema: Box<str>,
    name: Box<str>,
    kind: Kind,
    /// `schema.name` of the function
    function: Box<str>,
    /// The function is volatile
    is_volatile: bool,
    /// Reading its values is enough
    is_read: bool,
}

/// What it is that runs a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A function, perhaps the same
    Function,
    /// An operator
    Operator,
    /// A type, when values of it are made
    Type,
    /// A type of PostgreSQL's, which any statement may have
    SystemType,
    /// The type of the rows of a table
    RowType,
    /// An event trigger
    Event,
    /// Something that is part of one of these
    Other,
}

/// Volatile functions of PostgreSQL's own, and those of them that conditions of domains (`relation` is 0), tables and triggers
/// call themselves: `pg_depend` lists nothing that is always there, but the trees of expressions have their OIDs.
macro_rules! asked {
    () => {
        r"
    volatile(oid, name) AS MATERIALIZED (
        SELECT p.oid, p.proname FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
         WHERE l.lanname IN ('internal', 'c') AND p.provolatile = 'v' AND p.prorettype <> 'tsm_handler'::regtype
           AND p.proname NOT IN ('clock_timestamp', 'gen_random_uuid', 'random', 'timeofday')),
    asked(oid, name, by, relation) AS MATERIALIZED (
        SELECT v.oid, v.name, t.oid, t.relation
          FROM (SELECT oid, conrelid, conbin::text FROM pg_constraint WHERE contype = 'c' AND oid >= 16384
                UNION ALL SELECT oid, tgrelid, tgqual::text FROM pg_trigger WHERE tgqual IS NOT NULL) AS t(oid, relation, tree)
          CROSS JOIN LATERAL regexp_matches(t.tree, ':funcid (\d+)', 'g') AS m
          JOIN volatile v ON v.oid = m[1]::oid AND v.oid < 16384)"
    };
}

/// Functions begin the way that say that they are immutable and name a table or view in their bodies, or run what they put
/// together; and those that do not say so, which many do not that only look at their arguments: unless their bodies have no
/// word that statements over tables begin with, and no name of a volatile function in C. Those of extensions are believed. Of an immutable body each word, and each operator, is taken for
/// what it may name. Casts reach both of their types, in the hands of whoever reads them, and orders of a type reach that; a cast
/// that has to be asked for reaches the type that is named then.
const RUNNERS: &str = concat!(
    "WITH RECURSIVE",
    asked!(),
    r",
    bodies(oid, body) AS (
        SELECT p.oid, CASE WHEN l.lanname = 'sql' AND p.prosrc = '' THEN pg_get_functiondef(p.oid) ELSE p.prosrc END
          FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
         WHERE p.oid >= 16384 AND l.lanname IN ('sql', 'plpgsql') AND p.prokind IN ('f', 'p')
           AND (p.provolatile = 'i'
                OR EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_proc'::regclass AND d.refobjid = p.oid AND d.classid <> 'pg_trigger'::regclass))
           AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')),
    words(oid, word) AS MATERIALIZED (
        SELECT DISTINCT b.oid, lower(m[1])
          FROM bodies b CROSS JOIN LATERAL regexp_matches(b.body, '[[:alpha:]_][[:alnum:]_$]*|[-+*/<>=~!@#%^&|`?]+', 'g') AS m),
    names(class, oid, name) AS (
        SELECT 'pg_proc'::regclass, p.oid, lower(p.proname) FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
         WHERE p.oid >= 16384 AND l.lanname NOT IN ('internal', 'c')
           AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
        UNION ALL SELECT 'pg_type'::regclass, oid, lower(typname) FROM pg_type WHERE oid >= 16384
        UNION ALL SELECT 'pg_operator'::regclass, oid, oprname FROM pg_operator WHERE oid >= 16384),
    ways(class, oid, to_class, to_oid, is_read) AS MATERIALIZED (
        SELECT n.class, n.oid, 'pg_proc'::regclass, w.oid, false FROM words w JOIN names n ON n.name = w.word
        UNION ALL
        SELECT d.refclassid, d.refobjid, d.classid, d.objid, false FROM pg_depend d
         WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass) AND d.refobjid >= 16384
           AND (d.classid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass, 'pg_constraint'::regclass)
                OR d.refclassid <> 'pg_type'::regclass
               AND d.classid IN ('pg_cast'::regclass, 'pg_amop'::regclass, 'pg_amproc'::regclass, 'pg_event_trigger'::regclass))
        UNION ALL
        SELECT 'pg_constraint'::regclass, oid, 'pg_type'::regclass, contypid, false FROM pg_constraint WHERE contypid >= 16384
        UNION ALL
        SELECT 'pg_proc'::regclass, oid, 'pg_constraint'::regclass, by, false FROM asked WHERE relation = 0
        UNION ALL
        SELECT 'pg_type'::regclass, a.atttypid, 'pg_type'::regclass, c.reltype, false
          FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
         WHERE a.atttypid >= 16384 AND a.attnum > 0 AND NOT a.attisdropped AND c.reltype <> 0
        UNION ALL
        SELECT 'pg_cast'::regclass, c.oid, 'pg_type'::regclass, t.oid, c.castcontext <> 'e' OR c.casttarget < 16384
          FROM pg_cast c CROSS JOIN LATERAL (VALUES (c.castsource), (c.casttarget)) AS t(oid)
         WHERE c.oid >= 16384 AND (t.oid >= 16384 OR c.castsource < 16384 AND c.casttarget < 16384)
           AND (c.castcontext <> 'e' OR c.casttarget < 16384 OR t.oid = c.casttarget)
        UNION ALL
        SELECT m.class, m.oid, 'pg_opclass'::regclass, o.oid, false
          FROM (SELECT 'pg_amop'::regclass, oid, amopfamily FROM pg_amop WHERE oid >= 16384
                UNION ALL SELECT 'pg_amproc'::regclass, oid, amprocfamily FROM pg_amproc WHERE oid >= 16384) AS m(class, oid, family)
          JOIN pg_opclass o ON o.opcfamily = m.family
        UNION ALL
        SELECT 'pg_opclass'::regclass, oid, 'pg_type'::regclass, opcintype, true FROM pg_opclass WHERE oid >= 16384 AND opcdefault),
    runs(class, oid, root, is_read) AS (
        SELECT 'pg_proc'::regclass::oid, p.oid, p.oid, false FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
         WHERE p.oid >= 16384 AND l.lanname NOT IN ('internal', 'c') AND p.provolatile <> 'i'
           AND (p.oid NOT IN (SELECT oid FROM bodies)
                OR p.oid IN (SELECT w.oid FROM words w
                              WHERE w.word IN ('call', 'copy', 'delete', 'execute', 'from', 'insert', 'into', 'join', 'lock', 'merge', 'notify',
                                               'perform', 'set', 'table', 'truncate', 'update', 'using')
                                 OR w.word IN (SELECT name FROM volatile)))
        UNION
        SELECT 'pg_proc'::regclass::oid, oid, oid, false FROM asked WHERE relation = 0
        UNION
        SELECT 'pg_proc'::regclass::oid, w.oid, w.oid, false
          FROM words w WHERE w.word = 'execute' OR w.word IN (SELECT name FROM volatile)
        UNION
        SELECT 'pg_proc'::regclass::oid, w.oid, w.oid, false
          FROM words w JOIN words t ON t.oid = w.oid
          JOIN pg_class c ON c.oid >= 16384 AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND lower(c.relname) = t.word
         WHERE w.word IN ('from', 'join', 'into', 'update', 'table')
        UNION
        SELECT w.to_class, w.to_oid, r.root, r.is_read OR w.is_read FROM runs r JOIN ways w ON w.class = r.class AND w.oid = r.oid)
    SELECT r.class, r.oid, coalesce(pn.nspname, ''), coalesce(p.proname, o.oprname, t.typname, ''),
           CASE WHEN p.oid IS NOT NULL THEN 'function' WHEN o.oid IS NOT NULL THEN 'operator' WHEN t.oid < 16384 THEN 'system type'
                WHEN c.relkind IN ('r', 'p', 'v', 'm', 'f') THEN 'row type' WHEN t.oid IS NOT NULL THEN 'type'
                WHEN e.oid IS NOT NULL THEN 'event' ELSE 'other' END,
           concat(n.nspname, '.', f.proname), f.provolatile = 'v', bool_or(r.is_read),
           CASE WHEN o.oid IS NOT NULL THEN ARRAY[o.oprleft, o.oprright] ELSE '{}' END
      FROM runs r JOIN pg_proc f ON f.oid = r.root JOIN pg_namespace n ON n.oid = f.pronamespace
      LEFT JOIN pg_proc p ON r.class = 'pg_proc'::regclass AND p.oid = r.oid
      LEFT JOIN pg_namespace pn ON pn.oid = p.pronamespace
      LEFT JOIN pg_operator o ON r.class = 'pg_operator'::regclass AND o.oid = r.oid
      LEFT JOIN pg_type t ON r.class = 'pg_type'::regclass AND t.oid = r.oid
      LEFT JOIN pg_class c ON c.oid = t.typrelid
      LEFT JOIN pg_event_trigger e ON r.class = 'pg_event_trigger'::regclass AND e.oid = r.oid AND e.evtenabled <> 'D'
     WHERE n.nspname !~ '^pg_temp'
     GROUP BY 1, 2, 3, 4, 5, 6, 7, 9 ORDER BY 1, 2, 6, 7"
);

/// What runs with the rows of a table, its partitions' included; not what triggers, policies and defaults say, which are read
/// elsewhere. A value that has others in it, an array say, may be made anew by whoever reads it.
const COMPANY: &str = concat!(
    "WITH",
    asked!(),
    ",
    runner(class, oid, function, is_read) AS (
        SELECT * FROM unnest($1::oid[], $2::oid[], $3::text[], $4::bool[])),
    run(relation, function, is_read) AS (
        SELECT relation, 'pg_catalog.' || name, false FROM asked WHERE relation <> 0
        UNION
        SELECT k.conrelid, r.function, false
          FROM runner r JOIN pg_depend d ON d.refclassid = r.class AND d.refobjid = r.oid
          JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid AND k.conrelid <> 0
        UNION
        SELECT t.tgrelid, r.function, false
          FROM runner r JOIN pg_depend d ON d.refclassid = r.class AND d.refobjid = r.oid
          JOIN pg_trigger t ON d.classid = 'pg_trigger'::regclass AND t.oid = d.objid
         WHERE r.class <> 'pg_proc'::regclass OR r.oid <> t.tgfoid
        UNION
        SELECT a.attrelid, r.function, false
          FROM runner r JOIN pg_depend d ON d.refclassid = r.class AND d.refobjid = r.oid
          JOIN pg_attrdef f ON d.classid = 'pg_attrdef'::regclass AND f.oid = d.objid
          JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum AND a.attgenerated <> ''
        UNION
        SELECT coalesce(i.indrelid, d.objid), r.function, i.indrelid IS NULL AND (r.is_read OR t.typtype <> 'd')
          FROM runner r JOIN pg_depend d ON d.refclassid = r.class AND d.refobjid = r.oid AND d.classid = 'pg_class'::regclass
          LEFT JOIN pg_index i ON i.indexrelid = d.objid
          LEFT JOIN pg_type t ON r.class = 'pg_type'::regclass AND t.oid = r.oid)
    SELECT n.nspname, c.relname, u.function, bool_or(coalesce(u.is_read, false))
      FROM run u
      CROSS JOIN LATERAL (SELECT u.relation UNION SELECT pg_partition_root(u.relation)) AS of(relation)
      JOIN pg_class c ON c.oid = of.relation JOIN pg_namespace n ON n.oid = c.relnamespace
     GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
);

pub async fn runners(transaction: &Transaction<'_>) -> Result<Vec<Runner>, Error> {
    let rows = transaction.query(RUNNERS, &[]).await?;
    let runner = |row: &Row| Runner {
        class: row.get(0),
        oid: row.get(1),
        schema: text(row, 2),
        name: text(row, 3),
        kind: match row.get(4) {
            "function" => Kind::Function,
            "operator" => Kind::Operator,
            "type" => Kind::Type,
            "system type" => Kind::SystemType,
            "row type" => Kind::RowType,
            "event" => Kind::Event,
            _ => Kind::Other,
        },
        function: text(row, 5),
        is_volatile: row.get(6),
        is_read: row.get(7),
        operands: row.get(8),
    };
    Ok(rows.iter().map(runner).collect())
}

/// The functions that look at tables, or run what does, and whether one of these is volatile.
pub fn looking(runners: &[Runner]) -> (Vec<u32>, Vec<bool>) {
    let mut found: BTreeMap<u32, bool> = BTreeMap::new();
    for it in runners.iter().filter(|it| it.kind == Kind::Function && it.oid >= oid::FIRST_OF_USERS) {
        *found.entry(it.oid).or_default() |= it.is_volatile;
    }
    found.into_iter().unzip()
}

/// Does an immutable function look at one of these relations, if it is there?
pub async fn are_named(transaction: &Transaction<'_>, relations: &[&TableName]) -> Result<bool, Error> {
    const NAMED: &str = "
        SELECT EXISTS (SELECT FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
                        WHERE p.oid >= 16384 AND p.provolatile = 'i' AND l.lanname IN ('sql', 'plpgsql')
                          AND EXISTS (SELECT FROM unnest($1::text[]) AS name WHERE strpos(lower(p.prosrc), lower(name)) > 0))";
    let names: Vec<&str> = relations.iter().map(|it| &*it.name).collect();
    match names.as_slice() {
        [] => Ok(false),
        names => Ok(planned_once(transaction, NAMED, &[&names]).await?.iter().any(|row| row.get(0))),
    }
}

/// What statements reach without a table.
pub fn unasked(runners: &[Runner]) -> Unasked {
    let mut unasked = Unasked::default();
    for it in runners {
        if matches!(it.kind, Kind::Type | Kind::RowType) {
            unasked.oids.insert(it.oid);
        }
        if it.kind == Kind::Operator {
            let own: Vec<u32> = it.operands.iter().copied().filter(|oid| *oid >= oid::FIRST_OF_USERS).collect();
            if own.is_empty() {
                unasked.plain_operators.insert(it.name.clone());
            }
            unasked.oids.extend(own);
        }
        let functions = match it.kind {
            Kind::Operator => unasked.operators.entry(it.name.clone()).or_default(),
            Kind::Type => unasked.types.entry(it.name.clone()).or_default(),
            Kind::SystemType => &mut unasked.anywhere,
            Kind::Event => &mut unasked.definitions,
            Kind::Function | Kind::RowType | Kind::Other => continue,
        };
        functions.insert(it.function.clone());
    }
    unasked
}

/// Tells the tables what runs with their rows.
pub async fn company(
    transaction: &Transaction<'_>,
    runners: &[Runner],
    relations: &mut HashMap<TableName, Arc<Relation>>,
) -> Result<(), Error> {
    let mut found: HashMap<TableName, [Vec<Box<str>>; 2]> = HashMap::new();
    let classes: Vec<u32> = runners.iter().map(|it| it.class).collect();
    let oids: Vec<u32> = runners.iter().map(|it| it.oid).collect();
    let functions: Vec<&str> = runners.iter().map(|it| &*it.function).collect();
    let reads: Vec<bool> = runners.iter().map(|it| it.is_read).collect();
    for row in &planned_once(transaction, COMPANY, &[&classes, &oids, &functions, &reads]).await? {
        let name = TableName { schema: text(row, 0), name: text(row, 1) };
        let [checks, reads] = found.entry(name).or_default();
        checks.push(text(row, 2));
        if row.get(3) {
            reads.push(text(row, 2));
        }
    }
    for (name, relation) in relations {
        let [checks, reads] = found.remove(name).unwrap_or_default();
        if relation.checks != checks || relation.reads != reads {
            let relation = Arc::make_mut(relation);
            (relation.checks, relation.reads) = (checks, reads);
        }
    }
    Ok(())
}

/// What runs something where values are made or compared: the names of types, rows of tables and operators, and the OIDs
/// of the types. `None`: any value may.
pub fn values(runners: &[Runner]) -> Option<(BTreeSet<&str>, Vec<u32>)> {
    let (mut names, mut types) = (BTreeSet::new(), Vec::new());
    for it in runners {
        match it.kind {
            Kind::Operator => {
                names.insert(&*it.name);
            }
            Kind::Type | Kind::RowType => {
                names.insert(&*it.name);
                types.push(it.oid);
            }
            Kind::SystemType => return None,
            Kind::Function | Kind::Event | Kind::Other => (),
        }
    }
    Some((names, types))
}

/// Names in bodies that run a function, and the function: what such a body leaves is what the function leaves.
pub fn names(runners: &[Runner]) -> BTreeSet<[&str; 3]> {
    /// The words of statements that fire event triggers.
    const VERBS: [&str; 10] =
        ["create", "alter", "drop", "comment", "grant", "revoke", "refresh", "import", "reassign", "label"];
    let mut names = BTreeSet::new();
    for it in runners {
        match it.kind {
            Kind::Function | Kind::Operator | Kind::Type | Kind::RowType => {
                names.insert([&*it.schema, &*it.name, &*it.function]);
            }
            Kind::Event => names.extend(VERBS.map(|verb| ["", verb, &*it.function])),
            // Any word may stand for a value of it.
            Kind::SystemType => names.extend(["begin", "select"].map(|word| ["", word, &*it.function])),
            Kind::Other => (),
        }
    }
    names
}

fn text(row: &Row, index: usize) -> Box<str> {
    row.get::<_, &str>(index).into()
}
