//! Asks the claim of `claims/cidr.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| portcullis_fuzz::claims::cidr::holds(bytes));
