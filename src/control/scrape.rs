//! Reads Prometheus text back: what `/metrics` shows is what the status page shows.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// All series of one scrape.
pub struct Scrape<'a>(Vec<Series<'a>>);

/// One series.
struct Series<'a> {
    name: &'a str,
    labels: Vec<(&'a str, Cow<'a, str>)>,
    value: f64,
}

/// A histogram: samples up to each bound, and at last all of them.
#[derive(Debug, Default, PartialEq, serde::Serialize)]
pub struct Buckets {
    /// Upper bounds, the infinite one left out
    pub bounds: Vec<f64>,
    /// One more than there are bounds
    pub counts: Vec<f64>,
}

impl<'a> Scrape<'a> {
    /// Of text that we have written.
    pub fn read(text: &'a str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self(lines.filter_map(series).collect())
    }

    fn of<'s>(&'s self, name: &'s str, labels: &'s [(&'s str, &'s str)]) -> impl Iterator<Item = &'s Series<'a>> {
        let fits = move |series: &&Series<'a>| labels.iter().all(|(label, value)| series.label(label) == Some(*value));
        self.0.iter().filter(move |series| series.name == name).filter(fits)
    }

    /// The sum of all series of this name that carry these labels; `None` when there is none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        self.of(name, labels).map(|series| series.value).reduce(|one, other| one + other)
    }

    /// The same by the value of another label.
    pub fn by(&self, name: &str, label: &str, labels: &[(&str, &str)]) -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        for series in self.of(name, labels) {
            *sums.entry(series.label(label).unwrap_or_default().to_owned()).or_default() += series.value;
        }
        sums
    }

    /// Every series of this name with these labels: the values of `shown`, in that order, and its own.
    pub fn rows<const N: usize>(
        &self,
        name: &str,
        shown: [&str; N],
        labels: &[(&str, &str)],
    ) -> Vec<([String; N], f64)> {
        let row =
            |series: &Series<'a>| (shown.map(|label| series.label(label).unwrap_or_default().to_owned()), series.value);
        self.of(name, labels).map(row).collect()
    }

    /// A histogram; `name` is without `_bucket`.
    pub fn buckets(&self, name: &str, labels: &[(&str, &str)]) -> Buckets {
        let mut found: Vec<(f64, f64)> = self
            .of(&format!("{name}_bucket"), labels)
            .filter_map(|series| Some((series.label("le")?.parse().ok()?, series.value)))
            .collect();
        found.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        let bounds = found.iter().map(|(bound, _)| *bound).filter(|bound| bound.is_finite()).collect();
        Buckets { bounds, counts: found.into_iter().map(|(_, count)| count).collect() }
    }
}

impl Series<'_> {
    fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| *label == name).map(|(_, value)| &**value)
    }
}

/// `name{label="value",…} 1.5`
fn series(line: &str) -> Option<Series<'_>> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = Vec::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (label, quoted) = rest.split_once("=\"")?;
            let (value, after) = unquoted(quoted)?;
            labels.push((label, value));
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        rest = &rest[1..];
    }
    Some(Series { name, labels, value: rest.trim().parse().ok()? })
}

/// A label's value up to its closing quote, and what follows it. `\\`, `\"` and `\n` are escapes (exposition format).
fn unquoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let end = text.find(['"', '\\'])?;
    if text[end..].starts_with('"') {
        return Some((Cow::Borrowed(&text[..end]), &text[end + 1..]));
    }
    let (mut value, mut letters) = (String::new(), text.char_indices());
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((Cow::Owned(value), &text[at + 1..])),
            '\\' => value.push(match letters.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# HELP x is not a series\n\
        x{database=\"app\",shard=\"a\"} 1\nx{database=\"app\",shard=\"b\"} 2.5\nx{database=\"o \\\"\\\\\\n} 1\",shard=\"a\"} 4\n\
        plain 7\ntime_bucket{le=\"0.1\"} 3\ntime_bucket{le=\"+Inf\"} 5\ntime_bucket{le=\"0.025\"} 1\nbroken{ 1\n";

    #[test]
    fn what_was_written_is_read() {
        let scrape = Scrape::read(TEXT);
        assert_eq!(scrape.sum("x", &[("database", "app")]), Some(3.5));
        assert_eq!(scrape.sum("x", &[("database", "o \"\\\n} 1")]), Some(4.0));
        assert_eq!(scrape.sum("plain", &[]), Some(7.0));
        assert_eq!(scrape.sum("y", &[]), None);
        assert_eq!(scrape.by("x", "shard", &[]), BTreeMap::from([("a".to_owned(), 5.0), ("b".to_owned(), 2.5)]));
        assert_eq!(scrape.rows("x", ["shard"], &[("database", "app")]).len(), 2);
        let times = Buckets { bounds: vec![0.025, 0.1], counts: vec![1.0, 3.0, 5.0] };
        assert_eq!(scrape.buckets("time", &[]), times);
        assert_eq!(scrape.buckets("time", &[("le", "nothing")]), Buckets::default());
    }
}
