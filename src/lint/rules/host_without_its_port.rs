//! A host that is kept out without a port → with the port it is let in.

use crate::explanation::Change;
use crate::istio::Action;
use crate::lint::subject::{Subject, escapes};
use crate::lint::{Finding, Level, Lint};
use crate::mesh::Attribute;

pub(super) const LINT: Lint = Lint {
    code: "PC060",
    name: "host-without-its-port",
    level: Level::High,
    what: "A DENY rule names a host, and the same host with a port is let in.",
    why: "The port is part of the host that a client sends: `a.example` is not `a.example:8080`, and a client may \
          write either. Both have to be named, the second one as `a.example:*`. \
          A host with a star at its front ends where it ends: no port follows.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: no-secrets, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - to:
    - operation: {hosts: ['*.secret.example.com']}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-host, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - to:
    - operation: {hosts: [admin.example.com]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-hosts, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - to:
    - operation:
        hosts:
        - a.example.com # ours
        - b.example.com
        paths: [/admin]
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-host, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - to:
    - operation: {hosts: [admin.example.com, 'admin.example.com:*']}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: allow-host, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - to:
    - operation: {hosts: [www.example.com]}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for (_, written) in subject.in_force(Action::Deny) {
        for term in written.terms() {
            let host = term.text();
            let ends = host.strip_prefix('*');
            let name = ends.map_or_else(|| host.to_owned(), |ends| format!("a{ends}"));
            let other = name.contains(['*', ':']) || ends == Some("");
            if term.attribute != Attribute::Host || !term.is_positive() || other {
                continue;
            }
            let twin = Change::Host(format!("{name}:8080"));
            let Some(witness) = escapes(subject, written, &term, &twin) else { continue };
            let finding = written
                .finding(&term, format!("`{host}` is kept out, and `{name}:8080` is not"))
                .witness(Some(witness));
            // With a star at the front one at the end would be a letter.
            found.push(if ends.is_some() {
                finding.help(
                    "turn the rule round: let an ALLOW policy name the hosts that may be asked for",
                )
            } else {
                finding
                    .help(format!("name `{host}:*`, too"))
                    .append(format!("add `{host}:*`"), format!("{host}:*"))
            });
        }
    }
}
