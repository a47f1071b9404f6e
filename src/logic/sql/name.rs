//! Names and strings as statements of ours write them (PostgreSQL manual, "Identifiers and Key Words", "String Constants").

/// A name in quotation marks: as it is, whatever it is.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A name with its schema, where that is known.
pub fn qualified(schema: Option<&str>, name: &str) -> String {
    let schema = schema.map(|schema| quoted(schema) + ".").unwrap_or_default();
    schema + &quoted(name)
}

/// The names that a text has as PostgreSQL reads the name of a relation (`regclass`): `a.b`, `"A b".c`. `None`: it is none.
pub fn parts_of(text: &str) -> Option<Vec<Box<str>>> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    loop {
        let (name, behind) = match rest.strip_prefix('"') {
            Some(inside) => quoted_part(inside)?,
            None => {
                let end = rest.find(['.', '"', ' ']).unwrap_or(rest.len());
                (rest[..end].to_ascii_lowercase(), &rest[end..])
            }
        };
        if name.is_empty() {
            return None;
        }
        parts.push(name.into());
        match behind.trim_start() {
            "" => return Some(parts),
            behind => rest = behind.strip_prefix('.')?.trim_start(),
        }
    }
}

/// What stands up to the closing quotation mark, two of which stand for one; and what follows.
fn quoted_part(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let end = rest.find('"')?;
        name.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(behind) => {
                name.push('"');
                rest = behind;
            }
            None => return Some((name, rest)),
        }
    }
}

/// A string, whatever the server's `standard_conforming_strings` is.
pub fn literal(text: &str) -> String {
    let quoted = format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"));
    if text.contains('\\') { format!("E{quoted}") } else { quoted }
}

/// Opens a setting's value that is not SQL but the parameter's own text: lists of names (`search_path`) are kept as they came.
pub const RAW: char = '\u{1}';

/// Schemas that everybody has, whose names PostgreSQL writes without quotation marks.
const USUAL_SCHEMAS: [&str; 4] = ["information_schema", "pg_catalog", "pg_temp", "public"];

/// A list of names for `SET`, where PostgreSQL shows it afterwards as it was: `"$user", public`. SET takes no snapshot,
/// `set_config`, which takes any text, does: behind it a transaction keeps its isolation level.
pub fn list_for_set(raw: &str) -> Option<&str> {
    let is_shown = |name: &str| match name.strip_prefix('"') {
        Some(inside) => quoted_part(inside).is_some_and(|(name, behind)| {
            behind.is_empty() && name.contains('$') && name.bytes().all(|it| it == b'$' || it.is_ascii_alphanumeric())
        }),
        None => USUAL_SCHEMAS.contains(&name),
    };
    raw.split(", ").all(is_shown).then_some(raw)
}

/// What follows `SET name TO`, of a value as `set_config` and the startup message have it. In lists of names the commas are
/// the parameter's own syntax.
pub fn setting_value(name: &str, value: &str) -> Box<str> {
    let is_list =
        matches!(name, "search_path" | "session_preload_libraries" | "local_preload_libraries" | "temp_tablespaces");
    if is_list { format!("{RAW}{value}").into() } else { literal(value).into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_that_set_would_show_otherwise_are_kept_from_it() {
        for shown in [r#""$user", public"#, "public", "pg_catalog, pg_temp", r#""A$1", public"#] {
            assert_eq!(list_for_set(shown), Some(shown));
        }
        for other in ["", "$user, public", r#""$user",public"#, r#""public""#, "user", "Public", r#""$user"", public"#]
        {
            assert_eq!(list_for_set(other), None, "{other}");
        }
    }

    #[test]
    fn strings_stay_inside_their_quotes() {
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal(r"a\' b"), r"E'a\\'' b'");
    }

    #[test]
    fn names_of_relations_are_read_as_postgresql_reads_them() {
        let parts = |text: &str| parts_of(text).map(|parts| parts.join("|"));
        assert_eq!(parts("Ids_seq").as_deref(), Some("ids_seq"));
        assert_eq!(parts(" public . \"A \"\"b.c\" ").as_deref(), Some("public|A \"b.c"));
        for wrong in ["", "a.", ".a", "a b", "\"a", "\"\"", "a\"b\""] {
            assert_eq!(parts(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn names_are_written_as_they_are() {
        assert_eq!(quoted("a b\"c"), "\"a b\"\"c\"");
        assert_eq!(qualified(None, "Events"), "\"Events\"");
        assert_eq!(qualified(Some("s.t"), "events"), "\"s.t\".\"events\"");
    }
}
