//! Asks the claim of `claims/certificate.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| portcullis_fuzz::claims::certificate::holds(bytes));
