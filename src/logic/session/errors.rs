//! Bodies of ErrorResponse, as the client is to see them: names and places are those of what it has sent.

use crate::logic::plan::Refusal;
use crate::logic::protocol::view;
use crate::logic::protocol::write::{self, Report};

/// query_canceled (errcodes.txt)
pub const CANCELLED: &[u8] = b"57014";
/// grouping_error (errcodes.txt)
pub const GROUPING_ERROR: &[u8] = b"42803";

/// Rows of several shards have no primary key, which other columns of the table could depend on.
pub fn ungrouped(out: &mut Vec<u8>) {
    let refusal = Refusal::across("a column that is neither grouped by nor in an aggregate");
    let report = Report {
        severity: "ERROR",
        sqlstate: refusal.sqlstate,
        message: &refusal.message,
        detail: refusal.detail.as_deref(),
        hint: Some("Add the column to GROUP BY."),
    };
    write::error(out, &report);
}

/// The body of an ErrorResponse without the place in a text that the client has not written.
pub fn without_position(body: &[u8]) -> Vec<u8> {
    let fields = body.split_inclusive(|byte| *byte == 0).filter(|field| field.first() != Some(&b'P'));
    fields.flatten().copied().collect()
}

/// The body of an ErrorResponse to a part of a text, its place counted from the beginning of the whole.
pub fn with_position_behind(body: &[u8], before: u32) -> Vec<u8> {
    let mut moved = Vec::with_capacity(body.len() + 8);
    for field in body.split_inclusive(|byte| *byte == 0) {
        let position = field.strip_prefix(b"P").and_then(|it| std::str::from_utf8(it.strip_suffix(b"\0")?).ok());
        match position.and_then(|position| position.parse::<u32>().ok()) {
            Some(position) => {
                moved.extend_from_slice(format!("P{}\0", position.saturating_add(before)).as_bytes());
            }
            None => moved.extend_from_slice(field),
        }
    }
    moved
}

/// "cached plan must not change result type", which has no SQLSTATE of its own.
pub fn is_stale(body: &[u8]) -> bool {
    view::error_field(body, b'C') == Some(b"0A000") && view::error_field(body, b'R') == Some(b"RevalidateCachedQuery")
}

/// A Parse of several statements, none of which has a mistake in its grammar.
pub fn is_of_several(body: &[u8]) -> bool {
    view::error_field(body, b'C') == Some(b"42601") && view::error_field(body, b'R') == Some(b"exec_parse_message")
}

/// An ErrorResponse body with the client's name of a statement where the server's stands in the message.
pub fn translate(body: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    const OURS: &[u8] = b"prepared statement \"sw_";
    let found = memchr::memmem::find(body, OURS)?;
    let start = found + OURS.len() - b"sw_".len();
    let length = memchr::memchr(b'"', &body[start..])?;
    Some([&body[..start], name, &body[start + length..]].concat())
}
