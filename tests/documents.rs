//! docs/documents.md: what it shows is what is printed, and it names every document that has a schema.

use crate::support::captured::Captured;
use crate::support::session::retold;
use crate::support::{is_or_becomes, project};

#[test]
fn the_page_shows_what_is_printed() {
    let text = project("docs/documents.md");
    let said = |words: &[&str]| Captured::default().run(words).out;
    is_or_becomes("docs/documents.md", &text, &retold(&text, said, |_, _| {}));
}

#[test]
fn the_page_of_admission_shows_what_is_printed() {
    let text = project("docs/admission.md");
    let said = |words: &[&str]| Captured::default().run(words).out;
    is_or_becomes("docs/admission.md", &text, &retold(&text, said, |_, _| {}));
}

#[test]
fn the_page_names_every_document_and_no_other() {
    let help = Captured::default().run(&["schema", "--help"]).out;
    let mut known: Vec<&str> = help
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- "))
        .filter_map(|value| Some(value.split_once(':')?.0))
        .filter(|name| !["auto", "always", "never"].contains(name))
        .collect();
    known.sort_unstable();
    let text = project("docs/documents.md");
    let named: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|row| Some(row.split_once('`')?.0))
        .collect();
    assert!(known.len() > 4, "{help}");
    assert_eq!(named, known);
}
