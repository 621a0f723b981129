//! Manifests as people write them: every document is read without a complaint.

use std::collections::BTreeMap;

use portcullis::diagnostic::Severity;
use portcullis::parse::{Loaded, duplicates, resources};
use portcullis::validate::refusals;

use crate::support::corpus::{Run, document, list, text};
use crate::support::shared;

/// A mesh configuration without a `ConfigMap` around it: Istio's test gives it to the analyzer by another
/// way than the resources.
const NO_RESOURCE: &str = "pkg__config__analysis__analyzers__testdata__mesh-with-automtls.yaml";

#[test]
fn every_document_is_read_and_no_policy_is_refused() {
    let Some(index) = document("istio/samples/index.yaml") else { return };
    let mut run = Run::default();
    for entry in list(&index, "files") {
        let file = text(entry, "file");
        let Some(place) = shared(&format!("conformance/istio/samples/{file}")) else { return };
        #[expect(clippy::disallowed_methods, reason = "tests read the corpus")]
        let content = std::fs::read_to_string(place).unwrap();
        let mut loaded = Loaded::default();
        resources(file, &content, "default", &mut loaded);
        duplicates(&mut loaded);
        if file.ends_with(NO_RESOURCE) {
            let said: Vec<_> = loaded
                .findings
                .iter()
                .map(|finding| finding.code.as_str())
                .collect();
            run.case(file, &vec!["PC907"], &said);
            continue;
        }
        let mut said = loaded.findings.clone();
        said.extend(loaded.resources.iter().flat_map(refusals));
        said.retain(|finding| finding.severity == Severity::Error);
        let said: Vec<_> = said.iter().map(ToString::to_string).collect();
        run.case(file, &Vec::new(), &said);
        let want: BTreeMap<String, usize> = serde_yaml::from_value(entry["kinds"].clone()).unwrap();
        let mut got = loaded.passed_over;
        for resource in &loaded.resources {
            *got.entry(resource.kind().to_owned()).or_default() += 1;
        }
        run.more(file, &want, &got);
    }
    run.agrees_in(38);
}
