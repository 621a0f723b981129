//! Asks the claim of `claims/path.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| portcullis_fuzz::claims::path::holds(bytes));
