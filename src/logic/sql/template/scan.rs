//! The one pass over a text: PostgreSQL's tokens, as far as they must be told apart.

use std::ops::Range;

use memchr::memchr2;

use super::Literal;
use crate::logic::value::LiteralKind;

/// Markers that stand in a skeleton for a literal. Outside of quotes the text has no control bytes but blanks, so a
/// marker cannot be mistaken for text.
mod marker {
    /// An integer that PostgreSQL types `integer`
    pub const INT4: u8 = 1;
    /// An integer that it types `bigint`
    pub const INT8: u8 = 2;
    /// A larger integer, or a number with a point or exponent: `numeric`
    pub const NUMERIC: u8 = 3;
    /// A string
    pub const STRING: u8 = 4;
}

/// Stands in a skeleton for a literal.
pub(super) fn is_marker(letter: char) -> bool {
    let markers = [marker::INT4, marker::INT8, marker::NUMERIC, marker::STRING];
    u8::try_from(letter).is_ok_and(|byte| markers.contains(&byte))
}

/// The word that makes a leading comment a routing hint.
const HINT_WORD: &[u8] = b"shardway";

/// Does the inside of a comment begin with it, however its letters are written? One that is no hint for that is an error.
fn begins_with_hint_word(inside: &[u8]) -> bool {
    inside.trim_ascii_start().get(..HINT_WORD.len()).is_some_and(|word| word.eq_ignore_ascii_case(HINT_WORD))
}

/// `Source::Literal` counts literals in 16 bits.
const LITERALS_MAX: usize = u16::MAX as usize;

/// The text is not safely templated.
pub(super) struct Odd;

/// One pass over a text. `text[kept..at]` was read and goes into the skeleton as it is; it is copied only when
/// something else must come between.
pub(super) struct Pass<'a> {
    text: &'a [u8],
    at: usize,
    kept: usize,
    pub statements: usize,
    in_statement: bool,
    pub hint: Option<Range<usize>>,
    skeleton: &'a mut Vec<u8>,
    literals: &'a mut Vec<Literal>,
}

impl<'a> Pass<'a> {
    pub fn new(text: &'a [u8], skeleton: &'a mut Vec<u8>, literals: &'a mut Vec<Literal>) -> Self {
        Self { text, at: 0, kept: 0, statements: 0, in_statement: false, hint: None, skeleton, literals }
    }

    pub fn run(&mut self) -> Result<(), Odd> {
        while let Some(&byte) = self.text.get(self.at) {
            match CLASSES[byte as usize] {
                // A single space between two tokens, by far the most common blank, stays where it is.
                Class::Blank if byte == b' ' && self.at > 0 && !begins_blank(self.peek(1)) => self.at += 1,
                Class::Blank => self.blanks()?,
                Class::Word => self.word(byte)?,
                Class::Digit => self.number()?,
                Class::Quote => self.string()?,
                Class::Dot if self.peek(1).is_ascii_digit() => self.number()?,
                // PL/pgSQL's `1..5`; no SQL statement has it.
                Class::Dot if self.peek(1) == b'.' => return Err(Odd),
                Class::Minus if self.peek(1) == b'-' => self.blanks()?,
                Class::Slash if self.peek(1) == b'*' => self.blanks()?,
                Class::DoubleQuote => self.quoted_word()?,
                Class::Dollar => self.parameter()?,
                Class::Semicolon => {
                    self.in_statement = false;
                    self.at += 1;
                }
                Class::Dot | Class::Minus | Class::Slash | Class::Sign => {
                    self.begin();
                    self.at += 1;
                }
                Class::Odd => return Err(Odd),
            }
        }
        self.keep();
        if self.skeleton.last() == Some(&b' ') {
            self.skeleton.pop();
        }
        Ok(())
    }

    /// The byte `ahead` of the current one; 0, which no text contains, at the end.
    #[inline]
    fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    /// A token begins that belongs to a statement.
    #[inline]
    fn begin(&mut self) {
        if !self.in_statement {
            self.in_statement = true;
            self.statements += 1;
        }
    }

    /// Copies what was read as it is.
    #[inline]
    fn keep(&mut self) {
        self.skeleton.extend_from_slice(&self.text[self.kept..self.at]);
        self.kept = self.at;
    }

    /// Blanks and comments become one space, or nothing at the start.
    fn blanks(&mut self) -> Result<(), Odd> {
        self.keep();
        loop {
            match (self.peek(0), self.peek(1)) {
                (b' ' | b'\t' | b'\n' | b'\r' | b'\x0c', _) => self.at += 1,
                (b'-', b'-') => self.line_comment(),
                (b'/', b'*') => self.block_comment()?,
                _ => break,
            }
        }
        self.kept = self.at;
        if !matches!(self.skeleton.last(), None | Some(b' ')) {
            self.skeleton.push(b' ');
        }
        Ok(())
    }

    fn line_comment(&mut self) {
        let rest = &self.text[self.at..];
        let len = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        self.look_for_hint(self.at..self.at + len);
        self.at += len;
    }

    /// Block comments nest, as in scan.l's `xc` state.
    fn block_comment(&mut self) -> Result<(), Odd> {
        let start = self.at;
        let mut depth = 0usize;
        loop {
            let rest = &self.text[self.at..];
            self.at += memchr2(b'/', b'*', rest).ok_or(Odd)?;
            match (self.peek(0), self.peek(1)) {
                (b'/', b'*') => {
                    depth += 1;
                    self.at += 2;
                }
                (b'*', b'/') => {
                    depth -= 1;
                    self.at += 2;
                }
                _ => self.at += 1,
            }
            if depth == 0 {
                self.look_for_hint(start..self.at);
                return Ok(());
            }
        }
    }

    /// A hint decides where the statement goes, so it is part of the skeleton.
    fn look_for_hint(&mut self, comment: Range<usize>) {
        let is_leading = self.statements == 0 && self.hint.is_none();
        let bytes = &self.text[comment.clone()];
        if is_leading && begins_with_hint_word(&bytes[2..]) {
            self.skeleton.extend_from_slice(bytes);
            // A line comment would otherwise run into what follows.
            self.skeleton.push(b'\n');
            self.hint = Some(comment);
        }
    }

    /// An identifier or keyword, kept as written.
    #[inline]
    fn word(&mut self, first: u8) -> Result<(), Odd> {
        self.begin();
        let start = self.at;
        let rest = &self.text[start + 1..];
        let len = 1 + rest.iter().position(|byte| !in_word(*byte)).unwrap_or(rest.len());
        self.at = start + len;
        let next = self.peek(0);
        // E'…', B'…', X'…', N'…' and U&'…', U&"…" have rules of their own.
        let is_prefix = match next {
            b'\'' => len == 1 && matches!(first, b'e' | b'E' | b'b' | b'B' | b'x' | b'X' | b'n' | b'N'),
            b'&' => len == 1 && matches!(first, b'u' | b'U') && matches!(self.peek(1), b'\'' | b'"'),
            _ => false,
        };
        if is_prefix { Err(Odd) } else { Ok(()) }
    }

    /// A quoted identifier, kept as written; `""` inside is two quoted runs to us, and the same to the skeleton.
    fn quoted_word(&mut self) -> Result<(), Odd> {
        self.begin();
        let rest = &self.text[self.at + 1..];
        let len = memchr2(b'"', 0, rest).ok_or(Odd)?;
        self.at += len + 2;
        if rest[len] == 0 { Err(Odd) } else { Ok(()) }
    }

    /// `$1`, kept as written; a dollar quote is odd.
    fn parameter(&mut self) -> Result<(), Odd> {
        self.begin();
        let rest = &self.text[self.at + 1..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += 1 + digits;
        // PostgreSQL 15 splits `$1a` in two, 16 rejects it.
        if digits == 0 || in_word(self.peek(0)) { Err(Odd) } else { Ok(()) }
    }

    /// `42`, `4.2`, `.5`, `1.`, `1e5`.
    fn number(&mut self) -> Result<(), Odd> {
        // `a.5` and `$1.5` are two tokens that another number could not stand in for.
        if self.at > 0 && in_word(self.text[self.at - 1]) {
            return Err(Odd);
        }
        self.begin();
        self.keep();
        let start = self.at;
        let mut kind = LiteralKind::Integer;
        let whole = self.digits();
        let mut mark = integer_marker(&self.text[start..start + whole]);
        if self.peek(0) == b'.' {
            self.at += 1;
            self.digits();
            (kind, mark) = (LiteralKind::Decimal, marker::NUMERIC);
        }
        if matches!(self.peek(0), b'e' | b'E') {
            self.at += if matches!(self.peek(1), b'+' | b'-') { 2 } else { 1 };
            if self.digits() == 0 {
                return Err(Odd);
            }
            (kind, mark) = (LiteralKind::Decimal, marker::NUMERIC);
        }
        // `123abc`, `0x1F`, `1_000`, `1..2`, `1.2.3`: versions differ, or it is an error.
        if in_word(self.peek(0)) || self.peek(0) == b'.' {
            return Err(Odd);
        }
        self.lift(kind, start, false, mark)
    }

    #[inline]
    fn digits(&mut self) -> usize {
        let len = self.text[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += len;
        len
    }

    /// `'…'`, `''` standing for one quote.
    fn string(&mut self) -> Result<(), Odd> {
        // Two strings with a line break between them are one to PostgreSQL, and without it an error.
        if self.follows_string() {
            return Err(Odd);
        }
        self.begin();
        self.keep();
        let start = self.at;
        let mut has_doubled_quotes = false;
        self.at += 1;
        loop {
            let rest = &self.text[self.at..];
            self.at += rest.iter().position(|byte| matches!(byte, b'\'' | 0)).ok_or(Odd)?;
            match (self.peek(0), self.peek(1)) {
                (b'\'', b'\'') => {
                    has_doubled_quotes = true;
                    self.at += 2;
                }
                (b'\'', _) => break,
                _ => return Err(Odd),
            }
        }
        self.at += 1;
        self.lift(LiteralKind::String, start, has_doubled_quotes, marker::STRING)
    }

    /// Is the token before this one a string?
    fn follows_string(&self) -> bool {
        let since = &self.text[self.kept..self.at];
        let before = self.skeleton.iter().rev().find(|byte| **byte != b' ');
        since.iter().all(|byte| *byte == b' ') && before == Some(&marker::STRING)
    }

    /// Puts a marker where the literal `start..at` stood.
    #[inline]
    fn lift(&mut self, kind: LiteralKind, start: usize, has_doubled_quotes: bool, mark: u8) -> Result<(), Odd> {
        if self.literals.len() == LITERALS_MAX {
            return Err(Odd);
        }
        self.kept = self.at;
        self.skeleton.push(mark);
        self.literals.push(Literal { kind, at: start as u32..self.at as u32, has_doubled_quotes });
        Ok(())
    }
}

/// PostgreSQL types an integer by its size, and so may choose another function or plan for it.
#[inline]
fn integer_marker(digits: &[u8]) -> u8 {
    if digits.len() < 10 {
        return marker::INT4;
    }
    let leading = digits.iter().take_while(|digit| **digit == b'0').count();
    let significant = &digits[leading..];
    let fits = |largest: &[u8]| {
        significant.len() < largest.len() || (significant.len() == largest.len() && significant <= largest)
    };
    match () {
        () if fits(b"2147483647") => marker::INT4,
        () if fits(b"9223372036854775807") => marker::INT8,
        () => marker::NUMERIC,
    }
}

/// What a token that begins with a byte is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Blank,
    Word,
    Digit,
    Quote,
    DoubleQuote,
    Dollar,
    Dot,
    Minus,
    Slash,
    Semicolon,
    /// Operators and punctuation that mean nothing to us
    Sign,
    /// No token begins so
    Odd,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Odd; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b' ' | b'\t' | b'\n' | b'\r' | b'\x0c' => Class::Blank,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80..=0xff => Class::Word,
            b'0'..=b'9' => Class::Digit,
            b'\'' => Class::Quote,
            b'"' => Class::DoubleQuote,
            b'$' => Class::Dollar,
            b'.' => Class::Dot,
            b'-' => Class::Minus,
            b'/' => Class::Slash,
            b';' => Class::Semicolon,
            b'!' | b'#' | b'%' | b'&' | b'(' | b')' | b'*' | b'+' | b',' | b':' | b'<' | b'=' | b'>' | b'?' | b'@'
            | b'[' | b']' | b'^' | b'`' | b'{' | b'|' | b'}' | b'~' => Class::Sign,
            _ => Class::Odd,
        };
        byte += 1;
    }
    classes
};

/// The bytes that may stand inside an identifier.
const IN_WORD: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = matches!(CLASSES[byte], Class::Word | Class::Digit | Class::Dollar);
        byte += 1;
    }
    table
};

/// May the byte stand inside an identifier?
#[inline]
fn in_word(byte: u8) -> bool {
    IN_WORD[byte as usize]
}

/// Could a blank or a comment begin with the byte, or the text end there?
#[inline]
fn begins_blank(byte: u8) -> bool {
    matches!(CLASSES[byte as usize], Class::Blank | Class::Minus | Class::Slash) || byte == 0
}
