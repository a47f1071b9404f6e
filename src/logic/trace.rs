//! Traces: which span a statement belongs to, as a comment of its text says (sqlcommenter, W3C trace context), and what is
//! told of the span that it is itself.

use std::time::Duration;

/// Where a statement comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent {
    /// The whole trace
    pub trace: u128,
    /// The span that the statement was sent in
    pub span: u64,
    /// The trace is being recorded
    pub is_sampled: bool,
}

/// One statement, told of.
#[derive(Debug, Clone)]
pub struct Span {
    /// The whole trace
    pub trace: u128,
    /// Its own number
    pub id: u64,
    /// The span that it was sent in
    pub parent: Option<u64>,
    /// When its request had come, since 1970
    pub started: Duration,
    /// Until the end of its answer
    pub took: Duration,
    /// Of it, the time waited for connections
    pub waited: Duration,
    /// Its session's number
    pub client: u64,
    /// Who sent it
    pub user: Box<str>,
    /// And where to
    pub database: Box<str>,
    /// Its text without values
    pub statement: String,
    /// Kinds of plan
    pub plan: String,
    /// Shards that ran it
    pub shards: String,
    /// The error that it ended with
    pub sqlstate: Option<String>,
}

const KEY: &str = "traceparent='";

/// What the first or the last comment of a text says. What does not read as it should is taken for any other comment.
pub fn parent(sql: &str) -> Option<Parent> {
    let at_end = last_comment(sql.trim_ascii_end().trim_end_matches(';')).and_then(|(_, comment)| in_comment(comment));
    at_end.or_else(|| {
        let comment = sql.trim_ascii_start().strip_prefix("/*")?;
        in_comment(comment.split_once("*/")?.0)
    })
}

/// A text without the comment that tells its span from all others: texts that differ in it alone share a plan.
///
/// The comment is the last thing in the text: were it part of a string, that string would have no end.
pub fn without_parent(sql: &str) -> &str {
    match last_comment(sql) {
        Some((before, comment)) if comment.contains(KEY) && !comment.contains("*/") => before,
        Some(_) | None => sql,
    }
}

/// The comment that a text ends with, and what stands before it.
fn last_comment(sql: &str) -> Option<(&str, &str)> {
    sql.trim_ascii_end().strip_suffix("*/")?.rsplit_once("/*")
}

/// `traceparent='00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'`
fn in_comment(comment: &str) -> Option<Parent> {
    let (_, value) = comment.split_once(KEY)?;
    let (value, _) = value.split_once('\'')?;
    let mut parts = value.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hex(version, 2) || !is_hex(trace, 32) || !is_hex(span, 16) || !is_hex(flags, 2) {
        return None;
    }
    // Version ff is forbidden, 00 has four parts, and those to come begin with the same four.
    let is_known = !version.eq_ignore_ascii_case("ff") && (version != "00" || parts.next().is_none());
    let trace = u128::from_str_radix(trace, 16).ok().filter(|trace| *trace != 0)?;
    let span = u64::from_str_radix(span, 16).ok().filter(|span| *span != 0)?;
    let flags = u8::from_str_radix(flags, 16).ok()?;
    is_known.then_some(Parent { trace, span, is_sampled: flags & 1 == 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "traceparent='00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'";

    #[test]
    fn parents_are_found_in_comments_at_either_end() {
        let found =
            Parent { trace: 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, span: 0x00f0_67aa_0ba9_02b7, is_sampled: true };
        for text in [
            format!("SELECT 1 /*action='%2Fx',{SAID}*/"),
            format!("SELECT 1 /* {SAID},tracestate='a%3Db' */ ; "),
            format!(" /*{SAID}*/ SELECT '/* no */'"),
            format!("SELECT 1 /*{}*/", SAID.replace("='00", "='01").replace("-01'", "-01-more'")),
        ] {
            assert_eq!(parent(&text), Some(found), "{text}");
        }
        let unsampled = parent(&format!("SELECT 1 /*{}*/", SAID.replace("-01'", "-00'")));
        assert_eq!(unsampled, Some(Parent { is_sampled: false, ..found }));
        for text in [
            "SELECT 1".to_owned(),
            format!("SELECT '/*{SAID}*/'"),
            format!("SELECT 1 /*{SAID}*/ + 1"),
            format!("SELECT 1 /*{}*/", SAID.replace("='00", "='ff")),
            format!("SELECT 1 /*{}*/", SAID.replace("-01'", "-01-more'")),
            format!("SELECT 1 /*{}*/", SAID.replace("00f067aa0ba902b7", "0000000000000000")),
            format!("SELECT 1 /*{}*/", SAID.replace("4bf9", "4bg9")),
            "SELECT 1 /*traceparent='*/".to_owned(),
            "SELECT 1 /*traceparent='00-é-é-é'*/".to_owned(),
            "*/".to_owned(),
            String::new(),
        ] {
            assert_eq!(parent(&text), None, "{text}");
        }
    }

    #[test]
    fn texts_that_differ_in_their_span_alone_are_one() {
        assert_eq!(without_parent(&format!("SELECT 1 /*{SAID}*/ ")), "SELECT 1 ");
        for text in [
            "SELECT 1 /* why */".to_owned(),
            format!("SELECT 1 /*{SAID}*/ + 1"),
            format!("SELECT 1 /* outer /*{SAID}*/ */"),
            format!("SELECT '/*{SAID}*/'"),
        ] {
            assert_eq!(without_parent(&text), text);
        }
    }
}
