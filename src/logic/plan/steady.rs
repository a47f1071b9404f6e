//! Values that travel between servers as text, in a session whose settings would make others of them on the way.
//!
//! They are printed, and read again, under settings of ours. All else is computed under those of the session, also in the
//! same statement: a condition, a cast to text, what the client is shown. So the settings change in the middle of it, and
//! hold for nothing but the values:
//!
//! ```text
//! part:  rows, as asked for ─all there→ settings of ours ─→ their texts ─all there→ settings as before ─→ what is sent
//! final: settings of ours ─→ values of the texts ─all there→ settings as before ─→ what stands in for the table
//! ```
//!
//! Each of these is a MATERIALIZED part of a WITH, and waits for the one before in a query of its own that PostgreSQL runs
//! before the first row: an order that no plan can turn around. An error in between ends the transaction, or goes back to a
//! savepoint, and `set_config` for the transaction alone ends with that.

use super::gather::Gather;
use super::part::Part;
use super::stand_in::{Transfer, rows_of, texts_of_rows};

/// What leaves every text as it is. ISO says nothing of the order of day and month: a year comes first in it.
const SETTINGS: [(&str, &str); 6] = [
    ("array_nulls", "on"),
    ("DateStyle", "ISO"),
    ("extra_float_digits", "3"),
    ("IntervalStyle", "postgres"),
    ("lc_monetary", "C"),
    ("xmloption", "content"),
];

/// A part whose texts say the same in every session: its columns come as values of the type text.
pub fn printed(part: &Part) -> Part {
    let is_binary: Vec<bool> = part.columns.iter().map(|column| column.is_binary).collect();
    Part { text: query_printed(&part.text, &is_binary).into(), ..part.clone() }
}

/// The same of a query whose WITH does not write, with these columns.
pub fn query_printed(query: &str, is_binary: &[bool]) -> String {
    let names = listed(is_binary.len(), |number| format!("c{number}"));
    // As PostgreSQL prints it, whatever casts to text there are.
    let texts = listed(is_binary.len(), |number| match is_binary[number] {
        true => format!("c{number}"),
        false => {
            format!(
                "CASE WHEN pg_catalog.num_nulls(c{number}) = 0 THEN pg_catalog.format('%s', c{number}) END AS c{number}"
            )
        }
    });
    // The query may end with a comment.
    let rows = format!("shardway_rows({names}) AS MATERIALIZED ({query}\n)");
    let steady = settings_of_ours("(SELECT pg_catalog.count(*) FROM shardway_rows) >= 0");
    let (begin, end) = between();
    format!("WITH {rows}, {steady}, {begin}SELECT {texts} FROM shardway_rows{end}")
}

/// Its WITH could write, which it may nowhere but at the beginning of a statement.
pub fn may_write(query: &str) -> bool {
    let query = query.to_ascii_lowercase();
    ["insert", "update", "delete", "merge"].iter().any(|word| query.contains(word))
}

/// The final statement; it reads the texts of `printed` parts.
pub fn read(gather: &Gather) -> Gather {
    let mut text = gather.text.to_string();
    let mut first = gather.params + 1;
    for part in &gather.parts {
        let next = first + part.columns.len() as u16;
        if part.columns.iter().any(|column| !column.is_binary) {
            text = match &part.columns[..] {
                [Transfer { read_as: Some(of), .. }] if text.contains(&texts_of_rows(first, of)) => {
                    let whole = texts_of_rows(first, of);
                    text.replace(&whole, &format!("({})", values(&format!("SELECT {whole} AS c0"))))
                }
                columns => {
                    let rows = rows_of(first..=next - 1);
                    let names = listed(columns.len(), |number| format!("c{number}"));
                    let cast =
                        |column: &Transfer| column.read_as.as_ref().map(|of| format!("::{of}")).unwrap_or_default();
                    let read = listed(columns.len(), |number| format!("u.c{number}{}", cast(&columns[number])));
                    let read = format!("SELECT {read} FROM {rows} AS u({names})");
                    text.replace(&rows, &format!("({})", values(&read)))
                }
            };
        }
        first = next;
    }
    Gather { text: text.into(), ..gather.clone() }
}

/// The rows of a query that makes values of texts, under settings of ours. It has no WHERE.
fn values(query: &str) -> String {
    let (begin, end) = around_values();
    format!("{begin}{query}{end}")
}

/// What stands before and behind such a query.
pub(super) fn around_values() -> (String, String) {
    let (begin, end) = between();
    (format!("WITH {}, {begin}", settings_of_ours("true")), end)
}

/// The settings as they are, and then ours.
fn settings_of_ours(when: &str) -> String {
    let kept =
        listed(SETTINGS.len(), |number| format!("pg_catalog.current_setting('{}') AS s{number}", SETTINGS[number].0));
    let set = listed(SETTINGS.len(), |number| {
        let (name, value) = SETTINGS[number];
        format!("pg_catalog.set_config('{name}', '{value}', true) AS s{number}")
    });
    format!(
        "shardway_before AS MATERIALIZED (SELECT {kept} WHERE {when}), \
         shardway_steady AS MATERIALIZED (SELECT {set} FROM shardway_before)"
    )
}

/// What stands around a query under settings of ours; then the settings are as before. Its rows are those of the whole.
fn between() -> (String, String) {
    let set = listed(SETTINGS.len(), |number| {
        format!("pg_catalog.set_config('{}', s{number}, true) AS s{number}", SETTINGS[number].0)
    });
    let end = format!(
        " WHERE (SELECT s0 FROM shardway_steady) IS NOT NULL), \
         shardway_after AS MATERIALIZED (SELECT {set} FROM shardway_before WHERE (SELECT pg_catalog.count(*) FROM \
         shardway_values) >= 0) SELECT * FROM shardway_values WHERE (SELECT s0 FROM shardway_after) IS NOT NULL"
    );
    ("shardway_values AS MATERIALIZED (".to_owned(), end)
}

fn listed(count: usize, of: impl Fn(usize) -> String) -> String {
    (0..count).map(of).collect::<Vec<_>>().join(", ")
}
