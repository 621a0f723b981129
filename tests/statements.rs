//! The statements of docs/semantics.md as small suites: policies, requests, and the answers that the statement asks for.
//!
//! Both are written as `support/brief.rs` reads them.

use std::collections::BTreeMap;

use portcullis::istio::Resource;
use portcullis::mesh::{Attachment, Proxy, SelectionRules, TargetService};
use portcullis::suite::{self, CaseResult};
use rstest::rstest;

use crate::support::brief::{manifest, suite};
use crate::support::load::load;

/// The time of every request.
const NOW: i64 = 1_000;

/// Asks every question and wants every answer as it is written.
fn holds(mesh: &str, questions: &str) {
    let suite = suite(mesh, questions);
    let prepared = suite::prepare(&suite, &[]).unwrap();
    let outcomes = suite::run(&prepared, Some(NOW));
    assert!(!outcomes.is_empty());
    for (outcome, question) in outcomes.iter().zip(questions.lines().map(str::trim)) {
        let decision = outcome.asked.as_ref().map(|(_, decision)| decision);
        assert_eq!(outcome.result, CaseResult::Passed, "{question}\n{decision:?}");
    }
}

#[rstest]
// [IN-1]
#[case::the_root_namespace_is_istio_system(
    "AP istio-system/p {action: DENY, rules: [{}]}",
    "expect: deny, because: {policy: istio-system/p}"
)]
// [IN-1]
#[case::the_root_namespace_is_the_one_that_the_mesh_names(
    "mesh: {rootNamespace: root}
     AP istio-system/p {action: DENY, rules: [{}]}",
    "expect: allow"
)]
// [IN-2]
#[case::the_trust_domain_is_cluster_local(
    "",
    "expect: allow
     from: {principal: td/ns/foo/sa/a}, expect: refused"
)]
// [IN-2]
#[case::the_trust_domain_is_the_one_that_the_mesh_names(
    "mesh: {trustDomain: td}",
    "expect: refused
     from: {principal: td/ns/foo/sa/a}, expect: allow"
)]
// [IN-3] [ID-35]
#[case::an_alias_comes_in(
    "mesh: {trustDomainAliases: [old]}",
    "from: {principal: old/ns/foo/sa/a}, expect: allow
     from: {principal: older/ns/foo/sa/a}, expect: refused, because: {stage: transport}"
)]
// [IN-4]
#[case::a_trust_domain_of_another_ca_comes_in(
    "mesh: {caCertificates: [{trustDomains: [partner]}]}
     AP foo/p {action: DENY, rules: [{from: [{source: {principals: [cluster.local/ns/foo/sa/a]}}]}]}",
    "from: {principal: partner/ns/foo/sa/a}, expect: allow
     expect: deny"
)]
// [IN-5] [CL-10]
#[case::sidecars_speak_mutual_tls_by_themselves(
    "PA foo/p {mtls: {mode: STRICT}}",
    "from: sleep.bar, expect: allow"
)]
// [IN-5]
#[case::they_do_not_where_the_mesh_says_so(
    "mesh: {enableAutoMtls: false}
     PA foo/p {mtls: {mode: STRICT}}",
    "from: sleep.bar, expect: refused"
)]
// [IN-7]
#[case::paths_are_normalized_as_base_says(
    "AP foo/p {rules: [{to: [{operation: {paths: [/a/b]}}]}]}",
    "request: {path: /a/./b}, expect: allow
     request: {path: /a//b}, expect: deny"
)]
// [IN-7]
#[case::default_is_base(
    "mesh: {pathNormalization: {normalization: DEFAULT}}
     AP foo/p {rules: [{to: [{operation: {paths: [/a/b]}}]}]}",
    "request: {path: /a/./b}, expect: allow
     request: {path: /a//b}, expect: deny"
)]
// [IN-8]
#[case::only_an_authorizer_authorizes(
    "mesh: {extensionProviders: [{name: ext, zipkin: {service: a, port: 80}}]}
     providers: {ext: allow}
     AP foo/p {action: CUSTOM, provider: {name: ext}, rules: [{}]}",
    "expect: deny, because: {stage: custom}"
)]
// [IN-9]
#[case::no_proxy_before_a_gateway_is_trusted(
    "AP edge/p {rules: [{from: [{source: {remoteIpBlocks: [1.2.3.4]}}]}]}",
    "from: {plaintext: true, ip: 1.2.3.4}, to: edge.edge:80, request: {headers: {x-forwarded-for: 9.9.9.9}}, expect: allow"
)]
// [IN-9] [AP-61]
#[case::a_gateway_has_a_topology_of_its_own(
    "POD edge/own {containers: [{name: istio-proxy, ports: [{containerPort: 80}]}]} with labels: {istio: ingressgateway}, annotations: {proxy.istio.io/config: '{\"gatewayTopology\": {\"numTrustedProxies\": 1}}'}
     AP edge/p {rules: [{from: [{source: {remoteIpBlocks: [1.2.3.4]}}]}]}",
    "from: {plaintext: true, ip: 10.0.0.1}, to: own.edge:80, request: {headers: {x-forwarded-for: 1.2.3.4}}, expect: allow
     from: {plaintext: true, ip: 1.2.3.4}, to: own.edge:80, request: {headers: {x-forwarded-for: 9.9.9.9}}, expect: deny
     from: {plaintext: true, ip: 10.0.0.1}, to: edge.edge:80, request: {headers: {x-forwarded-for: 1.2.3.4}}, expect: deny"
)]
// [IN-9]
#[case::a_topology_of_its_own_counts_as_a_whole(
    "mesh: {defaultConfig: {gatewayTopology: {numTrustedProxies: 1}}}
     POD edge/own {containers: [{name: istio-proxy, ports: [{containerPort: 80}]}]} with labels: {istio: ingressgateway}, annotations: {proxy.istio.io/config: 'gatewayTopology: {forwardClientCertDetails: SANITIZE}'}
     POD edge/other {containers: [{name: istio-proxy, ports: [{containerPort: 80}]}]} with labels: {istio: ingressgateway}, annotations: {proxy.istio.io/config: 'concurrency: 2'}
     AP edge/p {rules: [{from: [{source: {remoteIpBlocks: [1.2.3.4]}}]}]}",
    "from: {plaintext: true, ip: 10.0.0.1}, to: own.edge:80, request: {headers: {x-forwarded-for: 1.2.3.4}}, expect: deny
     from: {plaintext: true, ip: 10.0.0.1}, to: other.edge:80, request: {headers: {x-forwarded-for: 1.2.3.4}}, expect: allow"
)]
// [IN-9] [AP-62]
#[case::a_sidecar_has_no_topology(
    "POD foo/web {containers: [{name: web, ports: [{containerPort: 80}]}]} with annotations: {proxy.istio.io/config: 'gatewayTopology: {numTrustedProxies: 2}'}
     AP foo/p {rules: [{from: [{source: {remoteIpBlocks: [1.2.3.4]}}]}]}",
    "to: web.foo:80, request: {headers: {x-forwarded-for: '1.2.3.4, 9.9.9.9'}}, expect: deny
     to: web.foo:80, request: {headers: {x-forwarded-for: '9.9.9.9, 1.2.3.4'}}, expect: allow"
)]
// [IN-10]
#[case::selectors_reach_gateways_of_the_gateway_api(
    "AP edge/p {action: DENY, selector: {matchLabels: {app: gw}}, rules: [{}]}",
    "from: {plaintext: true}, to: gw.edge:80, expect: deny"
)]
// [IN-11]
#[case::the_revision_is_default(
    "AP foo/p {action: DENY, rules: [{}]} with labels: {istio.io/rev: default}",
    "expect: deny"
)]
// [IN-21] [CL-13]
#[case::a_caller_without_proxy_has_no_identity(
    "AP foo/p {rules: [{from: [{source: {principals: [cluster.local/ns/foo/sa/a]}}]}]}",
    "expect: allow
     from: legacy.foo, expect: deny"
)]
// [IN-30]
#[case::nothing_is_enforced_without_a_proxy(
    "AP foo/p {action: DENY, rules: [{}]}
     PA foo/p {mtls: {mode: STRICT}}",
    "from: {plaintext: true}, to: legacy.foo:8080, expect: allow, because: {default: true}"
)]
// [IN-35]
#[case::an_annotation_takes_ports_from_the_sidecar(
    "POD foo/web {containers: [{name: web, ports: [{containerPort: 80}, {containerPort: 81}]}]} with annotations: {traffic.sidecar.istio.io/excludeInboundPorts: '81'}
     AP foo/p {action: DENY, rules: [{}]}",
    "to: web.foo:80, expect: deny
     to: web.foo:81, expect: allow, because: {default: true}"
)]
// [IN-35]
#[case::without_interception_nothing_comes_to_the_sidecar(
    "mesh: {defaultConfig: {interceptionMode: TPROXY}}
     POD foo/one {containers: [{name: web, ports: [{containerPort: 80}]}]} with annotations: {sidecar.istio.io/interceptionMode: NONE}
     POD foo/two {containers: [{name: web, ports: [{containerPort: 80}]}]} with annotations: {proxy.istio.io/config: 'interceptionMode: NONE'}
     POD foo/three {containers: [{name: web, ports: [{containerPort: 80}]}]} with annotations: {proxy.istio.io/config: 'interceptionMode: NONE', sidecar.istio.io/interceptionMode: REDIRECT}
     AP foo/p {}",
    "from: {plaintext: true}, to: one.foo:80, expect: allow, because: {default: true}
     from: {plaintext: true}, to: two.foo:80, expect: allow, because: {default: true}
     from: {plaintext: true}, to: three.foo:80, expect: deny"
)]
// [IN-35]
#[case::ports_that_are_named_are_seen_though_they_are_excluded(
    "POD foo/web {containers: [{name: web, ports: [{containerPort: 80}]}]} with annotations: {traffic.sidecar.istio.io/includeInboundPorts: '80', traffic.sidecar.istio.io/excludeInboundPorts: '80'}
     AP foo/p {}",
    "to: web.foo:80, expect: deny"
)]
// [IN-20]
#[case::past_its_sidecar_a_caller_speaks_plaintext(
    "SVC foo/front {clusterIP: 10.96.0.1, selector: {app: httpbin}, ports: [{name: http, port: 80, targetPort: 8080}]}
     POD foo/ports {containers: [{name: a}]} with annotations: {traffic.sidecar.istio.io/excludeOutboundPorts: '80'}
     POD foo/ranges {containers: [{name: a}]} with annotations: {traffic.sidecar.istio.io/includeOutboundIPRanges: 10.0.0.0/24}
     POD foo/mode {containers: [{name: a}]} with annotations: {sidecar.istio.io/interceptionMode: NONE}
     PA foo/p {mtls: {mode: STRICT}}",
    "from: ports.foo, to: front.foo:80, expect: refused, because: {stage: transport}
     from: ports.foo, expect: allow
     from: ranges.foo, to: front.foo:80, expect: refused
     from: ranges.foo, expect: allow
     from: mode.foo, to: front.foo:80, expect: refused
     from: ports.foo, to: front.foo:80, tls: plaintext, expect: refused"
)]
// [IN-20]
#[case::where_the_dialled_address_is_not_known_nor_is_what_is_spoken(
    "SVC foo/front {selector: {app: httpbin}, ports: [{name: http, port: 80, targetPort: 8080}]}
     POD foo/ranges {containers: [{name: a}]} with annotations: {traffic.sidecar.istio.io/excludeOutboundIPRanges: 10.96.0.0/12}
     PA foo/p {mtls: {mode: STRICT}}",
    "from: ranges.foo, to: front.foo:80, expect: unknown
     from: ranges.foo, to: front.foo:80, tls: plaintext, expect: refused
     from: ranges.foo, expect: allow"
)]
// [IN-34]
#[case::a_label_names_the_gateway(
    "AP edge/p {action: DENY, targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}], rules: [{}]}",
    "from: {plaintext: true}, to: gw.edge:80, expect: deny
     from: {plaintext: true}, to: edge.edge:80, expect: allow"
)]
// [IN-42]
#[case::an_address_that_is_not_said_is_not_known(
    "AP foo/p {rules: [{from: [{source: {ipBlocks: [10.0.0.0/8]}}]}]}
     AP foo/q {rules: [{to: [{operation: {paths: [/q]}}]}]}",
    "expect: unknown
     request: {path: /q}, expect: allow
     sourceIp: 10.1.2.3, expect: allow"
)]
// [RT-33]
#[case::a_gateway_removes_what_a_client_says_of_its_certificate(
    "AP edge/p {rules: [{when: [{key: 'request.headers[x-forwarded-client-cert]', values: ['*']}]}]}",
    "from: {plaintext: true}, to: edge.edge:80, request: {headers: {x-forwarded-client-cert: URI=a}}, expect: deny"
)]
// [RT-33]
#[case::a_gateway_lets_it_through_where_the_mesh_says_so(
    "mesh: {defaultConfig: {gatewayTopology: {forwardClientCertDetails: ALWAYS_FORWARD_ONLY}}}
     AP edge/p {rules: [{when: [{key: 'request.headers[x-forwarded-client-cert]', values: [URI=a]}]}]}
     AP foo/p {rules: [{when: [{key: 'request.headers[x-forwarded-client-cert]', values: [URI=a]}]}]}",
    "from: {plaintext: true}, to: edge.edge:80, request: {headers: {x-forwarded-client-cert: URI=a}}, expect: allow
     from: {plaintext: true}, to: edge.edge:80, request: {headers: {x-forwarded-client-cert: URI=b}}, expect: deny
     from: {plaintext: true}, request: {headers: {x-forwarded-client-cert: URI=a}}, expect: deny
     request: {headers: {x-forwarded-client-cert: URI=a}}, expect: unknown"
)]
// [RT-33]
#[case::a_sidecar_goes_by_its_proxy_headers(
    "mesh: {defaultConfig: {proxyHeaders: {forwardedClientCert: FORWARD_ONLY}}}
     AP foo/p {rules: [{when: [{key: 'request.headers[x-forwarded-client-cert]', values: [URI=a]}]}]}
     AP edge/p {rules: [{when: [{key: 'request.headers[x-forwarded-client-cert]', values: [URI=a]}]}]}",
    "request: {headers: {x-forwarded-client-cert: URI=a}}, expect: allow
     from: {plaintext: true}, request: {headers: {x-forwarded-client-cert: URI=a}}, expect: deny
     from: {plaintext: true}, to: edge.edge:80, request: {headers: {x-forwarded-client-cert: URI=a}}, expect: deny"
)]
// [IN-51]
#[case::a_request_without_host_is_answered_before_any_policy(
    "AP foo/p {}",
    "request: {host: ~}, expect: rejected, status: 400
     request: {host: ''}, expect: deny"
)]
fn what_is_left_out_has_a_default(#[case] mesh: &str, #[case] questions: &str) {
    holds(mesh, questions);
}

#[rstest]
// [ID-1]
#[case::an_identity_names_namespace_and_account(
    "AP foo/p {rules: [{from: [{source: {principals: [cluster.local/ns/bar/sa/sleep]}}]}]}",
    "from: sleep.bar, expect: allow"
)]
// [ID-10]
#[case::a_principal_is_written_without_scheme(
    "AP foo/p {rules: [{from: [{source: {principals: ['spiffe://cluster.local/ns/foo/sa/a', 'cluster.local/ns/*/sa/a']}}]}]}",
    "expect: deny"
)]
// [ID-10]
#[case::a_suffix_ends_an_identity(
    "AP foo/p {rules: [{from: [{source: {principals: ['*/sa/a']}}]}]}",
    "expect: allow
     from: {principal: cluster.local/ns/foo/sa/b}, expect: deny"
)]
// [ID-11]
#[case::case_counts_in_identities(
    "AP foo/p {rules: [{from: [{source: {principals: [cluster.local/ns/FOO/sa/a], namespaces: [FOO]}}, {source: {serviceAccounts: [foo/A]}}]}]}",
    "expect: deny"
)]
// [ID-12]
#[case::any_name_of_the_certificate_will_do(
    "AP foo/p {rules: [{from: [{source: {principals: [cluster.local/ns/foo/sa/b]}}]}]}",
    "from: {uris: ['spiffe://cluster.local/ns/foo/sa/a', 'spiffe://cluster.local/ns/foo/sa/b']}, expect: allow
     from: {uris: ['spiffe://cluster.local/ns/foo/sa/a', 'https://b']}, expect: deny"
)]
// [ID-14]
#[case::a_plaintext_peer_has_no_principal(
    "AP foo/p {rules: [{from: [{source: {principals: ['*']}}, {source: {namespaces: ['*']}}, {source: {trustDomains: ['*']}}]}]}",
    "expect: allow
     from: {plaintext: true}, expect: deny"
)]
// [ID-14]
#[case::a_plaintext_peer_is_everything_but(
    "AP foo/p {rules: [{from: [{source: {notPrincipals: ['*'], notNamespaces: ['*'], notTrustDomains: ['*']}}], when: [{key: source.serviceAccount, notValues: [foo/a]}]}]}",
    "from: {plaintext: true}, expect: allow
     expect: deny"
)]
// [ID-14]
#[case::tls_without_certificate_has_no_identity_either(
    "AP edge/p {rules: [{from: [{source: {notPrincipals: ['*']}}], to: [{operation: {ports: ['443']}}]}]}",
    "from: {external: true}, to: edge.edge:443, tls: tls, expect: allow"
)]
// [ID-20]
#[case::a_namespace_is_looked_for_in_the_whole_name(
    "AP foo/p {rules: [{from: [{source: {namespaces: [bar]}}]}]}",
    "from: {principal: cluster.local/ns/foo/sa/a/ns/bar/x}, expect: allow
     from: {principal: cluster.local/ns/barn/sa/a}, expect: deny"
)]
// [ID-25]
#[case::an_account_is_one_of_the_policys_namespace(
    "AP foo/p {rules: [{from: [{source: {serviceAccounts: [a]}}]}]}",
    "expect: allow
     from: {principal: cluster.local/ns/bar/sa/a}, expect: deny"
)]
// [ID-25]
#[case::in_the_root_namespace_it_is_one_of_the_root_namespace(
    "AP istio-system/p {rules: [{from: [{source: {serviceAccounts: [a]}}]}]}",
    "expect: deny
     from: {principal: cluster.local/ns/istio-system/sa/a}, expect: allow"
)]
// [ID-28]
#[case::a_trust_domain_may_have_a_star_at_one_end(
    "mesh: {trustDomainAliases: [a.corp, b.corp]}
     AP foo/p {rules: [{from: [{source: {trustDomains: ['*.corp']}}]}]}",
    "from: {principal: b.corp/ns/foo/sa/a}, expect: allow
     expect: deny"
)]
// [ID-30] [ID-31]
#[case::a_principal_of_the_mesh_stands_for_every_alias(
    "mesh: {trustDomain: td, trustDomainAliases: [old]}
     AP foo/p {rules: [{from: [{source: {principals: [cluster.local/ns/foo/sa/a]}}]}]}",
    "from: {principal: td/ns/foo/sa/a}, expect: allow
     from: {principal: old/ns/foo/sa/a}, expect: allow
     from: {principal: old/ns/foo/sa/b}, expect: deny"
)]
// [ID-31]
#[case::a_principal_of_other_than_five_parts_stands_for_itself(
    "mesh: {trustDomain: td}
     AP foo/p {rules: [{from: [{source: {principals: ['cluster.local/ns/foo/*']}}]}]}
     AP foo/q {rules: [{from: [{source: {principals: ['td/ns/bar/*']}}]}]}",
    "from: {principal: td/ns/foo/sa/a}, expect: deny
     from: {principal: td/ns/bar/sa/a}, expect: allow"
)]
// [ID-33]
#[case::a_trust_domain_of_the_mesh_stands_for_every_alias(
    "mesh: {trustDomain: td, trustDomainAliases: [old]}
     AP foo/p {rules: [{from: [{source: {trustDomains: [td]}}]}]}",
    "from: {principal: old/ns/foo/sa/a}, expect: allow"
)]
// [ID-33]
#[case::cluster_local_is_no_word_for_the_own_trust_domain(
    "mesh: {trustDomain: td}
     AP foo/p {rules: [{from: [{source: {trustDomains: [cluster.local]}}]}]}",
    "from: {principal: td/ns/foo/sa/a}, expect: deny"
)]
fn identities(#[case] mesh: &str, #[case] questions: &str) {
    holds(mesh, questions);
}

#[rstest]
// [PA-1]
#[case::a_selector_in_the_root_namespace_selects_nothing(
    "PA istio-system/p {selector: {matchLabels: {app: httpbin}}, mtls: {mode: STRICT}}",
    "from: {plaintext: true}, expect: allow"
)]
// [PA-1]
#[case::a_selector_selects_in_its_namespace(
    "PA foo/p {selector: {matchLabels: {app: httpbin}}, mtls: {mode: STRICT}}
     PA bar/p {mtls: {mode: DISABLE}}",
    "from: {plaintext: true}, expect: refused
     from: {plaintext: true}, to: sleep.bar:80, expect: allow"
)]
// [PA-1]
#[case::no_labels_are_no_selector(
    "PA istio-system/p {selector: {}, mtls: {mode: STRICT}}",
    "from: {plaintext: true}, expect: refused"
)]
// [PA-2]
#[case::the_oldest_counts_alone(
    "PA foo/a {mtls: {mode: DISABLE}} with creationTimestamp: '2022-01-01T00:00:00Z'
     PA foo/z {mtls: {mode: STRICT}} with creationTimestamp: '2021-01-01T00:00:00Z'",
    "from: {plaintext: true}, expect: refused"
)]
// [PA-2]
#[case::of_the_same_age_the_first_by_name_counts(
    "PA foo/z {mtls: {mode: DISABLE}} with creationTimestamp: '2021-01-01T00:00:00Z'
     PA foo/a {mtls: {mode: STRICT}} with creationTimestamp: '2021-01-01T00:00:00Z'",
    "from: {plaintext: true}, expect: refused"
)]
// [PA-2]
#[case::the_oldest_shadows_others_even_unset(
    "PA foo/z {selector: {matchLabels: {app: httpbin}}} with creationTimestamp: '2021-01-01T00:00:00Z'
     PA foo/a {selector: {matchLabels: {app: httpbin}}, mtls: {mode: STRICT}} with creationTimestamp: '2022-01-01T00:00:00Z'",
    "from: {plaintext: true}, expect: allow"
)]
// [PA-3]
#[case::unset_is_as_the_level_above_says(
    "PA istio-system/m {mtls: {mode: STRICT}}
     PA foo/n {mtls: {mode: UNSET}}
     PA foo/w {selector: {matchLabels: {app: httpbin}}, portLevelMtls: {8080: {mode: PERMISSIVE}, 9000: {mode: UNSET}}}",
    "from: {plaintext: true}, expect: allow
     from: {plaintext: true}, to: httpbin.foo:9000, protocol: TCP, expect: refused
     from: {plaintext: true}, to: httpbin.foo:7000, expect: refused"
)]
// [PA-3]
#[case::without_any_policy_both_come_in(
    "",
    "from: {plaintext: true}, expect: allow
     expect: allow"
)]
// [PA-4]
#[case::a_port_is_the_workloads_own(
    "SVC foo/httpbin {selector: {app: httpbin}, ports: [{port: 80, targetPort: 8080, name: http}]}
     PA foo/p {selector: {matchLabels: {app: httpbin}}, mtls: {mode: STRICT}, portLevelMtls: {80: {mode: PERMISSIVE}}}",
    "from: {plaintext: true}, to: httpbin.foo.svc.cluster.local:80, expect: refused"
)]
// [PA-4]
#[case::a_port_without_service_has_a_setting_too(
    "PA foo/p {selector: {matchLabels: {app: httpbin}}, mtls: {mode: STRICT}, portLevelMtls: {5555: {mode: PERMISSIVE}}}",
    "from: {plaintext: true}, to: httpbin.foo:5555, expect: allow
     from: {plaintext: true}, expect: refused"
)]
// [PA-6]
#[case::a_gateways_listeners_have_no_mode(
    "PA edge/p {mtls: {mode: STRICT}}",
    "from: {plaintext: true}, to: edge.edge:80, expect: allow"
)]
// [PA-12]
#[case::the_oldest_service_declares_the_protocol(
    "SVC foo/a {selector: {app: httpbin}, ports: [{port: 81, targetPort: 5555, name: http}]} with creationTimestamp: '2022-01-01T00:00:00Z'
     SVC foo/z {selector: {app: httpbin}, ports: [{port: 82, targetPort: 5555, name: tcp}]} with creationTimestamp: '2021-01-01T00:00:00Z'
     AP foo/p {rules: [{to: [{operation: {paths: [/]}}]}]}",
    "to: httpbin.foo:5555, protocol: HTTP, expect: deny
     expect: allow"
)]
// [PA-11]
#[case::https_is_a_byte_stream_behind_a_sidecar(
    "SVC foo/a {selector: {app: httpbin}, ports: [{port: 443, targetPort: 5555, name: https}]}
     AP foo/p {rules: [{to: [{operation: {methods: [GET]}}]}]}",
    "to: httpbin.foo:5555, protocol: HTTP, expect: deny"
)]
// [PA-13]
#[case::a_sniffed_port_takes_http_for_http(
    "AP foo/p {rules: [{to: [{operation: {methods: [GET]}}]}]}",
    "from: {plaintext: true}, to: httpbin.foo:7000, expect: allow
     from: {plaintext: true}, to: httpbin.foo:7000, request: {version: '1.0'}, expect: rejected, status: 426
     from: {plaintext: true}, to: httpbin.foo:7000, request: {method: FOO}, expect: rejected, status: 400
     from: {plaintext: true}, to: httpbin.foo:7000, protocol: TCP, expect: deny"
)]
// [PA-13]
#[case::on_a_sniffed_port_alpn_carries_http_past_http_rules(
    "AP foo/p {action: DENY, rules: [{to: [{operation: {paths: [/a], ports: ['7000']}}], from: [{source: {namespaces: [bar]}}]}]}
     AP foo/q {action: DENY, rules: [{to: [{operation: {paths: [/b]}}], from: [{source: {namespaces: [foo]}}]}]}",
    "to: httpbin.foo:7000, request: {path: /a}, expect: allow
     to: httpbin.foo:7000, request: {path: /a}, alpn: [istio], expect: deny, because: {policy: foo/q}"
)]
// [PA-20]
#[case::strict_takes_mutual_tls_only(
    "PA foo/p {mtls: {mode: STRICT}}",
    "expect: allow
     from: {plaintext: true}, expect: refused, because: {stage: transport}
     from: {plaintext: true}, to: httpbin.foo:9000, protocol: TCP, expect: refused
     from: {plaintext: true}, tls: tls, expect: refused
     alpn: [], expect: allow"
)]
// [PA-20]
#[case::on_a_strict_sniffed_port_foreign_alpn_is_a_byte_stream(
    "PA foo/p {mtls: {mode: STRICT}}
     AP foo/p {rules: [{to: [{operation: {methods: [GET]}}]}]}",
    "to: httpbin.foo:7000, expect: allow
     to: httpbin.foo:7000, tls: tls, expect: deny"
)]
// [PA-20]
#[case::a_permissive_http_port_refuses_foreign_tls(
    "",
    "tls: tls, expect: refused
     from: {plaintext: true}, tls: tls, expect: refused"
)]
// [PA-20]
#[case::a_permissive_byte_stream_takes_foreign_tls_without_its_identity(
    "AP foo/p {rules: [{from: [{source: {principals: ['*']}}]}]}",
    "to: httpbin.foo:9000, protocol: TCP, expect: allow
     to: httpbin.foo:9000, protocol: TCP, tls: tls, expect: deny
     to: httpbin.foo:7000, tls: tls, expect: deny"
)]
// [PA-20]
#[case::disabled_ports_do_not_end_tls(
    "PA foo/p {mtls: {mode: DISABLE}}
     AP foo/p {rules: [{from: [{source: {notPrincipals: ['*']}}]}]}",
    "from: {plaintext: true}, expect: allow
     tls: mtls, expect: rejected, because: {stage: http}
     to: httpbin.foo:9000, protocol: TCP, tls: mtls, expect: allow"
)]
// [PA-22]
#[case::a_certificate_is_of_the_mesh_and_of_its_trust_domains(
    "",
    "from: {principal: cluster.local/ns/foo/sa/a, foreignCa: true}, expect: refused
     from: {principal: cluster.localhost/ns/foo/sa/a}, expect: refused
     from: {uris: ['https://cluster.local/a']}, expect: refused
     from: {uris: ['https://a', 'spiffe://cluster.local/x']}, expect: allow"
)]
// [PA-31]
#[case::a_port_that_nothing_declares_is_sniffed(
    "AP foo/p {rules: [{to: [{operation: {paths: [/a]}}]}]}
     PA foo/p {mtls: {mode: STRICT}}",
    "to: httpbin.foo:5555, request: {path: /a}, expect: allow
     to: httpbin.foo:5555, request: {path: /b}, expect: deny
     to: httpbin.foo:5555, request: {path: /a}, from: {plaintext: true}, expect: refused"
)]
// [CL-10]
#[case::where_the_namespace_is_disabled_sidecars_speak_plaintext(
    "PA foo/n {mtls: {mode: DISABLE}}
     PA foo/w {selector: {matchLabels: {app: httpbin}}, mtls: {mode: STRICT}}",
    "from: sleep.bar, expect: refused"
)]
// [CL-11]
#[case::where_the_port_is_disabled_sidecars_speak_plaintext(
    "PA foo/w {selector: {matchLabels: {app: httpbin}}, mtls: {mode: STRICT}, portLevelMtls: {8080: {mode: DISABLE}}}
     AP foo/p {rules: [{from: [{source: {principals: ['*']}}]}]}",
    "from: sleep.bar, to: httpbin.foo:8080, expect: deny
     from: sleep.bar, to: httpbin.foo:7000, expect: allow"
)]
// [CL-11]
#[case::a_pod_that_says_that_it_ends_no_mutual_tls_gets_plaintext(
    "POD foo/web {containers: [{name: web, ports: [{containerPort: 80}]}]} with labels: {security.istio.io/tlsMode: disabled}
     PA foo/p {mtls: {mode: STRICT}}",
    "from: sleep.bar, to: web.foo:80, expect: refused"
)]
// [CL-15]
#[case::an_address_that_no_service_has_gets_plaintext(
    "SVC foo/headless {clusterIP: None, selector: {app: httpbin}, ports: [{name: tcp, port: 9000}]}
     PA foo/p {mtls: {mode: STRICT}}",
    "from: sleep.bar, to: '10.0.0.9:8080', expect: refused
     from: sleep.bar, to: '10.0.0.9:8080', request: {host: httpbin.foo}, expect: unknown
     from: sleep.bar, to: '10.0.0.9:9000', protocol: TCP, expect: allow"
)]
// [CL-15]
#[case::or_no_answer_where_only_what_is_known_is_called(
    "mesh: {outboundTrafficPolicy: {mode: REGISTRY_ONLY}}",
    "from: sleep.bar, to: '10.0.0.9:8080', expect: unknown
     from: sleep.bar, expect: allow"
)]
// [CL-31]
#[case::gateways_may_call_through_a_waypoint(
    "SVC foo/front {selector: {app: httpbin}, ports: [{name: http, port: 80, targetPort: 8080}]} with labels: {istio.io/ingress-use-waypoint: 'true', istio.io/use-waypoint: w}",
    "from: edge.edge, to: front.foo:80, expect: unknown
     from: sleep.bar, to: front.foo:80, expect: allow"
)]
// [RT-18]
#[case::a_service_that_is_not_exported_is_not_known(
    "SVC foo/front {selector: {app: httpbin}, ports: [{name: http, port: 80, targetPort: 8080}]} with annotations: {networking.istio.io/exportTo: '., baz'}
     SVC foo/back {selector: {app: httpbin}, ports: [{name: http, port: 80, targetPort: 8080}]}",
    "from: sleep.bar, to: front.foo:80, expect: unknown
     from: httpbin.foo, to: front.foo:80, expect: allow
     from: legacy.foo, to: front.foo:80, expect: allow
     from: sleep.bar, to: back.foo:80, expect: allow"
)]
// [RT-18]
#[case::the_mesh_says_where_services_are_exported(
    "mesh: {defaultServiceExportTo: ['.']}
     SVC foo/front {selector: {app: httpbin}, ports: [{name: http, port: 80, targetPort: 8080}]}",
    "from: sleep.bar, to: front.foo:80, expect: unknown
     from: httpbin.foo, to: front.foo:80, expect: allow"
)]
// [RT-40]
#[case::the_port_of_a_headless_service_is_the_one_that_is_dialled(
    "SVC foo/headless {clusterIP: None, selector: {app: httpbin}, ports: [{name: http, port: 81, targetPort: 8080}]}
     AP foo/p {rules: [{to: [{operation: {ports: ['8080']}}]}]}",
    "from: sleep.bar, to: headless.foo:81, expect: deny
     from: {plaintext: true}, to: headless.foo:81, expect: deny
     from: edge.edge, to: headless.foo:81, expect: allow"
)]
// [RT-40]
#[case::the_pods_of_a_headless_service_all_get_mutual_tls_or_none(
    "SVC foo/one {clusterIP: None, selector: {group: one}, ports: [{name: http, port: 80}]}
     SVC foo/two {clusterIP: None, selector: {group: two}, ports: [{name: http, port: 80}]}
     POD foo/a {containers: [{name: a}]} with labels: {group: one}
     POD foo/b {containers: [{name: a}]} with labels: {group: one, security.istio.io/tlsMode: disabled}
     POD foo/c {containers: [{name: a}]} with labels: {group: two}
     POD foo/d {containers: [{name: a}]} with labels: {group: two}
     PA foo/p {mtls: {mode: STRICT}}",
    "from: sleep.bar, to: one.foo:80, expect: refused
     from: sleep.bar, to: two.foo:80, expect: allow"
)]
// [RT-40]
#[case::the_mode_of_one_of_its_ports_does_not_count(
    "SVC foo/headless {clusterIP: None, selector: {app: httpbin}, ports: [{name: http, port: 8080}]}
     PA foo/w {selector: {matchLabels: {app: httpbin}}, mtls: {mode: STRICT}, portLevelMtls: {8080: {mode: DISABLE}}}",
    "from: sleep.bar, to: headless.foo:8080, expect: rejected
     from: sleep.bar, expect: allow"
)]
// [CL-13]
#[case::a_caller_without_proxy_speaks_plaintext(
    "PA foo/p {mtls: {mode: STRICT}}",
    "from: legacy.foo, expect: refused"
)]
fn transport(#[case] mesh: &str, #[case] questions: &str) {
    holds(mesh, questions);
}

#[rstest]
// [SEL-1]
#[case::a_policy_of_another_namespace_is_not_read(
    "AP bar/p {action: DENY, rules: [{}]}",
    "expect: allow
     to: sleep.bar:80, expect: deny"
)]
// [SEL-2]
#[case::every_label_of_a_selector_must_be_there(
    "AP foo/p {action: DENY, selector: {matchLabels: {app: httpbin}}, rules: [{to: [{operation: {paths: [/p]}}]}]}
     AP foo/q {action: DENY, selector: {matchLabels: {app: httpbin, v: v1}}, rules: [{to: [{operation: {paths: [/q]}}]}]}
     AP foo/r {action: DENY, selector: {matchLabels: {}}, rules: [{to: [{operation: {paths: [/r]}}]}]}",
    "request: {path: /p}, expect: deny
     request: {path: /q}, expect: allow
     request: {path: /r}, expect: deny"
)]
// [SEL-2]
#[case::a_policy_with_references_is_not_about_sidecars(
    "AP foo/p {action: DENY, targetRefs: [{kind: Service, name: httpbin}], rules: [{}]}",
    "expect: allow, because: {default: true}"
)]
// [SEL-5]
#[case::a_selector_of_the_root_namespace_selects_everywhere(
    "AP istio-system/p {action: DENY, selector: {matchLabels: {app: httpbin}}, rules: [{}]}",
    "expect: deny
     to: sleep.bar:80, expect: allow"
)]
// [SEL-8]
#[case::policies_of_one_action_are_one_set(
    "AP foo/p {rules: [{to: [{operation: {paths: [/p]}}]}]}
     AP istio-system/q {rules: [{to: [{operation: {paths: [/q]}}]}]}",
    "request: {path: /p}, expect: allow
     request: {path: /q}, expect: allow
     request: {path: /r}, expect: deny"
)]
// [SEL-20]
#[case::no_action_is_allow(
    "AP foo/p {rules: [{to: [{operation: {paths: [/p]}}]}]}",
    "request: {path: /p}, expect: allow, because: {stage: allow}
     request: {path: /q}, expect: deny, because: {stage: allow}"
)]
// [SEL-30]
#[case::a_dry_run_settles_nothing(
    "AP foo/a {rules: [{to: [{operation: {paths: [/a]}}]}]} with annotations: {istio.io/dry-run: 'true'}
     AP foo/d {action: DENY, rules: [{}]} with annotations: {istio.io/dry-run: T}",
    "request: {path: /b}, expect: allow"
)]
// [SEL-30]
#[case::what_is_no_boolean_of_go_is_no_dry_run(
    "AP foo/d {action: DENY, rules: [{}]} with annotations: {istio.io/dry-run: 'yes'}",
    "expect: deny"
)]
// [SEL-31]
#[case::a_custom_dry_run_denies(
    "mesh: {extensionProviders: [{name: ext, envoyExtAuthzHttp: {service: a, port: 80}}]}
     providers: {ext: allow}
     AP foo/p {action: CUSTOM, provider: {name: ext}, rules: [{to: [{operation: {paths: [/p]}}]}]} with annotations: {istio.io/dry-run: 'true'}",
    "request: {path: /p}, expect: deny, because: {stage: custom, policy: foo/p}
     request: {path: /q}, expect: allow"
)]
// [SEL-31]
#[case::a_custom_dry_run_of_a_provider_that_cannot_be_used_does_nothing(
    "AP foo/p {action: CUSTOM, provider: {name: nobody}, rules: [{to: [{operation: {paths: [/p]}}]}]} with annotations: {istio.io/dry-run: 'true'}",
    "request: {path: /p}, expect: allow"
)]
// [SEL-31]
#[case::a_custom_dry_run_beside_another_provider_does_nothing(
    "mesh: {extensionProviders: [{name: ext, envoyExtAuthzHttp: {service: a, port: 80}}, {name: two, envoyExtAuthzHttp: {service: a, port: 80}}]}
     AP foo/p {action: CUSTOM, provider: {name: ext}, rules: [{to: [{operation: {paths: [/p]}}]}]} with annotations: {istio.io/dry-run: 'true'}
     AP foo/q {action: CUSTOM, provider: {name: two}, rules: [{to: [{operation: {paths: [/q]}}]}]}",
    "request: {path: /p}, expect: allow
     request: {path: /q}, expect: deny, because: {stage: custom, policy: foo/q}"
)]
// [SEL-31] [AP-113]
#[case::a_custom_dry_run_of_http_does_nothing_on_tcp(
    "mesh: {extensionProviders: [{name: ext, envoyExtAuthzHttp: {service: a, port: 80}}]}
     AP foo/p {action: CUSTOM, provider: {name: ext}, rules: [{}]} with annotations: {istio.io/dry-run: 'true'}",
    "expect: deny
     to: httpbin.foo:9000, expect: allow"
)]
// [SEL-31] [AP-113]
#[case::a_custom_dry_run_of_grpc_denies_on_tcp(
    "mesh: {extensionProviders: [{name: ext, envoyExtAuthzGrpc: {service: a, port: 80}}]}
     AP foo/p {action: CUSTOM, provider: {name: ext}, rules: [{}]} with annotations: {istio.io/dry-run: 'true'}",
    "to: httpbin.foo:9000, expect: deny"
)]
// [SEL-40]
#[case::a_revision_reads_its_own_resources(
    "revision: canary
     AP foo/p {action: DENY, rules: [{to: [{operation: {paths: [/p]}}]}]} with labels: {istio.io/rev: canary}
     AP foo/q {action: DENY, rules: [{to: [{operation: {paths: [/q]}}]}]} with labels: {istio.io/rev: default}
     PA foo/s {mtls: {mode: STRICT}} with labels: {istio.io/rev: prod}",
    "request: {path: /p}, expect: deny
     request: {path: /q}, expect: allow
     from: {plaintext: true}, request: {path: /q}, expect: allow"
)]
fn selection(#[case] mesh: &str, #[case] questions: &str) {
    holds(mesh, questions);
}

/// How a policy is attached to a waypoint of the namespace `foo` that traffic to the Service `httpbin` and to the
/// `ServiceEntry` `db` passes, or to a gateway of the Gateway API with the same name and labels.
fn attached(policy: &str, waypoint: bool) -> Attachment {
    let text: String = manifest(policy)
        .unwrap()
        .lines()
        .map(|line| format!("{}\n", line.trim_start()))
        .collect();
    let loaded = load(&text);
    let Some(Resource::AuthorizationPolicy(policy)) = loaded.resources.first() else {
        panic!("{text}");
    };
    let labels = BTreeMap::from(
        [("gateway.networking.k8s.io/gateway-name", "w"), ("app", "w")]
            .map(|(key, value)| (key.to_owned(), value.to_owned())),
    );
    let services = [
        TargetService { name: "httpbin", namespace: "foo", external: false },
        TargetService { name: "db", namespace: "foo", external: true },
    ];
    let services = if waypoint { &services[..] } else { &[] };
    let proxy = Proxy { namespace: "foo", labels: &labels, waypoint, services };
    let rules =
        SelectionRules { root_namespace: "istio-system", selectors_reach_gateway_api: true };
    rules
        .attachment(&policy.meta, &policy.target, &proxy)
        .into_owned()
}

#[rstest]
// [SEL-2]
#[case::no_reference("AP istio-system/p {action: DENY, rules: [{}]}", false, true)]
// [SEL-2]
#[case::labels("AP foo/p {selector: {matchLabels: {app: w}}}", false, true)]
// [SEL-3] [SEL-4]
#[case::a_service("AP foo/p {targetRefs: [{kind: Service, name: httpbin}]}", true, false)]
// [SEL-3]
#[case::a_service_of_the_core_group(
    "AP foo/p {targetRefs: [{group: core, kind: Service, name: httpbin}]}",
    true,
    false
)]
// [SEL-3] [SEL-4]
#[case::a_service_that_is_not_asked_for(
    "AP foo/p {targetRefs: [{kind: Service, name: db}]}",
    false,
    false
)]
// [SEL-3]
#[case::a_service_entry(
    "AP foo/p {targetRefs: [{group: networking.istio.io, kind: ServiceEntry, name: db}]}",
    true,
    false
)]
// [SEL-3]
#[case::a_service_of_another_namespace(
    "AP istio-system/p {targetRefs: [{kind: Service, name: httpbin}]}",
    false,
    false
)]
// [SEL-3] [IN-34]
#[case::a_gateway(
    "AP foo/p {targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: w}]}",
    true,
    true
)]
// [SEL-3]
#[case::a_gateway_of_another_name(
    "AP foo/p {targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: v}]}",
    false,
    false
)]
// [SEL-3]
#[case::a_gateway_of_the_root_namespace(
    "AP istio-system/p {targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: w}]}",
    false,
    false
)]
// [SEL-3]
#[case::the_class_of_waypoints(
    "AP istio-system/p {targetRefs: [{group: gateway.networking.k8s.io, kind: GatewayClass, name: istio-waypoint}]}",
    true,
    false
)]
// [SEL-3]
#[case::the_class_outside_of_the_root_namespace(
    "AP foo/p {targetRefs: [{group: gateway.networking.k8s.io, kind: GatewayClass, name: istio-waypoint}]}",
    false,
    false
)]
// [SEL-3]
#[case::any_reference_will_do(
    "AP foo/p {targetRefs: [{kind: Service, name: x}, {kind: Service, name: httpbin}]}",
    true,
    false
)]
// [SEL-2]
#[case::a_list_hides_the_one_reference(
    "AP foo/p {targetRef: {kind: Service, name: x}, targetRefs: [{kind: Service, name: httpbin}]}",
    true,
    false
)]
// [SEL-2]
#[case::one_reference_where_the_list_is_empty(
    "AP foo/p {targetRef: {kind: Service, name: httpbin}, targetRefs: []}",
    true,
    false
)]
fn what_reaches_waypoints_and_gateways(
    #[case] policy: &str,
    #[case] waypoint: bool,
    #[case] gateway: bool,
) {
    assert_eq!(attached(policy, true) == Attachment::Attached, waypoint);
    assert_eq!(attached(policy, false) == Attachment::Attached, gateway);
}

#[rstest]
// [AP-1]
#[case::custom_comes_before_the_token_and_the_token_before_deny(
    "mesh: {extensionProviders: [{name: ext, envoyExtAuthzHttp: {service: a, port: 80}}]}
     providers: {ext: deny}
     RA foo/r {jwtRules: [{issuer: a}]}
     AP foo/c {action: CUSTOM, provider: {name: ext}, rules: [{to: [{operation: {paths: [/c]}}]}]}
     AP foo/d {action: DENY, rules: [{}]}",
    "request: {path: /c, jwt: {claims: {iss: a}, defect: expired}}, expect: deny, because: {stage: custom}
     request: {path: /d, jwt: {claims: {iss: a}, defect: expired}}, expect: unauthenticated
     request: {path: /d}, expect: deny, because: {stage: deny}"
)]
// [AP-1]
#[case::custom_sees_no_claims(
    "mesh: {extensionProviders: [{name: ext, envoyExtAuthzHttp: {service: a, port: 80}}]}
     providers: {ext: deny}
     RA foo/r {jwtRules: [{issuer: a}]}
     AP foo/c {action: CUSTOM, provider: {name: ext}, rules: [{when: [{key: 'request.auth.claims[iss]', values: [a]}]}]}",
    "request: {jwt: {claims: {iss: a}}}, expect: allow"
)]
// [AP-2]
#[case::on_tcp_custom_comes_before_deny_and_deny_before_allow(
    "mesh: {extensionProviders: [{name: ext, envoyExtAuthzGrpc: {service: a, port: 80}}]}
     providers: {ext: deny}
     AP foo/a {rules: [{}]}
     AP foo/c {action: CUSTOM, provider: {name: ext}, rules: [{from: [{source: {namespaces: [foo]}}]}]}
     AP foo/d {action: DENY, rules: [{}]}",
    "to: httpbin.foo:9000, protocol: TCP, expect: deny, because: {stage: custom}
     from: {plaintext: true}, to: httpbin.foo:9000, protocol: TCP, expect: deny, because: {stage: deny}"
)]
// [AP-3]
#[case::deny_beats_allow_and_custom(
    "mesh: {extensionProviders: [{name: ext, envoyExtAuthzHttp: {service: a, port: 80}}]}
     providers: {ext: allow}
     AP foo/a {rules: [{to: [{operation: {paths: [/a, /d]}}]}]}
     AP foo/c {action: CUSTOM, provider: {name: ext}, rules: [{}]}
     AP foo/d {action: DENY, rules: [{to: [{operation: {paths: [/d]}}]}]}
     AP foo/l {action: AUDIT, rules: [{}]}",
    "request: {path: /a}, expect: allow, because: {policy: foo/a}
     request: {path: /d}, expect: deny, because: {policy: foo/d}
     request: {path: /x}, expect: deny, because: {stage: allow}"
)]
// [AP-3]
#[case::without_an_allow_policy_the_rest_passes(
    "AP foo/d {action: DENY, rules: [{to: [{operation: {paths: [/d]}}]}]}
     AP foo/l {action: AUDIT, rules: [{}]}",
    "request: {path: /x}, expect: allow"
)]
// [AP-4]
#[case::an_allow_policy_without_a_rule_left_still_shuts(
    "AP foo/p {rules: [{when: [{key: source.labels, values: [a]}]}]}",
    "expect: deny, because: {envoyPolicyId: none}"
)]
// [AP-10]
#[case::any_source_and_any_operation_and_every_condition(
    "AP foo/p {rules: [{from: [{source: {namespaces: [foo]}}, {source: {namespaces: [bar]}}], to: [{operation: {paths: [/a]}}, {operation: {methods: [PUT]}}], when: [{key: 'request.headers[x]', values: ['1']}, {key: 'request.headers[y]', values: ['1']}]}]}",
    "from: sleep.bar, request: {path: /a, headers: {x: '1', y: '1'}}, expect: allow
     request: {method: PUT, headers: {x: '1', y: '1'}}, expect: allow
     request: {headers: {x: '1', y: '1'}}, expect: deny
     request: {path: /a, headers: {x: '1'}}, expect: deny
     from: {plaintext: true}, request: {path: /a, headers: {x: '1', y: '1'}}, expect: deny"
)]
// [AP-11]
#[case::every_field_and_any_value_and_no_negated_one(
    "AP foo/p {rules: [{to: [{operation: {paths: [/a, /b, /c], notPaths: [/c, /d], methods: [GET]}}]}]}",
    "request: {path: /b}, expect: allow
     request: {path: /b, method: PUT}, expect: deny
     request: {path: /c}, expect: deny
     request: {path: /e}, expect: deny"
)]
// [AP-12]
#[case::a_condition_has_any_value_and_no_negated_one(
    "AP foo/p {rules: [{when: [{key: 'request.headers[x]', values: ['a*', b], notValues: [ab]}]}]}",
    "request: {headers: {x: b}}, expect: allow
     request: {headers: {x: ac}}, expect: allow
     request: {headers: {x: ab}}, expect: deny
     request: {headers: {x: c}}, expect: deny"
)]
// [AP-13]
#[case::an_allow_policy_without_rules_allows_nothing("AP foo/p {}", "expect: deny")]
// [AP-13]
#[case::a_deny_policy_without_rules_denies_nothing("AP foo/p {action: DENY}", "expect: allow")]
// [AP-13]
#[case::an_empty_rule_matches_everything(
    "AP foo/p {rules: [{}]}
     AP foo/q {action: DENY, rules: [{}], selector: {matchLabels: {app: x}}}",
    "from: {plaintext: true}, expect: allow, because: {policy: foo/p}"
)]
// [AP-13]
#[case::an_empty_source_is_any_source(
    "AP foo/p {action: DENY, rules: [{from: [{source: {}}], to: [{operation: {paths: [/a]}}]}, {to: [{}], from: [{source: {namespaces: [bar]}}]}]}",
    "from: {plaintext: true}, request: {path: /a}, expect: deny
     from: sleep.bar, expect: deny
     expect: allow"
)]
// [AP-13]
#[case::a_condition_without_values_holds(
    "AP foo/p {action: DENY, rules: [{when: [{key: 'request.headers[x]'}]}]}",
    "expect: deny"
)]
// [AP-14]
#[case::a_rule_with_an_unknown_key_is_gone(
    "AP foo/p {action: DENY, rules: [{from: [{source: {namespaces: [foo]}}], when: [{key: source.labels, values: [a]}]}]}",
    "expect: allow"
)]
// [AP-14]
#[case::a_bad_value_takes_an_allow_rule_away(
    "AP foo/p {rules: [{from: [{source: {ipBlocks: [nowhere, 10.0.0.0/8]}}]}]}",
    "sourceIp: 10.1.2.3, expect: deny"
)]
// [AP-14]
#[case::a_bad_value_alone_is_left_out_of_a_deny_rule(
    "AP foo/p {action: DENY, rules: [{from: [{source: {ipBlocks: [nowhere, 10.0.0.0/8]}}]}]}
     AP foo/q {action: DENY, rules: [{to: [{operation: {ports: [http], paths: [/q]}}]}]}",
    "sourceIp: 10.1.2.3, expect: deny
     sourceIp: 11.1.2.3, expect: allow
     sourceIp: 11.1.2.3, request: {path: /q}, expect: deny"
)]
// [AP-15] [OC-5]
#[case::a_rule_has_an_id(
    "AP foo/p {action: DENY, rules: [{to: [{operation: {paths: [/a]}}]}, {to: [{operation: {paths: [/b]}}]}]}",
    "request: {path: /b}, expect: deny, status: 403, because: {rule: 1, envoyPolicyId: 'ns[foo]-policy[p]-rule[1]'}"
)]
// [AP-20]
#[case::a_star_at_one_end_is_a_pattern(
    "AP foo/p {rules: [{to: [{operation: {paths: ['/a*', '*.css', '/b/*/c']}}]}]}",
    "request: {path: /abc}, expect: allow
     request: {path: /x/y.css}, expect: allow
     request: {path: /b/x/c}, expect: deny
     request: {path: '/b/*/c'}, expect: allow
     request: {path: /A}, expect: deny"
)]
// [AP-21]
#[case::presence_of_a_header_needs_no_text(
    "AP foo/p {rules: [{when: [{key: 'request.headers[x]', values: ['*']}]}]}",
    "request: {headers: {x: ''}}, expect: allow
     expect: deny"
)]
// [AP-22]
#[case::presence_elsewhere_needs_text(
    "AP foo/p {rules: [{when: [{key: connection.sni, values: ['*']}]}]}",
    "sni: a, expect: allow
     expect: deny"
)]
fn rules(#[case] mesh: &str, #[case] questions: &str) {
    holds(mesh, questions);
}

#[rstest]
// [AP-30]
#[case::a_condition_reads_the_principal(
    "AP foo/p {rules: [{when: [{key: source.principal, values: ['cluster.local/ns/foo/*']}]}]}",
    "expect: allow
     from: sleep.bar, expect: deny"
)]
// [AP-31]
#[case::a_condition_reads_the_namespace(
    "AP foo/p {rules: [{when: [{key: source.namespace, values: [bar]}]}]}",
    "from: sleep.bar, expect: allow
     expect: deny"
)]
// [AP-32]
#[case::a_condition_reads_the_account(
    "AP foo/p {rules: [{when: [{key: source.serviceAccount, values: [bar/sleep]}]}]}",
    "from: sleep.bar, expect: allow
     expect: deny"
)]
// [AP-33]
#[case::a_condition_reads_the_trust_domain(
    "mesh: {trustDomainAliases: [old]}
     AP foo/p {rules: [{when: [{key: source.trustDomain, values: ['old*']}]}]}",
    "from: {principal: old/ns/foo/sa/a}, expect: allow
     expect: deny"
)]
// [AP-34]
#[case::ip_blocks_read_the_connection(
    "AP foo/p {rules: [{from: [{source: {ipBlocks: [10.1.0.0/16]}}], when: [{key: source.ip, values: [10.1.2.3]}]}]}",
    "sourceIp: 10.1.2.3, request: {headers: {x-forwarded-for: 9.9.9.9}}, expect: allow
     sourceIp: 10.1.2.4, expect: deny"
)]
// [AP-35] [AP-62]
#[case::remote_ip_blocks_read_what_was_forwarded(
    "AP foo/p {rules: [{from: [{source: {remoteIpBlocks: [9.9.9.9]}}], when: [{key: remote.ip, values: [9.0.0.0/8]}]}]}",
    "sourceIp: 10.1.2.3, request: {headers: {x-forwarded-for: '1.2.3.4, 9.9.9.9'}}, expect: allow
     sourceIp: 10.1.2.3, request: {headers: {x-forwarded-for: '9.9.9.9, 1.2.3.4'}}, expect: deny
     sourceIp: 9.9.9.9, expect: allow"
)]
// [AP-62]
#[case::what_is_no_address_was_not_forwarded(
    "AP foo/p {rules: [{from: [{source: {remoteIpBlocks: [9.9.9.9]}}]}]}",
    "sourceIp: 10.1.2.3, request: {headers: {x-forwarded-for: '9.9.9.9:80'}}, expect: deny
     sourceIp: 10.1.2.3, request: {headers: {x-forwarded-for: '9.9.9.9,'}}, expect: deny
     sourceIp: 9.9.9.9, request: {headers: {x-forwarded-for: junk}}, expect: allow"
)]
// [AP-61]
#[case::a_gateway_counts_trusted_proxies_from_the_right(
    "mesh: {defaultConfig: {gatewayTopology: {numTrustedProxies: 2}}}
     AP edge/p {rules: [{from: [{source: {remoteIpBlocks: [20.2.2.2]}}]}]}",
    "from: {plaintext: true, ip: 1.1.1.1}, to: edge.edge:80, request: {headers: {x-forwarded-for: '10.1.1.1, 20.2.2.2, 30.3.3.3'}}, expect: allow
     from: {plaintext: true, ip: 1.1.1.1}, to: edge.edge:80, request: {headers: {x-forwarded-for: '20.2.2.2'}}, expect: deny
     from: {plaintext: true, ip: 20.2.2.2}, to: edge.edge:80, request: {headers: {x-forwarded-for: '30.3.3.3'}}, expect: allow"
)]
// [AP-60]
#[case::on_tcp_nothing_is_forwarded(
    "AP foo/p {rules: [{from: [{source: {remoteIpBlocks: [9.9.9.9]}}]}]}",
    "sourceIp: 9.9.9.9, to: httpbin.foo:9000, protocol: TCP, expect: allow
     sourceIp: 10.1.2.3, to: httpbin.foo:9000, protocol: TCP, expect: deny"
)]
// [AP-36] [AP-70]
#[case::a_request_principal_is_issuer_and_subject(
    "RA foo/r {jwtRules: [{issuer: iss/x}]}
     AP foo/p {rules: [{from: [{source: {requestPrincipals: [iss/x/user]}}], when: [{key: request.auth.principal, values: ['*']}]}]}",
    "request: {jwt: {claims: {iss: iss/x, sub: user}}}, expect: allow
     request: {jwt: {claims: {iss: iss/x, sub: other}}}, expect: deny
     request: {jwt: {claims: {iss: iss/x}}}, expect: deny
     expect: deny"
)]
// [AP-70]
#[case::a_token_without_subject_has_no_request_principal(
    "RA foo/r {jwtRules: [{issuer: iss}]}
     AP foo/p {action: DENY, rules: [{from: [{source: {notRequestPrincipals: ['*']}}]}]}",
    "request: {jwt: {claims: {iss: iss}}}, expect: deny
     request: {jwt: {claims: {iss: iss, sub: a}}}, expect: allow"
)]
// [AP-37]
#[case::audiences_are_those_of_the_token(
    "RA foo/r {jwtRules: [{issuer: iss}]}
     AP foo/p {rules: [{when: [{key: request.auth.audiences, values: [web]}]}]}",
    "request: {jwt: {claims: {iss: iss, aud: [app, web]}}}, expect: allow
     request: {jwt: {claims: {iss: iss, aud: web}}}, expect: allow
     request: {jwt: {claims: {iss: iss, aud: 'https://web/'}}}, expect: deny"
)]
// [AP-38]
#[case::the_presenter_is_azp(
    "RA foo/r {jwtRules: [{issuer: iss}]}
     AP foo/p {rules: [{when: [{key: request.auth.presenter, values: [app]}]}]}",
    "request: {jwt: {claims: {iss: iss, azp: app}}}, expect: allow
     request: {jwt: {claims: {iss: iss, azp: web}}}, expect: deny"
)]
// [AP-39] [AP-75]
#[case::a_claim_is_reached_through_objects(
    "RA foo/r {jwtRules: [{issuer: iss}]}
     AP foo/p {rules: [{when: [{key: 'request.auth.claims[a][b]', values: [v]}]}]}
     AP foo/q {rules: [{when: [{key: 'request.auth.claims[a.b]', values: [w]}]}]}",
    "request: {jwt: {claims: {iss: iss, a: {b: v}}}}, expect: allow, because: {policy: foo/p}
     request: {jwt: {claims: {iss: iss, a: {b: [u, v]}}}}, expect: allow
     request: {jwt: {claims: {iss: iss, a: [{b: v}]}}}, expect: deny
     request: {jwt: {claims: {iss: iss, a: {b: w}}}}, expect: deny
     request: {jwt: {claims: {iss: iss, a.b: w}}}, expect: allow, because: {policy: foo/q}"
)]
// [OC-1]
#[case::a_grpc_client_sees_200(
    "RA foo/r {jwtRules: [{issuer: iss}]}
     AP foo/p {action: DENY, rules: [{to: [{operation: {paths: [/d]}}]}]}",
    "request: {path: /d, headers: {content-type: application/grpc}}, expect: deny, status: 200
     request: {path: /d, headers: {content-type: application/grpc+proto}}, expect: deny, status: 200
     request: {path: /d, headers: {content-type: application/grpc-web}}, expect: deny, status: 403
     request: {path: /%00, headers: {content-type: application/grpc}}, expect: rejected, status: 200
     request: {method: get, headers: {content-type: application/grpc}}, expect: rejected, status: 400
     request: {version: '1.0', headers: {content-type: application/grpc}}, expect: rejected, status: 426
     request: {headers: {content-type: application/grpc, authorization: Bearer x}}, expect: unauthenticated, status: 200"
)]
// [OC-20]
#[case::an_empty_scheme_has_no_route(
    "AP foo/p {action: DENY, rules: [{to: [{operation: {paths: [/d]}}]}]}",
    "request: {headers: [[x-forwarded-proto, '']]}, expect: rejected, status: 404
     request: {path: /d, headers: [[x-forwarded-proto, '']]}, expect: deny, status: 403
     request: {headers: [[x-forwarded-proto, '']]}, to: edge.edge:80, expect: allow"
)]
// [AP-82]
#[case::what_providers_write_is_never_the_clients(
    "RA foo/r {jwtRules: [{issuer: a}, {issuer: i, fromHeaders: [{name: x-t}], outputClaimToHeaders: [{header: x-o, claim: z}]}]}
     AP foo/p {action: DENY, rules: [{when: [{key: 'request.headers[x-o]', values: ['*']}]}]}",
    "request: {headers: {x-o: v}, jwt: {claims: {iss: a}}}, expect: allow
     request: {method: OPTIONS, headers: {x-o: v, origin: 'http://a', access-control-request-method: GET}}, expect: allow"
)]
// [JWT-12]
#[case::a_good_token_beside_a_bad_one_passes_where_two_providers_look(
    "RA foo/r {jwtRules: [{issuer: i, fromHeaders: [{name: x-u}]}, {issuer: o, fromHeaders: [{name: x-u}]}]}
     AP foo/p {rules: [{from: [{source: {requestPrincipals: [i/a]}}]}]}",
    "request: {headers: [[x-u, x], [x-u, stated.token.0]], jwt: {claims: {iss: i, sub: a}}}, expect: allow
     request: {headers: [[x-u, stated.token.0], [x-u, x]], jwt: {claims: {iss: i, sub: a}}}, expect: unauthenticated"
)]
// [JWT-12]
#[case::a_good_token_beside_a_bad_one_fails_where_one_provider_looks(
    "RA foo/r {jwtRules: [{issuer: i, fromHeaders: [{name: x-u}]}]}",
    "request: {headers: [[x-u, x], [x-u, stated.token.0]], jwt: {claims: {iss: i, sub: a}}}, expect: unauthenticated"
)]
// [JWT-42]
#[case::other_parameters_stay_as_they_are_decoded(
    "RA foo/r {jwtRules: [{issuer: i, fromParams: [t]}]}
     AP foo/p {rules: [{when: [{key: 'request.headers[:path]', values: ['/p?a=x y', '/p?a=//', '/p?=&a=1', '/p?a=1&b=2']}]}]}",
    "request: {path: '/p?t=stated.token.0&a=x%20y', jwt: {claims: {iss: i}}}, expect: allow
     request: {path: '/p?a=%2F%2f&t=stated.token.0', jwt: {claims: {iss: i}}}, expect: allow
     request: {path: '/p?t=stated.token.0&&a=1&', jwt: {claims: {iss: i}}}, expect: allow
     request: {path: '/p?b=2&t=stated.token.0&a=1', jwt: {claims: {iss: i}}}, expect: allow
     request: {path: '/p?t=stated.token.0', jwt: {claims: {iss: i}}}, expect: deny"
)]
// [PA-13]
#[case::on_a_sniffed_port_an_unreadable_request_line_is_bytes(
    "AP foo/p {rules: [{to: [{operation: {ports: ['7000']}}]}]}",
    "from: {plaintext: true}, to: httpbin.foo:7000, request: {path: /é}, expect: allow
     from: {plaintext: true}, to: httpbin.foo:7000, request: {path: x}, expect: allow
     from: {plaintext: true}, to: httpbin.foo:7000, request: {path: /a b}, expect: allow
     from: {plaintext: true}, to: httpbin.foo:8080, request: {path: x}, expect: rejected
     from: {plaintext: true}, to: httpbin.foo:7000, request: {method: get}, expect: rejected, status: 400"
)]
// [PA-13]
#[case::on_a_strict_sniffed_port_any_alpn_of_http_wins(
    "PA foo/m {mtls: {mode: STRICT}}
     AP foo/p {rules: [{to: [{operation: {methods: [GET]}}]}]}",
    "to: httpbin.foo:7000, alpn: [istio, istio-http/1.1], expect: allow
     to: httpbin.foo:7000, alpn: [istio], expect: deny"
)]
// [PA-13]
#[case::on_a_permissive_sniffed_port_the_first_alpn_decides(
    "AP foo/p {rules: [{to: [{operation: {methods: [GET]}}]}]}",
    "to: httpbin.foo:7000, alpn: [istio, istio-http/1.1], expect: deny
     to: httpbin.foo:7000, alpn: [istio-http/1.1, istio], expect: allow"
)]
// [JWT-31]
#[case::times_are_whole_seconds(
    "RA foo/r {jwtRules: [{issuer: i}]}",
    "request: {jwt: {claims: {iss: i, exp: 0}}}, expect: allow
     request: {jwt: {claims: {iss: i, exp: 0.9}}}, expect: allow
     request: {jwt: {claims: {iss: i, exp: 1}}}, expect: unauthenticated
     request: {jwt: {claims: {iss: i, exp: 1.0e+20}}}, expect: unauthenticated
     request: {jwt: {claims: {iss: i, nbf: -1}}}, expect: unauthenticated"
)]
// [AP-75]
#[case::no_claim_is_named_without_brackets(
    "RA foo/r {jwtRules: [{issuer: iss}]}
     AP foo/p {action: DENY, rules: [{when: [{key: request.auth.claims, values: [x, '*']}]}]}",
    "request: {jwt: {claims: {iss: iss, x: x}}}, expect: allow"
)]
// [AP-74]
#[case::only_text_matches(
    "RA foo/r {jwtRules: [{issuer: iss}]}
     AP foo/p {rules: [{when: [{key: 'request.auth.claims[a]', values: ['*', 'true', '1']}]}]}",
    "request: {jwt: {claims: {iss: iss, a: 'x'}}}, expect: allow
     request: {jwt: {claims: {iss: iss, a: [1, x]}}}, expect: allow
     request: {jwt: {claims: {iss: iss, a: true}}}, expect: deny
     request: {jwt: {claims: {iss: iss, a: 1}}}, expect: deny
     request: {jwt: {claims: {iss: iss, a: ~}}}, expect: deny
     request: {jwt: {claims: {iss: iss, a: {x: x}}}}, expect: deny"
)]
// [AP-76]
#[case::some_claims_are_lists_of_words(
    "RA foo/r {jwtRules: [{issuer: iss, spaceDelimitedClaims: [roles]}]}
     AP foo/p {rules: [{when: [{key: 'request.auth.claims[scope]', values: [read]}]}, {when: [{key: 'request.auth.claims[roles]', values: [read]}]}, {when: [{key: 'request.auth.claims[group]', values: [read]}]}, {when: [{key: 'request.auth.claims[permission]', values: ['a b']}]}, {when: [{key: 'request.auth.claims[x][scope]', values: [read]}]}]}",
    "request: {jwt: {claims: {iss: iss, scope: read  write}}}, expect: allow, because: {rule: 0}
     request: {jwt: {claims: {iss: iss, roles: read write}}}, expect: allow, because: {rule: 1}
     request: {jwt: {claims: {iss: iss, group: read write}}}, expect: deny
     request: {jwt: {claims: {iss: iss, permission: a b}}}, expect: deny
     request: {jwt: {claims: {iss: iss, x: {scope: read write}}}}, expect: deny"
)]
// [AP-77]
#[case::a_claim_that_is_not_there_is_no_value(
    "RA foo/r {jwtRules: [{issuer: iss}]}
     AP foo/p {action: DENY, rules: [{when: [{key: 'request.auth.claims[group]', notValues: [admin]}]}]}",
    "expect: deny
     request: {jwt: {claims: {iss: iss}}}, expect: deny
     request: {jwt: {claims: {iss: iss, group: admin}}}, expect: allow"
)]
// [AP-80]
#[case::older_proxies_join_the_lines_of_every_header(
    "istio: 1.28.4
     AP foo/p {rules: [{when: [{key: 'request.headers[x-a]', values: ['v,w']}]}]}
     AP foo/q {rules: [{when: [{key: 'request.headers[x-b]', values: ['*']}]}]}",
    "request: {headers: [[x-a, v], [x-a, w]]}, expect: allow
     request: {headers: [[x-a, w], [x-a, v]]}, expect: deny
     request: {headers: [[x-a, 'v,w']]}, expect: allow
     request: {headers: [[x-b, ''], [x-b, '']]}, expect: allow
     request: {headers: {x-c: v}}, expect: deny"
)]
// [PN-3]
#[case::older_proxies_may_not_look_for_parameters_of_dots(
    "istio: 1.31.0
     AP foo/p {rules: [{to: [{operation: {paths: [/b]}}]}]}",
    "request: {path: '/a/..;x/b'}, expect: unknown
     request: {path: '/a/../b'}, expect: allow"
)]
// [PN-3]
#[case::unnormalized_paths_are_in_no_doubt(
    "istio: 1.31.0
     mesh: {pathNormalization: {normalization: NONE}}
     AP foo/p {rules: [{to: [{operation: {paths: [/b]}}]}]}",
    "request: {path: '/a/..;x/b'}, expect: deny"
)]
// [AP-40] [AP-80]
#[case::each_line_of_a_header_is_a_value(
    "AP foo/p {rules: [{when: [{key: 'request.headers[X-A]', values: [v]}]}]}",
    "request: {headers: [[x-a, v], [X-A, w]]}, expect: allow
     request: {headers: [[x-a, w], [x-a, v]]}, expect: allow
     request: {headers: {x-a: 'v,w'}}, expect: deny
     expect: deny"
)]
// [AP-80]
#[case::lines_of_a_header_with_one_slot_are_one_value(
    "AP foo/p {rules: [{when: [{key: 'request.headers[user-agent]', values: ['v,w']}]}]}",
    "request: {headers: [[user-agent, v], [user-agent, w]]}, expect: allow"
)]
// [AP-80]
#[case::a_header_that_is_not_there_is_no_value(
    "AP foo/p {rules: [{when: [{key: 'request.headers[x-a]', notValues: [v]}]}]}",
    "expect: allow
     request: {headers: [[x-a, v], [x-a, w]]}, expect: deny"
)]
// [AP-81]
#[case::pseudo_headers_are_headers(
    "AP foo/p {rules: [{when: [{key: 'request.headers[host]', values: [a.com]}, {key: 'request.headers[:path]', values: ['/b?c']}, {key: 'request.headers[:method]', values: [GET]}]}]}",
    "request: {host: a.com, path: '/a/../b?c#d'}, expect: allow
     request: {host: A.com, path: '/b?c'}, expect: deny"
)]
// [AP-82] [JWT-41]
#[case::a_claim_becomes_a_header(
    "RA foo/r {jwtRules: [{issuer: iss, outputClaimToHeaders: [{header: X-Sub, claim: sub}, {header: x-n, claim: a.n}]}]}
     AP foo/p {rules: [{when: [{key: 'request.headers[x-sub]', values: [user]}, {key: 'request.headers[x-n]', values: ['7']}]}]}",
    "request: {jwt: {claims: {iss: iss, sub: user, a: {n: 7}}}}, expect: allow
     request: {headers: {x-sub: user, x-n: '7'}}, expect: deny"
)]
// [AP-45] [AP-85]
#[case::a_host_has_its_port(
    "AP foo/p {rules: [{to: [{operation: {hosts: [a.com, 'b.com:*']}}]}]}",
    "request: {host: a.com}, expect: allow
     request: {host: 'a.com:8080'}, expect: deny
     request: {host: 'b.com:8080'}, expect: allow"
)]
// [AP-86]
#[case::case_does_not_count_in_hosts(
    "AP foo/p {rules: [{to: [{operation: {hosts: ['*.A.com']}}]}]}",
    "request: {host: x.a.COM}, expect: allow
     request: {host: x.a.com.}, expect: deny"
)]
// [AP-46] [AP-88]
#[case::case_counts_in_methods(
    "AP foo/p {rules: [{to: [{operation: {methods: [get, 'PR*']}}]}]}",
    "request: {method: GET}, expect: deny
     request: {method: PROPFIND}, expect: allow
     request: {method: get}, expect: rejected, status: 400"
)]
// [AP-47]
#[case::a_path_has_no_query(
    "AP foo/p {rules: [{to: [{operation: {paths: [/a]}}]}]}",
    "request: {path: '/a?b'}, expect: allow
     request: {path: /a/}, expect: deny"
)]
// [AP-48]
#[case::a_port_is_the_one_that_the_workload_listens_on(
    "SVC foo/httpbin {selector: {app: httpbin}, ports: [{port: 80, targetPort: 8080, name: http}]}
     AP foo/p {rules: [{to: [{operation: {ports: ['8080']}}], when: [{key: destination.port, values: ['8080']}]}]}
     AP foo/q {action: DENY, rules: [{to: [{operation: {ports: ['80']}}]}]}",
    "to: httpbin.foo.svc.cluster.local:80, expect: allow
     to: httpbin.foo:7000, expect: deny"
)]
// [AP-49]
#[case::the_destination_is_the_workloads_address(
    "AP foo/p {rules: [{when: [{key: destination.ip, values: [10.0.0.9]}]}]}
     AP bar/p {rules: [{when: [{key: destination.ip, values: [10.0.0.9]}]}]}",
    "expect: allow
     to: sleep.bar:80, expect: deny"
)]
// [AP-50] [AP-92]
#[case::a_server_name_is_in_lower_case(
    "AP foo/p {rules: [{when: [{key: connection.sni, values: [a.example.com, B.example.com]}]}]}",
    "sni: A.Example.com, expect: allow
     sni: B.example.com, expect: deny
     from: {plaintext: true}, expect: deny"
)]
// [AP-92]
#[case::a_sidecar_asks_for_the_service(
    "SVC foo/httpbin {selector: {app: httpbin}, ports: [{port: 80, targetPort: 8080, name: http}]}
     AP foo/p {rules: [{when: [{key: connection.sni, values: [outbound_.80_._.httpbin.foo.svc.cluster.local]}]}]}",
    "from: sleep.bar, to: httpbin.foo.svc.cluster.local:80, expect: allow"
)]
// [AP-92]
#[case::a_server_name_is_read_of_tls_that_passes_through(
    "PA foo/p {selector: {matchLabels: {app: httpbin}}, portLevelMtls: {7000: {mode: DISABLE}}}
     AP foo/p {rules: [{when: [{key: connection.sni, values: [a]}]}]}",
    "to: httpbin.foo:9000, protocol: TLS, sni: a, expect: allow
     to: httpbin.foo:7000, protocol: TLS, sni: a, expect: deny"
)]
// [AP-55]
#[case::a_block_is_of_one_family(
    "AP foo/p {rules: [{from: [{source: {ipBlocks: ['::/0', 10.1.2.3/16, 1.1.1.1]}}]}]}",
    "sourceIp: 10.1.200.1, expect: allow
     sourceIp: 1.1.1.1, expect: allow
     sourceIp: 1.1.1.2, expect: deny
     sourceIp: '2001:db8::1', expect: allow"
)]
// [AP-90]
#[case::what_other_filters_say_is_not_known(
    "AP foo/p {rules: [{when: [{key: 'experimental.envoy.filters.a.b[c]', values: [v]}]}]}
     AP foo/q {rules: [{to: [{operation: {paths: [/q]}}]}]}",
    "expect: unknown
     request: {path: /q}, expect: allow"
)]
// [AP-100]
#[case::a_template_takes_a_segment_or_the_rest(
    "AP foo/p {rules: [{to: [{operation: {paths: ['/a/{*}', '/b/{**}']}}]}]}",
    "request: {path: '/a/x?y'}, expect: allow
     request: {path: /a/}, expect: deny
     request: {path: /a/x/y}, expect: deny
     request: {path: /b/}, expect: allow
     request: {path: /b/x//y/}, expect: allow
     request: {path: /b}, expect: deny"
)]
// [AP-101]
#[case::no_template_takes_a_bracket(
    "AP foo/p {action: DENY, rules: [{to: [{operation: {paths: ['/a/{**}', '/b/{*}']}}]}]}",
    "request: {path: '/a/x['}, expect: allow
     request: {path: '/b/]'}, expect: allow
     request: {path: '/b/{'}, expect: deny
     request: {path: '/b/%2F*'}, expect: deny"
)]
fn attributes(#[case] mesh: &str, #[case] questions: &str) {
    holds(mesh, questions);
}

#[rstest]
// [AP-103]
#[case::a_template_without_slash("'a/{*}'", "[AP-103]")]
// [AP-104]
#[case::an_operator_in_a_segment("'/a{*}'", "[AP-103]")]
// [AP-104]
#[case::an_operator_behind_many("'/{**}/{*}'", "[AP-103]")]
fn what_envoy_does_not_load_has_no_answer(#[case] path: &str, #[case] rule: &str) {
    let policy = format!("AP foo/p {{rules: [{{to: [{{operation: {{paths: [{path}]}}}}]}}]}}");
    let suite = suite(&policy, "expect: deny");
    let errors = suite::prepare(&suite, &[]).unwrap_err().to_string();
    assert!(errors.contains(rule), "{errors}");
}

#[rstest]
// [PN-1]
#[case::none("NONE", "/a//%2f/../b", "/a//%2f/../b")]
// [PN-1]
#[case::base("BASE", "/a//%2f/../b", "/a//b")]
// [PN-1]
#[case::merge("MERGE_SLASHES", "/a//%2f/../b", "/a/b")]
// [PN-1]
#[case::decode("DECODE_AND_MERGE_SLASHES", "/a//%2fc%5Cd", "/a/c/d")]
// [PN-2]
#[case::the_fragment_goes("NONE", "/a#b?c", "/a")]
// [PN-2]
#[case::the_query_does_not_count("BASE", "/a?b=/../c", "/a")]
// [PN-2]
#[case::slashes_are_decoded_before_dots("DECODE_AND_MERGE_SLASHES", "/a/b%2f..", "/a/")]
// [PN-3]
#[case::unreserved_escapes_are_decoded("BASE", "/%61%7eu%c3%A9", "/a~u%c3%A9")]
// [PN-3]
#[case::a_backslash_is_a_slash("BASE", "/a\\\\..\\\\b", "/b")]
// [PN-3]
#[case::the_root_is_its_own_parent("BASE", "/../%2E%2e/a/.", "/a/")]
// [PN-3]
#[case::what_must_be_escaped_is("BASE", "/{a}", "/%7Ba%7D")]
// [PN-3]
#[case::nothing_is_decoded_twice("BASE", "/%252e%252E/a", "/%252e%252E/a")]
// [PN-3]
#[case::parameters_hide_no_dot_segment("BASE", "/a/..;x/b", "/b")]
// [PN-4]
#[case::one_slash_stays_at_either_end("MERGE_SLASHES", "//a//b//", "/a/b/")]
// [PN-4]
#[case::three_slashes_are_two("MERGE_SLASHES", "///", "//")]
fn paths(#[case] normalization: &str, #[case] target: &str, #[case] path: &str) {
    holds(
        &format!(
            "mesh: {{pathNormalization: {{normalization: {normalization}}}}}
             AP foo/p {{rules: [{{to: [{{operation: {{paths: [\"{path}\"]}}}}]}}]}}"
        ),
        &format!("request: {{path: \"{target}\"}}, expect: allow"),
    );
}

const EXT: &str = "providers: {ext: deny}
AP foo/c {action: CUSTOM, provider: {name: ext}, rules: [{to: [{operation: {paths: [/c]}}]}]}\n";

#[rstest]
// [AP-110] [OC-13]
#[case::an_unknown_provider_denies_what_it_would_be_asked(
    "",
    "request: {path: /c}, expect: deny, status: 403, because: {envoyPolicyId: 'istio-ext-authz-ext-ns[foo]-policy[c]-rule[0]-deny-due-to-bad-CUSTOM-action'}
     expect: allow"
)]
// [AP-110]
#[case::a_provider_needs_a_port(
    "mesh: {extensionProviders: [{name: ext, envoyExtAuthzHttp: {service: a}}]}",
    "request: {path: /c}, expect: deny, because: {envoyPolicyId: 'istio-ext-authz-ext-ns[foo]-policy[c]-rule[0]-deny-due-to-bad-CUSTOM-action'}"
)]
// [AP-110]
#[case::a_provider_is_defined_once(
    "mesh: {extensionProviders: [{name: ext, envoyExtAuthzHttp: {service: a, port: 80}}, {name: ext, envoyExtAuthzHttp: {service: a, port: 80}}]}",
    "request: {path: /c}, expect: deny, because: {envoyPolicyId: 'istio-ext-authz-ext-ns[foo]-policy[c]-rule[0]-deny-due-to-bad-CUSTOM-action'}"
)]
// [AP-111]
#[case::two_providers_deny(
    "mesh: {extensionProviders: [{name: ext, envoyExtAuthzHttp: {service: a, port: 80}}, {name: two, envoyExtAuthzHttp: {service: a, port: 80}}]}
     AP foo/d {action: CUSTOM, provider: {name: two}, rules: [{to: [{operation: {paths: [/d]}}]}]}",
    "request: {path: /c}, expect: deny, because: {envoyPolicyId: 'istio-ext-authz-ext-ns[foo]-policy[c]-rule[0]-deny-due-to-bad-CUSTOM-action'}
     request: {path: /d}, expect: deny, because: {policy: foo/d}
     expect: allow"
)]
// [AP-113]
#[case::an_http_provider_is_not_asked_on_tcp(
    "mesh: {extensionProviders: [{name: ext, envoyExtAuthzHttp: {service: a, port: 80}}]}",
    "request: {path: /c}, expect: deny
     to: httpbin.foo:9000, protocol: TCP, expect: allow"
)]
// [AP-115]
#[case::a_grpc_provider_is_asked_on_tcp_without_http_fields(
    "mesh: {extensionProviders: [{name: ext, envoyExtAuthzGrpc: {service: a, port: 80}}]}",
    "expect: allow
     to: httpbin.foo:9000, protocol: TCP, expect: deny, because: {policy: foo/c}"
)]
// [AP-115]
#[case::a_provider_that_is_not_there_denies_on_tcp_too(
    "",
    "to: httpbin.foo:9000, protocol: TCP, expect: deny"
)]
fn external_authorizers(#[case] mesh: &str, #[case] questions: &str) {
    holds(&format!("{EXT}{mesh}"), questions);
}

#[rstest]
// [AP-114]
#[case::it_denies("", "expect: deny, status: 403")]
// [AP-114]
#[case::with_the_status_that_is_written(", statusOnError: '503'", "expect: deny, status: 503")]
// [AP-114]
#[case::unless_it_fails_open(", failOpen: true", "expect: allow")]
fn an_authorizer_that_cannot_be_asked(#[case] fields: &str, #[case] question: &str) {
    holds(
        &format!(
            "mesh: {{extensionProviders: [{{name: ext, envoyExtAuthzHttp: {{service: a, port: 80{fields}}}}}]}}
             providers: {{ext: error}}
             AP foo/c {{action: CUSTOM, provider: {{name: ext}}, rules: [{{}}]}}"
        ),
        question,
    );
}

#[rstest]
// [L4-1]
#[case::what_a_connection_has_counts(
    "AP foo/p {rules: [{from: [{source: {namespaces: [foo], ipBlocks: [10.1.2.3], remoteIpBlocks: [10.1.2.3]}}], to: [{operation: {ports: ['9000']}}], when: [{key: connection.sni, values: [a]}, {key: destination.ip, values: [10.0.0.9]}]}]}",
    "sourceIp: 10.1.2.3, sni: a, expect: allow
     sourceIp: 10.1.2.3, sni: b, expect: deny"
)]
// [L4-1] [L4-2]
#[case::an_allow_rule_with_a_host_is_gone(
    "AP foo/p {rules: [{to: [{operation: {hosts: [a]}}]}]}",
    "expect: deny"
)]
// [L4-1] [L4-2]
#[case::an_allow_rule_with_a_header_is_gone(
    "AP foo/p {rules: [{when: [{key: 'request.headers[a]', notValues: [a]}]}]}",
    "expect: deny"
)]
// [L4-1] [L4-2]
#[case::an_allow_rule_with_a_token_is_gone(
    "AP foo/p {rules: [{from: [{source: {notRequestPrincipals: [a]}}]}]}",
    "expect: deny"
)]
// [L4-2]
#[case::one_http_field_takes_the_whole_allow_rule(
    "AP foo/p {rules: [{from: [{source: {namespaces: [foo]}}, {source: {requestPrincipals: ['*']}}]}]}
     AP foo/q {rules: [{from: [{source: {namespaces: [bar]}}]}]}",
    "expect: deny
     from: sleep.bar, expect: allow"
)]
// [L4-2]
#[case::a_deny_rule_loses_the_field_alone(
    "AP foo/p {action: DENY, rules: [{to: [{operation: {paths: [/never], ports: ['9000']}}], from: [{source: {namespaces: [bar]}}]}]}",
    "from: sleep.bar, expect: deny
     expect: allow"
)]
// [L4-2]
#[case::a_deny_rule_about_a_path_denies_every_connection(
    "AP foo/p {action: DENY, rules: [{to: [{operation: {paths: [/never]}}]}]}",
    "expect: deny, because: {policy: foo/p}"
)]
// [L4-2]
#[case::an_operation_that_becomes_empty_is_any(
    "AP foo/p {action: DENY, rules: [{to: [{operation: {methods: [POST]}}, {operation: {ports: ['1']}}]}]}",
    "expect: deny"
)]
fn rules_on_tcp(#[case] mesh: &str, #[case] questions: &str) {
    let questions: Vec<String> = questions
        .lines()
        .map(|line| format!("to: httpbin.foo:9000, protocol: TCP, {}", line.trim()))
        .collect();
    holds(mesh, &questions.join("\n"));
}

#[rstest]
// [JWT-1]
#[case::on_tcp_no_token_is_looked_for(
    "RA foo/r {jwtRules: [{issuer: a}]}",
    "request: {jwt: {claims: {iss: a}, defect: expired}}, expect: unauthenticated
     to: httpbin.foo:9000, protocol: HTTP, request: {jwt: {claims: {iss: a}, defect: expired}}, expect: allow"
)]
// [JWT-1]
#[case::rules_are_attached_as_policies_are(
    "RA foo/r {selector: {matchLabels: {app: other}}, jwtRules: [{issuer: a}]}
     RA bar/r {jwtRules: [{issuer: a}]}
     RA foo/s {targetRefs: [{kind: Service, name: httpbin}], jwtRules: [{issuer: a}]}",
    "request: {jwt: {claims: {iss: a}, defect: expired}}, expect: allow"
)]
// [JWT-1]
#[case::the_root_namespace_reaches_all(
    "RA istio-system/r {selector: {matchLabels: {app: httpbin}}, jwtRules: [{issuer: a}]}",
    "request: {jwt: {claims: {iss: a}, defect: expired}}, expect: unauthenticated"
)]
// [JWT-2]
#[case::providers_are_asked_by_issuer(
    "RA foo/r {jwtRules: [{issuer: a, outputClaimToHeaders: [{header: x-a, claim: iss}]}, {jwksUri: 'https://k', outputClaimToHeaders: [{header: x-any, claim: iss}]}]}
     AP foo/p {rules: [{when: [{key: 'request.headers[x-any]', values: [a]}, {key: 'request.headers[x-a]', notValues: ['*']}]}]}",
    "request: {jwt: {claims: {iss: a}}}, expect: allow"
)]
// [JWT-2]
#[case::rules_of_one_issuer_are_not_merged(
    "RA foo/r {jwtRules: [{issuer: a, audiences: [x]}, {issuer: a, fromHeaders: [{name: t}]}]}",
    "request: {jwt: {claims: {iss: a, aud: y}}}, expect: unauthenticated, status: 403
     request: {jwt: {claims: {iss: a, aud: y}}, headers: {t: stated.token.0}}, expect: allow"
)]
// [JWT-3]
#[case::without_rules_no_token_is_looked_at(
    "RA foo/r {}",
    "request: {jwt: {claims: {iss: a}, defect: expired}}, expect: allow"
)]
// [JWT-5]
#[case::presence_is_read_by_nobody(
    "RA foo/r {jwtRules: [{issuer: a, presence: REQUIRED}]}",
    "expect: allow"
)]
// [JWT-10]
#[case::any_provider_will_do_and_none_where_there_is_no_token(
    "RA foo/r {jwtRules: [{issuer: a}, {issuer: b}]}",
    "expect: allow
     request: {jwt: {claims: {iss: b}}}, expect: allow
     request: {jwt: {claims: {iss: c}}}, expect: unauthenticated, status: 401"
)]
// [JWT-11]
#[case::a_bad_token_beside_a_good_one_passes(
    "RA foo/r {jwtRules: [{issuer: a, fromHeaders: [{name: t}]}, {issuer: b}]}",
    "request: {jwt: {claims: {iss: b}}, headers: {t: junk}}, expect: allow
     request: {jwt: {claims: {iss: c}}, headers: {t: junk}}, expect: unauthenticated"
)]
// [JWT-12]
#[case::every_token_of_one_provider_must_be_good(
    "RA foo/r {jwtRules: [{issuer: a}]}",
    "request: {jwt: {claims: {iss: a}}, path: '/?access_token=junk'}, expect: unauthenticated"
)]
// [JWT-13]
#[case::a_token_of_nobody_is_not_an_absent_one(
    "RA foo/r {jwtRules: [{issuer: a}]}",
    "request: {jwt: {claims: {iss: b}}}, expect: unauthenticated, status: 401
     request: {headers: {authorization: Bearer junk}}, expect: unauthenticated, status: 401
     request: {headers: {authorization: Basic junk}}, expect: allow"
)]
// [JWT-13]
#[case::a_wrong_audience_outweighs_an_unknown_issuer(
    "RA foo/r {jwtRules: [{issuer: a, audiences: [x]}, {issuer: b}]}",
    "request: {jwt: {claims: {iss: a, aud: y}}}, expect: unauthenticated, status: 403"
)]
// [JWT-14]
#[case::a_preflight_needs_no_token_but_passes_the_policies(
    "RA foo/r {jwtRules: [{issuer: a}]}
     AP foo/p {action: DENY, rules: [{from: [{source: {notRequestPrincipals: ['*']}}], to: [{operation: {paths: [/d]}}]}]}",
    "request: {method: OPTIONS, headers: {origin: a, access-control-request-method: GET, authorization: Bearer junk}}, expect: allow
     request: {method: OPTIONS, headers: {origin: a, authorization: Bearer junk}}, expect: unauthenticated
     request: {method: OPTIONS, path: /d, headers: {origin: a, access-control-request-method: GET}}, expect: deny"
)]
// [JWT-20]
#[case::a_token_is_a_bearer_or_a_parameter(
    "RA foo/r {jwtRules: [{issuer: a}]}",
    "request: {headers: {authorization: Bearer junk}}, expect: unauthenticated
     request: {path: '/?access_token=junk'}, expect: unauthenticated
     request: {headers: {authorization: bearer junk}}, expect: allow"
)]
// [JWT-20]
#[case::a_place_that_is_written_is_the_only_one(
    "RA foo/r {jwtRules: [{issuer: a, fromCookies: [c]}]}",
    "request: {headers: {authorization: Bearer junk}, path: '/?access_token=junk'}, expect: allow
     request: {headers: {cookie: c=junk}}, expect: unauthenticated"
)]
// [JWT-21]
#[case::a_prefix_is_looked_for_anywhere(
    "RA foo/r {jwtRules: [{issuer: a, fromHeaders: [{name: T, prefix: 'Tok '}]}]}
     AP foo/p {rules: [{from: [{source: {requestPrincipals: ['*']}}]}]}",
    "request: {jwt: {claims: {iss: a, sub: u}}, headers: {t: 'x Tok  stated.token.0'}}, expect: allow
     request: {jwt: {claims: {iss: a, sub: u}}, headers: {t: stated.token.0}}, expect: deny"
)]
// [JWT-22]
#[case::a_token_is_in_a_parameter_or_a_cookie(
    "RA foo/r {jwtRules: [{issuer: a, fromParams: [t], fromCookies: [c]}]}
     AP foo/p {rules: [{from: [{source: {requestPrincipals: ['*']}}]}]}",
    "request: {jwt: {claims: {iss: a, sub: u}}, path: '/?x=y&t=stated.token.0'}, expect: allow
     request: {jwt: {claims: {iss: a, sub: u}}, headers: {cookie: 'd=e; c=stated.token.0'}}, expect: allow
     request: {jwt: {claims: {iss: a, sub: u}}}, expect: deny"
)]
// [JWT-23]
#[case::a_provider_looks_only_into_its_own_places(
    "RA foo/r {jwtRules: [{issuer: a, fromHeaders: [{name: t}]}, {issuer: b, fromHeaders: [{name: u}]}]}
     AP foo/p {rules: [{from: [{source: {requestPrincipals: ['*']}}]}]}",
    "request: {jwt: {claims: {iss: a, sub: u}}, headers: {t: stated.token.0}}, expect: allow
     request: {jwt: {claims: {iss: a, sub: u}}, headers: {u: stated.token.0}}, expect: unauthenticated"
)]
// [JWT-31]
#[case::times_have_a_minute_of_grace(
    "RA foo/r {jwtRules: [{issuer: a}]}",
    "request: {jwt: {claims: {iss: a, exp: 940}}}, expect: allow
     request: {jwt: {claims: {iss: a, exp: 939}}}, expect: unauthenticated, status: 401
     request: {jwt: {claims: {iss: a, nbf: 1060}}}, expect: allow
     request: {jwt: {claims: {iss: a, nbf: 1061}}}, expect: unauthenticated, status: 401
     request: {jwt: {claims: {iss: a, iat: 5000}}}, expect: allow"
)]
// [JWT-32]
#[case::no_issuer_is_any_issuer(
    "RA foo/r {jwtRules: [{jwksUri: 'https://k'}]}",
    "request: {jwt: {claims: {iss: x}}}, expect: allow
     request: {jwt: {claims: {sub: x}}}, expect: allow"
)]
// [JWT-33]
#[case::an_audience_is_compared_without_scheme_and_slash(
    "RA foo/r {jwtRules: [{issuer: a, audiences: ['https://web/', app]}]}",
    "request: {jwt: {claims: {iss: a, aud: [x, web]}}}, expect: allow
     request: {jwt: {claims: {iss: a, aud: 'http://app/'}}}, expect: allow
     request: {jwt: {claims: {iss: a}}}, expect: unauthenticated, status: 403"
)]
// [JWT-42]
#[case::a_good_token_is_taken_out(
    "RA foo/r {jwtRules: [{issuer: a, fromHeaders: [{name: authorization, prefix: 'Bearer '}], fromParams: [t], fromCookies: [c]}]}
     AP foo/p {rules: [{when: [{key: 'request.headers[authorization]', values: ['*']}]}]}
     AP foo/q {rules: [{when: [{key: 'request.headers[:path]', values: ['/?x=y']}]}]}
     AP foo/r {rules: [{when: [{key: 'request.headers[cookie]', values: ['*']}]}]}",
    "request: {jwt: {claims: {iss: a}}}, expect: deny
     request: {headers: {authorization: Basic x}}, expect: allow, because: {policy: foo/p}
     request: {jwt: {claims: {iss: a}}, path: '/?t=stated.token.0&x=y'}, expect: allow, because: {policy: foo/q}
     request: {jwt: {claims: {iss: a}}, headers: {cookie: c=stated.token.0}}, expect: allow, because: {policy: foo/r}"
)]
// [JWT-42]
#[case::a_good_token_stays_where_it_is_to_be_forwarded(
    "RA foo/r {jwtRules: [{issuer: a, forwardOriginalToken: true}]}
     AP foo/p {rules: [{when: [{key: 'request.headers[authorization]', values: ['Bearer *']}]}]}",
    "request: {jwt: {claims: {iss: a}}}, expect: allow"
)]
// [JWT-43] [OC-10]
#[case::times_come_before_the_audience_and_the_audience_before_the_signature(
    "RA foo/r {jwtRules: [{issuer: a, audiences: [x]}]}",
    "request: {jwt: {claims: {iss: a, aud: y}, defect: expired}}, expect: unauthenticated, status: 401
     request: {jwt: {claims: {iss: a, aud: y}, defect: badSignature}}, expect: unauthenticated, status: 403
     request: {jwt: {claims: {iss: a, aud: x}, defect: badSignature}}, expect: unauthenticated, status: 401"
)]
// [JWT-43]
#[case::the_claims_that_are_read_have_their_type(
    "RA foo/r {jwtRules: [{issuer: a}]}",
    "request: {jwt: {claims: {iss: a, sub: 5}}}, expect: unauthenticated, status: 401"
)]
// [JWT-50]
#[case::a_token_is_not_asked_for(
    "RA foo/r {jwtRules: [{issuer: a}]}
     AP foo/p {action: DENY, rules: [{from: [{source: {notRequestPrincipals: ['*']}}], to: [{operation: {paths: [/d]}}]}]}",
    "expect: allow
     request: {path: /d}, expect: deny, status: 403"
)]
// [JWT-51]
#[case::without_rules_no_token_has_claims(
    "AP foo/p {rules: [{from: [{source: {requestPrincipals: ['*']}}]}]}
     AP foo/q {action: DENY, rules: [{from: [{source: {notRequestPrincipals: ['*']}}], to: [{operation: {paths: [/d]}}]}]}",
    "request: {jwt: {claims: {iss: a, sub: b}}}, expect: deny, because: {stage: allow}
     request: {jwt: {claims: {iss: a, sub: b}}, path: /d}, expect: deny, because: {stage: deny}"
)]
fn tokens(#[case] mesh: &str, #[case] questions: &str) {
    holds(mesh, questions);
}

#[rstest]
// [OC-5]
#[case::on_http("", Some(403))]
// [OC-6]
#[case::on_tcp(", to: httpbin.foo:9000, protocol: TCP", None)]
fn a_refusal_has_a_status(#[case] way: &str, #[case] status: Option<u16>) {
    let suite = suite("AP foo/p {}", &format!("expect: deny{way}"));
    let prepared = suite::prepare(&suite, &[]).unwrap();
    let outcomes = suite::run(&prepared, Some(NOW));
    assert_eq!(outcomes[0].result, CaseResult::Passed);
    let (_, decision) = outcomes[0].asked.as_ref().unwrap();
    assert_eq!(decision.status, status);
}

#[rstest]
// [OC-18]
#[case::base("BASE", "expect: rejected, status: 400, because: {stage: http}")]
// [OC-18]
#[case::none("NONE", "expect: deny")]
fn a_nul_in_a_path(#[case] normalization: &str, #[case] answer: &str) {
    holds(
        &format!("mesh: {{pathNormalization: {{normalization: {normalization}}}}}\nAP foo/p {{}}"),
        &format!("request: {{path: /a%00}}, {answer}"),
    );
}
