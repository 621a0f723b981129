//! The shelf of policies: every suite passes and would fail without any one policy, every broken file is complained
//! of, every README shows what the tool says.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use portcullis::cli::Exit;
use rstest::rstest;

use crate::support::captured::Captured;
use crate::support::session::retold;
use crate::support::{is_or_becomes, project};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A path below the project, from its root.
fn from_the_root(path: &Path) -> String {
    let path = path.strip_prefix(ROOT).unwrap_or(path);
    path.to_str().unwrap().to_owned()
}

/// The names in a folder of the project, sorted.
fn names(folder: &str) -> Vec<String> {
    #[expect(clippy::disallowed_methods, reason = "tests read the project")]
    let entries = std::fs::read_dir(Path::new(ROOT).join(folder)).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Whether a folder has a file whose name ends so.
fn holds(folder: &str, ending: &str) -> bool {
    names(folder).iter().any(|name| name.ends_with(ending))
}

#[test]
fn every_suite_of_the_shelf_passes() {
    let call = Captured::default().run(&["test", "policies"]);
    assert_eq!(call.exit, Exit::Yes, "{}{}", call.out, call.err);
    let passed: usize = call
        .out
        .lines()
        .last()
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert!(passed > 500, "only {passed} cases ran");
}

/// READMEs that show what a complaint looks like.
const MISTAKES_ARE_SHOWN: &[&str] = &["policies/README.md"];

/// READMEs that list what stands below them, and show nothing themselves.
const LISTS: &[&str] = &["policies/asked/README.md", "policies/surprises/README.md"];

/// `PORTCULLIS_BLESS=1 cargo test policies` writes into the READMEs what the tool says now.
#[rstest]
fn a_readme_shows_what_the_tool_says(
    #[files("README.md")]
    #[files("policies/README.md")]
    #[files("policies/*/README.md")]
    #[files("policies/asked/*/README.md")]
    path: PathBuf,
) {
    let path = from_the_root(&path);
    let text = project(&path);
    let said = |words: &[&str]| {
        let call = Captured::default().run(words);
        format!("{}{}", call.err, call.out)
    };
    let retold = retold(&text, said, |_, _| {});
    assert!(
        text.contains("$ portcullis ") || LISTS.contains(&path.as_str()),
        "{path} shows no output of the tool"
    );
    let mistaken = retold.contains("\nerror[") && !MISTAKES_ARE_SHOWN.contains(&path.as_str());
    assert!(!mistaken, "{path} asks what cannot be asked:\n{retold}");
    is_or_becomes(&path, &text, &retold);
}

/// Folders beside the stories: what is no story.
const NO_STORY: &[&str] = &["asked", "broken", "surprises"];

#[test]
fn every_folder_is_complete_and_listed() {
    for (shelf, apart) in [("policies", NO_STORY), ("policies/surprises", &[])] {
        let list = project(&format!("{shelf}/README.md"));
        let mut seen = 0;
        for name in names(shelf).iter().filter(|name| !name.contains('.')) {
            assert!(list.contains(&format!("({name}/)")), "{shelf}/README.md does not list {name}");
            let folder = format!("{shelf}/{name}");
            if apart.contains(&name.as_str()) {
                continue;
            }
            assert!(holds(&folder, "README.md"), "{folder} has no README.md");
            assert!(holds(&folder, "portcullis.test.yaml"), "{folder} has no suite");
            seen += 1;
        }
        for link in list.split("](").skip(1) {
            let link = link.split(')').next().unwrap();
            assert!(Path::new(ROOT).join(shelf).join(link).exists(), "{shelf}/README.md: {link}");
        }
        assert!(seen > 2, "only {seen} folders in {shelf}");
    }
}

#[rstest]
fn a_surprise_says_what_one_would_guess_what_happens_and_why(
    #[files("policies/surprises/*/README.md")] path: PathBuf,
) {
    let path = from_the_root(&path);
    let text = project(&path);
    let headings: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with('#'))
        .skip(1)
        .collect();
    assert_eq!(headings, ["## What one would guess", "## What happens", "## Why"], "{path}");
    for part in text.split("\n## ").skip(1) {
        let (heading, paragraph) = part.split_once("\n\n").unwrap();
        let paragraph = paragraph.trim_end();
        assert!(!paragraph.is_empty(), "{path}: nothing below {heading}");
        assert!(!paragraph.contains("\n\n"), "{path}: more than one paragraph below {heading}");
    }
    assert!(!text.contains("```"), "{path}: the suite shows it");
    let statements = project("docs/semantics.md");
    let why = text.split("\n## Why\n").nth(1).unwrap();
    let bracketed = why
        .split('[')
        .skip(1)
        .filter_map(|rest| rest.split(']').next());
    let mut cited = 0;
    for number in bracketed.filter(|text| is_number_of_a_statement(text)) {
        assert!(statements.contains(&format!("- **{number}** ")), "{path}: there is no {number}");
        cited += 1;
    }
    assert!(cited > 0, "{path} cites no statement");

    // The suite shows the neighbour too that is answered as one would guess.
    let suite = project(&path.replace("README.md", "portcullis.test.yaml"));
    let answers: BTreeSet<&str> = suite
        .lines()
        .filter_map(|line| line.trim().strip_prefix("expect: "))
        .collect();
    assert!(answers.len() > 1, "{path}: its suite has one answer only, {answers:?}");
}

/// What somebody asked in public, and the sentence of the tool that answers it.
struct Asked {
    /// `istio/istio#24665`.
    thread: String,
    question: String,
    answer: String,
    command: String,
    said: String,
}

impl Asked {
    /// Reads the README of a folder of `policies/asked`.
    fn of(folder: &str) -> Self {
        let text = project(&format!("policies/asked/{folder}/README.md"));
        let parts: Vec<&str> = text.split("```").collect();
        let [before, session, after] = parts.as_slice() else {
            panic!("{folder} has not one block")
        };
        let (thread, question) = before
            .strip_prefix("# ")
            .unwrap()
            .split_once("\n\n")
            .unwrap();
        let answer = after.split_once("\n> ").expect(folder).1;
        let (command, said) = session
            .strip_prefix("console\n$ ")
            .and_then(|session| session.split_once('\n'))
            .unwrap();
        Self {
            thread: thread.to_owned(),
            question: question.trim().to_owned(),
            answer: answer.trim().to_owned(),
            command: command.to_owned(),
            said: said.to_owned(),
        }
    }

    /// Where it was asked; a pull request is found by the same address.
    fn address(&self) -> String {
        format!("https://github.com/{}", self.thread.replace('#', "/issues/"))
    }
}

#[test]
fn what_was_asked_is_answered_in_a_sentence() {
    let mut rows = String::new();
    let mut asked = 0;
    for folder in names("policies/asked")
        .iter()
        .filter(|name| !name.contains('.'))
    {
        let one = Asked::of(folder);
        let (repository, number) = one.thread.split_once('#').unwrap();
        let named = format!("{}-{number}", repository.replace(['/', '.'], "-").to_lowercase());
        assert_eq!(*folder, named, "the folder of {}", one.thread);
        assert_eq!(names(&format!("policies/asked/{folder}")), ["README.md", "policies.yaml"]);
        assert!(
            one.command
                .ends_with(&format!(" -f policies/asked/{folder}/")),
            "{folder}"
        );
        assert!(one.command.starts_with("portcullis can-i "), "{folder}");
        assert!(!one.question.contains('\n') && !one.answer.contains('\n'), "{folder}");
        assert!(
            one.said.contains(&one.answer),
            "{folder} does not say: {}\n{}",
            one.answer,
            one.said
        );
        let (thread, address) = (&one.thread, one.address());
        rows += &format!(
            "| [{thread}]({address}) | [{}]({folder}/) | {} |\n",
            one.question, one.answer
        );
        asked += 1;
    }
    assert!(asked >= 27, "only {asked} questions");
    let path = "policies/asked/README.md";
    let text = project(path);
    let (before, _) = text.split_once("\n|---|---|---|\n").unwrap();
    is_or_becomes(path, &text, &format!("{before}\n|---|---|---|\n{rows}"));
}

/// `AP-85`, whether or not there is such a statement.
fn is_number_of_a_statement(text: &str) -> bool {
    text.split_once('-').is_some_and(|(family, number)| {
        family
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
            && number.chars().all(|c| c.is_ascii_digit())
    })
}

/// What stands above a policy that the story is about because it changes nothing.
const SETTLES_NOTHING: &str = "# Settles nothing";

#[rstest]
fn a_suite_fails_without_any_one_policy(
    #[files("policies/*/portcullis.test.yaml")]
    #[files("policies/surprises/*/portcullis.test.yaml")]
    path: PathBuf,
) {
    let folder = from_the_root(path.parent().unwrap());
    let mut taken = 0;
    for name in yaml_files(&folder) {
        let text = project(&name);
        let documents: Vec<&str> = text.split("\n---\n").collect();
        for (index, document) in documents.iter().enumerate() {
            let counts = document.contains("\napiVersion: security.istio.io")
                || document.starts_with("apiVersion: security.istio.io");
            if !counts {
                continue;
            }
            let settles_nothing = document.starts_with(SETTLES_NOTHING);
            let rest = documents
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != index);
            let rest: Vec<&str> = rest.map(|(_, document)| *document).collect();
            let call = Captured::with(&[(&name, &rest.join("\n---\n"))]).run(&["test", &folder]);
            let want = if settles_nothing { Exit::Yes } else { Exit::No };
            assert_eq!(call.exit, want, "{name} without {document}\n{}{}", call.out, call.err);
            taken += 1;
        }
    }
    assert!(taken > 0, "{folder} has no policy");
}

/// Every rule of every story: without it a case fails. A policy whose last rule nobody could take away goes whole.
#[rstest]
fn a_suite_fails_without_any_one_rule(
    #[files("policies/*/portcullis.test.yaml")]
    #[files("policies/surprises/*/portcullis.test.yaml")]
    path: PathBuf,
) {
    let folder = from_the_root(path.parent().unwrap());
    let words = ["mutate", &folder, "-t", "^drop-(rule|policy) Auth", "-o", "json"];
    let call = Captured::default().run(&words);
    if call.exit == Exit::NothingRan {
        return;
    }
    let result: serde_json::Value = serde_json::from_str(&call.out).unwrap();
    for survivor in result["survivors"].as_array().unwrap() {
        assert!(survivor["witness"].is_null(), "a request tells it: {survivor:#}");
        let file = project(survivor["file"].as_str().unwrap());
        let document = policy_of(&file, survivor["mutant"].as_str().unwrap());
        // That a rule never matches is what some surprises are about.
        let is_meant = document.contains(SETTLES_NOTHING) || folder.contains("/surprises/");
        assert!(is_meant, "{survivor:#}");
    }
}

/// Every rule of the stories decides both ways, and every change of the shelf that no case notices has a reason.
#[test]
fn the_stories_are_covered_and_the_mutants_of_the_shelf_die() {
    let stories: Vec<String> = names("policies")
        .into_iter()
        .filter(|name| !name.contains('.') && !NO_STORY.contains(&name.as_str()))
        .map(|name| format!("policies/{name}"))
        .collect();
    let words = |first: &[&'static str]| -> Vec<String> {
        first
            .iter()
            .map(|&word| word.to_owned())
            .chain(stories.iter().cloned())
            .collect()
    };
    let run = |words: Vec<String>| {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Captured::default().run(&words)
    };
    let covered = run(words(&["test", "-q", "--coverage-threshold", "100"]));
    assert_eq!(covered.exit, Exit::Yes, "{}{}", covered.out, covered.err);
    let mutated = Captured::default().run(&[
        "mutate",
        "policies",
        "--accepted",
        "policies/accepted-mutants.yaml",
    ]);
    assert_eq!(mutated.exit, Exit::Yes, "{}", mutated.out);
    assert!(!mutated.out.contains("STALE"), "{}", mutated.out);
}

/// The document of a mutant's policy: `drop-rule AuthorizationPolicy foo/readers spec.rules[0]`.
fn policy_of<'t>(text: &'t str, mutant: &str) -> &'t str {
    let id = mutant.split(' ').nth(2).unwrap();
    let name = id.rsplit('/').next().unwrap();
    let line = format!("\n  name: {name}\n");
    let mut documents = text.split("\n---\n");
    documents
        .find(|document| document.contains(&line))
        .unwrap_or_default()
}

/// The manifests below a folder.
fn yaml_files(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for name in names(folder) {
        let path = format!("{folder}/{name}");
        if !name.contains('.') {
            found.extend(yaml_files(&path));
        } else if name.ends_with(".yaml") && !name.ends_with("test.yaml") {
            found.push(path);
        }
    }
    found
}

#[test]
fn what_was_tried_in_dry_run_is_what_is_enforced() {
    let tried = project("policies/dry-run-rollout/dry-run/policies.yaml");
    let tried = tried
        .replace("# Settles nothing yet.\n", "")
        .replace("  annotations:\n    istio.io/dry-run: \"true\"\n", "");
    assert_eq!(tried, project("policies/dry-run-rollout/enforced/policies.yaml"));
}

#[rstest]
fn a_broken_file_is_complained_of_with_its_place(
    #[files("policies/broken/*.yaml")] path: std::path::PathBuf,
) {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let file = format!("policies/broken/{name}");
    let call = Captured::default().run(&["can-i", "--plaintext", "http://a.b/", "-f", &file]);
    assert_eq!(call.exit, Exit::CouldNotAsk);
    insta::with_settings!({snapshot_suffix => name}, { insta::assert_snapshot!(call.err) });
}

#[test]
fn the_suites_of_the_documents_pass() {
    let text = project("docs/suites.md");
    let mut ran = 0;
    for block in text.split("```yaml\n").skip(1) {
        let suite = block.split("```").next().unwrap();
        let call = Captured::with(&[("docs.test.yaml", suite)]).run(&["test", "docs.test.yaml"]);
        assert_eq!(call.exit, Exit::Yes, "{}{}", call.out, call.err);
        ran += 1;
    }
    assert!(ran > 0, "docs/suites.md shows no suite");
}
