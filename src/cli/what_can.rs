//! `what-can`: a caller → the requests that it may send to the known destinations.

use super::args::WhatCan;
use super::exit::Exit;
use super::question::{Words, question};
use super::system::System;
use super::{load, names, table};
use crate::diagnostic::{Code, Diagnostic};
use crate::report::{self, Table};
use crate::survey;

/// Answers; `program` is what it is called.
pub(crate) fn run(arguments: &WhatCan, program: &str, system: &mut impl System) -> Exit {
    let (mesh, mut findings) = match load::mesh(&arguments.files, system) {
        Ok(read) => (Some(read.mesh), read.findings),
        Err(findings) => (None, findings),
    };
    let from = arguments.from.as_deref().or(arguments.caller.as_deref());
    if from.is_none() && !arguments.plaintext {
        findings.push(Diagnostic::error(Code::BadRequest, "who calls is not said").help(format!(
            "write `{program} what-can FROM -f PATH`, as in `{program} what-can sleep.foo -f policies/`"
        )));
    }
    // The URL is replaced by those of all destinations.
    let words = Words {
        from,
        method: None,
        url: "http://destination/",
        plaintext: arguments.plaintext,
        namespace: &arguments.files.namespace,
        sent: &arguments.sent,
    };
    let asked = question(&words, mesh.as_ref(), &mut findings);
    let named = from.is_some() || arguments.plaintext;
    let (Some(mesh), Some(mut spec), true) = (mesh, asked, named) else {
        return table::could_not_ask(arguments.listed.shown.output, &findings, system);
    };
    spec.now = Some(system.now());
    findings.extend(names::unknown_account(&mesh, &spec));
    match survey::what_can(&mesh, &spec) {
        Ok(found) => {
            let text = report::question(&spec);
            let text = text
                .split_once(" →")
                .map_or(text.as_str(), |(text, _)| text);
            let found = Table::what_can(&mesh, text.to_owned(), &found);
            table::show(&arguments.listed, &found, &findings, system)
        }
        Err(error) => {
            findings.push(names::unaskable(&mesh, &error));
            table::could_not_ask(arguments.listed.shown.output, &findings, system)
        }
    }
}
