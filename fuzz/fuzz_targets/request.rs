//! Asks the claim of `claims/request.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| portcullis_fuzz::claims::request::holds(bytes));
