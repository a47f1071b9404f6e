//! Texts that are cut into pieces and put together anew: tokens, and pieces with holes where parameters stand.

use std::ops::Range;

use super::hint::block_length;

/// A word, a quoted name, a string, a parameter or a single character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'t> {
    /// As written
    pub text: &'t str,
    /// Where it begins
    pub start: usize,
    /// How many brackets are open around it; a bracket itself stands outside of what it encloses
    pub depth: u16,
}

impl Token<'_> {
    /// Where it ends.
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// It is this word, in any case and without quotes.
    pub fn is(&self, word: &str) -> bool {
        self.text.eq_ignore_ascii_case(word)
    }

    /// It is a name, or a keyword.
    pub fn is_name(&self) -> bool {
        self.text.starts_with(|first: char| first == '"' || first == '_' || first.is_alphabetic())
            && self.string().is_none()
    }

    /// The name that it is, as PostgreSQL folds it.
    pub fn name(&self) -> String {
        match self.text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
            Some(inside) => inside.replace("\"\"", "\""),
            None => self.text.to_ascii_lowercase(),
        }
    }

    /// The number of a parameter.
    pub fn param(&self) -> Option<u16> {
        self.text.strip_prefix('$')?.parse().ok()
    }

    /// The characters of a plain string, quotes still doubled.
    pub fn string(&self) -> Option<&str> {
        let start = self.text.find('\'')?;
        (start <= 2 && !self.text.starts_with('"')).then(|| self.text[start..].trim_matches('\''))
    }

    /// What stands between dollars.
    pub fn dollar_string(&self) -> Option<&str> {
        let tag = self.text.strip_prefix('$')?.find('$')? + 2;
        self.text.get(tag..self.text.len() - tag)
    }
}

/// The tokens of a text; comments are left out. `None`: brackets do not match, or a string is continued on another line.
pub fn tokens(text: &str) -> Option<Vec<Token<'_>>> {
    let (mut found, mut at, mut open) = (Vec::with_capacity(text.len() / 3), 0, Vec::new());
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let first = rest.as_bytes()[0];
        let length = match first {
            b' ' | b'\t' | b'\n' | b'\r' | b'\x0b' | b'\x0c' => {
                at += 1;
                continue;
            }
            b'-' if rest.starts_with("--") => {
                at += rest.find(['\n', '\r']).unwrap_or(rest.len());
                continue;
            }
            b'/' if rest.starts_with("/*") => {
                at += block_length(rest);
                continue;
            }
            b'\'' | b'"' => quoted(rest, 0, false)?,
            b'$' => dollar(rest)?,
            _ if is_name(first) => match rest.bytes().position(|byte| !is_name(byte)).unwrap_or(rest.len()) {
                1 if rest[1..].starts_with('\'') && matches!(first | 32, b'e' | b'b' | b'x' | b'n') => {
                    quoted(rest, 1, first | 32 == b'e')?
                }
                1 if rest[1..].starts_with("&'") && first | 32 == b'u' => quoted(rest, 2, false)?,
                length => length,
            },
            _ => 1,
        };
        if matches!(first, b')' | b']') && open.pop() != Some(first) {
            return None;
        }
        let token = Token { text: &rest[..length], start: at, depth: u16::try_from(open.len()).ok()? };
        // Two strings with a line break between them are one to PostgreSQL.
        if token.string().is_some() && found.last().is_some_and(|before: &Token<'_>| before.string().is_some()) {
            return None;
        }
        match first {
            b'(' => open.push(b')'),
            b'[' => open.push(b']'),
            _ => (),
        }
        found.push(token);
        at += length;
    }
    open.is_empty().then_some(found)
}

/// The parameters that a text names, in order; it is known to be well-formed.
pub fn params(text: &str) -> Vec<u16> {
    let mut found: Vec<u16> = tokens(text).unwrap_or_default().iter().filter_map(Token::param).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// A number in it is written as older versions of PostgreSQL do not (`1_000`, `0x1F`): printed anew they would read it.
pub fn has_new_numbers(text: &str) -> bool {
    let is_new = |token: &Token<'_>| {
        let rest = token.text.trim_start_matches(|digit: char| digit.is_ascii_digit());
        let exponent = rest.strip_prefix(['e', 'E']).unwrap_or(rest);
        rest.len() < token.text.len() && !exponent.bytes().all(|byte| byte.is_ascii_digit())
    };
    tokens(text).unwrap_or_default().iter().any(is_new)
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || !byte.is_ascii()
}

/// The length of a string or quoted name whose quote stands at `start`; a doubled quote is a quote.
fn quoted(text: &str, start: usize, has_escapes: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let quote = bytes[start];
    let mut at = start + 1;
    while let Some(&byte) = bytes.get(at) {
        at += match byte {
            b'\\' if has_escapes => 2,
            _ if byte != quote => 1,
            _ if bytes.get(at + 1) == Some(&quote) => 2,
            _ => return Some(at + 1),
        };
    }
    None
}

/// The length of a parameter or of a string in dollar quotes.
fn dollar(text: &str) -> Option<usize> {
    let name = text[1..].bytes().position(|byte| !is_name(byte) || byte == b'$').unwrap_or(text.len() - 1);
    let is_param = name > 0 && text.as_bytes()[1..=name].iter().all(u8::is_ascii_digit);
    if is_param {
        return Some(1 + name);
    }
    let delimiter = text.get(..name + 2).filter(|delimiter| delimiter.ends_with('$'))?;
    let end = text[delimiter.len()..].find(delimiter)?;
    Some(delimiter.len() * 2 + end)
}

/// A text with holes, at which the numbers of parameters are written in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Piece {
    text: String,
    /// Where a parameter stands, and which
    holes: Vec<(u32, u16)>,
}

impl Piece {
    /// Text without parameters.
    pub fn of(text: &str) -> Self {
        Self { text: text.to_owned(), holes: Vec::new() }
    }

    /// Adds text without parameters.
    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Adds a parameter.
    pub fn push_param(&mut self, number: u16) {
        self.holes.push((self.text.len() as u32, number));
    }

    /// Adds another piece.
    pub fn push_piece(&mut self, other: &Self) {
        let start = self.text.len() as u32;
        self.holes.extend(other.holes.iter().map(|(at, number)| (start + at, *number)));
        self.text.push_str(&other.text);
    }

    /// The parameters, in their order.
    pub fn params(&self) -> impl Iterator<Item = u16> {
        self.holes.iter().map(|(_, number)| *number)
    }

    /// Nothing stands in it.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty() && self.holes.is_empty()
    }

    /// Writes it out; `number_of` says what each parameter is called there.
    pub fn write(&self, out: &mut String, mut number_of: impl FnMut(u16) -> u16) {
        let mut done = 0;
        for (at, number) in &self.holes {
            out.push_str(&self.text[done..*at as usize]);
            out.push('$');
            out.push_str(itoa::Buffer::new().format(number_of(*number)));
            done = *at as usize;
        }
        out.push_str(&self.text[done..]);
    }
}

impl std::fmt::Display for Piece {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::new();
        self.write(&mut text, |number| number);
        formatter.write_str(&text)
    }
}

/// Pieces put together to a statement that knows only the parameters it names, counted from 1.
#[derive(Debug, Default)]
pub struct Assembled {
    /// SQL
    pub text: String,
    /// What each of its parameters is called in the pieces
    pub params: Vec<u16>,
    /// Their numbers here, by those in the pieces; 0: not named so far
    numbers: Vec<u16>,
}

impl Assembled {
    /// Adds text without parameters.
    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Adds a piece.
    pub fn push_piece(&mut self, piece: &Piece) {
        let Self { text, params, numbers } = self;
        piece.write(text, |number| {
            let at = usize::from(number);
            if numbers.len() <= at {
                numbers.resize(at + 1, 0);
            }
            if numbers[at] == 0 {
                params.push(number);
                numbers[at] = params.len() as u16;
            }
            numbers[at]
        });
    }
}

/// A text with other parameters in the place of some of its tokens.
#[derive(Debug)]
pub struct Cut<'t> {
    text: &'t str,
    tokens: &'t [Token<'t>],
    /// What parameters take the place of, in order
    replaced: Vec<(Range<usize>, u16)>,
}

impl<'t> Cut<'t> {
    /// `replaced` is in the order of the text.
    pub fn new(text: &'t str, tokens: &'t [Token<'t>], replaced: Vec<(Range<usize>, u16)>) -> Self {
        Self { text, tokens, replaced }
    }

    /// These bytes of the text.
    pub fn piece(&self, at: Range<usize>) -> Piece {
        let mut piece = Piece::default();
        let mut done = at.start;
        let first = self.tokens.partition_point(|token| token.start < at.start);
        let params = self.tokens[first..].iter().take_while(|token| token.start < at.end);
        let params = params.filter_map(|token| Some((token.start..token.end(), token.param()?)));
        let first = self.replaced.partition_point(|(it, _)| it.start < at.start);
        let replaced = self.replaced[first..].iter().take_while(|(it, _)| it.start < at.end).cloned();
        let mut holes: Vec<_> = params.chain(replaced).collect();
        holes.sort_unstable_by_key(|(at, _)| at.start);
        for (hole, number) in holes {
            piece.push(&self.text[done..hole.start]);
            piece.push_param(number);
            done = hole.end;
        }
        piece.push(&self.text[done..at.end]);
        piece
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        tokens(text).expect("well-formed").into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn strings_and_comments_are_told_apart_as_postgresql_does() {
        assert_eq!(texts("a 'it''s (' /* ( /* ( */ ' */ b -- ) '\n $1"), ["a", "'it''s ('", "b", "$1"]);
        assert_eq!(texts(r"E'it\'s' + 'a\' + x'41'"), [r"E'it\'s'", "+", r"'a\'", "+", "x'41'"]);
        assert_eq!(texts("$$ ) $$ $q$ $$ $q$ \"a\"\"(\""), ["$$ ) $$", "$q$ $$ $q$", "\"a\"\"(\""]);
        assert_eq!(texts("f($12,x[1])"), ["f", "(", "$12", ",", "x", "[", "1", "]", ")"]);
    }

    #[test]
    fn what_does_not_match_is_left_alone() {
        for text in ["(", ")", "([)]", "'open", "$q$ open", "'a'\n'b'", "\"open"] {
            assert_eq!(tokens(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_of_newer_versions_are_seen() {
        for text in ["SELECT 1_000", "SELECT 0x1F + 1", "SELECT a FROM t WHERE b < 0b11", "SELECT 0o17"] {
            assert!(has_new_numbers(text), "{text}");
        }
        for text in ["SELECT 1, 1.5, .5, 1e3, 1.5e-3, $1, a1_2, \"1_0\", '0x1F' FROM t1_0 -- 1_0", "SELECT 12E10"] {
            assert!(!has_new_numbers(text), "{text}");
        }
    }

    #[test]
    fn parameters_get_new_numbers() {
        let text = "(now(), $2, '$3', $1)";
        let tokens = tokens(text).expect("well-formed");
        let piece = Cut::new(text, &tokens, vec![(1..6, 9)]).piece(0..text.len());
        assert_eq!(piece.params().collect::<Vec<_>>(), [9, 2, 1]);
        let mut out = String::new();
        piece.write(&mut out, |number| number * 10);
        assert_eq!(out, "($90, $20, '$3', $10)");
        let mut assembled = Assembled::default();
        assembled.push("VALUES ");
        assembled.push_piece(&piece);
        assembled.push_piece(&piece);
        assert_eq!(assembled.text, "VALUES ($1, $2, '$3', $3)($1, $2, '$3', $3)");
        assert_eq!(assembled.params, [9, 2, 1]);
    }
}
