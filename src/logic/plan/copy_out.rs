//! COPY TO STDOUT of rows of several shards: each shard sends its own, and the pieces are one COPY.
//!
//! No field is read: only what stands before the first row and behind the last is there once.

use crate::logic::copy::{CopyFormat, OutFormat};
use crate::logic::sql::statement::{Copy, Statement};

use super::Schema;
use super::copy;
use super::fanout::{self, Fanout};

/// A COPY TO that several shards run as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct CopyOut {
    /// Which shards
    pub fanout: Fanout,
    /// How the rows are written
    pub format: OutFormat,
}

/// The proof that the rows of the shards are the rows, if there is one. `text` is the statement alone.
pub fn copy_out(copy: &Copy, text: &str, schema: &Schema<'_>) -> Option<CopyOut> {
    if copy.is_from || copy.uses_server_files {
        return None;
    }
    let fanout = match (&copy.table, copy.query.as_ref()) {
        (Some(table), _) => {
            let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
            let schema_of = table.schema.as_deref().map(|schema| quoted(schema) + ".").unwrap_or_default();
            fanout::fanout(&format!("SELECT * FROM {schema_of}{}", quoted(&table.name)), schema)
        }
        (None, Some(query @ Statement::Query(_))) => fanout::proven(query, text, schema),
        (None, _) => None,
    };
    Some(CopyOut { fanout: Fanout { verb: "COPY", ..fanout? }, format: format(copy) })
}

fn format(copy: &Copy) -> OutFormat {
    match copy::format(copy, "") {
        Ok(CopyFormat::Binary) => OutFormat::Binary,
        Ok(CopyFormat::Text { has_header, .. } | CopyFormat::Csv { has_header, .. }) => OutFormat::Lines { has_header },
        // PostgreSQL says what is wrong with it, or it changes nothing about where a row begins.
        Err(_) => OutFormat::Lines { has_header: copy::has_header(copy) },
    }
}
