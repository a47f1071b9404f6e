//! SQL text as our own model: what the planner needs of a statement, and nothing of the parser's types.

pub mod expression;
pub mod statement;
pub mod parse;
