//! Facts and suites → the mesh that each suite is asked in: the known one, or one of its own where it says something else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::known::{Facts, identity, is_policy};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::istio::{MeshConfig, Resource};
use crate::mesh::{Admission, IstioVersion, Mesh, MeshInputs, ProviderStub, Workload};
use crate::suite::Suite;

/// The known mesh and those of guards, each compiled once.
#[derive(Debug)]
pub(super) struct Meshes<'f> {
    facts: &'f Facts,
    compiled: Vec<(Inputs<'f>, Arc<Mesh>)>,
    /// The known mesh.
    pub(super) known: Arc<Mesh>,
    /// What is worth a look about the known mesh.
    pub(super) findings: Vec<Diagnostic>,
}

/// What a mesh is made of: the same makes the same.
#[derive(Debug, PartialEq)]
struct Inputs<'f> {
    config: MeshConfig,
    revision: &'f str,
    istio_version: Option<IstioVersion>,
    resources: Vec<&'f Resource>,
    workloads: &'f [Workload],
    stubs: BTreeMap<String, ProviderStub>,
}

impl<'f> Meshes<'f> {
    /// Compiles the known mesh.
    pub(super) fn of(facts: &'f Facts) -> Result<Self, Diagnostics> {
        let inputs = Inputs {
            config: facts.config.clone(),
            revision: &facts.revision,
            istio_version: facts.istio_version,
            resources: facts.resources.iter().collect(),
            workloads: &[],
            stubs: facts.stubs.clone(),
        };
        let (mesh, findings) = inputs.compile(facts, Admission::Enforced)?;
        let known = Arc::clone(&mesh);
        Ok(Self { facts, compiled: vec![(inputs, mesh)], known, findings })
    }

    /// The mesh that a guard is asked in.
    pub(super) fn of_guard(
        &mut self,
        suite: &'f Suite,
        files: &'f [Resource],
    ) -> Result<Arc<Mesh>, Diagnostics> {
        let (facts, policies) = (self.facts, &suite.policies);
        let mut stubs = facts.stubs.clone();
        stubs.extend(policies.stubs.clone());
        let inputs = Inputs {
            config: policies.config.clone().over(&facts.config),
            revision: if policies.revision.is_empty() {
                &facts.revision
            } else {
                &policies.revision
            },
            istio_version: policies.istio_version.or(facts.istio_version),
            resources: resources_of_guard(suite, files, &facts.resources),
            workloads: &policies.workloads,
            stubs,
        };
        if let Some((_, mesh)) = self.compiled.iter().find(|(known, _)| *known == inputs) {
            return Ok(Arc::clone(mesh));
        }
        // The known resources are judged where the known mesh is compiled, and the object where it is reviewed.
        let (mesh, _) = inputs.compile(facts, Admission::Bypassed)?;
        self.compiled.push((inputs, Arc::clone(&mesh)));
        Ok(mesh)
    }
}

impl Inputs<'_> {
    fn compile(
        &self,
        facts: &Facts,
        admission: Admission,
    ) -> Result<(Arc<Mesh>, Vec<Diagnostic>), Diagnostics> {
        let resources: Vec<Resource> = self.resources.iter().copied().cloned().collect();
        let (mut mesh, findings) = Mesh::compile(MeshInputs {
            config: self.config.clone(),
            config_is_whole: facts.config_is_whole,
            revision: self.revision.to_owned(),
            istio_version: self.istio_version,
            resources: vec![&resources],
            workloads: self.workloads.to_vec(),
            stubs: self.stubs.clone(),
            admission,
        })?;
        mesh.token_reader.clone_from(&facts.token_reader);
        Ok((Arc::new(mesh), findings))
    }
}

/// The resources of a guard: those of the known mesh, then what the suite's files hold beside them, then what stands in
/// the suite. What the suite declares in place counts over the known mesh, but for policies: of these the known ones count.
fn resources_of_guard<'f>(
    suite: &'f Suite,
    files: &'f [Resource],
    known: &'f [Resource],
) -> Vec<&'f Resource> {
    let own = &suite.policies.resources;
    let declared: BTreeSet<_> = own
        .iter()
        .filter(|resource| !is_policy(resource))
        .map(identity)
        .collect();
    let workloads: BTreeSet<(&str, &str)> = suite
        .policies
        .workloads
        .iter()
        .map(|workload| (workload.namespace.as_str(), workload.name.as_str()))
        .collect();
    let known_ones: BTreeSet<_> = known.iter().map(identity).collect();
    let replaced = |resource: &Resource| {
        let (kind, namespace, name) = identity(resource);
        declared.contains(&(kind, namespace, name))
            || matches!(resource, Resource::Workload(_)) && workloads.contains(&(namespace, name))
    };
    let of_known = known.iter().filter(|resource| !replaced(resource));
    let of_files = files
        .iter()
        .filter(|resource| !replaced(resource) && !known_ones.contains(&identity(resource)));
    let of_suite = own
        .iter()
        .filter(|resource| !is_policy(resource) || !known_ones.contains(&identity(resource)));
    of_known.chain(of_files).chain(of_suite).collect()
}
