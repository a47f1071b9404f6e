//! What drivers and pools ask of every database, of their own accord: it is answered as a quiet PostgreSQL would.

use std::borrow::Cow;

use crate::logic::console::statement::{Problem, Statement};
use crate::logic::console::table::{Cell, Column, Kind, Table};
use crate::logic::console::tokens::Token;

/// Who asks, from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asker<'a> {
    /// User
    pub user: &'a str,
    /// Database, as it was named
    pub database: &'a str,
}

/// The version that the console passes for: drivers compare it with what they know.
pub const SERVER_VERSION: &str = concat!("15.0 (shardway ", env!("CARGO_PKG_VERSION"), ")");
const VERSION: &str = concat!("PostgreSQL 15.0 (shardway ", env!("CARGO_PKG_VERSION"), " console)");

/// What every client is told at login.
pub const GREETING: &[(&str, &str)] = &[
    ("server_version", SERVER_VERSION),
    ("server_encoding", "UTF8"),
    ("client_encoding", "UTF8"),
    ("application_name", ""),
    ("default_transaction_read_only", "off"),
    ("in_hot_standby", "off"),
    ("is_superuser", "off"),
    ("DateStyle", "ISO, MDY"),
    ("IntervalStyle", "postgres"),
    ("TimeZone", "UTC"),
    ("integer_datetimes", "on"),
    ("standard_conforming_strings", "on"),
];

/// More that SHOW and `current_setting` know.
const PARAMETERS: &[(&str, &str)] = &[
    ("bytea_output", "hex"),
    ("client_min_messages", "notice"),
    ("default_transaction_isolation", "read committed"),
    ("extra_float_digits", "1"),
    ("idle_in_transaction_session_timeout", "0"),
    ("lock_timeout", "0"),
    ("max_identifier_length", "63"),
    ("search_path", "\"$user\", public"),
    ("server_version_num", "150000"),
    ("session_authorization", ""),
    ("statement_timeout", "0"),
    ("transaction_isolation", "read committed"),
    ("transaction_read_only", "off"),
];

/// Of a session, not of the proxy: SET of it is taken and has no effect.
pub(super) fn is_of_session(name: &str) -> bool {
    const MORE: [&str; 8] =
        ["characteristics", "constraints", "names", "role", "time", "transaction", "jit", "row_security"];
    MORE.contains(&name) || parameter(name).is_some()
}

fn parameter(name: &str) -> Option<(&'static str, &'static str)> {
    GREETING.iter().chain(PARAMETERS).find(|(known, _)| known.eq_ignore_ascii_case(name)).copied()
}

/// SHOW of a parameter.
pub(super) fn show(words: &[Token<'_>], asker: &Asker<'_>) -> Option<Table> {
    let name = match words {
        [Token::Word(name)] => *name,
        [Token::Quoted(name)] => name,
        [first, second, third] if first.is("transaction") && second.is("isolation") && third.is("level") => {
            "transaction_isolation"
        }
        [first, second] if first.is("time") && second.is("zone") => "TimeZone",
        [first, second] if first.is("session") && second.is("authorization") => "session_authorization",
        _ => return None,
    };
    let (name, value) = setting(name, asker)?;
    Some(Table::one(name, value))
}

fn setting(name: &str, asker: &Asker<'_>) -> Option<(&'static str, String)> {
    match parameter(name)? {
        (name @ "session_authorization", _) => Some((name, asker.user.to_owned())),
        (name, value) => Some((name, value.to_owned())),
    }
}

/// Statements that change nothing here.
pub(super) fn ignored(word: &str, rest: &[Token<'_>]) -> Option<Statement> {
    let statement = match word {
        "begin" => Statement::Begin("BEGIN"),
        "start" if rest.first().is_some_and(|next| next.is("transaction")) => Statement::Begin("START TRANSACTION"),
        "commit" | "end" => Statement::End("COMMIT"),
        "rollback" | "abort" => Statement::End("ROLLBACK"),
        "reset" => Statement::Ignored("RESET"),
        "discard" if rest.iter().any(|next| next.is("all")) => Statement::Ignored("DISCARD ALL"),
        "deallocate" if rest.iter().any(|next| next.is("all")) => Statement::Ignored("DEALLOCATE ALL"),
        "close" if rest.iter().any(|next| next.is("all")) => Statement::Ignored("CLOSE CURSOR ALL"),
        "unlisten" => Statement::Ignored("UNLISTEN"),
        _ => return None,
    };
    Some(statement)
}

/// SELECT of what needs no table.
pub(super) fn select(rest: &[Token<'_>], asker: &Asker<'_>) -> Option<Result<Table, Problem>> {
    if rest.iter().any(|token| token.is("from")) {
        let message = "the console has no tables".to_owned();
        return Some(Err(Problem { sqlstate: "0A000", message }));
    }
    let (mut columns, mut row) = (Vec::new(), Vec::new());
    for item in items(rest) {
        let (column, cell) = select_item(item, asker)?;
        columns.push(column);
        row.push(cell);
    }
    (!row.is_empty()).then(|| Ok(Table { columns: Cow::Owned(columns), rows: vec![row] }))
}

/// The parts between commas that stand in no parentheses.
fn items<'t, 'a>(tokens: &'t [Token<'a>]) -> impl Iterator<Item = &'t [Token<'a>]> {
    let mut depth = 0_usize;
    tokens.split(move |token| {
        match token {
            Token::Sign('(') => depth += 1,
            Token::Sign(')') => depth = depth.saturating_sub(1),
            Token::Word(_) | Token::Quoted(_) | Token::Text(_) | Token::Sign(_) => (),
        }
        depth == 0 && *token == Token::Sign(',')
    })
}

/// One expression: `[pg_catalog.]name[(…)]` or a literal, then perhaps a cast, then perhaps a name.
fn select_item(tokens: &[Token<'_>], asker: &Asker<'_>) -> Option<(Column, Cell)> {
    let tokens = match tokens {
        [schema, Token::Sign('.'), rest @ ..] if schema.is("pg_catalog") => rest,
        _ => tokens,
    };
    let (first, rest) = tokens.split_first()?;
    let (arguments, rest) = arguments(rest)?;
    let name = named(rest)?;
    let (default, kind, cell) = match (first, arguments) {
        (Token::Text(text), None) => ("?column?".to_owned(), Kind::Text, text.clone().into()),
        (Token::Word(word), None) if word.bytes().all(|byte| byte.is_ascii_digit()) => {
            ("?column?".to_owned(), Kind::Int4, i32::try_from(word.parse::<u32>().ok()?).ok()?.into())
        }
        (Token::Word(word), arguments) => {
            let word = word.to_ascii_lowercase();
            let (kind, cell) = function(&word, arguments, asker)?;
            (word, kind, cell)
        }
        (Token::Text(_) | Token::Quoted(_) | Token::Sign(_), _) => return None,
    };
    Some((Column { name: name.unwrap_or(default).into(), kind }, cell))
}

/// What stands in parentheses, if they follow, and what follows them.
fn arguments<'t, 'a>(tokens: &'t [Token<'a>]) -> Option<(Option<&'t [Token<'a>]>, &'t [Token<'a>])> {
    let [Token::Sign('('), inside @ ..] = tokens else { return Some((None, tokens)) };
    let end = inside.iter().position(|token| *token == Token::Sign(')'))?;
    Some((Some(&inside[..end]), &inside[end + 1..]))
}

/// The name that an item is given, behind a cast; outer `None`: there is more that is not understood.
fn named(tokens: &[Token<'_>]) -> Option<Option<String>> {
    let rest = match tokens {
        [Token::Sign(':'), Token::Sign(':'), Token::Word(_), rest @ ..] => rest,
        rest => rest,
    };
    match rest {
        [] => Some(None),
        [Token::Word(word)] => Some(Some(word.to_ascii_lowercase())),
        [Token::Quoted(name)] => Some(Some(name.clone())),
        [keyword, Token::Word(word)] if keyword.is("as") => Some(Some(word.to_ascii_lowercase())),
        [keyword, Token::Quoted(name)] if keyword.is("as") => Some(Some(name.clone())),
        _ => None,
    }
}

fn function(name: &str, arguments: Option<&[Token<'_>]>, asker: &Asker<'_>) -> Option<(Kind, Cell)> {
    let text = |text: &str| (Kind::Text, text.to_owned().into());
    let found = match (name, arguments) {
        ("version", Some([])) => text(VERSION),
        ("current_database" | "current_catalog", _) => text(asker.database),
        ("current_user" | "session_user" | "user" | "current_role", None) => text(asker.user),
        ("current_schema", _) => text("public"),
        ("pg_is_in_recovery", Some([])) => (Kind::Bool, false.into()),
        ("pg_backend_pid", Some([])) => (Kind::Int4, 0.into()),
        ("pg_advisory_unlock_all" | "set_config", Some(_)) => text(""),
        ("current_setting", Some([Token::Text(name), ..])) => text(&setting(name, asker)?.1),
        _ => return None,
    };
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::console::grammar::parse;

    const ASKER: Asker<'static> = Asker { user: "ops", database: "shardway" };

    fn answer(text: &str) -> Table {
        let all = parse(text, &ASKER).unwrap_or_else(|problem| panic!("{text}: {problem:?}"));
        match all.into_iter().next() {
            Some(Statement::Answer { table, .. }) => table,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn texts(text: &str) -> Vec<String> {
        let table = answer(text);
        let cell = |cell: &Cell| match cell {
            Cell::Text(text) => text.to_string(),
            Cell::Number(number) => number.to_string(),
            Cell::Null => "NULL".to_owned(),
        };
        let names = table.columns.iter().map(|column| column.name.as_ref());
        names.zip(table.rows.concat().iter().map(cell)).map(|(name, value)| format!("{name}={value}")).collect()
    }

    #[test]
    fn what_drivers_ask_at_login() {
        // SQLAlchemy
        assert_eq!(texts("select pg_catalog.version()"), [format!("version={VERSION}")]);
        assert_eq!(texts("select current_schema()"), ["current_schema=public"]);
        assert_eq!(texts("show standard_conforming_strings"), ["standard_conforming_strings=on"]);
        assert_eq!(texts("show transaction isolation level"), ["transaction_isolation=read committed"]);
    }

    #[test]
    fn simple_expressions() {
        assert_eq!(texts("SELECT 1"), ["?column?=1"]);
        assert_eq!(texts("SELECT 1 AS one, 'a,b'::text \"Two\""), ["one=1", "Two=a,b"]);
        assert_eq!(texts("SELECT current_user, current_database()"), ["current_user=ops", "current_database=shardway"]);
        assert_eq!(texts("SELECT pg_is_in_recovery()"), ["pg_is_in_recovery=0"]);
        assert_eq!(texts("SELECT current_setting('server_version_num')::int"), ["current_setting=150000"]);
        assert_eq!(texts("show SESSION AUTHORIZATION"), ["session_authorization=ops"]);
    }

    #[test]
    fn tables_are_refused_and_the_rest_is_no_command() {
        assert_eq!(parse("SELECT * FROM pg_type", &ASKER).expect_err("it has no tables").sqlstate, "0A000");
        for wrong in ["SELECT", "SELECT 1 + 1", "SELECT f(1)", "SELECT 1,", "SELECT (1)", "INSERT INTO a VALUES (1)"] {
            assert_eq!(parse(wrong, &ASKER).expect_err(wrong).sqlstate, "42601", "{wrong}");
        }
    }

    #[test]
    fn what_pools_say_when_a_connection_comes_back() {
        // asyncpg
        let reset = "SELECT pg_advisory_unlock_all();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;";
        assert_eq!(parse(reset, &ASKER).map(|all| all.len()), Ok(4));
        for (text, tag) in [("DISCARD ALL", "DISCARD ALL"), ("DEALLOCATE ALL", "DEALLOCATE ALL")] {
            assert_eq!(parse(text, &ASKER), Ok(vec![Statement::Ignored(tag)]));
        }
    }
}
