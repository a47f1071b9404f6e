//! Settings whose prefix is PL/pgSQL's. PostgreSQL takes any of them until the session runs some PL/pgSQL, and after that those
//! alone that PL/pgSQL knows, with values that it takes: which of its servers has run some, a session here does not know.

/// A setting with this prefix.
pub fn is_reserved(name: &str) -> bool {
    name.starts_with("plpgsql.")
}

/// One that PL/pgSQL knows and lets everybody set, to a value that reads alike before and after that; `None` is its default.
pub fn is_plpgsqls(name: &str, value: Option<&str>) -> bool {
    const CHECKS: [&str; 5] = ["none", "all", "shadowed_variables", "too_many_rows", "strict_multi_assignment"];
    let is_among = |words: &[&str]| value.is_none_or(|value| words.contains(&value));
    match name.strip_prefix("plpgsql.") {
        Some("check_asserts" | "print_strict_params") => is_among(&["on", "off"]),
        Some("extra_warnings" | "extra_errors") => is_among(&CHECKS),
        Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_alike_before_and_after_it_is_loaded() {
        for (name, value, is_plain) in [
            ("plpgsql.check_asserts", Some("off"), true),
            ("plpgsql.check_asserts", None, true),
            // It is shown as off once PL/pgSQL knows it.
            ("plpgsql.check_asserts", Some("no"), false),
            ("plpgsql.extra_errors", Some("too_many_rows"), true),
            ("plpgsql.extra_errors", Some("too_many_rows, all"), false),
            // A superuser alone may set it, but anybody before it is loaded.
            ("plpgsql.variable_conflict", Some("error"), false),
            ("plpgsql.foo", Some("on"), false),
            ("plpgsql.foo", None, false),
            ("app.foo", None, false),
        ] {
            assert_eq!(is_plpgsqls(name, value), is_plain, "{name} = {value:?}");
        }
    }
}
