//! A suite's mesh and a question → the answer of a second evaluator, as simple and slow as the rules are written.
//!
//! Nothing of it is shared with the engine: the mesh is read from YAML values by a library, what is asked is plain data,
//! and every rule is a loop over texts. What it does not model it says.

mod http;
mod identity;
mod path;
mod rules;
mod text;
mod tokens;
mod transport;
mod world;

use std::net::IpAddr;

pub use self::http::{Connection, Received, receive};
pub use self::identity::{
    namespace as namespace_matches, principal as principal_matches, principals,
    service_account as service_account_matches, trust_domain as trust_domain_matches,
};
pub use self::path::{Normalization, Normalized, normalize};
use self::rules::{Facts, Policy, any};
pub use self::text::{
    in_block, matches as text_matches, matches_header as header_matches,
    matches_host as host_matches, port, template as template_matches,
};
pub use self::tokens::{Claim, Claims, Defect, Token};
pub use self::world::World;
use self::world::{Said, Target, Workload, is_within};

/// What is asked. Texts are as a suite has them.
#[derive(Clone, Debug)]
pub struct Question {
    /// Who calls.
    pub from: From,
    /// The other end of the connection, where the question says it.
    pub source_ip: Option<IpAddr>,
    /// The client's address, where it is stated.
    pub remote_ip: Option<IpAddr>,
    /// `name.namespace` of a workload or a Service.
    pub to: String,
    /// Its port.
    pub port: u16,
    /// What is spoken; absent: what the port takes.
    pub protocol: Option<Protocol>,
    /// Whether TLS is spoken.
    pub tls: Tls,
    /// The server name; absent: the proxy's.
    pub server_name: Option<String>,
    /// The offered protocols; absent: the proxy's.
    pub alpn: Option<Vec<String>>,
    /// The method.
    pub method: String,
    /// The target of the request line.
    pub target: String,
    /// The `Host` line; absent: none is sent.
    pub host: Option<String>,
    /// The other lines.
    pub headers: Vec<(String, String)>,
    /// The version.
    pub version: Version,
    /// Tokens whose verification is stated.
    pub tokens: Vec<Token>,
    /// Seconds since 1970.
    pub now: Option<i64>,
}

/// Who calls.
#[derive(Clone, Debug)]
pub enum From {
    /// Someone with a certificate of these URI names.
    Certificate {
        /// The names.
        uris: Vec<String>,
        /// Whether another CA issued it.
        foreign: bool,
    },
    /// Someone without.
    Nobody,
    /// A workload.
    Workload(String),
}

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP.
    Http,
    /// Bytes.
    Tcp,
    /// TLS of the program.
    Tls,
}

/// Whether TLS is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// As the caller's proxy does.
    Auto,
    /// Istio's.
    Mutual,
    /// None.
    Plaintext,
    /// Of the caller's own.
    Own,
}

/// The version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 1.0
    Http10,
    /// 1.1
    Http11,
    /// 2
    Http2,
}

/// The answer, with the HTTP status that the client sees where that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It reaches the program.
    Allow,
    /// Authorization refuses it.
    Deny(Option<u16>),
    /// It does not come in.
    Refused,
    /// HTTP refuses it.
    Rejected(Option<u16>),
    /// The token is bad.
    Unauthenticated(Option<u16>),
    /// The files and the question do not say enough.
    Unknown(String),
    /// This evaluator does not say.
    NotModelled(String),
}

/// A request of which only what is sent counts.
pub fn sent(
    method: &str,
    target: &str,
    host: Option<&str>,
    headers: &[(String, String)],
    version: Version,
) -> Question {
    Question {
        from: From::Nobody,
        source_ip: None,
        remote_ip: None,
        to: String::new(),
        port: 0,
        protocol: None,
        tls: Tls::Auto,
        server_name: None,
        alpn: None,
        method: method.to_owned(),
        target: target.to_owned(),
        host: host.map(str::to_owned),
        headers: headers.to_vec(),
        version,
        tokens: Vec::new(),
        now: None,
    }
}

/// How an authorizer refuses; absent where it does not.
type Refusal = Option<Answer>;

/// What an HTTP authorizer is sent by itself.
const ALWAYS_SENT: &[&str] = &["authorization", "content-length", "host", ":authority"];

/// One answer for every workload that the question is put to, in the order of their namespaces and names; absent where
/// the question cannot be put.
#[must_use]
pub fn answers(world: &World, question: &Question) -> Option<Vec<Answer>> {
    let (name, namespace) = question.to.split_once('.')?;
    let namespace = namespace.split('.').next().unwrap_or(namespace);
    let mut workloads: Vec<&Workload> = world.workloads.iter().collect();
    workloads.sort_by_key(|workload| (&workload.namespace, &workload.name));
    for service in &world.services {
        if service.name != name || service.namespace != namespace {
            continue;
        }
        let behind: Vec<_> = service
            .ports
            .iter()
            .filter(|(port, ..)| *port == question.port)
            .collect();
        if behind.is_empty() {
            continue;
        }
        let host = format!(
            "outbound_.{}_._.{}.{}.svc.cluster.local",
            question.port, service.name, service.namespace
        );
        let mut answers = Vec::new();
        for workload in workloads {
            for (_, name, port) in &behind {
                if workload.namespace == service.namespace && workload.name == *name {
                    let call = Call { world, question, workload, port: *port, host: Some(&host) };
                    answers.push(call.answer());
                }
            }
        }
        return Some(answers);
    }
    let workload = workloads
        .iter()
        .find(|it| it.name == name && it.namespace == namespace)?;
    let call = Call { world, question, workload, port: question.port, host: None };
    Some(vec![call.answer()])
}

/// One question at one workload.
pub struct Call<'c> {
    pub world: &'c World,
    pub question: &'c Question,
    pub workload: &'c Workload,
    /// The workload's own port.
    pub port: u16,
    /// The server name of the Service that is asked for.
    pub host: Option<&'c str>,
}

impl Call<'_> {
    fn answer(&self) -> Answer {
        match self.workload.dataplane.as_str() {
            // Without a proxy nothing is enforced [IN-30].
            "none" => return Answer::Allow,
            "sidecar" | "gateway" => {}
            other => return Answer::Unknown(format!("a workload that is {other}")),
        }
        // Ports that an annotation takes away go past the sidecar [IN-35].
        let included = self.workload.included.as_ref();
        if self.workload.excluded.contains(&self.port)
            || included.is_some_and(|ports| !ports.contains(&self.port))
        {
            return Answer::Allow;
        }
        let entered = match self.enter() {
            Ok(entered) => entered,
            Err(answer) => return answer,
        };
        let server_name = entered
            .server_name
            .as_ref()
            .map(|name| name.to_ascii_lowercase());
        let mut facts = Facts {
            names: entered.names.as_deref(),
            source_ip: self.source_ip(),
            remote_ip: self.question.remote_ip.or_else(|| self.source_ip()),
            destination_ip: self.destination_ip(),
            port: self.port,
            server_name: server_name.as_deref(),
            http: None,
            claims: None,
            trust_domains: &self.world.trust_domains,
        };
        if !entered.http {
            return match self.custom(&facts) {
                Ok(doubt) => self.ladder(&facts, doubt),
                Err(answer) => answer,
            };
        }
        let gateway = self.workload.dataplane == "gateway";
        let connection = Connection {
            tls: entered.tls,
            mutual: entered.names.is_some(),
            peer: self.source_ip(),
            edge: gateway.then_some(self.world.trusted_proxies),
            normalization: self.world.normalization,
        };
        let received = match receive(self.question, &connection) {
            Ok(received) => received,
            Err(answer) => return answer,
        };
        facts.remote_ip = self.question.remote_ip.or(received.remote_ip);
        self.over_http(facts, received)
    }

    /// CUSTOM, tokens, DENY, ALLOW [AP-1].
    fn over_http(&self, facts: Facts<'_>, mut received: Received) -> Answer {
        let before = received.clone();
        let doubt = match self.custom(&Facts { http: Some(&before), ..facts }) {
            Ok(doubt) => doubt,
            Err(answer) => return with_status(answer, &before),
        };
        let providers = self.token_providers();
        let claims = match tokens::authenticate(&providers, self.question, &mut received) {
            Ok(claims) => claims,
            Err(Answer::Unauthenticated(_)) if doubt => {
                return Answer::Unknown("by whom it is refused".to_owned());
            }
            Err(answer) => return answer,
        };
        let answer =
            self.ladder(&Facts { http: Some(&received), claims: claims.as_ref(), ..facts }, doubt);
        // What is admitted finds no route [OC-20].
        let routeless = received
            .header("x-forwarded-proto")
            .iter()
            .any(|it| it.as_deref() == Some(""));
        if answer == Answer::Allow && routeless {
            return Answer::Rejected(Some(received.status(404)));
        }
        with_status(answer, &received)
    }

    fn source_ip(&self) -> Option<IpAddr> {
        let of_caller = match &self.question.from {
            From::Workload(name) => self.caller(name).map(|caller| caller.ips.as_slice()),
            From::Certificate { .. } | From::Nobody => None,
        };
        let of_caller = of_caller.unwrap_or_default();
        let same = |ip: &&IpAddr| {
            self.workload
                .ips
                .first()
                .is_none_or(|other| other.is_ipv4() == ip.is_ipv4())
        };
        self.question.source_ip.or_else(|| {
            of_caller
                .iter()
                .find(same)
                .or_else(|| of_caller.first())
                .copied()
        })
    }

    /// The address that is dialled: the workload's, of the caller's family [AP-49].
    fn destination_ip(&self) -> Option<IpAddr> {
        let source = self.source_ip();
        let same = |ip: &&IpAddr| source.is_none_or(|source| source.is_ipv4() == ip.is_ipv4());
        self.workload.ips.iter().find(same).copied()
    }

    pub fn caller(&self, name: &str) -> Option<&Workload> {
        let (name, namespace) = name.split_once('.').unwrap_or((name, "default"));
        self.world
            .workloads
            .iter()
            .find(|it| it.name == name && it.namespace == namespace)
    }

    /// Whether a policy is about the workload [SEL-1] [SEL-2] [SEL-5].
    fn attached(&self, target: &Target) -> bool {
        (target.namespace == self.world.root_namespace
            || target.namespace == self.workload.namespace)
            && target.references == 0
            && is_within(&target.labels, &self.workload.labels)
    }

    fn policies(&self, action: &str, dry_run: bool) -> Vec<&Policy> {
        let all = self.world.policies.iter();
        all.filter(|policy| {
            policy.action == action && policy.dry_run == dry_run && self.attached(&policy.target)
        })
        .collect()
    }

    /// The providers of tokens by issuer, the same issuer by the age and the name of the policies [JWT-2].
    fn token_providers(&self) -> Vec<&tokens::Provider> {
        let mut attached: Vec<_> = self
            .world
            .tokens
            .iter()
            .filter(|(target, _)| self.attached(target))
            .collect();
        attached.sort_by_key(|(target, _)| {
            let root = target.namespace == self.world.root_namespace
                && self.workload.namespace != self.world.root_namespace;
            (root, &target.created, &target.name)
        });
        let mut providers: Vec<_> = attached.iter().flat_map(|(_, rules)| rules).collect();
        providers.sort_by_key(|provider| &provider.issuer);
        providers
    }

    /// Whether the CUSTOM policies leave a doubt, or their answer [AP-3].
    fn custom(&self, facts: &Facts<'_>) -> Result<bool, Answer> {
        let tcp = facts.http.is_none();
        let (enforced, dry) = (self.policies("CUSTOM", false), self.policies("CUSTOM", true));
        let mut names: Vec<&String> = enforced
            .iter()
            .chain(&dry)
            .map(|policy| &policy.provider)
            .collect();
        names.sort();
        names.dedup();
        let mut doubt = false;
        let several = names.len() > 1;
        for name in names {
            let usable = if several { None } else { self.authorizer(name) };
            if let Some(authorizer) = usable
                && tcp
                && authorizer.http == Some(true)
            {
                // It is not asked on TCP, dry run or not [AP-113] [SEL-31].
                continue;
            }
            let of = |policies: &[&Policy]| {
                any(policies
                    .iter()
                    .filter(|policy| policy.provider == *name)
                    .map(|policy| facts.policy(policy)))
            };
            // A dry run of one that can be used is enforced as DENY [SEL-31].
            if usable.is_some() {
                match of(&dry) {
                    Some(true) => return Err(Answer::Deny(Some(403))),
                    Some(false) => {}
                    None => doubt = true,
                }
            }
            match of(&enforced) {
                Some(false) => {}
                None => doubt = true,
                Some(true) => match usable {
                    // Broken, or one of several [AP-110] [AP-111].
                    None => return Err(Answer::Deny(Some(403))),
                    Some(authorizer) => match self.says(authorizer, facts) {
                        Some(None) => {}
                        Some(Some(answer)) => return Err(answer),
                        None => doubt = true,
                    },
                },
            }
        }
        Ok(doubt)
    }

    /// The provider of a name, where it can be used [AP-110].
    fn authorizer(&self, name: &str) -> Option<&world::Authorizer> {
        let mut known = self
            .world
            .authorizers
            .iter()
            .filter(|authorizer| authorizer.name == name && authorizer.http.is_some());
        let authorizer = known.next()?;
        let label = |text: &str| {
            !text.is_empty()
                && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
                && !text.starts_with('-')
                && !text.ends_with('-')
        };
        // A host, with or without a namespace before it.
        let (namespace, host) = authorizer
            .service
            .split_once('/')
            .unwrap_or(("any", &authorizer.service));
        let status = authorizer.status_on_error.as_str();
        let fine = known.next().is_none()
            && label(name)
            && name == name.to_ascii_lowercase()
            && (1..=65535).contains(&authorizer.port)
            && label(namespace)
            && host.split('.').all(label)
            && (status.is_empty() || ["401", "403", "500", "503"].contains(&status));
        fine.then_some(authorizer)
    }

    /// What an authorizer answers: within, the refusal; absent where that is not known [AP-114].
    fn says(&self, authorizer: &world::Authorizer, facts: &Facts<'_>) -> Option<Refusal> {
        let no = Some(Some(Answer::Deny(Some(403))));
        match self.world.answers.get(&authorizer.name)? {
            Said::Allow => Some(None),
            Said::Deny => no,
            Said::Error if authorizer.fail_open => Some(None),
            Said::Error => {
                Some(Some(Answer::Deny(authorizer.status_on_error.parse().ok().or(Some(403)))))
            }
            Said::When(header, value) => {
                let sent = authorizer.http == Some(false)
                    || ALWAYS_SENT.contains(&header.as_str())
                    || authorizer
                        .included
                        .iter()
                        .any(|name| text::matches_host(name, header));
                let lines = facts.http.filter(|_| sent).map(|http| http.header(header));
                let lines: Vec<String> = lines
                    .unwrap_or_default()
                    .into_iter()
                    .collect::<Option<_>>()?;
                if !lines.is_empty() && lines.join(",") == *value { Some(None) } else { no }
            }
        }
    }

    /// DENY, then ALLOW [AP-3] [AP-4].
    fn ladder(&self, facts: &Facts<'_>, doubt: bool) -> Answer {
        let deny = any(self
            .policies("DENY", false)
            .into_iter()
            .map(|it| facts.policy(it)));
        let allowing = self.policies("ALLOW", false);
        let allow = if allowing.is_empty() {
            Some(true)
        } else {
            any(allowing.into_iter().map(|policy| facts.policy(policy)))
        };
        match (deny, allow) {
            (Some(true), _) | (_, Some(false)) if doubt => Answer::Deny(None),
            (Some(true), _) | (_, Some(false)) => Answer::Deny(Some(403)),
            (Some(false), Some(true)) if !doubt => Answer::Allow,
            _ => Answer::Unknown("a rule, or an authorizer".to_owned()),
        }
    }
}

/// What a gRPC client sees is something else [OC-1].
fn with_status(answer: Answer, received: &Received) -> Answer {
    match answer {
        Answer::Deny(status) => Answer::Deny(status.map(|status| received.status(status))),
        other => other,
    }
}
