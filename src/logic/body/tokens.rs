//! The tokens of a body, as far as PL/pgSQL and SQL have them in common; comments and white space left out.

use std::borrow::Cow;

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token<'t> {
    /// A name without quotes, or a keyword: in lower case
    Word(Cow<'t, str>),
    /// A name in quotes
    Quoted(Cow<'t, str>),
    /// What stands in the quotes of a string
    Text(Cow<'t, str>),
    /// Any other character
    Sign(char),
}

impl Token<'_> {
    /// It is this keyword.
    pub fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(found) if found == word)
    }

    /// It is this character.
    pub fn is_sign(&self, sign: char) -> bool {
        *self == Self::Sign(sign)
    }

    /// The name that it is.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Word(name) | Self::Quoted(name) => Some(name),
            Self::Text(_) | Self::Sign(_) => None,
        }
    }
}

/// All tokens of a text. What is not closed goes to its end.
pub fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            _ if first.is_ascii_whitespace() || first == '\u{b}' => (None, 1),
            '-' if rest.starts_with("--") => (None, rest.find(['\n', '\r']).unwrap_or(rest.len())),
            '/' if rest.starts_with("/*") => (None, comment(rest)),
            '\'' => text_token(rest, 0, false),
            'e' | 'E' if rest[1..].starts_with('\'') => text_token(rest, 1, true),
            'b' | 'B' | 'x' | 'X' | 'n' | 'N' if rest[1..].starts_with('\'') => text_token(rest, 1, false),
            'u' | 'U' if rest[1..].starts_with("&'") => text_token(rest, 2, false),
            '"' => {
                let (name, length) = quoted(rest, '"', false);
                (Some(Token::Quoted(name)), length)
            }
            '$' => dollar(rest),
            _ if is_of_name(first) => {
                let length = rest.find(|c| !is_of_name(c) && c != '$').unwrap_or(rest.len());
                (Some(Token::Word(lower(&rest[..length]))), length)
            }
            _ => (Some(Token::Sign(first)), first.len_utf8()),
        };
        found.extend(token);
        rest = &rest[length..];
    }
    found
}

/// Whatever is not ASCII may stand in names, white space and pictures too.
fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii()
}

fn lower(word: &str) -> Cow<'_, str> {
    if word.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(word.to_ascii_lowercase())
    } else {
        Cow::Borrowed(word)
    }
}

/// The length of a comment; comments nest.
fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    let bytes = text.as_bytes();
    while at < bytes.len() {
        match &bytes[at..bytes.len().min(at + 2)] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn text_token(text: &str, prefix: usize, has_escapes: bool) -> (Option<Token<'_>>, usize) {
    let (content, length) = quoted(&text[prefix..], '\'', has_escapes);
    (Some(Token::Text(content)), prefix + length)
}

/// What stands in quotes, and the length with them. A doubled quote is one; of an escape the character itself is kept.
fn quoted(text: &str, quote: char, has_escapes: bool) -> (Cow<'_, str>, usize) {
    let mut changed: Option<String> = None;
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, found)) = chars.next() {
        let so_far = || text[1..at].to_owned();
        let kept = match found {
            _ if found == quote && chars.next_if(|(_, next)| *next == quote).is_some() => {
                changed.get_or_insert_with(so_far);
                Some(quote)
            }
            _ if found == quote => {
                let content = changed.map_or(Cow::Borrowed(&text[1..at]), Cow::Owned);
                return (content, at + 1);
            }
            '\\' if has_escapes => {
                changed.get_or_insert_with(so_far);
                chars.next().map(|(_, escaped)| if matches!(escaped, 'n' | 't' | 'r') { ' ' } else { escaped })
            }
            other => Some(other),
        };
        if let (Some(changed), Some(kept)) = (&mut changed, kept) {
            changed.push(kept);
        }
    }
    (changed.map_or(Cow::Borrowed(text.get(1..).unwrap_or_default()), Cow::Owned), text.len())
}

/// `$tag$ … $tag$`, or a parameter.
fn dollar(text: &str) -> (Option<Token<'_>>, usize) {
    let is_number = text[1..].starts_with(|c: char| c.is_ascii_digit());
    let is_inside = |c: char| if is_number { c.is_ascii_digit() } else { is_of_name(c) };
    let end = text[1..].find(|c| !is_inside(c)).map_or(text.len(), |end| end + 1);
    if is_number || !text[end..].starts_with('$') {
        return (Some(Token::Sign('$')), end);
    }
    let (tag, inside) = text.split_at(end + 1);
    match inside.find(tag) {
        Some(length) => (Some(Token::Text(Cow::Borrowed(&inside[..length]))), tag.len() * 2 + length),
        None => (Some(Token::Text(Cow::Borrowed(inside))), text.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let show = |token: &Token<'_>| match token {
            Token::Word(word) => word.to_string(),
            Token::Quoted(name) => format!("\"{name}\""),
            Token::Text(text) => format!("'{text}'"),
            Token::Sign(sign) => sign.to_string(),
        };
        tokens(text).iter().map(show).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn a_body_falls_into_tokens() {
        let cases = [
            ("SELECT a.B FROM \"My\"\"Table\"", "select|a|.|b|from|\"My\"Table\""),
            ("x := 'it''s' || E'a\\'b' /* no /* 'more */ */ -- 'nothing\n;", "x|:|=|'it's'|||||'a'b'|;"),
            ("$$a 'b' $x$ c$$ $x$y$$z$x$ $1", "'a 'b' $x$ c'|'y$$z'|$"),
            ("E'SET\\nx'", "'SET x'"),
            ("U&'d\\0061t' n'x' über$1", "'d\\0061t'|'x'|über$1"),
            ("'open", "'open'"),
            ("/* open", ""),
            ("$a$open", "'open'"),
            ("\"open", "\"open\""),
            ("e", "e"),
            ("-- a\rb -- c\nd", "b|d"),
            ("a\u{a0}b 💥() $💥$ ' $💥$;", "a\u{a0}b|💥|(|)|' ' '|;"),
            ("$1from $1$a$b$a$", "$|from|$|'b'"),
            ("'", "''"),
            ("$", "$"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected, "{text}");
        }
    }
}
