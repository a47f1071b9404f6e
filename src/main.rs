//! The binary: flags, then a command of `shardway::app`.

use mimalloc::MiMalloc;

/// Returns memory to the system when thousands of clients have left.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> std::process::ExitCode {
    shardway::app::commands::start(std::env::args_os())
}
