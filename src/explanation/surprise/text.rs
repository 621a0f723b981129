//! Conditions on hosts, methods, paths, headers, ports and server names: what is compared with what.

use super::{Subject, Surprise, failed, is_alternative};
use crate::matcher::{PathTemplate, StringMatch, is_template};
use crate::mesh::Attribute;
use crate::request::{Payload, Value};

pub(super) fn surprises(subject: &Subject<'_>, told: &mut Vec<Surprise>) {
    told.extend(rewritten_path(subject));
    if !failed(subject.explanation) || subject.condition.negated {
        return;
    }
    match &subject.condition.attribute {
        Attribute::Host => {
            told.extend(host_with_a_port(subject));
            told.extend(short_host(subject));
        }
        Attribute::Method => told.extend(method_of_grpc(subject)),
        Attribute::Path => {
            told.extend(query_in_a_path(subject));
            told.extend(slash_at_the_end(subject));
            told.extend(parent_of_a_template(subject));
        }
        Attribute::RequestHeader(name) => {
            told.extend(removed_with_the_token(subject, name));
            told.extend(joined_lines(subject, name));
        }
        Attribute::ServerName => told.extend(server_name(subject)),
        Attribute::DestinationPort => told.extend(port_of_the_service(subject)),
        Attribute::SourcePrincipal
        | Attribute::SourceNamespace
        | Attribute::SourceServiceAccount
        | Attribute::SourceTrustDomain
        | Attribute::SourceIp
        | Attribute::RemoteIp
        | Attribute::DestinationIp
        | Attribute::RequestPrincipal
        | Attribute::RequestAudiences
        | Attribute::RequestPresenter
        | Attribute::RequestClaim(_)
        | Attribute::FilterMetadata(..) => {}
    }
    told.extend(letter_case(subject));
    if let Some(value) = subject.written().find(|value| has_inner_star(value)) {
        told.push(inner_star(value));
    }
}

/// Whether a star stands elsewhere than at one end, and the value is no template.
pub(super) fn has_inner_star(value: &str) -> bool {
    if is_template(value) {
        return false;
    }
    let inner = value
        .strip_prefix('*')
        .or_else(|| value.strip_suffix('*'))
        .unwrap_or(value);
    inner.contains('*')
}

/// "any other value is exact, byte by byte, stars inside included" [AP-20]
pub(super) fn inner_star(value: &str) -> Surprise {
    let text = format!(
        "a star is a wildcard only at one end of a value: in `{value}` it stands for itself; for a path segment write \
         `{{*}}`"
    );
    Surprise::new("star-inside-a-value", "AP-20", text)
}

/// "The port is part of the host: `a.com` is not `a.com:8080`" [AP-85]
fn host_with_a_port(subject: &Subject<'_>) -> Option<Surprise> {
    let authority = subject.found().into_iter().next()?;
    let (host, port) = authority.rsplit_once(':')?;
    let value = subject
        .written()
        .find(|value| StringMatch::parse(value).matches_host(host))?;
    let text = format!(
        "the port is part of the host: `{value}` is compared with `{authority}`; to take any port write `{host}:*` \
         beside `{host}` (the request says :{port})"
    );
    Some(Surprise::new("host-with-a-port", "AP-85", text))
}

/// A host that is written longer or shorter than it is sent: nothing expands it [AP-45].
fn short_host(subject: &Subject<'_>) -> Option<Surprise> {
    let authority = subject.found().into_iter().next()?;
    let host = authority.split(':').next().unwrap_or(&authority);
    let value = subject.written().find(|value| {
        let wanted = value.split(':').next().unwrap_or(value);
        let longer = |long: &str, short: &str| {
            long.strip_prefix(short)
                .is_some_and(|rest| rest.starts_with('.'))
        };
        !host.is_empty() && (longer(wanted, host) || longer(host, wanted))
    })?;
    let text = format!(
        "hosts are compared as they are sent, a short name is not expanded: `{value}` is not `{authority}`, though \
         both may lead to the same Service; list each form that callers use"
    );
    Some(Surprise::new("host-is-not-expanded", "AP-45", text))
}

/// gRPC is POST, always [AP-46].
fn method_of_grpc(subject: &Subject<'_>) -> Option<Surprise> {
    let http = subject.seen.http.as_ref()?;
    let grpc = http
        .header("content-type")
        .any(|value| matches!(value, Value::Known(value) if value.starts_with("application/grpc")));
    (grpc && http.method == "POST").then(|| {
        let text = "a gRPC call is always `POST`; what it calls stands in the path, `/package.Service/Method`".to_owned();
        Surprise::new("grpc-is-post", "AP-46", text)
    })
}

/// "`paths` read the normalized path without query and fragment" [AP-47]
fn query_in_a_path(subject: &Subject<'_>) -> Option<Surprise> {
    let value = subject.written().find(|value| value.contains(['?', '#']))?;
    let text = format!(
        "`paths` see the path without its query: `{value}` matches nothing; a query is seen by \
         `request.headers[:path]`"
    );
    Some(Surprise::new("query-in-a-path", "AP-47", text))
}

/// A slash at the end makes another path [AP-20].
fn slash_at_the_end(subject: &Subject<'_>) -> Option<Surprise> {
    let path = subject.found().into_iter().next()?;
    let bare = |text: &str| text.strip_suffix('/').unwrap_or(text).to_owned();
    let value = subject.written().find(|value| {
        let prefix = value
            .strip_suffix("/*")
            .is_some_and(|prefix| prefix == path);
        prefix || (*value != path && bare(value) == bare(&path) && !path.is_empty())
    })?;
    let text = format!("a slash at the end makes another path: `{value}` is not `{path}`");
    Some(Surprise::new("slash-at-the-end", "AP-20", text))
}

/// "`{**}` any number of characters, slashes included, even none; the rest is exact" [AP-100]
fn parent_of_a_template(subject: &Subject<'_>) -> Option<Surprise> {
    let path = subject.found().into_iter().next()?;
    let with_slash = format!("{path}/");
    let value = subject.written().find(|value| {
        is_template(value)
            && PathTemplate::parse(value).is_ok_and(|template| template.matches(&with_slash))
    })?;
    let text = format!(
        "the slash before `{{**}}` must be there: `{value}` matches `{with_slash}` but not `{path}`"
    );
    Some(Surprise::new("template-and-its-parent", "AP-100", text))
}

/// "A verified token is removed before the policies are asked" [JWT-42]
fn removed_with_the_token(subject: &Subject<'_>, name: &str) -> Option<Surprise> {
    let before = subject
        .explanation
        .trace
        .before_tokens
        .as_ref()?
        .http
        .as_ref()?;
    let after = subject.seen.http.as_ref()?;
    (before.header(name).next().is_some() && after.header(name).next().is_none()).then(|| {
        let text = format!(
            "the header `{name}` held a token: a verified one is taken out before policies are asked, unless \
             `forwardOriginalToken` is set"
        );
        Surprise::new("header-removed-with-the-token", "JWT-42", text)
    })
}

/// "lines of some sixty headers that Envoy keeps in one slot … are one value" [AP-80]
fn joined_lines(subject: &Subject<'_>, name: &str) -> Option<Surprise> {
    let Payload::Http(http) = &subject.request.payload else { return None };
    let lines = http
        .headers
        .iter()
        .filter(|(header, _)| header.eq_ignore_ascii_case(name))
        .count();
    let found = subject.found();
    (lines > 1 && found.len() == 1).then(|| {
        let text = format!(
            "the {lines} lines of `{name}` are one value to the proxy, joined with commas: `{}`",
            found.join(",")
        );
        Surprise::new("header-lines-joined", "AP-80", text)
    })
}

/// "A server name is kept in lower case and compared with case" [AP-92]
fn server_name(subject: &Subject<'_>) -> Option<Surprise> {
    let value = subject
        .written()
        .find(|value| value.bytes().any(|byte| byte.is_ascii_uppercase()))?;
    let text = format!(
        "server names are kept in lower case and compared with case: `{value}` matches none; write `{}`",
        value.to_ascii_lowercase()
    );
    Some(Surprise::new("server-name-in-capitals", "AP-92", text))
}

/// "behind a Service its target port" [AP-48]
fn port_of_the_service(subject: &Subject<'_>) -> Option<Surprise> {
    let request = subject.request;
    let mut services = subject.mesh.inventory.services.iter().flat_map(|service| {
        service
            .ports
            .iter()
            .map(move |(port, backends)| (service, *port, backends))
    });
    let (service, port, _) = services.find(|(_, port, backends)| {
        let leads_here = backends
            .iter()
            .any(|backend| backend.workload == request.workload && backend.port == request.port);
        *port != request.port
            && leads_here
            && subject.written().any(|value| value == port.to_string())
    })?;
    let text = format!(
        "`{}` is the workload's own port: port {port} of Service {}.{} arrives at port {}",
        subject.field(),
        service.name,
        service.namespace,
        request.port
    );
    Some(Surprise::new("port-of-the-service", "AP-48", text))
}

/// Case counts, but in hosts [AP-88] [AP-20].
fn letter_case(subject: &Subject<'_>) -> Option<Surprise> {
    if subject.condition.attribute == Attribute::Host {
        return None;
    }
    let found = subject.found();
    let (value, found) = subject.written().find_map(|value| {
        let other = found
            .iter()
            .find(|found| *found != value && found.eq_ignore_ascii_case(value))?;
        Some((value, other))
    })?;
    let (statement, text) = if subject.condition.attribute == Attribute::Method {
        ("AP-88", format!("methods are compared with case: `{value}` never matches `{found}`"))
    } else {
        ("AP-20", format!("upper and lower case are different: `{value}` is not `{found}`"))
    };
    Some(Surprise::new("letter-case", statement, text))
}

/// A path that arrives otherwise than it was sent [PN-3] [PN-4].
fn rewritten_path(subject: &Subject<'_>) -> Option<Surprise> {
    if subject.condition.attribute != Attribute::Path {
        return None;
    }
    let Payload::Http(http) = &subject.request.payload else { return None };
    let sent = http.target.split(['?', '#']).next().unwrap_or_default();
    let sent = sent
        .split_once("://")
        .map_or(sent, |(_, rest)| rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"));
    let seen = subject.seen.http.as_ref()?.path.path();
    (sent != seen && !sent.is_empty()).then(|| {
        let text = format!(
            "the path is normalized before policies see it: sent as `{sent}`, matched as `{seen}`"
        );
        Surprise::new("path-rewritten", "PN-3", text)
    })
}

/// "A source or an operation matches if all of its fields do" [AP-11]: a `not` field is no exception of its own.
pub(super) fn extra_condition(subject: &Subject<'_>, told: &mut Vec<Surprise>) {
    let fails = failed(subject.explanation)
        && subject.condition.negated
        && is_alternative(subject.place.part);
    if fails && subject.seen.names.is_some() {
        let text = format!(
            "`{}` is one more condition of its rule, not an exception to the others: where it fails the rule does not \
             match, and something else must admit the request",
            subject.field()
        );
        told.push(Surprise::new("not-field-is-a-condition", "AP-11", text));
    }
}
