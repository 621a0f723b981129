//! A star in the middle, or a second one → it is a star and nothing else.

use crate::lint::subject::{Subject, Term};
use crate::lint::{Finding, Level, Lint};
use crate::matcher::{StringMatch, is_template};
use crate::mesh::{Attribute, ValueMatch};
use crate::spiffe::TrustDomains;

pub(super) const LINT: Lint = Lint {
    code: "PC037",
    name: "star-that-is-a-letter",
    level: Level::Error,
    what: "A star stands where it is no wildcard, so it is compared as the letter that it is.",
    why: "A value may have one wildcard: a star at its end, or one at its front, which wins over one at the end. Any \
          other star is a letter, and no principal has one. `*local/ns/foo/sa/web*` is whatever ends with \
          `local/ns/foo/sa/web*`.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: browsers, namespace: foo}
spec:
  rules:
  - when:
    - {key: 'request.headers[user-agent]', values: ['*Chrome*']}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: issuers, namespace: foo}
spec:
  rules:
  - from:
    - source: {requestPrincipals: ['https://*.example.com/*']}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: both-ends, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {principals: ['*local/ns/foo/sa/sleep*']}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: middle, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - from:
    - source: {principals: [cluster.local/ns/*/sa/sleep]}
    to:
    - operation: {paths: ['/a/*/b']}
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: any-token, namespace: foo}
spec:
  rules:
  - from:
    - source: {requestPrincipals: ['*', 'https://issuer.example/*']}
    when:
    - {key: 'request.headers[accept]', values: ['*/*']}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ends, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {principals: ['*/sa/sleep', 'cluster.local/ns/foo/*', '*']}
    to:
    - operation: {paths: ['/a/{*}/b', '/static/*']}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: namespaces, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {namespaces: ['a*b']}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for written in subject.policies() {
        for term in written.terms() {
            let text = term.text();
            let certain = term.attribute == Attribute::SourcePrincipal;
            let likely = is_text(&term.attribute);
            // Braces are told of by the webhook.
            if !(certain || likely) || is_template(text) || !is_literal(subject, &term) {
                continue;
            }
            let help = if term.attribute == Attribute::Path {
                "write a template, where `{*}` is one segment and `{**}` is any number of them"
            } else {
                "write one star, at the front or at the end, or every value in full"
            };
            let mut finding = written
                .finding(&term, format!("a star in `{text}` is a letter, and no wildcard"))
                .help(help);
            if !certain {
                finding = finding.sure_if("no request has a star there");
            }
            found.push(finding);
        }
    }
}

/// Whether an attribute is a text in which a star is seldom meant as the letter.
fn is_text(attribute: &Attribute) -> bool {
    match attribute {
        Attribute::Path
        | Attribute::Host
        | Attribute::Method
        | Attribute::ServerName
        | Attribute::RequestPrincipal
        | Attribute::RequestAudiences
        | Attribute::RequestPresenter
        | Attribute::RequestClaim(_) => true,
        // In these a client writes `*` for anything: `Accept: */*`, `If-Match: *`.
        Attribute::RequestHeader(name) => !name.starts_with("accept") && !name.starts_with("if-"),
        Attribute::DestinationIp
        | Attribute::DestinationPort
        | Attribute::FilterMetadata(..)
        | Attribute::RemoteIp
        | Attribute::SourceIp
        | Attribute::SourceNamespace
        | Attribute::SourcePrincipal
        | Attribute::SourceServiceAccount
        | Attribute::SourceTrustDomain => false,
    }
}

/// Whether a star is left that is no wildcard, whatever the trust domain of a principal stands for.
fn is_literal(subject: &Subject<'_>, term: &Term<'_>) -> bool {
    let literal = |pattern: &StringMatch| match pattern {
        StringMatch::Exact(rest) | StringMatch::Prefix(rest) | StringMatch::Suffix(rest) => {
            rest.contains('*')
        }
        StringMatch::Present => false,
    };
    let left = |text: &str| literal(&StringMatch::parse(text));
    // Issuer and subject may have a star each [AP-70].
    if term.attribute == Attribute::RequestPrincipal {
        let matches = term
            .attribute
            .matches_of(term.text(), "", &TrustDomains::default());
        return matches.is_ok_and(|matches| {
            matches.iter().any(|value| {
                matches!(value, ValueMatch::RequestPrincipal { issuer, subject }
                    if literal(issuer) || literal(subject))
            })
        });
    }
    if term.attribute != Attribute::SourcePrincipal {
        return left(term.text());
    }
    // A star at one end of the trust domain stands for the mesh's own ones [ID-31].
    subject.mesh.is_some_and(|mesh| {
        mesh.settings
            .trust
            .principal(term.text())
            .iter()
            .all(|pattern| left(pattern))
    })
}
