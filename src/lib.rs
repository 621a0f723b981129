//! Can A call B with this request, and why? Answered for an Istio mesh from the YAML alone.

pub mod call;
#[cfg(feature = "cli")]
pub mod cli;
pub mod decide;
pub mod diagnostic;
pub mod explanation;
pub mod istio;
#[cfg(feature = "jwt")]
pub mod jwt;
pub mod lint;
pub mod matcher;
pub mod mesh;
#[cfg(feature = "yaml")]
pub mod parse;
#[cfg(feature = "json")]
pub mod report;
pub mod request;
pub mod spiffe;
#[cfg(feature = "yaml")]
pub mod suite;
pub mod survey;
pub mod validate;
