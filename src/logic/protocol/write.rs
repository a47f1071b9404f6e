//! The messages we write ourselves, appended to a buffer.

use crate::logic::protocol::frame::{client, server};

/// Appends one frame: `body` writes what follows the length.
pub fn frame(out: &mut Vec<u8>, tag: u8, body: impl FnOnce(&mut Vec<u8>)) {
    out.push(tag);
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    body(out);
    let length = i32::try_from(out.len() - start).expect("we never write frames of 2 GiB");
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(bytes);
    out.push(0);
}

/// ReadyForQuery; status `I`, `T` or `E`.
pub fn ready(out: &mut Vec<u8>, status: u8) {
    out.extend_from_slice(&[server::READY, 0, 0, 0, 5, status]);
}

/// CommandComplete.
pub fn command_complete(out: &mut Vec<u8>, tag: &str) {
    frame(out, server::COMMAND_COMPLETE, |out| text(out, tag.as_bytes()));
}

/// A message without body: ParseComplete, BindComplete, CloseComplete, NoData, EmptyQueryResponse, Sync, Flush.
pub fn bare(out: &mut Vec<u8>, tag: u8) {
    out.extend_from_slice(&[tag, 0, 0, 0, 4]);
}

/// ParameterDescription of a statement without parameters.
pub fn no_parameters(out: &mut Vec<u8>) {
    out.extend_from_slice(&[server::PARAMETER_DESCRIPTION, 0, 0, 0, 6, 0, 0]);
}

/// ParameterStatus.
pub fn parameter_status(out: &mut Vec<u8>, name: &str, value: &str) {
    frame(out, server::PARAMETER_STATUS, |out| {
        text(out, name.as_bytes());
        text(out, value.as_bytes());
    });
}

/// BackendKeyData.
pub fn backend_key(out: &mut Vec<u8>, pid: i32, key: &[u8]) {
    frame(out, b'K', |out| {
        out.extend_from_slice(&pid.to_be_bytes());
        out.extend_from_slice(key);
    });
}

/// AuthenticationOk.
pub fn authentication_ok(out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'R', 0, 0, 0, 8, 0, 0, 0, 0]);
}

/// One text column and one row of it, as SHOW answers.
pub fn one_text_row(out: &mut Vec<u8>, column: &str, value: &str) {
    const TEXT_OID: u32 = 25;
    row_description(out, column, TEXT_OID);
    data_row_text(out, value);
}

/// RowDescription of one column of a type of any length, given as text.
pub fn row_description(out: &mut Vec<u8>, column: &str, type_oid: u32) {
    self::column(out, column, type_oid, -1);
}

/// RowDescription of one column given as text, of a type of so many bytes.
pub fn column(out: &mut Vec<u8>, name: &str, type_oid: u32, length: i16) {
    frame(out, server::ROW_DESCRIPTION, |out| {
        out.extend_from_slice(&1_i16.to_be_bytes());
        text(out, name.as_bytes());
        out.extend_from_slice(&0_i32.to_be_bytes());
        out.extend_from_slice(&0_i16.to_be_bytes());
        out.extend_from_slice(&type_oid.to_be_bytes());
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&(-1_i32).to_be_bytes());
        out.extend_from_slice(&0_i16.to_be_bytes());
    });
}

/// DataRow of one text column.
pub fn data_row_text(out: &mut Vec<u8>, value: &str) {
    data_row(out, Some(value.as_bytes()));
}

/// DataRow of one column.
pub fn data_row(out: &mut Vec<u8>, value: Option<&[u8]>) {
    frame(out, server::DATA_ROW, |out| {
        out.extend_from_slice(&1_i16.to_be_bytes());
        out.extend_from_slice(&value.map_or(-1, |value| value.len() as i32).to_be_bytes());
        out.extend_from_slice(value.unwrap_or_default());
    });
}

/// CopyInResponse: every column in one format (0 text, 1 binary).
pub fn copy_in_response(out: &mut Vec<u8>, format: u8, columns: u16) {
    copy_response(out, server::COPY_IN, format, columns);
}

/// CopyInResponse or CopyOutResponse.
pub fn copy_response(out: &mut Vec<u8>, tag: u8, format: u8, columns: u16) {
    frame(out, tag, |out| {
        out.push(format);
        out.extend_from_slice(&columns.to_be_bytes());
        for _ in 0..columns {
            out.extend_from_slice(&[0, format]);
        }
    });
}

/// Query.
pub fn query(out: &mut Vec<u8>, sql: &[u8]) {
    frame(out, client::QUERY, |out| text(out, sql));
}

/// Parse; `types` as Parse carries them.
pub fn parse(out: &mut Vec<u8>, name: &[u8], sql: &[u8], types: &[u8]) {
    frame(out, client::PARSE, |out| {
        text(out, name);
        text(out, sql);
        out.extend_from_slice(&((types.len() / 4) as u16).to_be_bytes());
        out.extend_from_slice(types);
    });
}

/// Bind with another statement name; `tail` is everything behind the name.
pub fn bind(out: &mut Vec<u8>, portal: &[u8], statement: &[u8], tail: &[u8]) {
    frame(out, client::BIND, |out| {
        text(out, portal);
        text(out, statement);
        out.extend_from_slice(tail);
    });
}

/// A statement of ours from Parse to Close of its portal, which leaves all portals of the client as they are.
pub fn aside(out: &mut Vec<u8>, sql: &str) {
    const PORTAL: &[u8] = b"shardway_aside";
    parse(out, b"", sql.as_bytes(), &[]);
    bind(out, PORTAL, b"", &[0; 6]);
    frame(out, client::EXECUTE, |out| {
        text(out, PORTAL);
        out.extend_from_slice(&[0; 4]);
    });
    frame(out, client::CLOSE, |out| {
        out.push(b'P');
        text(out, PORTAL);
    });
}

/// Describe (`tag` D) or Close (`tag` C) of a statement.
pub fn on_statement(out: &mut Vec<u8>, tag: u8, name: &[u8]) {
    frame(out, tag, |out| {
        out.push(b'S');
        text(out, name);
    });
}

/// Describe or Close of a portal.
pub fn on_portal(out: &mut Vec<u8>, tag: u8, name: &[u8]) {
    frame(out, tag, |out| {
        out.push(b'P');
        text(out, name);
    });
}

/// Describe of the unnamed portal.
pub fn describe_portal(out: &mut Vec<u8>) {
    on_portal(out, client::DESCRIBE, b"");
}

/// Execute of the unnamed portal: all its rows.
pub fn execute(out: &mut Vec<u8>) {
    out.extend_from_slice(&[client::EXECUTE, 0, 0, 0, 9, 0, 0, 0, 0, 0]);
}

/// CopyData.
pub fn copy_data(out: &mut Vec<u8>, data: &[u8]) {
    frame(out, client::COPY_DATA, |out| out.extend_from_slice(data));
}

/// CopyFail.
pub fn copy_fail(out: &mut Vec<u8>, why: &str) {
    frame(out, client::COPY_FAIL, |out| text(out, why.as_bytes()));
}

/// One report to the client: ErrorResponse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report<'a> {
    /// ERROR or FATAL
    pub severity: &'static str,
    /// Five characters
    pub sqlstate: &'a str,
    /// What
    pub message: &'a str,
    /// Why
    pub detail: Option<&'a str>,
    /// What to do
    pub hint: Option<&'a str>,
}

/// ErrorResponse.
pub fn error(out: &mut Vec<u8>, report: &Report<'_>) {
    error_of(out, report, "");
}

/// ErrorResponse, with the routine that a client may look at.
pub fn error_of(out: &mut Vec<u8>, report: &Report<'_>, routine: &str) {
    frame(out, server::ERROR, |out| {
        let mut field = |code: u8, value: &str| {
            out.push(code);
            // A NUL would end the field early; none of ours has one, a quoted client text might.
            out.extend(value.bytes().filter(|byte| *byte != 0));
            out.push(0);
        };
        field(b'S', report.severity);
        field(b'V', report.severity);
        field(b'C', report.sqlstate);
        field(b'M', report.message);
        if let Some(detail) = report.detail {
            field(b'D', detail);
        }
        if let Some(hint) = report.hint {
            field(b'H', hint);
        }
        if !routine.is_empty() {
            field(b'R', routine);
        }
        out.push(0);
    });
}

/// A severity: something that may be wrong.
pub const WARNING: &str = "WARNING";
/// A severity: something good to know.
pub const NOTICE: &str = "NOTICE";

/// NoticeResponse.
pub fn notice(out: &mut Vec<u8>, severity: &str, sqlstate: &str, message: &str) {
    frame(out, server::NOTICE, |out| {
        for (code, value) in [(b'S', severity), (b'V', severity), (b'C', sqlstate), (b'M', message)] {
            out.push(code);
            text(out, value.as_bytes());
        }
        out.push(0);
    });
}
