//! WITH whose parts write rows of several shards: the shards run each write once, and one server runs the query around it
//! over the rows that it returned.
//!
//! ```sql
//! WITH gone AS (DELETE FROM events WHERE kind = 'view' RETURNING client_id, upper(kind)) SELECT count(*) FROM gone
//! each: DELETE FROM events WHERE kind = 'view' RETURNING "events"."client_id", "events"."kind", client_id, upper(kind)
//! then: WITH shardway_1(client_id, kind) AS (…), gone AS (SELECT client_id, upper(kind) FROM shardway_1 AS events OFFSET 0)
//!       SELECT count(*) FROM gone
//! ```
//!
//! PostgreSQL shows to all parts of a statement what was there before it. So everything else that the query needs is fetched
//! before the write; and there is one write only, for another could depend on what the first sets off.

use std::ops::Range;

use crate::logic::catalog::Relation;
use crate::logic::sql::name::{qualified, quoted};
use crate::logic::sql::statement::expression::Expression;
use crate::logic::sql::statement::{Alias, CommonTable, FromItem, Query, RelationName, Statement, Target, With};

use super::edits::{Edit, edited, tokens_of};
use super::gather::{self, Gather, Returned};
use super::layout::{may_be_moment, moments};
use super::pieces::Token;
use super::schema::Found;
use super::{Access, Refusal, Schema};

/// A query over what a write of its WITH returns.
#[derive(Debug, Clone, PartialEq)]
pub struct Modifying {
    /// The write
    pub write: Box<str>,
    /// Which part of the query its rows are
    pub part: usize,
    /// How many columns it returns behind those of this part: they are computed where PostgreSQL would, and not looked at
    pub others: usize,
    /// The query
    pub gather: Gather,
}

/// A part of the WITH that writes.
struct Write<'s> {
    table: &'s RelationName,
    alias: &'s Alias,
    /// FROM, USING
    from: &'s [FromItem],
    returning: &'s [Target],
    has_with: bool,
}

/// Where a part of the WITH stands in the text.
struct Span<'s> {
    part: &'s CommonTable,
    at: Range<usize>,
    /// What stands in its parentheses
    body: Range<usize>,
}

/// Plans a query whose WITH writes. `text` is the statement alone.
pub fn modifying(query: &Query, text: &str, schema: &Schema<'_>) -> Result<Modifying, Refusal> {
    let tokens = tokens_of(text)?;
    let spans = query.with.as_ref().and_then(|with| spans(with, &tokens)).ok_or_else(unread)?;
    let mut writes = spans.iter().enumerate().filter(|(_, span)| !matches!(span.part.statement, Statement::Query(_)));
    let (Some((number, span)), None) = (writes.next(), writes.next()) else {
        return Err(Refusal::across("a WITH of which several parts write"));
    };
    let write = write(&span.part.statement).ok_or_else(|| Refusal::across("such a part of WITH that writes"))?;
    let Found::Sharded { relation: Some(relation), .. } = schema.find(write.table) else {
        return Err(Refusal::across("a WITH part that writes to anything but a sharded table"));
    };
    let of_body: Vec<&Token<'_>> = tokens.iter().filter(|token| span.body.contains(&token.start)).collect();
    let returning = returning(&of_body, &write)?;
    let needed = needed(&spans, number, &tokens)?;
    if !needed.is_empty() && write.has_with {
        return Err(unread());
    }
    let mut mark = "/*returned*/".to_owned();
    while text.contains(&mark) {
        mark.insert(2, '_');
    }
    let (before, list) = match &returning {
        Some(at) => (text[span.body.start..at.start].trim_end().to_owned(), &text[at.clone()]),
        // Nobody can read it, but it runs all the same.
        None => (format!("{} RETURNING", &text[span.body.clone()]), "true"),
    };
    let head = format!("{}{before}", with_of(&needed, &spans, text));
    let is_computed = !write.returning.iter().all(|target| is_column(&target.value));
    let tail = if is_computed { format!(", {list}") } else { String::new() };
    let others = if is_computed { width(write.returning, relation) } else { 0 };
    let returned = Returned { mark, head, tail };
    let around = around(text, &tokens, (&spans, number, &needed), &returning_query(list, &write, &returned))?;
    let gather = gather::with_returned(&around, std::slice::from_ref(&returned), schema)?;
    check_rest(&gather, is_computed)?;
    // Where the write is, in its transaction.
    let gather = Gather { access: Access::Write, ..gather };
    let part = gather.parts.iter().position(|part| part.text.starts_with(&*returned.head)).ok_or_else(unread)?;
    Ok(Modifying { write: gather.parts[part].text.clone(), part, others, gather })
}

fn unread() -> Refusal {
    Refusal::across("a WITH part that writes, written like this,")
}

/// The write must be done before: what the query tells of the time would be of another moment, and what it computes with an
/// effect of its own would be computed twice.
fn check_rest(gather: &Gather, is_computed: bool) -> Result<(), Refusal> {
    let tokens = tokens_of(&gather.text)?;
    if moments(&tokens).iter().any(|moment| moment.is_time) || tokens.iter().any(may_be_moment) {
        return Err(Refusal::across("the time, told beside a WITH part that writes,"));
    }
    if is_computed && gather.access == Access::Write {
        return Err(Refusal::across("a volatile function beside a RETURNING that computes"));
    }
    Ok(())
}

#[expect(clippy::wildcard_enum_match_arm, reason = "MERGE has its own rules, and nothing else writes there")]
fn write(statement: &Statement) -> Option<Write<'_>> {
    let write = match statement {
        Statement::Insert(insert) => Write {
            table: &insert.table,
            alias: &insert.alias,
            from: &[],
            returning: &insert.returning,
            has_with: insert.with.is_some(),
        },
        Statement::Change(change) => Write {
            table: &change.table,
            alias: &change.alias,
            from: &change.from,
            returning: &change.returning,
            has_with: change.with.is_some(),
        },
        _ => return None,
    };
    (!write.table.is_only && write.alias.columns.is_empty()).then_some(write)
}

/// Where the parts stand.
fn spans<'s>(with: &'s With, tokens: &[Token<'_>]) -> Option<Vec<Span<'s>>> {
    tokens.first().filter(|token| token.is("with") && !with.is_recursive)?;
    let mut at = 1;
    let mut found = Vec::with_capacity(with.parts.len());
    for part in &with.parts {
        let name = tokens.get(at).filter(|token| *token.name() == *part.name && !part.adds_columns)?;
        let is_as = |token: &Token<'_>| token.depth == 0 && token.is("as");
        at += 1 + tokens.get(at + 1..)?.iter().position(is_as)?;
        at += tokens.get(at..)?.iter().position(|token| token.text == "(" && token.depth == 0)?;
        let first = tokens.get(at + 1)?;
        at += 1 + tokens.get(at + 1..)?.iter().position(|token| token.depth == 0)?;
        found.push(Span { part, at: name.start..tokens[at].end(), body: first.start..tokens[at - 1].end() });
        at += 2;
    }
    Some(found)
}

/// Where the list behind RETURNING stands. Its values follow from the row that is written: they name its columns, and no
/// others'.
fn returning(body: &[&Token<'_>], write: &Write<'_>) -> Result<Option<Range<usize>>, Refusal> {
    if write.returning.is_empty() {
        return Ok(None);
    }
    let depth = body.first().map_or(0, |token| token.depth);
    let at = body.iter().rposition(|token| token.depth == depth && token.is("returning"));
    let list = at.and_then(|at| body.get(at + 1..)).filter(|list| !list.is_empty()).ok_or_else(unread)?;
    let own = write.alias.name.as_ref().unwrap_or(&write.table.name);
    let is_of_own = |target: &Target| {
        let (Expression::Column(of) | Expression::Star(of)) = &target.value else { return false };
        of.first() == Some(own) && of.len() == 1 + usize::from(matches!(target.value, Expression::Column(_)))
    };
    if !write.from.is_empty() && !write.returning.iter().all(is_of_own) {
        return Err(Refusal::across("RETURNING of anything but columns of the table that is written, named with it,"));
    }
    let is_other_row = |pair: &[&Token<'_>]| (pair[0].is("old") || pair[0].is("new")) && pair[1].text == ".";
    let (Some(first), Some(last)) = (list.first(), list.last()) else { return Err(unread()) };
    if list.iter().any(|token| token.is("select")) || first.is("with") || list.windows(2).any(is_other_row) {
        return Err(Refusal::across("a query, or OLD and NEW, in RETURNING"));
    }
    Ok(Some(first.start..last.end()))
}

/// The parts that the write needs, and nothing else: they are computed with it.
fn needed(spans: &[Span<'_>], write: usize, tokens: &[Token<'_>]) -> Result<Vec<usize>, Refusal> {
    let names = |of: &Range<usize>, number: usize| {
        let here = |token: &&Token<'_>| of.contains(&token.start) && *token.name() == *spans[number].part.name;
        tokens.iter().any(|token| here(&token))
    };
    let (mut needed, mut looked) = (Vec::new(), vec![write]);
    while let Some(one) = looked.pop() {
        let found = (0..spans.len()).filter(|other| *other != one && names(&spans[one].body, *other));
        for other in found.collect::<Vec<_>>() {
            if other != write && !needed.contains(&other) {
                needed.push(other);
                looked.push(other);
            }
        }
    }
    needed.sort_unstable();
    let is_rest = |token: &&Token<'_>| {
        let inside = |number: usize| spans[number].at.contains(&token.start);
        !inside(write) && !needed.iter().any(|number| inside(*number))
    };
    let is_named = |token: &Token<'_>| needed.iter().any(|number| *token.name() == *spans[*number].part.name);
    match tokens.iter().filter(is_rest).any(is_named) {
        true => Err(Refusal::across("a part of WITH that a writing part needs, and the rest of the statement too,")),
        false => Ok(needed),
    }
}

/// The parts that a write needs, before it.
fn with_of(needed: &[usize], spans: &[Span<'_>], text: &str) -> String {
    let parts: Vec<&str> = needed.iter().map(|number| &text[spans[*number].at.clone()]).collect();
    if parts.is_empty() { String::new() } else { format!("WITH {} ", parts.join(", ")) }
}

/// The query that stands in the place of the write.
fn returning_query(list: &str, write: &Write<'_>, returned: &Returned) -> String {
    let table = qualified(write.table.schema.as_deref(), &write.table.name);
    let alias = write.alias.name.as_ref().map(|it| format!(" AS {}", quoted(it))).unwrap_or_default();
    // With OFFSET nothing that is said of its rows further out is said of those of the table.
    format!("SELECT {list} FROM {}{table}{alias} OFFSET 0", returned.mark)
}

/// The statement with that query, and without what only the write needs.
fn around(
    text: &str,
    tokens: &[Token<'_>],
    (spans, write, needed): (&[Span<'_>], usize, &[usize]),
    query: &str,
) -> Result<String, Refusal> {
    let mut edits = vec![Edit { at: spans[write].body.clone(), to: query.to_owned() }];
    for number in needed {
        let at = &spans[*number].at;
        // A comma stands behind it: the write comes later.
        let next = tokens.iter().find(|token| token.start >= at.end).filter(|token| token.text == ",");
        edits.push(Edit { at: at.start..next.ok_or_else(unread)?.end(), to: String::new() });
    }
    edited(text, edits)
}

/// A column or a row of columns, which PostgreSQL returns without computing anything.
fn is_column(value: &Expression) -> bool {
    matches!(value, Expression::Column(_) | Expression::Star(_))
}

/// How many columns a list of RETURNING has.
fn width(returning: &[Target], relation: &Relation) -> usize {
    let of = |target: &Target| if matches!(target.value, Expression::Star(_)) { relation.columns.len() } else { 1 };
    returning.iter().map(of).sum()
}
