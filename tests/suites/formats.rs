//! The formats of a test run, whole, over a suite in which every outcome occurs and names try to break out.

use portcullis::cli::Exit;
use rstest::rstest;

use crate::support::captured::Captured;

const SUITE: &str = "
apiVersion: portcullis.dev/v1alpha1
kind: TestSuite
metadata: {name: 'a|b `c` <d> # ]]> %0A'}
workloads:
- {name: httpbin, namespace: foo, ports: [{port: 8080, protocol: HTTP}]}
- {name: open, namespace: bar, ports: [{port: 8080, protocol: HTTP}]}
manifests: |
  apiVersion: security.istio.io/v1
  kind: AuthorizationPolicy
  metadata: {name: p, namespace: foo}
  spec:
    action: DENY
    rules: [{to: [{operation: {paths: [/admin]}}]}]
tests:
- {name: right, from: {plaintext: true}, to: 'httpbin.foo:8080', request: {path: /admin}, expect: deny}
- {name: 'wrong & <b>', from: {plaintext: true}, to: 'httpbin.foo:8080', request: {path: /admin}, expect: allow, status: 200}
- {name: nowhere, from: {plaintext: true}, to: 'nobody.foo:8080', expect: allow}
- {name: vacuous, from: {plaintext: true}, to: 'open.bar:8080', expect: allow}
- {name: later, from: {plaintext: true}, to: 'httpbin.foo:8080', request: {path: /admin}, expect: allow, todo: 'open it #1'}
- {name: done, from: {plaintext: true}, to: 'httpbin.foo:8080', request: {path: /admin}, expect: deny, todo: shut it}
- {name: never, from: {plaintext: true}, to: 'httpbin.foo:8080', expect: allow, skip: not today}
";

fn report(format: &str) -> String {
    report_of(SUITE, format)
}

fn report_of(suite: &str, format: &str) -> String {
    let call =
        Captured::with(&[("a b.test.yaml", suite)]).run(&["test", "a b.test.yaml", "-o", format]);
    assert_eq!(call.exit, Exit::No, "{}", call.err);
    call.out
}

#[test]
fn junit() {
    let text = report("junit");
    insta::assert_snapshot!(text, @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="portcullis" tests="7" skipped="3" failures="3" errors="0">
        <testsuite name="a|b `c` &lt;d&gt; # ]]&gt; %0A" tests="7" skipped="3" errors="0" failures="3">
            <properties>
                <property name="file" value="a b.test.yaml"/>
            </properties>
            <testcase name="right" classname="a|b `c` &lt;d&gt; # ]]&gt; %0A" file="a b.test.yaml" line="16"/>
            <testcase name="wrong &amp; &lt;b&gt;" classname="a|b `c` &lt;d&gt; # ]]&gt; %0A" file="a b.test.yaml" line="17">
                <failure message="expect: expected allow, got deny; status: expected 200, got 403" type="failed">plaintext → httpbin.foo:8080 GET /admin
    expect: expected allow, got deny
    status: expected 200, got 403
    because DENY policy `foo/p` rule 0 refuses it
    matched: DENY `foo/p` rule 0
      --&gt; a b.test.yaml:14:40
       |
    14 |     rules: [{to: [{operation: {paths: [/admin]}}]}]
       |                                        ^^^^^^ `paths` holds: the request has `/admin`
       |
       = help: it gets through with one change, for instance: ask for the path `/`
    again: portcullis test &apos;a b.test.yaml&apos; -t &apos;^wrong \&amp; &lt;b&gt;$&apos;
    </failure>
            </testcase>
            <testcase name="nowhere" classname="a|b `c` &lt;d&gt; # ]]&gt; %0A" file="a b.test.yaml" line="18">
                <failure message="cannot be asked: the files know no workload or Service `nobody.foo`" type="failed">cannot be asked: the files know no workload or Service `nobody.foo`
    again: portcullis test &apos;a b.test.yaml&apos; -t &apos;^nowhere$&apos;
    </failure>
            </testcase>
            <testcase name="vacuous" classname="a|b `c` &lt;d&gt; # ]]&gt; %0A" file="a b.test.yaml" line="19">
                <failure message="passes only because no policy is about the destination; if that is meant, write `because: {default: true}`" type="vacuous">passes only because no policy is about the destination; if that is meant, write `because: {default: true}`
    again: portcullis test &apos;a b.test.yaml&apos; -t &apos;^vacuous$&apos;
    </failure>
            </testcase>
            <testcase name="later" classname="a|b `c` &lt;d&gt; # ]]&gt; %0A" file="a b.test.yaml" line="20">
                <skipped message="todo: open it #1" type="todo"/>
            </testcase>
            <testcase name="done" classname="a|b `c` &lt;d&gt; # ]]&gt; %0A" file="a b.test.yaml" line="21">
                <skipped message="todo: shut it (it is as expected now: take `todo` away)" type="todo"/>
            </testcase>
            <testcase name="never" classname="a|b `c` &lt;d&gt; # ]]&gt; %0A" file="a b.test.yaml" line="22">
                <skipped message="not today"/>
            </testcase>
        </testsuite>
    </testsuites>
    "#);
}

#[test]
fn tap() {
    let text = report("tap");
    insta::assert_snapshot!(text, @r"
    TAP version 14
    1..7
    ok 1 - a|b `c` <d> \# ]]> %0A › right
    not ok 2 - a|b `c` <d> \# ]]> %0A › wrong & <b>
      ---
      severity: fail
      kind: failed
      at:
        file: 'a b.test.yaml'
        line: 17
        column: 3
      message: |
        plaintext → httpbin.foo:8080 GET /admin
        expect: expected allow, got deny
        status: expected 200, got 403
        because DENY policy `foo/p` rule 0 refuses it
        matched: DENY `foo/p` rule 0
          --> a b.test.yaml:14:40
           |
        14 |     rules: [{to: [{operation: {paths: [/admin]}}]}]
           |                                        ^^^^^^ `paths` holds: the request has `/admin`
           |
           = help: it gets through with one change, for instance: ask for the path `/`
        again: portcullis test 'a b.test.yaml' -t '^wrong \& <b>$'
      ...
    not ok 3 - a|b `c` <d> \# ]]> %0A › nowhere
      ---
      severity: fail
      kind: failed
      at:
        file: 'a b.test.yaml'
        line: 18
        column: 3
      message: |
        cannot be asked: the files know no workload or Service `nobody.foo`
        again: portcullis test 'a b.test.yaml' -t '^nowhere$'
      ...
    not ok 4 - a|b `c` <d> \# ]]> %0A › vacuous
      ---
      severity: fail
      kind: vacuous
      at:
        file: 'a b.test.yaml'
        line: 19
        column: 3
      message: |
        passes only because no policy is about the destination; if that is meant, write `because: {default: true}`
        again: portcullis test 'a b.test.yaml' -t '^vacuous$'
      ...
    not ok 5 - a|b `c` <d> \# ]]> %0A › later # TODO open it \#1
    ok 6 - a|b `c` <d> \# ]]> %0A › done # TODO shut it (it is as expected now: take `todo` away)
    ok 7 - a|b `c` <d> \# ]]> %0A › never # SKIP not today
    ");
}

#[test]
fn sarif() {
    let text = report("sarif");
    insta::assert_snapshot!(text, @r#"
    {
      "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
      "version": "2.1.0",
      "runs": [
        {
          "tool": {
            "driver": {
              "name": "portcullis",
              "version": "0.1.0",
              "rules": [
                {
                  "id": "failed",
                  "shortDescription": {
                    "text": "The answer is not the expected one, or the question cannot be asked."
                  },
                  "defaultConfiguration": {
                    "level": "error"
                  }
                },
                {
                  "id": "vacuous",
                  "shortDescription": {
                    "text": "The case passes only because no policy is about its destination."
                  },
                  "defaultConfiguration": {
                    "level": "error"
                  }
                }
              ]
            }
          },
          "columnKind": "unicodeCodePoints",
          "results": [
            {
              "ruleId": "failed",
              "ruleIndex": 0,
              "level": "error",
              "message": {
                "text": "a|b `c` <d> # ]]> %0A › wrong & <b>\nplaintext → httpbin.foo:8080 GET /admin\nexpect: expected allow, got deny\nstatus: expected 200, got 403\nbecause DENY policy `foo/p` rule 0 refuses it\nmatched: DENY `foo/p` rule 0\n  --> a b.test.yaml:14:40\n   |\n14 |     rules: [{to: [{operation: {paths: [/admin]}}]}]\n   |                                        ^^^^^^ `paths` holds: the request has `/admin`\n   |\n   = help: it gets through with one change, for instance: ask for the path `/`\nagain: portcullis test 'a b.test.yaml' -t '^wrong \\& <b>$'\n"
              },
              "locations": [
                {
                  "physicalLocation": {
                    "artifactLocation": {
                      "uri": "a%20b.test.yaml"
                    },
                    "region": {
                      "startLine": 17,
                      "startColumn": 3
                    }
                  }
                }
              ],
              "relatedLocations": [
                {
                  "physicalLocation": {
                    "artifactLocation": {
                      "uri": "a%20b.test.yaml"
                    },
                    "region": {
                      "startLine": 14,
                      "startColumn": 13
                    }
                  },
                  "message": {
                    "text": "what decided"
                  }
                }
              ],
              "partialFingerprints": {
                "case/v1": "a b.test.yaml/a|b `c` <d> # ]]> %0A/wrong & <b>"
              }
            },
            {
              "ruleId": "failed",
              "ruleIndex": 0,
              "level": "error",
              "message": {
                "text": "a|b `c` <d> # ]]> %0A › nowhere\ncannot be asked: the files know no workload or Service `nobody.foo`\nagain: portcullis test 'a b.test.yaml' -t '^nowhere$'\n"
              },
              "locations": [
                {
                  "physicalLocation": {
                    "artifactLocation": {
                      "uri": "a%20b.test.yaml"
                    },
                    "region": {
                      "startLine": 18,
                      "startColumn": 3
                    }
                  }
                }
              ],
              "relatedLocations": [],
              "partialFingerprints": {
                "case/v1": "a b.test.yaml/a|b `c` <d> # ]]> %0A/nowhere"
              }
            },
            {
              "ruleId": "vacuous",
              "ruleIndex": 1,
              "level": "error",
              "message": {
                "text": "a|b `c` <d> # ]]> %0A › vacuous\npasses only because no policy is about the destination; if that is meant, write `because: {default: true}`\nagain: portcullis test 'a b.test.yaml' -t '^vacuous$'\n"
              },
              "locations": [
                {
                  "physicalLocation": {
                    "artifactLocation": {
                      "uri": "a%20b.test.yaml"
                    },
                    "region": {
                      "startLine": 19,
                      "startColumn": 3
                    }
                  }
                }
              ],
              "relatedLocations": [],
              "partialFingerprints": {
                "case/v1": "a b.test.yaml/a|b `c` <d> # ]]> %0A/vacuous"
              }
            }
          ]
        }
      ]
    }
    "#);
}

#[test]
fn github() {
    let text = report("github");
    insta::assert_snapshot!(text, @r"
    ::error file=a b.test.yaml,line=17,col=3,title=failed%3A a|b `c` <d> # ]]> %250A › wrong & <b>::plaintext → httpbin.foo:8080 GET /admin%0Aexpect: expected allow, got deny%0Astatus: expected 200, got 403%0Abecause DENY policy `foo/p` rule 0 refuses it%0Amatched: DENY `foo/p` rule 0%0A  --> a b.test.yaml:14:40%0A   |%0A14 |     rules: [{to: [{operation: {paths: [/admin]}}]}]%0A   |                                        ^^^^^^ `paths` holds: the request has `/admin`%0A   |%0A   = help: it gets through with one change, for instance: ask for the path `/`%0Aagain: portcullis test 'a b.test.yaml' -t '^wrong \& <b>$'
    ::error file=a b.test.yaml,line=18,col=3,title=failed%3A a|b `c` <d> # ]]> %250A › nowhere::cannot be asked: the files know no workload or Service `nobody.foo`%0Aagain: portcullis test 'a b.test.yaml' -t '^nowhere$'
    ::error file=a b.test.yaml,line=19,col=3,title=vacuous%3A a|b `c` <d> # ]]> %250A › vacuous::passes only because no policy is about the destination; if that is meant, write `because: {default: true}`%0Aagain: portcullis test 'a b.test.yaml' -t '^vacuous$'
    ::notice file=a b.test.yaml,line=20,col=3,title=todo%3A a|b `c` <d> # ]]> %250A › later::open it #1
    ::notice file=a b.test.yaml,line=21,col=3,title=todo%3A a|b `c` <d> # ]]> %250A › done::shut it (it is as expected now: take `todo` away)
    ::notice file=a b.test.yaml,line=22,col=3,title=skipped%3A a|b `c` <d> # ]]> %250A › never::not today
    ");
}

#[test]
fn markdown() {
    let text = report("markdown");
    insta::assert_snapshot!(text, @r"
    ### portcullis: 1 passed, 3 failed (1 vacuous), 1 skipped, 2 todo

    | | case | | |
    |---|---|---|---|
    | failed | a&#124;b &#96;c&#96; &lt;d&gt; &#35; &#93;&#93;&gt; %0A › wrong &amp; &lt;b&gt; | expect: expected allow, got deny; status: expected 200, got 403 | `a b.test.yaml:17` |
    | failed | a&#124;b &#96;c&#96; &lt;d&gt; &#35; &#93;&#93;&gt; %0A › nowhere | cannot be asked: the files know no workload or Service &#96;nobody.foo&#96; | `a b.test.yaml:18` |
    | vacuous | a&#124;b &#96;c&#96; &lt;d&gt; &#35; &#93;&#93;&gt; %0A › vacuous | passes only because no policy is about the destination; if that is meant, write &#96;because: {default: true}&#96; | `a b.test.yaml:19` |
    | todo | a&#124;b &#96;c&#96; &lt;d&gt; &#35; &#93;&#93;&gt; %0A › later | open it &#35;1 | `a b.test.yaml:20` |
    | todo | a&#124;b &#96;c&#96; &lt;d&gt; &#35; &#93;&#93;&gt; %0A › done | shut it (it is as expected now: take &#96;todo&#96; away) | `a b.test.yaml:21` |
    | skipped | a&#124;b &#96;c&#96; &lt;d&gt; &#35; &#93;&#93;&gt; %0A › never | not today | `a b.test.yaml:22` |

    <details><summary>a&#124;b &#96;c&#96; &lt;d&gt; &#35; &#93;&#93;&gt; %0A › wrong &amp; &lt;b&gt;</summary>

    ```text
    plaintext → httpbin.foo:8080 GET /admin
    expect: expected allow, got deny
    status: expected 200, got 403
    because DENY policy `foo/p` rule 0 refuses it
    matched: DENY `foo/p` rule 0
      --> a b.test.yaml:14:40
       |
    14 |     rules: [{to: [{operation: {paths: [/admin]}}]}]
       |                                        ^^^^^^ `paths` holds: the request has `/admin`
       |
       = help: it gets through with one change, for instance: ask for the path `/`
    again: portcullis test 'a b.test.yaml' -t '^wrong \& <b>$'
    ```

    </details>

    <details><summary>a&#124;b &#96;c&#96; &lt;d&gt; &#35; &#93;&#93;&gt; %0A › nowhere</summary>

    ```text
    cannot be asked: the files know no workload or Service `nobody.foo`
    again: portcullis test 'a b.test.yaml' -t '^nowhere$'
    ```

    </details>

    <details><summary>a&#124;b &#96;c&#96; &lt;d&gt; &#35; &#93;&#93;&gt; %0A › vacuous</summary>

    ```text
    passes only because no policy is about the destination; if that is meant, write `because: {default: true}`
    again: portcullis test 'a b.test.yaml' -t '^vacuous$'
    ```

    </details>
    ");
}

#[test]
fn json() {
    let text = report("json");
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let cases = value["suites"][0]["cases"].as_array().unwrap();
    let results: Vec<&str> = cases
        .iter()
        .map(|case| case["result"].as_str().unwrap())
        .collect();
    assert_eq!(results, ["passed", "failed", "failed", "vacuous", "todo", "todo", "skipped"]);
    assert_eq!(cases[1]["got"]["policy"], "foo/p");
    assert_eq!(cases[1]["mismatches"][1]["found"], "403");
}

/// The validators of the formats themselves, where the machine has them or may fetch them: opt in with
/// `PORTCULLIS_VALIDATORS=1`. Each is a Python program that reads the report from standard input and fails.
#[rstest]
#[case::junit("junit", &["junitparser"], "
import sys, junitparser
xml = junitparser.JUnitXml.fromstring(sys.stdin.read())
assert (xml.tests, xml.failures, xml.skipped) == (7, 3, 3), (xml.tests, xml.failures, xml.skipped)
")]
#[case::tap("tap", &["tap.py", "more-itertools", "PyYAML"], "
import sys
from tap.parser import Parser
lines = list(Parser().parse_text(sys.stdin.read()))
tests = [l for l in lines if l.category == 'test']
assert len(tests) == 7, len(tests)
assert [t.ok for t in tests] == [True, False, False, False, False, True, True]
assert [bool(t.todo) for t in tests] == [False] * 4 + [True, True, False]
assert all(l.category != 'unknown' for l in lines), [l for l in lines if l.category == 'unknown']
assert tests[1].yaml_block['at']['line'] == 17, tests[1].yaml_block
")]
fn validators_take_it(#[case] format: &str, #[case] packages: &[&str], #[case] program: &str) {
    // `tap.py` does not know that `\#` is no directive.
    validated(&report_of(&SUITE.replace("<d> #", "<d>"), format), packages, program);
}

/// Runs a Python program over a text, with packages of the registry.
pub(crate) fn validated(text: &str, packages: &[&str], program: &str) {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    #[expect(clippy::disallowed_methods, reason = "whoever runs the tests opts in")]
    let asked = std::env::var("PORTCULLIS_VALIDATORS").is_ok();
    if !asked {
        println!("skipped: set PORTCULLIS_VALIDATORS=1 to fetch {packages:?} and validate");
        return;
    }
    let place = format!("{}/validators", env!("CARGO_TARGET_TMPDIR"));
    let installed = Command::new("python3")
        .args(["-m", "pip", "install", "-q", "--target", &place])
        .args(packages)
        .status();
    assert!(installed.unwrap().success(), "{packages:?} cannot be fetched");
    let mut child = Command::new("python3")
        .args(["-c", program])
        .env("PYTHONPATH", &place)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    assert!(child.wait().unwrap().success());
}
