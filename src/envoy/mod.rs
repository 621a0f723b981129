//! Meaning → the configuration that istiod generates for one workload's Envoy, and one that Envoy runs without istiod.

mod bootstrap;
mod ext_authz;
mod jwt;
mod listener;
mod matcher;
mod message;
mod rbac;
mod rule;

pub use bootstrap::{Authorizers, Startup, authorizers, bootstrap};
pub use jwt::{NO_KEYS, jwt_filter, own_keys};
pub use listener::{Material, Place, Unservable, connection_manager_filters, listener};
pub use message::Message;
pub use rbac::{Layer, authorization_filters, custom_filters};
