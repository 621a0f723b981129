//! A call and the mode of its port → what comes in, or how it does not.

use super::world::PeerAuthentication;
use super::{Answer, Call, From, Protocol, Tls, Version};

const HTTP_ALPN: &[&str] = &["istio-http/1.0", "istio-http/1.1", "istio-h2"];
const TCP_ALPN: &[&str] = &["istio-peer-exchange", "istio"];

/// What a connection has become.
pub struct Entered {
    /// Whether HTTP rules apply.
    pub http: bool,
    /// The names of the verified certificate.
    pub names: Option<Vec<String>>,
    pub tls: bool,
    /// As it is seen: empty where none is read, absent where it is not known.
    pub server_name: Option<String>,
}

/// The TLS that the caller speaks.
struct Spoken {
    /// The names of the certificate, and whether another CA issued it.
    certificate: Option<(Vec<String>, bool)>,
    alpn: Vec<String>,
    server_name: Option<String>,
}

impl Call<'_> {
    /// The mode of the port, and that of the namespace [PA-1] [PA-2] [PA-3].
    fn modes(&self) -> (String, String) {
        let root = &self.world.root_namespace;
        let of = |level: u8| {
            let mut policies: Vec<&PeerAuthentication> = Vec::new();
            for policy in &self.world.peer {
                let selects = !policy.target.labels.is_empty();
                let own = policy.target.namespace == self.workload.namespace;
                let here = match level {
                    0 => policy.target.namespace == *root && !selects,
                    1 => own && policy.target.namespace != *root && !selects,
                    _ => {
                        own && policy.target.namespace != *root
                            && selects
                            && super::is_within(&policy.target.labels, &self.workload.labels)
                    }
                };
                if here {
                    policies.push(policy);
                }
            }
            policies.sort_by_key(|policy| (&policy.target.created, &policy.target.name));
            policies.first().copied()
        };
        let mut mode = "PERMISSIVE".to_owned();
        let mut set = |policy: Option<&PeerAuthentication>| {
            let written = policy
                .map(|policy| policy.mode.as_str())
                .unwrap_or_default();
            if !["", "UNSET"].contains(&written) {
                written.clone_into(&mut mode);
            }
            mode.clone()
        };
        set(of(0));
        let namespace = set(of(1));
        let workload = of(2);
        let mut port_mode = set(workload);
        for (port, written) in workload
            .map(|policy| policy.ports.as_slice())
            .unwrap_or_default()
        {
            if *port == self.port && !["", "UNSET"].contains(&written.as_str()) {
                written.clone_into(&mut port_mode);
            }
        }
        (port_mode, namespace)
    }

    /// `HTTP`, `TCP`, or empty for a port that is sniffed [PA-11] [PA-31], and whether a gateway's takes TLS off.
    fn class(&self) -> (&'static str, bool) {
        let listener = self
            .workload
            .ports
            .iter()
            .find(|(port, _)| *port == self.port);
        let protocol = listener
            .map(|(_, protocol)| protocol.as_str())
            .unwrap_or_default();
        match protocol {
            "HTTPS" if self.workload.dataplane == "gateway" => ("HTTP", true),
            "HTTP" | "HTTP2" | "GRPC" | "GRPC-WEB" => ("HTTP", false),
            "HTTPS" | "TLS" | "TCP" | "MONGO" | "MYSQL" | "REDIS" => ("TCP", false),
            _ => ("", false),
        }
    }

    fn protocol(&self) -> Protocol {
        self.question
            .protocol
            .unwrap_or_else(|| match self.class() {
                ("TCP", _) => Protocol::Tcp,
                _ => Protocol::Http,
            })
    }

    fn certificate(&self) -> Option<(Vec<String>, bool)> {
        match &self.question.from {
            From::Certificate { uris, foreign } => Some((uris.clone(), *foreign)),
            From::Nobody => None,
            From::Workload(name) => {
                let caller = self.caller(name)?;
                // Without a proxy there is no certificate [IN-21] [CL-13].
                if !["sidecar", "gateway"].contains(&caller.dataplane.as_str()) {
                    return None;
                }
                let domain = self
                    .world
                    .trust_domains
                    .first()
                    .cloned()
                    .unwrap_or_default();
                let domain = domain.replace('@', ".");
                Some((
                    vec![format!(
                        "spiffe://{domain}/ns/{}/sa/{}",
                        caller.namespace, caller.service_account
                    )],
                    false,
                ))
            }
        }
    }

    /// What the caller speaks [CL-10] [CL-11].
    fn spoken(&self) -> Option<Spoken> {
        let question = self.question;
        let certificate = self.certificate();
        let spoken = |certificate, alpn: &[&str]| Spoken {
            certificate,
            alpn: question
                .alpn
                .clone()
                .unwrap_or_else(|| alpn.iter().map(|name| (*name).to_owned()).collect()),
            server_name: Some(question.server_name.clone().unwrap_or_default()),
        };
        if self.protocol() == Protocol::Tls {
            return Some(spoken(None, &[]));
        }
        let is_workload = matches!(question.from, From::Workload(_));
        let mutual = match question.tls {
            Tls::Plaintext => return None,
            Tls::Own => return Some(spoken(certificate, &["h2", "http/1.1"])),
            Tls::Mutual => true,
            Tls::Auto if self.workload.dataplane == "gateway" => {
                if self.class().1 {
                    return Some(spoken(None, &["h2", "http/1.1"]));
                }
                false
            }
            Tls::Auto => {
                let (mode, namespace) = self.modes();
                certificate.is_some()
                    && mode != "DISABLE"
                    && !(is_workload && (namespace == "DISABLE" || !self.world.auto_mtls))
            }
        };
        if !mutual {
            return None;
        }
        let alpn = if self.protocol() == Protocol::Http { HTTP_ALPN } else { TCP_ALPN };
        let mut spoken = spoken(certificate, alpn);
        if question.server_name.is_none() && is_workload {
            spoken.server_name = self.host.map(str::to_owned);
        }
        Some(spoken)
    }

    /// What comes in [PA-20].
    pub fn enter(&self) -> Result<Entered, Answer> {
        let is_http = self.protocol() == Protocol::Http;
        let spoken = self.spoken();
        let (class, terminates) = self.class();
        let plain =
            |http| Entered { http, names: None, tls: false, server_name: Some(String::new()) };
        let garbled = || Err(Answer::Rejected(None));
        if self.workload.dataplane == "gateway" {
            return self.enter_gateway(class, terminates, spoken, is_http);
        }
        let (mode, _) = self.modes();
        let Some(spoken) = spoken else {
            if mode == "STRICT" {
                return Err(Answer::Refused);
            }
            return match class {
                "TCP" => Ok(plain(false)),
                "HTTP" if is_http => Ok(plain(true)),
                "HTTP" => garbled(),
                _ => Ok(plain(is_http && self.looks_like_http())),
            };
        };
        let opaque = |server_name| Entered { http: false, names: None, tls: false, server_name };
        if mode == "DISABLE" {
            // Nothing looks into TLS there [AP-92].
            return if class == "HTTP" { garbled() } else { Ok(opaque(Some(String::new()))) };
        }
        let of = |names: &[&str]| {
            spoken
                .alpn
                .iter()
                .any(|offered| names.contains(&offered.as_str()))
        };
        let istio = of(HTTP_ALPN) || of(TCP_ALPN);
        if mode == "PERMISSIVE" && !istio {
            return if class == "HTTP" {
                Err(Answer::Refused)
            } else {
                Ok(opaque(spoken.server_name))
            };
        }
        // The handshake [PA-22].
        let Some((uris, false)) = &spoken.certificate else { return Err(Answer::Refused) };
        let mut accepted = self
            .world
            .trust_domains
            .iter()
            .chain(&self.world.ca_trust_domains);
        if !accepted.any(|domain| {
            uris.iter()
                .any(|uri| uri.starts_with(&format!("spiffe://{domain}/")))
        }) {
            return Err(Answer::Refused);
        }
        let http = match class {
            "HTTP" => true,
            "TCP" => false,
            // Any of HTTP under STRICT, else the first of Istio's that is offered [PA-13].
            _ if mode == "STRICT" => of(HTTP_ALPN),
            _ => {
                let mut offered = spoken.alpn.iter().map(String::as_str);
                offered
                    .find(|name| HTTP_ALPN.contains(name) || TCP_ALPN.contains(name))
                    .is_some_and(|name| HTTP_ALPN.contains(&name))
            }
        };
        if http && !is_http {
            return garbled();
        }
        // The subject comes last, and is empty [ID-12].
        let names = uris.iter().cloned().chain([String::new()]).collect();
        Ok(Entered { http, names: Some(names), tls: true, server_name: spoken.server_name })
    }

    fn enter_gateway(
        &self,
        class: &str,
        terminates: bool,
        spoken: Option<Spoken>,
        is_http: bool,
    ) -> Result<Entered, Answer> {
        if class.is_empty() || !(terminates || class == "HTTP") {
            return Err(Answer::NotModelled("a gateway's port of another kind".to_owned()));
        }
        if !is_http {
            return Err(Answer::Rejected(None));
        }
        match (terminates, spoken) {
            (true, None) => Err(Answer::Refused),
            (false, Some(_)) => Err(Answer::Rejected(None)),
            (_, spoken) => Ok(Entered {
                http: true,
                names: None,
                tls: spoken.is_some(),
                server_name: spoken
                    .map_or_else(|| Some(String::new()), |spoken| spoken.server_name),
            }),
        }
    }

    /// What a sniffing listener takes for HTTP [PA-13].
    fn looks_like_http(&self) -> bool {
        let question = self.question;
        if question.version == Version::Http2 {
            return true;
        }
        let method = question.method.as_str();
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let target = question.target.trim_end_matches(' ');
        !method.is_empty()
            && method.chars().all(token)
            && target
                .chars()
                .all(|c| c.is_ascii() && !" \t\u{7f}".contains(c))
            && (target.starts_with(['/', '*']) || target.contains("://") || method == "CONNECT")
    }
}
