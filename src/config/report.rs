//! Everything that is wrong with the settings, shown where it stands.

use std::fmt;

use super::source::{Place, SecretFile, Sources, Span};

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Works, but probably not as meant
    Warning,
    /// The settings cannot be used
    Error,
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How bad
    pub severity: Severity,
    /// Where; `None` when a whole file is missing
    pub place: Option<Place>,
    /// What is wrong
    pub message: String,
    /// What would be right
    pub help: Option<String>,
}

/// All problems of one load, in the order of the files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The problems
    pub problems: Vec<Problem>,
}

impl Report {
    /// Any error among them?
    pub fn is_fatal(&self) -> bool {
        self.errors() > 0
    }

    /// How many errors.
    pub fn errors(&self) -> usize {
        self.problems.iter().filter(|it| it.severity == Severity::Error).count()
    }

    /// How many warnings.
    pub fn warnings(&self) -> usize {
        self.problems.len() - self.errors()
    }
}

impl std::error::Error for Report {}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        writeln!(f, "{severity}: {}", self.message)?;
        if let Some(Place { path, line, column, excerpt, width }) = &self.place {
            let gutter = " ".repeat(line.to_string().len());
            // Tabs keep their width above the caret.
            let indent: String = excerpt.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            writeln!(f, "{gutter}--> {}:{line}:{column}", path.display())?;
            writeln!(f, "{gutter} |")?;
            writeln!(f, "{line} | {excerpt}")?;
            writeln!(f, "{gutter} | {indent}{}", "^".repeat(*width))?;
        }
        if let Some(help) = &self.help {
            writeln!(f, "  help: {help}")?;
        }
        Ok(())
    }
}

/// Collects problems while the settings are read.
#[derive(Debug, Default)]
pub struct Problems {
    /// The files read so far
    pub sources: Sources,
    /// Files that hold passwords
    pub secret_files: Vec<SecretFile>,
    found: Vec<(Severity, Option<Span>, String, Option<String>)>,
}

impl Problems {
    /// The settings cannot be used because of what stands at `span`.
    pub fn error(&mut self, span: Span, message: impl Into<String>) -> Helped<'_> {
        self.add(Severity::Error, Some(span), message.into())
    }

    /// Probably not meant as it stands.
    pub fn warning(&mut self, span: Span, message: impl Into<String>) -> Helped<'_> {
        self.add(Severity::Warning, Some(span), message.into())
    }

    /// An error without a place in a file.
    pub fn general(&mut self, message: impl Into<String>) -> Helped<'_> {
        self.add(Severity::Error, None, message.into())
    }

    fn add(&mut self, severity: Severity, span: Option<Span>, message: String) -> Helped<'_> {
        self.found.push((severity, span, message, None));
        Helped(&mut self.found.last_mut().expect("just pushed").3)
    }

    /// How many errors so far: lets a reader see whether a part of it went wrong.
    pub fn errors(&self) -> usize {
        self.found.iter().filter(|it| it.0 == Severity::Error).count()
    }

    /// The report, in the order of the files; one problem a place and message.
    pub fn report(mut self) -> Report {
        self.found.sort_by_key(|it| it.1);
        self.found.dedup();
        let sources = self.sources;
        let show = |(severity, span, message, help): (_, Option<Span>, _, _)| Problem {
            severity,
            place: span.map(|span| sources.place(span)),
            message,
            help,
        };
        Report { problems: self.found.into_iter().map(show).collect() }
    }
}

/// A problem that may still get a word of help.
pub struct Helped<'a>(&'a mut Option<String>);

impl Helped<'_> {
    /// What would be right.
    pub fn help(self, help: impl Into<String>) {
        *self.0 = Some(help.into());
    }

    /// The same, when there is something to say.
    pub fn help_if(self, help: Option<String>) {
        *self.0 = help;
    }
}

/// The candidate that `word` is probably a misspelling of.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(&word.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// "did you mean" for `nearest`.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, candidates).map(|found| format!("did you mean `{found}`?"))
}

/// Levenshtein's edit distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspellings_find_their_word() {
        let words = ["pool_size", "pool_min", "query_timeout"];
        assert_eq!(nearest("pool_sise", words), Some("pool_size"));
        assert_eq!(nearest("poolsize", words), Some("pool_size"));
        assert_eq!(nearest("colour", words), None);
    }
}
