//! Sockets → reviews → answers: the admission webhook over HTTPS, until a signal ends it.

mod bodies;
mod client_name;
mod connection;
mod log;
mod metrics;
mod places;
mod reload;
mod respond;
mod self_test;
mod tls;
#[cfg(feature = "otel")]
mod traces;
#[cfg(not(feature = "otel"))]
#[path = "untraced.rs"]
mod traces;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use std::{fmt, io};

pub use log::{Decisions, Log};
use metrics::Metrics;
pub use places::Room;
pub use reload::Source;
use respond::Desk;
pub use self_test::{Check, Target, self_test};
pub use tls::Certificate;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use traces::Traces;

use crate::admission::Known;

/// How a server is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where reviews are taken, over TLS.
    pub listen: SocketAddr,
    /// Where `/livez`, `/readyz` and `/metrics` are answered without TLS; absent: only where reviews are taken.
    pub health: Option<SocketAddr>,
    /// Whether TLS 1.2 is spoken beside TLS 1.3.
    pub tls12: bool,
    /// Where a certificate is asked of clients: the names of which it must have one. Empty: any name that the roots of
    /// clients stand for, also one of another trust domain.
    pub client_names: Vec<String>,
    /// Whether what could not be looked at is allowed.
    pub fail_open: bool,
    /// How often the source is looked at.
    pub reload_interval: Duration,
    /// Which decisions are logged.
    pub decisions: Decisions,
    /// The `http://` URL of a collector that takes spans as OTLP, with its path; absent: nothing is traced. Without the
    /// feature `otel` the server does not start with one.
    pub traces: Option<String>,
    /// What bounds a request, a connection and the end.
    pub limits: Limits,
}

/// What bounds a request, a connection and the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest body, in bytes.
    pub body: usize,
    /// So many bytes of all bodies together. Where there are more, the one goes that has been on its way for longest; where
    /// all have come, the new one is answered 429.
    pub bodies: usize,
    /// The longest head of a request, in bytes.
    pub head: usize,
    /// So long a first byte, so long a handshake, and so long the head of a request may take.
    pub head_time: Duration,
    /// So long a request may take, with its body.
    pub request_time: Duration,
    /// So long a connection may be idle.
    pub idle_time: Duration,
    /// So many connections there may be, by how far they have got. At a full stage one is closed for one more.
    pub room: Room,
    /// So many reviews are answered at a time.
    pub concurrency: usize,
    /// So many wait for that. Further ones are answered 429.
    pub queue: usize,
    /// So long requests are served after a signal, while whoever sends them hears of it.
    pub lag: Duration,
    /// So long connections may then take to finish.
    pub drain: Duration,
}

impl Limits {
    /// The usual limits on a machine with so many processors.
    #[must_use]
    pub const fn of(processors: usize) -> Self {
        Self {
            body: crate::admission::MAX_REVIEW,
            bodies: 32 << 20,
            head: 64 << 10,
            head_time: Duration::from_secs(5),
            request_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(90),
            room: Room {
                silent: 8_192,
                greeting: 2_048,
                shaking: 2_048,
                asking: 512,
                known: 1_024,
                requests: 4_096,
            },
            concurrency: processors.saturating_mul(2),
            queue: 256,
            lag: Duration::from_secs(5),
            drain: Duration::from_secs(25),
        }
    }
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// There is no mesh, and so nothing to hold a review against.
    #[error("nothing to hold a review against: {}", .0.join("; "))]
    Known(Vec<String>),
    /// There is no certificate.
    #[error("no certificate to serve with: {0}")]
    Certificate(String),
    /// An address cannot be listened at.
    #[error("cannot listen at {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// Spans cannot be sent there.
    #[error("no spans can be sent to {0}")]
    Traces(String),
    /// The system gives no threads, or no signals.
    #[error("cannot be started: {0}")]
    System(#[from] io::Error),
}

/// What all connections share; what is reloaded is swapped whole.
struct Shared {
    /// Absent as long as a cluster has not told everything once.
    known: RwLock<Option<Arc<Known>>>,
    tls: RwLock<Arc<tls::ServerConfig>>,
    /// What was warned of when the mesh was last read.
    warned: Mutex<BTreeSet<String>>,
    ready: AtomicBool,
    metrics: Metrics,
    traces: Traces,
    log: Log,
    options: Options,
    desk: Desk,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// The mesh as it is known now; who holds it keeps it, whatever is loaded meanwhile. Absent: nobody knows it yet.
    fn known(&self) -> Option<Arc<Known>> {
        self.known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Whether reviews are answered, and will be for a while.
    fn is_ready(&self) -> bool {
        self.ready.load(Ordering::SeqCst) && self.known().is_some()
    }

    fn tls(&self) -> Arc<tls::ServerConfig> {
        Arc::clone(&self.tls.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A server that runs.
#[derive(Debug)]
pub struct Running {
    runtime: Option<Runtime>,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    address: SocketAddr,
    health: Option<SocketAddr>,
}

/// Loads everything once and begins to listen.
///
/// # Errors
/// What keeps it from answering.
pub fn start(options: Options, mut source: impl Source, log: Log) -> Result<Running, StartError> {
    let metrics = Metrics::default();
    // What is written while it is read is read again.
    let mut state = source.state();
    let mut warned = BTreeSet::new();
    let known = match source.heard() {
        Some(heard) if !heard.waits_for.is_empty() => {
            state.0.clear();
            metrics.hears(&heard);
            None
        }
        Some(_) | None => {
            let (known, warnings) = source.known().map_err(StartError::Known)?;
            for warning in &warnings {
                log.event("warning", &[("message", warning)]);
            }
            metrics.knows(&known.size());
            warned.extend(warnings);
            Some(Arc::new(known))
        }
    };
    let certificate = source.certificate().map_err(StartError::Certificate)?;
    let config = tls::config(&certificate, &options).map_err(StartError::Certificate)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("webhook")
        .max_blocking_threads(options.limits.concurrency.max(1))
        .build()?;
    let bind = |address: SocketAddr| {
        runtime
            .block_on(TcpListener::bind(address))
            .and_then(|listener| Ok((listener.local_addr()?, listener)))
            .map_err(|source| StartError::Listen { address, source })
    };
    let (address, listener) = bind(options.listen)?;
    let health = options.health.map(bind).transpose()?;
    let size = known
        .as_ref()
        .map_or_else(|| "nothing yet".to_owned(), |known| known.size().to_string());
    log.event("listening", &[("address", &address.to_string()), ("known", &size)]);
    let traces = Traces::to(options.traces.as_deref(), runtime.handle(), &metrics)
        .map_err(StartError::Traces)?;
    let (stop, stopped) = watch::channel(false);
    let desk = Desk::of(&options.limits);
    let shared = Arc::new(Shared {
        known: RwLock::new(known),
        tls: RwLock::new(config),
        warned: Mutex::new(warned),
        ready: AtomicBool::new(true),
        metrics,
        traces,
        log,
        options,
        desk,
    });
    let accept = connection::accept(listener, Arc::clone(&shared), true, stopped.clone());
    drop(runtime.spawn(accept));
    let health_address = health.as_ref().map(|(address, _)| *address);
    if let Some((_, listener)) = health {
        let accept = connection::accept(listener, Arc::clone(&shared), false, stopped);
        drop(runtime.spawn(accept));
    }
    let source = Arc::new(Mutex::new(source));
    drop(runtime.spawn(reload::watch(source, state, Arc::clone(&shared))));
    Ok(Running { runtime: Some(runtime), shared, stop, address, health: health_address })
}

impl Running {
    /// Where reviews are taken; the port is there also where any one was asked for.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where health is told without TLS; absent where it is not.
    #[must_use]
    pub const fn health(&self) -> Option<SocketAddr> {
        self.health
    }

    /// Whether it answers reviews: not before a cluster has told everything once.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.shared.is_ready()
    }

    /// Waits for SIGTERM or SIGINT, and then ends as [`Running::stop`] does.
    ///
    /// # Errors
    /// The system gives no signals.
    pub fn until_signal(self) -> io::Result<bool> {
        if let Some(runtime) = &self.runtime {
            runtime.block_on(async {
                use tokio::signal::unix::{SignalKind, signal};
                let mut terminated = signal(SignalKind::terminate())?;
                let mut interrupted = signal(SignalKind::interrupt())?;
                tokio::select! {
                    _ = terminated.recv() => {}
                    _ = interrupted.recv() => {}
                }
                io::Result::Ok(())
            })?;
        }
        Ok(self.stop())
    }

    /// Says that it is not ready, serves on for a while, asks every connection to end, and waits for that. Whether all
    /// of them did.
    #[must_use]
    pub fn stop(mut self) -> bool {
        let Some(runtime) = self.runtime.take() else { return true };
        let limits = self.shared.options.limits;
        self.shared.ready.store(false, Ordering::SeqCst);
        self.shared.log.event("stopping", &[]);
        let drained = runtime.block_on(async {
            tokio::time::sleep(limits.lag).await;
            self.stop.send_replace(true);
            let ended = async {
                while self.shared.metrics.connections.get() > 0 {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            tokio::time::timeout(limits.drain, ended).await.is_ok()
        });
        self.shared.traces.end();
        let word = if drained { "yes" } else { "no" };
        self.shared.log.event("stopped", &[("drained", word)]);
        runtime.shutdown_timeout(Duration::from_secs(1));
        drained
    }
}
