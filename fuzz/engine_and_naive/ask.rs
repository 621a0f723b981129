//! The engine and the second evaluator, asked the same → whether they agree.

use portcullis::decide::{Decision, Verdict};
use portcullis::mesh::Mesh;
use portcullis::request::{
    Caller, Claim, Defect, HostSpec, HttpVersion, Protocol, RequestSpec, TlsChoice,
};
use portcullis::suite;

use super::super::naive::{self, Answer, Question, World};
use super::super::shrink::Suite;

/// What the two say of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Agreement {
    Agree(Verdict),
    /// The second evaluator does not say.
    NotModelled(String),
    /// Neither knows.
    BothUnknown,
    Disagree(String),
    /// They do not put the question to the same workloads.
    NotAsked(String),
}

/// The question of a suite as the second evaluator takes it.
pub fn question(spec: &RequestSpec) -> Question {
    let http = &spec.http;
    let port = spec.port.unwrap_or_default();
    Question {
        from: match &spec.from {
            Caller::Certificate { uris, foreign } => {
                naive::From::Certificate { uris: uris.clone(), foreign: *foreign }
            }
            Caller::External | Caller::Plaintext => naive::From::Nobody,
            Caller::Workload(name) => naive::From::Workload(name.clone()),
        },
        source_ip: spec.source_ip,
        remote_ip: spec.remote_ip,
        to: spec.to.clone(),
        port,
        protocol: spec.protocol.map(|protocol| match protocol {
            Protocol::Http => naive::Protocol::Http,
            Protocol::Tcp => naive::Protocol::Tcp,
            Protocol::Tls => naive::Protocol::Tls,
        }),
        tls: match spec.tls {
            TlsChoice::Auto => naive::Tls::Auto,
            TlsChoice::Mtls => naive::Tls::Mutual,
            TlsChoice::Plaintext => naive::Tls::Plaintext,
            TlsChoice::Tls => naive::Tls::Own,
        },
        server_name: spec.server_name.clone(),
        alpn: spec.alpn.clone(),
        method: http.method.clone().unwrap_or_else(|| "GET".to_owned()),
        target: http.target.clone().unwrap_or_else(|| "/".to_owned()),
        host: match &http.host {
            HostSpec::Absent => None,
            HostSpec::Given(host) => Some(host.clone()),
            HostSpec::OfDestination => Some(format!("{}:{port}", spec.to)),
        },
        headers: http.headers.clone(),
        version: match http.version {
            HttpVersion::Http10 => naive::Version::Http10,
            HttpVersion::Http11 => naive::Version::Http11,
            HttpVersion::Http2 => naive::Version::Http2,
        },
        tokens: spec
            .tokens
            .iter()
            .map(|token| naive::Token {
                text: token.text.clone(),
                claims: claims(&token.claims),
                defect: token.defect.map(|defect| match defect {
                    Defect::BadSignature | Defect::WrongKey => naive::Defect::Signature,
                    Defect::Expired | Defect::NotYet => naive::Defect::Times,
                    Defect::Malformed => naive::Defect::Malformed,
                }),
            })
            .collect(),
        now: spec.now,
    }
}

fn claims(claims: &portcullis::request::Claims) -> naive::Claims {
    claims
        .iter()
        .map(|(name, claim)| (name.clone(), self::claim(claim)))
        .collect()
}

fn claim(claim: &Claim) -> naive::Claim {
    match claim {
        Claim::Bool(value) => naive::Claim::Bool(*value),
        Claim::List(items) => naive::Claim::List(items.iter().map(self::claim).collect()),
        Claim::Map(inner) => naive::Claim::Map(claims(inner)),
        Claim::Null => naive::Claim::Null,
        Claim::Number(number) => naive::Claim::Number(*number),
        Claim::String(text) => naive::Claim::Text(text.clone()),
    }
}

/// Compares one decision with one answer. A status is compared where both say one.
pub fn compare(decision: &Decision, answer: &Answer) -> Agreement {
    let differs = || Agreement::Disagree(format!("{decision:?}, {answer:?}"));
    let (verdict, status) = match answer {
        Answer::NotModelled(why) => return Agreement::NotModelled(why.clone()),
        Answer::Unknown(_) if decision.verdict == Verdict::Unknown => {
            return Agreement::BothUnknown;
        }
        Answer::Unknown(_) => return differs(),
        Answer::Allow => (Verdict::Allow, None),
        Answer::Deny(status) => (Verdict::Deny, *status),
        Answer::Refused => (Verdict::Refused, None),
        Answer::Rejected(status) => (Verdict::Rejected, *status),
        Answer::Unauthenticated(status) => (Verdict::Unauthenticated, *status),
    };
    let same_status = decision.status.is_none() || status.is_none() || decision.status == status;
    if decision.verdict == verdict && same_status { Agreement::Agree(verdict) } else { differs() }
}

/// What the two say of a question, for every workload that it is put to.
pub fn ask(
    mesh: &Mesh,
    world: &World,
    spec: &RequestSpec,
    mut decide: impl FnMut(&portcullis::request::Request) -> Decision,
    mut said: impl FnMut(Agreement),
) {
    let requests = mesh.requests(spec).unwrap_or_default();
    let answers = naive::answers(world, &question(spec)).unwrap_or_default();
    if requests.len() != answers.len() {
        said(Agreement::NotAsked(format!(
            "{} requests, {} answers",
            requests.len(),
            answers.len()
        )));
    }
    for (request, answer) in requests.iter().zip(&answers) {
        said(compare(&decide(request), answer));
    }
}

/// Whether the two disagree about the test of a suite.
pub fn disagree(suite: &Suite, now: Option<i64>) -> Option<String> {
    let world = World::read(&suite.head, &suite.manifests).ok()?;
    let mut findings = Vec::new();
    let suites = suite::read("case.test.yaml", &suite.text(), &mut findings);
    let read = suites.first()?;
    let prepared = suite::prepare(read, &[]).ok()?;
    let mut found = None;
    for case in &read.cases {
        let mut spec = case.spec.clone();
        spec.now = now;
        let decide = |request: &portcullis::request::Request| prepared.mesh.decide(request);
        ask(&prepared.mesh, &world, &spec, decide, |agreement| {
            if let Agreement::Disagree(how) = agreement {
                found = Some(how);
            }
        });
    }
    found
}
