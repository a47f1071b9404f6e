//! Words, names, texts and signs of what is said to the console.

/// A word or sign of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token<'a> {
    /// A word, or a number
    Word(&'a str),
    /// `"name"`
    Quoted(String),
    /// `'text'`
    Text(String),
    /// Any other character
    Sign(char),
}

impl Token<'_> {
    /// It is this word, in whatever letters.
    pub fn is(&self, word: &str) -> bool {
        matches!(self, Token::Word(found) if found.eq_ignore_ascii_case(word))
    }

    /// What it names.
    pub(super) fn name(&self) -> Option<String> {
        match self {
            Token::Word(word) => Some((*word).to_owned()),
            Token::Quoted(name) => Some(name.clone()),
            Token::Text(_) | Token::Sign(_) => None,
        }
    }
}

/// Words and signs; `None`: a quotation or comment does not end.
pub(super) fn tokens(text: &str) -> Option<Vec<Token<'_>>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        rest = match first {
            _ if first.is_whitespace() => rest.trim_start(),
            '-' if rest.starts_with("--") => rest.split_once('\n').map_or("", |(_, after)| after),
            '/' if rest.starts_with("/*") => rest[2..].split_once("*/")?.1,
            '"' | '\'' => {
                let (quoted, after) = quoted(&rest[1..], first)?;
                tokens.push(if first == '"' { Token::Quoted(quoted) } else { Token::Text(quoted) });
                after
            }
            _ if is_of_word(first) => {
                let end = rest.find(|next| !is_of_word(next)).unwrap_or(rest.len());
                tokens.push(Token::Word(&rest[..end]));
                &rest[end..]
            }
            _ => {
                tokens.push(Token::Sign(first));
                &rest[first.len_utf8()..]
            }
        };
    }
    Some(tokens)
}

fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '$')
}

/// What is quoted, and what follows. A doubled quote stands for one.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut found = String::new();
    let mut rest = text;
    loop {
        let (part, after) = rest.split_once(quote)?;
        found.push_str(part);
        match after.strip_prefix(quote) {
            Some(after) => {
                found.push(quote);
                rest = after;
            }
            None => return Some((found, after)),
        }
    }
}
