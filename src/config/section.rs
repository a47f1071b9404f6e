//! A table of the file, read field by field. Wrong fields are reported and replaced by their default, so that one
//! look at the file finds everything.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::report::{Problems, did_you_mean};
use super::source::Span;
use super::tree::{Entry, Node, Value};
use super::units;

/// One table and the fields it may have.
#[derive(Debug, Clone, Copy)]
pub struct Section<'a> {
    entries: &'a [Entry],
    known: &'static [&'static str],
    /// Where the table stands
    pub span: Span,
}

impl<'a> Section<'a> {
    /// Opens a table; fields it should not have are reported.
    pub fn open(node: &'a Node, known: &'static [&'static str], problems: &mut Problems) -> Self {
        let entries = entries(node, problems);
        for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            problems
                .error(entry.key_span, format!("unknown setting `{}`", entry.key))
                .help_if(did_you_mean(&entry.key, known.iter().copied()).or_else(|| Some(choices(known))));
            if let Value::String(_) | Value::Array(_) = entry.node.value {
                problems.sources.hide(entry.node.span); // it may be a misspelled `password`
            }
        }
        Self { entries, known, span: node.span }
    }

    /// A table that is not in the file: every field has its default.
    pub fn absent(span: Span, known: &'static [&'static str]) -> Self {
        Self { entries: &[], known, span }
    }

    /// A field, if it is set.
    pub fn get(&self, name: &str) -> Option<&'a Node> {
        self.entry(name).map(|entry| &entry.node)
    }

    fn entry(&self, name: &str) -> Option<&'a Entry> {
        debug_assert!(self.known.contains(&name), "`{name}` is read but not listed among the known fields");
        self.entries.iter().find(|entry| entry.key == name)
    }

    /// The section of that name inside this one.
    pub fn section(&self, name: &str, known: &'static [&'static str], problems: &mut Problems) -> Self {
        match self.get(name) {
            Some(node) => Section::open(node, known, problems),
            None => Section::absent(self.span, known),
        }
    }

    /// The names and values of a table that the user names freely.
    pub fn named(&self, name: &str, problems: &mut Problems) -> &'a [Entry] {
        self.get(name).map_or(&[], |node| entries(node, problems))
    }

    /// A field that must be there.
    pub fn require(&self, name: &str, problems: &mut Problems) -> Option<&'a Node> {
        let found = self.get(name);
        if found.is_none() {
            problems.error(self.span, format!("`{name}` is missing"));
        }
        found
    }

    /// A string.
    pub fn text(&self, name: &str, problems: &mut Problems) -> Option<(&'a str, Span)> {
        let node = self.get(name)?;
        text(node, name, problems).map(|text| (text, node.span))
    }

    /// `true` or `false`.
    pub fn flag(&self, name: &str, default: bool, problems: &mut Problems) -> bool {
        match self.get(name) {
            Some(Node { value: Value::Boolean(flag), .. }) => *flag,
            Some(other) => {
                expected(other, name, "true or false", problems);
                default
            }
            None => default,
        }
    }

    /// A number in a range.
    pub fn count(&self, name: &str, default: u32, range: RangeInclusive<u32>, problems: &mut Problems) -> u32 {
        let Some(node) = self.get(name) else { return default };
        let Value::Integer(number) = node.value else {
            expected(node, name, "a whole number", problems);
            return default;
        };
        match u32::try_from(number).ok().filter(|number| range.contains(number)) {
            Some(number) => number,
            None => {
                let (least, most) = range.into_inner();
                problems.error(node.span, format!("`{name}` must be between {least} and {most}"));
                default
            }
        }
    }

    /// A duration; the range is inclusive, and zero is allowed only when it is in the range.
    pub fn duration(
        &self,
        name: &str,
        default: Duration,
        range: RangeInclusive<Duration>,
        problems: &mut Problems,
    ) -> Duration {
        let Some(node) = self.get(name) else { return default };
        let parsed = if let Value::String(text) = &node.value { units::duration(text) } else { None };
        let Some(found) = parsed else {
            problems.error(node.span, format!("`{name}` must be a duration")).help(units::DURATION_HELP);
            return default;
        };
        if range.contains(&found) {
            return found;
        }
        let (least, most) = range.into_inner();
        problems.error(node.span, format!("`{name}` must be between {} and {}", units::show(least), units::show(most)));
        default
    }

    /// A size in bytes.
    pub fn size(&self, name: &str, default: u64, problems: &mut Problems) -> u64 {
        let Some(node) = self.get(name) else { return default };
        let parsed = if let Value::String(text) = &node.value { units::size(text) } else { None };
        parsed.unwrap_or_else(|| {
            problems.error(node.span, format!("`{name}` must be a size")).help(units::SIZE_HELP);
            default
        })
    }

    /// One of several words.
    pub fn choice<T: Copy>(&self, name: &str, default: T, words: &[(&str, T)], problems: &mut Problems) -> T {
        let Some((word, span)) = self.text(name, problems) else { return default };
        if let Some((_, choice)) = words.iter().find(|(known, _)| *known == word) {
            return *choice;
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        problems
            .error(span, format!("`{name}` cannot be \"{word}\""))
            .help_if(did_you_mean(word, known.iter().copied()).or_else(|| Some(choices(&known))));
        default
    }

    /// A string or a list of strings.
    pub fn texts(&self, name: &str, problems: &mut Problems) -> Vec<(&'a str, Span)> {
        self.get(name).map_or_else(Vec::new, |node| {
            list(node).iter().filter_map(|item| Some((text(item, name, problems)?, item.span))).collect()
        })
    }
}

/// The entries of a table.
pub fn entries<'a>(node: &'a Node, problems: &mut Problems) -> &'a [Entry] {
    let Value::Table(entries) = &node.value else {
        problems.error(node.span, format!("expected a table, found {}", node.describe()));
        return &[];
    };
    entries
}

/// A list's items; anything else is a list of itself.
pub fn list(node: &Node) -> &[Node] {
    if let Value::Array(items) = &node.value { items } else { std::slice::from_ref(node) }
}

/// A string, or a report that `name` must be one.
pub fn text<'a>(node: &'a Node, name: &str, problems: &mut Problems) -> Option<&'a str> {
    let Value::String(text) = &node.value else {
        expected(node, name, "a string", problems);
        return None;
    };
    Some(text)
}

fn expected(node: &Node, name: &str, what: &str, problems: &mut Problems) {
    problems.error(node.span, format!("`{name}` must be {what}, not {}", node.describe()));
}

fn choices(words: &[&str]) -> String {
    format!("known here: {}", words.join(", "))
}
