//! A source that is otherwise → the mesh or the certificate that it holds now, or a word about why the old one stays.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use super::Shared;
use super::tls::{self, Certificate};
use crate::admission::Known;
use crate::cluster::Heard;

/// Where a mesh and a certificate come from.
pub trait Source: Send + 'static {
    /// What tells one state of the mesh's files from another, and one of the certificate's: where it is the same, nothing
    /// is read.
    fn state(&mut self) -> (String, String);

    /// Reads the mesh, its guards and limits. Warnings come along.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    fn known(&mut self) -> Result<(Known, Vec<String>), Vec<String>>;

    /// What is heard of the cluster that the mesh comes from; absent: it comes from files. While something is waited for
    /// the mesh is not read: the server listens, is not ready, and answers that it could not look.
    fn heard(&mut self) -> Option<Heard> {
        None
    }

    /// Reads the certificate.
    ///
    /// # Errors
    /// What is wrong with it.
    fn certificate(&mut self) -> Result<Certificate, String>;
}

/// Looks at the source again and again, `last` being the state that is loaded. What is good takes the place of what there
/// is; what is bad is told.
pub(super) async fn watch(
    source: Arc<Mutex<impl Source>>,
    mut last: (String, String),
    shared: Arc<Shared>,
) {
    let mut told = (None, None);
    let mut timer = tokio::time::interval(shared.options.reload_interval);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        timer.tick().await;
        let (source, held, before) = (Arc::clone(&source), Arc::clone(&shared), last.clone());
        let before_told = told.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let mut source = source.lock().unwrap_or_else(PoisonError::into_inner);
            catch_unwind(AssertUnwindSafe(|| look(&mut *source, &held, &before, before_told)))
        });
        match looked.await {
            Ok(Ok(looked)) => (last, told) = looked,
            Ok(Err(_)) | Err(_) => shared.failed("known", "the reader of the files failed"),
        }
    }
}

/// What was told of the last failure to load the mesh, and the certificate: its state and why; absent: it was loaded.
type Told = (Option<(String, String)>, Option<(String, String)>);

/// Loads what is otherwise than `before`, or could not be loaded then: it may be that no file descriptor was left, and the
/// files are as good as they were. The same failure of the same state is told once.
fn look(
    source: &mut impl Source,
    shared: &Shared,
    before: &(String, String),
    (mut known_failed, mut certificate_failed): Told,
) -> ((String, String), Told) {
    // What is heard while the state is asked for is looked at the next time.
    let waits = shared.hear(source.heard());
    let mut state = source.state();
    if waits {
        state.0.clone_from(&before.0);
    }
    if state.0 != before.0 || known_failed.is_some() && !waits {
        let failed = source.known().map(|(known, warnings)| {
            shared.warn(warnings);
            shared
                .log
                .event("reloaded", &[("known", &known.size().to_string())]);
            shared.metrics.knows(&known.size());
            *shared.known.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(known));
        });
        let failed = failed.map_err(|errors| errors.join("; "));
        known_failed = shared.ended("known", failed, &state.0, known_failed.as_ref());
    }
    if state.1 != before.1 || certificate_failed.is_some() {
        let config = source
            .certificate()
            .and_then(|certificate| tls::config(&certificate, &shared.options));
        let failed = config.map(|config| {
            shared.log.event("certificate", &[]);
            *shared.tls.write().unwrap_or_else(PoisonError::into_inner) = config;
        });
        certificate_failed =
            shared.ended("certificate", failed, &state.1, certificate_failed.as_ref());
    }
    (state, (known_failed, certificate_failed))
}

impl Shared {
    /// Tells what is heard of a cluster. Whether something is still waited for.
    pub(super) fn hear(&self, heard: Option<Heard>) -> bool {
        let Some(heard) = heard else { return false };
        for (event, message) in &heard.news {
            self.log.event(event, &[("message", message)]);
        }
        self.metrics.hears(&heard);
        !heard.waits_for.is_empty()
    }

    /// Tells warnings, those that were there the last time left out: a cluster is read again and again.
    pub(super) fn warn(&self, warnings: Vec<String>) {
        let warnings: BTreeSet<String> = warnings.into_iter().collect();
        let mut told = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        for warning in warnings.difference(&told) {
            self.log.event("warning", &[("message", warning)]);
        }
        *told = warnings;
    }

    /// Tells how loading something has ended, where that was not told already; what is to be remembered of a failure.
    fn ended(
        &self,
        what: &str,
        ended: Result<(), String>,
        state: &str,
        told: Option<&(String, String)>,
    ) -> Option<(String, String)> {
        let Err(why) = ended else {
            self.metrics.loaded(what);
            return None;
        };
        let failed = (state.to_owned(), why);
        if told != Some(&failed) {
            self.failed(what, &failed.1);
        }
        Some(failed)
    }

    /// Tells that something could not be loaded, and that the old one stays.
    fn failed(&self, what: &str, why: &str) {
        self.log
            .event("reload failed", &[("what", what), ("message", why)]);
        self.metrics.load_failed(what);
    }
}
