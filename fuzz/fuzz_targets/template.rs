//! Asks the claim of `claims/template.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| portcullis_fuzz::claims::template::holds(bytes));
