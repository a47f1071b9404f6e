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

/// A string, whatever the server's `standard_conforming_strings` is.
pub fn literal(text: &str) -> String {
    let quoted = format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"));
    if text.contains('\\') { format!("E{quoted}") } else { quoted }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_stay_inside_their_quotes() {
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal(r"a\' b"), r"E'a\\'' b'");
    }

    #[test]
    fn names_are_written_as_they_are() {
        assert_eq!(quoted("a b\"c"), "\"a b\"\"c\"");
        assert_eq!(qualified(None, "Events"), "\"Events\"");
        assert_eq!(qualified(Some("s.t"), "events"), "\"s.t\".\"events\"");
    }
}
