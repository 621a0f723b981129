//! Paths → resources, with every complaint about every file.

use std::collections::BTreeSet;

use super::system::System;
use crate::diagnostic::{Code, Diagnostic};
use crate::parse::{self, Loaded};
use crate::suite;

/// Whether a file below a folder is read as policies: YAML and JSON, suites left out.
fn holds_resources(name: &str) -> bool {
    [".yaml", ".yml", ".json"]
        .iter()
        .any(|ending| name.ends_with(ending))
        && !suite::is_suite_file(name)
}

/// Everything that the paths hold.
pub(crate) fn resources(
    paths: &[String],
    default_namespace: &str,
    system: &mut impl System,
) -> Loaded {
    let mut loaded = Loaded::default();
    let mut seen = BTreeSet::new();
    for path in paths {
        match system.expand(path, &holds_resources) {
            Ok(files) if files.is_empty() => {
                let finding = Diagnostic::error(
                    Code::Unreadable,
                    format!("`{path}` holds no YAML or JSON file"),
                )
                .help("name a file, a folder or a pattern that holds Kubernetes manifests");
                loaded.findings.push(finding);
            }
            Ok(files) => {
                for file in files {
                    // One file may be reached by several paths.
                    let name = file.strip_prefix("./").unwrap_or(&file);
                    if !seen.insert(name.to_owned()) {
                        continue;
                    }
                    match system.read(&file) {
                        Ok(text) => parse::resources(&file, &text, default_namespace, &mut loaded),
                        Err(error) => loaded.findings.push(unreadable(&file, &error)),
                    }
                }
            }
            Err(error) => loaded.findings.push(unreadable(path, &error)),
        }
    }
    parse::duplicates(&mut loaded);
    loaded
}

/// A path that cannot be read.
pub(crate) fn unreadable(path: &str, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error(Code::Unreadable, format!("cannot read `{path}`: {error}"))
}
