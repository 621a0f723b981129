//! How a webhook is to run in a cluster → the Kubernetes manifests for it, and the one that registers it.

use base64::Engine as _;
use serde_json::{Value, json};

use super::json::Document;
use crate::cluster::{KINDS, Kind, config_map};

/// The program's port for reviews, and the one for health, in its container.
const PORTS: (u16, u16) = (8443, 8080);
/// What is done with what is read.
const VERBS: [&str; 2] = ["list", "watch"];
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
    /// The image, whose entry point is a `portcullis` with the feature `server`, or `kube`.
    pub image: String,
    /// How many there are.
    pub replicas: u16,
    /// The secret with `tls.crt` and `tls.key`.
    pub certificate: String,
    /// Where the mesh comes from.
    pub mesh: WebhookMesh,
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

/// Where a webhook's mesh comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookMesh {
    /// The cluster. The `portcullis` has the feature `kube`.
    Cluster {
        /// istiod's namespace.
        istio_namespace: String,
        /// istiod's revision; `default` or empty for the one without a name.
        revision: String,
    },
    /// A config map of this name.
    ConfigMap(String),
}

impl WebhookSetting {
    /// What runs the webhook, in the order in which it can be applied.
    #[must_use]
    pub fn server(&self) -> Vec<Document> {
        let mut all = vec![self.namespace(), self.service_account()];
        if let WebhookMesh::Cluster { istio_namespace, revision } = &self.mesh {
            all.extend(self.rights(istio_namespace, revision));
        }
        all.extend([
            self.deployment(),
            self.service(),
            self.disruption_budget(),
            self.network_policy(),
        ]);
        all.into_iter().map(Document::new).collect()
    }

    const fn reads_cluster(&self) -> bool {
        matches!(self.mesh, WebhookMesh::Cluster { .. })
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

    /// Where it asks the API server for nothing it has no token, and there is no role. Else the pod says that it has one.
    fn service_account(&self) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": self.metadata(),
            "automountServiceAccountToken": false,
        })
    }

    /// To list and watch what is read, and nothing else: of config maps the one of istiod, which a name can say.
    fn rights(&self, istio_namespace: &str, revision: &str) -> [Value; 4] {
        let mut rules: Vec<Value> = Vec::new();
        let many: Vec<&Kind> = KINDS.iter().filter(|kind| !kind.one).collect();
        for group in many.chunk_by(|one, other| one.group == other.group) {
            let plurals: Vec<&str> = group.iter().map(|kind| kind.plural).collect();
            let groups: Vec<&str> = group.iter().take(1).map(|kind| kind.group).collect();
            rules.push(json!({"apiGroups": groups, "resources": plurals, "verbs": VERBS}));
        }
        let one: Vec<Value> = KINDS
            .iter()
            .filter(|kind| kind.one)
            .map(|kind| {
                json!({
                    "apiGroups": [kind.group],
                    "resources": [kind.plural],
                    "resourceNames": [config_map(revision)],
                    "verbs": VERBS,
                })
            })
            .collect();
        let whole = json!({"name": self.name, "labels": self.labels()});
        let inside =
            json!({"name": self.name, "namespace": istio_namespace, "labels": self.labels()});
        [
            role("ClusterRole", &whole, &rules),
            self.binding("ClusterRole", &whole),
            role("Role", &inside, &one),
            self.binding("Role", &inside),
        ]
    }

    fn binding(&self, role: &str, metadata: &Value) -> Value {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": format!("{role}Binding"),
            "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": self.name},
            "subjects": [{
                "kind": "ServiceAccount",
                "name": self.name,
                "namespace": self.namespace,
            }],
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
            "automountServiceAccountToken": self.reads_cluster(),
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
        let mut mounts = vec![mount("certificate")];
        if !self.reads_cluster() {
            mounts.push(mount("policies"));
        }
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
                // A cluster may hold thousands of pods.
                "limits": {"memory": if self.reads_cluster() { "1Gi" } else { "256Mi" }},
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
            --certificate /etc/portcullis/certificate/tls.crt --key /etc/portcullis/certificate/tls.key",
            PORTS.0, PORTS.1
        );
        let mut words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        match &self.mesh {
            WebhookMesh::Cluster { istio_namespace, revision } => {
                words.extend(
                    ["--from-cluster", "--istio-namespace", istio_namespace].map(str::to_owned),
                );
                if !matches!(revision.as_str(), "" | "default") {
                    words.extend(["--revision", revision].map(str::to_owned));
                }
            }
            WebhookMesh::ConfigMap(_) => {
                words.extend(["--filename", "/etc/portcullis/policies"].map(str::to_owned));
            }
        }
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
        let mut volumes = vec![json!({"name": "certificate", "secret": certificate})];
        if let WebhookMesh::ConfigMap(policies) = &self.mesh {
            volumes.push(json!({"name": "policies", "configMap": {"name": policies}}));
        }
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

    /// The API server and the kubelet are no pods, and so cannot be named. The webhook itself calls nobody, but for the API
    /// server where the mesh comes from it: its service's port, and the one behind it, as networks differ in which they see.
    fn network_policy(&self) -> Value {
        let egress = if self.reads_cluster() {
            json!([{"ports": [{"port": 443}, {"port": 6443}]}])
        } else {
            json!([])
        };
        json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": self.metadata(),
            "spec": {
                "podSelector": {"matchLabels": self.labels()},
                "policyTypes": ["Ingress", "Egress"],
                "ingress": [{"ports": [{"port": "reviews"}, {"port": "health"}]}],
                "egress": egress,
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

fn role(kind: &str, metadata: &Value, rules: &[Value]) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": metadata,
        "rules": rules,
    })
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
