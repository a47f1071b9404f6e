//! `shardway check`: everything wrong with a settings file, and with the servers it names.

use std::io::Write;
use std::path::Path;

use super::live::{self, Finding};
use super::{Outcome, load};
use crate::config::Severity;

/// Checks the file; with `live`, the servers too.
pub fn check(file: &Path, live: bool, out: &mut impl Write) -> anyhow::Result<Outcome> {
    let Some(settings) = load(file, out)? else {
        writeln!(out, "{}: not usable", file.display())?;
        return Ok(Outcome::Problems);
    };
    let mut errors = 0;
    if live {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        for Finding { severity, subject, message } in runtime.block_on(live::compare(&settings)) {
            match severity {
                Severity::Warning => writeln!(out, "warning: {subject}: {message}")?,
                Severity::Error => {
                    errors += 1;
                    writeln!(out, "error: {subject}: {message}")?;
                }
            }
        }
    }
    if errors > 0 {
        let problems = if errors == 1 { "1 problem".to_owned() } else { format!("{errors} problems") };
        writeln!(out, "{}: {problems} with the servers", file.display())?;
        return Ok(Outcome::Problems);
    }
    let shards: usize = settings.databases.iter().map(|it| it.shards.len()).sum();
    let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let databases = count(settings.databases.len(), "database");
    let others = if settings.wildcard.is_some() { ", and any other of one server" } else { "" };
    writeln!(out, "{}: ok ({databases}, {}{others})", file.display(), count(shards, "shard"))?;
    Ok(Outcome::Good)
}
