//! `can-i`: a question in words, or many in a file → answers.

use super::args::{self, CanI};
use super::exit::Exit;
use super::flags::Format;
use super::progress::Progress;
use super::question::{Via, Words, is_method, question, via};
use super::system::System;
use super::{complain_of, definition, load, names, print, table, write};
use crate::call::Passage;
use crate::diagnostic::{Code, Diagnostic};
use crate::mesh::{Mesh, QuestionError};
use crate::report::{self, Answer, Sources, Style, Word};
use crate::request::{Request, RequestSpec};
use crate::suite;

/// Answers; `program` is what it is called.
pub(crate) fn run(arguments: &CanI, program: &str, style: Style, system: &mut impl System) -> Exit {
    let files = &arguments.files;
    if arguments.requests.as_deref() == Some("-") {
        let taken = [
            ("-f", files.paths.iter().any(|path| path == "-")),
            ("--mesh-config", files.mesh_config.as_deref() == Some("-")),
        ];
        if let Some((flag, _)) = taken.into_iter().find(|(_, taken)| *taken) {
            let finding = load::read_twice(flag, "--requests");
            return table::could_not_ask(arguments.shown.output, &[finding], system);
        }
    }
    let loaded = load::mesh(files, system);
    if let (Some(file), Ok(read)) = (&arguments.requests, &loaded) {
        return batch(arguments, file, &read.mesh, &read.findings, system);
    }
    let (mesh, mut findings, sources) = match loaded {
        Ok(read) => (Some(read.mesh), read.findings, read.sources),
        Err(findings) => (None, findings, Sources::new()),
    };
    // What is wrong with the words is told together with what is wrong with the files.
    let asked = if arguments.requests.is_none() {
        asked(arguments, program, mesh.as_ref(), &mut findings)
    } else {
        None
    };
    let (Some(mesh), Some((mut spec, via))) = (mesh, asked) else {
        return table::could_not_ask(arguments.shown.output, &findings, system);
    };
    spec.now = Some(system.now());
    findings.extend(names::unknown_account(&mesh, &spec));
    match ask(&mesh, &spec, via.as_ref(), Answer::explained) {
        Ok(answer) => {
            if arguments.shown.output == Format::Text {
                complain_of(system, &findings);
            }
            if !arguments.shown.quiet {
                match arguments.shown.output {
                    format @ (Format::Json | Format::Yaml) => {
                        write(system, format, &report::answer_document(&answer, &findings));
                    }
                    Format::Text => {
                        let mut text = String::new();
                        let style = Style { full: arguments.explain, ..style };
                        if report::answer_text(&mut text, &answer, &sources, style).is_ok() {
                            print(system, &text);
                        }
                    }
                }
            }
            exit_of(answer.word())
        }
        Err(error) => {
            findings.push(names::unaskable(&mesh, &error));
            table::could_not_ask(arguments.shown.output, &findings, system)
        }
    }
}

const fn exit_of(word: Word) -> Exit {
    match word {
        Word::Yes => Exit::Yes,
        Word::No => Exit::No,
        Word::Unknown => Exit::Unknown,
    }
}

/// The question that the words ask, and the gateway that it goes through.
fn asked(
    arguments: &CanI,
    program: &str,
    mesh: Option<&Mesh>,
    findings: &mut Vec<Diagnostic>,
) -> Option<(RequestSpec, Option<Via>)> {
    let Some((from, method, url)) = words(arguments) else {
        let count = arguments.words.len();
        let message = match count {
            0 => "nothing is asked".to_owned(),
            1 if arguments.caller.is_none() => "who calls is not said".to_owned(),
            _ => format!(
                "a question is FROM, METHOD and URL, each once, and not these {count} words"
            ),
        };
        findings.push(Diagnostic::error(Code::BadRequest, message).help(format!(
            "write `{program} can-i FROM [METHOD] URL -f PATH`, as in `{program} can-i sleep.foo GET \
             http://httpbin.foo:8000/headers -f policies/`"
        )));
        return None;
    };
    let words = Words {
        from,
        method,
        url,
        plaintext: arguments.plaintext,
        namespace: &arguments.files.namespace,
        sent: &arguments.sent,
    };
    let through = match &arguments.via {
        Some(written) => Some(via(written, findings)?),
        None => None,
    };
    Some((question(&words, mesh, findings)?, through))
}

/// The question that the words behind `can-i` ask; absent where they ask none, or through a gateway.
pub(crate) fn question_of(words: &[String], mesh: &Mesh) -> Option<RequestSpec> {
    let call = ["portcullis", "can-i"].map(str::to_owned);
    let call: Vec<std::ffi::OsString> = call.iter().chain(words).map(Into::into).collect();
    let arguments = definition::parse(definition::command("portcullis", 100), &call).ok()?;
    let args::Command::CanI(arguments) = arguments.command else { return None };
    let mut findings = Vec::new();
    let (spec, via) = asked(&arguments, "portcullis", Some(mesh), &mut findings)?;
    (findings.is_empty() && via.is_none()).then_some(spec)
}

/// FROM, METHOD and URL, wherever they are written.
fn words(arguments: &CanI) -> Option<(Option<&str>, Option<&str>, &str)> {
    let flag = (arguments.caller.as_deref(), arguments.method.as_deref());
    let words: Vec<&str> = arguments.words.iter().map(String::as_str).collect();
    // Whoever speaks plaintext needs no name.
    let nameless = arguments.plaintext || arguments.caller.is_some();
    Some(match (words.as_slice(), flag) {
        ([url], (from, method)) if nameless => (from, method, url),
        ([method, url], (from, None)) if nameless && is_method(method) => (from, Some(method), url),
        ([from, url], (None, method)) => (Some(from), method, url),
        ([from, method, url], (None, None)) => (Some(from), Some(method), url),
        _ => return None,
    })
}

/// How requests are answered: with an explanation or without.
type Asking = fn(&Mesh, String, &[Request]) -> Option<Answer>;

fn ask(
    mesh: &Mesh,
    spec: &RequestSpec,
    via: Option<&Via>,
    asking: Asking,
) -> Result<Answer, QuestionError> {
    let answer = |question: String, requests: &[Request]| {
        asking(mesh, question, requests).ok_or_else(|| QuestionError::UnknownDestination {
            name: spec.to.clone(),
            namespace: spec.namespace.clone().unwrap_or_default(),
        })
    };
    let Some(via) = via else {
        let requests = mesh.requests(spec)?;
        return answer(report::question(spec), &requests);
    };
    let passage = Passage::through(mesh, spec, &via.gateway, via.port(spec))?;
    let text = format!("{} via {}", report::question(spec), passage.gateway);
    let at_gateway = answer(text.clone(), &passage.to_gateway)?;
    if passage.to_workload.is_empty() || at_gateway.word() == Word::No {
        return Ok(noted(at_gateway, "the gateway itself answers: the workload is not asked"));
    }
    let at_workload = answer(text, &passage.to_workload)?;
    let gateway = &passage.gateway;
    Ok(match (at_gateway.word(), at_workload.word()) {
        // Refused either way, by whichever of the two comes first.
        (Word::Unknown, Word::No) => noted(
            at_workload,
            &format!("the gateway {gateway} may refuse it before: {}", why(&at_gateway)),
        ),
        (Word::Unknown, Word::Yes | Word::Unknown) => noted(
            at_gateway,
            &format!(
                "if the gateway {gateway} lets it pass, the workload's answer is {}: {}",
                at_workload.word().as_str(),
                why(&at_workload)
            ),
        ),
        (Word::Yes | Word::No, _) => {
            noted(at_workload, &format!("the gateway {gateway} lets it pass: {}", why(&at_gateway)))
        }
    })
}

/// Why, in the words of the workload that is shown first.
fn why(answer: &Answer) -> &str {
    answer
        .shown()
        .map_or("", |endpoint| endpoint.reason.as_str())
}

/// The same answer with one more thing worth knowing.
fn noted(mut answer: Answer, note: &str) -> Answer {
    for endpoint in &mut answer.endpoints {
        endpoint.notes.push(note.to_owned());
    }
    answer
}

/// Many questions, one a line. The exit code is that of the worst: not asked, no, unknown, yes.
fn batch(
    arguments: &CanI,
    file: &str,
    mesh: &Mesh,
    findings: &[Diagnostic],
    system: &mut impl System,
) -> Exit {
    let text = match system.read(file) {
        Ok(text) => text,
        Err(error) => {
            return table::could_not_ask(
                arguments.shown.output,
                &[load::unreadable(file, &error)],
                system,
            );
        }
    };
    if arguments.shown.output == Format::Text {
        complain_of(system, findings);
    }
    let (mut asked, mut not_asked, mut no, mut unknown) = (0_usize, 0_usize, 0_usize, 0_usize);
    let now = system.now();
    let mut progress = Progress::of("questions asked");
    let mut complaints = Vec::new();
    let written = arguments.via.as_deref();
    let through = written.and_then(|written| via(written, &mut complaints));
    if !complaints.is_empty() {
        return table::could_not_ask(arguments.shown.output, &complaints, system);
    }
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        progress.step(system);
        let mut complaints = Vec::new();
        let specs = suite::questions(file, index, line, &mut complaints);
        if !complaints.is_empty() {
            not_asked += 1;
            complain_of(system, &complaints);
            continue;
        }
        for mut spec in specs {
            spec.now = Some(now);
            let sent = &arguments.sent;
            spec.source_ip = spec.source_ip.or(sent.source_ip);
            spec.remote_ip = spec.remote_ip.or(sent.remote_ip);
            spec.server_name = spec.server_name.or_else(|| sent.sni.clone());
            spec.alpn = spec.alpn.or_else(|| sent.alpn.clone());
            let says = |(name, _): &(String, String)| name.eq_ignore_ascii_case("x-forwarded-for");
            if let Some(addresses) = sent.xff.as_ref()
                && !spec.http.headers.iter().any(says)
            {
                let line = ("x-forwarded-for".to_owned(), addresses.clone());
                spec.http.headers.push(line);
            }
            spec.namespace
                .get_or_insert_with(|| arguments.files.namespace.clone());
            match ask(mesh, &spec, through.as_ref(), Answer::of) {
                Ok(answer) => {
                    asked += 1;
                    match answer.word() {
                        Word::Yes => {}
                        Word::No => no += 1,
                        Word::Unknown => unknown += 1,
                    }
                    if !arguments.shown.quiet {
                        show_line(arguments.shown.output, &answer, system);
                    }
                }
                Err(error) => {
                    not_asked += 1;
                    let mut finding = names::unaskable(mesh, &error);
                    finding.message = format!("{file}:{}: {}", index + 1, finding.message);
                    complain_of(system, &[finding]);
                }
            }
        }
    }
    progress.end(system);
    match (not_asked, asked, no, unknown) {
        (1.., ..) => Exit::CouldNotAsk,
        (0, 0, ..) => Exit::NothingRan,
        (_, _, 1.., _) => Exit::No,
        (_, _, _, 1..) => Exit::Unknown,
        _ => Exit::Yes,
    }
}

/// One answer of many: a line of text, a line of JSON, or a YAML document.
fn show_line(format: Format, answer: &Answer, system: &mut impl System) {
    match format {
        Format::Text => {
            let reason = answer
                .shown()
                .map_or("", |endpoint| endpoint.reason.as_str());
            let text =
                format!("{:<8}{}  because {reason}\n", answer.word().as_str(), answer.question);
            print(system, &text);
        }
        Format::Json => print(system, &report::answer_document(answer, &[]).to_line()),
        Format::Yaml => {
            print(system, "---\n");
            write(system, format, &report::answer_document(answer, &[]));
        }
    }
}
