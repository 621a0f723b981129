//! How a webhook is to run in a cluster → the Kubernetes manifests for it, and the one that registers it.

use base64::Engine as _;
use serde_json::{Value, json};

use super::json::Document;

/// The program's port for reviews, and the one for health, in its container.
const PORTS: (u16, u16) = (8443, 8080);
/// Nobody, as images without a distribution have it.
const USER: u32 = 65532;
/// The name under which everything finds what belongs to it.
const NAME_LABEL: &str = "app.kubernetes.io/name";
/// What stands in for a bundle. It is no certificate, so that nothing is taken for the webhook.
const PLACEHOLDER: &str = "a placeholder: give --ca-bundle, or write your own CA bundle here\n";

/// How a webhook is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookSetting {
    /// The name of everything, a DNS label: `portcullis`.
    pub name: String,
    /// The namespace, a DNS label.
    pub namespace: String,
    /// The image, whose entry point is a `portcullis` with the feature `server`.
    pub image: String,
    /// How many there are.
    pub replicas: u16,
    /// The secret with `tls.crt` and `tls.key`.
    pub certificate: String,
    /// The config map with the mesh.
    pub policies: String,
    /// The config map with suites; absent: there are no guards.
    pub guards: Option<String>,
    /// Further options of `webhook serve`.
    pub options: Vec<String>,
    /// Whether what could not be looked at, or asked, is allowed.
    pub fail_open: bool,
    /// What the API server holds the webhook's certificate against, PEM; absent: a placeholder that says so.
    pub ca_bundle: Option<String>,
    /// Where the webhook is, where it is not the service in `namespace`.
    pub url: Option<String>,
}

impl WebhookSetting {
    /// What runs the webhook, in the order in which it can be applied.
    #[must_use]
    pub fn server(&self) -> Vec<Document> {
        let all = [
            self.namespace(),
            self.service_account(),
            self.deployment(),
            self.service(),
            self.disruption_budget(),
            self.network_policy(),
        ];
        all.into_iter().map(Document::new).collect()
    }

    /// What makes the API server ask it.
    #[must_use]
    pub fn registration(&self) -> Document {
        Document::new(self.validating_webhook_configuration())
    }

    /// No sidecar: the API server has no certificate of the mesh. And no right that a restricted pod has not.
    fn namespace(&self) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": self.namespace,
                "labels": {
                    "istio-injection": "disabled",
                    "pod-security.kubernetes.io/enforce": "restricted",
                },
            },
        })
    }

    /// It asks the API server for nothing: it has no token, and so there is no role.
    fn service_account(&self) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": self.metadata(),
            "automountServiceAccountToken": false,
        })
    }

    fn deployment(&self) -> Value {
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": self.metadata(),
            "spec": {
                "replicas": self.replicas,
                "selector": {"matchLabels": self.labels()},
                "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
                "template": {
                    "metadata": {
                        "labels": {NAME_LABEL: self.name, "sidecar.istio.io/inject": "false"},
                    },
                    "spec": self.pod(),
                },
            },
        })
    }

    fn pod(&self) -> Value {
        json!({
            "serviceAccountName": self.name,
            "automountServiceAccountToken": false,
            // 5 s until nobody sends any more, 25 s for connections to finish, and some to spare.
            "terminationGracePeriodSeconds": 40,
            "securityContext": {
                "runAsNonRoot": true,
                "runAsUser": USER,
                "runAsGroup": USER,
                "fsGroup": USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{
                "weight": 100,
                "podAffinityTerm": {
                    "labelSelector": {"matchLabels": self.labels()},
                    "topologyKey": "kubernetes.io/hostname",
                },
            }]}},
            "containers": [self.container()],
            "volumes": self.volumes(),
        })
    }

    fn container(&self) -> Value {
        let mut mounts = vec![mount("certificate"), mount("policies")];
        if self.guards.is_some() {
            mounts.push(mount("guards"));
        }
        json!({
            "name": "webhook",
            "image": self.image,
            "args": self.arguments(),
            "ports": [
                {"name": "reviews", "containerPort": PORTS.0},
                {"name": "health", "containerPort": PORTS.1},
            ],
            "livenessProbe": {
                "httpGet": {"path": "/livez", "port": "health"},
                "timeoutSeconds": 5,
            },
            "readinessProbe": {
                "httpGet": {"path": "/readyz", "port": "health"},
                "periodSeconds": 2,
            },
            "startupProbe": {
                "httpGet": {"path": "/readyz", "port": "health"},
                "periodSeconds": 1,
                "failureThreshold": 60,
            },
            "resources": {
                "requests": {"cpu": "100m", "memory": "64Mi"},
                "limits": {"memory": "256Mi"},
            },
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": true,
            },
            "volumeMounts": mounts,
        })
    }

    fn arguments(&self) -> Vec<String> {
        let words = format!(
            "webhook serve --no-config --listen 0.0.0.0:{} --health 0.0.0.0:{} \
            --certificate /etc/portcullis/certificate/tls.crt --key /etc/portcullis/certificate/tls.key \
            --filename /etc/portcullis/policies",
            PORTS.0, PORTS.1
        );
        let mut words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        if self.guards.is_some() {
            words.extend(["--guard", "/etc/portcullis/guards"].map(str::to_owned));
        }
        if self.fail_open {
            words.push("--fail-open".to_owned());
        }
        words.extend(self.options.iter().cloned());
        words
    }

    fn volumes(&self) -> Vec<Value> {
        let certificate = json!({"secretName": self.certificate, "defaultMode": 0o440});
        let mut volumes = vec![
            json!({"name": "certificate", "secret": certificate}),
            json!({"name": "policies", "configMap": {"name": self.policies}}),
        ];
        if let Some(guards) = &self.guards {
            volumes.push(json!({"name": "guards", "configMap": {"name": guards}}));
        }
        volumes
    }

    fn service(&self) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": self.metadata(),
            "spec": {
                "selector": self.labels(),
                "ports": [{"name": "https-reviews", "port": 443, "targetPort": "reviews"}],
            },
        })
    }

    fn disruption_budget(&self) -> Value {
        json!({
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": self.metadata(),
            "spec": {"maxUnavailable": 1, "selector": {"matchLabels": self.labels()}},
        })
    }

    /// The API server and the kubelet are no pods, and so cannot be named. The webhook itself calls nobody.
    fn network_policy(&self) -> Value {
        json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": self.metadata(),
            "spec": {
                "podSelector": {"matchLabels": self.labels()},
                "policyTypes": ["Ingress", "Egress"],
                "ingress": [{"ports": [{"port": "reviews"}, {"port": "health"}]}],
                "egress": [],
            },
        })
    }

    fn validating_webhook_configuration(&self) -> Value {
        let bundle = self.ca_bundle.as_deref().unwrap_or(PLACEHOLDER);
        let bundle = base64::engine::general_purpose::STANDARD.encode(bundle);
        let client = match &self.url {
            Some(url) => json!({"url": url, "caBundle": bundle}),
            None => {
                let service = json!({
                    "name": self.name,
                    "namespace": self.namespace,
                    "path": "/validate",
                    "port": 443,
                });
                json!({"service": service, "caBundle": bundle})
            }
        };
        let mut metadata = json!({"name": self.name, "labels": self.labels()});
        if let (None, Value::Object(metadata)) = (&self.ca_bundle, &mut metadata) {
            let said = json!({"portcullis.dev/ca-bundle": PLACEHOLDER.trim_end()});
            drop(metadata.insert("annotations".to_owned(), said));
        }
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": metadata,
            "webhooks": [{
                "name": "validate.portcullis.dev",
                "admissionReviewVersions": ["v1"],
                "clientConfig": client,
                "failurePolicy": if self.fail_open { "Ignore" } else { "Fail" },
                "matchPolicy": "Equivalent",
                "namespaceSelector": {"matchExpressions": [{
                    "key": "kubernetes.io/metadata.name",
                    "operator": "NotIn",
                    "values": ["kube-system", self.namespace],
                }]},
                "rules": [
                    rule(
                        "security.istio.io",
                        &["authorizationpolicies", "peerauthentications", "requestauthentications"],
                    ),
                    rule("networking.istio.io", &["destinationrules"]),
                ],
                "sideEffects": "None",
                "timeoutSeconds": 3,
            }],
        })
    }

    fn metadata(&self) -> Value {
        json!({"name": self.name, "namespace": self.namespace, "labels": self.labels()})
    }

    fn labels(&self) -> Value {
        json!({NAME_LABEL: self.name})
    }
}

/// Manifests as one document, a `List` as the API server has it.
#[must_use]
pub fn list_document(all: &[Document]) -> Document {
    let items: Vec<&Value> = all.iter().map(|one| &one.0).collect();
    Document::new(json!({"apiVersion": "v1", "kind": "List", "items": items}))
}

fn mount(name: &str) -> Value {
    json!({"name": name, "mountPath": format!("/etc/portcullis/{name}"), "readOnly": true})
}

/// Every version: one that is yet to come must not pass unseen.
fn rule(group: &str, resources: &[&str]) -> Value {
    json!({
        "apiGroups": [group],
        "apiVersions": ["*"],
        "operations": ["CREATE", "UPDATE", "DELETE"],
        "resources": resources,
        "scope": "Namespaced",
    })
}
