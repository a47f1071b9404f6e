//! Reads what sessions begin with: see `logic::defaults`.

use std::hash::{DefaultHasher, Hash, Hasher};

use deadpool_postgres::Transaction;
use tokio_postgres::{Error, Row};

use crate::logic::defaults::{DefaultSet, Defaults, NAMES};

/// What sessions begin with, without what is set for the role that asks here. The settings of values as text are left out
/// where they are as usual.
const BASE: &str = "
    SELECT name, value FROM (SELECT name, CASE WHEN source IN ('user', 'database user') THEN boot_val ELSE reset_val END AS value
                               FROM pg_catalog.pg_settings) s
     WHERE name IN ('default_transaction_deferrable', 'default_transaction_isolation', 'default_transaction_read_only',
                    'search_path', 'standard_conforming_strings')
        OR (name, value) IN (('array_nulls', 'off'), ('xmloption', 'document'))
        OR name = 'extra_float_digits' AND value ~ '^(0|-)'
    UNION ALL SELECT 'client_encoding', 'UTF8' WHERE pg_catalog.current_setting('server_encoding') = 'UTF8'
     ORDER BY 1";

/// ALTER ROLE … SET, ALTER DATABASE … SET.
const SET: &str = "
    SELECT r.rolname, s.setdatabase <> 0, lower(split_part(c, '=', 1)), substr(c, strpos(c, '=') + 1)
      FROM pg_db_role_setting s CROSS JOIN LATERAL unnest(s.setconfig) AS c LEFT JOIN pg_roles r ON r.oid = s.setrole
     WHERE (s.setdatabase = 0 OR s.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()))
       AND (s.setrole = 0 OR r.oid IS NOT NULL)
     ORDER BY 1, 2, 3";

/// What sessions begin with by the configuration alone. Before the transaction sets anything.
pub(super) async fn base(transaction: &Transaction<'_>) -> Result<Vec<(Box<str>, Box<str>)>, Error> {
    let rows = transaction.query(BASE, &[]).await?;
    Ok(rows.iter().map(|row| (row.get::<_, &str>(0).into(), row.get::<_, &str>(1).into())).collect())
}

/// What ALTER ROLE and ALTER DATABASE have set. A value that PostgreSQL does not take is not set.
pub(super) async fn set(transaction: &mut Transaction<'_>) -> Result<Defaults, Error> {
    let rows = transaction.query(SET, &[]).await?;
    let mut hasher = DefaultHasher::new();
    rows.iter().for_each(|row| written(row).hash(&mut hasher));
    let mut set = Vec::new();
    for (role, in_database, name, value) in rows.iter().map(written).filter(|(_, _, name, _)| NAMES.contains(name)) {
        if let Some(value) = as_shown(transaction, name, value).await? {
            set.push(DefaultSet { role: role.map(Into::into), in_database, name: name.into(), value });
        }
    }
    Ok(Defaults { set, version: hasher.finish(), ..Defaults::default() })
}

/// A setting of a role or a database, as it was given.
fn written(row: &Row) -> (Option<&str>, bool, &str, &str) {
    (row.get(0), row.get(1), row.get(2), row.get(3))
}

async fn as_shown(transaction: &mut Transaction<'_>, name: &str, written: &str) -> Result<Option<Box<str>>, Error> {
    match name {
        // Another role than this one may be allowed to.
        "role" => return Ok(Some(written.into())),
        // This connection goes on in its own.
        "client_encoding" => {
            const KNOWN: &str = "SELECT pg_encoding_to_char(pg_char_to_encoding($1::text::name))";
            let name: String = transaction.query_one(KNOWN, &[&written]).await?.get(0);
            return Ok((!name.is_empty()).then(|| name.into()));
        }
        _ => (),
    }
    let attempt = transaction.savepoint("shown").await?;
    let shown = attempt.query_one("SELECT pg_catalog.set_config($1, $2, true)", &[&name, &written]).await;
    attempt.rollback().await?;
    match shown {
        Ok(row) => Ok(Some(row.get::<_, &str>(0).into())),
        Err(error) if error.code().is_some() => Ok(None),
        Err(error) => Err(error),
    }
}
