//! COPY TO STDOUT of rows of several shards: each shard sends its own, and the pieces are one COPY; or one server has the
//! rows of all, and they are written as COPY writes them.
//!
//! Of the pieces no field is read: only what stands before the first row and behind the last is there once.

use std::borrow::Cow;
use std::sync::Arc;

use crate::logic::catalog::{ColumnDefault, Relation, RelationKind};
use crate::logic::copy::{CopyFormat, Forced, OutFormat, RowFormat};
use crate::logic::sql::name::{qualified, quoted};
use crate::logic::sql::statement::{Copy, CopyOption, RelationName, Statement};

use super::copy;
use super::fanout::{self, Fanout};
use super::gather::{self, Gather};
use super::pieces::tokens;
use super::reduce;
use super::schema::Found;
use super::{Refusal, Schema};

/// A COPY TO of rows of several shards.
#[derive(Debug, Clone, PartialEq)]
pub enum CopyOut {
    /// The shards run it as it is
    Pieces {
        /// Which
        fanout: Fanout,
        /// How the rows are written
        format: OutFormat,
    },
    /// One server answers its query
    Answer {
        /// As written
        query: Box<str>,
        /// Over the rows of all
        gather: Box<Gather>,
        /// How the rows are written
        format: RowFormat,
    },
}

/// The plan of a COPY TO. `text` is the statement alone.
pub fn copy_out(copy: &Copy, text: &str, schema: &Schema<'_>) -> Result<CopyOut, Refusal> {
    if copy.is_from || copy.uses_server_files {
        return Err(Refusal::copy_out_of_query());
    }
    let fanout = match (&copy.table, copy.query.as_ref()) {
        (Some(table), _) => {
            let name = qualified(table.schema.as_deref(), &table.name);
            fanout::fanout(&format!("SELECT * FROM {name}"), schema)
        }
        (None, Some(query @ Statement::Query(_))) => fanout::proven(query, text, schema),
        (None, _) => None,
    };
    if let Some(fanout) = fanout {
        return Ok(CopyOut::Pieces { fanout: Fanout { verb: "COPY", ..fanout }, format: format(copy) });
    }
    let query = match (&copy.table, &copy.query) {
        (Some(table), _) => rows_of(table, &copy.columns, schema).map(Cow::Owned),
        (None, Some(Statement::Query(_))) => query_of(text).map(Cow::Borrowed),
        (None, _) => None,
    };
    match (query, row_format(&copy.options)) {
        (Some(query), Some(format)) => {
            let gather = match reduce::reduce(&query, schema) {
                Some(reduced) => reduced,
                None => gather::gather(&query, schema)?,
            };
            Ok(CopyOut::Answer { query: query.into(), gather: Box::new(gather), format })
        }
        (_, _) => Err(Refusal::copy_out_of_query()),
    }
}

/// The query that COPY of a table is, as row security makes it one (PostgreSQL manual, COPY). `None`: of a table with
/// partitions there is none.
fn rows_of(table: &RelationName, columns: &[Box<str>], schema: &Schema<'_>) -> Option<String> {
    let Found::Sharded { relation: Some(relation), .. } = schema.find(table) else { return None };
    let own = schema.table_name(table)?;
    let is_of_it = |it: &Arc<Relation>| matches!(&it.kind, RelationKind::Partition(root) if *root == own);
    if schema.catalog.relations.values().any(is_of_it) {
        return None;
    }
    let stored = relation.columns.iter().filter(|column| column.default != ColumnDefault::Generated);
    let stored: Vec<&str> = stored.map(|column| &*column.name).collect();
    let listed: Vec<&str> = columns.iter().map(Box::as_ref).collect();
    // Of others, and of one that is listed twice, COPY is an error, and the query is not.
    let are_taken = (0..listed.len()).all(|at| stored.contains(&listed[at]) && !listed[..at].contains(&listed[at]));
    let names = if listed.is_empty() { stored } else { listed };
    let names: Vec<String> = names.into_iter().map(quoted).collect();
    let name = qualified(table.schema.as_deref(), &table.name);
    are_taken.then(|| format!("SELECT {} FROM ONLY {name}", names.join(", ")))
}

fn format(copy: &Copy) -> OutFormat {
    match copy::format(copy, "") {
        Ok(CopyFormat::Binary) => OutFormat::Binary,
        Ok(CopyFormat::Text { has_header, .. } | CopyFormat::Csv { has_header, .. }) => OutFormat::Lines { has_header },
        // PostgreSQL says what is wrong with it, or it changes nothing about where a row begins.
        Err(_) => OutFormat::Lines { has_header: copy::has_header(copy) },
    }
}

/// The query of `COPY (query) TO …`.
fn query_of(text: &str) -> Option<&str> {
    let tokens = tokens(text)?;
    let [copy, open, rest @ ..] = tokens.as_slice() else { return None };
    let close = rest.iter().find(|token| token.text == ")" && token.depth == open.depth)?;
    (copy.is("copy") && open.text == "(").then(|| text[open.end()..close.start].trim())
}

/// How rows are written, where the options are such that nothing has to be said about them.
fn row_format(options: &[CopyOption]) -> Option<RowFormat> {
    let (mut name, mut delimiter, mut null, mut has_header) = ("text", None, None, false);
    let (mut quote, mut escape, mut forced) = (None, None, None);
    for option in options {
        let word = option.values.first().map(Box::as_ref);
        let byte = || match word.map(str::as_bytes) {
            Some([byte]) if byte.is_ascii_punctuation() || matches!(byte, b'\t' | b' ') => Some(*byte),
            Some(_) | None => None,
        };
        match (&*option.name, word) {
            ("format", Some(word)) => name = word,
            ("delimiter", _) => delimiter = Some(byte()?),
            ("quote", _) => quote = Some(byte()?),
            ("escape", _) => escape = Some(byte()?),
            ("null", Some(word)) if !word.contains(['\n', '\r']) => null = Some(word),
            ("header", None | Some("true" | "on" | "1")) => has_header = true,
            ("header", Some("false" | "off" | "0")) => has_header = false,
            ("force_quote", None | Some("*")) => forced = Some(Forced::All),
            ("force_quote", _) => forced = Some(Forced::Columns(option.values.clone())),
            ("encoding", Some(name)) if matches!(&*name.to_ascii_lowercase(), "utf8" | "utf-8") => (),
            _ => return None,
        }
    }
    let has_quotes = quote.is_some() || escape.is_some() || forced.is_some();
    let is_apart = |delimiter: u8, null: &str| !null.as_bytes().contains(&delimiter) && !b"\\.".contains(&delimiter);
    match name {
        "text" => {
            let (delimiter, null) = (delimiter.unwrap_or(b'\t'), null.unwrap_or("\\N"));
            let format = RowFormat::Text { delimiter, null: null.as_bytes().into(), has_header };
            (!has_quotes && is_apart(delimiter, null)).then_some(format)
        }
        "csv" => {
            let (delimiter, quote, null) = (delimiter.unwrap_or(b','), quote.unwrap_or(b'"'), null.unwrap_or(""));
            let is_apart = is_apart(delimiter, null) && delimiter != quote && !null.as_bytes().contains(&quote);
            let (escape, forced) = (escape.unwrap_or(quote), forced.unwrap_or(Forced::Columns(Vec::new())));
            let null = null.as_bytes().into();
            is_apart.then_some(RowFormat::Csv { delimiter, quote, escape, null, has_header, forced })
        }
        "binary" if !has_quotes && !has_header && delimiter.is_none() && null.is_none() => Some(RowFormat::Binary),
        _ => None,
    }
}
