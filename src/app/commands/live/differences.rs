//! Do shards have the same definitions?

use std::collections::BTreeSet;

use super::definitions::Objects;
use crate::config::Severity;

/// Objects of shards, by their names.
pub type Had<'a> = [(&'a str, &'a Objects)];

/// What shards have otherwise than the first of them; `of` is the table, with a space, or empty.
/// `may_be_alone`: an object that this shard alone has is meant to be there alone.
pub fn differences(of: &str, had: &Had<'_>, may_be_alone: impl Fn(&str) -> bool) -> Vec<(Severity, String)> {
    let names: BTreeSet<&(String, String)> = had.iter().flat_map(|(_, objects)| objects.keys()).collect();
    let mut found = Vec::new();
    for name in names {
        let (kind, called) = name;
        let having: Vec<(&str, &str)> =
            had.iter().filter_map(|(shard, objects)| Some((*shard, objects.get(name)?.as_str()))).collect();
        let lacking: Vec<&str> =
            had.iter().filter(|(_, objects)| !objects.contains_key(name)).map(|(shard, _)| *shard).collect();
        let Some((first, definition)) = having.first().copied() else { continue };
        if !lacking.is_empty() && kind != "column" && !(having.len() == 1 && may_be_alone(first)) {
            let on = having.iter().map(|(shard, _)| *shard).collect::<Vec<_>>().join(", ");
            found.push((
                severity(kind),
                format!("the {kind} {called}{of} is on {on}, not on {}: {}", lacking.join(", "), shown(definition)),
            ));
        }
        for (shard, other) in having.iter().filter(|(_, other)| *other != definition) {
            found.push((
                severity(kind),
                format!(
                    "the {kind} {called}{of} differs between the shards {first} and {shard}: {}; {}",
                    shown(definition),
                    shown(other)
                ),
            ));
        }
    }
    found
}

/// Does an answer depend on it? An index without a rule only costs time, and rights end in errors.
fn severity(kind: &str) -> Severity {
    match kind {
        "index" | "rights to" | "extension" => Severity::Warning,
        _ => Severity::Error,
    }
}

/// One line, not too long.
fn shown(definition: &str) -> String {
    const LONGEST: usize = 160;
    let words: Vec<&str> = definition.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(LONGEST) {
        _ if line.is_empty() => "nothing more".to_owned(),
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shard_lacks_or_has_otherwise_is_told() {
        let objects = |all: &[(&str, &str, &str)]| -> Objects {
            all.iter().map(|(kind, name, is)| (((*kind).to_owned(), (*name).to_owned()), (*is).to_owned())).collect()
        };
        let a = objects(&[("view", "v", "SELECT 1;"), ("view", "own", "SELECT 2;"), ("column", "x", "NOT NULL")]);
        let b = objects(&[("view", "v", "SELECT\n 3;"), ("index", "i", "CREATE INDEX"), ("column", "x", "")]);
        let had = [("a", &a), ("b", &b)];
        let told = |may_be_alone: fn(&str) -> bool| -> Vec<String> {
            differences(" of t", &had, may_be_alone).into_iter().map(|(_, message)| message).collect()
        };
        let x = "the column x of t differs between the shards a and b: NOT NULL; nothing more";
        let v = "the view v of t differs between the shards a and b: SELECT 1;; SELECT 3;";
        let (i, own) =
            ("the index i of t is on b, not on a: CREATE INDEX", "the view own of t is on a, not on b: SELECT 2;");
        assert_eq!(told(|_| false), [x, i, own, v]);
        assert_eq!(told(|shard| shard == "a"), [x, i, v]);
    }
}
