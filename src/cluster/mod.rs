//! A cluster's API server → the resources that it holds, and what is heard of it.

#[cfg(feature = "kube")]
mod client;
mod contact;
#[cfg(feature = "kube")]
mod discovery;
#[cfg(feature = "kube")]
mod follow;
mod kinds;
mod store;
#[cfg(feature = "kube")]
mod watch;

#[cfg(feature = "kube")]
pub use client::{ConnectError, Place};
pub use contact::{Contact, Heard};
pub use kinds::{KINDS, Kind, config_map};
pub use store::Store;
#[cfg(feature = "kube")]
pub use watch::Cluster;
