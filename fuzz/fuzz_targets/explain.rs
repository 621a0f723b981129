//! Asks the claim of `claims/explain.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| portcullis_fuzz::claims::explain::holds(bytes));
