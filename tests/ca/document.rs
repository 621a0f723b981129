//! docs/ca.md: its commands run, in their order, in an empty directory.

use std::path::Path;
use std::process::Command;

use super::support::{Scratch, openssl};
use crate::support::project;

#[test]
fn the_commands_of_the_page_run() {
    let page = project("docs/ca.md");
    let with_openssl = openssl(&["version"]).is_some();
    let mut script = "set -eu\n".to_owned();
    for block in page.split("```sh\n").skip(1) {
        for line in block.split("```").next().unwrap().lines() {
            if with_openssl || !(line.starts_with("openssl") || line.contains("own.csr")) {
                script.push_str(line);
                script.push('\n');
            }
        }
    }
    assert!(script.lines().count() > 20);
    let scratch = Scratch::new();
    let binary = Path::new(env!("CARGO_BIN_EXE_portcullis"))
        .parent()
        .unwrap();
    #[expect(
        clippy::disallowed_methods,
        reason = "the commands are looked up where the shell does"
    )]
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-c", &script])
        .env("PATH", path)
        .current_dir(scratch.path(""))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    for part in [
        "handshake   TLSv1_3",
        "standard    accepts spiffe://cluster.local/ns/foo/sa/sleep",
        "sound",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
}
