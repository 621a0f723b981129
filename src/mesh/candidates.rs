//! Resources → every policy as far as it says what it is about, in their order and by namespace.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::changed::Change;
use super::passed_over::Candidate;
use super::select::other_revision;
use super::shared_list::SharedList;

/// Every policy of the three kinds, in the order of the resources.
#[derive(Clone, Debug)]
pub(super) struct Candidates {
    list: SharedList<Placed>,
    /// The places in `list`, in order.
    by_namespace: Arc<BTreeMap<String, Vec<usize>>>,
}

/// A policy and where its meaning is.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) candidate: Arc<Candidate>,
    /// Its place in [`super::Mesh::policies`]; absent where it is no AuthorizationPolicy, or of another revision.
    pub(super) policy: Option<usize>,
}

impl Candidates {
    /// The places of the policies in [`super::Mesh::policies`] follow from the order.
    pub(super) fn of(candidates: impl IntoIterator<Item = Arc<Candidate>>, revision: &str) -> Self {
        let mut policies = 0;
        let mut by_namespace: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let placed = candidates
            .into_iter()
            .enumerate()
            .map(|(place, candidate)| {
                let namespace = &candidate.meta.namespace;
                match by_namespace.get_mut(namespace) {
                    Some(places) => places.push(place),
                    None => drop(by_namespace.insert(namespace.clone(), vec![place])),
                }
                let has_meaning = candidate.has_meaning(revision);
                let policy = has_meaning.then_some(policies);
                policies += usize::from(has_meaning);
                Placed { candidate, policy }
            });
        let list = placed.collect();
        Self { list, by_namespace: Arc::new(by_namespace) }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Candidate> {
        self.list.iter().map(|placed| placed.candidate.as_ref())
    }

    /// The place of what a change is about; absent where it is new.
    pub(super) fn place_of(&self, change: &Change<'_>) -> Option<usize> {
        let places = self.by_namespace.get(change.namespace)?;
        let is = |place: &&usize| {
            self.get(**place)
                .is_some_and(|placed| placed.candidate.is(change))
        };
        places.iter().find(is).copied()
    }

    pub(super) fn get(&self, place: usize) -> Option<&Placed> {
        self.list.get(place)
    }

    /// Those of a namespace, in order.
    pub(super) fn of_namespace(&self, namespace: &str) -> impl Iterator<Item = &Placed> {
        let places = self.by_namespace.get(namespace).into_iter().flatten();
        places.filter_map(|place| self.get(*place))
    }

    /// Has another one stand at a place where one of its namespace stands.
    pub(super) fn put(&mut self, place: usize, placed: Placed) {
        self.list.put(place, placed);
    }

    /// One more, behind all.
    pub(super) fn push(&mut self, placed: Placed) {
        let places = Arc::make_mut(&mut self.by_namespace);
        places
            .entry(placed.candidate.meta.namespace.clone())
            .or_default()
            .push(self.list.len());
        self.list.put(self.list.len(), placed);
    }

    /// All, with another one, or none, at a place.
    pub(super) fn with(
        &self,
        place: usize,
        candidate: Option<Arc<Candidate>>,
        revision: &str,
    ) -> Self {
        let others = self.list.iter().map(|placed| Arc::clone(&placed.candidate));
        let mut all: Vec<Arc<Candidate>> = others.collect();
        if place < all.len() {
            drop(all.splice(place..=place, candidate));
        }
        Self::of(all, revision)
    }
}

impl Candidate {
    fn is(&self, change: &Change<'_>) -> bool {
        self.kind == change.kind
            && self.meta.name == change.name
            && self.meta.namespace == change.namespace
    }

    pub(super) const fn is_authorization(&self) -> bool {
        self.peer.is_none() && self.tokens.is_none()
    }

    /// Whether it is an AuthorizationPolicy that istiod of this revision reads.
    pub(super) fn has_meaning(&self, revision: &str) -> bool {
        self.is_authorization() && other_revision(&self.meta, revision).is_none()
    }
}
