//! `can-i`: a question in words, or many in a file → answers.

use super::args::{CanI, Files, Format};
use super::exit::Exit;
use super::system::System;
use super::{complain_of, load, print, write};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::istio::MeshConfig;
use crate::jwt::InlineKeys;
use crate::mesh::{Admission, Mesh, MeshInputs, ProviderStub, QuestionError};
use crate::report::{self, Answer, Word};
use crate::request::{Caller, HostSpec, HttpSpec, Protocol, RequestSpec, TlsChoice};
use crate::{parse, suite};

/// Answers.
pub(crate) fn run(arguments: &CanI, system: &mut impl System) -> Exit {
    let mut findings = Vec::new();
    let stubs = arguments
        .providers
        .iter()
        .filter_map(|word| stub(word, &mut findings))
        .collect();
    let question = if arguments.requests.is_none() { spec(arguments, &mut findings) } else { None };
    let loaded = load::resources(&arguments.files.paths, &arguments.files.namespace, system);
    findings.extend(loaded.findings);
    if findings
        .iter()
        .any(|finding| finding.severity == Severity::Error)
    {
        return could_not_ask(arguments, &findings, system);
    }
    let files = &arguments.files;
    let compiled = Mesh::compile(MeshInputs {
        config: config(files),
        revision: files.revision.clone(),
        istio_version: files.istio,
        resources: vec![&loaded.resources],
        workloads: Vec::new(),
        stubs,
        admission: if files.admission_bypassed { Admission::Bypassed } else { Admission::Enforced },
    });
    let mesh = match compiled {
        Ok((mut mesh, warnings)) => {
            mesh.token_reader = Some(Box::new(InlineKeys));
            findings.extend(warnings);
            mesh
        }
        Err(errors) => {
            findings.extend(errors.into_vec());
            return could_not_ask(arguments, &findings, system);
        }
    };
    if let Some(file) = &arguments.requests {
        return batch(arguments, file, &mesh, &findings, system);
    }
    let Some(mut question) = question else {
        return could_not_ask(arguments, &findings, system);
    };
    question.now = Some(system.now());
    match ask(&mesh, &question) {
        Ok(answer) => {
            if arguments.output == Format::Text {
                complain_of(system, &findings);
            }
            if !arguments.quiet {
                show(arguments.output, &answer, &findings, system);
            }
            exit_of(answer.word())
        }
        Err(error) => {
            findings.push(unaskable(&mesh, &error));
            could_not_ask(arguments, &findings, system)
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

fn could_not_ask(arguments: &CanI, findings: &[Diagnostic], system: &mut impl System) -> Exit {
    match arguments.output {
        Format::Text => complain_of(system, findings),
        Format::Json | Format::Yaml => {
            write(system, arguments.output, &report::complaint_document(findings));
        }
    }
    Exit::CouldNotAsk
}

fn show(format: Format, answer: &Answer, warnings: &[Diagnostic], system: &mut impl System) {
    match format {
        Format::Json | Format::Yaml => {
            write(system, format, &report::answer_document(answer, warnings));
        }
        Format::Text => {
            let mut text = String::new();
            if report::answer_text(&mut text, answer).is_ok() {
                print(system, &text);
            }
        }
    }
}

fn ask(mesh: &Mesh, spec: &RequestSpec) -> Result<Answer, QuestionError> {
    let requests = mesh.requests(spec)?;
    Answer::of(mesh, report::question(spec), &requests)
        .ok_or_else(|| QuestionError::UnknownDestination { name: spec.to.clone() })
}

/// A question that this mesh cannot be asked, with the nearest names it knows.
fn unaskable(mesh: &Mesh, error: &QuestionError) -> Diagnostic {
    let finding = Diagnostic::error(Code::UnknownName, error.to_string());
    let workloads = || {
        mesh.inventory
            .workloads
            .iter()
            .map(crate::mesh::Workload::full_name)
    };
    let services = || {
        mesh.inventory
            .services
            .iter()
            .map(|service| format!("{}.{}", service.name, service.namespace))
    };
    let ports = |known: &[u16]| {
        known
            .iter()
            .map(u16::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let help = match error {
        QuestionError::UnknownCaller { name } => suggest(name, workloads().collect(), "workloads"),
        QuestionError::UnknownDestination { name } => {
            suggest(name, services().chain(workloads()).collect(), "Services and workloads")
        }
        QuestionError::Ambiguous { .. } => "say which: `kind/name.namespace`".to_owned(),
        QuestionError::NoSuchPort { known, .. } | QuestionError::NeedsPort { known, .. } if !known.is_empty() => {
            format!("it has {}", ports(known))
        }
        QuestionError::NoSuchPort { .. } | QuestionError::NeedsPort { .. } => {
            "write it behind the host: `http://host:8080/`".to_owned()
        }
        QuestionError::NoEndpoint { .. } => {
            "its selector matches no pod template in the files, or its targetPort names no port of one".to_owned()
        }
    };
    finding.help(help)
}

fn suggest(name: &str, mut known: Vec<String>, what: &str) -> String {
    known.sort();
    known.dedup();
    if known.is_empty() {
        return format!(
            "the files hold no {what}: name Deployments, Pods and Services beside the policies"
        );
    }
    // A name without namespace: the same name in another one is nearest.
    let elsewhere = known
        .iter()
        .find(|known| known.split('.').next() == name.split('.').next());
    let nearest = parse::suggest::nearest(name, known.iter().map(String::as_str));
    if let Some(nearest) = elsewhere.map(String::as_str).or(nearest) {
        return format!("did you mean `{nearest}`?");
    }
    let shown = known
        .iter()
        .take(8)
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ");
    let more =
        if known.len() > 8 { format!(" and {} more", known.len() - 8) } else { String::new() };
    format!("the files know {shown}{more}")
}

/// The mesh's configuration as far as words give it.
fn config(files: &Files) -> MeshConfig {
    MeshConfig {
        trust_domain: files.trust_domain.clone(),
        trust_domain_aliases: (!files.trust_domain_aliases.is_empty())
            .then(|| files.trust_domain_aliases.clone()),
        root_namespace: files.root_namespace.clone(),
        ..MeshConfig::default()
    }
}

fn bad(findings: &mut Vec<Diagnostic>, message: String, help: &str) {
    findings.push(Diagnostic::error(Code::BadRequest, message).help(help));
}

/// `NAME=allow|deny|error`.
fn stub(word: &str, findings: &mut Vec<Diagnostic>) -> Option<(String, ProviderStub)> {
    let stub = match word.split_once('=') {
        Some((name, "allow")) => Some((name.to_owned(), ProviderStub::Allow)),
        Some((name, "deny")) => Some((name.to_owned(), ProviderStub::Deny)),
        Some((name, "error")) => Some((name.to_owned(), ProviderStub::Error)),
        _ => None,
    };
    if stub.is_none() {
        bad(
            findings,
            format!("`--provider {word}` is not understood"),
            "write `NAME=allow`, `NAME=deny` or `NAME=error`",
        );
    }
    stub
}

/// The question that the words ask. Everything that is wrong with them is complained of.
pub(crate) fn spec(arguments: &CanI, findings: &mut Vec<Diagnostic>) -> Option<RequestSpec> {
    const SHAPE: &str = "write `portcullis can-i FROM [METHOD] URL -f PATH`, as in `portcullis can-i sleep.foo GET http://httpbin.foo:8000/headers -f policies/`";
    let is_method = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte == b'-')
    };
    let (from, method, url) = match arguments.words.as_slice() {
        // Whoever speaks plaintext needs no name.
        [url] if arguments.plaintext => (None, None, url),
        [method, url] if arguments.plaintext && is_method(method) => (None, Some(method), url),
        [from, url] => (Some(from.as_str()), None, url),
        [from, method, url] => (Some(from.as_str()), Some(method), url),
        words => {
            bad(findings, format!("a question has two or three words, not {}", words.len()), SHAPE);
            return None;
        }
    };
    let Some((scheme, rest)) = url.split_once("://") else {
        bad(
            findings,
            format!("`{url}` has no scheme"),
            &format!("write `http://{url}`, or `tcp://host:port` for a byte stream"),
        );
        return None;
    };
    let (protocol, tls) = match scheme {
        "http" => (Some(Protocol::Http), TlsChoice::Auto),
        "https" => (Some(Protocol::Http), TlsChoice::Tls),
        "tcp" => (Some(Protocol::Tcp), TlsChoice::Auto),
        "tls" => (Some(Protocol::Tls), TlsChoice::Tls),
        _ => {
            bad(
                findings,
                format!("`{scheme}` is no scheme that can be asked about"),
                "one of http, https, tcp, tls",
            );
            return None;
        }
    };
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at_checked(authority_end).unwrap_or((rest, ""));
    let (host, port) = suite::split_port(authority);
    if host.is_empty() {
        bad(findings, format!("`{url}` names no host"), SHAPE);
        return None;
    }
    if port.is_none() && authority.contains(':') && !authority.ends_with(']') {
        bad(
            findings,
            format!("`{authority}` has a port that is no number from 0 to 65535"),
            "as in `httpbin.foo:8000`",
        );
        return None;
    }
    let port = port.or(match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    });
    if method.is_some() && protocol.is_some_and(|protocol| protocol != Protocol::Http) {
        bad(findings, format!("a method means nothing to {scheme}://"), "leave it out");
    }
    let mut http = HttpSpec {
        method: method.cloned(),
        host: HostSpec::Given(authority.to_owned()),
        target: Some(if target.starts_with('/') {
            target.to_owned()
        } else {
            format!("/{target}")
        }),
        ..HttpSpec::default()
    };
    for line in &arguments.headers {
        match line.split_once(':') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("host") => {
                http.host = HostSpec::Given(value.trim().to_owned());
            }
            Some((name, value)) => http
                .headers
                .push((name.trim().to_owned(), value.trim().to_owned())),
            None => {
                bad(findings, format!("`-H {line}` is no header line"), "write `-H 'Name: value'`");
            }
        }
    }
    let mut tokens = Vec::new();
    if let Some(claims) = &arguments.jwt_claims {
        match suite::stated_claims(claims, findings) {
            Some(claims) => {
                let token = suite::stated_token(0, claims, None);
                http.headers
                    .push(("authorization".to_owned(), format!("Bearer {}", token.text)));
                tokens.push(token);
            }
            None => bad(
                findings,
                "`--jwt-claims` is not a JSON object".to_owned(),
                r#"as in `--jwt-claims '{"iss": "https://issuer", "sub": "alice"}'`"#,
            ),
        }
    }
    if let Some(token) = &arguments.token {
        http.headers
            .push(("authorization".to_owned(), format!("Bearer {token}")));
    }
    Some(RequestSpec {
        from: from.map_or(Caller::Plaintext, |from| caller(from, arguments)),
        source_ip: arguments.source_ip,
        remote_ip: None,
        to: host.to_owned(),
        port,
        by_host: true,
        namespace: Some(arguments.files.namespace.clone()),
        protocol,
        tls: if arguments.plaintext && tls == TlsChoice::Auto { TlsChoice::Plaintext } else { tls },
        server_name: None,
        alpn: None,
        http,
        tokens,
        now: None,
    })
}

/// A workload, a service account (`sa/name.namespace`), or a principal: what has five parts, or a scheme.
fn caller(from: &str, arguments: &CanI) -> Caller {
    let certificate = |principal: &str| {
        if arguments.plaintext {
            return Caller::Plaintext;
        }
        Caller::Certificate { uris: vec![format!("spiffe://{principal}")], foreign: false }
    };
    if let Some(principal) = from.strip_prefix("spiffe://") {
        return certificate(principal);
    }
    if from.split('/').count() >= 5 {
        return certificate(from);
    }
    if let Some(account) = from
        .strip_prefix("sa/")
        .or_else(|| from.strip_prefix("serviceaccount/"))
    {
        let (name, namespace) = account
            .rsplit_once('.')
            .unwrap_or((account, &arguments.files.namespace));
        let own = arguments
            .files
            .trust_domain
            .as_deref()
            .unwrap_or("cluster.local");
        return certificate(&format!("{own}/ns/{namespace}/sa/{name}"));
    }
    Caller::Workload(from.to_owned())
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
        Err(error) => return could_not_ask(arguments, &[load::unreadable(file, &error)], system),
    };
    if arguments.output == Format::Text {
        complain_of(system, findings);
    }
    let (mut asked, mut not_asked, mut no, mut unknown) = (0_usize, 0_usize, 0_usize, 0_usize);
    let now = system.now();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let mut complaints = Vec::new();
        let specs = suite::questions(file, index, line, &mut complaints);
        if !complaints.is_empty() {
            not_asked += 1;
            complain_of(system, &complaints);
            continue;
        }
        for mut spec in specs {
            spec.now = Some(now);
            spec.namespace
                .get_or_insert_with(|| arguments.files.namespace.clone());
            match ask(mesh, &spec) {
                Ok(answer) => {
                    asked += 1;
                    match answer.word() {
                        Word::Yes => {}
                        Word::No => no += 1,
                        Word::Unknown => unknown += 1,
                    }
                    if !arguments.quiet {
                        show_line(arguments.output, &answer, system);
                    }
                }
                Err(error) => {
                    not_asked += 1;
                    let mut finding = unaskable(mesh, &error);
                    finding.message = format!("{file}:{}: {}", index + 1, finding.message);
                    complain_of(system, &[finding]);
                }
            }
        }
    }
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
