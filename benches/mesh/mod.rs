//! Numbers → a mesh of 200 policies over 40 workloads, 3 guards of 20 cases, and a review about it.

use std::fmt::Write as _;

const NAMESPACES: usize = 4;
const WORKLOADS: usize = 10;
const POLICIES: usize = 50;

/// 4 namespaces of 10 workloads and 50 policies each.
pub(crate) fn manifests() -> String {
    let mut text = String::new();
    for namespace in 0..NAMESPACES {
        write!(text, "---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: ns{namespace}, labels: {{istio-injection: enabled}}}}\n").unwrap();
        for workload in 0..WORKLOADS {
            write!(
                text,
                "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: app{workload}, namespace: ns{namespace}}}\nspec:\n  template:\n    metadata: {{labels: {{app: app{workload}}}}}\n    spec:\n      serviceAccountName: app{workload}\n      containers: [{{name: main, ports: [{{containerPort: 8080}}]}}]\n---\napiVersion: v1\nkind: Service\nmetadata: {{name: app{workload}, namespace: ns{namespace}}}\nspec:\n  selector: {{app: app{workload}}}\n  ports: [{{port: 80, targetPort: 8080, name: http}}]\n"
            )
            .unwrap();
        }
        for policy in 0..POLICIES {
            // What denies names its port, since it would deny more before others.
            let (action, ports) =
                if policy % 11 == 3 { ("DENY", "ports: ['8080'], ") } else { ("ALLOW", "") };
            write!(
                text,
                "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: p{policy}, namespace: ns{namespace}}}\nspec:\n  selector: {{matchLabels: {{app: app{}}}}}\n  action: {action}\n  rules:\n  - from:\n    - source:\n        principals: [cluster.local/ns/ns{}/sa/app{}, cluster.local/ns/ns{namespace}/sa/app{}]\n    to:\n    - operation: {{{ports}methods: [GET, POST], paths: [/api/v{policy}/*, '/files/{{*}}/{policy}', '*/health{policy}']}}\n    when:\n    - key: request.headers[x-tenant]\n      notValues: [t{policy}]\n",
                policy % WORKLOADS,
                (namespace + policy) % NAMESPACES,
                policy % 7,
                (policy + 3) % WORKLOADS,
            )
            .unwrap();
        }
    }
    text
}

/// 3 suites of 20 cases about the workloads of the first namespace, two about each.
pub(crate) fn guards() -> String {
    let mut text = String::new();
    for suite in 0..3 {
        write!(text, "---\napiVersion: portcullis.dev/v1alpha1\nkind: TestSuite\nmetadata: {{name: s{suite}}}\ntests:\n").unwrap();
        for case in 0..20 {
            write!(
                text,
                "- name: c{case}\n  from: app{}.ns1\n  to: app{}.ns0:80\n  request: {{method: DELETE, path: /x/{suite}}}\n  expect: deny\n",
                case / 2,
                case % WORKLOADS,
            )
            .unwrap();
        }
    }
    text
}

/// What the API server asks when an object is replaced, with the fields that it adds.
pub(crate) fn asked(path: usize, selector: &str) -> String {
    let object = format!(
        r#"{{"apiVersion":"security.istio.io/v1","kind":"AuthorizationPolicy","metadata":{{"annotations":{{"kubectl.kubernetes.io/last-applied-configuration":"{{}}\n"}},"creationTimestamp":"2026-01-01T00:00:00Z","generation":2,"managedFields":[{{"apiVersion":"security.istio.io/v1","fieldsType":"FieldsV1","fieldsV1":{{"f:metadata":{{"f:annotations":{{".":{{}},"f:kubectl.kubernetes.io/last-applied-configuration":{{}}}}}},"f:spec":{{".":{{}},"f:action":{{}},"f:rules":{{}},"f:selector":{{".":{{}},"f:matchLabels":{{}}}}}}}},"manager":"kubectl-client-side-apply","operation":"Update","time":"2026-01-01T00:00:00Z"}}],"name":"p7","namespace":"ns0","resourceVersion":"4711","uid":"b5e4b4d6-0000-4000-8000-000000000000"}},"spec":{{"action":"ALLOW","rules":[{{"from":[{{"source":{{"principals":["cluster.local/ns/ns1/sa/app1","cluster.local/ns/ns2/sa/app4"]}}}}],"to":[{{"operation":{{"methods":["GET","POST"],"paths":["/api/v{path}/*","/files/{{*}}/7","*/health7"]}}}}],"when":[{{"key":"request.headers[x-tenant]","notValues":["t7"]}}]}}]{selector}}}}}"#
    );
    format!(
        r#"{{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{{"uid":"705ab4f5-6393-11e8-b7cc-42010a800002","kind":{{"group":"security.istio.io","version":"v1","kind":"AuthorizationPolicy"}},"resource":{{"group":"security.istio.io","version":"v1","resource":"authorizationpolicies"}},"requestKind":{{"group":"security.istio.io","version":"v1","kind":"AuthorizationPolicy"}},"requestResource":{{"group":"security.istio.io","version":"v1","resource":"authorizationpolicies"}},"name":"p7","namespace":"ns0","operation":"UPDATE","userInfo":{{"username":"kubernetes-admin","groups":["system:masters","system:authenticated"]}},"object":{object},"oldObject":{object},"dryRun":false,"options":{{"kind":"UpdateOptions","apiVersion":"meta.k8s.io/v1","fieldManager":"kubectl-client-side-apply","fieldValidation":"Strict"}}}}}}"#
    )
}
