//! DO blocks that are one definition, and may pass over its being there already. They go where it goes, as they are.
//!
//! ```sql
//! DO $$ BEGIN CREATE TYPE mood AS ENUM ('sad', 'ok'); EXCEPTION WHEN duplicate_object THEN NULL; END $$
//! ```

use crate::logic::sql::parse::with_statements;
use crate::logic::sql::statement::{Located, Reach, Statement, Utility};

use super::pieces::{Token, tokens};

/// How a definition begins. PL/pgSQL has no statements of its own that do.
const VERBS: [&str; 6] = ["create", "alter", "drop", "comment", "grant", "revoke"];

/// Errors that every shard meets alike: they speak of the schema, not of rows.
const OF_SCHEMA: [&str; 10] = [
    "duplicate_object",
    "duplicate_table",
    "duplicate_column",
    "duplicate_schema",
    "duplicate_function",
    "undefined_object",
    "undefined_table",
    "undefined_column",
    "undefined_function",
    "invalid_schema_name",
];

/// Shows the definition, and its text, to `work`; `None`: the block is anything else. One that makes a table is: the map
/// may have to gain that.
pub fn with_definition<T>(language: &str, body: &str, work: impl FnOnce(&Utility, &str) -> T) -> Option<T> {
    let text = inner(body).filter(|_| language == "plpgsql")?;
    let seen = with_statements(text, |located| {
        let [Located { statement: Statement::Utility(utility), .. }] = located else { return None };
        (utility.is_ddl && is_of_transaction(utility.reach)).then(|| work(utility, text))
    });
    seen.ok()?
}

fn is_of_transaction(reach: Reach) -> bool {
    match reach {
        Reach::Database | Reach::Roles => true,
        Reach::Block | Reach::Upkeep | Reach::Outside | Reach::Server => false,
    }
}

/// What stands between BEGIN and END, or EXCEPTION, if it is one statement.
fn inner(body: &str) -> Option<&str> {
    let tokens = tokens(body)?;
    let is_definition = VERBS.iter().any(|verb| tokens.get(1).is_some_and(|token| token.is(verb)));
    let end = tokens.iter().position(|token| token.is(";"))?;
    let is_block = tokens[0].is("begin") && is_definition && passes_over(&tokens[end + 1..]);
    is_block.then(|| &body[tokens[1].start..tokens[end].start])
}

/// `EXCEPTION WHEN condition OR … THEN NULL; END`, or END alone.
fn passes_over(tokens: &[Token<'_>]) -> bool {
    let is = |at: usize, word: &str| tokens.get(at).is_some_and(|token| token.is(word));
    let mut at = 0;
    if is(0, "exception") && is(1, "when") {
        at = 2;
        while OF_SCHEMA.iter().any(|condition| is(at, condition)) && is(at + 1, "or") {
            at += 2;
        }
        let is_passed_over = OF_SCHEMA.iter().any(|condition| is(at, condition))
            && is(at + 1, "then")
            && is(at + 2, "null")
            && is(at + 3, ";");
        if !is_passed_over {
            return false;
        }
        at += 4;
    }
    let left = tokens.len().saturating_sub(at);
    is(at, "end") && (left == 1 || left == 2 && is(at + 1, ";"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_of_one_definition_shows_it() {
        let create = "CREATE TYPE mood AS ENUM ('a;b')";
        for body in [
            format!("BEGIN {create}; END"),
            format!(" begin -- what;\n {create} ; end; "),
            format!("BEGIN {create}; EXCEPTION WHEN duplicate_object THEN null; END;"),
            format!("BEGIN {create}; EXCEPTION WHEN duplicate_object OR duplicate_table THEN NULL; END"),
        ] {
            assert_eq!(inner(&body).map(str::trim), Some(create), "{body}");
        }
        for body in [
            format!("DECLARE x int; BEGIN {create}; END"),
            format!("BEGIN {create}; {create}; END"),
            format!("BEGIN {create}; EXCEPTION WHEN others THEN NULL; END"),
            format!("BEGIN {create}; EXCEPTION WHEN unique_violation THEN NULL; END"),
            format!("BEGIN {create}; EXCEPTION WHEN duplicate_object THEN RAISE; END"),
            format!("BEGIN {create}; EXCEPTION WHEN duplicate_object THEN NULL; WHEN others THEN NULL; END"),
            "BEGIN INSERT INTO events VALUES (1); END".to_owned(),
            "BEGIN END".to_owned(),
            String::new(),
        ] {
            assert_eq!(inner(&body), None, "{body}");
        }
    }
}
