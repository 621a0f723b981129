//! Choices → a mesh that both evaluators have read.

use std::fmt::Write as _;

use portcullis::decide::Verdict;
use portcullis::mesh::Mesh;
use portcullis::request::RequestSpec;
use portcullis::suite;
use serde_yaml::Value;

use super::super::choices::Choices;
use super::super::naive::World;
use super::super::shrink::Suite;
use super::generate;

/// A suite has a test, and this one is never asked.
const NO_TEST: &str =
    "{name: case, from: {plaintext: true}, to: 'httpbin.foo:8080', expect: unknown}";

/// A drawn suite without its test.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// Everything but the manifests.
    pub head: String,
    /// One document each.
    pub manifests: Vec<String>,
}

impl Drawn {
    /// Draws one.
    pub fn of(choices: &mut Choices<'_>) -> Self {
        let (head, manifests) = generate::suite(choices);
        Self { head, manifests }
    }

    fn text(&self) -> String {
        let mut text = format!("{}manifests: |\n", self.head);
        for manifest in &self.manifests {
            write!(text, "  ---\n  {manifest}\n").expect("texts take all");
        }
        write!(text, "tests:\n- {NO_TEST}\n").expect("texts take all");
        text
    }

    /// The mesh as the engine has it.
    pub fn mesh(&self) -> Mesh {
        let text = self.text();
        let mut findings = Vec::new();
        let suites = suite::read("case.test.yaml", &text, &mut findings);
        let Some(read) = suites.first() else { panic!("{findings:?}\n{text}") };
        match suite::prepare(read, &[]) {
            Ok(prepared) => prepared.mesh,
            Err(error) => panic!("{error:?}\n{text}"),
        }
    }

    /// The mesh as the second evaluator has it.
    pub fn world(&self) -> World {
        let suite = self.suite();
        World::read(&suite.head, &suite.manifests)
            .unwrap_or_else(|why| panic!("{why}\n{}", self.text()))
    }

    /// The suite as values.
    pub fn suite(&self) -> Suite {
        let value = |text: &str| -> Value {
            serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
        };
        Suite {
            head: value(&self.head),
            manifests: self.manifests.iter().map(|text| value(text)).collect(),
            test: value(NO_TEST),
        }
    }

    /// The suite as values with a question as its test; none where no suite can ask it.
    pub fn with_test(&self, spec: &RequestSpec) -> Suite {
        let line = portcullis::report::case_line("case", spec, Verdict::Unknown);
        let test = line
            .and_then(|line| serde_yaml::from_str(&line).ok())
            .unwrap_or_default();
        Suite { test, ..self.suite() }
    }
}
