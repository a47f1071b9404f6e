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
//! before the first row: an order that no plan can turn around. No operator is named, for a schema could have given it another
//! meaning. An error in between ends the transaction, or goes back to a savepoint, and `set_config` for the transaction alone
//! ends with that.

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
                "CASE WHEN pg_catalog.int4eq(pg_catalog.num_nulls(c{number}), 0) THEN pg_catalog.format('%s', c{number}) END AS c{number}"
            )
        }
    });
    // The query may end with a comment.
    let rows = format!("shardway_rows({names}) AS MATERIALIZED ({query}\n)");
    let steady = settings_of_ours("(SELECT pg_catalog.count(*) FROM shardway_rows) IS NOT NULL");
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
         shardway_values) IS NOT NULL) SELECT * FROM shardway_values WHERE (SELECT s0 FROM shardway_after) IS NOT NULL"
    );
    ("shardway_values AS MATERIALIZED (".to_owned(), end)
}

fn listed(count: usize, of: impl Fn(usize) -> String) -> String {
    (0..count).map(of).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::stand_in::{BIGINT, TEXT};
    use super::super::{Place, Requirement};
    use super::*;

    fn part(columns: Vec<Transfer>) -> Part {
        let requirement = Requirement { table: "t".into(), place: Place::Copies };
        Part { requirement, text: "SELECT a, b FROM t -- as asked".into(), params: Vec::new(), columns }
    }

    #[test]
    fn a_part_prints_what_travels_as_text_and_nothing_else() {
        let asked = part(vec![BIGINT, TEXT]);
        let printed = printed(&asked);
        assert!(
            printed.text.starts_with("WITH shardway_rows(c0, c1) AS MATERIALIZED (SELECT a, b FROM t -- as asked\n), ")
        );
        assert!(printed.text.contains("SELECT c0, CASE WHEN pg_catalog.int4eq(pg_catalog.num_nulls(c1), 0) THEN "));
        assert_eq!(printed.columns, asked.columns);
    }

    #[test]
    fn the_final_statement_reads_each_text_under_settings_of_ours() {
        let dates = Transfer { read_as: Some("date[]".into()), ..TEXT };
        let whole = Transfer { read_as: Some("\"t\"".into()), ..TEXT };
        let rows = rows_of(2..=3);
        let text = format!(
            "WITH x(a, b) AS MATERIALIZED (SELECT u.c0::bigint, u.c1::date[] FROM {rows} AS u(c0, c1)) SELECT $1, x.a FROM x, \
             pg_catalog.unnest($4::pg_catalog.text[]::\"t\"[]) t, pg_catalog.unnest($4::pg_catalog.text[]::\"t\"[]) s"
        );
        let parts = vec![part(vec![BIGINT, dates]), part(vec![whole])];
        let gather = Gather { parts, text: text.into(), params: 1, ..Gather::without_parts("") };
        let read = read(&gather).text;
        assert!(read.contains(&format!("SELECT u.c0, u.c1::date[] FROM {rows} AS u(c0, c1) WHERE (SELECT s0")));
        assert!(read.contains("SELECT s0 FROM shardway_after) IS NOT NULL) AS u(c0, c1)) SELECT $1, x.a FROM x, "));
        assert_eq!(read.matches("SELECT $4::pg_catalog.text[]::\"t\"[] AS c0 WHERE (SELECT s0").count(), 2);
        assert_eq!(read.matches('(').count(), read.matches(')').count());
    }
}
