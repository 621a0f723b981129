//! Conditions on hosts, methods, paths, headers, ports and server names: what is compared with what.

use std::net::IpAddr;

use super::{Subject, Surprise, failed, is_alternative};
use crate::decide::Verdict;
use crate::matcher::{IpBlock, PathTemplate, StringMatch, is_template};
use crate::mesh::{Attribute, ValueMatch};
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
            told.extend(block_in_a_header(subject));
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
    told.extend(inner_star(subject));
}

/// "any other value is exact, byte by byte, stars inside included" [AP-20]
pub(super) fn inner_star(subject: &Subject<'_>) -> Option<Surprise> {
    let found = subject.found();
    let value = subject.written().find(|value| {
        !is_template(value)
            && inner(value).contains('*')
            && found.iter().any(|found| as_wildcards(value, found))
    })?;
    let template = value.replace('*', "{*}");
    let fits = PathTemplate::parse(&template)
        .is_ok_and(|parsed| found.iter().any(|path| parsed.matches(path)));
    let advice = if subject.condition.attribute == Attribute::Host {
        "; write each host and port out".to_owned()
    } else if subject.condition.attribute != Attribute::Path {
        String::new()
    } else if fits {
        format!("; a path segment of any text is written `{{*}}`: `{template}`")
    } else {
        "; a whole path segment of any text is written `{*}`".to_owned()
    };
    let text = format!(
        "a star is a wildcard only at one end of a value: in `{value}` it stands for itself{advice}"
    );
    Some(Surprise::new("star-inside-a-value", "AP-20", text))
}

/// A value without the star that is a wildcard.
fn inner(value: &str) -> &str {
    let behind = value.strip_prefix('*');
    behind.or_else(|| value.strip_suffix('*')).unwrap_or(value)
}

/// Whether a text would match, were every star a wildcard.
fn as_wildcards(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some((_, behind)) = rest.split_once(part) else { return false };
        rest = behind;
    }
    rest.ends_with(last)
}

/// "The port is part of the host: `a.com` is not `a.com:8080`" [AP-85]
fn host_with_a_port(subject: &Subject<'_>) -> Option<Surprise> {
    let authority = subject.found().into_iter().next()?;
    let (host, port) = authority.rsplit_once(':')?;
    port.parse::<u16>().ok()?;
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
    let services = &subject.mesh.inventory.services;
    let (value, service) = subject.written().find_map(|value| {
        let wanted = value.split(':').next().unwrap_or(value);
        if wanted.eq_ignore_ascii_case(host) {
            return None;
        }
        // Both are names of one Service.
        let service = services.iter().find(|service| {
            let whole = format!("{}.{}.svc.", service.name, service.namespace);
            let names = |text: &str| {
                let text = format!("{text}.");
                whole.starts_with(&text) || text.starts_with(&whole)
            };
            names(host) && names(wanted)
        })?;
        Some((value, service))
    })?;
    let text = format!(
        "hosts are compared as they are sent, a short name is not expanded: `{value}` is not `{authority}`, though \
         both name the Service {}.{}; list each form that callers use",
        service.name, service.namespace
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
    let path = subject.found().into_iter().next()?;
    let without = |value: &str| value.split(['?', '#']).next().map(str::to_owned);
    let value = subject
        .written()
        .find(|value| value.contains(['?', '#']) && without(value).as_ref() == Some(&path))?;
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
    let other = if path.ends_with('/') { bare(&path) } else { format!("{path}/") };
    let value = subject.written().find(|value| {
        let prefix = value
            .strip_suffix("/*")
            .is_some_and(|prefix| prefix == path);
        let template = !value.ends_with("{**}") && as_template(value, &other);
        prefix || template || (*value != path && bare(value) == bare(&path) && !path.is_empty())
    })?;
    let text = format!("a slash at the end makes another path: `{value}` is not `{path}`");
    Some(Surprise::new("slash-at-the-end", "AP-20", text))
}

/// "`{**}` any number of characters, slashes included, even none; the rest is exact" [AP-100]
fn parent_of_a_template(subject: &Subject<'_>) -> Option<Surprise> {
    let path = subject.found().into_iter().next()?;
    let with_slash = format!("{path}/");
    let value = subject
        .written()
        .find(|value| value.ends_with("/{**}") && as_template(value, &with_slash))?;
    let text = format!(
        "the slash before `{{**}}` must be there: `{value}` matches `{with_slash}` but not `{path}`"
    );
    Some(Surprise::new("template-and-its-parent", "AP-100", text))
}

/// Whether a value is a template that matches a path.
fn as_template(value: &str, path: &str) -> bool {
    is_template(value) && PathTemplate::parse(value).is_ok_and(|template| template.matches(path))
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
    let lines: Vec<&str> = http
        .headers
        .iter()
        .filter(|(header, _)| header.eq_ignore_ascii_case(name))
        .map(|(_, line)| line.as_str())
        .collect();
    let found = subject.found();
    // One of them would have done.
    let alone = subject.written().any(|value| {
        let value = StringMatch::parse(value);
        lines.iter().any(|line| value.matches_header(line))
    });
    (lines.len() > 1 && alone).then(|| {
        let lines = lines.len();
        let text = format!(
            "the {lines} lines of `{name}` are one value to the proxy, joined with commas: `{}`",
            found.join(",")
        );
        Surprise::new("header-lines-joined", "AP-80", text)
    })
}

/// "`request.headers[name]` reads a header" [AP-40], as text: networks are known to the fields for addresses alone.
fn block_in_a_header(subject: &Subject<'_>) -> Option<Surprise> {
    let found = subject.found();
    let addresses: Vec<IpAddr> = found
        .iter()
        .flat_map(|value| value.split(','))
        .filter_map(|entry| entry.trim_ascii().parse().ok())
        .collect();
    let value = subject.written().find(|value| {
        let block = value.contains('/').then(|| IpBlock::parse(value).ok());
        let block = block.flatten();
        block.is_some_and(|block| addresses.iter().any(|address| block.contains(*address)))
    })?;
    let text = format!(
        "a header is compared as text: `{value}` is no block there; blocks stand in `ipBlocks` and `remoteIpBlocks`"
    );
    Some(Surprise::new("block-in-a-header", "AP-40", text))
}

/// "A server name is kept in lower case and compared with case" [AP-92]
fn server_name(subject: &Subject<'_>) -> Option<Surprise> {
    let found = subject.found();
    let value = subject.written().find(|value| {
        let lower = StringMatch::parse(&value.to_ascii_lowercase());
        let capital = value.bytes().any(|byte| byte.is_ascii_uppercase());
        capital && found.iter().any(|name| lower.matches(name))
    })?;
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
    let (service, port, _) = services.find(|(service, port, backends)| {
        let leads_here = backends.iter().any(|backend| {
            backend.workload == request.workload && service.dialled(*port, *backend) == request.port
        });
        *port != request.port
            && leads_here
            && subject.written().any(|value| value == port.to_string())
    })?;
    let text = format!(
        "`{}` names ports of the workload itself: port {port} of Service {}.{} arrives at port {}",
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
    // Whoever is let in is shown the rewritten path; whoever is not wants to know whether it was that.
    let admitted = subject.explanation.decision.verdict == Verdict::Allow;
    let matches = |path: &str| {
        let values = subject.condition.values.iter();
        values.flat_map(|value| &value.matches).any(|value| {
            let template =
                matches!(value, ValueMatch::Template(template) if template.matches(path));
            template || matches!(value, ValueMatch::Text(text) if text.matches(path))
        })
    };
    let matters = admitted || matches(sent) != matches(seen);
    (sent != seen && !sent.is_empty() && matters).then(|| {
        let text = format!(
            "the path is normalized before policies see it: sent as `{sent}`, matched and passed on as `{seen}`"
        );
        Surprise::new("path-rewritten", "PN-3", text)
    })
}

/// "A source or an operation matches if all of its fields do" [AP-11]: a `not` field is no exception of its own.
pub(super) fn extra_condition(subject: &Subject<'_>, told: &mut Vec<Surprise>) {
    let others = subject.mesh.enforcement(subject.request.workload);
    let others = others.is_some_and(|enforcement| enforcement.allow.rules.len() > 1);
    let rule = subject.mesh.rule(subject.place.rule).map(|(_, rule)| rule);
    let conditions = rule.map_or(0, |rule| {
        let clauses = rule.sources.iter().chain(&rule.operations);
        clauses.map(|clause| clause.conditions.len()).sum::<usize>() + rule.when.len()
    });
    let fails = failed(subject.explanation)
        && subject.condition.negated
        && is_alternative(subject.place.part)
        && (others || conditions > 1);
    if fails && subject.seen.names.is_some() {
        let text = format!(
            "`{}` is one more condition of its rule, not an exception to the others: where it fails the rule does not \
             match, and something else must admit the request",
            subject.field()
        );
        told.push(Surprise::new("not-field-is-a-condition", "AP-11", text));
    }
}
