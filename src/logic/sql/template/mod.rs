//! Splits a statement's text into a skeleton and its literals, in one pass and without allocation once warm.
//!
//! Two texts with equal skeletons are the same statement up to the values of literals of the same kind, so that one
//! plan serves both. Agrees with PostgreSQL's scanner (`src/backend/parser/scan.l`); what is not safely lifted out
//! makes the text odd, and its skeleton is then the whole text.

use std::borrow::Cow;
use std::hash::BuildHasher;
use std::ops::Range;

use foldhash::quality::RandomState;

use crate::logic::value::LiteralKind;

use scan::Pass;

pub use readable::readable;

mod scan;
mod readable;

/// Opens the skeleton of an odd text; no text contains it.
const ODD: u8 = 0;

/// A literal of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Literal {
    /// How it is written
    pub kind: LiteralKind,
    /// Its bytes in the text, quotes included, sign excluded
    pub at: Range<u32>,
    /// A string that contains `''`
    pub has_doubled_quotes: bool,
}

impl Literal {
    /// Its characters, unquoted and unescaped. `sql` is the text that was lexed.
    pub fn text<'t>(&self, sql: &'t str) -> Cow<'t, str> {
        let written = &sql[self.at.start as usize..self.at.end as usize];
        match self.kind {
            LiteralKind::Integer | LiteralKind::Decimal => Cow::Borrowed(written),
            LiteralKind::String => {
                let inner = &written[1..written.len() - 1];
                if self.has_doubled_quotes { Cow::Owned(inner.replace("''", "'")) } else { Cow::Borrowed(inner) }
            }
        }
    }
}

/// What a text comes apart into; borrows the buffers of its [`Template`].
#[derive(Debug)]
pub struct Lexed<'a> {
    /// The text with blanks and comments folded and literals replaced by markers; a hint comment stays in it. Of an odd
    /// text, a zero byte and the whole text.
    pub skeleton: &'a [u8],
    /// Keyed hash of the skeleton
    pub hash: u64,
    /// The literals in their order; empty when odd
    pub literals: &'a [Literal],
    /// Statements between semicolons, empty ones left out. The body of `CREATE FUNCTION … BEGIN ATOMIC` counts too:
    /// above one, only the parser knows. Of an odd text, 0.
    pub statements: usize,
    /// The first comment before the first statement that contains `shardway`, delimiters included
    pub hint: Option<Range<usize>>,
    /// The text is not safely templated
    pub is_odd: bool,
}

/// The lexer and its buffers; one per session or worker.
#[derive(Debug)]
pub struct Template {
    hasher: RandomState,
    skeleton: Vec<u8>,
    literals: Vec<Literal>,
}

impl Template {
    /// The hasher's seed must be random: clients choose the texts.
    pub fn new(hasher: RandomState) -> Self {
        Self { hasher, skeleton: Vec::new(), literals: Vec::new() }
    }

    /// Takes a text apart. In its plain strings a backslash is a backslash: see [`super::escapes`].
    pub fn lex(&mut self, text: &[u8]) -> Lexed<'_> {
        self.skeleton.clear();
        self.literals.clear();
        let mut pass = Pass::new(text, &mut self.skeleton, &mut self.literals);
        let is_odd = std::str::from_utf8(text).is_err() || pass.run().is_err();
        let (hint, statements) = (pass.hint.take(), pass.statements);
        if is_odd {
            self.literals.clear();
            self.skeleton.clear();
            self.skeleton.push(ODD);
            self.skeleton.extend_from_slice(text);
        }
        Lexed {
            skeleton: &self.skeleton,
            hash: self.hasher.hash_one(self.skeleton.as_slice()),
            literals: &self.literals,
            statements: if is_odd { 0 } else { statements },
            hint,
            is_odd,
        }
    }
}

#[cfg(test)]
mod tests;
