//! Changes of the schema that run functions over rows which are there: each shard would ask the function about its own.
//!
//! The text is looked at word by word: what follows a name of a function is its call, and what follows the name of a column
//! is its type.

use crate::logic::body::leaves::LEAVING;
use crate::logic::catalog::{Function, Volatility};
use crate::logic::sql::statement::{CreateTable, Utility};

use super::layout::may_be_moment;
use super::pieces::{Token, tokens};
use super::schema::Found;
use super::{Refusal, Schema};

/// The refusal of a change whose functions may look at tables, or at whatever they like.
pub fn refusal(utility: &Utility, text: &str, schema: &Schema<'_>) -> Option<Refusal> {
    let all = tokens(text).unwrap_or_default();
    if makes_constants(utility.verb) && all.iter().any(may_be_moment) {
        return Some(Refusal::moment_in_definition(utility.verb));
    }
    let has = |words: &[&str]| all.iter().any(|token| words.iter().any(|word| token.is(word)));
    let is_believed = all.windows(2).any(|two| two[0].is("not") && two[1].is("valid"));
    let looks_at_rows = match utility.verb {
        "CREATE INDEX" => true,
        "ALTER TABLE" => has(&["add", "type", "validate", "attach", "expression"]) && !is_believed,
        "ALTER DOMAIN" => has(&["add", "validate"]) && !is_believed,
        _ => false,
    };
    if !looks_at_rows {
        return None;
    }
    let called = all.windows(2).filter(|two| two[0].is_name() && two[1].is("("));
    let called = called.map(|two| two[0].name()).find(|name| may_look(name, schema));
    let made = || {
        let typed = all.windows(2).filter(|two| is_type_behind(&two[0]) && two[1].is_name());
        typed.map(|two| two[1].name()).find_map(|name| runs(&name, schema)).map(Box::from)
    };
    let function = called.map(Box::from).or_else(|| made().filter(|_| utility.verb == "ALTER TABLE"))?;
    Some(Refusal::evaluated(utility.verb, &function))
}

/// The refusal of a new table whose defaults and checks would be others on each shard. Without times it has none such.
pub fn of_new_table(create: &CreateTable, text: &str, schema: &Schema<'_>) -> Option<Refusal> {
    let is_on_one = create.name.is_temporary || matches!(schema.find(&create.name), Found::Single(..));
    let all = if is_on_one { Vec::new() } else { tokens(text).unwrap_or_default() };
    let is_time_type = |name: &str| name.contains("date") || name.contains("time") || name.starts_with("ts");
    let is_time = |token: &Token<'_>| token.is_name() && is_time_type(&token.name());
    let has_moment = all.iter().any(is_time) && all.iter().any(may_be_moment);
    has_moment.then(|| Refusal::moment_in_definition("CREATE TABLE"))
}

/// PostgreSQL makes constants of what stands in it, when it runs.
fn makes_constants(verb: &str) -> bool {
    let makers = ["TABLE", "VIEW", "DOMAIN", "INDEX", "RULE", "POLICY", "TRIGGER", "STATISTICS"];
    (verb.starts_with("CREATE ") || verb.starts_with("ALTER ")) && makers.iter().any(|maker| verb.ends_with(maker))
}

/// The text names a function that may look at tables: `f(…)`, `SFUNC = f`.
pub fn names_function(text: &str, schema: &Schema<'_>) -> bool {
    let all = tokens(text).unwrap_or_default();
    let mut pairs = all.windows(2);
    pairs.any(|two| match (&two[0], &two[1]) {
        (name, open) if open.is("(") && name.is_name() => may_look(&name.name(), schema),
        (sign, name) if sign.is("=") && name.is_name() => may_look(&name.name(), schema),
        _ => false,
    })
}

/// A function of the user's own that nobody vouches for, or one that leaves something in the session.
fn may_look(name: &str, schema: &Schema<'_>) -> bool {
    let overloads = schema.catalog.functions.get(name).map(Vec::as_slice).unwrap_or_default();
    let looks = |it: &Function| {
        it.schema.as_ref() != "pg_catalog"
            && !it.is_native
            && it.volatility != Volatility::Immutable
            && !schema.map.is_local(&format!("{}.{name}", it.schema))
    };
    LEAVING.contains(&name) || overloads.iter().any(looks)
}

/// What making a value of this type runs.
fn runs<'a>(name: &str, schema: &Schema<'a>) -> Option<&'a str> {
    let mut functions = schema.catalog.unasked.types.get(name)?.iter().map(Box::as_ref);
    functions.find(|function| !schema.map.is_local(function))
}

/// Behind the name of a column stands its type.
fn is_type_behind(token: &Token<'_>) -> bool {
    const OTHERS: [&str; 8] = ["add", "alter", "column", "exists", "drop", "table", "only", "constraint"];
    (token.is_name() || token.is(".")) && !OTHERS.iter().any(|word| token.is(word))
}
