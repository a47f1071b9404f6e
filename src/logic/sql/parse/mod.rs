//! PostgreSQL's own parser, and the way from its tree to our model. Nothing outside this room names the parser.
//!
//! Trees may be as deep as their text is long. Recursion over them grows the stack as it goes, and what is done with
//! a model (planning it, dropping it) runs on a stack made for its depth.

use std::ops::Range;

use pg_raw_parse::{Node, list::NodeList, nodes};

use super::escapes::without_comments_in_strings;
use super::statement::expression::Expression;
use super::statement::{Located, RelationName};

mod expression;
mod query;
mod verbs;
mod temporary;
mod vacated;
mod define;
mod utility;
pub mod sorted;
pub mod kinds;
pub mod aggregate;

/// The text is not PostgreSQL's SQL: a server shall say so in its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError;

/// Deeper trees become `Unknown`. PostgreSQL itself gives up around a fifth of it (`max_stack_depth`).
const DEPTH_MAX: usize = 50_000;
/// Stack that one level of a model may need while it is planned or dropped, without growing further.
const BYTES_A_LEVEL: usize = if cfg!(debug_assertions) { 2048 } else { 512 };
/// Below this much stack a new piece is added.
const RED_ZONE: usize = 256 * 1024;
/// Size of the added pieces.
const PIECE: usize = 4 * 1024 * 1024;

/// Longer texts are not printed again, in whole or in part.
const PRINTED_MAX: usize = 32 * 1024;
/// Stack that printing one byte of a text may need: the parser's printer knows no limit of its own.
const PRINTED_BYTES: usize = 1024;

/// The name that stands for a tree too deep to be looked at.
pub const TOO_DEEP: &str = "statement nested too deeply";

/// Parses `text` and hands the statements to `work`.
pub fn with_statements<T>(text: &str, work: impl FnOnce(&[Located]) -> T) -> Result<T, SyntaxError> {
    with_model(text, false, work)
}

/// The same; conditions come with their texts too.
pub fn with_texts<T>(text: &str, work: impl FnOnce(&[Located]) -> T) -> Result<T, SyntaxError> {
    let is_short = text.len() <= PRINTED_MAX;
    with_stack_for(text, || with_model(text, is_short, work))
}

/// Runs what prints a text on a stack that is deep enough for it.
fn with_stack_for<T>(text: &str, work: impl FnOnce() -> T) -> T {
    let bytes = RED_ZONE + text.len().min(PRINTED_MAX) * PRINTED_BYTES;
    stacker::maybe_grow(bytes, bytes + RED_ZONE, work)
}

/// Shows a text that is one SELECT, and short enough to be printed in pieces, to `work`.
fn with_select<T>(text: &str, work: impl FnOnce(&nodes::SelectStmt) -> Option<T>) -> Option<T> {
    if text.len() > PRINTED_MAX {
        return None;
    }
    with_stack_for(text, || {
        let parsed = tree(text).ok()?;
        let mut statements = parsed.iter();
        match (statements.next()?.stmt(), statements.next()) {
            (Node::SelectStmt(select), None) => work(select),
            _ => None,
        }
    })
}

fn with_model<T>(text: &str, with_texts: bool, work: impl FnOnce(&[Located]) -> T) -> Result<T, SyntaxError> {
    let (statements, depth) = deeper(|| parse(text, with_texts))?;
    let bytes = RED_ZONE + depth * BYTES_A_LEVEL;
    Ok(stacker::maybe_grow(bytes, bytes + RED_ZONE, move || {
        let done = work(&statements);
        drop(statements);
        done
    }))
}

/// Runs one step of a recursion, with more stack if little is left.
pub fn deeper<T>(step: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(RED_ZONE, PIECE, step)
}

/// This parser does not take a comment between the parts of a string, as PostgreSQL does: then it is shown blanks.
fn tree(text: &str) -> Result<pg_raw_parse::ParseResult, SyntaxError> {
    pg_raw_parse::parse(text).or_else(|_| {
        let blank = without_comments_in_strings(text).ok_or(SyntaxError)?;
        pg_raw_parse::parse(&blank).map_err(|_| SyntaxError)
    })
}

/// What PostgreSQL's grammar has against a text.
pub fn complaint(text: &str) -> Option<String> {
    match pg_raw_parse::parse(text) {
        Err(pg_raw_parse::Error::Parse(error)) => Some(error.to_string()),
        Err(_) | Ok(_) => None,
    }
}

fn parse(text: &str, with_texts: bool) -> Result<(Vec<Located>, usize), SyntaxError> {
    let parsed = tree(text)?;
    let mut convert = Convert { depth: 0, deepest: 0, with_texts };
    let mut statements = Vec::with_capacity(parsed.len());
    let mut after = 0;
    for raw in parsed.iter() {
        let at = bytes_of(raw, after, text);
        after = at.end;
        statements.push(Located { statement: convert.statement(raw.stmt()), at });
    }
    Ok((statements, convert.deepest))
}

/// The bytes of a statement, with the comments before it and without the white space around it.
fn bytes_of(raw: &nodes::RawStmt, after: usize, text: &str) -> Range<usize> {
    // The parser's place is that of the first word; between the statements are only blanks, semicolons and comments.
    let between = text.get(after..).unwrap_or_default();
    let start = text.len() - between.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == ';').len();
    let first_word = usize::try_from(raw.stmt_location).unwrap_or(0);
    let length = usize::try_from(raw.stmt_len).unwrap_or(0);
    let end = if length == 0 { text.len() } else { (first_word + length).min(text.len()) };
    let statement = text.get(start..end).unwrap_or_default();
    start..start + statement.trim_ascii_end().len()
}

/// The way from the parser's tree to the model.
struct Convert {
    depth: usize,
    deepest: usize,
    with_texts: bool,
}

impl Convert {
    /// One level down.
    fn level<T>(&mut self, too_deep: T, step: impl FnOnce(&mut Self) -> T) -> T {
        if self.depth >= DEPTH_MAX {
            return too_deep;
        }
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        let done = deeper(|| step(self));
        self.depth -= 1;
        done
    }

    fn expressions(&mut self, list: &NodeList) -> Vec<Expression> {
        list.iter().map(|node| self.expression(node)).collect()
    }

    fn maybe(&mut self, node: Node<'_>) -> Option<Expression> {
        (!matches!(node, Node::None)).then(|| self.expression(node))
    }
}

fn relation(range: &nodes::RangeVar) -> RelationName {
    RelationName {
        schema: range.schemaname().map(Box::from),
        name: Box::from(range.relname().unwrap_or_default()),
        // 't': RELPERSISTENCE_TEMP of pg_class.h.
        is_temporary: range.relpersistence as u8 == b't' || range.schemaname() == Some(temporary::SCHEMA),
        is_only: !range.inh,
        at: usize::try_from(range.location).ok(),
    }
}

fn names(list: &NodeList) -> Vec<Box<str>> {
    list.iter().filter_map(Node::as_str).map(Box::from).collect()
}

fn offset(location: i32) -> usize {
    usize::try_from(location).unwrap_or(usize::MAX)
}
