//! A host that is kept out → with a dot at its end it is let in.

use crate::explanation::Change;
use crate::istio::Action;
use crate::lint::subject::{Subject, escapes};
use crate::lint::{Finding, Level, Lint};
use crate::mesh::Attribute;

pub(super) const LINT: Lint = Lint {
    code: "PC061",
    name: "host-with-a-dot",
    level: Level::Medium,
    what: "A DENY rule names a host, and the same host with a dot at its end is let in.",
    why: "`a.example.` is the same name as `a.example` for DNS, and another one for the proxy's rules. Whether it \
          reaches the same program is up to the routes: those of a sidecar do not look at the host.",
    bad: &[
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
metadata: {name: deny-suffix, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - to:
    - operation: {hosts: ['*.example.com', '*.example.com:*']}
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-both, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - to:
    - operation: {hosts: [a.example.com, 'a.example.com:*', a.example.com., 'a.example.com.:*']}
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
        let mut last = None;
        for term in written.terms() {
            let host = term.text();
            let place = (term.rule, term.place);
            let inner = host.strip_prefix('*').unwrap_or(host);
            if term.attribute != Attribute::Host
                || !term.is_positive()
                || inner.contains(['*', ':'])
                || inner.is_empty()
                || host.ends_with('.')
                || last == Some(place)
            {
                continue;
            }
            let name = if inner == host { host.to_owned() } else { format!("a{inner}") };
            let twin = Change::Host(format!("{name}."));
            let Some(witness) = escapes(subject, written, &term, &twin) else { continue };
            last = Some(place);
            found.push(
                written
                    .finding(&term, format!("`{host}` is kept out, and `{name}.` is not"))
                    .help("turn the rule round: let an ALLOW policy name the hosts that may be asked for")
                    .witness(Some(witness)),
            );
        }
    }
}
