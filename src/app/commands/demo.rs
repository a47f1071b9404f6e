//! `shardway demo`.

use super::Outcome;
use super::flags::DemoFlags;

/// Runs the demonstration.
pub fn demo(flags: &DemoFlags) -> anyhow::Result<Outcome> {
    anyhow::bail!("the demonstration is not wired yet ({} rows, {} s, once: {})", flags.rows, flags.seconds, flags.once)
}
