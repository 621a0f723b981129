//! A request as it was sent → what policies see of it, or what the proxy answers by itself.

use std::net::{IpAddr, Ipv6Addr};

use super::path::{Normalization, Normalized, normalize};
use super::{Answer, Question, Version};

/// What the HTTP/1 codec takes for a method [AP-88].
const METHODS: &str = " ACL BIND CHECKOUT CONNECT COPY DELETE GET HEAD LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MOVE \
     MSEARCH NOTIFY OPTIONS PATCH POST PROPFIND PROPPATCH PURGE PUT QUERY REBIND REPORT SEARCH SOURCE SUBSCRIBE \
     TRACE UNBIND UNLINK UNLOCK UNSUBSCRIBE ";

/// Headers whose lines are joined with commas [AP-80]; more of them are, which is not modelled.
const JOINED: &[&str] = &[
    "accept",
    "accept-encoding",
    "access-control-request-method",
    "authorization",
    "cache-control",
    "content-type",
    "grpc-timeout",
    "if-match",
    "origin",
    "referer",
    "user-agent",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-request-id",
];

/// Headers that the proxy has an opinion of, which is not modelled.
const SPECIAL: &[&str] = &[
    "te",
    "upgrade",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "content-length",
    "expect",
    "http2-settings",
];

/// A header line: a value that only the running proxy knows is absent.
pub type Line = (String, Option<String>);

/// A request as policies see it.
#[derive(Clone, Debug)]
pub struct Received {
    pub method: String,
    pub authority: String,
    pub path: String,
    /// With its question mark, or empty.
    pub query: String,
    pub scheme: &'static str,
    pub headers: Vec<Line>,
    /// Absent where it depends on an address that nobody says.
    pub remote_ip: Option<IpAddr>,
}

/// What is known of the connection.
#[derive(Clone, Copy, Debug)]
pub struct Connection {
    pub tls: bool,
    pub mutual: bool,
    pub peer: Option<IpAddr>,
    /// At a gateway the number of trusted proxies.
    pub edge: Option<u32>,
    pub normalization: Normalization,
}

impl Received {
    /// Every value of a header, pseudo headers too [AP-81].
    pub fn header(&self, name: &str) -> Vec<Option<String>> {
        let mut values = Vec::new();
        match name {
            ":authority" | "host" => values.push(Some(self.authority.clone())),
            ":method" => values.push(Some(self.method.clone())),
            ":path" => values.push(Some(format!("{}{}", self.path, self.query))),
            ":scheme" => values.push(Some(self.scheme.to_owned())),
            _ => {}
        }
        for (other, value) in &self.headers {
            if other == name {
                values.push(value.clone());
            }
        }
        values
    }

    pub fn remove(&mut self, name: &str) {
        self.headers.retain(|(other, _)| other != name);
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(other, _)| other == name)
    }

    /// The status of a local answer: 200 for a gRPC client [OC-1].
    pub fn status(&self, status: u16) -> u16 {
        let grpc = self.headers.iter().any(|(name, value)| {
            name == "content-type"
                && value.as_ref().is_some_and(|value| {
                    value == "application/grpc" || value.starts_with("application/grpc+")
                })
        });
        if grpc { 200 } else { status }
    }
}

fn rejected(status: u16) -> Answer {
    Answer::Rejected(Some(status))
}

fn not_modelled<T>(what: &str) -> Result<T, Answer> {
    Err(Answer::NotModelled(what.to_owned()))
}

/// Reads a request; everything that is answered before a policy is asked is an error.
pub fn receive(question: &Question, connection: &Connection) -> Result<Received, Answer> {
    if question.version == Version::Http2 {
        return not_modelled("HTTP/2");
    }
    let method = question.method.trim_end_matches([' ', '\t', '\r']);
    if method.is_empty() || method.contains(' ') || !METHODS.contains(&format!(" {method} ")) {
        return Err(rejected(400));
    }
    if method == "QUERY" {
        return not_modelled("the method QUERY");
    }
    let target = question.target.trim_matches([' ', '\t', '\r']);
    if target.is_empty() || !target.chars().all(|c| c.is_ascii_graphic()) {
        return Err(rejected(400));
    }
    let mut scheme = None;
    let mut authority = question.host.clone();
    let path = if method == "CONNECT" {
        return not_modelled("CONNECT");
    } else if target.starts_with('/') || method == "OPTIONS" && target.starts_with('*') {
        target.to_owned()
    } else {
        let Some((said, rest)) = target.split_once("://") else { return Err(rejected(400)) };
        scheme = match said.to_ascii_lowercase().as_str() {
            "http" => Some("http"),
            "https" => Some("https"),
            _ => return Err(rejected(400)),
        };
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, path) = rest.split_at(at);
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
        let (name, port) = host.split_once(':').unwrap_or((host, "80"));
        if name.is_empty() || !name.chars().all(plain) || super::port(port).is_none() {
            return not_modelled("the authority of a URL with other than a name and a port");
        }
        // The URL beats the line.
        authority = Some(host.to_owned());
        if path.is_empty() { "/".to_owned() } else { path.to_owned() }
    };
    let size: usize = question
        .headers
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if question.headers.len() > 90 || size + target.len() > 50_000 {
        return not_modelled("a very long request");
    }
    let mut received = Received {
        method: method.to_owned(),
        authority: String::new(),
        path: String::new(),
        query: String::new(),
        scheme: "http",
        headers: Vec::new(),
        remote_ip: None,
    };
    if question
        .host
        .iter()
        .any(|host| host.chars().any(|c| c.is_ascii_control()))
    {
        return not_modelled("a control character in a header value");
    }
    for (name, value) in &question.headers {
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || !name.chars().all(token) {
            return Err(rejected(400));
        }
        let name = name.to_ascii_lowercase();
        if value.contains('\r') || value.chars().any(|c| c.is_ascii_control() && c != '\t') {
            return not_modelled("a control character in a header value");
        }
        let value = value.trim_matches([' ', '\t']).to_owned();
        if SPECIAL.contains(&name.as_str()) {
            return not_modelled("a header about the connection or the body");
        }
        let before = received
            .headers
            .iter_mut()
            .find(|(other, _)| *other == name);
        let joint = JOINED.contains(&name.as_str());
        // Of headers of its own Envoy takes some away, and of some others it joins the lines.
        let own = name.starts_with("x-envoy-") && name != "x-envoy-internal";
        let apart = ["cookie", "accept-language", "range"].contains(&name.as_str())
            || (name.starts_with("x-") && name != "x-client-trace-id" && !own);
        if own || (before.is_some() && !joint && !apart) {
            return not_modelled("a header of Envoy's own, or several lines of one");
        }
        if name == "host" {
            if authority.is_some() {
                return not_modelled("two `Host` lines");
            }
            authority = Some(value);
            continue;
        }
        match before {
            // An empty repeat adds no comma.
            Some((_, Some(line))) if joint => {
                if !line.is_empty() && !value.is_empty() {
                    line.push(',');
                }
                line.push_str(&value);
            }
            _ => received.headers.push((name, Some(value))),
        }
    }
    connection_header(&mut received)?;
    let https = scheme == Some("https");
    if https && connection.edge == Some(0) && !connection.tls {
        return Err(rejected(403));
    }
    if question.version == Version::Http10 {
        return Err(rejected(426));
    }
    let Some(authority) = authority else { return Err(rejected(received.status(400))) };
    let authority = authority.trim_matches([' ', '\t']).to_owned();
    if !authority
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || ".-:_".contains(c))
    {
        return not_modelled("a host with other than letters, digits, dots, dashes and colons");
    }
    if !path.starts_with('/') {
        // The asterisk, and a URL with a query and no path.
        return Err(rejected(received.status(404)));
    }
    (received.path, received.query) = match normalize(&path, connection.normalization) {
        Normalized::Path(path, query) => (path, query),
        Normalized::Refused => return Err(rejected(received.status(400))),
        Normalized::NotModelled(what) => return not_modelled(what),
    };
    received.authority = authority;
    forwarded(&mut received, connection)?;
    received.scheme = scheme_of(&received, scheme, connection);
    Ok(received)
}

/// The connection's own line goes, and what it names.
fn connection_header(received: &mut Received) -> Result<(), Answer> {
    let lines = received.header("connection");
    let [] = lines.as_slice() else {
        let [Some(line)] = lines.as_slice() else {
            return not_modelled("several `Connection` lines");
        };
        let line = line.to_ascii_lowercase();
        if line.matches(',').count() > 8 {
            return not_modelled("a long `Connection` line");
        }
        for name in line.split(',').filter(|name| !name.is_empty()) {
            let name = name.trim();
            if ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"].contains(&name)
                || name.starts_with(':')
            {
                return Err(rejected(400));
            }
            if ["host", "upgrade", "http2-settings", "te"].contains(&name) {
                return not_modelled("a `Connection` line about an upgrade or the host");
            }
            if !["close", "keep-alive"].contains(&name) {
                received.remove(name);
            }
        }
        received.remove("connection");
        return Ok(());
    };
    Ok(())
}

/// What the URL says, else a proxy before, else the connection.
fn scheme_of(
    received: &Received,
    said: Option<&'static str>,
    connection: &Connection,
) -> &'static str {
    let own = if connection.tls { "https" } else { "http" };
    let told = match received.header("x-forwarded-proto").first() {
        Some(Some(value)) if value.eq_ignore_ascii_case("https") => Some("https"),
        Some(Some(value)) if value.eq_ignore_ascii_case("http") => Some("http"),
        _ => None,
    };
    said.or(told).unwrap_or(own)
}

/// What the proxy takes away and adds, and the client's address [AP-61] [AP-62].
fn forwarded(received: &mut Received, connection: &Connection) -> Result<(), Answer> {
    received.remove("x-envoy-internal");
    received.remove("x-forwarded-client-cert");
    let list = match received.header("x-forwarded-for").first() {
        Some(Some(list)) => list.clone(),
        _ => String::new(),
    };
    let entries: Vec<&str> = list.split(',').map(str::trim_ascii).collect();
    let hops = match connection.edge {
        None => 1,
        Some(hops) => usize::try_from(hops).unwrap_or(usize::MAX),
    };
    received.remote_ip = connection.peer;
    if hops > 0 && entries.len() >= hops {
        let entry = entries
            .iter()
            .rev()
            .nth(hops - 1)
            .copied()
            .unwrap_or_default();
        if let Ok(address) = entry.parse::<IpAddr>() {
            received.remote_ip = Some(address);
        } else if let Some((address, zone)) = entry.split_once('%')
            && address.parse::<Ipv6Addr>().is_ok()
            && zone.chars().all(|c| c.is_ascii_digit())
        {
            // Whether the proxy has such an interface is not known here.
            received.remote_ip = None;
        }
    }
    if connection.edge.is_some() {
        let list = connection
            .peer
            .filter(|peer| !peer.is_loopback())
            .map(|peer| if list.is_empty() { peer.to_string() } else { format!("{list},{peer}") });
        received.remove("x-forwarded-for");
        received.headers.push(("x-forwarded-for".to_owned(), list));
        received.remove("x-envoy-external-address");
        if let Some(IpAddr::V6(address)) = received.remote_ip
            && address.segments().starts_with(&[0, 0, 0, 0])
        {
            return not_modelled("how an address with many zeros is written");
        }
        let address = received.remote_ip.map(|address| address.to_string());
        received
            .headers
            .push(("x-envoy-external-address".to_owned(), address));
        received.remove("x-request-id");
        if connection.edge == Some(0) {
            received.remove("x-forwarded-proto");
        }
    }
    if !received.has("x-forwarded-proto") {
        let own = if connection.tls { "https" } else { "http" };
        received
            .headers
            .push(("x-forwarded-proto".to_owned(), Some(own.to_owned())));
    }
    if received
        .header("x-request-id")
        .iter()
        .all(|value| value.as_ref().is_some_and(String::is_empty))
    {
        received.remove("x-request-id");
        received.headers.push(("x-request-id".to_owned(), None));
    }
    if connection.mutual {
        received
            .headers
            .push(("x-forwarded-client-cert".to_owned(), None));
    }
    Ok(())
}
