//! Asks the claim of `claims/parse.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| portcullis_fuzz::claims::parse::holds(bytes));
