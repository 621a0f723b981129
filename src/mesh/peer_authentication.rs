//! `PeerAuthentications` → the mode of every port of a workload.

use std::collections::BTreeMap;

use super::select::{Attachment, selects};
use crate::diagnostic::Origin;
use crate::istio::{Mode, PeerAuthentication, Timestamp};

/// What a server accepts. UNSET does not survive compilation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MtlsMode {
    /// Plaintext only.
    Disable,
    /// Plaintext and mutual TLS.
    Permissive,
    /// Mutual TLS only.
    Strict,
}

impl MtlsMode {
    const fn of(mode: Mode) -> Option<Self> {
        match mode {
            Mode::Disable => Some(Self::Disable),
            Mode::Permissive => Some(Self::Permissive),
            Mode::Strict => Some(Self::Strict),
            Mode::Unset => None,
        }
    }

    /// As a policy writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "DISABLE",
            Self::Permissive => "PERMISSIVE",
            Self::Strict => "STRICT",
        }
    }
}

/// A mode and the policy that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecidedMode {
    /// The mode.
    pub mode: MtlsMode,
    /// The policy and where its mode stands; absent for Istio's own default.
    pub by: Option<(String, Origin)>,
}

/// The mode of every port of one workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveMtls {
    /// The mode of the ports without a setting of their own.
    pub workload: DecidedMode,
    /// The ports with one, by the workload's own port [PA-4].
    pub ports: BTreeMap<u16, DecidedMode>,
    /// What the namespace or the mesh says without the workload's own policies: a client looks at this before
    /// it speaks mutual TLS [CL-10].
    pub namespace: MtlsMode,
}

impl EffectiveMtls {
    /// The mode of a port of the workload.
    #[must_use]
    pub fn of_port(&self, port: u16) -> &DecidedMode {
        self.ports.get(&port).unwrap_or(&self.workload)
    }
}

/// How far a PeerAuthentication reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Root namespace, no selector.
    Mesh,
    /// Another namespace, no selector.
    Namespace,
    /// A selector.
    Workload,
}

/// The level of a policy, or none for one that is ignored: a selector in the root namespace [PA-1].
#[must_use]
pub fn level(policy: &PeerAuthentication, root_namespace: &str) -> Option<Level> {
    let selects_labels = policy
        .selector
        .as_ref()
        .is_some_and(|selector| !selector.match_labels.is_empty());
    match (selects_labels, policy.meta.namespace == root_namespace) {
        (false, true) => Some(Level::Mesh),
        (false, false) => Some(Level::Namespace),
        (true, false) => Some(Level::Workload),
        (true, true) => None,
    }
}

/// Whether a policy is a candidate for a workload: mesh-wide, of its namespace, or selecting it [PA-1].
#[must_use]
pub fn applies(
    policy: &PeerAuthentication,
    root_namespace: &str,
    namespace: &str,
    labels: &BTreeMap<String, String>,
) -> bool {
    match level(policy, root_namespace) {
        Some(Level::Mesh) => true,
        Some(Level::Namespace) => policy.meta.namespace == namespace,
        Some(Level::Workload) => {
            policy.meta.namespace == namespace
                && selects(policy.selector.as_ref(), labels) == Attachment::Attached
        }
        None => false,
    }
}

/// The oldest of the policies; the same age goes by name, then namespace. An absent time counts as the
/// oldest, as istiod reads a resource without one [PA-2].
#[must_use]
pub fn oldest<'p>(
    policies: impl Iterator<Item = &'p PeerAuthentication>,
) -> Option<&'p PeerAuthentication> {
    policies.min_by_key(|policy| age(policy))
}

fn age(policy: &PeerAuthentication) -> (Option<Timestamp>, &str, &str) {
    (policy.meta.created, &policy.meta.name, &policy.meta.namespace)
}

/// The policies that istiod looks at for a workload: of the mesh and of the namespace the oldest alone, and all that
/// select it [PA-1] [PA-2].
pub fn reaching<'p>(
    policies: impl Iterator<Item = &'p PeerAuthentication>,
    root_namespace: &str,
    namespace: &str,
    labels: &BTreeMap<String, String>,
) -> Vec<&'p PeerAuthentication> {
    let all: Vec<&PeerAuthentication> = policies
        .filter(|policy| applies(policy, root_namespace, namespace, labels))
        .collect();
    let of = |wanted| {
        all.iter()
            .copied()
            .filter(move |policy| level(policy, root_namespace) == Some(wanted))
    };
    let mut kept: Vec<&PeerAuthentication> = Vec::new();
    kept.extend(oldest(of(Level::Mesh)));
    kept.extend(oldest(of(Level::Namespace)));
    kept.extend(of(Level::Workload));
    kept
}

/// The modes that candidates of one workload make together [PA-3].
#[must_use]
pub fn compose(candidates: &[&PeerAuthentication], root_namespace: &str) -> EffectiveMtls {
    let at = |wanted| {
        oldest(
            candidates
                .iter()
                .copied()
                .filter(move |policy| level(policy, root_namespace) == Some(wanted)),
        )
    };
    let decided = |policy: &PeerAuthentication, mode, position| DecidedMode {
        mode,
        by: Some((policy.meta.id(), Origin::new(&policy.meta.origin.file, position))),
    };
    let mut workload = DecidedMode { mode: MtlsMode::Permissive, by: None };
    let of_workload = at(Level::Workload);
    let mut namespace = MtlsMode::Permissive;
    for (policy, of_namespace) in
        [(at(Level::Mesh), true), (at(Level::Namespace), true), (of_workload, false)]
    {
        let Some(policy) = policy else { continue };
        let written = policy.mode.as_ref().map_or(Mode::Unset, |mode| mode.value);
        if let Some(mode) = MtlsMode::of(written) {
            workload = decided(policy, mode, policy.mode_position());
            if of_namespace {
                namespace = mode;
            }
        }
    }
    let mut ports = BTreeMap::new();
    if let Some(policy) = of_workload {
        for (port, mode) in policy.port_level.iter().flatten() {
            let Ok(number) = port.value.parse::<u16>() else { continue };
            let effective = match MtlsMode::of(mode.value) {
                Some(mode_value) => decided(policy, mode_value, mode.position),
                // "perPort[port] := m if m != UNSET else mode" [PA-3]
                None => workload.clone(),
            };
            ports.insert(number, effective);
        }
    }
    EffectiveMtls { workload, ports, namespace }
}

/// The policies of one level that would be chosen otherwise if the files said when they were created: the
/// winner and a rival of the same known or unknown age, saying different things.
#[must_use]
pub(crate) fn undecided<'p>(
    candidates: &[&'p PeerAuthentication],
    root_namespace: &str,
) -> Option<(&'p PeerAuthentication, &'p PeerAuthentication)> {
    for wanted in [Level::Mesh, Level::Namespace, Level::Workload] {
        let same_level = candidates
            .iter()
            .copied()
            .filter(|policy| level(policy, root_namespace) == Some(wanted));
        let Some(winner) = oldest(same_level.clone()) else { continue };
        let mode = |policy: &PeerAuthentication| {
            policy.mode.as_ref().map_or(Mode::Unset, |mode| mode.value)
        };
        let ports = |policy: &PeerAuthentication| -> Vec<(String, Mode)> {
            policy
                .port_level
                .iter()
                .flatten()
                .map(|(port, mode)| (port.value.clone(), mode.value))
                .collect()
        };
        let rival = same_level
            .filter(|policy| policy.meta.id() != winner.meta.id())
            .find(|policy| {
                let unknown = winner.meta.created.is_none() || policy.meta.created.is_none();
                unknown && (mode(policy) != mode(winner) || ports(policy) != ports(winner))
            });
        if let Some(rival) = rival {
            return Some((winner, rival));
        }
    }
    None
}
