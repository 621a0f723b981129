//! A namespace or service account that the files do not know → probably a misspelling.

use std::collections::{BTreeMap, BTreeSet};

use crate::istio::Resource;
use crate::lint::subject::Subject;
use crate::lint::{Finding, Level, Lint};
use crate::mesh::{Attribute, Mesh};

pub(super) const LINT: Lint = Lint {
    code: "PC014",
    name: "unknown-caller",
    level: Level::Medium,
    what: "A policy names a namespace or a service account that the files do not know.",
    why: "Names are compared as they are written, and a misspelt one is no error: the rule admits, or refuses, nobody. \
          The lint speaks only where the name is one slip away from a known one, or where the files hold a whole \
          cluster: the Namespace `kube-system`.",
    bad: &[
        "\
apiVersion: v1
kind: Namespace
metadata: {name: prod}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: typo, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {namespaces: [prdo]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: account, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {principals: [cluster.local/ns/foo/sa/slep]}
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: known, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {namespaces: [foo, 'f*', not-in-the-files]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: known-account, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {principals: [cluster.local/ns/foo/sa/sleep, cluster.local/ns/foo/sa/db], namespaces: [foo]}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let Some(mesh) = subject.mesh else { return };
    // Who holds a namespace of the system holds what a cluster has.
    let everything = subject.resources.iter().any(
        |resource| matches!(resource, Resource::Namespace(meta) if meta.name == "kube-system"),
    );
    let known = accounts(mesh);
    // Where accounts of a namespace are known, and this one is not: every namespace has a `default`.
    let lacks = |namespace: &str, account: Option<&str>| {
        account
            .filter(|account| *account != "default")
            .is_some_and(|account| {
                known
                    .get(namespace)
                    .is_some_and(|known| !known.contains(account))
            })
    };
    for written in subject.policies() {
        for term in written.terms() {
            if term.text().contains('*') {
                continue;
            }
            let own = &written.policy.meta.namespace;
            let Some((namespace, account)) = named(&term.attribute, term.text(), own) else {
                continue;
            };
            let unknown = if !knows_namespace(mesh, namespace) {
                let mut known = mesh.inventory.namespaces.iter();
                let near = known.find(|known| one_slip_apart(known, namespace));
                match near {
                    Some(near) => {
                        format!("the files know no namespace `{namespace}`, and one `{near}`")
                    }
                    None if everything => format!("the cluster has no namespace `{namespace}`"),
                    None => continue,
                }
            } else if lacks(namespace, account) {
                let account = account.unwrap_or_default();
                format!("the files know no service account `{account}` in namespace `{namespace}`")
            } else {
                continue;
            };
            found.push(
                written
                    .finding(&term, unknown)
                    .help("mend the name, or hand over the files of that namespace, too")
                    .sure_if("the files hold every namespace and service account that may call"),
            );
        }
    }
}

/// Whether two names differ by one letter that is missing, too much or another one, or by two that changed places.
fn one_slip_apart(a: &str, b: &str) -> bool {
    const SHORT: usize = 4;
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let same = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let (a, b) = (a.get(same..).unwrap_or_default(), b.get(same..).unwrap_or_default());
    let rest = |of: &[char], from: usize| of.get(from..).unwrap_or_default().to_vec();
    let swapped = matches!((a, b), ([p, q, x @ ..], [r, s, y @ ..]) if p == s && q == r && x == y);
    let slip = rest(a, 1) == rest(b, 1) || rest(a, 1) == b || a == rest(b, 1);
    a != b && same + a.len() >= SHORT && (swapped || slip)
}

/// The namespace and the account that a value names.
fn named<'v>(
    attribute: &Attribute,
    text: &'v str,
    own: &'v str,
) -> Option<(&'v str, Option<&'v str>)> {
    if *attribute == Attribute::SourceNamespace {
        return Some((text, None));
    }
    if *attribute == Attribute::SourceServiceAccount {
        let (namespace, account) = text.split_once('/').unwrap_or((own, text));
        return Some((namespace, Some(account)));
    }
    if *attribute == Attribute::SourcePrincipal {
        let parts: Vec<&str> = text.split('/').collect();
        if let [_, "ns", namespace, "sa", account] = parts.as_slice() {
            return Some((namespace, Some(account)));
        }
    }
    None
}

fn knows_namespace(mesh: &Mesh, namespace: &str) -> bool {
    mesh.inventory.namespaces.contains(namespace)
}

/// The accounts that the files know, by namespace.
fn accounts(mesh: &Mesh) -> BTreeMap<&str, BTreeSet<&str>> {
    let written = mesh.inventory.service_accounts.iter();
    let written = written.map(|(namespace, name)| (namespace.as_str(), name.as_str()));
    let workloads = mesh.inventory.workloads.iter();
    let of_workloads =
        workloads.map(|workload| (workload.namespace.as_str(), workload.service_account.as_str()));
    let mut accounts: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (namespace, name) in written.chain(of_workloads) {
        accounts.entry(namespace).or_default().insert(name);
    }
    accounts
}
