//! What a session knows between two messages: replies owed, settings, prepared statements.

pub mod settings;
pub mod prepared;
pub mod pipeline;
