//! What docs/testing.md says: its commands run, its list of accepted mutants is read.

use portcullis::cli::Exit;

use crate::support::captured::Captured;
use crate::support::{project, words};

#[test]
fn every_command_of_the_document_is_one() {
    let text = project("docs/testing.md");
    let commands = text
        .split("`portcullis ")
        .skip(1)
        .filter_map(|rest| rest.split('`').next());
    let mut ran = 0;
    for command in commands {
        // Of the stories one is enough.
        let words = words(&command.replace("policies/", "policies/bookinfo"));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let call = Captured::default().run(&words);
        let there_already = call.err.contains("is there already");
        assert!(there_already || call.exit != Exit::CouldNotAsk, "{command}: {}", call.err);
        ran += 1;
    }
    assert!(ran > 6, "only {ran} commands");
}

#[test]
fn the_list_of_the_document_is_read() {
    let text = project("docs/testing.md");
    let list = text
        .split("```yaml\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let mut findings = Vec::new();
    let accepted = portcullis::suite::accepted("accepted.yaml", list, &mut findings);
    assert_eq!((accepted.len(), findings), (1, Vec::new()));
    assert_eq!(accepted[0].file.as_deref(), Some("policies.yaml"));
}
