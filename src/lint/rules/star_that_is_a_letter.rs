//! A star in the middle, or a second one → it is a star and nothing else.

use crate::lint::subject::{Subject, Term};
use crate::lint::{Finding, Level, Lint};
use crate::matcher::{StringMatch, is_template};
use crate::mesh::Attribute;

pub(super) const LINT: Lint = Lint {
    code: "PC037",
    name: "star-that-is-a-letter",
    level: Level::Error,
    what: "A star stands where it is no wildcard, so it is compared as the letter that it is.",
    why: "A value may have one wildcard: a star at its end, or one at its front, which wins over one at the end. Any \
          other star is a letter, and no principal or method has one. `*local/ns/foo/sa/web*` is whatever ends with \
          `local/ns/foo/sa/web*`.",
    bad: &[
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
            let certain = matches!(term.attribute, Attribute::SourcePrincipal | Attribute::Method);
            let likely =
                matches!(term.attribute, Attribute::Path | Attribute::Host | Attribute::ServerName);
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

/// Whether a star is left that is no wildcard, whatever the trust domain of a principal stands for.
fn is_literal(subject: &Subject<'_>, term: &Term<'_>) -> bool {
    let left = |text: &str| match StringMatch::parse(text) {
        StringMatch::Exact(rest) | StringMatch::Prefix(rest) | StringMatch::Suffix(rest) => {
            rest.contains('*')
        }
        StringMatch::Present => false,
    };
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
