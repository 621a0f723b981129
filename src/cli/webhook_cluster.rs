//! The words that name a cluster → the cluster, watched, in a build that can.

use super::flags::Files;
use super::webhook_args::FromCluster;
#[cfg(feature = "kube")]
pub(crate) use crate::cluster::Cluster;
#[cfg(not(feature = "kube"))]
use crate::cluster::Heard;
use crate::cluster::config_map;
use crate::diagnostic::{Code, Diagnostic};
use crate::istio::Resource;
#[cfg(not(feature = "kube"))]
use crate::parse::Loaded;

/// There is none in this build.
#[cfg(not(feature = "kube"))]
#[derive(Debug)]
pub(crate) enum Cluster {}

#[cfg(not(feature = "kube"))]
impl Cluster {
    pub(crate) const fn heard(&self) -> Heard {
        match *self {}
    }

    pub(crate) const fn generation(&self) -> u64 {
        match *self {}
    }

    pub(crate) const fn loaded(&self) -> Loaded {
        match *self {}
    }
}

/// Begins to watch the cluster that the words name.
///
/// # Errors
/// The words name none, or this build has no client.
#[cfg(feature = "kube")]
pub(crate) fn watched(words: &FromCluster, files: &Files) -> Result<Cluster, Diagnostic> {
    let place = crate::cluster::Place {
        kubeconfig: words.kubeconfig.clone(),
        context: words.context.clone(),
        istio_namespace: istio_namespace(words.istio_namespace.as_deref()),
        revision: files.revision.clone(),
    };
    Cluster::watched(place).map_err(|error| {
        Diagnostic::error(Code::Unreadable, format!("no cluster can be read: {error}"))
            .help("name one as kubectl does: `--kubeconfig FILE`, `--context NAME`, or the variable `KUBECONFIG`")
    })
}

/// Says what build it takes.
///
/// # Errors
/// Always.
#[cfg(not(feature = "kube"))]
pub(crate) fn watched(_: &FromCluster, _: &Files) -> Result<Cluster, Diagnostic> {
    let message = "this build has no client of Kubernetes: build it with `--features kube`";
    Err(Diagnostic::error(Code::BadRequest, message))
}

/// `istio-system` where none is given.
pub(crate) fn istio_namespace(given: Option<&str>) -> String {
    given.unwrap_or("istio-system").to_owned()
}

/// That a flag says something of a cluster, where none is read.
pub(crate) fn of_no_cluster(flags: &[(&str, &Option<String>)]) -> Option<Diagnostic> {
    let (flag, _) = flags.iter().find(|(_, given)| given.is_some())?;
    let message = format!("`{flag}` is about a cluster, and none is read");
    Some(
        Diagnostic::error(Code::BadRequest, message)
            .help("say that the mesh comes from it: `--from-cluster`"),
    )
}

/// That nothing says how the mesh is configured, where neither the cluster nor a file does.
pub(crate) fn configured(files: &Files, resources: &[Resource]) -> Option<Diagnostic> {
    let said = |resource: &Resource| matches!(resource, Resource::MeshConfig(..));
    if files.mesh_config.is_some() || resources.iter().any(said) {
        return None;
    }
    let name = config_map(&files.revision);
    let message = format!(
        "the cluster has no ConfigMap `{name}` of istiod: the defaults of istiod are assumed"
    );
    Some(
        Diagnostic::warning(Code::BadRequest, message)
            .help("say where istiod is, and its revision: `--istio-namespace`, `--revision`"),
    )
}
