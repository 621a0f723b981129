//! Values that a world's policies speak of → questions that are at them, or beside them.

use portcullis::request::{Caller, Claim, HostSpec, RequestSpec};

use crate::generate::{Random, World};

/// What a policy says of a field.
type Edge = (&'static str, &'static str);

/// Everything that the policies of a world say.
pub(crate) fn of(world: &World) -> Vec<Edge> {
    let mut policies = world.policies.clone();
    let rules = policies.iter_mut().flat_map(|policy| &mut policy.rules);
    let terms = rules.flat_map(|rule| rule.terms_mut());
    terms
        .flat_map(|term| {
            let name = term.name;
            term.values
                .iter()
                .map(move |value| (name, *value))
                .collect::<Vec<Edge>>()
        })
        .collect()
}

/// Something that a pattern takes, or just does not.
fn near(random: &mut Random, pattern: &str) -> String {
    let filled = match random.below(4) {
        0 => pattern.to_owned(),
        1 => pattern
            .replace("{**}", "x/y")
            .replace("{*}", "x")
            .replace('*', ""),
        _ => pattern
            .replace("{**}", "x")
            .replace("{*}", "y")
            .replace('*', "x"),
    };
    match random.below(16) {
        0 => format!("{filled}x"),
        1 => format!("x{filled}"),
        2 => filled.chars().skip(1).collect(),
        3 => {
            let mut cut = filled;
            cut.pop();
            cut
        }
        4 => filled.to_uppercase(),
        5 => filled.to_lowercase(),
        _ => filled,
    }
}

/// A path at a pattern, now and then written in another way.
fn path(random: &mut Random, pattern: &str) -> String {
    let path = near(random, pattern);
    let path = if path.starts_with('/') || random.once_in(16) { path } else { format!("/{path}") };
    match random.below(24) {
        0 => format!("{path}?x=/admin"),
        1 => format!("{path}#x"),
        2 => format!("/{path}"),
        3 => path.replacen("/a", "/%61", 1),
        4 => path.replacen('/', "/x/../", 1),
        5 => path.replacen('/', "/./", 1),
        6 => path.replace('/', "%2F"),
        7 => format!("{path};x=y"),
        8 => format!("/..;x{path}"),
        9 => format!("{path}/"),
        10 => path.replacen('/', "\\", 1),
        11 => format!("{path}%20"),
        _ => path,
    }
}

/// Moves who calls, and from where, to an edge.
pub(crate) fn move_caller(random: &mut Random, edges: &[Edge], spec: &mut RequestSpec) {
    if edges.is_empty() {
        return;
    }
    let (name, value) = random.pick(edges);
    let identity = |uri: String| Caller::Certificate { uris: vec![uri], foreign: false };
    match name {
        "principals" | "source.principal" => {
            spec.from = identity(format!("spiffe://{}", near(random, value)));
        }
        "namespaces" | "source.namespace" => {
            spec.from =
                identity(format!("spiffe://cluster.local/ns/{}/sa/sleep", near(random, value)));
        }
        "serviceAccounts" | "source.serviceAccount" => {
            let near = near(random, value);
            let (namespace, account) = near.split_once('/').unwrap_or(("foo", &near));
            spec.from = identity(format!("spiffe://cluster.local/ns/{namespace}/sa/{account}"));
        }
        "trustDomains" | "source.trustDomain" => {
            spec.from = identity(format!("spiffe://{}/ns/foo/sa/sleep", near(random, value)));
        }
        "ipBlocks" | "source.ip" | "remoteIpBlocks" | "remote.ip" => {
            let address = value.split('/').next().unwrap_or_default();
            if let Ok(ip) = address.parse::<std::net::Ipv4Addr>() {
                let ip = u32::from(ip);
                let ip = random.pick(&[ip, ip, ip.wrapping_add(1), ip.wrapping_sub(1), ip | 255]);
                let ip = std::net::Ipv4Addr::from(ip);
                // What is no caller's address is left alone.
                if ![0, 127, 255].contains(&ip.octets()[0]) && !ip.is_multicast() {
                    spec.source_ip = Some(ip.into());
                }
            }
        }
        "connection.sni" => spec.server_name = Some(near(random, value)),
        _ => {}
    }
}

/// Moves what is asked for to an edge.
pub(crate) fn move_request(random: &mut Random, edges: &[Edge], spec: &mut RequestSpec) {
    if edges.is_empty() {
        return;
    }
    let (name, value) = random.pick(edges);
    match name {
        "hosts" | "request.headers[:authority]" => {
            let mut host = near(random, value);
            if random.once_in(6) {
                host.push_str(random.pick(&[":80", ":8080", ":"]));
            }
            spec.http.host = HostSpec::Given(host);
        }
        "methods" => spec.http.method = Some(near(random, value)),
        "paths" => spec.http.target = Some(path(random, value)),
        "request.headers[X-Role]" => {
            let name = random.pick(&["x-role", "X-Role"]);
            let value = near(random, value);
            spec.http.headers.push((name.to_owned(), value));
        }
        "remoteIpBlocks" | "remote.ip" => {
            let address = value.split('/').next().unwrap_or_default().to_owned();
            spec.http
                .headers
                .push(("x-forwarded-for".to_owned(), address));
        }
        // What asks for a token gets one.
        name if name.starts_with("request") && !name.contains("headers") => {
            let header = |(name, _): &(String, String)| name == "Authorization";
            if !spec.http.headers.iter().any(header) {
                let value = "Bearer stated".to_owned();
                spec.http.headers.push(("Authorization".to_owned(), value));
            }
        }
        _ => {}
    }
}

/// Moves what a token says to an edge.
pub(crate) fn move_token(random: &mut Random, edges: &[Edge], spec: &mut RequestSpec) {
    if edges.is_empty() {
        return;
    }
    let (name, value) = random.pick(edges);
    match name {
        "requestPrincipals" | "request.auth.principal" => {
            let near = near(random, value);
            let (issuer, subject) = near.rsplit_once('/').unwrap_or((&near, "subject"));
            claim(spec, "iss", Claim::String(issuer.to_owned()));
            claim(spec, "sub", Claim::String(subject.to_owned()));
        }
        "request.auth.audiences" => text(random, spec, "aud", value),
        "request.auth.presenter" => text(random, spec, "azp", value),
        "request.auth.claims[role]" => text(random, spec, "role", value),
        "request.auth.claims[a][b]" => {
            let inner = Claim::String(near(random, value));
            claim(spec, "a", Claim::Map([("b".to_owned(), inner)].into()));
        }
        _ => {}
    }
}

fn text(random: &mut Random, spec: &mut RequestSpec, name: &str, value: &str) {
    let text = Claim::String(near(random, value));
    let other = || Claim::String("other".to_owned());
    let value = if random.once_in(3) { Claim::List(vec![other(), text]) } else { text };
    claim(spec, name, value);
}

fn claim(spec: &mut RequestSpec, name: &str, value: Claim) {
    for token in &mut spec.tokens {
        token.claims.insert(name.to_owned(), value.clone());
    }
}
