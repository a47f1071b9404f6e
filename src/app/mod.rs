//! Wires the rooms together: logging, the running proxy, the commands of the command line.

pub mod logging;
pub mod run;
pub mod demo;
pub mod commands;
