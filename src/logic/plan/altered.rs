//! Tables whose columns the open transaction has changed, and what may not be done with them until it commits: plans know
//! the columns of before.

use crate::logic::shards::TableName;
use crate::logic::sql::statement::Utility;

use super::pieces::{Token, tokens};
use super::schema::Schema;
use super::utility;

/// A table that every shard has, and which has other columns, or other defaults of them, than plans know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Altered {
    /// Its name
    pub table: Box<str>,
    /// The column that decides where its rows live; `None`: it is a reference table
    key: Option<Box<str>>,
}

impl Altered {
    /// The statement puts rows into it that find their places, or their values, by what plans know.
    pub fn forbids(&self, text: &str) -> bool {
        let Some(tokens) = tokens(text) else { return true };
        let begins = |at: usize| match tokens[at].text.to_ascii_lowercase().as_str() {
            "into" => at > 0 && (tokens[at - 1].is("insert") || tokens[at - 1].is("merge")),
            "copy" => true,
            _ => false,
        };
        (0..tokens.len())
            .any(|at| begins(at) && self.is_filled_by(&tokens[at + 1..], tokens[at.max(1) - 1].is("merge")))
    }

    /// `[schema.]table [AS alias] [(columns)]` stands there, and it is this table.
    fn is_filled_by(&self, tokens: &[Token<'_>], is_merge: bool) -> bool {
        let mut rest = tokens;
        while let [_, dot, after @ ..] = rest
            && dot.is(".")
        {
            rest = after;
        }
        let [name, rest @ ..] = rest else { return false };
        if name.name() != *self.table {
            return false;
        }
        let rest = if let [word, _, rest @ ..] = rest
            && word.is("as")
        {
            rest
        } else {
            rest
        };
        let lists_key = |key: &str| match rest {
            [open, columns @ ..] if open.is("(") => {
                columns.iter().take_while(|column| !column.is(")")).any(|column| column.name() == *key)
            }
            _ => false,
        };
        is_merge || !self.key.as_deref().is_some_and(lists_key)
    }
}

/// What tells where a statement goes: of CREATE TRIGGER all but the function.
pub fn telling(text: &str) -> &str {
    let tokens = tokens(text).unwrap_or_default();
    let is_trigger = tokens.first().is_some_and(|token| token.is("create"))
        && tokens.iter().skip(1).take(4).any(|token| token.is("trigger"));
    let function = tokens.iter().rev().find(|token| token.is("execute")).filter(|_| is_trigger);
    function.map_or(text, |token| &text[..token.start])
}

/// The tables that a definition gives other columns. One that names no table may reach any.
pub fn altered(statement: &Utility, schema: &Schema<'_>) -> Vec<Altered> {
    if !statement.alters_columns {
        return Vec::new();
    }
    let names = utility::names(statement, schema);
    let is_named = |table: &TableName| names.iter().any(|name| name.name == table.name);
    let everywhere = schema.on_every_shard();
    let meant = everywhere.filter(|it| names.is_empty() || is_named(it.table) || is_named(it.whole));
    meant.map(|it| Altered { table: it.table.name.clone(), key: it.key.map(Box::from) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_function_of_a_trigger_does_not_tell_where_it_goes() {
        let create = "CREATE OR REPLACE TRIGGER t BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION touch()";
        assert!(telling(create).ends_with("ROW ") && telling("EXECUTE touch") == "EXECUTE touch");
    }

    #[test]
    fn rows_are_put_in_by_the_names_of_columns() {
        let of = |key: Option<&str>| Altered { table: "events".into(), key: key.map(Box::from) };
        let (sharded, reference) = (of(Some("client_id")), of(None));
        for sql in [
            "INSERT INTO events VALUES (1, 2)",
            "INSERT INTO public.\"events\" SELECT client_id FROM x",
            "INSERT INTO events (id, kind) VALUES (1, 'client_id')",
            "WITH x AS (INSERT INTO events AS e VALUES (1) RETURNING client_id) SELECT 1",
            "COPY events FROM STDIN",
            "MERGE INTO events USING x ON true WHEN NOT MATCHED THEN INSERT (client_id) VALUES (1)",
        ] {
            assert!(sharded.forbids(sql) && reference.forbids(sql), "{sql}");
        }
        for sql in ["INSERT INTO events (id, client_id) VALUES (1, 2)", "COPY public.events (client_id, id) FROM STDIN"]
        {
            assert!(!sharded.forbids(sql) && reference.forbids(sql), "{sql}");
        }
        for sql in ["UPDATE events SET id = 1", "INSERT INTO other SELECT * FROM events", "SELECT 'insert into events'"]
        {
            assert!(!sharded.forbids(sql) && !reference.forbids(sql), "{sql}");
        }
    }
}
