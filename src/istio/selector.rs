//! `selector`, `targetRef`, `targetRefs`: what a policy says it is about.

use std::collections::BTreeMap;

use crate::diagnostic::{Position, Sourced};

/// `selector.matchLabels`. Empty labels select everything in scope [SEL-2].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadSelector {
    /// Where it is written.
    pub position: Position,
    /// The labels that must all be there with these values.
    pub match_labels: BTreeMap<String, String>,
    /// Where the value of each label is written.
    pub label_positions: BTreeMap<String, Position>,
}

/// One entry of `targetRefs`, or `targetRef`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyTargetReference {
    /// Where it is written.
    pub position: Position,
    /// The API group; absent, empty and `core` are all the core group.
    pub group: Sourced<String>,
    /// The kind; empty, and at the place of the reference, where none is written.
    pub kind: Sourced<String>,
    /// The name; empty, and at the place of the reference, where none is written.
    pub name: Sourced<String>,
    /// A namespace, which Istio refuses when it is not empty.
    pub namespace: Option<Sourced<String>>,
}

/// What a policy says it is about: `selector`, `targetRef` and `targetRefs` as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyTarget {
    /// `selector`; absent where none is written.
    pub selector: Option<WorkloadSelector>,
    /// `targetRef`; absent where none is written.
    pub target_ref: Option<PolicyTargetReference>,
    /// `targetRefs`; absent and empty are the same.
    pub target_refs: Vec<PolicyTargetReference>,
    /// Where an empty `targetRefs` is written. It refers to nothing; only the API server's schema counts
    /// it as set.
    pub empty_target_refs: Option<Position>,
}

impl PolicyTarget {
    /// The references that count: `targetRefs`, or `targetRef` where the list is empty [SEL-2].
    #[must_use]
    pub fn references(&self) -> &[PolicyTargetReference] {
        if self.target_refs.is_empty() { self.target_ref.as_slice() } else { &self.target_refs }
    }
}
