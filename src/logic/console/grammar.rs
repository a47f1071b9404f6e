//! What a text of the console means: PgBouncer's commands, ours, and what drivers say of their own accord.

use crate::logic::console::drivers::{self, Asker};
use crate::logic::console::statement::{Act, Problem, Shutdown, Statement};
use crate::logic::console::table::Table;
use crate::logic::console::tokens::{Token, tokens};
use crate::logic::console::topics;

/// The statements of a text, one after the other.
pub fn parse(text: &str, asker: &Asker<'_>) -> Result<Vec<Statement>, Problem> {
    let tokens = tokens(text).ok_or_else(|| Problem::syntax(text))?;
    let mut statements = Vec::new();
    for part in tokens.split(|token| *token == Token::Sign(';')).filter(|part| !part.is_empty()) {
        statements.push(statement(part, asker).ok_or_else(|| Problem::syntax(text))??);
    }
    Ok(statements)
}

fn statement(tokens: &[Token<'_>], asker: &Asker<'_>) -> Option<Result<Statement, Problem>> {
    let (first, rest) = tokens.split_first()?;
    let Token::Word(word) = first else { return None };
    let word = word.to_ascii_lowercase();
    let found = match word.as_str() {
        "show" => return show(rest, asker),
        // PgBouncer takes SELECT for SHOW.
        "select" => match topics::find(rest) {
            Some(topic) => Statement::Show(topic),
            None => return drivers::select(rest, asker).map(|answer| answer.map(answered_by_select)),
        },
        "set" => return set(rest).map(Ok),
        _ => match of_one(&word, rest).or_else(|| Some(Ok(act(&word, rest)?))) {
            Some(act) => return Some(act.map(Statement::Act)),
            None => drivers::ignored(&word, rest)?,
        },
    };
    Some(Ok(found))
}

fn show(rest: &[Token<'_>], asker: &Asker<'_>) -> Option<Result<Statement, Problem>> {
    if let Some(topic) = topics::find(rest) {
        return Some(Ok(Statement::Show(topic)));
    }
    if rest.first().is_some_and(|token| token.is("fds")) {
        return Some(Err(Problem::unsupported("SHOW FDS")));
    }
    drivers::show(rest, asker).map(|table| Ok(Statement::Answer { table, tag: "SHOW" }))
}

fn answered_by_select(table: Table) -> Statement {
    Statement::Answer { table, tag: "SELECT 1" }
}

fn set(rest: &[Token<'_>]) -> Option<Statement> {
    let rest = match rest {
        [scope, rest @ ..] if scope.is("session") || scope.is("local") => rest,
        _ => rest,
    };
    let (key, rest) = rest.split_first()?;
    let key = key.name()?.to_ascii_lowercase();
    if drivers::is_of_session(&key) {
        return Some(Statement::Ignored("SET"));
    }
    let (sign, value) = rest.split_first()?;
    if !(*sign == Token::Sign('=') || sign.is("to")) {
        return None;
    }
    let value = match value {
        [Token::Text(text) | Token::Quoted(text)] => text.clone(),
        [Token::Word(word)] => (*word).to_owned(),
        [Token::Sign('-'), Token::Word(number)] => format!("-{number}"),
        _ => return None,
    };
    Some(Statement::Set { key, value })
}

/// Commands that concern one database, or one client.
fn of_one(word: &str, rest: &[Token<'_>]) -> Option<Result<Act, Problem>> {
    let name = match rest {
        [] => None,
        [one] => Some(one.name()?),
        _ => return None,
    };
    let act: fn(String) -> Act = match word {
        "disable" => Act::Disable,
        "enable" => Act::Enable,
        "kill" => Act::Kill,
        "kill_client" => {
            let id = name.and_then(|name| name.parse().ok());
            return Some(id.map(Act::KillClient).ok_or_else(Problem::no_client));
        }
        "suspend" if rest.is_empty() => return Some(Err(Problem::unsupported("SUSPEND"))),
        _ => return None,
    };
    Some(name.map(act).ok_or_else(Problem::no_database))
}

fn act(word: &str, rest: &[Token<'_>]) -> Option<Act> {
    let optional = |rest: &[Token<'_>]| match rest {
        [] => Some(None),
        [one] => one.name().map(Some),
        _ => None,
    };
    Some(match word {
        "pause" => Act::Pause(optional(rest)?),
        "resume" => Act::Resume(optional(rest)?),
        "reconnect" => Act::Reconnect(optional(rest)?),
        "wait_close" => Act::WaitClose(optional(rest)?),
        "reload" if rest.is_empty() => Act::Reload,
        "shutdown" => Act::Shutdown(match rest {
            [] => Shutdown::Now,
            [how] if how.is("wait_for_servers") => Shutdown::WaitForServers,
            [how] if how.is("wait_for_clients") => Shutdown::WaitForClients,
            _ => return None,
        }),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::console::topics::Topic;

    const ASKER: Asker<'static> = Asker { user: "ops", database: "shardway" };

    fn one(text: &str) -> Statement {
        let mut all = parse(text, &ASKER).unwrap_or_else(|problem| panic!("{text}: {problem:?}"));
        assert_eq!(all.len(), 1, "{text}: {all:?}");
        all.remove(0)
    }

    #[test]
    fn commands_are_read_as_pgbouncer_reads_them() {
        let cases = [
            ("PAUSE", Act::Pause(None)),
            (" pause\tapp ; ", Act::Pause(Some("app".into()))),
            ("RESUME \"My \"\"app\"\"\"", Act::Resume(Some("My \"app\"".into()))),
            ("disable app", Act::Disable("app".into())),
            ("KILL app;", Act::Kill("app".into())),
            ("KILL_CLIENT 17", Act::KillClient(17)),
            ("kill_client \"17\"", Act::KillClient(17)),
            ("WAIT_CLOSE", Act::WaitClose(None)),
            ("RELOAD", Act::Reload),
            ("/* by hand */ SHUTDOWN WAIT_FOR_CLIENTS -- now", Act::Shutdown(Shutdown::WaitForClients)),
        ];
        for (text, act) in cases {
            assert_eq!(one(text), Statement::Act(act), "{text}");
        }
        for wrong in [
            "PAUSE a b",
            "RELOAD app",
            "SHUTDOWN SOON",
            "FLY",
            "SHOW NONSENSE",
            "'show'",
            "PAUSE 'app",
            "/* SHOW POOLS",
            "SET",
            "KILL a b",
        ] {
            let problem = parse(wrong, &ASKER).expect_err(wrong);
            assert_eq!(problem.message, format!("invalid command '{wrong}', use SHOW HELP;"));
        }
    }

    #[test]
    fn what_a_command_lacks_is_told_in_pgbouncers_words() {
        for (text, message) in [
            ("KILL", "a database is required"),
            ("disable", "a database is required"),
            ("ENABLE;", "a database is required"),
            ("KILL_CLIENT", "invalid client pointer supplied"),
            ("KILL_CLIENT x", "invalid client pointer supplied"),
            ("SUSPEND", "SUSPEND is not supported: sockets are not handed over through the console"),
        ] {
            assert_eq!(parse(text, &ASKER).expect_err(text).message, message);
        }
    }

    #[test]
    fn settings_of_the_proxy_are_set_and_those_of_sessions_taken() {
        let set = |key: &str, value: &str| Statement::Set { key: key.into(), value: value.into() };
        assert_eq!(one("SET max_client_conn = 5"), set("max_client_conn", "5"));
        assert_eq!(one("set Query_Timeout to '10s'"), set("query_timeout", "10s"));
        for ignored in [
            "SET client_encoding TO 'UTF8'",
            "SET SESSION extra_float_digits = 3",
            "SET TIME ZONE 'UTC'",
            "SET DateStyle=ISO",
        ] {
            assert_eq!(one(ignored), Statement::Ignored("SET"), "{ignored}");
        }
    }

    #[test]
    fn several_statements_may_stand_in_a_text() {
        let all = parse("SHOW POOLS; BEGIN; ;select lists;", &ASKER).expect("it is right");
        let expected = [Statement::Show(Topic::Pools), Statement::Begin("BEGIN"), Statement::Show(Topic::Lists)];
        assert_eq!(all, expected);
        assert_eq!(parse(" ; -- nothing", &ASKER), Ok(Vec::new()));
    }
}
