//! The flags that name files → resources, and the mesh that they make, with every complaint about every file.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::flags::Files;
use super::progress::Progress;
use super::system::System;
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::istio::MeshConfig;
use crate::jwt::InlineKeys;
use crate::mesh::{Admission, Mesh, MeshInputs, ProviderStub};
use crate::parse::{self, Loaded};
use crate::report::Sources;
use crate::suite;

/// Whether a file below a folder is read as policies: YAML and JSON, suites left out.
fn holds_resources(name: &str) -> bool {
    [".yaml", ".yml", ".json"]
        .iter()
        .any(|ending| name.ends_with(ending))
        && !suite::is_suite_file(name)
}

/// What was read.
pub(crate) struct Read {
    /// The mesh that the flags describe.
    pub(crate) mesh: Mesh,
    /// What is worth a look about it.
    pub(crate) findings: Vec<Diagnostic>,
    /// The texts that it was read from.
    pub(crate) sources: Sources,
}

/// The mesh that the flags describe, and what is worth a look about it.
///
/// # Errors
/// Everything that is wrong with the files and the flags.
pub(crate) fn mesh(files: &Files, system: &mut impl System) -> Result<Read, Vec<Diagnostic>> {
    let mut findings = Vec::new();
    let given = given(files, system, &mut findings);
    if files.paths.is_empty() {
        findings.push(
            Diagnostic::error(Code::BadRequest, "no file is named that holds policies")
                .help("name it: `-f policies/`, `-f 'k8s/**/*.yaml'`, `-f -`, or `filename:` in .portcullis.yaml"),
        );
    }
    let loaded = resources(&files.paths, &files.namespace, system);
    let is_error = |finding: &Diagnostic| finding.severity == Severity::Error;
    findings.extend(loaded.findings.iter().cloned());
    if !findings.iter().any(is_error) {
        findings.extend(nothing_looked_at(&loaded));
    }
    if findings.iter().any(is_error) {
        return Err(findings);
    }
    match compile(files, given, &loaded) {
        Ok((mesh, warnings)) => {
            findings.extend(warnings);
            Ok(Read { mesh, findings, sources: loaded.texts })
        }
        Err(errors) => {
            findings.extend(errors);
            Err(findings)
        }
    }
}

/// Said of files that were understood, and hold no resource that is looked at.
pub(crate) fn nothing_looked_at(loaded: &Loaded) -> Option<Diagnostic> {
    if !loaded.resources.is_empty() {
        return None;
    }
    let kinds = loaded.passed_over.iter();
    let kinds: Vec<String> = kinds
        .map(|(kind, count)| format!("{kind} {count}"))
        .collect();
    let only =
        if kinds.is_empty() { String::new() } else { format!(", only {}", kinds.join(", ")) };
    let message = format!("the files hold nothing that is looked at{only}");
    let help = "name files with AuthorizationPolicies, Services, Deployments, Pods and Namespaces";
    Some(Diagnostic::error(Code::Unreadable, message).help(help))
}

/// What the flags say of the mesh beside its files.
pub(crate) struct Given {
    pub(crate) config: MeshConfig,
    /// Whether a file gave it.
    pub(crate) whole: bool,
    pub(crate) stubs: BTreeMap<String, ProviderStub>,
}

/// Reads the flags that say something of the mesh.
pub(crate) fn given(
    files: &Files,
    system: &mut impl System,
    findings: &mut Vec<Diagnostic>,
) -> Given {
    let stubs = files
        .providers
        .iter()
        .filter_map(|word| stub(word, findings))
        .collect();
    let whole = files.mesh_config.is_some();
    Given { config: mesh_config(files, system, findings), whole, stubs }
}

/// The mesh of what was read, and what is worth a look about it.
///
/// # Errors
/// Everything that keeps it from being one.
pub(crate) fn compile(
    files: &Files,
    given: Given,
    loaded: &Loaded,
) -> Result<(Mesh, Vec<Diagnostic>), Vec<Diagnostic>> {
    let compiled = Mesh::compile(MeshInputs {
        config: given.config,
        config_is_whole: given.whole,
        revision: files.revision.clone(),
        istio_version: files.istio,
        resources: vec![&loaded.resources],
        workloads: Vec::new(),
        stubs: given.stubs,
        admission: if files.admission_bypassed { Admission::Bypassed } else { Admission::Enforced },
    });
    let (mut mesh, warnings) = compiled.map_err(crate::diagnostic::Diagnostics::into_vec)?;
    mesh.token_reader = Some(Arc::new(InlineKeys));
    Ok((mesh, warnings))
}

/// The mesh's configuration as far as flags give it: single flags over the file of `--mesh-config`.
fn mesh_config(
    files: &Files,
    system: &mut impl System,
    findings: &mut Vec<Diagnostic>,
) -> MeshConfig {
    let given = MeshConfig {
        trust_domain: files.trust_domain.clone(),
        trust_domain_aliases: (!files.trust_domain_aliases.is_empty())
            .then(|| files.trust_domain_aliases.clone()),
        root_namespace: files.root_namespace.clone(),
        ..MeshConfig::default()
    };
    let Some(path) = &files.mesh_config else { return given };
    if path == "-" && files.paths.contains(path) {
        findings.push(read_twice("-f", "--mesh-config"));
        return given;
    }
    let text = match system.read(path) {
        Ok(text) => text,
        Err(error) => {
            findings.push(unreadable(path, &error));
            return given;
        }
    };
    match parse::mesh_config_file(path, &text, findings) {
        Some(config) => given.over(&config),
        None => given,
    }
}

/// `NAME=allow|deny|error`.
fn stub(word: &str, findings: &mut Vec<Diagnostic>) -> Option<(String, ProviderStub)> {
    let stub = match word.split_once('=') {
        Some((name, "allow")) => Some((name.to_owned(), ProviderStub::Allow)),
        Some((name, "deny")) => Some((name.to_owned(), ProviderStub::Deny)),
        Some((name, "error")) => Some((name.to_owned(), ProviderStub::Error)),
        _ => None,
    };
    if stub.is_none() {
        let message = format!("`--provider {word}` is not understood");
        findings.push(
            Diagnostic::error(Code::BadRequest, message)
                .help("write `NAME=allow`, `NAME=deny` or `NAME=error`"),
        );
    }
    stub
}

/// A file's name and text, or why it has none.
pub(crate) type FileText = Result<(String, String), Diagnostic>;

/// Everything that the paths hold.
pub(crate) fn resources(
    paths: &[String],
    default_namespace: &str,
    system: &mut impl System,
) -> Loaded {
    let mut loaded = Loaded::default();
    each_text(paths, system, |text| understand(&text, default_namespace, &mut loaded));
    parse::duplicates(&mut loaded);
    loaded
}

/// Every file that the paths hold, in their order.
pub(crate) fn texts(paths: &[String], system: &mut impl System) -> Vec<FileText> {
    let mut texts = Vec::new();
    each_text(paths, system, |text| texts.push(text));
    texts
}

/// As [`resources`], of files that were read already.
pub(crate) fn understood(texts: &[FileText], default_namespace: &str) -> Loaded {
    let mut loaded = Loaded::default();
    for text in texts {
        understand(text, default_namespace, &mut loaded);
    }
    parse::duplicates(&mut loaded);
    loaded
}

/// Adds what a file holds, or why nobody knows.
fn understand(text: &FileText, default_namespace: &str, loaded: &mut Loaded) {
    match text {
        Ok((file, text)) => {
            let before = loaded.findings.len();
            parse::resources(file, text, default_namespace, loaded);
            no_manifest(loaded.findings.get_mut(before..).unwrap_or_default());
        }
        Err(finding) => loaded.findings.push(finding.clone()),
    }
}

/// Reads every file that the paths hold.
fn each_text(paths: &[String], system: &mut impl System, mut then: impl FnMut(FileText)) {
    let mut seen = BTreeSet::new();
    let mut progress = Progress::of("reading files");
    for path in paths {
        match system.expand(path, &holds_resources) {
            Ok(files) if files.is_empty() => {
                let finding = Diagnostic::error(
                    Code::Unreadable,
                    format!("`{path}` holds no YAML or JSON file"),
                )
                .help("name a file, a folder or a pattern that holds Kubernetes manifests");
                then(Err(finding));
            }
            Ok(files) => {
                for file in files {
                    // One file may be reached by several paths.
                    let name = file.strip_prefix("./").unwrap_or(&file);
                    if !seen.insert(name.to_owned()) {
                        continue;
                    }
                    progress.step(system);
                    match system.read(&file) {
                        Ok(text) => then(Ok((file, text))),
                        Err(error) => then(Err(unreadable(&file, &error))),
                    }
                }
            }
            Err(error) => then(Err(unreadable(path, &error))),
        }
    }
    progress.end(system);
}

/// A text whose documents are no mappings is no manifest: then that is what there is to say.
fn no_manifest(findings: &mut [Diagnostic]) {
    for finding in findings {
        if finding.code == Code::WrongType && finding.path.as_str().is_empty() {
            finding.help = Some(
                "this is no Kubernetes manifest: one has `apiVersion`, `kind` and `metadata`"
                    .to_owned(),
            );
        }
    }
}

/// Two flags that both want all of standard input.
pub(crate) fn read_twice(one: &str, other: &str) -> Diagnostic {
    let message = format!("`{one} -` and `{other} -` both read standard input");
    Diagnostic::error(Code::BadRequest, message).help("write one of them to a file")
}

/// A path that cannot be read.
pub(crate) fn unreadable(path: &str, error: &std::io::Error) -> Diagnostic {
    let finding = Diagnostic::error(Code::Unreadable, format!("cannot read `{path}`: {error}"));
    if error.kind() == std::io::ErrorKind::NotFound {
        return finding.help("a path is relative to the working directory; `-` is standard input");
    }
    finding
}

/// A path that a file names, relative to the file.
pub(crate) fn beside(file: &str, path: &str) -> String {
    match file.rsplit_once('/') {
        Some((folder, _)) if !path.starts_with('/') => format!("{folder}/{path}"),
        _ => path.to_owned(),
    }
}
