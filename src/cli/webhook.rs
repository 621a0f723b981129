//! `webhook serve`: files that are looked at again and again, or a cluster → a server that answers reviews.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::admission::{known, known_of};
use super::admission_args::HeldAgainst;
use super::exit::Exit;
use super::flags::Files;
use super::settings::Settings;
use super::system::{RealSystem, System};
use super::webhook_args::{Logged, Serve, Webhook, WebhookCommand};
use super::webhook_cluster::{Cluster, configured, of_no_cluster, watched};
use super::{complain, complain_of, webhook_manifests, webhook_self_test};
use crate::admission::Known;
use crate::cluster::Heard;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Severity};
use crate::lint::Levels;
use crate::server::{self, Certificate, Decisions, Limits, Log, Options, Running, Source};
use crate::suite;

/// Serves, or tells what serving takes.
pub(crate) fn run(arguments: Webhook, settings: &Settings, system: &mut impl System) -> Exit {
    match arguments.command {
        WebhookCommand::Serve(serve) => self::serve(*serve, settings, system),
        WebhookCommand::Manifests(manifests) => webhook_manifests::run(*manifests, system),
        WebhookCommand::SelfTest(arguments) => webhook_self_test::run(*arguments, settings, system),
    }
}

fn serve(serve: Serve, settings: &Settings, system: &mut impl System) -> Exit {
    let out = Mutex::new(RealSystem::default());
    let log = Log::to(move |line| {
        let mut out = out.lock().unwrap_or_else(PoisonError::into_inner);
        // A log that nobody reads keeps no answer back.
        drop(writeln!(out.stdout(), "{line}").and_then(|()| out.stdout().flush()));
    });
    let Some(running) = start(serve, |options| options, log, settings, system) else {
        return Exit::CouldNotAsk;
    };
    match running.until_signal() {
        Ok(true) => Exit::Yes,
        Ok(false) => Exit::No,
        Err(error) => {
            complain(system, &format!("error: no signal can be waited for: {error}\n"));
            Exit::CouldNotAsk
        }
    }
}

/// Begins to serve what the words say, with options that `otherwise` may change. Absent: it does not start, and why is told.
pub(crate) fn start(
    mut serve: Serve,
    otherwise: impl FnOnce(Options) -> Options,
    log: Log,
    settings: &Settings,
    system: &mut impl System,
) -> Option<Running> {
    let cluster = match mesh(&mut serve) {
        Ok(cluster) => cluster,
        Err(finding) => {
            complain_of(system, &[finding]);
            return None;
        }
    };
    let options = otherwise(Options {
        listen: serve.listen,
        health: serve.health,
        tls12: serve.tls12,
        fail_open: serve.fail_open,
        reload_interval: Duration::from_secs(serve.reload_interval),
        decisions: match serve.log_decisions {
            Logged::All => Decisions::All,
            Logged::Notable => Decisions::Notable,
            Logged::Nothing => Decisions::Nothing,
        },
        traces: collector(serve.otlp_endpoint, &|name| system.variable(name)),
        client_names: serve.client_name,
        limits: Limits::of(system.processors()),
    });
    let Serve { certificate, key, client_roots, held_against, files, .. } = serve;
    let source = OnDisk {
        cluster,
        files,
        held_against,
        named: Vec::new(),
        levels: settings.lint.clone(),
        settings: settings.file.clone(),
        certificate: [Some(certificate), Some(key), client_roots],
        system: RealSystem::default(),
    };
    match server::start(options, source, log) {
        Ok(running) => Some(running),
        Err(error) => {
            complain(system, &format!("error: the webhook does not start: {error}\n"));
            None
        }
    }
}

/// Where spans are sent, as the OTLP exporter's specification says (§ endpoint URLs for OTLP/HTTP): what names the signal is
/// the whole URL, and what does not the beginning of it. A build that cannot send them is not asked to by a variable.
fn collector(flag: Option<String>, variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let below = |base: String| format!("{}/v1/traces", base.trim_end_matches('/'));
    if let Some(base) = flag {
        return Some(below(base));
    }
    // An empty one is as good as none.
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    let is_off = variable("OTEL_SDK_DISABLED")
        .is_some_and(|word| word.eq_ignore_ascii_case("true"))
        || variable("OTEL_TRACES_EXPORTER").is_some_and(|word| word == "none");
    if is_off || !cfg!(feature = "otel") {
        return None;
    }
    let whole = variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
    whole.or_else(|| variable("OTEL_EXPORTER_OTLP_ENDPOINT").map(below))
}

/// The cluster that the mesh comes from, watched; absent: it comes from files.
fn mesh(serve: &mut Serve) -> Result<Option<Cluster>, Diagnostic> {
    let words = &serve.cluster;
    if words.from_cluster {
        // Those of the settings are meant for other commands.
        serve.files.paths.clear();
        return watched(words, &serve.files).map(Some);
    }
    let about = [
        ("--kubeconfig", &words.kubeconfig),
        ("--context", &words.context),
        ("--istio-namespace", &words.istio_namespace),
    ];
    if let Some(finding) = of_no_cluster(&about) {
        return Err(finding);
    }
    if serve.files.paths.is_empty() || serve.files.paths.iter().any(|path| path == "-") {
        return Err(Diagnostic::error(Code::BadRequest, "no file is named that holds policies").help(
            "name files or folders, which can be read again: `-f policies/`; or read a cluster: `--from-cluster`",
        ));
    }
    Ok(None)
}

/// Files and folders, and a cluster.
struct OnDisk<S> {
    /// Where the mesh comes from; absent: from the files.
    cluster: Option<Cluster>,
    files: Files,
    held_against: HeldAgainst,
    /// What the guards named beside them when they were last read.
    named: Vec<String>,
    levels: Levels,
    /// The settings file; absent: there was none at the start, and none is looked for.
    settings: Option<String>,
    /// The certificate, its key, and the roots of clients.
    certificate: [Option<String>; 3],
    system: S,
}

impl<S: System> OnDisk<S> {
    /// Every file that the paths name, and what tells one state of it from another.
    fn look(&mut self, paths: &[String], wanted: &dyn Fn(&str) -> bool) -> String {
        let mut seen = String::new();
        for path in paths {
            match self.system.expand(path, wanted) {
                Ok(files) => {
                    for file in files {
                        seen.push_str(&format!("{file} {:?}\n", self.system.state(&file)));
                    }
                }
                Err(error) => seen.push_str(&format!("{path}: {error}\n")),
            }
        }
        seen
    }
}

impl<S: System + Send + 'static> Source for OnDisk<S> {
    fn state(&mut self) -> (String, String) {
        let manifests = |name: &str| {
            [".yaml", ".yml", ".json"]
                .iter()
                .any(|ending| name.ends_with(ending))
        };
        let mut paths = self.files.paths.clone();
        paths.extend(self.files.mesh_config.clone());
        paths.extend(self.held_against.guards.iter().cloned());
        paths.extend(self.named.iter().cloned());
        paths.extend(self.settings.clone());
        let mut known = self.look(&paths, &|name| manifests(name) || suite::is_suite_file(name));
        if let Some(cluster) = &self.cluster {
            known.push_str(&format!("cluster {}\n", cluster.generation()));
        }
        let certificate: Vec<String> = self.certificate.iter().flatten().cloned().collect();
        (known, self.look(&certificate, &|_| true))
    }

    fn known(&mut self) -> Result<(Known, Vec<String>), Vec<String>> {
        let told = |findings: Vec<Diagnostic>| -> Vec<String> {
            findings.iter().map(ToString::to_string).collect()
        };
        if let Some(path) = &self.settings {
            let settings = Settings::find(Some(path), &mut self.system);
            if Diagnostics::gate(settings.complaints.clone()).is_err() {
                return Err(told(settings.complaints));
            }
            self.levels = settings.lint;
        }
        let mut named = Vec::new();
        let (files, levels, system) = (&self.files, &self.levels, &mut self.system);
        let read = match &self.cluster {
            Some(cluster) => {
                let mut loaded = cluster.loaded();
                loaded.findings.extend(configured(files, &loaded.resources));
                known_of(loaded, files, &self.held_against, levels, system, &mut named)
            }
            None => known(files, &self.held_against, levels, system, &mut named),
        };
        // Where nothing could be read, whatever was named before may be what is mended next.
        self.named.extend(named);
        self.named.sort();
        self.named.dedup();
        read.map(|(known, findings)| (known, told(findings)))
            .map_err(|mut findings| {
                // What keeps it out is not to be looked for among what does not.
                findings.retain(|finding| finding.severity == Severity::Error);
                told(findings)
            })
    }

    fn heard(&mut self) -> Option<Heard> {
        self.cluster.as_ref().map(Cluster::heard)
    }

    fn certificate(&mut self) -> Result<Certificate, String> {
        let [chain, key, clients] = self.certificate.clone();
        let mut read = |path: Option<String>| {
            path.map(|path| {
                let text = self.system.read(&path);
                text.map(String::into_bytes)
                    .map_err(|error| format!("cannot read `{path}`: {error}"))
            })
            .transpose()
        };
        Ok(Certificate {
            chain: read(chain)?.unwrap_or_default(),
            key: read(key)?.unwrap_or_default(),
            clients: read(clients)?,
        })
    }
}

#[cfg(all(test, feature = "otel"))]
mod tests {
    use super::*;

    const BASE: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://base:4318/");
    const WHOLE: (&str, &str) = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://whole:4318/x");
    const EMPTY: (&str, &str) = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "");

    #[rstest::rstest]
    #[case::nothing(None, &[], None)]
    #[case::flag(Some("http://flag:4318"), &[BASE, WHOLE], Some("http://flag:4318/v1/traces"))]
    #[case::base(None, &[BASE, EMPTY], Some("http://base:4318/v1/traces"))]
    #[case::whole(None, &[BASE, WHOLE], Some("http://whole:4318/x"))]
    #[case::disabled(None, &[BASE, ("OTEL_SDK_DISABLED", "True")], None)]
    #[case::not_disabled(None, &[WHOLE, ("OTEL_SDK_DISABLED", "1")], Some("http://whole:4318/x"))]
    #[case::no_exporter(None, &[WHOLE, ("OTEL_TRACES_EXPORTER", "none")], None)]
    fn the_collector_is_where_the_flag_or_a_variable_says(
        #[case] flag: Option<&str>,
        #[case] variables: &[(&str, &str)],
        #[case] want: Option<&str>,
    ) {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        assert_eq!(collector(flag.map(str::to_owned), &variable).as_deref(), want);
    }
}
