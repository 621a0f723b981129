//! Names to certificates and back: a CA with durable state, X509-SVIDs, what a standard verifier and what Envoy make of
//! a chain, and TLS handshakes in memory.

mod authority;
pub mod bundle;
mod cacerts;
mod certificate;
mod checkpoint;
mod crl;
mod der;
mod facts;
pub mod handshake;
mod history;
#[cfg(feature = "hsm")]
pub mod hsm;
mod journal;
mod key;
mod name_constraints;
mod path;
pub mod pem;
mod profile;
mod replay;
mod sealed_line;
mod state;
mod store;
pub mod time;
pub mod token;
mod verify;

pub use authority::{
    AuthorityError, BACKDATE, CLOCK_TOLERANCE, CertificateAuthority, IssueError, Opened, PluggedIn,
    Record, Rotation, Secrets, Settings, SignerKey, Wish, X509Svid, audit,
};
pub use cacerts::kubernetes_secret;
pub use certificate::{Certificate, CertificateError, KeyKind, Request};
pub use crl::Crl;
pub use facts::Facts;
pub use history::Summary;
pub use journal::JournalError;
pub use key::{Algorithm, KeyError, PrivateKey};
pub use path::{Fault, PathError, Place, Usage};
pub use profile::{ProfileError, Validity, request};
pub use state::{Generation, Status};
pub use store::{Audience, Directory, Permissions, Store, caller, prepare_out, write_out};
pub use verify::{
    EnvoyAnswer, MAX_INTERMEDIATES, SvidError, TrustBundle, Verification, verify_path,
};
