//! The binary: flags, then a command of `shardway::app`.

fn main() -> std::process::ExitCode {
    shardway::app::commands::start(std::env::args_os())
}
