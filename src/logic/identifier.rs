//! How long a name may be. PostgreSQL cuts off what is longer, and goes on with the rest.

/// Bytes of a name (`NAMEDATALEN` - 1).
pub const NAME_BYTES_MAX: usize = 63;

/// What PostgreSQL keeps of a name: no character is cut in two (`pg_mbcliplen`; older versions do that to names at login,
/// which no role then has).
pub fn cut(name: &str) -> &str {
    let mut end = name.len().min(NAME_BYTES_MAX);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_between_characters() {
        let long = "x".repeat(70);
        assert_eq!((cut("app"), cut(&long[..63]), cut(&long)), ("app", &long[..63], &long[..63]));
        let umlauts = "ü".repeat(40);
        assert_eq!(cut(&umlauts), "ü".repeat(31));
    }
}
