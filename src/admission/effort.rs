//! What looking at a change takes, in comparisons of a value → whether there is so much left for it.
//!
//! There is no clock here, and the same review has the same answer on every machine: what is counted are steps.

use std::collections::BTreeMap;

use crate::lint;
use crate::mesh::Mesh;

/// What is left for one review.
#[derive(Debug)]
pub(super) struct Effort(u64);

impl Effort {
    /// So many comparisons of a value all guards may take together: two seconds of the slowest ones, and some tenths of others.
    pub(super) const GUARDS: u64 = 20_000_000;

    pub(super) const fn of(comparisons: u64) -> Self {
        Self(comparisons)
    }

    /// Takes so many; where they are not left, none are any more.
    pub(super) fn spend(&mut self, comparisons: u64) -> bool {
        let left = self.0.checked_sub(comparisons);
        self.0 = left.unwrap_or_default();
        left.is_some()
    }
}

/// How many comparisons a request takes before each workload of a mesh, at most; each is counted once.
#[derive(Debug)]
pub(super) struct Costs<'m> {
    mesh: &'m Mesh,
    counted: BTreeMap<usize, u64>,
}

impl<'m> Costs<'m> {
    pub(super) const fn of(mesh: &'m Mesh) -> Self {
        Self { mesh, counted: BTreeMap::new() }
    }

    pub(super) fn at(&mut self, workload: usize) -> u64 {
        let count = || lint::comparisons(self.mesh, workload);
        *self.counted.entry(workload).or_insert_with(count)
    }
}
