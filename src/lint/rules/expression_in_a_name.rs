//! A dot in a name that older proxies take for any character → other names match, too.

use crate::istio::Action;
use crate::lint::subject::Subject;
use crate::lint::{Finding, Level, Lint};
use crate::mesh::Attribute;

pub(super) const LINT: Lint = Lint {
    code: "PC017",
    name: "expression-in-a-name",
    level: Level::High,
    what: "A service account or the end of a principal has a dot, and proxies of this release take it for any \
          character.",
    why: "Istio before 1.27.9, 1.28.6 and 1.29.2 makes a regular expression of `serviceAccounts` without escaping it \
          (CVE-2026-39350), and before 1.28.7 and 1.29.3 of principals with a star at the front. `cert-manager.io` \
          then is `cert-manager-io` as well, which somebody else may be called. The lint speaks only where `--istio` \
          says the release.",
    bad: &[
        "\
# --istio 1.28.5
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: account, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {serviceAccounts: [foo/cert-manager.io]}
",
        "\
# --istio 1.29.2
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: suffix, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {principals: ['*/ns/foo/sa/cert-manager.io']}
",
    ],
    good: &[
        "\
# --istio 1.29.3
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: account, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {serviceAccounts: [foo/cert-manager.io]}
",
        "\
# --istio 1.28.5
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: exact, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {principals: [cluster.local/ns/foo/sa/cert-manager.io], namespaces: [foo]}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for (mesh, written) in subject.in_force(Action::Allow) {
        let Some(version) = mesh.settings.istio_version else { continue };
        for term in written
            .terms()
            .filter(|term| term.is_positive() && term.text().contains('.'))
        {
            let account = term.attribute == Attribute::SourceServiceAccount
                && version.reads_accounts_as_expressions();
            let suffix = term.attribute == Attribute::SourcePrincipal
                && term.text().starts_with('*')
                && version.reads_suffixes_as_expressions();
            if account || suffix {
                let message = format!(
                    "the dot in `{}` is any character to proxies of {version}",
                    term.text()
                );
                found.push(
                    written
                        .finding(&term, message)
                        .help("update Istio, or write the whole principal without a star"),
                );
            }
        }
    }
}
