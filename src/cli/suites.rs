//! Paths → suites with their meshes, all of them or every complaint: nothing is run before everything is read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::load;
use super::progress::Progress;
use super::system::{FileState, System};
use super::threads::in_order;
use crate::diagnostic::{Code, Diagnostic, FieldPath, Severity};
use crate::istio::Resource;
use crate::jwt::InlineKeys;
use crate::parse::Loaded;
use crate::report::Sources;
use crate::suite::{self, Prepared, Suite};

/// Suites that were read, and the resources of each.
#[derive(Debug, Default)]
pub(crate) struct Read {
    /// The suites, in the order of the paths.
    pub(crate) suites: Vec<Suite>,
    /// For each suite the place of its resources in `loaded`.
    of_suite: Vec<usize>,
    loaded: Vec<Resources>,
    /// The texts of the suites and of what they name.
    pub(crate) sources: Sources,
    /// What is worth a look, or wrong.
    pub(crate) findings: Vec<Diagnostic>,
}

/// What some patterns of a suite name.
#[derive(Debug, Default)]
struct Resources {
    paths: Vec<String>,
    files: Vec<String>,
    loaded: Loaded,
}

/// A suite that can be run.
#[derive(Debug)]
pub(crate) struct Ready<'s> {
    /// The suite and its mesh.
    pub(crate) prepared: Prepared<'s>,
    /// What its `resources` name, as the command line names it.
    pub(crate) paths: &'s [String],
    /// The resources that they hold.
    pub(crate) resources: &'s [Resource],
}

/// Reads the suites that the paths name, and what these name.
pub(crate) fn read(paths: &[String], threads: usize, system: &mut impl System) -> Read {
    let mut read = Read::default();
    let texts = texts(paths, &mut read.findings, system);
    let suites = in_order(threads, &texts, |(name, text)| {
        let mut findings = Vec::new();
        (suite::read(name, text, &mut findings), findings)
    });
    for (suites, findings) in suites {
        read.suites.extend(suites);
        read.findings.extend(findings);
    }
    read.sources.extend(texts);
    let mut known: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    for suite in &read.suites {
        let patterns = resources_of(suite, system, &mut read.findings);
        let place = *known.entry(patterns).or_insert_with_key(|patterns| {
            let mut loaded = load::resources(patterns, "default", system);
            let files = loaded.texts.keys().cloned().collect();
            read.sources.append(&mut loaded.texts);
            read.findings.extend(loaded.findings.iter().cloned());
            read.loaded
                .push(Resources { paths: patterns.clone(), files, loaded });
            read.loaded.len() - 1
        });
        read.of_suite.push(place);
    }
    read
}

/// The texts of the suites that the paths name, each once.
fn texts(
    paths: &[String],
    findings: &mut Vec<Diagnostic>,
    system: &mut impl System,
) -> Vec<(String, String)> {
    let (mut seen, mut texts) = (BTreeSet::new(), Vec::new());
    let mut progress = Progress::of("reading suites");
    for path in paths {
        let files = match system.expand(path, &suite::is_suite_file) {
            Ok(files) => files,
            Err(error) => {
                findings.push(load::unreadable(path, &error));
                continue;
            }
        };
        for file in files {
            progress.step(system);
            let name = file.strip_prefix("./").unwrap_or(&file).to_owned();
            if seen.insert(name.clone()) {
                match system.read(&file) {
                    Ok(text) => texts.push((name, text)),
                    Err(error) => findings.push(load::unreadable(&file, &error)),
                }
            }
        }
    }
    progress.end(system);
    texts
}

impl Read {
    /// The files of the suite at a place: its own, and those that it names.
    pub(crate) fn files(&self, suite: usize) -> Vec<&str> {
        let own = self.suites.get(suite).map(|suite| suite.file.as_ref());
        let named = self
            .of_suite
            .get(suite)
            .and_then(|place| self.loaded.get(*place));
        let named = named.into_iter().flat_map(|known| &known.files);
        own.into_iter().chain(named.map(String::as_str)).collect()
    }

    /// Whatever a path or a pattern names now, with what tells one state of a file from another.
    pub(crate) fn state(
        &self,
        paths: &[String],
        system: &mut impl System,
    ) -> Vec<(String, Option<FileState>)> {
        let mut state = Vec::new();
        let patterns = self.loaded.iter().flat_map(|known| &known.paths);
        for path in paths.iter().chain(patterns) {
            let files = system.expand(path, &|name| {
                [".yaml", ".yml", ".json"]
                    .iter()
                    .any(|ending| name.ends_with(ending))
            });
            for file in files.unwrap_or_default() {
                let now = system.state(&file);
                state.push((file, now));
            }
        }
        state
    }

    /// Everything that `resources` of the suites name, as the command line names it.
    pub(crate) fn named(&self) -> impl Iterator<Item = &String> {
        self.loaded.iter().flat_map(|resources| &resources.paths)
    }

    /// Every suite with the resources that it names; what there is to say about them is added to `findings`.
    pub(crate) fn guards(self, findings: &mut Vec<Diagnostic>) -> Vec<(Suite, Vec<Resource>)> {
        findings.extend(self.findings);
        let loaded = &self.loaded;
        let with_resources = |(suite, place): (Suite, usize)| {
            let named = loaded.get(place);
            let resources = named.map(|named| named.loaded.resources.clone());
            (suite, resources.unwrap_or_default())
        };
        self.suites
            .into_iter()
            .zip(self.of_suite)
            .map(with_resources)
            .collect()
    }

    /// Compiles the mesh of every suite.
    ///
    /// # Errors
    /// Everything that is wrong with any of them.
    pub(crate) fn prepare(&self, threads: usize) -> Result<Vec<Ready<'_>>, Vec<Diagnostic>> {
        let is_error = |finding: &Diagnostic| finding.severity == Severity::Error;
        if self.findings.iter().any(is_error) {
            return Err(Vec::new());
        }
        let jobs: Vec<(&Suite, &usize)> = self.suites.iter().zip(&self.of_suite).collect();
        let prepared = in_order(threads, &jobs, |(suite, place)| {
            let known = self.loaded.get(**place);
            let resources = known.map_or(&[][..], |known| &known.loaded.resources);
            let mut prepared = suite::prepare(suite, resources)?;
            prepared.mesh.token_reader = Some(Arc::new(InlineKeys));
            Ok(Ready { prepared, paths: known.map_or(&[], |known| &known.paths), resources })
        });
        let (mut ready, mut errors) = (Vec::new(), Vec::new());
        for one in prepared {
            match one {
                Ok(one) => ready.push(one),
                Err(found) => {
                    let found: crate::diagnostic::Diagnostics = found;
                    errors.extend(found.into_vec());
                }
            }
        }
        if errors.is_empty() { Ok(ready) } else { Err(errors) }
    }
}

/// The patterns of a suite as seen from here. A pattern is relative to the suite's file, so that a suite means the
/// same wherever it lies.
fn resources_of(
    suite: &Suite,
    system: &impl System,
    findings: &mut Vec<Diagnostic>,
) -> Vec<String> {
    let mut paths = Vec::new();
    for pattern in &suite.policies.patterns {
        let written = pattern.value.as_str();
        let wrong = if written.is_empty() || written == "-" || written.starts_with('/') {
            Some("is no path beside the suite's file")
        } else if suite::is_suite_file(written) {
            Some("names a suite: resources are Kubernetes manifests")
        } else if system.is_pipe(&beside(&suite.file, written)) {
            // Whoever wrote the suite could make us wait for ever.
            Some("is a pipe")
        } else {
            None
        };
        match wrong {
            Some(wrong) => {
                let message = format!("`{written}` {wrong}");
                let path = FieldPath::root().field("resources");
                let finding = Diagnostic::error(Code::BadValue, message);
                findings.push(finding.at(&suite.file, pattern.position, &path));
            }
            None => paths.push(beside(&suite.file, written)),
        }
    }
    paths
}

/// A path as seen from the folder of a file, without detours: `a/b.yaml` and `../c` are `c`.
fn beside(file: &str, path: &str) -> String {
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" if parts.is_empty() && file.starts_with('/') => parts.push(""),
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| !matches!(*last, "" | "..")) => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    if joined.is_empty() { ".".to_owned() } else { joined }
}

#[cfg(test)]
mod tests {
    #[rstest::rstest]
    #[case::in_the_same_folder("a/b.test.yaml", "*.yaml", "a/*.yaml")]
    #[case::beside_the_folder("a/b/c.test.yaml", "../policies/**/*.yaml", "a/policies/**/*.yaml")]
    #[case::above_where_we_are("c.test.yaml", "../x.yaml", "../x.yaml")]
    #[case::further_above("../c.test.yaml", "../x.yaml", "../../x.yaml")]
    #[case::from_the_root("/a/c.test.yaml", "../x.yaml", "/x.yaml")]
    #[case::nothing_is_above_the_root("/c.test.yaml", "../x.yaml", "/../x.yaml")]
    #[case::the_folder_itself("c.test.yaml", ".", ".")]
    fn a_pattern_is_relative_to_the_file(
        #[case] file: &str,
        #[case] path: &str,
        #[case] want: &str,
    ) {
        assert_eq!(super::beside(file, path), want);
    }
}
