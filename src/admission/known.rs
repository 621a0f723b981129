//! The mesh as it is, suites and limits → everything that a review is held against, prepared once.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::guard::Guard;
use super::meshes::Meshes;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::istio::{MeshConfig, Resource};
use crate::lint::{Level, Levels};
use crate::mesh::{IstioVersion, Mesh, ProviderStub};
use crate::request::TokenReader;
use crate::suite::Suite;

/// What keeps a change out beside what the API server, Istio's webhook and Envoy refuse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gate {
    /// Findings about the object that are as grave as this deny the change; absent: none does.
    pub deny_level: Option<Level>,
    /// Findings about the object that are as grave as this are warnings; absent: none is.
    pub warn_level: Option<Level>,
    /// The levels of single lints, and exceptions.
    pub levels: Levels,
    /// How much may be otherwise; absent: it is not looked for.
    pub budget: Option<Budget>,
}

/// How many callers of how many ports may be answered otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// So many pairs of a caller and a port may be newly allowed; absent: any number.
    pub newly_allowed: Option<usize>,
    /// So many may be newly denied; absent: any number.
    pub newly_denied: Option<usize>,
    /// So many requests are asked at most. The search ends there, and says so.
    pub requests: usize,
}

impl Budget {
    /// So many requests are asked where nobody says otherwise.
    pub const REQUESTS: usize = 2_000;
}

impl Default for Budget {
    fn default() -> Self {
        Self { newly_allowed: None, newly_denied: None, requests: Self::REQUESTS }
    }
}

/// What a known mesh is made of. The default is an empty mesh without guards.
#[derive(Debug, Default)]
pub struct Facts {
    /// The resources: policies, workloads, Services, Namespaces.
    pub resources: Vec<Resource>,
    /// Laid over the mesh `ConfigMap` that the resources may hold.
    pub config: MeshConfig,
    /// Whether `config` is the mesh's configuration, and not some of its fields.
    pub config_is_whole: bool,
    /// istiod's revision; `default` where empty.
    pub revision: String,
    /// The release that the proxies are of; absent for the newest.
    pub istio_version: Option<IstioVersion>,
    /// What external authorizers answer.
    pub stubs: BTreeMap<String, ProviderStub>,
    /// Suites that must still pass, each with the resources that its patterns name.
    pub guards: Vec<(Suite, Vec<Resource>)>,
    /// Whoever reads real tokens; absent: they stay unread.
    pub token_reader: Option<Arc<dyn TokenReader>>,
    /// Seconds since 1970, for the tokens in suites; absent: tokens with times are not decided.
    pub now: Option<i64>,
    /// What keeps a change out.
    pub gate: Gate,
}

/// A mesh that changes are held against. It is compiled, and every guard has been asked once.
#[derive(Debug)]
pub struct Known {
    pub(super) resources: Vec<Resource>,
    pub(super) mesh: Arc<Mesh>,
    pub(super) guards: Vec<Guard>,
    pub(super) gate: Gate,
}

/// `kind`, namespace and name of a resource.
pub(super) fn identity(resource: &Resource) -> (&str, &str, &str) {
    let meta = resource.meta();
    (resource.kind(), &meta.namespace, &meta.name)
}

/// Whether a resource is one of the three kinds that decide.
pub(super) const fn is_policy(resource: &Resource) -> bool {
    matches!(
        resource,
        Resource::AuthorizationPolicy(_)
            | Resource::PeerAuthentication(_)
            | Resource::RequestAuthentication(_)
    )
}

impl Known {
    /// Compiles the mesh and asks every guard, so that a review has to look only at what is otherwise. Warnings come
    /// along; a case of a guard that fails already is one of them, and denies nothing.
    ///
    /// # Errors
    /// Everything that keeps the resources, or those of a guard, from being a mesh.
    pub fn prepare(facts: Facts) -> Result<(Self, Vec<Diagnostic>), Diagnostics> {
        let mut meshes = Meshes::of(&facts)?;
        let mut findings = std::mem::take(&mut meshes.findings);
        let mut guards = Vec::new();
        for (suite, files) in &facts.guards {
            let guard = Guard::prepare(suite, meshes.of_guard(suite, files)?, facts.now);
            findings.extend(guard.failing());
            guards.push(guard);
        }
        let mesh = meshes.known;
        let known = Self { resources: facts.resources, mesh, guards, gate: facts.gate };
        Ok((known, findings))
    }

    /// The mesh.
    #[must_use]
    pub fn mesh(&self) -> &Mesh {
        &self.mesh
    }

    /// How much there is, for a log.
    #[must_use]
    pub fn size(&self) -> Size {
        Size {
            policies: self
                .resources
                .iter()
                .filter(|resource| is_policy(resource))
                .count(),
            workloads: self.mesh.inventory.workloads.len(),
            guards: self.guards.len(),
            cases: self.guards.iter().map(Guard::cases).sum(),
        }
    }

    /// A policy that takes the place of one of which the files do not say how old it is: it is no older or younger for that
    /// the API server says it. Of the same level the oldest PeerAuthentication counts alone [PA-2], and one without a time
    /// is the oldest.
    pub(super) fn of_its_age(&self, mut after: Resource) -> Resource {
        let before = self
            .resources
            .iter()
            .find(|resource| identity(resource) == identity(&after));
        if before.is_some_and(|before| before.meta().created.is_none()) {
            match &mut after {
                Resource::AuthorizationPolicy(policy) => policy.meta.created = None,
                Resource::PeerAuthentication(policy) => policy.meta.created = None,
                Resource::RequestAuthentication(policy) => policy.meta.created = None,
                Resource::Namespace(_)
                | Resource::ServiceAccount(_)
                | Resource::Service(_)
                | Resource::Workload(_)
                | Resource::MeshConfig(..)
                | Resource::Later { .. } => {}
            }
        }
        after
    }

    /// Whether a resource has this name.
    pub(super) fn names(&self, name: &str) -> bool {
        let mut names = self.resources.iter().map(|resource| &resource.meta().name);
        names.any(|known| known == name)
    }

    /// The resources once `after` stands where the one of its kind, namespace and name did.
    pub(super) fn with<'k>(&'k self, after: &'k Resource) -> impl Iterator<Item = &'k Resource> {
        let others = self.resources.iter();
        others
            .filter(move |resource| identity(resource) != identity(after))
            .chain([after])
    }
}

/// How much a known mesh holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Policies of the three kinds.
    pub policies: usize,
    /// Workloads.
    pub workloads: usize,
    /// Guards.
    pub guards: usize,
    /// The cases of all guards.
    pub cases: usize,
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { policies, workloads, guards, cases } = self;
        write!(f, "{policies} policies, {workloads} workloads, {guards} guards with {cases} cases")
    }
}
