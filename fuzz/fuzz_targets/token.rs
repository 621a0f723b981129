//! Asks the claim of `claims/token.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| portcullis_fuzz::claims::token::holds(bytes));
