//! A kind that the API server knows → its objects in the store, listed and watched, whatever happens in between.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use kube::api::{Api, DynamicObject, TypeMeta};
use kube::core::ApiResource;
use kube::error::Error;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Client, ResourceExt as _};
use tokio::time::{Instant, sleep};

use super::client::WATCH_SECONDS;
use super::kinds::{Kind, config_map};
use super::watch::Shared;

/// Between two attempts at the same thing there is at most so much time.
const MOST_PATIENCE: Duration = Duration::from_secs(30);
/// What kubectl keeps of the last manifest: the object once more.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Lists and watches a kind until the API server says that it does not know it.
pub(super) async fn follow(
    shared: Arc<Shared>,
    client: Client,
    kind: Kind,
    resource: ApiResource,
) -> Kind {
    let who = kind.to_string();
    let mut patience = Patience::default();
    loop {
        // What comes meanwhile is not missed.
        let mut again = shared.again.subscribe();
        let began = Instant::now();
        let watching = watch_once(&shared, &client, kind, &resource);
        let ended = tokio::select! {
            ended = AssertUnwindSafe(watching).catch_unwind() => ended,
            _ = again.changed() => continue,
        };
        patience.after(began.elapsed());
        match ended {
            Ok(Some(Ended::Unknown)) => {
                shared.contact().calm(&who);
                return kind;
            }
            Ok(Some(Ended::Trouble(why))) => shared.contact().trouble(&who, &why),
            Ok(None) => {}
            Err(_) => shared.contact().trouble(&who, "a defect of the watch"),
        }
        tokio::select! {
            () = sleep(patience.next()) => {}
            _ = again.changed() => {}
        }
    }
}

/// Why a watch has ended.
enum Ended {
    /// The API server does not know the kind.
    Unknown,
    Trouble(String),
}

/// One list and the watch behind it. Absent: it was too long ago, and has to begin anew.
///
/// What went wrong in between is never patched up: a watch that may have missed something begins with a list.
async fn watch_once(
    shared: &Shared,
    client: &Client,
    kind: Kind,
    resource: &ApiResource,
) -> Option<Ended> {
    let mut config = watcher::Config::default().timeout(WATCH_SECONDS);
    let api: Api<DynamicObject> = if kind.one {
        let place = &shared.place;
        config = config.fields(&format!("metadata.name={}", config_map(&place.revision)));
        Api::namespaced_with(client.clone(), &place.istio_namespace, resource)
    } else {
        Api::all_with(client.clone(), resource)
    };
    let who = kind.to_string();
    let mut events = pin!(watcher(api, config));
    loop {
        let event = match events.next().await? {
            Ok(event) => event,
            Err(error) => return ended(&error),
        };
        match event {
            Event::Init => shared.store().begin(kind),
            Event::InitApply(object) => {
                let (namespace, name, text) = match read(object, resource) {
                    Ok(read) => read,
                    Err(why) => return Some(Ended::Trouble(why)),
                };
                shared.store().listed(kind, &namespace, &name, &text);
            }
            Event::InitDone => {
                shared.store().end(kind);
                shared.contact().calm(&who);
            }
            Event::Apply(object) => {
                let (namespace, name, text) = match read(object, resource) {
                    Ok(read) => read,
                    Err(why) => return Some(Ended::Trouble(why)),
                };
                shared.store().applied(kind, &namespace, &name, &text);
            }
            Event::Delete(object) => {
                let namespace = object.namespace().unwrap_or_default();
                shared.store().deleted(kind, &namespace, &object.name_any());
            }
        }
    }
}

/// What an error of a watch means.
fn ended(error: &watcher::Error) -> Option<Ended> {
    let (cause, code): (&(dyn std::error::Error + 'static), u16) = match error {
        watcher::Error::WatchError(status) => (error, status.code),
        watcher::Error::InitialListFailed(below)
        | watcher::Error::WatchStartFailed(below)
        | watcher::Error::WatchFailed(below) => {
            let code = if let Error::Api(status) = below { status.code } else { 0 };
            (below, code)
        }
        watcher::Error::NoResourceVersion => (error, 0),
    };
    match code {
        404 => Some(Ended::Unknown),
        410 => None,
        _ => Some(Ended::Trouble(told(cause))),
    }
}

/// Namespace and name of an object, and its text, without what only tells of its own history. An item of a list does not
/// say what it is.
fn read(
    mut object: DynamicObject,
    resource: &ApiResource,
) -> Result<(String, String, String), String> {
    object.metadata.managed_fields = None;
    if let Some(annotations) = &mut object.metadata.annotations {
        drop(annotations.remove(LAST_APPLIED));
    }
    object.types =
        Some(TypeMeta { api_version: resource.api_version.clone(), kind: resource.kind.clone() });
    let text = serde_json::to_string(&object).map_err(|error| error.to_string())?;
    Ok((object.namespace().unwrap_or_default(), object.name_any(), text))
}

/// How long to wait before the next attempt: longer each time.
#[derive(Debug, Default)]
pub(super) struct Patience(u32);

impl Patience {
    /// Something went well for so long. A list that succeeds, and whose watch ends at once, is to be asked for ever more
    /// seldom, too: it is long.
    fn after(&mut self, time: Duration) {
        if time >= MOST_PATIENCE {
            *self = Self::default();
        }
    }

    pub(super) fn next(&mut self) -> Duration {
        let time = Duration::from_millis(500).saturating_mul(1 << self.0.min(10));
        self.0 = self.0.saturating_add(1);
        time.min(MOST_PATIENCE)
    }
}

/// An error with all that is behind it, each said once.
pub(super) fn told(error: &(dyn std::error::Error + 'static)) -> String {
    if let Some(Error::Api(status)) = error.downcast_ref::<Error>() {
        return format!("{} ({})", status.message, status.code);
    }
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(error) = below {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        below = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource() -> ApiResource {
        ApiResource {
            group: "security.istio.io".to_owned(),
            version: "v1".to_owned(),
            api_version: "security.istio.io/v1".to_owned(),
            kind: "AuthorizationPolicy".to_owned(),
            plural: "authorizationpolicies".to_owned(),
        }
    }

    #[test]
    fn an_object_says_what_it_is_and_not_where_it_comes_from() {
        let text = r#"{"metadata": {"name": "a", "namespace": "foo", "uid": "u", "creationTimestamp": "2020-02-02T02:02:02Z",
            "annotations": {"istio.io/dry-run": "true", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
            "managedFields": [{"manager": "kubectl"}]}, "spec": {"rules": [{}]}}"#;
        let object = serde_json::from_str(text).unwrap();
        let (namespace, name, text) = read(object, &resource()).unwrap();
        assert_eq!((namespace.as_str(), name.as_str()), ("foo", "a"));
        insta::assert_snapshot!(text, @r#"
        {"apiVersion":"security.istio.io/v1","kind":"AuthorizationPolicy","metadata":{"annotations":{"istio.io/dry-run":"true"},"creationTimestamp":"2020-02-02T02:02:02Z","name":"a","namespace":"foo","uid":"u"},"spec":{"rules":[{}]}}
        "#);
    }

    #[test]
    fn patience_grows_and_has_an_end() {
        let mut patience = Patience::default();
        let times: Vec<u128> = (0..80).map(|_| patience.next().as_millis()).collect();
        assert_eq!(times[..8], [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
        assert_eq!(times.last(), Some(&30_000));
        patience.after(Duration::from_secs(29));
        assert_eq!(patience.next().as_millis(), 30_000);
        patience.after(Duration::from_secs(30));
        assert_eq!(patience.next().as_millis(), 500);
    }

    #[rstest::rstest]
    #[case::the_kind_is_unknown(404, "unknown")]
    #[case::it_is_too_old(410, "anew")]
    #[case::it_is_forbidden(403, "trouble: no (403)")]
    #[case::anything_else(500, "trouble: no (500)")]
    fn what_an_error_means(#[case] code: u16, #[case] want: &str) {
        let mut status = kube::core::Status::failure("no", "Why");
        status.code = code;
        let error = Error::Api(Box::new(status));
        let said = match ended(&watcher::Error::WatchStartFailed(error)) {
            None => "anew".to_owned(),
            Some(Ended::Unknown) => "unknown".to_owned(),
            Some(Ended::Trouble(why)) => format!("trouble: {why}"),
        };
        assert_eq!(said, want);
    }
}
