//! A kind that is read → what the API server calls it, and of which versions it is wanted.

use std::fmt;

/// A kind that is listed and watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// Its group; empty for the core group.
    pub group: &'static str,
    /// Its name: `AuthorizationPolicy`.
    pub kind: &'static str,
    /// Its name in paths and rights: `authorizationpolicies`.
    pub plural: &'static str,
    /// The versions that are understood, the best one first; empty: whichever the API server prefers.
    pub versions: &'static [&'static str],
    /// Whether one object of it is read, of one namespace, and no other: the mesh's `ConfigMap`. Config maps hold what is
    /// nobody else's concern.
    pub one: bool,
}

impl fmt::Display for Kind {
    /// As kubectl names it: `authorizationpolicies.security.istio.io`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.group {
            "" => f.write_str(self.plural),
            group => write!(f, "{}.{group}", self.plural),
        }
    }
}

const fn any(group: &'static str, kind: &'static str, plural: &'static str) -> Kind {
    Kind { group, kind, plural, versions: &[], one: false }
}

const fn security(kind: &'static str, plural: &'static str) -> Kind {
    Kind { group: "security.istio.io", kind, plural, versions: &["v1", "v1beta1"], one: false }
}

/// Everything that is read. Secrets are not among it.
pub const KINDS: &[Kind] = &[
    Kind { group: "", kind: "ConfigMap", plural: "configmaps", versions: &[], one: true },
    any("", "Namespace", "namespaces"),
    any("", "Pod", "pods"),
    any("", "ReplicationController", "replicationcontrollers"),
    any("", "Service", "services"),
    any("", "ServiceAccount", "serviceaccounts"),
    any("apps", "DaemonSet", "daemonsets"),
    any("apps", "Deployment", "deployments"),
    any("apps", "ReplicaSet", "replicasets"),
    any("apps", "StatefulSet", "statefulsets"),
    any("batch", "CronJob", "cronjobs"),
    any("batch", "Job", "jobs"),
    any("extensions.istio.io", "TrafficExtension", "trafficextensions"),
    any("extensions.istio.io", "WasmPlugin", "wasmplugins"),
    any("gateway.networking.k8s.io", "BackendTLSPolicy", "backendtlspolicies"),
    any("gateway.networking.k8s.io", "GRPCRoute", "grpcroutes"),
    any("gateway.networking.k8s.io", "Gateway", "gateways"),
    any("gateway.networking.k8s.io", "HTTPRoute", "httproutes"),
    any("gateway.networking.k8s.io", "TCPRoute", "tcproutes"),
    any("gateway.networking.k8s.io", "TLSRoute", "tlsroutes"),
    any("networking.istio.io", "DestinationRule", "destinationrules"),
    any("networking.istio.io", "EnvoyFilter", "envoyfilters"),
    any("networking.istio.io", "Gateway", "gateways"),
    any("networking.istio.io", "ProxyConfig", "proxyconfigs"),
    any("networking.istio.io", "ServiceEntry", "serviceentries"),
    any("networking.istio.io", "Sidecar", "sidecars"),
    any("networking.istio.io", "VirtualService", "virtualservices"),
    any("networking.istio.io", "WorkloadEntry", "workloadentries"),
    any("networking.istio.io", "WorkloadGroup", "workloadgroups"),
    security("AuthorizationPolicy", "authorizationpolicies"),
    security("PeerAuthentication", "peerauthentications"),
    security("RequestAuthentication", "requestauthentications"),
];

/// The name of the `ConfigMap` with the mesh's configuration, for istiod of this revision; empty is `default`.
#[must_use]
pub fn config_map(revision: &str) -> String {
    match revision {
        "" | "default" => "istio".to_owned(),
        revision => format!("istio-{revision}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::parse;

    #[test]
    fn what_is_watched_is_what_is_read() {
        let watched: Vec<_> = KINDS.iter().map(|kind| (kind.group, kind.kind)).collect();
        let read: Vec<_> = parse::kinds().collect();
        assert_eq!(watched, read);
        assert!(KINDS.iter().all(|kind| kind.plural != "secrets"));
    }

    /// Rights are given by group and plural: two kinds that share them would be one right.
    #[test]
    fn every_kind_has_a_name_of_its_own() {
        let names: BTreeSet<String> = KINDS.iter().map(ToString::to_string).collect();
        assert_eq!(names.len(), KINDS.len());
        assert!(names.contains("authorizationpolicies.security.istio.io"));
        assert!(names.contains("pods"));
    }

    /// A version that is asked for is one that is understood.
    #[test]
    fn versions_that_are_named_are_understood() {
        for kind in KINDS {
            for version in kind.versions {
                let text = format!(
                    "apiVersion: {}/{version}\nkind: {}\nmetadata: {{name: a}}\n",
                    kind.group, kind.kind
                );
                let mut loaded = parse::Loaded::default();
                parse::resources("a.yaml", &text, "default", &mut loaded);
                assert_eq!(loaded.findings, [], "{kind} {version}");
            }
        }
    }

    #[rstest::rstest]
    #[case("", "istio")]
    #[case("default", "istio")]
    #[case("canary", "istio-canary")]
    fn the_config_map_is_the_revisions(#[case] revision: &str, #[case] want: &str) {
        assert_eq!(config_map(revision), want);
    }
}
