//! `shardway demo`.

use std::time::Duration;

use super::Outcome;
use super::flags::DemoFlags;
use crate::app::demo::{self, DemoOptions};

/// Runs the demonstration.
pub fn demo(flags: &DemoFlags) -> anyhow::Result<Outcome> {
    let duration = Duration::from_secs(flags.seconds.into());
    demo::run(DemoOptions { rows: flags.rows, duration, once: flags.once })?;
    Ok(Outcome::Good)
}
