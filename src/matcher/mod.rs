//! Patterns as Istio writes them → matchers as Envoy runs them. All comparisons are of bytes and
//! case-sensitive unless a matcher says otherwise.

mod identity;
mod ip;
mod port;
mod string;
mod template;

pub use identity::{NamespaceMatch, PrincipalMatch, ServiceAccountMatch, TrustDomainMatch};
pub use ip::{IpBlock, IpBlockError};
pub use port::{PortError, parse_port};
pub use string::StringMatch;
pub use template::{PathTemplate, PathTemplateError, is_template};
