//! Compares two answers to a random statement, as strictly as the statement allows.

use super::writer::Marks;
use crate::oracle::show;
use crate::support::wire::Answer;

type Rows = Vec<Vec<Option<Vec<u8>>>>;

/// What came of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Same,
    /// The same error, or one that depends on the order of computing
    Failed(String),
    Refused(String),
    Different(String),
}

/// Compares the answer of one PostgreSQL with that of the proxy.
pub fn compare(ours: &Answer, theirs: &Answer, marks: Marks, is_binary: bool) -> Verdict {
    let (expected, found) = match (&ours.error, &theirs.error) {
        (None, None) => return compare_rows(ours, theirs, marks, is_binary),
        (expected, found) => (expected.as_ref(), found.as_ref()),
    };
    let state = |error: Option<&(String, String)>| error.map(|(state, _)| state.clone());
    match (state(expected), state(found)) {
        (one, other) if one == other => {
            Verdict::Failed(expected.map(|(_, message)| message.clone()).unwrap_or_default())
        }
        (_, Some(found_state)) if found_state == "0A000" => {
            Verdict::Refused(found.map(|(_, message)| message.clone()).unwrap_or_default())
        }
        // Rows come in no certain order: any of several errors may be the first.
        (Some(one), Some(other)) if marks.stores && [&one, &other].iter().all(|state| is_of_rows(state)) => {
            Verdict::Failed("another of several errors".to_owned())
        }
        // PostgreSQL promises no order of computing.
        (one, other) if marks.may_fail && [&one, &other].iter().all(|state| is_of_values(state.as_deref())) => {
            Verdict::Failed("only one side, as it may".to_owned())
        }
        _ => Verdict::Different(format!("expected error {expected:?}, got {found:?}")),
    }
}

/// No error, or one that values cause.
fn is_of_values(state: Option<&str>) -> bool {
    state.is_none_or(|state| state.starts_with("22") || state == "21000")
}

/// An error that a row causes which is stored.
fn is_of_rows(state: &str) -> bool {
    state.starts_with("22") || state.starts_with("23") || state == "21000"
}

fn compare_rows(ours: &Answer, theirs: &Answer, marks: Marks, is_binary: bool) -> Verdict {
    // Types of the user's own, rows among them, have other numbers on each server.
    const FIRST_USER_OID: u32 = 16_384;
    let types = |answer: &Answer| -> Vec<_> {
        answer.columns.iter().map(|(name, oid)| (name.clone(), (*oid).min(FIRST_USER_OID))).collect()
    };
    let head = |answer: &Answer| format!("{:?} {:?} {:?}", types(answer), answer.modifiers, answer.tag);
    if head(ours) != head(theirs) {
        return Verdict::Different(format!("expected {}, got {}", head(ours), head(theirs)));
    }
    let is_same = marks.counts_only && ours.rows.len() == theirs.rows.len()
        || is_same(&ours.rows, &theirs.rows, marks.is_ordered)
        || marks.is_loose() && !is_binary && is_same(&as_numbers(ours), &as_numbers(theirs), marks.is_ordered);
    match is_same {
        true => Verdict::Same,
        false => Verdict::Different(format!("expected rows {}, got {}", show(&ours.rows), show(&theirs.rows))),
    }
}

fn is_same(ours: &Rows, theirs: &Rows, is_ordered: bool) -> bool {
    if is_ordered {
        return ours == theirs;
    }
    let sorted = |rows: &Rows| {
        let mut rows = rows.clone();
        rows.sort();
        rows
    };
    sorted(ours) == sorted(theirs)
}

fn as_numbers(answer: &Answer) -> Rows {
    let field =
        |field: &Option<Vec<u8>>| field.as_ref().map(|bytes| numbers(&String::from_utf8_lossy(bytes)).into_bytes());
    answer.rows.iter().map(|row| row.iter().map(field).collect()).collect()
}

/// The text with every number in it written in one way, its last digits left out.
fn numbers(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|letter: char| !(letter.is_ascii_digit() || ".e+-".contains(letter))).unwrap_or(rest.len());
        let is_number = first.is_ascii_digit() || first == '-';
        match (is_number, rest[..end].parse::<f64>()) {
            (true, Ok(number)) => {
                out += &format!("{:.9e}", if number == 0.0 { 0.0 } else { number });
                rest = &rest[end..];
            }
            _ => {
                out.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    out
}

#[test]
fn numbers_are_compared_by_value() {
    for (one, other) in [
        ("1.50", "1.5"),
        ("-0", "0"),
        ("{1.0,2}", "{1,2.00}"),
        ("0.30000000000000004", "0.3"),
        ("1e+20", "100000000000000000000"),
    ] {
        assert_eq!(numbers(one), numbers(other));
    }
    for (one, other) in [("1.5", "1.51"), ("2024-01-01", "2024-01-02"), ("a1", "a2"), ("-1", "1")] {
        assert_ne!(numbers(one), numbers(other));
    }
}
