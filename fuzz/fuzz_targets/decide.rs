//! Asks the claim of `claims/decide.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| portcullis_fuzz::claims::decide::holds(bytes));
