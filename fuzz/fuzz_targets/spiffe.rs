//! Asks the claim of `claims/spiffe.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| portcullis_fuzz::claims::spiffe::holds(bytes));
