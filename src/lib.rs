//! Can A call B with this request, and why? Answered for an Istio mesh from the YAML alone.

pub mod diagnostic;
pub mod istio;
pub mod matcher;
#[cfg(feature = "yaml")]
pub mod parse;
pub mod spiffe;
pub mod validate;
