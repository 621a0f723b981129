//! An HTTP field in a policy that a ztunnel enforces → the rule is left out, or the field.

use crate::istio::{Action, Rule};
use crate::lint::subject::{Place, Subject, Term, Written};
use crate::lint::{Finding, Level, Lint};
use crate::mesh::{Attribute, Dataplane};

pub(super) const LINT: Lint = Lint {
    code: "PC120",
    name: "http-field-at-a-ztunnel",
    level: Level::High,
    what: "A policy with fields of HTTP selects workloads in ambient mode, where a ztunnel enforces it.",
    why: "A ztunnel sees connections, no requests. istiod leaves out an ALLOW rule that asks for paths, methods, \
          hosts, headers or tokens. Of a DENY rule it leaves out what the ztunnel cannot ask: with nothing over in a \
          part of the rule, the rule denies nothing. Such policies belong to a waypoint, by `targetRefs`.",
    bad: &[
        "\
apiVersion: v1
kind: Namespace
metadata: {name: amb, labels: {istio.io/dataplane-mode: ambient}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: amb}
spec:
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, ports: [{containerPort: 8080}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: readers, namespace: amb}
spec:
  rules:
  - to:
    - operation: {methods: [GET]}
",
        "\
apiVersion: v1
kind: Namespace
metadata: {name: amb, labels: {istio.io/dataplane-mode: ambient}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: amb}
spec:
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, ports: [{containerPort: 8080}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-admin, namespace: amb}
spec:
  selector: {matchLabels: {app: web}}
  action: DENY
  rules:
  - to:
    - operation: {paths: [/admin]}
",
    ],
    good: &[
        "\
apiVersion: v1
kind: Namespace
metadata: {name: amb, labels: {istio.io/dataplane-mode: ambient}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: amb}
spec:
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, ports: [{containerPort: 8080}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: by-caller, namespace: amb}
spec:
  rules:
  - from:
    - source: {namespaces: [foo]}
    to:
    - operation: {ports: [\"8080\"]}
",
        "\
apiVersion: v1
kind: Namespace
metadata: {name: amb, labels: {istio.io/dataplane-mode: ambient}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: amb}
spec:
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, ports: [{containerPort: 8080}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: at-the-waypoint, namespace: amb}
spec:
  targetRefs: [{kind: Service, group: \"\", name: web}]
  rules:
  - to:
    - operation: {methods: [GET]}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let Some(mesh) = subject.mesh else { return };
    for written in subject.policies() {
        let target = &written.policy.target;
        if written.compiled.is_none() || !target.references().is_empty() {
            continue;
        }
        let about = subject.selected(mesh, &written.policy.meta, target.selector.as_ref());
        let mut about = about.iter().filter_map(|at| mesh.workload(*at));
        if !about.any(|workload| workload.dataplane == Dataplane::Ambient) {
            continue;
        }
        for (index, rule) in written.policy.rules.iter().flatten().enumerate() {
            let Some(rule) = rule else { continue };
            let mut asked = written
                .terms()
                .filter(|term| term.rule == index && is_beyond(term));
            let Some(first) = asked.next() else { continue };
            let what = match written.policy.action {
                Action::Allow => "this rule is left out, and admits nobody there".to_owned(),
                Action::Deny if denies_nothing(written, index, rule) => {
                    "nothing is left of a part of this rule, and it denies nothing there".to_owned()
                }
                Action::Deny => format!("`{}` is left out, and more is denied there", first.field),
                Action::Audit | Action::Custom => continue,
            };
            let mut finding = written
                .finding(&first, format!("a ztunnel cannot ask for `{}`: {what}", first.field))
                .help("name the waypoint's Service or Gateway in `targetRefs`");
            if written.policy.action == Action::Deny {
                finding = finding
                    .sure_if("istiod is of August 2026 or later: earlier ones denied instead");
            }
            found.push(finding);
        }
    }
}

/// Whether a ztunnel cannot ask for it.
fn is_beyond(term: &Term<'_>) -> bool {
    let connection = matches!(
        term.attribute,
        Attribute::SourceIp
            | Attribute::SourceNamespace
            | Attribute::SourcePrincipal
            | Attribute::DestinationIp
            | Attribute::DestinationPort
    );
    let of_source =
        matches!(term.attribute, Attribute::SourceServiceAccount | Attribute::SourceTrustDomain)
            && matches!(term.place, Place::From(_));
    !connection && !of_source
}

/// Whether of all sources, of all operations, or of a condition nothing is left.
fn denies_nothing(written: &Written<'_>, index: usize, rule: &Rule) -> bool {
    let terms: Vec<Term<'_>> = written.terms().filter(|term| term.rule == index).collect();
    // Trust domains are not handed on, either.
    let left = |term: &Term<'_>| !is_beyond(term) && term.attribute != Attribute::SourceTrustDomain;
    let some = |place: Place| terms.iter().any(|term| term.place == place && left(term));
    let count =
        |list: usize, place: fn(usize) -> Place| list > 0 && !(0..list).any(|at| some(place(at)));
    count(rule.from.as_ref().map_or(0, Vec::len), Place::From)
        || count(rule.to.as_ref().map_or(0, Vec::len), Place::To)
        || (0..rule.when.len()).any(|at| !some(Place::When(at)))
}
