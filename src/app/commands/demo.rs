//! `shardway demo`.

use std::time::Duration;

use crate::app::demo::{self, DemoOptions};

use super::Outcome;
use super::flags::DemoFlags;

/// Runs the demonstration.
pub fn demo(flags: &DemoFlags) -> anyhow::Result<Outcome> {
    let duration = Duration::from_secs(u64::from(flags.seconds));
    demo::run(DemoOptions { rows: flags.rows, duration, once: flags.once })?;
    Ok(Outcome::Good)
}
