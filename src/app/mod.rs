//! Wires the rooms together: logging, the running proxy, the commands of the command line.

pub mod logging;
pub mod signals;
pub mod systemd;
pub mod listening;
pub mod drain;
pub mod keeper;
mod steering;
mod found;
mod upkeep;
pub mod run;
pub mod demo;
pub mod commands;
