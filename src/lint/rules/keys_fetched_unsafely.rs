//! A `jwksUri` that anybody on the way can answer → keys of an attacker are trusted.

use std::net::IpAddr;

use crate::diagnostic::FieldPath;
use crate::lint::subject::Subject;
use crate::lint::{Finding, Level, Lint};
use crate::validate::JwksUri;

pub(super) const LINT: Lint = Lint {
    code: "PC094",
    name: "keys-fetched-unsafely",
    level: Level::High,
    what: "A `jwksUri` is plain HTTP outside the cluster, or an address of the host or the link.",
    why: "istiod fetches the keys by itself. Over plain HTTP whoever sits between answers with keys of its own, and \
          every token that it signs is good. An address of the link or the host (169.254.169.254 is the cloud's \
          metadata service) makes istiod ask its own surroundings.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: jwt, namespace: foo}
spec:
  jwtRules:
  - issuer: https://issuer.example
    jwksUri: http://issuer.example/keys
    audiences: [httpbin]
",
        "\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: jwt, namespace: foo}
spec:
  jwtRules:
  - issuer: https://issuer.example
    jwksUri: http://169.254.169.254/keys
    audiences: [httpbin]
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: jwt, namespace: foo}
spec:
  jwtRules:
  - issuer: https://issuer.example
    jwksUri: https://issuer.example/keys
    audiences: [httpbin]
",
        "\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: jwt, namespace: foo}
spec:
  jwtRules:
  - issuer: https://issuer.example
    jwksUri: http://dex.auth.svc.cluster.local:5556/keys
    audiences: [httpbin]
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for policy in subject.request_authentications() {
        for (index, rule) in policy.rules.iter().enumerate() {
            let Some(written) = rule.jwks_uri.as_ref() else { continue };
            let Ok(uri) = JwksUri::parse(&written.value) else { continue };
            let host = uri.host.trim_matches(['[', ']']);
            let address = host.parse::<IpAddr>().ok();
            let near = address.is_some_and(|address| match address {
                IpAddr::V4(v4) => v4.is_link_local() || v4.is_loopback() || v4.is_unspecified(),
                IpAddr::V6(v6) => {
                    v6.is_unicast_link_local() || v6.is_loopback() || v6.is_unspecified()
                }
            });
            let message = if near || host == "localhost" {
                format!("istiod asks its own host or link for the keys: `{host}`")
            } else if !uri.tls && !is_in_cluster(host) && address.is_none() {
                format!("the keys are fetched from `{host}` without TLS")
            } else {
                continue;
            };
            let path = FieldPath::root()
                .field("spec")
                .field("jwtRules")
                .item(index)
                .field("jwksUri");
            found.push(
                Finding::of("RequestAuthentication", &policy.meta, message)
                    .value(written, path)
                    .help("write the `https://` address of the issuer's keys, or the keys inline"),
            );
        }
    }
}

/// Whether a host is that of a Service: one that only the cluster's DNS knows.
fn is_in_cluster(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    !host.contains('.')
        || host.contains(".svc.")
        || [".svc", ".local", ".internal"]
            .iter()
            .any(|end| host.ends_with(end))
        || host.split('.').count() == 2
            && host
                .rsplit('.')
                .next()
                .is_some_and(|last| last.contains('-'))
}
