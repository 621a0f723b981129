//! What happens → numbers, as Prometheus reads them.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::admission::Size;
use crate::cluster::Heard;

/// Labels of a metric: names and values.
type Labels = Vec<(&'static str, String)>;

/// The numbers of a server.
pub(super) struct Metrics {
    registry: Registry,
    reviews: Family<Labels, Counter>,
    seconds: Histogram,
    refused: Family<Labels, Counter>,
    panics: Counter,
    /// How often spans were not taken by a collector.
    pub(super) trace_failures: Counter,
    /// How many connections there are.
    pub(super) connections: Gauge,
    turned_away: Family<Labels, Counter>,
    loads: Family<Labels, Counter>,
    load_failures: Family<Labels, Counter>,
    failed: Family<Labels, Gauge>,
    size: Family<Labels, Gauge>,
    /// Each with one value, where the mesh comes from a cluster, and else with none.
    connected: Family<Labels, Gauge>,
    waits_for: Family<Labels, Gauge>,
    age: Family<Labels, Gauge>,
    current_at: Mutex<Option<Instant>>,
}

impl Default for Metrics {
    fn default() -> Self {
        let seconds =
            [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002, 0.003, 0.005, 0.01, 0.05, 0.25, 1.0, 3.0];
        let mut metrics = Self {
            registry: Registry::with_prefix("portcullis"),
            reviews: Family::default(),
            seconds: Histogram::new(seconds),
            refused: Family::default(),
            panics: Counter::default(),
            trace_failures: Counter::default(),
            connections: Gauge::default(),
            turned_away: Family::default(),
            loads: Family::default(),
            load_failures: Family::default(),
            failed: Family::default(),
            size: Family::default(),
            connected: Family::default(),
            waits_for: Family::default(),
            age: Family::default(),
            current_at: Mutex::default(),
        };
        let Self {
            registry,
            reviews,
            seconds,
            refused,
            panics,
            trace_failures,
            connections,
            turned_away,
            loads,
            load_failures,
            failed,
            size,
            connected,
            waits_for,
            age,
            current_at: _,
        } = &mut metrics;
        registry.register("reviews", "Reviews that were answered", reviews.clone());
        registry.register(
            "review_seconds",
            "How long an answer took, waiting included",
            seconds.clone(),
        );
        registry.register(
            "requests_refused",
            "Requests that were no review, or one too many",
            refused.clone(),
        );
        registry.register(
            "panics",
            "Reviews that could not be answered because of a defect",
            panics.clone(),
        );
        registry.register(
            "trace_export_failures",
            "Sets of spans that no collector took",
            trace_failures.clone(),
        );
        registry.register("connections", "Connections", connections.clone());
        registry.register(
            "connections_turned_away",
            "Connections that were closed before a request",
            turned_away.clone(),
        );
        registry.register("reloads", "What was loaded anew", loads.clone());
        registry.register(
            "reload_failures",
            "What could not be loaded anew",
            load_failures.clone(),
        );
        registry.register(
            "reload_failed",
            "1 where the latest state of it could not be loaded, and an older one serves",
            failed.clone(),
        );
        registry.register("known", "How much is known", size.clone());
        registry.register(
            "cluster_connected",
            "1 where the API server answers, and everything that is read is watched",
            connected.clone(),
        );
        registry.register(
            "cluster_waits_for",
            "Kinds that have not been listed yet: before there is none the mesh is not known",
            waits_for.clone(),
        );
        registry.register(
            "cluster_age_seconds",
            "Seconds since the cluster was last connected: so old what is known may be",
            age.clone(),
        );
        for what in ["known", "certificate"] {
            drop(failed.get_or_create(&label("what", what)));
        }
        metrics
    }
}

fn label(name: &'static str, value: &str) -> Labels {
    vec![(name, value.to_owned())]
}

impl Metrics {
    pub(super) fn reviewed(&self, operation: &str, allowed: bool, seconds: f64) {
        // What the API server may ask is a short list; whatever else somebody sends is not told apart.
        let operation = match operation {
            "CONNECT" | "CREATE" | "DELETE" | "UPDATE" => operation,
            _ => "",
        };
        let labels = vec![("operation", operation.to_owned()), ("allowed", allowed.to_string())];
        self.reviews.get_or_create(&labels).inc();
        self.seconds.observe(seconds);
    }

    /// A request that is answered with this status and no decision.
    pub(super) fn refused(&self, status: u16) {
        self.refused
            .get_or_create(&label("code", &status.to_string()))
            .inc();
    }

    pub(super) fn panicked(&self) {
        self.panics.inc();
    }

    pub(super) fn turned_away(&self, why: &str) {
        self.turned_away.get_or_create(&label("reason", why)).inc();
    }

    pub(super) fn loaded(&self, what: &str) {
        self.loads.get_or_create(&label("what", what)).inc();
        self.failed.get_or_create(&label("what", what)).set(0);
    }

    pub(super) fn load_failed(&self, what: &str) {
        self.load_failures.get_or_create(&label("what", what)).inc();
        self.failed.get_or_create(&label("what", what)).set(1);
    }

    pub(super) fn knows(&self, size: &Size) {
        let Size { policies, workloads, guards, cases } = size;
        for (what, count) in
            [("policies", policies), ("workloads", workloads), ("guards", guards), ("cases", cases)]
        {
            let count = i64::try_from(*count).unwrap_or(i64::MAX);
            self.size.get_or_create(&label("what", what)).set(count);
        }
    }

    /// What is heard of a cluster.
    pub(super) fn hears(&self, heard: &Heard) {
        let waits_for = i64::try_from(heard.waits_for.len()).unwrap_or(i64::MAX);
        let alone = Labels::new();
        self.connected
            .get_or_create(&alone)
            .set(i64::from(heard.connected));
        self.waits_for.get_or_create(&alone).set(waits_for);
        *self
            .current_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = heard.current_at;
    }

    /// Everything as text.
    pub(super) fn text(&self) -> String {
        let current_at = *self
            .current_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(then) = current_at {
            let age = i64::try_from(then.elapsed().as_secs()).unwrap_or(i64::MAX);
            self.age.get_or_create(&Labels::new()).set(age);
        }
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            Err(error) => format!("# {error}\n"),
        }
    }
}
