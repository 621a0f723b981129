//! A header that is kept out, and proxies that join its lines → a second line lets it in.

use crate::decide::Verdict;
use crate::explanation::Change;
use crate::istio::Action;
use crate::lint::subject::Subject;
use crate::lint::witness::Aim;
use crate::lint::{Finding, Level, Lint};
use crate::matcher::StringMatch;
use crate::mesh::Attribute;
use crate::request::{Payload, Request};

pub(super) const LINT: Lint = Lint {
    code: "PC132",
    name: "lines-joined-by-an-old-proxy",
    level: Level::Critical,
    what: "A DENY rule names a header value, and proxies of this release join repeated lines before they compare \
          (CVE-2026-26308).",
    why: "Istio before 1.27.8, 1.28.5 and 1.29.1 joins the lines of a header with commas and compares the whole. \
          Whoever sends the header twice, once with another value, is not matched. The lint speaks only where \
          `--istio` says the release.",
    bad: &[
        "\
# --istio 1.28.4
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-role, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - when:
    - key: request.headers[x-role]
      values: [admin]
",
        "\
# --istio 1.27.0
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: all-but, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - when:
    - key: request.headers[x-role]
      notValues: [admin]
",
    ],
    good: &[
        "\
# --istio 1.28.5
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-role, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - when:
    - key: request.headers[x-role]
      values: [admin]
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-role, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - when:
    - key: request.headers[x-role]
      values: [admin]
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for action in [Action::Allow, Action::Deny] {
        for (mesh, written) in subject.in_force(action) {
            let version = mesh
                .settings
                .istio_version
                .filter(|version| version.joins_header_lines());
            let Some(version) = version else { continue };
            for term in written.terms() {
                let keeps_out = (action == Action::Deny) == term.is_positive();
                let Attribute::RequestHeader(name) = &term.attribute else { continue };
                let StringMatch::Exact(value) = StringMatch::parse(term.text()) else { continue };
                if !keeps_out || name.starts_with(':') || name == "host" {
                    continue;
                }
                let matched = if action == Action::Deny {
                    subject.matching_value(written, &term)
                } else {
                    subject.matching(written, Aim::of(&term))
                };
                let once = matched.map(|request| {
                    Change::Header { name: name.clone(), value: Some(value) }.of(&request)
                });
                let Some(once) = once else { continue };
                let beside = subject
                    .decided(once.clone())
                    .and_then(|witness| witness.if_decided(Verdict::Deny));
                let twice = subject.decided(with_line(once, name));
                let witness = twice.and_then(|witness| witness.if_decided(Verdict::Allow));
                if let (Some(beside), Some(witness)) = (beside, witness) {
                    let message =
                        format!("proxies of {version} let `{name}` in when it is sent twice");
                    found.push(
                        written
                            .finding(&term, message)
                            .help("update Istio, or let an ALLOW policy name the values that may be sent")
                            .witness(Some(witness.beside(beside))),
                    );
                }
            }
        }
    }
}

/// The same request with one more line of a header.
fn with_line(mut request: Request, name: &str) -> Request {
    if let Payload::Http(http) = &mut request.payload {
        http.headers.push((name.to_owned(), "other".to_owned()));
    }
    request
}
