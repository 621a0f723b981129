//! The shelf of policies: every suite passes, every broken file is complained of, every README shows what the tool says.

use portcullis::cli::Exit;
use rstest::rstest;

use crate::support::captured::Captured;
use crate::support::{project, words};

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

#[rstest]
#[case::readme("README.md")]
#[case::shelf("policies/README.md")]
#[case::bookinfo("policies/bookinfo/README.md")]
#[case::deny_by_default("policies/deny-by-default/README.md")]
#[case::tcp_database("policies/tcp-database/README.md")]
fn a_readme_shows_what_the_tool_says(#[case] path: &str) {
    let text = project(path);
    let mut shown = 0;
    // A block of a README that begins with `$ portcullis` is a session: commands and what they print.
    for block in text.split("```").skip(1).step_by(2) {
        let block = block.split_once('\n').map_or("", |(_, block)| block);
        for session in block.split("$ portcullis ").skip(1) {
            let (command, want) = session.split_once('\n').unwrap_or((session, ""));
            let words = words(command);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let call = Captured::default().run(&words);
            let got = format!("{}{}", call.err, call.out);
            assert_eq!(want.trim_end(), got.trim_end(), "{path}: portcullis {command}");
            shown += 1;
        }
    }
    assert!(shown > 0, "{path} shows no output of the tool");
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
