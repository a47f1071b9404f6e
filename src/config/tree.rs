//! TOML as a tree whose every value knows where it stands; several files grow into one tree.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mask::is_secret;
use super::report::Problems;
use super::source::{FileId, Span};

/// A value and its place.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where it stands
    pub span: Span,
    /// What it is
    pub value: Value,
}

/// What a value may be.
#[derive(Debug, Clone)]
pub enum Value {
    /// A string
    String(String),
    /// An integer
    Integer(i64),
    /// A float, as written
    Float(String),
    /// true or false
    Boolean(bool),
    /// A date, time or both, in ISO 8601
    Datetime(String),
    /// A list
    Array(Vec<Node>),
    /// A table
    Table(Vec<Entry>),
}

/// A key of a table with its value.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key
    pub key: String,
    /// Where the key stands
    pub key_span: Span,
    /// The value
    pub node: Node,
}

impl Node {
    /// The value in words, for "expected …, found …".
    pub fn describe(&self) -> &'static str {
        match self.value {
            Value::String(_) => "a string",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a decimal number",
            Value::Boolean(_) => "a boolean",
            Value::Datetime(_) => "a date",
            Value::Array(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}

/// Reads one file. Mistakes of syntax are reported, all of them; what could be read is returned.
pub fn parse(file: FileId, problems: &mut Problems) -> Node {
    let text = problems.sources.text(file).to_owned();
    let (table, errors) = DeTable::parse_recoverable(&text);
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        problems.error(Span::new(file, span), error.message().trim());
    }
    let span = Span::new(file, 0..0);
    Node { span, value: Value::Table(entries(table.into_inner(), file, problems)) }
}

fn entries(table: DeTable<'_>, file: FileId, problems: &mut Problems) -> Vec<Entry> {
    let mut entries: Vec<Entry> = table
        .into_iter()
        .map(|(key, value)| Entry {
            key_span: Span::new(file, key.span()),
            key: key.into_inner().into_owned(),
            node: node(value, file, problems),
        })
        .collect();
    for entry in entries.iter().filter(|entry| is_secret(&entry.key)) {
        hide(&entry.node, problems);
    }
    entries.sort_by_key(|entry| entry.key_span); // the map sorts by name; we keep the order of the file
    entries
}

/// No excerpt shows a secret, whatever its type and however many lines it takes; where it is to be found may be seen.
fn hide(secret: &Node, problems: &mut Problems) {
    let Value::Table(entries) = &secret.value else { return problems.sources.hide(secret.span) };
    for entry in entries.iter().filter(|entry| !matches!(&*entry.key, "env" | "file")) {
        problems.sources.hide(entry.node.span);
    }
}

fn node(value: Spanned<DeValue<'_>>, file: FileId, problems: &mut Problems) -> Node {
    let span = Span::new(file, value.span());
    let value = match value.into_inner() {
        DeValue::String(text) => Value::String(text.into_owned()),
        DeValue::Integer(number) => {
            Value::Integer(i64::from_str_radix(number.as_str(), number.radix()).unwrap_or_else(|_| {
                problems.error(span, "the number does not fit in 64 bits");
                0
            }))
        }
        DeValue::Float(number) => Value::Float(number.as_str().to_owned()),
        DeValue::Boolean(value) => Value::Boolean(value),
        DeValue::Datetime(value) => Value::Datetime(value.to_string()),
        DeValue::Array(list) => Value::Array(list.into_iter().map(|it| node(it, file, problems)).collect()),
        DeValue::Table(table) => Value::Table(entries(table, file, problems)),
    };
    Node { span, value }
}

/// Adds the entries of `more` to `tree`: tables grow together, lists of tables are joined, anything else may be
/// set only once.
pub fn merge(tree: &mut Vec<Entry>, more: Vec<Entry>, problems: &mut Problems) {
    for mut entry in more {
        let Some(present) = tree.iter_mut().find(|it| it.key == entry.key) else {
            tree.push(entry);
            continue;
        };
        if let (Value::Table(old), Value::Table(new)) = (&mut present.node.value, &mut entry.node.value) {
            merge(old, std::mem::take(new), problems);
        } else if let (Value::Array(old), Value::Array(new)) = (&mut present.node.value, &mut entry.node.value)
            && of_tables(old)
            && of_tables(new)
        {
            old.append(new);
        } else {
            let first = problems.sources.place(present.key_span);
            problems.error(entry.key_span, format!("`{}` is set twice", entry.key)).help(format!(
                "it is also set at {}:{}",
                first.path.display(),
                first.line
            ));
        }
    }
}

fn of_tables(list: &[Node]) -> bool {
    list.iter().all(|node| matches!(node.value, Value::Table(_)))
}
