//! New tables that a query over several shards fills: CREATE TABLE … AS, SELECT … INTO.
//!
//! Such a table has one server. Where the map says which (a table of one shard, `default_shard`), it is found there again
//! by every later statement; a table that the map does not know would be refused by the next one.

use crate::logic::sql::statement::RelationName;

use super::pieces::{Token, tokens};
use super::schema::Schema;
use super::words::Words;
use super::{Place, Refusal, Requirement, definition, utility};

/// Is a new table to be on all shards?
pub(super) fn is_everywhere(target: &RelationName, schema: &Schema<'_>) -> bool {
    let is_temporary = target.is_temporary || target.schema.as_deref() == Some("pg_temp");
    let place = utility::place_of_new(target, &[], schema);
    !is_temporary && matches!(place, Some(definition::Place::Sharded { .. } | definition::Place::Reference))
}

/// The one shard that a new table lives on.
pub(super) fn home(target: &RelationName, schema: &Schema<'_>) -> Result<Requirement, Refusal> {
    match utility::place_of_new(target, &[], schema) {
        Some(definition::Place::Single(shard)) => {
            Ok(Requirement { table: target.name.clone(), place: Place::Shard(shard) })
        }
        Some(definition::Place::Sharded { .. } | definition::Place::Reference | definition::Place::Other) | None => {
            Err(Refusal::filled(&target.name))
        }
    }
}

/// SELECT … INTO as CREATE TABLE … AS; that one as it is.
pub(super) fn as_create(text: &str) -> Option<String> {
    let tokens = tokens(text)?;
    if tokens.first()?.is("create") {
        return Some(text.to_owned());
    }
    let into = tokens.iter().position(|token| token.depth == 0 && token.is("into"))?;
    let is = |at: usize, words: &[&str]| tokens.get(at).is_some_and(|token| words.iter().any(|word| token.is(word)));
    let mut name = into + 1;
    while is(name, &["temporary", "temp", "local", "global", "unlogged"]) {
        name += 1;
    }
    let persistence = text.get(tokens[into].end()..tokens.get(name)?.start)?;
    name += usize::from(is(name, &["table"]));
    let last = if tokens.get(name + 1).is_some_and(|token| token.text == ".") { name + 2 } else { name };
    let (from, to) = (tokens.get(name)?.start, tokens.get(last)?.end());
    let (target, before, after) = (&text[from..to], &text[..tokens[into].start], &text[to..]);
    Some(format!("CREATE{persistence}TABLE {target} AS {before}{after}"))
}

/// Where the query begins in CREATE … AS query.
pub(super) fn after_as(text: &str) -> Option<usize> {
    let mut words = Words::of(text);
    words.next().filter(|(word, _)| word.eq_ignore_ascii_case("create"))?;
    let mut depth = 0;
    loop {
        let (word, end) = words.next()?;
        match word {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ if depth == 0 && word.eq_ignore_ascii_case("as") => return Some(end),
            _ => (),
        }
    }
}

/// The rows that a new table begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Data {
    /// Those of its query
    All,
    /// WITH NO DATA
    None,
}

/// The text without WITH DATA or WITH NO DATA at its end, and which of them that was.
pub(super) fn data_of(text: &str) -> Option<(&str, Data)> {
    let mut all = tokens(text)?;
    while all.pop_if(|last| last.text == ";").is_some() {}
    let is = |token: &Token<'_>, word: &str| token.depth == 0 && token.is(word);
    match all.as_slice() {
        [.., with, no, data] if is(with, "with") && is(no, "no") && is(data, "data") => {
            Some((&text[..with.start], Data::None))
        }
        [.., with, data] if is(with, "with") && is(data, "data") => Some((&text[..with.start], Data::All)),
        // What stands behind it are comments.
        [.., last] => Some((&text[..last.end()], Data::All)),
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn select_into_is_create_table_as() {
        let of = |text| as_create(text).expect("it has an INTO");
        assert_eq!(of("SELECT a, b INTO t FROM c"), "CREATE TABLE t AS SELECT a, b  FROM c");
        assert_eq!(of("SELECT 1 AS a into temp table s.\"T\""), "CREATE temp TABLE s.\"T\" AS SELECT 1 AS a ");
        assert_eq!(of("SELECT a INTO UNLOGGED x FROM c"), "CREATE UNLOGGED TABLE x AS SELECT a  FROM c");
        assert_eq!(as_create("(SELECT a INTO x FROM c) UNION SELECT 1"), None);
    }

    #[test]
    fn with_data_is_told_from_a_query() {
        assert_eq!(
            data_of("CREATE TABLE t AS TABLE a WITH NO DATA ;"),
            Some(("CREATE TABLE t AS TABLE a ", Data::None))
        );
        assert_eq!(
            data_of("CREATE TABLE t AS SELECT 1 with data -- x"),
            Some(("CREATE TABLE t AS SELECT 1 ", Data::All))
        );
        assert_eq!(data_of("CREATE TABLE t AS SELECT 1 data"), Some(("CREATE TABLE t AS SELECT 1 data", Data::All)));
        assert_eq!(
            data_of("CREATE TABLE t AS SELECT 'no' data -- with no data"),
            Some(("CREATE TABLE t AS SELECT 'no' data", Data::All))
        );
    }
}
