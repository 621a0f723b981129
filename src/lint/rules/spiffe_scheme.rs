//! A principal that carries `spiffe://` → it matches no peer.

use crate::explanation::Change;
use crate::lint::subject::{Subject, mistaken};
use crate::lint::{Finding, Level, Lint};
use crate::mesh::Attribute;
use crate::spiffe::URI_PREFIX;

pub(super) const LINT: Lint = Lint {
    code: "PC012",
    name: "spiffe-scheme",
    level: Level::Error,
    what: "A principal is written with `spiffe://`, so it matches no peer.",
    why: "Istio puts `spiffe://` before every principal itself. Written once more it is there twice, and no certificate has \
          such a name: an ALLOW rule admits nobody by it, a DENY rule refuses nobody, and a `notPrincipals` spares nobody.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: allow-sleep, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {principals: [spiffe://cluster.local/ns/foo/sa/sleep]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-sleep, namespace: foo}
spec:
  action: DENY
  rules:
  - when:
    - key: source.principal
      values: ['spiffe://cluster.local/ns/foo/sa/sleep']
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: allow-sleep, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {principals: [cluster.local/ns/foo/sa/sleep]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: claims, namespace: foo}
spec:
  rules:
  - when:
    - key: request.auth.claims[spiffe]
      values: [spiffe://cluster.local/ns/foo/sa/sleep]
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for written in subject.policies() {
        for term in written.terms() {
            if term.attribute != Attribute::SourcePrincipal {
                continue;
            }
            let Some(principal) = term.text().strip_prefix(URI_PREFIX) else { continue };
            let message =
                format!("`{}` carries `spiffe://`, and no peer is called so", term.text());
            let named = !principal.contains('*');
            let sent = named.then(|| Change::Principal(principal.to_owned()));
            let witness = sent.and_then(|sent| mistaken(subject, written, &term, &sent));
            let finding = written.finding(&term, message).witness(witness);
            // Nothing, or a star, may not be what is meant: that is for a person to say.
            let is_principal = principal.split_once('/').is_some_and(|(domain, path)| {
                !domain.is_empty() && !path.is_empty() && !path.starts_with('/')
            });
            found.push(if is_principal {
                finding
                    .help(format!("write `{principal}`"))
                    .replace("strip `spiffe://`", principal)
            } else {
                finding.help("write `TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT`; `*` is every peer with an identity")
            });
        }
    }
}
