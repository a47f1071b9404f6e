//! What the published tests of sqlx import and their crate does not carry: connections, and a test for each type.
//!
//! A type is tested with values and how PostgreSQL writes them: `test_type!(name<Type>(Postgres, "1::int4" == 1))`.

use sqlx::pool::PoolOptions;
use sqlx::{Connection, Database, Pool};

pub use paste::paste;

/// There is nothing to set up: the address comes from the environment.
pub fn setup_if_needed() {}

fn url() -> anyhow::Result<String> {
    Ok(std::env::var("DATABASE_URL")?)
}

/// A connection.
pub async fn new<DB: Database>() -> anyhow::Result<DB::Connection> {
    Ok(DB::Connection::connect(&url()?).await?)
}

/// A pool of a few connections.
pub async fn pool<DB: Database>() -> anyhow::Result<Pool<DB>> {
    Ok(PoolOptions::<DB>::new().min_connections(0).max_connections(5).test_before_acquire(true).connect(&url()?).await?)
}

/// In both protocols.
#[macro_export]
macro_rules! test_type {
    ($name:ident<$type:ty>($db:ident, $sql:literal, $($text:literal == $value:expr),+ $(,)?)) => {
        $crate::test_prepared_type!($name<$type>($db, $sql, $($text == $value),+));
        $crate::test_unprepared_type!($name<$type>($db, $($text == $value),+));
    };
    ($name:ident<$type:ty>($db:ident, $($text:literal == $value:expr),+ $(,)?)) => {
        $crate::test_prepared_type!($name<$type>($db, $($text == $value),+));
        $crate::test_unprepared_type!($name<$type>($db, $($text == $value),+));
    };
    ($type:ident($db:ident, $($text:literal == $value:expr),+ $(,)?)) => {
        $crate::test_type!($type<$type>($db, $($text == $value),+));
    };
}

/// There and back as a parameter, and compared by the server.
#[macro_export]
macro_rules! test_prepared_type {
    ($name:ident<$type:ty>($db:ident, $sql:literal, $($text:literal == $value:expr),+ $(,)?)) => {
        $crate::paste! {
            #[tokio::test]
            async fn [<test_prepared_type_ $name>]() -> anyhow::Result<()> {
                use sqlx::Row;

                let mut connection = $crate::new::<$db>().await?;
                $(
                    let sql = format!($sql, $text);
                    let row = sqlx::query(&sql).bind($value).bind($value).fetch_one(&mut connection).await?;
                    let is_same: i32 = row.try_get(0)?;
                    let (read, returned): ($type, $type) = (row.try_get(1)?, row.try_get(2)?);
                    assert_eq!(is_same, 1, "{} is not {returned:?}", $text);
                    assert_eq!($value, read, "{} as it is read", $text);
                    assert_eq!($value, returned, "{} there and back", $text);
                )+
                Ok(())
            }
        }
    };
    ($name:ident<$type:ty>($db:ident, $($text:literal == $value:expr),+ $(,)?)) => {
        $crate::test_prepared_type!(
            $name<$type>($db, "SELECT ({0} IS NOT DISTINCT FROM $1)::int4, {0}, $2", $($text == $value),+)
        );
    };
    ($type:ident($db:ident, $($text:literal == $value:expr),+ $(,)?)) => {
        $crate::test_prepared_type!($type<$type>($db, $($text == $value),+));
    };
}

/// As a simple query answers.
#[macro_export]
macro_rules! test_unprepared_type {
    ($name:ident<$type:ty>($db:ident, $($text:literal == $value:expr),+ $(,)?)) => {
        $crate::paste! {
            #[tokio::test]
            async fn [<test_unprepared_type_ $name>]() -> anyhow::Result<()> {
                use sqlx::{Executor, Row};

                let mut connection = $crate::new::<$db>().await?;
                $(
                    let sql = format!("SELECT {} AS value", $text);
                    let row = connection.fetch_one(&*sql).await?;
                    let read: $type = row.try_get("value")?;
                    assert_eq!($value, read, "{}", $text);
                )+
                Ok(())
            }
        }
    };
}

/// In both protocols, for what cannot be a parameter.
#[macro_export]
macro_rules! test_decode_type {
    ($name:ident<$type:ty>($db:ident, $($text:literal == $value:expr),+ $(,)?)) => {
        $crate::test_unprepared_type!($name<$type>($db, $($text == $value),+));
        $crate::paste! {
            #[tokio::test]
            async fn [<test_prepared_decode_type_ $name>]() -> anyhow::Result<()> {
                use sqlx::Row;

                let mut connection = $crate::new::<$db>().await?;
                $(
                    let sql = format!("SELECT {} AS value", $text);
                    let row = sqlx::query(&sql).fetch_one(&mut connection).await?;
                    let read: $type = row.try_get("value")?;
                    assert_eq!($value, read, "{}", $text);
                )+
                Ok(())
            }
        }
    };
}
