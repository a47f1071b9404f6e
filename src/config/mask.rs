//! A line of a settings file as it may be shown: everything that may be a password is stars, one for each character, so
//! that carets still point right. Lines are shown because something is wrong with them: where it is not clear where a
//! password ends, the rest of the line is covered.

use std::ops::Range;

/// What a key that holds a secret may look like, misspelled too.
const SECRET_KEYS: [&str; 5] = ["pass", "pasw", "pwd", "secret", "verif"];

/// Parameters of a URL whose values may be shown.
const OPEN_PARAMETERS: [&str; 6] = ["host", "port", "dbname", "user", "sslmode", "sslrootcert"];

/// Does the value of this key look like a secret?
pub fn is_secret(key: &str) -> bool {
    let lower = key.to_ascii_lowercase();
    SECRET_KEYS.iter().any(|secret| lower.contains(secret))
}

/// The line without its secrets.
pub fn mask(line: &str) -> String {
    let chars: Vec<char> = line.chars().collect();
    let lower: Vec<char> = chars.iter().map(char::to_ascii_lowercase).collect();
    let mut shown = chars.clone();
    let mut at = 0;
    while at < chars.len() {
        let begins =
            |word: &&str| lower[at..].iter().copied().zip(word.chars()).filter(|(a, b)| a == b).count() == word.len();
        if begins(&"://") {
            let (covered, end) = in_url(&chars, at);
            covered.into_iter().for_each(|range| shown[range].fill('*'));
            at = end;
        } else {
            if SECRET_KEYS.iter().any(begins) {
                shown[of_key(&chars, at)].fill('*');
            }
            at += 1;
        }
    }
    shown.into_iter().collect()
}

/// The value of `password = "…"`; `{ env = "NAME" }` stays readable.
fn of_key(chars: &[char], key: usize) -> Range<usize> {
    let after_name = skip(chars, key, |c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
    let equals = skip(chars, after_name, |c| matches!(c, '"' | '\'') || c.is_whitespace());
    if chars.get(equals) != Some(&'=') {
        return 0..0;
    }
    let start = skip(chars, equals + 1, char::is_whitespace);
    match chars.get(start) {
        Some('"' | '\'') => start + 1..string_end(chars, start).unwrap_or(chars.len()),
        Some('{') if is_elsewhere(chars, start) => 0..0,
        Some(_) | None => start..chars.len(),
    }
}

/// `{ env = "NAME" }` or `{ file = "path" }`, and no more.
fn is_elsewhere(chars: &[char], brace: usize) -> bool {
    let name = skip(chars, brace + 1, char::is_whitespace);
    let name_end = skip(chars, name, char::is_alphanumeric);
    let is_known = [['e', 'n', 'v'].as_slice(), &['f', 'i', 'l', 'e']].contains(&&chars[name..name_end]);
    let equals = skip(chars, name_end, char::is_whitespace);
    let value = skip(chars, (equals + 1).min(chars.len()), char::is_whitespace);
    let is_string = chars.get(equals) == Some(&'=') && matches!(chars.get(value), Some('"' | '\''));
    let end = if is_known && is_string { string_end(chars, value) } else { None };
    end.is_some_and(|end| chars.get(skip(chars, end + 1, char::is_whitespace)) == Some(&'}'))
}

/// Where the string that opens at `open` is closed, if that is certain: a quote inside that nobody has escaped closes it
/// too, and then something else follows, or one quote too many.
fn string_end(chars: &[char], open: usize) -> Option<usize> {
    let quote = chars[open];
    let next_quote = |from: usize| {
        let mut at = from;
        while *chars.get(at)? != quote {
            at += if quote == '"' && chars[at] == '\\' { 2 } else { 1 };
        }
        Some(at)
    };
    let end = next_quote(open + 1)?;
    let follows = chars[end + 1..].iter().find(|c| !c.is_whitespace());
    let quotes = std::iter::successors(next_quote(end + 1), |at| next_quote(at + 1)).count();
    (matches!(follows, None | Some(',' | ']' | '}' | '#')) && quotes.is_multiple_of(2)).then_some(end)
}

/// What is to be covered of the URL whose `://` is at `colon`, and where it ends.
fn in_url(chars: &[char], colon: usize) -> ([Range<usize>; 2], usize) {
    let authority = colon + 3;
    let scheme = (0..colon).rev().find(|at| !chars[*at].is_alphanumeric());
    let open = scheme.filter(|at| matches!(chars[*at], '"' | '\''));
    let Some(end) = open.and_then(|open| string_end(chars, open)) else {
        return ([authority..chars.len(), 0..0], chars.len());
    };
    let find = |within: Range<usize>, what: &[char]| within.clone().find(|at| what.contains(&chars[*at]));
    let login_end = (authority..end).rev().find(|at| chars[*at] == '@');
    let first_colon = find(authority..login_end.unwrap_or(end), &[':']);
    let path = find(authority..end, &['/', '?']).unwrap_or(end);
    let login = match (login_end, first_colon) {
        (Some(login_end), Some(colon)) => colon + 1..login_end,
        // The host may stand in brackets, and after it a port: anything else may be a password without its host.
        (None, Some(colon)) if chars[authority] != '[' && colon < path => {
            let is_port = chars[colon + 1..path].iter().all(char::is_ascii_digit);
            if is_port { 0..0 } else { colon + 1..end }
        }
        (Some(_) | None, _) => 0..0,
    };
    ([login, in_query(chars, find(authority..end, &['?']).map_or(end, |at| at + 1)..end)], end)
}

/// The first value that may not be shown, with everything after it: an `&` in it ends it for us, not for who wrote it.
fn in_query(chars: &[char], query: Range<usize>) -> Range<usize> {
    let mut from = query.start;
    while from < query.end {
        let pair_end = (from..query.end).find(|at| chars[*at] == '&').unwrap_or(query.end);
        let equals = (from..pair_end).find(|at| chars[*at] == '=');
        let name: String = chars[from..equals.unwrap_or(pair_end)].iter().collect();
        match equals {
            Some(_) if OPEN_PARAMETERS.contains(&&*name) => from = pair_end + 1,
            Some(equals) if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => {
                return equals + 1..query.end;
            }
            Some(_) | None => return from..query.end,
        }
    }
    0..0
}

fn skip(chars: &[char], from: usize, what: impl Fn(char) -> bool) -> usize {
    (from..chars.len()).find(|at| !what(chars[*at])).unwrap_or(chars.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_masked_however_they_are_written() {
        let cases = [
            (r#"password = "abc""#, r#"password = "***""#),
            (r#"password = "a\"b""#, r#"password = "****""#),
            (r#"password = "a"b" # x"#, r#"password = "********"#),
            (r#"password = "a", b""#, r#"password = "******"#),
            (r#"password = """a"#, r#"password = "***"#),
            (r#"pasword = "abc"  # typo"#, r#"pasword = "***"  # typo"#),
            (r#"password = ["abc"]"#, "password = *******"),
            (r#"password = { env = "APP" }"#, r#"password = { env = "APP" }"#),
            (r#"password = { env = "APP", x = "abc" }"#, "password = **************************"),
            ("password = 12 # abc", "password = ********"),
            (r#"{ name = "a", server_password='abc' }"#, r#"{ name = "a", server_password='***' }"#),
            (r#"{ name = "a", Peer_Secret='abc', b = 'c' }"#, r#"{ name = "a", Peer_Secret='***', b = 'c' }"#),
            (r#"password = "unterminated"#, r#"password = "************"#),
            ("password.value = 'abc'", "password.value = '***'"),
        ];
        for (line, masked) in cases {
            assert_eq!(mask(line), masked);
        }
    }

    #[test]
    fn so_are_those_in_addresses() {
        let cases = [
            ("u:p@ss@h/db", "u:****@h/db"),
            ("u:my word@h:bad/db", "u:*******@h:bad/db"),
            ("u:a% b/c?d#e@h/db", "u:***************"),
            ("u:p@h/db?host=x", "u:*@h/db?host=x"),
            ("h:5432/db", "h:5432/db"),
            ("[::1]:5432/db", "[::1]:5432/db"),
            ("u:abc", "u:***"),
            ("u:abc/d", "u:*****"),
            ("h/db?password=abc&x=1", "h/db?password=*******"),
            ("/db?host=h x&password=my word&bad=1", "/db?host=h x&password=*************"),
            ("h/db?sslmode=x&ssl_mode=require", "h/db?sslmode=x&ssl_mode=*******"),
            ("h/db?p%61ssword=abc", "h/db?**************"),
            ("h/db?abc", "h/db?***"),
            ("h:1/db?user=a@b&password=abc", "h:***********@b&password=***"),
        ];
        for (url, masked) in cases {
            assert_eq!(mask(&format!("a = ['postgres://{url}', 'x']")), format!("a = ['postgres://{masked}', 'x']"));
        }
        for line in [
            r#"primary = "postgres://u:ab"c@h/db""#,
            r#"primary = "postgres://u:abc@h/db" weight = 3"#,
            "primary = postgres://u:abc@h/db",
            r#"primary = "host=h password=abc user=db""#,
            r#"primary = "host=h password='ab c' user=db""#,
        ] {
            let masked = mask(line);
            assert!(!masked.contains('c') && !masked.contains("db"), "{masked}");
        }
    }
}
