//! PeerAuthentication as written.

use super::{Meta, WorkloadSelector};
use crate::diagnostic::{Position, Sourced};

/// `mtls.mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// Plaintext only.
    Disable,
    /// Both.
    Permissive,
    /// Mutual TLS only.
    Strict,
    /// As the level above says.
    Unset,
}

/// A PeerAuthentication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerAuthentication {
    /// Its metadata.
    pub meta: Meta,
    /// `selector`; absent where none is written.
    pub selector: Option<WorkloadSelector>,
    /// `mtls.mode`; absent where no `mtls` block or no mode is written, which is `UNSET`.
    pub mode: Option<Sourced<Mode>>,
    /// `portLevelMtls`: the key as written, so that a bad one can be complained of, and its mode.
    /// Absent and an empty mapping differ: Istio refuses the second.
    pub port_level: Option<Vec<PortLevel>>,
    /// Where `portLevelMtls` is written; the policy itself where it is not.
    pub port_level_position: Position,
}

/// One entry of `portLevelMtls`: the workload's port and its mode.
pub type PortLevel = (Sourced<String>, Sourced<Mode>);

impl PeerAuthentication {
    /// Where the policy's mode is written, or the policy itself where it has none.
    #[must_use]
    pub fn mode_position(&self) -> Position {
        self.mode
            .as_ref()
            .map_or(self.meta.origin.position, |mode| mode.position)
    }
}
