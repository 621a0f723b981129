//! A CUSTOM policy whose authorizer cannot be used, or fails open → everything is refused, or everything may pass.

use crate::decide::Verdict;
use crate::diagnostic::FieldPath;
use crate::istio::Action;
use crate::lint::subject::Subject;
use crate::lint::witness::Aim;
use crate::lint::{Finding, Level, Lint};

pub(super) const LINT: Lint = Lint {
    code: "PC032",
    name: "unusable-authorizer",
    level: Level::High,
    what: "A CUSTOM policy names an authorizer that istiod cannot use, or one that lets requests pass when it cannot be \
          asked.",
    why: "Where the provider is not defined as istiod needs it, the proxy denies whatever the rules match. Where it \
          says `failOpen`, an authorizer that is down or slow is a yes to everything. The lint speaks only where the \
          mesh's configuration is given, by the files or by `--mesh-config`.",
    bad: &[
        "\
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    extensionProviders:
    - name: opa
      envoyExtAuthzGrpc: {service: opa.foo.svc.cluster.local, port: 9191}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ask, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: CUSTOM
  provider: {name: oap}
  rules:
  - to:
    - operation: {paths: [/admin]}
",
        "\
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    extensionProviders:
    - name: opa
      envoyExtAuthzGrpc: {service: opa.foo.svc.cluster.local, port: 9191, failOpen: true}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ask, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: CUSTOM
  provider: {name: opa}
  rules:
  - to:
    - operation: {paths: [/admin]}
",
    ],
    good: &[
        "\
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    extensionProviders:
    - name: opa
      envoyExtAuthzGrpc: {service: opa.foo.svc.cluster.local, port: 9191}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ask, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: CUSTOM
  provider: {name: opa}
  rules:
  - to:
    - operation: {paths: [/admin]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ask, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: CUSTOM
  provider: {name: opa}
  rules:
  - to:
    - operation: {paths: [/admin]}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for (mesh, written) in subject.in_force(Action::Custom) {
        let Some(name) = written.policy.provider.as_ref() else { continue };
        let enforced = written
            .workloads
            .first()
            .and_then(|workload| mesh.enforcement(*workload));
        let custom = enforced.and_then(|enforcement| enforcement.custom.get(&name.value));
        let said = mesh.settings.given;
        let Some(custom) = custom.filter(|_| said) else { continue };
        let path = FieldPath::root()
            .field("spec")
            .field("provider")
            .field("name");
        let finding = match &custom.provider {
            Ok(provider) if provider.fail_open => written
                .whole(format!("`{}` fails open: where it cannot be asked, every request passes", name.value))
                .help("take `failOpen` out of the provider, unless access may be given away when it is down"),
            Ok(_) => continue,
            Err(reason) => {
                let witness = subject
                    .matching(written, Aim::default())
                    .and_then(|request| subject.decided(request)?.if_decided(Verdict::Deny));
                written
                    .whole(format!("whatever this policy matches is denied: {reason}"))
                    .help("mend the provider in `extensionProviders` of the mesh's configuration, or its name here")
                    .witness(witness)
            }
        };
        found.push(finding.value(name, path));
    }
}
