//! Values that travel between servers as text: which settings would make another value of it on the way.

use crate::logic::sql::name::RAW;

/// Parameters, each with the values that leave texts as they are: alone, or first in a list.
pub type Usual = &'static [(&'static str, &'static [&'static str])];

/// For texts of any type, as elements of arrays: a NULL among them would come in as a word.
pub const ELEMENTS: Usual = &[("array_nulls", &["on"])];

/// For values whose text depends on settings.
pub const VALUES: Usual = &[
    ("array_nulls", &["on"]),
    ("datestyle", &["iso"]),
    // Both are read as they were written, whatever the style.
    ("intervalstyle", &["postgres", "iso_8601"]),
    // From 1 on all digits that it takes are written.
    ("extra_float_digits", &["1", "2", "3"]),
    ("lc_monetary", &[]),
    ("xmloption", &["content"]),
];

/// The first of the parameters that has another value. Nothing is said of one that is not set at all.
pub fn changed<'a>(usual: Usual, value_of: impl Fn(&'static str) -> Option<&'a str>) -> Option<&'static str> {
    let is_one = |value: &str, all: &[&str]| all.iter().any(|one| is(value, one));
    usual.iter().find(|(name, all)| value_of(name).is_some_and(|value| !is_one(value, all))).map(|(name, _)| *name)
}

/// A value as a session keeps it: a word, a string, or the parameter's own text.
fn is(value: &str, word: &str) -> bool {
    let value = value.trim_matches([RAW, '\'']);
    value.split(',').next().is_some_and(|first| first.trim_end_matches('\'').eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_style_counts_however_it_was_set() {
        let with = |style| changed(VALUES, move |name| (name == "datestyle").then_some(style));
        for style in ["ISO", "iso, dmy", "'ISO, YMD'", "'ISO', 'DMY'", "\u{1}ISO", "\u{1}iso,mdy"] {
            assert_eq!(with(style), None, "{style}");
        }
        for style in ["German", "'SQL, DMY'", "\u{1}Postgres", "\u{1}", "isolated"] {
            assert_eq!(with(style), Some("datestyle"), "{style}");
        }
    }

    #[test]
    fn what_is_not_set_changes_nothing() {
        assert_eq!(changed(VALUES, |_| None), None);
        assert_eq!(changed(VALUES, |name| (name == "lc_monetary").then_some("C")), Some("lc_monetary"));
    }
}
