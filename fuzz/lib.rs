//! Generators, a second evaluator and claims → what the runner and the fuzz targets ask, and what tests replay.

pub mod choices;
pub mod claims;
pub mod engine_and_naive;
pub mod naive;
pub mod shrink;
