//! The command line: flags become a command, a command becomes an exit code.
//!
//! 0: done. 1: problems were found or the command failed. 2: the command line is wrong.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;

use crate::config::{self, Settings};

use super::run::AsRoot;
use super::{logging, run};
use flags::{Command, Flags};

pub mod flags;
mod live;
mod check;
mod route;
mod demo;

/// What a command came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All is well
    Good,
    /// Problems were found, and shown
    Problems,
}

/// Runs the command that the arguments name.
pub fn start(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let flags = match Flags::try_parse_from(arguments) {
        Ok(flags) => flags,
        Err(answer) => {
            // Help and version come this way too, with exit code 0. Nobody is left to tell when printing fails.
            answer.print().ok();
            return ExitCode::from(u8::try_from(answer.exit_code()).unwrap_or(2));
        }
    };
    match perform(flags.command, &mut io::stdout().lock()) {
        Ok(Outcome::Good) => ExitCode::SUCCESS,
        Ok(Outcome::Problems) => ExitCode::from(1),
        Err(error) => {
            writeln!(io::stderr(), "shardway: {error:#}").ok();
            ExitCode::from(1)
        }
    }
}

/// Performs one command; what it finds goes to `out`.
pub fn perform(command: Command, out: &mut impl Write) -> anyhow::Result<Outcome> {
    match command {
        Command::Run { config, allow_root } => {
            let Some(settings) = load(&config, &mut io::stderr())? else { return Ok(Outcome::Problems) };
            logging::start(&settings.log)?;
            let as_root = if allow_root { AsRoot::Allowed } else { AsRoot::Refused };
            run::run(&config, settings, as_root)?;
            Ok(Outcome::Good)
        }
        Command::Check { config, live } => check::check(&config, live, out),
        Command::Import { file } => {
            let ini = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
            // As PgBouncer finds them, from the folder where one is; else from that of the file.
            let folder = file.parent().unwrap_or(Path::new("")).to_owned();
            let read = |named: &str| {
                let found = std::fs::read_to_string(named).or_else(|_| std::fs::read_to_string(folder.join(named)));
                found.map_err(|error| error.to_string())
            };
            let (toml, left) = config::import::import(&ini, &read);
            write!(out, "{toml}")?;
            for line in left {
                writeln!(io::stderr(), "not carried over: {line}").ok();
            }
            Ok(Outcome::Good)
        }
        Command::Route(flags) => route::route(&flags, out),
        Command::Demo(flags) => demo::demo(&flags),
    }
}

/// Loads the settings; whatever is wrong with them is shown on `out`.
fn load(file: &Path, out: &mut impl Write) -> anyhow::Result<Option<Settings>> {
    match config::load(file) {
        Ok(settings) => {
            write!(out, "{}", settings.warnings)?;
            Ok(Some(settings))
        }
        Err(report) => {
            write!(out, "{report}")?;
            Ok(None)
        }
    }
}
