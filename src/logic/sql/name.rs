//! Names as statements of ours write them (PostgreSQL manual, "Identifiers and Key Words").

/// A name in quotation marks: as it is, whatever it is.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A name with its schema, where that is known.
pub fn qualified(schema: Option<&str>, name: &str) -> String {
    let schema = schema.map(|schema| quoted(schema) + ".").unwrap_or_default();
    schema + &quoted(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_they_are() {
        assert_eq!(quoted("a b\"c"), "\"a b\"\"c\"");
        assert_eq!(qualified(None, "Events"), "\"Events\"");
        assert_eq!(qualified(Some("s.t"), "events"), "\"s.t\".\"events\"");
    }
}
