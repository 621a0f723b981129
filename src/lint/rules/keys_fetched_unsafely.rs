//! A `jwksUri` that anybody on the way can answer → keys of an attacker are trusted.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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
metadata: {name: keys, namespace: foo}
spec:
  jwtRules:
  - {issuer: https://issuer.example, jwksUri: 'https://[::ffff:169.254.169.254]/keys'}
",
        "\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: keys, namespace: foo}
spec:
  jwtRules:
  - {issuer: https://issuer.example, jwksUri: 'http://example.com/keys'}
",
        "\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: keys, namespace: foo}
spec:
  jwtRules:
  - {issuer: https://issuer.example, jwksUri: 'http://issuer.corp.internal/keys'}
",
        "\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: keys, namespace: foo}
spec:
  jwtRules:
  - {issuer: https://issuer.example, jwksUri: 'http://metadata.google.internal/keys'}
",
        "\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: keys, namespace: foo}
spec:
  jwtRules:
  - {issuer: https://issuer.example, jwksUri: 'http://8.8.8.8/keys'}
",
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
metadata: {name: keys, namespace: foo}
spec:
  jwtRules:
  - {issuer: https://a.example, jwksUri: 'http://10.0.0.7/keys'}
  - {issuer: https://b.example, jwksUri: 'http://keycloak.foo/keys'}
  - {issuer: https://c.example, jwksUri: 'http://dex.sign-on/keys'}
",
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
            let host = uri.host.trim_matches(['[', ']']).trim_end_matches('.');
            let host = host.to_ascii_lowercase();
            let message = match host.parse::<IpAddr>() {
                Ok(address) if is_near(address) => near(&host),
                Err(_) if NEAR.contains(&host.as_str()) => near(&host),
                Ok(address) if !uri.tls && !is_private(address) => plain(&host),
                Err(_) if !uri.tls && !is_in_cluster(subject, &host) => plain(&host),
                _ => continue,
            };
            let path = FieldPath::root()
                .field("spec")
                .field("jwtRules")
                .item(index)
                .field("jwksUri");
            let mut finding = Finding::of("RequestAuthentication", &policy.meta, message)
                .value(written, path)
                .help("write the `https://` address of the issuer's keys, or the keys inline");
            if let Some(namespace) = in_namespace(&host) {
                finding = finding.sure_if(format!("`{namespace}` is no Namespace of the cluster"));
            }
            found.push(finding);
        }
    }
}

/// Names under which a cloud answers for the machine that asks.
const NEAR: [&str; 4] =
    ["instance-data", "instance-data.ec2.internal", "localhost", "metadata.google.internal"];

fn near(host: &str) -> String {
    format!("istiod asks its own host or link for the keys: `{host}`")
}

fn plain(host: &str) -> String {
    format!("the keys are fetched from `{host}` without TLS")
}

/// Whether an address is of the host or the link; two clouds have their metadata elsewhere.
fn is_near(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let metadata = v4 == Ipv4Addr::new(100, 100, 100, 200);
            metadata || v4.is_link_local() || v4.is_loopback() || v4.is_unspecified()
        }
        IpAddr::V6(v6) => {
            let metadata = v6 == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
            metadata || v6.is_unicast_link_local() || v6.is_loopback() || v6.is_unspecified()
        }
    }
}

/// Whether an address may be one of the cluster [RFC 1918] [RFC 4193] [RFC 6598].
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            v4.is_private() || (first == 100 && (64..128).contains(&second))
        }
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}

/// Whether a host is that of a Service: one that only the cluster's DNS knows.
fn is_in_cluster(subject: &Subject<'_>, host: &str) -> bool {
    let cluster_dns = host.contains(".svc.") || host.ends_with(".svc") || host.ends_with(".local");
    cluster_dns
        || !host.contains('.')
        || in_namespace(host).is_some_and(|namespace| {
            // No domain of the world ends so.
            let mut resources = subject.resources.iter();
            namespace.contains('-')
                || resources.any(|resource| resource.meta().namespace == namespace)
        })
}

/// The Namespace of a host that may be a Service in it: one of two parts.
fn in_namespace(host: &str) -> Option<&str> {
    let (_, namespace) = host.split_once('.')?;
    let is_one = !namespace.contains('.') && host.parse::<IpAddr>().is_err();
    is_one.then_some(namespace)
}
