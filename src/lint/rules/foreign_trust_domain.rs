//! A principal of a trust domain that the mesh does not take → nobody has it.

use crate::decide::Verdict;
use crate::explanation::Change;
use crate::lint::subject::{Subject, Term};
use crate::lint::witness::requests_to;
use crate::lint::{Finding, Level, Lint};
use crate::mesh::{Attribute, Dataplane, Mesh, Settings};

pub(super) const LINT: Lint = Lint {
    code: "PC011",
    name: "foreign-trust-domain",
    level: Level::High,
    what: "A principal is of a trust domain whose certificates the mesh does not accept.",
    why: "A proxy takes client certificates of the mesh's trust domain, its aliases and the trust domains of \
          `caCertificates`. Whoever shows another one does not get a connection, so the value matches nobody. Often \
          the trust domain was renamed, or never was `cluster.local`.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: partners, namespace: foo}
spec:
  rules:
  - from:
    - source: {trustDomains: [partner.example]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: partners, namespace: foo}
spec:
  rules:
  - from:
    - source: {principals: ['partner.example/ns/foo/*', 'partner.example/*']}
",
        "\
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: 'trustDomain: corp.example'}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: neighbours, namespace: foo}
spec:
  rules:
  - from:
    - source: {principals: ['cluster.local/ns/foo/*']}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: partner, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {principals: [partner.example/ns/foo/sa/sleep]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-old, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - from:
    - source: {principals: [old.example/ns/foo/sa/sleep]}
",
    ],
    good: &[
        "\
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: 'trustDomain: corp.example'}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: neighbours, namespace: foo}
spec:
  rules:
  - from:
    - source: {principals: [cluster.local/ns/foo/sa/sleep, 'corp.example/ns/foo/*', '*/sa/sleep']}
    - source: {trustDomains: [corp.example]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: own, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {principals: [cluster.local/ns/foo/sa/sleep, '*/ns/foo/sa/web']}
",
        "\
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    trustDomain: new.example
    trustDomainAliases: [old.example]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: old-and-new, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {principals: [old.example/ns/foo/sa/sleep, new.example/ns/foo/sa/sleep]}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let Some(mesh) = subject.mesh else { return };
    for written in subject.policies() {
        for term in written.terms().filter(Term::is_positive) {
            let Some((domain, principal)) = foreign(mesh, &term) else { continue };
            let sidecar = |at: &&usize| {
                mesh.workload(**at)
                    .is_some_and(|to| to.dataplane == Dataplane::Sidecar)
            };
            let witness = written.workloads.iter().find(sidecar).and_then(|workload| {
                let request = requests_to(subject, mesh, *workload, false)
                    .into_iter()
                    .next()?;
                let request = Change::Principal(principal.clone()).of(&request);
                subject.decided(request)?.if_decided(Verdict::Refused)
            });
            let own = &mesh.settings.trust.own;
            let message = format!(
                "the mesh takes no certificate of `{domain}`; its own trust domain is `{own}`"
            );
            let mut finding = written
                .finding(&term, message)
                .help(format!(
                    "write `{own}`, or make `{domain}` an alias in the mesh's configuration"
                ))
                .witness(witness);
            if !mesh.settings.given {
                finding = finding.sure_if(
                    "the mesh's configuration, which is not given, names no other trust domain",
                );
            }
            found.push(finding);
        }
    }
}

/// The trust domain that a value asks for and the mesh does not accept, and somebody of it.
fn foreign(mesh: &Mesh, term: &Term<'_>) -> Option<(String, String)> {
    let Settings { trust, accepted_trust_domains: accepted, .. } = &*mesh.settings;
    let is_accepted = |domain: &str| {
        domain.is_empty() || domain.contains('*') || accepted.iter().any(|own| own == domain)
    };
    if term.attribute == Attribute::SourceTrustDomain {
        let domains = trust.trust_domains([term.text()]);
        let domain = domains.first()?;
        let foreign = !domains.iter().any(|domain| is_accepted(domain));
        return foreign.then(|| (domain.clone(), format!("{domain}/ns/default/sa/default")));
    }
    if term.attribute != Attribute::SourcePrincipal {
        return None;
    }
    // In five parts `cluster.local` is the mesh's own trust domain, in fewer it is itself [ID-31].
    let patterns = trust.principal(term.text());
    let mut found = None;
    for pattern in &patterns {
        let (domain, path) = pattern.split_once('/')?;
        let is_istio = path == "*" || path.starts_with("ns/");
        if !is_istio || is_accepted(domain) {
            return None;
        }
        found.get_or_insert_with(|| {
            let somebody = match path.strip_suffix('*') {
                Some("") => format!("{domain}/ns/default/sa/default"),
                Some(begins) => format!("{domain}/{begins}x"),
                None => pattern.clone(),
            };
            (domain.to_owned(), somebody)
        });
    }
    found
}
