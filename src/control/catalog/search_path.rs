//! Splits the text of `search_path` into schemas, as PostgreSQL's `SplitIdentifierString` does.

/// `"$user", public, "My ""own"""` → `$user`, `public`, `My "own"`. Unquoted names come out in lower case.
pub fn split(text: &str) -> Vec<Box<str>> {
    let mut schemas = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (schema, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_name(quoted),
            None => bare_name(rest),
        };
        schemas.push(schema.into());
        let after = after.trim_start();
        rest = after.strip_prefix(',').unwrap_or(after).trim_start();
    }
    schemas
}

fn bare_name(text: &str) -> (String, &str) {
    let end = text.find(|letter: char| letter == ',' || letter.is_ascii_whitespace()).unwrap_or(text.len());
    // At least one character is taken, so that the caller always gets on.
    let end = end.max(text.chars().next().map_or(0, char::len_utf8));
    (text[..end].to_ascii_lowercase(), &text[end..])
}

fn quoted_name(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let Some(end) = rest.find('"') else { return (name + rest, "") };
        name += &rest[..end];
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return (name, rest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn schemas_come_out_as_names() {
        let cases: &[(&str, &[&str])] = &[
            (r#""$user", public"#, &["$user", "public"]),
            ("Sales,public", &["sales", "public"]),
            (r#"  "My ""own"", schema" ,x"#, &[r#"My "own", schema"#, "x"]),
            ("", &[]),
            (r#""""#, &[""]),
            (r#"", "#, &[", "]),
            (",,a", &[",", "a"]),
        ];
        for (text, expected) in cases {
            assert_eq!(split(text).iter().map(|it| &**it).collect::<Vec<_>>(), *expected, "{text}");
        }
    }
}
