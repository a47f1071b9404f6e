//! Which functions of a shard look at nothing but what they are given: their bodies tell.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use deadpool_postgres::Transaction;
use tokio_postgres::Error;

use super::unasked::{Runner, values};
use crate::logic::body::contained::{Contained, contained};
use crate::logic::catalog::{Function, FunctionKind};

/// All but PostgreSQL's own and those in C, each with the defaults of its arguments. Of a body that is long or written as a
/// part of SQL, of one whose defaults or type call what the user has made, and of one that is given objects of the catalogs,
/// only that it is there.
const BODIES: &str = "
    SELECT n.nspname, p.proname, l.lanname,
           CASE WHEN p.prokind = 'f' AND l.lanname IN ('sql', 'plpgsql') AND length(p.prosrc) BETWEEN 1 AND 8192
                 AND NOT EXISTS (SELECT FROM pg_depend d
                                  WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.refobjid >= 16384
                                    AND (d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)
                                         OR d.refclassid = 'pg_type'::regclass AND d.refobjid = ANY ($1)))
                 AND NOT EXISTS (SELECT FROM pg_type t
                                  WHERE t.oid = ANY (coalesce(p.proallargtypes, p.proargtypes::oid[]) || p.prorettype)
                                    AND t.oid < 16384 AND t.typname ~ '^_?reg')
                THEN p.prosrc END,
           p.prorettype = 'trigger'::regtype, coalesce(pg_get_expr(p.proargdefaults, 0), '')
      FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
     WHERE p.oid >= 16384 AND l.lanname NOT IN ('internal', 'c') AND n.nspname !~ '^pg_temp'";

/// Judges the functions by all overloads of their names. Where making or comparing values runs something, a body that may
/// do so is none of these.
pub async fn judge(
    transaction: &Transaction<'_>,
    functions: &mut HashMap<Box<str>, Vec<Function>>,
    runners: &[Runner],
) -> Result<(), Error> {
    let Some((values, types)) = values(runners) else { return Ok(()) };
    let mut found: HashMap<[Box<str>; 2], Option<Contained>> = HashMap::new();
    for row in &transaction.query(BODIES, &[&types]).await? {
        let body: Option<&str> = row.get(3);
        let judged = body.and_then(|body| of_body(row.get(2), body, row.get(4), &values));
        let defaults = contained("sql", &format!("SELECT {}", row.get::<_, &str>(5)), false);
        let known = found.entry([row.get::<_, &str>(0).into(), row.get::<_, &str>(1).into()]);
        let known = known.or_insert_with(|| Some(Contained::default()));
        *known = known.take().zip(judged).zip(defaults).map(|((mut known, judged), defaults)| {
            // The rest are names of columns and variables.
            let means = |name: &str| functions.contains_key(name) || name.starts_with("reg");
            known.names.extend(judged.names.into_iter().chain(defaults.names).filter(|it| means(it)));
            known.sets.extend(judged.sets);
            known
        });
    }
    for ([schema, name], contained) in found {
        let contained = contained.map(Arc::new);
        let overloads = functions.get_mut(&name).into_iter().flatten();
        for function in overloads.filter(|it| it.schema == schema && it.kind == FunctionKind::Function) {
            function.contained.clone_from(&contained);
        }
    }
    Ok(())
}

fn of_body(language: &str, body: &str, is_trigger: bool, values: &BTreeSet<&str>) -> Option<Contained> {
    let found = contained(language, body, is_trigger)?;
    let is_operator = |name: &str| !name.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    let runs = |name: &&str| found.names.contains(*name) || is_operator(name) && body.contains(*name);
    (!values.iter().any(runs)).then_some(found)
}
