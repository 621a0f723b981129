//! Asks the claim of `claims/evaluator.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| portcullis_fuzz::claims::evaluator::holds(bytes));
