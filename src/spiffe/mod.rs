//! Strings to trust domains, SPIFFE IDs and principals.
//!
//! Two readings live side by side, because the standard and Istio differ. [`TrustDomain`] and [`SpiffeId`]
//! are names by the [SPIFFE-ID standard](https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md):
//! checked when read, lower case when written. [`IstioIdentity`] and [`TrustDomains`] do what istiod and
//! ztunnel do with any text: no check, no change of case. [ID-5]

mod alias;
mod id;
mod istio_identity;
mod trust_domain;

pub use alias::{TrustDomains, enforced_trust_domain, replace_trust_domain};
pub use id::{SpiffeId, SpiffeIdError};
pub use istio_identity::{IstioIdentity, minted};
pub use trust_domain::{MeshTrustDomainError, TrustDomain, validate_mesh_trust_domain};

/// How every SPIFFE ID begins. The generated matchers put it before the principal of a policy. [ID-10]
pub const URI_PREFIX: &str = "spiffe://";
