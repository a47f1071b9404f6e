//! Which functions of a shard look at nothing but what they are given: their bodies tell.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use deadpool_postgres::Transaction;
use tokio_postgres::Error;

use super::unasked::{Runner, values};
use crate::logic::body::contained::{Contained, contained};
use crate::logic::catalog::Function;

/// All but PostgreSQL's own and those in C. Of a body that is long, or written as a part of SQL, only that it is there.
const BODIES: &str = "
    SELECT n.nspname, p.proname, l.lanname,
           CASE WHEN p.prokind = 'f' AND l.lanname IN ('sql', 'plpgsql') AND length(p.prosrc) BETWEEN 1 AND 8192 THEN p.prosrc END,
           p.prorettype = 'trigger'::regtype
      FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
     WHERE p.oid >= 16384 AND l.lanname NOT IN ('internal', 'c') AND n.nspname !~ '^pg_temp'";

/// Judges the functions by all overloads of their names. Where making or comparing values runs something, a body that may
/// do so is none of these.
pub async fn judge(
    transaction: &Transaction<'_>,
    functions: &mut HashMap<Box<str>, Vec<Function>>,
    runners: &[Runner],
) -> Result<(), Error> {
    let Some(values) = values(runners) else { return Ok(()) };
    let mut found: HashMap<[Box<str>; 2], Option<Contained>> = HashMap::new();
    for row in &transaction.query(BODIES, &[]).await? {
        let body: Option<&str> = row.get(3);
        let judged = body.and_then(|body| of_body(row.get(2), body, row.get(4), &values));
        let known = found.entry([row.get::<_, &str>(0).into(), row.get::<_, &str>(1).into()]);
        let known = known.or_insert_with(|| Some(Contained::default()));
        *known = known.take().zip(judged).map(|(mut known, judged)| {
            known.names.extend(judged.names.into_iter().filter(|name| functions.contains_key(name)));
            known.sets.extend(judged.sets);
            known
        });
    }
    for ([schema, name], contained) in found {
        let contained = contained.map(Arc::new);
        for function in functions.get_mut(&name).into_iter().flatten().filter(|it| it.schema == schema) {
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
