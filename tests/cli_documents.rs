//! What docs/command-line.md and docs/kubectl.md show works.

use portcullis::cli::Exit;

use crate::support::captured::{Call, Captured};
use crate::support::project;

/// The lines of a document's blocks in a language.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let text = project(document);
    let fence = format!("```{language}\n");
    let blocks = text.split(fence.as_str()).skip(1);
    blocks
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect()
}

/// Runs the words behind `portcullis` of one line of a shell, with the files that the document speaks of.
fn run(line: &str) -> Option<Call> {
    let (before, words) = line.rsplit_once("portcullis ")?;
    let cluster = project("tests/dumps/cluster.yaml");
    let config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio}\ndata: {mesh: 'trustDomain: corp.example'}\n";
    let files =
        [("cluster.yaml", cluster.as_str()), ("mesh-config.yaml", config), ("-", cluster.as_str())];
    let variables: Vec<(&str, &str)> = before
        .split(' ')
        .filter_map(|word| word.split_once('='))
        .collect();
    // The document's variables name folders of its reader's own.
    let variables = variables.iter().map(|(name, value)| match *name {
        "PORTCULLIS_FILENAME" => (*name, "cluster.yaml"),
        _ => (*name, *value),
    });
    let program = if before.ends_with("kubectl ") { "kubectl-portcullis" } else { "portcullis" };
    let words: Vec<&str> = words.split(' ').filter(|word| !word.is_empty()).collect();
    Some(
        Captured::with(&files)
            .variables(&variables.collect::<Vec<_>>())
            .run_as(program, &words),
    )
}

#[test]
fn every_command_of_the_documents_is_answered_yes() {
    let mut ran = 0;
    for document in ["docs/command-line.md", "docs/kubectl.md"] {
        for line in blocks(document, "sh")
            .iter()
            .flat_map(|block| block.lines())
        {
            if line.starts_with("ln ") {
                continue;
            }
            let Some(call) = run(line) else { continue };
            assert_eq!((call.exit, call.err.as_str()), (Exit::Yes, ""), "{line}\n{}", call.out);
            ran += 1;
        }
    }
    assert!(ran > 8, "only {ran} were run");
}

#[test]
fn the_settings_of_the_document_are_understood() {
    for block in blocks("docs/command-line.md", "yaml") {
        let call = Captured::with(&[(".portcullis.yaml", &block)]).run(&["config"]);
        assert_eq!((call.exit, call.err.as_str()), (Exit::Yes, ""));
        for line in block.lines() {
            let name = line.split(':').next().unwrap();
            // What is said of lints is no default of a flag.
            if name.starts_with(' ') || name == "lint" {
                continue;
            }
            assert!(call.out.contains(&format!("  {name} ")), "{name}: {}", call.out);
        }
    }
}
