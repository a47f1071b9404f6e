//! See `checks/copy.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../checks/copy.rs"]
mod check;

fuzz_target!(|data: &[u8]| check::run(data));
