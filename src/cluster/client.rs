//! A kubeconfig, or the place within a cluster → a client of its API server.

use std::time::Duration;

use kube::config::{InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};

/// A watch is asked for anew after so many seconds, so that one that is dead is not believed for long.
pub(super) const WATCH_SECONDS: u32 = 60;
/// So long nothing may come from the API server: it ends a watch before.
const READ_TIMEOUT: Duration = Duration::from_secs(75);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Which cluster is meant, and what of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The kubeconfig; absent: as kubectl finds it, and else the cluster that the program runs in.
    pub kubeconfig: Option<String>,
    /// The context of the kubeconfig; absent: its current one.
    pub context: Option<String>,
    /// Where istiod is, and its `ConfigMap`.
    pub istio_namespace: String,
    /// istiod's revision; `default` where empty.
    pub revision: String,
}

/// Why no cluster can be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The kubeconfig is none, or does not hold what is asked for.
    #[error("the kubeconfig: {0}")]
    Kubeconfig(#[from] KubeconfigError),
    /// There is no kubeconfig, and this is no pod.
    #[error("there is no kubeconfig, and this is no pod of a cluster: {0}")]
    InCluster(#[from] InClusterError),
    /// No client can be made of it.
    #[error("{0}")]
    Client(#[from] kube::Error),
    /// The system gives no thread.
    #[error("{0}")]
    System(#[from] std::io::Error),
}

pub(super) async fn client(place: &Place) -> Result<Client, ConnectError> {
    let mut config = config(place).await?;
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(READ_TIMEOUT);
    // Else the time that a connection was idle counts, too.
    config.reset_reader_on_write = true;
    // Whoever asks waits and asks again, and says so.
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}

async fn config(place: &Place) -> Result<Config, ConnectError> {
    let read = match &place.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    let options =
        KubeConfigOptions { context: place.context.clone(), ..KubeConfigOptions::default() };
    match read {
        Ok(kubeconfig) => Ok(Config::from_custom_kubeconfig(kubeconfig, &options).await?),
        // Only where nobody has named one: what is named and is not there is an error.
        Err(error) if named(place) || !is_absent(&error) => Err(error.into()),
        Err(_) => Ok(Config::incluster()?),
    }
}

fn named(place: &Place) -> bool {
    place.kubeconfig.is_some() || place.context.is_some()
}

/// Whether there is no file at the usual place.
fn is_absent(error: &KubeconfigError) -> bool {
    let missing = |error: &std::io::Error| error.kind() == std::io::ErrorKind::NotFound;
    matches!(error, KubeconfigError::FindPath)
        || matches!(error, KubeconfigError::ReadConfig(error, _) if missing(error))
}
