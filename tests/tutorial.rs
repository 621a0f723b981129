//! docs/tutorial.md, word for word, with the real program in an empty folder.

use std::cell::RefCell;
use std::path::Path;
use std::process::Command;

use crate::support::session::retold;
use crate::support::{is_or_becomes, project};

/// `PORTCULLIS_BLESS=1 cargo test tutorial` writes what the tool says now.
#[test]
fn the_tutorial_shows_what_the_tool_says() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tutorial");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    std::fs::create_dir_all(&folder).unwrap();
    let asked = RefCell::new(0);
    let text = project("docs/tutorial.md");
    let said = |words: &[&str]| {
        *asked.borrow_mut() += 1;
        let program = env!("CARGO_BIN_EXE_portcullis");
        let output = Command::new(program)
            .args(words)
            .env_clear()
            .current_dir(&folder)
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        format!("{}{}", text(output.stderr), text(output.stdout))
    };
    let written = |before: &str, content: &str| {
        // "Write `shop.yaml`:" stands before what is to be written.
        let Some(name) = before
            .strip_prefix("Write `")
            .or_else(|| before.split_once("Write `").map(|(_, name)| name))
        else {
            return;
        };
        let name = name.split('`').next().unwrap();
        #[expect(clippy::disallowed_methods, reason = "the reader of the tutorial writes files")]
        std::fs::write(folder.join(name), content).unwrap();
    };
    let retold = retold(&text, said, written);
    assert!(*asked.borrow() >= 9, "only {} questions are asked", asked.borrow());
    is_or_becomes("docs/tutorial.md", &text, &retold);
}
