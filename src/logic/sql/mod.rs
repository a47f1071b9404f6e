//! SQL text: what the proxy reads of it before PostgreSQL does.

pub mod name;
pub mod escapes;
pub mod template;
pub mod statement;
pub mod parse;
