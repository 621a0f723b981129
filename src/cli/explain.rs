//! `explain`: a code → its page.

use super::exit::Exit;
use super::lint_args::Explain;
use super::system::System;
use super::{complain_of, print};
use crate::diagnostic::{Code, Diagnostic};
use crate::lint::{self, named};
use crate::parse::suggest::nearest;
use crate::report::{code_page, lint_page};

/// Prints the page.
pub(crate) fn run(arguments: &Explain, system: &mut impl System) -> Exit {
    let word = arguments.code.as_str();
    if let Some(lint) = named(word) {
        print(system, &lint_page(lint));
        return Exit::Yes;
    }
    let mut codes = Code::ALL.iter().copied();
    if let Some(code) = codes.find(|code| code.as_str().eq_ignore_ascii_case(word)) {
        print(system, &code_page(code));
        return Exit::Yes;
    }
    let message = format!("no finding has the code or the name `{word}`");
    let names = lint::ALL.iter().map(|lint| lint.name);
    let known = nearest(word, names);
    let help = known.map_or_else(
        || "docs/lints.md lists them all".to_owned(),
        |name| format!("did you mean `{name}`?"),
    );
    complain_of(system, &[Diagnostic::error(Code::BadRequest, message).help(help)]);
    Exit::CouldNotAsk
}
