//! Bodies of functions, procedures and DO: what their words tell.

pub mod tokens;
pub mod leaves;
pub mod contained;
