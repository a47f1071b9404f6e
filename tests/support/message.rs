//! The bytes of each message a client can send.

/// A message with a tag.
pub fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut message = vec![tag];
    message.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
    message.extend_from_slice(body);
    message
}

/// StartupMessage.
pub fn startup(version: u32, options: &[(&str, &str)]) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    for (key, value) in options {
        body.extend_from_slice(key.as_bytes());
        body.push(0);
        body.extend_from_slice(value.as_bytes());
        body.push(0);
    }
    body.push(0);
    let mut message = (body.len() as u32 + 4).to_be_bytes().to_vec();
    message.extend_from_slice(&body);
    message
}

/// Query.
pub fn query(sql: &str) -> Vec<u8> {
    message(b'Q', &[sql.as_bytes(), b"\0"].concat())
}

/// Parse.
pub fn parse(name: &str, sql: &str, types: &[u32]) -> Vec<u8> {
    let mut body = [name.as_bytes(), b"\0", sql.as_bytes(), b"\0"].concat();
    body.extend_from_slice(&(types.len() as u16).to_be_bytes());
    types.iter().for_each(|oid| body.extend_from_slice(&oid.to_be_bytes()));
    message(b'P', &body)
}

/// A parameter: its format (0 text, 1 binary) and bytes.
pub type Parameter = (u16, Option<Vec<u8>>);

/// A parameter in text format.
pub fn text(value: &str) -> Parameter {
    (0, Some(value.as_bytes().to_vec()))
}

/// Bind; all results in one format.
pub fn bind(portal: &str, statement: &str, parameters: &[Parameter], result_format: u16) -> Vec<u8> {
    let mut body = [portal.as_bytes(), b"\0", statement.as_bytes(), b"\0"].concat();
    body.extend_from_slice(&(parameters.len() as u16).to_be_bytes());
    parameters.iter().for_each(|(format, _)| body.extend_from_slice(&format.to_be_bytes()));
    body.extend_from_slice(&(parameters.len() as u16).to_be_bytes());
    for (_, value) in parameters {
        let length = value.as_ref().map_or(-1, |value| value.len() as i32);
        body.extend_from_slice(&length.to_be_bytes());
        body.extend_from_slice(value.as_deref().unwrap_or_default());
    }
    body.extend_from_slice(&1_u16.to_be_bytes());
    body.extend_from_slice(&result_format.to_be_bytes());
    message(b'B', &body)
}

/// Describe a statement (`S`) or portal (`P`).
pub fn describe(kind: u8, name: &str) -> Vec<u8> {
    message(b'D', &[&[kind], name.as_bytes(), b"\0"].concat())
}

/// Close a statement (`S`) or portal (`P`).
pub fn close(kind: u8, name: &str) -> Vec<u8> {
    message(b'C', &[&[kind], name.as_bytes(), b"\0"].concat())
}

/// Execute at most so many rows; 0 means all.
pub fn execute(portal: &str, rows: u32) -> Vec<u8> {
    message(b'E', &[portal.as_bytes(), b"\0", &rows.to_be_bytes()].concat())
}

/// Sync.
pub fn sync() -> Vec<u8> {
    message(b'S', b"")
}

/// Flush.
pub fn flush() -> Vec<u8> {
    message(b'H', b"")
}
