//! What the API server serves of a group → a watch of every kind of it, and none of those that it does not know.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use kube::core::ApiResource;
use kube::discovery::{self, ApiGroup};
use kube::error::{DiscoveryError, Error};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::follow::{Patience, follow, told};
use super::kinds::{KINDS, Kind};
use super::watch::Shared;

/// So often a kind that the cluster does not know is looked for, once it is taken for absent.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// And so often before.
const LOOK_CLOSER: Duration = Duration::from_secs(1);
/// A kind that was never seen is absent when it is not known for so long,
const NEVER_SEEN: Duration = Duration::from_secs(1);
/// and one that was there when it is not known for so long: an API server that begins may not know it yet.
const SEEN_BEFORE: Duration = Duration::from_secs(30);

/// A kind of which there is no watch.
#[derive(Clone, Copy, Debug, Default)]
struct Idle {
    /// Since when the cluster does not know it; absent: nobody has looked.
    missing: Option<Instant>,
    /// Whether it is taken for absent, which was told.
    absent: bool,
}

/// Watches every kind of a group, and looks for those that the cluster does not know (yet, or any more).
pub(super) async fn follow_group(shared: Arc<Shared>, client: Client, group: &'static str) {
    let own = KINDS.iter().copied().filter(|kind| kind.group == group);
    let mut idle: BTreeMap<Kind, Idle> = own.map(|kind| (kind, Idle::default())).collect();
    let mut watched = JoinSet::new();
    let who = if group.is_empty() { "the core group" } else { group };
    let mut patience = Patience::default();
    loop {
        let mut pause = LOOK_AGAIN;
        if !idle.is_empty() {
            match discovered(&client, group).await {
                Ok(found) => {
                    patience = Patience::default();
                    shared.contact().calm(who);
                    idle.retain(|kind, idle| {
                        match found.as_ref().and_then(|group| resource(group, *kind)) {
                            Some(resource) => {
                                if idle.absent {
                                    let message = format!("`{kind}` is a kind of this cluster now");
                                    shared.contact().tell("kind found", message);
                                }
                                watched.spawn(follow(
                                    Arc::clone(&shared),
                                    client.clone(),
                                    *kind,
                                    resource,
                                ));
                                false
                            }
                            None => {
                                pause = pause.min(shared.missing(*kind, idle, Instant::now()));
                                true
                            }
                        }
                    });
                }
                Err(error) => {
                    shared.contact().trouble(who, &told(&error));
                    pause = patience.next();
                }
            }
        }
        let mut again = shared.again.subscribe();
        tokio::select! {
            Some(ended) = watched.join_next() => {
                if let Ok(kind) = ended {
                    idle.insert(kind, Idle::default());
                    // What has just ended is not looked for in the same moment.
                    sleep(LOOK_CLOSER).await;
                }
            }
            () = sleep(pause), if !idle.is_empty() => {}
            _ = again.changed() => {}
        }
    }
}

impl Shared {
    /// The cluster does not know a kind. How long to wait until the next look.
    fn missing(&self, kind: Kind, idle: &mut Idle, now: Instant) -> Duration {
        if idle.absent {
            return LOOK_AGAIN;
        }
        let since = *idle.missing.get_or_insert(now);
        let enough = if self.store().knows(kind) { SEEN_BEFORE } else { NEVER_SEEN };
        if now.saturating_duration_since(since) < enough {
            return LOOK_CLOSER;
        }
        idle.absent = true;
        self.store().absent(kind);
        let message =
            format!("`{kind}` is no kind of this cluster: there are none of it, until it is one");
        self.contact().tell("kind missing", message);
        LOOK_AGAIN
    }
}

/// What the API server serves of a group; absent: it does not know the group.
async fn discovered(client: &Client, group: &str) -> Result<Option<ApiGroup>, Error> {
    match discovery::group(client, group).await {
        Ok(group) => Ok(Some(group)),
        Err(Error::Discovery(
            DiscoveryError::MissingApiGroup(_) | DiscoveryError::EmptyApiGroup(_),
        )) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Where a kind is listed: the version that is understood best, or that the API server prefers, else any other.
fn resource(group: &ApiGroup, kind: Kind) -> Option<ApiResource> {
    let preferred = group.preferred_version_or_latest();
    let served: Vec<&str> = group.versions().collect();
    let wanted = kind
        .versions
        .iter()
        .copied()
        .filter(|version| served.contains(version));
    let versions = wanted.chain([preferred]).chain(served.iter().copied());
    versions
        .flat_map(|version| group.versioned_resources(version))
        .find(|(resource, _)| resource.kind == kind.kind)
        .map(|(resource, _)| resource)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Place;

    #[rstest::rstest]
    #[case::never_seen(false, 1)]
    #[case::seen_before(true, 30)]
    fn a_kind_is_absent_when_it_was_missing_for_long_enough(
        #[case] seen: bool,
        #[case] seconds: u64,
    ) {
        let shared = Shared::of(Place::default());
        let kind = *KINDS.iter().find(|kind| kind.kind == "Namespace").unwrap();
        let text = r#"{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "foo"}}"#;
        if seen {
            shared.store().begin(kind);
            shared.store().listed(kind, "", "foo", text);
            shared.store().end(kind);
        }
        let (mut idle, began) = (Idle::default(), Instant::now());
        let mut look = |milliseconds| {
            shared.missing(kind, &mut idle, began + Duration::from_millis(milliseconds))
        };
        assert_eq!((look(0), look(seconds * 1_000 - 1)), (LOOK_CLOSER, LOOK_CLOSER));
        assert_eq!(shared.store().knows(kind), seen);
        assert_eq!(shared.store().loaded().resources.len(), usize::from(seen), "the old ones stay");
        assert_eq!((look(seconds * 1_000), look(seconds * 1_000 + 1)), (LOOK_AGAIN, LOOK_AGAIN));
        assert!(shared.store().knows(kind) && shared.store().loaded().resources.is_empty());
        let news = shared.contact().heard(Vec::new()).news;
        assert_eq!(news.len(), 1, "it is told once: {news:?}");
    }
}
