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

/// Opens a setting's value that is not SQL but the parameter's own text: lists of names (`search_path`) are kept as they came.
pub const RAW: char = '\u{1}';

/// What follows `SET name TO`, of a value as `set_config` and the startup message have it. In lists of names the commas are
/// the parameter's own syntax.
pub fn setting_value(name: &str, value: &str) -> Box<str> {
    let is_list = matches!(
        name,
        "search_path" | "session_preload_libraries" | "local_preload_libraries" | "temp_tablespaces" | "datestyle"
    );
    if is_list { format!("{RAW}{value}").into() } else { literal(value).into() }
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
