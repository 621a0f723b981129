//! Files that change while the webhook serves: those that its words name, and those that these name.

use std::time::Duration;

use rstest::rstest;

use super::hostile::lives;
use super::process::Process;

const SUITE: &str = "\
apiVersion: portcullis.dev/v1alpha1
kind: TestSuite
metadata: {name: more}
resources: [beside.yaml]
tests:
- name: sleep reads
  from: sleep.foo
  to: httpbin.foo:80
  expect: allow
";
const BESIDE: &str = "{apiVersion: v1, kind: Namespace, metadata: {name: bar}}\n";

#[rstest]
#[case::of_the_mesh("mesh.yaml")]
#[case::a_guard("more.test.yaml")]
#[case::what_a_guard_names("beside.yaml")]
#[case::the_settings("settings.yaml")]
fn a_file_that_changes_is_read_again(#[case] name: &str) {
    let written = [
        ("more.test.yaml", SUITE),
        ("beside.yaml", BESIDE),
        ("settings.yaml", "istio: \"1.30\"\n"),
    ];
    let words = ["--config", "@settings.yaml", "--guard", "@more.test.yaml"];
    let process = Process::with_files(1_024, &words, &written);
    lives(&process);
    // Longer than from one look to the next.
    std::thread::sleep(Duration::from_millis(2_500));
    let told = |word: &str| {
        let log = process.log.lock().unwrap();
        log.iter().filter(|line| line.contains(word)).count()
    };
    assert_eq!(told("reload failed"), 0);
    process.scratch.write(name, "oops: [");
    for _ in 0..100 {
        if told("reload failed") > 0 {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(told(name) > 0, "{:?}", process.log.lock().unwrap());
    lives(&process);
}
