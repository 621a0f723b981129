//! `who-can`: a request → the known callers that may send it.

use super::args::WhoCan;
use super::exit::Exit;
use super::question::{Words, is_method, question};
use super::system::System;
use super::{load, names, table};
use crate::diagnostic::{Code, Diagnostic};
use crate::report::{self, Table};
use crate::survey;

/// Answers; `program` is what it is called.
pub(crate) fn run(arguments: &WhoCan, program: &str, system: &mut impl System) -> Exit {
    let (mesh, mut findings) = match load::mesh(&arguments.files, system) {
        Ok(read) => (Some(read.mesh), read.findings),
        Err(findings) => (None, findings),
    };
    let words: Vec<&str> = arguments.words.iter().map(String::as_str).collect();
    let words = match (words.as_slice(), arguments.method.as_deref()) {
        ([url], method) => Some((method, *url)),
        ([method, url], None) if is_method(method) => Some((Some(*method), *url)),
        _ => None,
    };
    let Some((method, url)) = words else {
        let message = if arguments.words.is_empty() {
            "nothing is asked".to_owned()
        } else {
            format!("`{}` is no METHOD and URL", arguments.words.join(" "))
        };
        findings.push(Diagnostic::error(Code::BadRequest, message).help(format!(
            "write `{program} who-can [METHOD] URL -f PATH`, as in `{program} who-can GET http://httpbin.foo:8000/headers -f \
             policies/`"
        )));
        return table::could_not_ask(arguments.listed.shown.output, &findings, system);
    };
    let words = Words {
        from: None,
        method,
        url,
        plaintext: false,
        namespace: &arguments.files.namespace,
        sent: &arguments.sent,
    };
    let asked = question(&words, mesh.as_ref(), &mut findings);
    let (Some(mesh), Some(mut spec)) = (mesh, asked) else {
        return table::could_not_ask(arguments.listed.shown.output, &findings, system);
    };
    spec.now = Some(system.now());
    match survey::who_can(&mesh, &spec) {
        Ok(found) => {
            let text = report::question(&spec);
            let text = text
                .split_once("→ ")
                .map_or(text.as_str(), |(_, text)| text);
            let found = Table::who_can(&mesh, text.to_owned(), &found);
            table::show(&arguments.listed, &found, &findings, system)
        }
        Err(error) => {
            findings.push(names::unaskable(&mesh, &error));
            table::could_not_ask(arguments.listed.shown.output, &findings, system)
        }
    }
}
