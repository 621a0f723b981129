//! Every lint's examples: a bad one has the finding, a good one has it not, and whatever is shown or mended is so.

use std::collections::BTreeMap;

use portcullis::lint::{
    self, ALL, EXAMPLE_MESH, Finding, Fix, IndexedTexts, Levels, Lint, Subject, Sure,
};
use portcullis::mesh::{Mesh, MeshInputs};
use portcullis::parse::{Loaded, anchored, duplicates, resources};
use portcullis::report::lint_pages;

use crate::support::project;

/// An example beside the mesh of the examples, read and compiled.
pub(crate) struct Read {
    pub(crate) loaded: Loaded,
    pub(crate) mesh: Mesh,
}

impl Read {
    #[track_caller]
    pub(crate) fn of(texts: &BTreeMap<String, String>) -> Self {
        let mut loaded = Loaded::default();
        for (name, text) in texts {
            resources(name, text, "default", &mut loaded);
        }
        duplicates(&mut loaded);
        assert!(loaded.findings.is_empty(), "{}\n{texts:?}", loaded.findings[0]);
        // An example may say of which release the proxies are, as the flag does.
        let said = texts
            .values()
            .find_map(|text| text.strip_prefix("# --istio "));
        let version = said.and_then(|text| text.lines().next());
        let inputs = MeshInputs {
            resources: vec![&loaded.resources],
            istio_version: version.map(|version| version.parse().unwrap()),
            ..MeshInputs::default()
        };
        let (mesh, _) =
            Mesh::compile(inputs).unwrap_or_else(|errors| panic!("{errors}\n{texts:?}"));
        Self { loaded, mesh }
    }

    #[track_caller]
    pub(crate) fn example(text: &str) -> Self {
        let texts = [("mesh.yaml", EXAMPLE_MESH), ("policy.yaml", text)];
        Self::of(
            &texts
                .map(|(name, text)| (name.to_owned(), text.to_owned()))
                .into(),
        )
    }

    pub(crate) fn findings(&self) -> Vec<(&'static Lint, Finding)> {
        let subject = Subject::new(&self.loaded.resources, Some(&self.mesh));
        let findings = lint::run(&subject, &Levels::default(), &mut || {});
        findings
            .found
            .into_iter()
            .map(|(lint, _, finding)| (lint, finding))
            .collect()
    }

    pub(crate) fn count(&self, lint: &Lint) -> usize {
        self.findings()
            .iter()
            .filter(|(found, _)| found.code == lint.code)
            .count()
    }
}

#[test]
fn every_bad_example_has_the_finding_and_no_good_one_has_it() {
    let mut wrong = Vec::new();
    for lint in ALL {
        for (index, example) in lint.bad.iter().enumerate() {
            if Read::example(example).count(lint) == 0 {
                wrong.push(format!("{} bad[{index}] has it not", lint.code));
            }
        }
        for (index, example) in lint.good.iter().enumerate() {
            let read = Read::example(example);
            let said = read.findings();
            let said = said.iter().filter(|(found, _)| found.code == lint.code);
            wrong.extend(said.map(|(_, finding)| {
                format!("{} good[{index}] has it: {}", lint.code, finding.message)
            }));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_found_about_one_resource_is_found_when_only_that_is_asked_for() {
    let mut told = 0;
    for example in ALL.iter().flat_map(|lint| lint.bad.iter().chain(lint.good)) {
        let read = Read::example(example);
        let all = read.findings();
        for one in &read.loaded.resources {
            let subject = Subject::about(one, &read.loaded.resources, &read.mesh);
            let found = lint::run(&subject, &Levels::default(), &mut || {}).found;
            let here = |finding: &Finding| finding.resource_origin == one.meta().origin;
            let shown = |finding: &Finding| format!("{finding:?}");
            let found: Vec<String> = found
                .iter()
                .filter(|(_, _, finding)| here(finding))
                .map(|(_, _, finding)| shown(finding))
                .collect();
            let wanted: Vec<String> = all
                .iter()
                .filter(|(_, finding)| here(finding))
                .map(|(_, finding)| shown(finding))
                .collect();
            assert_eq!(found, wanted, "{example}");
            told += wanted.len();
        }
    }
    assert!(told > 100, "{told}");
}

#[test]
fn every_lint_has_a_page_of_its_own() {
    let mut codes: Vec<&str> = ALL.iter().map(|lint| lint.code).collect();
    let mut names: Vec<&str> = ALL.iter().map(|lint| lint.name).collect();
    assert!(codes.is_sorted(), "in the order of the codes: {codes:?}");
    let count = ALL.len();
    codes.dedup();
    names.sort_unstable();
    names.dedup();
    assert_eq!((codes.len(), names.len()), (count, count));
    for lint in ALL {
        assert!(lint.bad.len() >= 2 && lint.good.len() >= 2, "{} has too few examples", lint.code);
        assert!(lint.what.ends_with('.') && lint.why.ends_with('.'), "{}", lint.code);
        let examples = lint.bad.iter().chain(lint.good);
        assert!(examples.clone().all(|example| example.ends_with('\n')), "{}", lint.code);
    }
}

/// `PORTCULLIS_BLESS=1 cargo test lints` writes the document anew.
#[test]
#[expect(clippy::disallowed_methods, reason = "writes the generated document where it is asked to")]
fn the_document_is_what_the_lints_say() {
    let text = lint_pages();
    if std::env::var("PORTCULLIS_BLESS").is_ok() {
        let place = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/lints.md");
        std::fs::write(place, &text).unwrap();
        return;
    }
    assert_eq!(project("docs/lints.md"), text, "PORTCULLIS_BLESS=1 writes what the lints say now");
}

#[test]
fn every_witness_is_decided_as_it_is_shown() {
    let mut seen = 0;
    for lint in ALL {
        for example in lint.bad {
            let read = Read::example(example);
            for (of, finding) in read.findings() {
                let asks = finding.sure != Sure::Certain;
                assert!(!asks || finding.fix.is_none(), "{}: a fix without a question", of.code);
                let mut next = finding.witness.as_ref();
                while let Some(witness) = next {
                    let again = read.mesh.decide(witness.request());
                    assert_eq!(&again, witness.decision(), "{}", witness.shown());
                    seen += 1;
                    next = witness.other();
                }
            }
        }
    }
    assert!(seen > 0);
}

/// What `--fix` does to an example: the finding is gone, nothing new is found, and every other byte is as it was.
#[test]
fn every_fix_mends_its_finding_and_nothing_else() {
    let mut seen = 0;
    for lint in ALL {
        for example in lint.bad {
            let read = Read::example(example);
            let of_lint = |read: &Read| -> Vec<Finding> {
                let found = read.findings().into_iter();
                found
                    .filter(|(found, _)| found.code == lint.code)
                    .map(|(_, finding)| finding)
                    .collect()
            };
            let found = of_lint(&read);
            let texts = &read.loaded.texts;
            let fixes: Vec<Fix> = found
                .iter()
                .filter_map(|finding| finding.fix.clone())
                .collect();
            let fit = IndexedTexts::of(texts, anchored).fit(&fixes);
            let both = fixes.into_iter().zip(fit);
            let fixes: Vec<Fix> = both
                .filter(|(_, fit)| fit.is_ok())
                .map(|(fix, _)| fix)
                .collect();
            if fixes.is_empty() {
                continue;
            }
            let changed = lint::apply(texts, &fixes).unwrap();
            let mut after = texts.clone();
            after.extend(changed);
            let mended = Read::of(&after);
            assert_eq!(
                of_lint(&mended).len(),
                found.len() - fixes.len(),
                "{}: {after:?}",
                lint.code
            );
            for finding in found.iter().filter(|finding| finding.fix.is_some()) {
                let Some(witness) = &finding.witness else { continue };
                let now = mended.mesh.decide(witness.request());
                assert_ne!(
                    now.verdict,
                    witness.decision().verdict,
                    "{}: {}",
                    lint.code,
                    witness.shown()
                );
            }
            seen += fixes.len();
        }
    }
    assert!(seen > 0);
}

/// A lint tries each of many values against all of them only as far as that stays bounded.
#[test]
fn what_takes_too_long_is_left_out_and_that_is_told() {
    let policy = |count: usize| {
        let paths: Vec<String> = (0..count).map(|at| format!("/p{at}")).collect();
        format!(
            "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: p, namespace: foo}}\n\
             spec: {{action: DENY, rules: [{{to: [{{operation: {{paths: [{}]}}}}]}}]}}\n",
            paths.join(", ")
        )
    };
    let trailing_slash = lint::named("PC045").unwrap();
    let alone = ALL
        .iter()
        .map(|lint| (lint.code, (lint.code == "PC045").then_some(lint.level)));
    let levels = Levels { levels: alone.collect(), ..Levels::default() };
    let run = |count: usize| {
        let read = Read::example(&policy(count));
        let subject = Subject::new(&read.loaded.resources, Some(&read.mesh));
        let findings = lint::run(&subject, &levels, &mut || {});
        let incomplete = findings.incomplete.iter().map(|lint| lint.code);
        (findings.found.len(), incomplete.collect::<Vec<_>>())
    };
    assert_eq!(run(100), (100, vec![]));
    let (found, incomplete) = run(20_000);
    assert!(found > 0 && found < 20_000, "{found}");
    assert_eq!(incomplete, [trailing_slash.code]);
}
