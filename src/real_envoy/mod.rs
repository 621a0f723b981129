//! Requests at meshes → what a real Envoy does with them, started here with the configuration of [`crate::envoy`].
//!
//! This room has sockets, processes, threads and a folder of its own; it stands in a private network namespace, in which
//! every address is local and nothing leaves the machine, or where none can be made at loopback.

mod ask;
mod caller;
mod certificates;
mod compare;
mod connection;
mod exchange;
mod namespace;
mod process;
mod shared;
mod tokens;

pub use ask::{Asked, Failure, Reply, SOMEWHERE, ask};
pub use certificates::Unissuable;
pub use compare::{Agreement, compare};
pub use exchange::Observed;
pub use namespace::{Entered, Loopback, enter, every_address_is_local};
pub use process::{Program, RealEnvoy, Unstarted};
pub use tokens::NoKey;
