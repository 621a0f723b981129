//! Policies on the disk → tests of Rust: suites that must pass, and questions for a table.
//!
//! ```
//! # fn main() -> Result<(), portcullis::testing::Failures> {
//! use portcullis::decide::Verdict;
//! use portcullis::testing;
//!
//! // Every suite below a folder.
//! testing::run("policies/bookinfo")?;
//!
//! // Or one question after the other, in the words of `can-i`.
//! let policies = testing::Policies::load("policies/bookinfo")?;
//! let verdict = policies.verdict("productpage.bookinfo GET http://reviews.bookinfo:9080/reviews/1")?;
//! assert_eq!(verdict, Verdict::Allow);
//! # Ok(())
//! # }
//! ```

use std::fmt;

use crate::cli::{Exit, Recording, mesh_of, question_of};
use crate::decide::Verdict;
use crate::mesh::Mesh;

/// Why a test fails: what the command would print. `Debug` shows it as it is, so that a test may return it.
#[derive(Clone, PartialEq, Eq)]
pub struct Failures(String);

impl fmt::Debug for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{}", self.0)
    }
}

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failures {}

/// Runs every suite that a path names, as `portcullis test` does.
///
/// # Errors
/// A case fails, a suite cannot be read, or there is none.
pub fn run(path: &str) -> Result<(), Failures> {
    let mut system = Recording::default();
    let words = ["portcullis", "test", "--no-config", path].map(Into::into);
    match crate::cli::run(words, &mut system) {
        Exit::Yes => Ok(()),
        Exit::No | Exit::CouldNotAsk | Exit::Unknown | Exit::NothingRan => {
            Err(Failures(system.text()))
        }
    }
}

/// The mesh of some files.
#[derive(Debug)]
pub struct Policies(Mesh);

impl Policies {
    /// Reads a file, a folder with everything below, or a pattern.
    ///
    /// # Errors
    /// Everything that is wrong with the files.
    pub fn load(path: &str) -> Result<Self, Failures> {
        mesh_of(path, &mut Recording::default())
            .map(Self)
            .map_err(|findings| {
                let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
                Failures(findings.join("\n\n"))
            })
    }

    /// The mesh.
    #[must_use]
    pub const fn mesh(&self) -> &Mesh {
        &self.0
    }

    /// Asks in the words of `can-i`: `FROM [METHOD] URL`, and flags where they have no spaces. Where several workloads
    /// answer and differ the verdict is `unknown`.
    ///
    /// # Errors
    /// The words ask nothing of this mesh.
    pub fn verdict(&self, question: &str) -> Result<Verdict, Failures> {
        let words: Vec<String> = question.split_whitespace().map(str::to_owned).collect();
        let spec = question_of(&words, &self.0).ok_or_else(|| {
            Failures(format!("`{question}` asks nothing: write `FROM [METHOD] URL`"))
        })?;
        let requests = self
            .0
            .requests(&spec)
            .map_err(|error| Failures(error.to_string()))?;
        let mut verdicts = requests
            .iter()
            .map(|request| self.0.decide(request).verdict);
        let first = verdicts.next().unwrap_or(Verdict::Unknown);
        Ok(if verdicts.all(|other| other == first) { first } else { Verdict::Unknown })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_is_told_as_the_command_tells_it() {
        let failures = run("policies/broken").unwrap_err();
        assert!(format!("{failures:?}").contains("no suite (`*.test.yaml`) was found"));
        let failures = Policies::load("policies/broken/unknown-field.yaml").unwrap_err();
        assert!(failures.to_string().contains("did you mean `principals`?"), "{failures}");
    }

    #[rstest::rstest]
    #[case::nobody("nobody.bookinfo http://reviews.bookinfo:9080/", "nobody.bookinfo")]
    #[case::no_question("reviews.bookinfo", "asks nothing")]
    fn a_question_that_cannot_be_asked_is_a_failure(#[case] question: &str, #[case] want: &str) {
        let failures = Policies::load("policies/bookinfo")
            .unwrap()
            .verdict(question)
            .unwrap_err();
        assert!(failures.to_string().contains(want), "{failures}");
    }
}
