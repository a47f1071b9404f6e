//! What a session knows between two messages: replies owed, settings, prepared statements, cursors.

pub mod encoding;
pub mod reading;
pub mod texts;
pub mod telling;
pub mod settings;
pub mod cursors;
pub mod unlisted;
pub mod listening;
pub mod prepared;
pub mod owed;
pub mod errors;
pub mod pipeline;
