//! What may stand on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// A shard-routing PostgreSQL proxy: the answer one PostgreSQL would give, or a clear refusal.
#[derive(Debug, Parser)]
#[command(name = "shardway", version, propagate_version = true)]
pub struct Flags {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// One command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve clients until INT or TERM; HUP loads the file again
    Run {
        /// The settings file
        #[arg(short, long, value_name = "FILE")]
        config: PathBuf,
        /// Run even as root
        #[arg(long)]
        allow_root: bool,
    },
    /// Show everything that is wrong with a settings file; exit code 1 when there are errors
    Check {
        /// The settings file
        #[arg(value_name = "FILE")]
        config: PathBuf,
        /// Compare it with the servers too
        #[arg(long)]
        live: bool,
    },
    /// Show where a statement would go, and why
    Route(RouteFlags),
    /// Write a settings file that does what a pgbouncer.ini does; what has no counterpart is told on stderr
    Import {
        /// The pgbouncer.ini
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Start three shards with replicas in a temporary folder, load data through the proxy, and wait
    Demo(DemoFlags),
}

/// Flags of `route`.
#[derive(Debug, Args)]
pub struct RouteFlags {
    /// The settings file
    #[arg(short, long, value_name = "FILE")]
    pub config: PathBuf,
    /// The database, when the file has several
    #[arg(short, long, value_name = "NAME")]
    pub database: Option<String>,
    /// The value of $1, $2, … in turn; repeat the flag for each
    #[arg(short, long = "param", value_name = "VALUE", allow_hyphen_values = true)]
    pub params: Vec<String>,
    /// The statement
    #[arg(value_name = "SQL")]
    pub sql: String,
}

/// Flags of `demo`.
#[derive(Debug, Args)]
pub struct DemoFlags {
    /// Rows of client events to load
    #[arg(long, default_value_t = 200_000)]
    pub rows: u32,
    /// Seconds that the mixed workload runs
    #[arg(long, default_value_t = 10)]
    pub seconds: u32,
    /// Run the workload, print its table and end, instead of waiting for Ctrl-C
    #[arg(long)]
    pub once: bool,
}
