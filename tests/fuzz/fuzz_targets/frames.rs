//! See `checks/frames.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../checks/frames.rs"]
mod check;

fuzz_target!(|data: &[u8]| check::run(data));
