//! A lint, or all of them → the page that tells what it finds, why, and examples.

use std::fmt::Write as _;

use crate::diagnostic::Code;
use crate::lint::{ALL, EXAMPLE_MESH, Lint};

/// The page of one lint, as Markdown.
#[must_use]
pub fn lint_page(lint: &Lint) -> String {
    let Lint { code, name, level, what, why, bad, good, .. } = lint;
    let mut page = format!("## {code} `{name}`\n\nLevel: {level}. {what}\n\n{why}\n");
    for (title, examples) in [("Bad", bad), ("Good", good)] {
        for example in *examples {
            let written = write!(page, "\n{title}:\n\n```yaml\n{example}```\n");
            debug_assert!(written.is_ok(), "a String takes everything");
        }
    }
    page
}

/// What is said about a code of reading and refusing, as Markdown.
#[must_use]
pub fn code_page(code: Code) -> String {
    format!("## {code}\n\n{}\n", code.meaning())
}

/// The whole document.
#[must_use]
pub fn lint_pages() -> String {
    let mut text = "# Lints\n\n\
        What `portcullis lint` looks for. Each finding is certain, or says what it depends on; a request that is shown was\n\
        decided by the evaluator. `portcullis explain CODE` prints the page of one lint.\n\n\
        A level, or `off`, is set by `lint: {levels: {CODE: LEVEL}}` in `.portcullis.yaml`. One resource is left out by\n\
        `lint: {ignore: [{lint: CODE, resource: NAMESPACE/NAME, reason: WHY}]}` there, or by an annotation on it:\n\
        `lint.portcullis.dev/CODE: WHY`. A reason must be given.\n\n\
        | code | name | level | what it finds |\n|---|---|---|---|\n"
        .to_owned();
    for lint in ALL {
        let anchor = format!("{}-{}", lint.code.to_ascii_lowercase(), lint.name);
        text.push_str(&format!(
            "| [{}](#{anchor}) | `{}` | {} | {} |\n",
            lint.code,
            lint.name,
            lint.level,
            lint.what.replace('|', "\\|")
        ));
    }
    text.push_str(
        "\n## What reading and refusing say\n\nThese are told by every command; `portcullis validate` tells them alone.\n\n\
         | code | meaning |\n|---|---|\n",
    );
    for code in Code::ALL {
        text.push_str(&format!("| {code} | {} |\n", code.meaning()));
    }
    text.push_str(&format!(
        "\n## The mesh of the examples\n\nThe examples stand beside these resources. A test asks every lint about them: each bad one has \
         the finding, and no good one has it.\n\n```yaml\n{EXAMPLE_MESH}```\n"
    ));
    for lint in ALL {
        text.push('\n');
        text.push_str(&lint_page(lint));
    }
    text
}
