//! Can A call B with this request, and why? Answered for an Istio mesh from the YAML alone.

#[cfg(feature = "json")]
pub mod admission;
#[cfg(all(feature = "ca", unix))]
pub mod ca;
pub mod call;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "json")]
pub mod cluster;
pub mod coverage;
pub mod decide;
pub mod diagnostic;
pub mod envoy;
pub mod explanation;
pub mod istio;
#[cfg(feature = "jwt")]
pub mod jwt;
pub mod lint;
pub mod matcher;
pub mod mesh;
#[cfg(feature = "yaml")]
pub mod mutation;
#[cfg(feature = "yaml")]
pub mod parse;
#[cfg(all(feature = "envoy", unix))]
pub mod real_envoy;
#[cfg(feature = "json")]
pub mod report;
pub mod request;
#[cfg(feature = "yaml")]
pub mod scaffold;
#[cfg(all(feature = "server", unix))]
pub mod server;
pub mod spiffe;
#[cfg(feature = "yaml")]
pub mod suite;
pub mod survey;
#[cfg(feature = "cli")]
pub mod testing;
pub mod validate;
