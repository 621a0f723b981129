//! A place → a store that is kept as the cluster there is, until it is dropped.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::Client;
use kube::error::Error;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::client::{ConnectError, Place, client};
use super::contact::{Contact, Heard};
use super::discovery::follow_group;
use super::follow::told;
use super::kinds::KINDS;
use super::store::Store;
use crate::parse::Loaded;

/// Who is in trouble where nothing answers.
const API_SERVER: &str = "the API server";
/// So often the API server is asked whether it is there.
const BEAT: Duration = Duration::from_secs(5);
/// And so often before everything has been heard once.
const FIRST_BEAT: Duration = Duration::from_millis(500);

/// A cluster that is watched. It ends when it is dropped.
#[derive(Debug)]
pub struct Cluster {
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

#[derive(Debug)]
pub(super) struct Shared {
    store: Mutex<Store>,
    contact: Mutex<Contact>,
    pub(super) place: Place,
    /// Another number when everything is to be listed anew.
    pub(super) again: watch::Sender<u64>,
}

impl Cluster {
    /// Begins to watch. Whether anything answers shows in what is heard.
    ///
    /// # Errors
    /// Nobody says where the API server is, or who asks.
    pub fn watched(place: Place) -> Result<Self, ConnectError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .thread_name("cluster")
            .build()?;
        let client = runtime.block_on(client(&place))?;
        let shared = Arc::new(Shared::of(place));
        let groups: BTreeSet<&str> = KINDS.iter().map(|kind| kind.group).collect();
        for group in groups {
            drop(runtime.spawn(follow_group(Arc::clone(&shared), client.clone(), group)));
        }
        drop(runtime.spawn(beat(Arc::clone(&shared), client)));
        Ok(Self { shared, runtime: Some(runtime) })
    }

    /// What is heard now. The news are told once.
    #[must_use]
    pub fn heard(&self) -> Heard {
        let waits_for = self.shared.store().waits_for();
        let waits_for = waits_for.iter().map(ToString::to_string).collect();
        self.shared.contact().heard(waits_for)
    }

    /// Another number whenever something that is read is otherwise.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.shared.store().generation()
    }

    /// The resources of all objects, and what there is to say about them.
    #[must_use]
    pub fn loaded(&self) -> Loaded {
        self.shared.store().loaded()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // It may be another runtime's thread on which this one is dropped: that must not wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Shared {
    pub(super) fn of(place: Place) -> Self {
        let again = watch::channel(0).0;
        Self { store: Mutex::default(), contact: Mutex::default(), place, again }
    }

    pub(super) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn contact(&self) -> MutexGuard<'_, Contact> {
        self.contact.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks the API server again and again whether it is there. When it is there again, everything is listed anew: a
/// connection may be dead without anybody saying so.
async fn beat(shared: Arc<Shared>, client: Client) {
    let mut lost = false;
    loop {
        match answers(&client).await {
            Ok(()) => {
                if std::mem::take(&mut lost) {
                    shared
                        .again
                        .send_modify(|again| *again = again.wrapping_add(1));
                }
                shared.contact().calm(API_SERVER);
                if shared.store().waits_for().is_empty() {
                    shared.contact().answered(Instant::now().into_std());
                }
            }
            Err(why) => {
                lost = true;
                shared.contact().trouble(API_SERVER, &why);
            }
        }
        let waits = !shared.store().waits_for().is_empty();
        sleep(if waits { FIRST_BEAT } else { BEAT }).await;
    }
}

/// Whether the API server answers, and is ready. One that does not tell anybody whether it is ready is there.
async fn answers(client: &Client) -> Result<(), String> {
    let request = hyper::Request::get("/readyz").body(Vec::new());
    let request = request.map_err(|error| error.to_string())?;
    match timeout(BEAT, client.request_text(request)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(Error::Api(status))) if status.code < 500 => Ok(()),
        Ok(Err(error)) => Err(told(&error)),
        Err(_) => Err(format!("no answer within {} s", BEAT.as_secs())),
    }
}
