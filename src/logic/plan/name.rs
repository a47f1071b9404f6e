//! Names as a statement of ours writes them.

/// A name in quotation marks: as it is, whatever it is.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
