//! CREATE TABLE … AS and SELECT … INTO of tables that all shards have: each makes the table with the columns that PostgreSQL
//! finds for the query, and then the rows of the query are stored as those of an INSERT … SELECT are.
//!
//! ```sql
//! CREATE TABLE totals AS SELECT client_id, count(*) AS n FROM events GROUP BY client_id
//! each:  CREATE TABLE totals AS SELECT client_id, count(*) AS n FROM events GROUP BY client_id WITH NO DATA
//! rows:  INSERT INTO totals SELECT client_id, count(*) AS n FROM events GROUP BY client_id
//! ```

use crate::logic::sql::name::qualified;
use crate::logic::sql::statement::{Reach, RelationName};

use super::Refusal;
use super::created::{Data, after_as, as_create, data_of};
use super::everywhere::{Everywhere, Fill};
use super::pieces::tokens;

/// Plans such a statement, its target known to be on every shard.
pub fn filled(target: &RelationName, text: &str) -> Result<Everywhere, Refusal> {
    let unread = || Refusal::filled(&target.name);
    let text = as_create(text).ok_or_else(unread)?;
    let all = tokens(&text).ok_or_else(unread)?;
    let at = after_as(&text).ok_or_else(unread)?;
    let is = |number: usize, word: &str| all.get(number).is_some_and(|token| token.is(word));
    let table = if is(1, "unlogged") { 2 } else { 1 };
    // With IF NOT EXISTS nothing says whether there was something to fill.
    if !is(table, "table") || is(table + 1, "if") || all.iter().any(|token| token.param().is_some()) {
        return Err(unread());
    }
    let (whole, data) = data_of(&text).ok_or_else(unread)?;
    let first = all.iter().find(|token| token.start >= at);
    if first.is_none_or(|first| first.is("execute")) {
        return Err(unread());
    }
    let name = qualified(target.schema.as_deref(), &target.name);
    let body = whole.get(at..).ok_or_else(unread)?.trim();
    let fill = Fill {
        create: format!("{} {body}\nWITH NO DATA", &text[..at]).into(),
        insert: (data == Data::All).then(|| format!("INSERT INTO {name} {body}").into()),
        name: name.into(),
    };
    Ok(Everywhere {
        bends: vec![target.name.clone()],
        fill: Some(Box::new(fill)),
        ..Everywhere::plain("CREATE TABLE AS", true, Reach::Database)
    })
}
