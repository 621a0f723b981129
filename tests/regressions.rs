//! Published vulnerabilities: the smallest policy and request that show each, and the answer that is right.
//!
//! `[V28]` is row 28 of `spec/regressions.md` in the folder that is shared. Policies and requests are written as
//! `support/brief.rs` reads them; `istio:` names a release that is vulnerable, where the epochs of
//! `src/mesh/istio_version.rs` reach back to one.

use portcullis::jwt::InlineKeys;
use portcullis::suite::{self, CaseResult};
use rstest::rstest;

use crate::support::brief::suite;
use crate::support::{project, shared};

/// The time of every request.
const NOW: i64 = 1_000;

/// Asks every question and wants every answer as it is written.
fn holds(mesh: &str, questions: &str) {
    let suite = suite(mesh, questions);
    let mut prepared = suite::prepare(&suite, &[]).unwrap();
    prepared.mesh.token_reader = Some(std::sync::Arc::new(InlineKeys));
    let outcomes = suite::run(&prepared, Some(NOW));
    assert!(!outcomes.is_empty());
    for (outcome, question) in outcomes.iter().zip(questions.lines().map(str::trim)) {
        let decision = outcome.asked.as_ref().map(|(_, decision)| decision);
        assert_eq!(outcome.result, CaseResult::Passed, "{question}\n{decision:?}");
    }
}

#[rstest]
// [V1]
#[case::cve_2019_9901_dot_segments(
    "AP foo/p {rules: [{to: [{operation: {paths: ['/info/*']}}]}]}",
    "request: {path: /info/../private}, expect: deny
     request: {path: /info/x}, expect: allow"
)]
// [V1]
#[case::cve_2019_9901_without_normalization(
    "mesh: {pathNormalization: {normalization: NONE}}
     AP foo/p {rules: [{to: [{operation: {paths: ['/info/*']}}]}]}",
    "request: {path: /info/../private}, expect: allow"
)]
// [V2]
#[case::cve_2020_8595_query_and_fragment(
    "AP foo/p {action: DENY, rules: [{to: [{operation: {paths: [/protected]}}], from: [{source: {notRequestPrincipals: ['*']}}]}]}",
    "request: {path: '/protected?'}, expect: deny
     request: {path: '/protected#'}, expect: deny
     request: {path: '/protected?x=1'}, expect: deny
     request: {path: '/protected#x'}, expect: deny
     request: {path: /other}, expect: allow"
)]
// [V3]
#[case::cve_2021_31920_slashes_as_written(
    "AP foo/p {action: DENY, rules: [{to: [{operation: {paths: [/admin]}}]}]}",
    "request: {path: //admin}, expect: allow
     request: {path: /%2fadmin}, expect: allow
     request: {path: /admin}, expect: deny"
)]
// [V3]
#[case::cve_2021_31920_slashes_merged(
    "mesh: {pathNormalization: {normalization: MERGE_SLASHES}}
     AP foo/p {action: DENY, rules: [{to: [{operation: {paths: [/admin]}}]}]}",
    "request: {path: //admin}, expect: deny
     request: {path: /%2fadmin}, expect: allow"
)]
// [V3]
#[case::cve_2021_31920_slashes_decoded(
    "mesh: {pathNormalization: {normalization: DECODE_AND_MERGE_SLASHES}}
     AP foo/p {action: DENY, rules: [{to: [{operation: {paths: [/admin, /a/admin]}}]}]}",
    "request: {path: //admin}, expect: deny
     request: {path: /%2fadmin}, expect: deny
     request: {path: /a%2fadmin}, expect: deny
     request: {path: /%5Cadmin}, expect: deny"
)]
// [V4]
#[case::cve_2021_31920_the_other_way(
    "AP foo/p {rules: [{to: [{operation: {notPaths: [/admin]}}]}]}",
    "request: {path: //admin}, expect: allow
     request: {path: /admin}, expect: deny"
)]
// [V5]
#[case::cve_2021_39156_fragment(
    "AP foo/p {action: DENY, rules: [{to: [{operation: {paths: [/user/profile]}}]}]}",
    "request: {path: '/user/profile#section1'}, expect: deny"
)]
// [V6]
#[case::cve_2026_73551_parameters_of_dot_segments(
    "AP foo/p {action: DENY, rules: [{to: [{operation: {paths: [/admin, /private]}}]}]}",
    "request: {path: '/..;/admin'}, expect: deny
     request: {path: '/a/..;x=1/admin'}, expect: deny
     request: {path: '/public/..;/private'}, expect: deny"
)]
// [V6]
#[case::cve_2026_73551_before(
    "istio: 1.29.0
     AP foo/p {action: DENY, rules: [{to: [{operation: {paths: [/admin]}}]}]}",
    "request: {path: '/..;/admin'}, expect: unknown"
)]
// [V10]
#[case::cve_2025_46821_a_star_in_a_path(
    "AP foo/p {action: DENY, rules: [{to: [{operation: {paths: ['/x/{*}']}}]}]}
     AP foo/q {action: DENY, rules: [{to: [{operation: {paths: ['/y/{**}']}}]}]}",
    "request: {path: '/x/a*'}, expect: deny
     request: {path: '/y/[a]'}, expect: allow"
)]
// [V11]
#[case::cve_2026_26205_two_slashes_are_no_authority(
    "AP foo/p {action: DENY, rules: [{to: [{operation: {paths: [/secret-endpoint, //admin/secret-endpoint]}}]}]}",
    "request: {path: //admin/secret-endpoint}, expect: deny
     request: {path: //admin/other}, expect: allow"
)]
// [V12]
#[case::cve_2026_32811_the_query_is_cut_off_first(
    "AP foo/p {rules: [{to: [{operation: {paths: [/mypath]}}]}]}",
    "request: {path: '/mypath?foo=bar'}, expect: allow
     request: {path: /mypath%3Ffoo=bar}, expect: deny"
)]
// [V13]
#[case::cve_2023_27487_x_envoy_original_path(
    "AP foo/p {action: DENY, rules: [{to: [{operation: {paths: [/secure]}}]}]}",
    "request: {path: /open, headers: {x-envoy-original-path: /secure}}, expect: allow
     request: {path: /secure, headers: {x-envoy-original-path: /open}}, expect: deny"
)]
// [V15]
#[case::double_encoding(
    "mesh: {pathNormalization: {normalization: DECODE_AND_MERGE_SLASHES}}
     AP foo/p {action: DENY, rules: [{to: [{operation: {paths: [/admin]}}]}]}",
    "request: {path: /x/%252e%252e/admin}, expect: allow
     request: {path: /x/%25c0%25ae/admin}, expect: allow"
)]
// [V16]
#[case::nul_in_a_path(
    "AP foo/p {action: DENY, rules: [{to: [{operation: {paths: [/admin]}}]}]}",
    "request: {path: /admin%00}, expect: rejected, status: 400"
)]
// [V16]
#[case::nul_in_a_path_as_written(
    "mesh: {pathNormalization: {normalization: NONE}}
     AP foo/p {action: DENY, rules: [{to: [{operation: {paths: [/admin]}}]}]}",
    "request: {path: /admin%00}, expect: allow"
)]
// [V17]
#[case::case_of_a_path(
    "AP foo/p {action: DENY, rules: [{to: [{operation: {paths: [/admin]}}]}]}",
    "request: {path: /Admin}, expect: allow"
)]
// [V18]
#[case::a_slash_at_the_end(
    "mesh: {pathNormalization: {normalization: DECODE_AND_MERGE_SLASHES}}
     AP foo/p {action: DENY, rules: [{to: [{operation: {paths: [/admin]}}]}]}",
    "request: {path: /admin/}, expect: allow"
)]
// [V19]
#[case::an_encoded_slash_behind_a_prefix(
    "AP foo/p {rules: [{to: [{operation: {paths: ['/public*']}}]}]}",
    "request: {path: /public%2f..%2fprivate}, expect: allow"
)]
// [V19]
#[case::a_decoded_slash_behind_a_prefix(
    "mesh: {pathNormalization: {normalization: DECODE_AND_MERGE_SLASHES}}
     AP foo/p {rules: [{to: [{operation: {paths: ['/public*']}}]}]}",
    "request: {path: /public%2f..%2fprivate}, expect: deny"
)]
// [V20]
#[case::a_suffix_behind_anything(
    "AP foo/p {rules: [{to: [{operation: {paths: ['*/info']}}]}]}",
    "request: {path: '/secret;/info'}, expect: allow
     request: {path: /secret%3f/info}, expect: allow"
)]
// [V21]
#[case::backslash(
    "AP foo/p {action: DENY, rules: [{to: [{operation: {paths: [/admin]}}]}]}",
    "request: {path: '/\\\\admin'}, expect: allow"
)]
// [V21]
#[case::backslash_merged(
    "mesh: {pathNormalization: {normalization: MERGE_SLASHES}}
     AP foo/p {action: DENY, rules: [{to: [{operation: {paths: [/admin]}}]}]}",
    "request: {path: '/\\\\admin'}, expect: deny"
)]
// [V22]
#[case::edges_of_templates(
    "AP foo/p {rules: [{to: [{operation: {paths: ['/allow/admin/{**}', '/store/{**}/cart']}}]}]}",
    "request: {path: /allow/admin}, expect: deny
     request: {path: /allow/admin/}, expect: allow
     request: {path: /store//cart}, expect: allow
     request: {path: /store/cart}, expect: deny"
)]
fn paths(#[case] mesh: &str, #[case] questions: &str) {
    holds(mesh, questions);
}

#[rstest]
// [V23]
#[case::cve_2019_9900_nul_in_a_header(
    "AP foo/p {action: DENY, rules: [{when: [{key: 'request.headers[x-foo]', values: ['*_special_cluster']}]}]}",
    "request: {headers: {x-foo: \"a_special_cluster\\0\"}}, expect: rejected, status: 400
     request: {headers: {x-foo: a_special_cluster}}, expect: deny"
)]
// [V24]
#[case::cve_2019_18802_blank_behind_a_value(
    "AP foo/p {action: DENY, rules: [{to: [{operation: {hosts: [example.com]}}]}]}",
    "request: {host: 'example.com '}, expect: deny"
)]
// [V25]
#[case::cve_2019_18838_no_host("", "request: {host: ~}, expect: rejected, status: 400")]
// [V26]
#[case::cve_2020_25017_the_second_line(
    "AP foo/p {action: DENY, rules: [{when: [{key: 'request.headers[x-role]', values: [admin]}]}]}",
    "request: {headers: [[x-role, user], [x-role, admin]]}, expect: deny"
)]
// [V27]
#[case::cve_2021_32777_every_line_for_the_authorizer(
    "mesh: {extensionProviders: [{name: ext, envoyExtAuthzHttp: {service: a, port: 80, includeRequestHeadersInCheck: [x-role]}}]}
     providers: {ext: {allowWhen: {header: x-role, equals: 'user,admin'}}}
     AP foo/p {action: CUSTOM, provider: {name: ext}, rules: [{}]}",
    "request: {headers: [[x-role, user], [x-role, admin]]}, expect: allow
     request: {headers: [[x-role, admin]]}, expect: deny"
)]
// [V28]
#[case::cve_2026_26308_lines_one_by_one(
    "AP foo/p {action: DENY, rules: [{when: [{key: 'request.headers[x-role]', values: [admin]}]}]}",
    "request: {headers: [[x-role, user], [x-role, admin]]}, expect: deny
     request: {headers: {x-role: 'user,admin'}}, expect: allow"
)]
// [V28]
#[case::cve_2026_26308_before(
    "istio: 1.28.4
     AP foo/p {action: DENY, rules: [{when: [{key: 'request.headers[x-role]', values: [admin]}]}]}",
    "request: {headers: [[x-role, user], [x-role, admin]]}, expect: allow
     request: {headers: {x-role: 'user,admin'}}, expect: allow"
)]
// [V30]
#[case::cve_2021_39155_case_of_a_host(
    "AP foo/p {action: DENY, rules: [{to: [{operation: {hosts: [secret.com]}}]}]}",
    "request: {host: Secret.com}, expect: deny"
)]
// [V31]
#[case::port_of_a_host(
    "AP foo/p {action: DENY, rules: [{to: [{operation: {hosts: [httpbin.com]}}]}]}
     AP foo/q {action: DENY, rules: [{to: [{operation: {hosts: [other.com, 'other.com:*']}}]}]}",
    "request: {host: 'httpbin.com:8080'}, expect: allow
     request: {host: 'other.com:8080'}, expect: deny"
)]
// [V34]
#[case::authority_of_an_absolute_target(
    "AP foo/p {action: DENY, rules: [{to: [{operation: {hosts: [secret.com]}}]}]}",
    "request: {path: 'http://secret.com/', host: a}, expect: deny
     request: {path: 'http://u@secret.com/', host: a}, expect: deny
     request: {path: 'http://a/', host: secret.com}, expect: allow"
)]
// [V35]
#[case::cve_2023_35944_case_of_a_scheme(
    "AP foo/p {action: DENY, rules: [{to: [{operation: {hosts: [secret.com], paths: [/a]}}]}]}",
    "request: {path: 'hTTp://secret.com/a', host: a}, expect: deny"
)]
// [V36]
#[case::cve_2020_8843_identity_from_a_header(
    "AP foo/p {rules: [{from: [{source: {principals: [cluster.local/ns/edge/sa/edge]}}]}]}",
    "request: {headers: {x-istio-attributes: 'Cj8KCnNvdXJjZS51aWQSMRIva3ViZXJuZXRlczovL2VkZ2UuZWRnZQ=='}}, expect: deny
     request: {headers: {x-forwarded-client-cert: 'URI=spiffe://cluster.local/ns/edge/sa/edge'}}, expect: deny"
)]
// [V38]
#[case::cve_2023_27488_bytes_beyond_ascii(
    "AP foo/p {action: DENY, rules: [{when: [{key: 'request.headers[x-role]', values: ['*\u{ff}']}]}]}",
    "request: {headers: {x-role: 'a\u{ff}'}}, expect: deny
     request: {headers: {x-role: 'a'}}, expect: allow"
)]
// [V43]
#[case::case_of_a_method(
    "AP foo/p {action: DENY, rules: [{to: [{operation: {methods: [DELETE]}}]}]}",
    "request: {method: delete}, expect: rejected, status: 400
     request: {method: POST, headers: {x-http-method-override: DELETE}}, expect: allow"
)]
// [V44]
#[case::ports_of_a_gateway(
    "AP edge/p {action: DENY, rules: [{to: [{operation: {paths: [/admin], ports: ['8080', '8443']}}]}]}",
    "from: {external: true}, to: edge.edge:80, request: {path: /admin}, expect: allow"
)]
fn headers_hosts_and_methods(#[case] mesh: &str, #[case] questions: &str) {
    holds(mesh, questions);
}

#[rstest]
// [V46]
#[case::cve_2020_16844_a_star_for_the_trust_domain_on_tcp(
    "AP foo/p {action: DENY, rules: [{from: [{source: {principals: ['*/ns/ns1/sa/foo']}}]}]}",
    "from: {principal: cluster.local/ns/ns1/sa/foo}, to: httpbin.foo:9000, protocol: TCP, expect: deny
     from: {principal: cluster.local/ns/ns2/sa/foo}, to: httpbin.foo:9000, protocol: TCP, expect: allow"
)]
// [V47]
#[case::cve_2026_39350_a_dot_in_an_account(
    "AP foo/p {rules: [{from: [{source: {serviceAccounts: [cert-manager.io]}}]}]}",
    "from: {principal: cluster.local/ns/foo/sa/cert-manager.io}, expect: allow
     from: {principal: cluster.local/ns/foo/sa/cert-manager-io}, expect: deny
     from: {principal: cluster.local/ns/foo/sa/cert-managerXio}, expect: deny"
)]
// [V47]
#[case::cve_2026_39350_before(
    "istio: 1.29.1
     AP foo/p {rules: [{from: [{source: {serviceAccounts: [cert-manager.io]}}]}]}",
    "from: {principal: cluster.local/ns/foo/sa/cert-manager.io}, expect: allow
     from: {principal: cluster.local/ns/foo/sa/cert-manager-io}, expect: allow
     from: {principal: cluster.local/ns/foo/sa/cert-managerXio}, expect: allow
     from: {principal: cluster.local/ns/foo/sa/cert-managerio}, expect: deny"
)]
// [V48]
#[case::a_dot_behind_a_star(
    "AP foo/p {rules: [{from: [{source: {principals: ['*admin.example', '*rule[0]']}}]}]}
     AP foo/q {rules: [{from: [{source: {namespaces: [my.ns]}}]}]}",
    "from: {principal: cluster.local/ns/foo/sa/some-admin.example}, expect: allow
     from: {principal: cluster.local/ns/foo/sa/some-adminXexample}, expect: deny
     from: {principal: cluster.local/ns/foo/sa/rule0}, expect: deny
     from: {principal: cluster.local/ns/myXns/sa/a}, expect: deny"
)]
// [V48]
#[case::a_dot_behind_a_star_before(
    "istio: 1.29.2
     AP foo/p {rules: [{from: [{source: {principals: ['*admin.example']}}]}]}
     AP foo/q {rules: [{from: [{source: {principals: ['*rule[0]']}}], to: [{operation: {paths: [/q]}}]}]}",
    "from: {principal: cluster.local/ns/foo/sa/some-adminXexample}, expect: allow
     from: {principal: cluster.local/ns/foo/sa/rule0}, request: {path: /q}, expect: unknown"
)]
// [V49]
#[case::odd_keys_around_an_account(
    "AP foo/p {rules: [{from: [{source: {serviceAccounts: [my-ns/my-sa]}}]}]}",
    "from: {uris: ['spiffe://cluster.local/k/ns/my-ns/something/bar/sa/my-sa/baz']}, expect: allow
     from: {principal: cluster.local/ns/my-ns/sa/my-sa-suffix}, expect: deny"
)]
// [V50]
#[case::a_namespace_anywhere(
    "AP foo/p {rules: [{from: [{source: {namespaces: [a]}}]}]}",
    "from: {uris: ['spiffe://cluster.local/sa/z/ns/a/k']}, expect: allow"
)]
// [V51]
#[case::istio_2021_004_allowed_without_identity(
    "AP foo/p {rules: [{from: [{source: {notNamespaces: [foo]}}]}]}",
    "from: {plaintext: true}, expect: allow
     expect: deny"
)]
// [V52]
#[case::istio_2021_004_not_denied_without_identity(
    "AP foo/p {action: DENY, rules: [{from: [{source: {namespaces: [foo]}}]}]}",
    "from: {plaintext: true}, expect: allow
     expect: deny"
)]
// [V53]
#[case::istio_2021_004_cured(
    "AP foo/p {rules: [{from: [{source: {namespaces: ['*']}}]}]}
     AP foo/q {action: DENY, rules: [{from: [{source: {notNamespaces: ['*']}}]}]}",
    "from: {plaintext: true}, expect: deny
     expect: allow"
)]
// [V60]
#[case::identity_at_a_gateway(
    "AP edge/p {action: DENY, rules: [{from: [{source: {principals: ['*']}}]}]}",
    "from: {external: true}, to: edge.edge:80, expect: allow"
)]
// [V61]
#[case::another_trust_domain(
    "mesh: {trustDomain: td, trustDomainAliases: [old]}
     AP foo/p {rules: [{from: [{source: {principals: [td/ns/foo/sa/a]}}]}]}",
    "from: {principal: td/ns/foo/sa/a}, expect: allow
     from: {principal: old/ns/foo/sa/a}, expect: allow
     from: {principal: other/ns/foo/sa/a}, expect: refused"
)]
// [V62]
#[case::cve_2021_36213_deny_comes_first(
    "AP foo/p {action: DENY, rules: [{to: [{operation: {paths: [/a]}}]}]}
     AP foo/q {rules: [{}]}",
    "request: {path: /a}, expect: deny
     request: {path: /b}, expect: allow"
)]
// [V63]
#[case::cve_2024_10005_normalized_before_it_is_asked(
    "AP foo/p {action: DENY, rules: [{to: [{operation: {paths: [/admin]}}]}, {when: [{key: 'request.headers[x-role]', values: [admin]}]}]}",
    "request: {path: /x/../admin}, expect: deny
     request: {headers: [[X-Role, user], [x-role, admin]]}, expect: deny"
)]
// [V65]
#[case::cve_2019_12243_tcp(
    "AP foo/p {action: DENY, rules: [{from: [{source: {namespaces: [foo]}}]}]}",
    "to: httpbin.foo:9000, protocol: TCP, expect: deny"
)]
// [V66]
#[case::what_is_of_http_on_tcp(
    "AP foo/p {action: DENY, rules: [{from: [{source: {namespaces: [foo]}}], to: [{operation: {paths: [/x]}}]}]}",
    "to: httpbin.foo:9000, protocol: TCP, expect: deny
     from: sleep.bar, to: httpbin.foo:9000, protocol: TCP, expect: allow"
)]
// [V66]
#[case::what_is_of_http_on_tcp_allows_nothing(
    "AP foo/p {rules: [{from: [{source: {namespaces: [foo]}}], to: [{operation: {paths: [/x]}}]}]}",
    "to: httpbin.foo:9000, protocol: TCP, expect: deny"
)]
// [V69]
#[case::a_provider_that_is_not_there(
    "AP foo/p {action: CUSTOM, provider: {name: missing}, rules: [{to: [{operation: {paths: [/a]}}]}]}",
    "request: {path: /a}, expect: deny
     request: {path: /b}, expect: allow"
)]
fn identities(#[case] mesh: &str, #[case] questions: &str) {
    holds(mesh, questions);
}

/// A key set with one key for RS256 and one for ES256, of RFC 7515's appendices A.2 and A.3.
const KEYS: &str = r#"{"keys":[{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"},{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

/// Asks with real tokens, of the issuer `joe`; headers and claims are written as JSON.
fn token(header: &str, claims: &str, signature: &str) -> String {
    use base64::Engine as _;
    let text = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.{signature}", text(header), text(claims))
}

#[rstest]
// [V72]
#[case::cve_2019_12995_a_signature_of_no_kind(r#"{"alg":"ES256"}"#, "c2ln")]
// [V74]
#[case::cve_2026_31837_signed_with_another_key(
    r#"{"alg":"RS256","kid":"DHFbpoIUqrY8t2zpA2qXfCmr5VO5ZEr4RzHU_-envvQ"}"#,
    "c2ln"
)]
// [V84]
#[case::cve_2015_9235_a_public_key_as_a_secret(
    r#"{"alg":"HS256"}"#,
    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
)]
// [V85]
#[case::cve_2018_0114_a_key_in_the_token(
    r#"{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}}"#,
    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
)]
// [V86]
#[case::cve_2022_21449_zeros(
    r#"{"alg":"ES256"}"#,
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)]
// [V87]
#[case::no_algorithm(r#"{"alg":"none"}"#, "")]
// [V87]
#[case::no_algorithm_in_other_letters(r#"{"alg":"None"}"#, "")]
// [V87]
#[case::no_algorithm_in_capitals(r#"{"alg":"NONE"}"#, "c2ln")]
fn a_forged_token_is_no_token(#[case] header: &str, #[case] signature: &str) {
    let token = token(header, r#"{"iss":"joe","sub":"a"}"#, signature);
    holds(
        &format!("RA foo/r {{jwtRules: [{{issuer: joe, jwks: '{KEYS}'}}]}}"),
        &format!(
            "request: {{headers: {{authorization: 'Bearer {token}'}}}}, expect: unauthenticated"
        ),
    );
}

#[rstest]
// [V64]
#[case::cve_2023_3518_a_claim_that_is_asked_for(
    "RA foo/r {jwtRules: [{issuer: i}]}
     AP foo/p {rules: [{when: [{key: 'request.auth.claims[x]', values: [y]}]}]}",
    "request: {jwt: {claims: {iss: i, x: y}}}, expect: allow
     request: {jwt: {claims: {iss: i}}}, expect: deny
     expect: deny"
)]
// [V73]
#[case::cve_2021_21378_an_issuer_that_nobody_knows(
    "RA foo/r {jwtRules: [{issuer: one}]}",
    "request: {jwt: {claims: {iss: two}}}, expect: unauthenticated, status: 401
     expect: allow"
)]
// [V76]
#[case::cve_2021_43824_a_pattern_for_a_claim_that_is_not_there(
    "RA foo/r {jwtRules: [{issuer: i}]}
     AP foo/p {rules: [{from: [{source: {requestPrincipals: ['*x']}}]}]}",
    "request: {jwt: {claims: {iss: i}}}, expect: deny
     expect: deny"
)]
// [V78]
#[case::a_slash_behind_an_issuer(
    "RA foo/r {jwtRules: [{issuer: 'https://i/'}]}",
    "request: {jwt: {claims: {iss: 'https://i'}}}, expect: unauthenticated
     request: {jwt: {claims: {iss: 'https://i/'}}}, expect: allow"
)]
// [V79]
#[case::negative_times(
    "RA foo/r {jwtRules: [{issuer: i}]}",
    "request: {jwt: {claims: {iss: i, exp: -1}}}, expect: unauthenticated
     request: {jwt: {claims: {iss: i, nbf: -1}}}, expect: unauthenticated
     request: {jwt: {claims: {iss: i, iat: -1}}}, expect: unauthenticated"
)]
// [V80]
#[case::a_preflight_passes_the_token_and_not_the_policies(
    "RA foo/r {jwtRules: [{issuer: i}]}
     AP foo/p {rules: [{from: [{source: {requestPrincipals: ['*']}}]}]}",
    "request: {method: OPTIONS, headers: {origin: 'http://a', access-control-request-method: GET}}, expect: deny"
)]
// [V81]
#[case::what_a_provider_writes_comes_from_no_client(
    "RA foo/r {jwtRules: [{issuer: i, outputPayloadToHeader: x-jwt}]}
     AP foo/p {action: DENY, rules: [{when: [{key: 'request.headers[x-jwt]', values: ['*']}]}]}",
    "request: {headers: {x-jwt: forged}}, expect: allow"
)]
// [V82]
#[case::cve_2026_25537_times_of_another_type(
    "RA foo/r {jwtRules: [{issuer: i}]}",
    "request: {jwt: {claims: {iss: i, nbf: '99999999999'}}}, expect: unauthenticated
     request: {jwt: {claims: {iss: i, exp: '99999999999'}}}, expect: unauthenticated"
)]
// [V83]
#[case::no_expiry(
    "RA foo/r {jwtRules: [{issuer: i}]}",
    "request: {jwt: {claims: {iss: i}}}, expect: allow"
)]
// [V88]
#[case::cve_2025_30204_dots(
    "RA foo/r {jwtRules: [{issuer: i}]}",
    "request: {headers: {authorization: 'Bearer ......'}}, expect: unauthenticated"
)]
fn tokens_and_claims(#[case] mesh: &str, #[case] questions: &str) {
    holds(mesh, questions);
}

// [V88]
#[test]
fn cve_2025_30204_a_million_dots() {
    let dots = ".".repeat(50_000);
    holds(
        "RA foo/r {jwtRules: [{issuer: i}]}",
        &format!(
            "request: {{headers: {{authorization: 'Bearer {dots}'}}}}, expect: unauthenticated"
        ),
    );
}

// [V89]
#[test]
fn cve_2026_48042_depth_of_a_token() {
    let deep = format!(r#"{{"iss":"joe","a":{}{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
    let token = token(r#"{"alg":"RS256"}"#, &deep, "c2ln");
    holds(
        &format!("RA foo/r {{jwtRules: [{{issuer: joe, jwks: '{KEYS}'}}]}}"),
        &format!(
            "request: {{headers: {{authorization: 'Bearer {token}'}}}}, expect: unauthenticated"
        ),
    );
}

// [V42]
// [V59]
#[rstest]
#[case::cve_2026_26310_a_zone("fe80::1%eth0")]
#[case::a_prefix_that_is_too_long("10.0.0.0/33")]
fn a_block_that_is_none_is_refused(#[case] block: &str) {
    let mesh = format!(
        "AP foo/p {{action: DENY, rules: [{{from: [{{source: {{namespaces: [foo], notIpBlocks: ['{block}']}}}}]}}]}}"
    );
    let suite = suite(&format!("admission: enforced\n{mesh}"), "expect: deny");
    let refused = suite::prepare(&suite, &[]).unwrap_err();
    assert!(format!("{refused:?}").contains(block), "{refused:?}");
}

/// Rows that another file tests: the row, the file, and words of the test.
const ELSEWHERE: &[(u32, &str, &str)] = &[
    (92, "certs/README.md", "| id-as-mail.pem"),
    (93, "certs/README.md", "| server-only.pem"),
    (95, "certs/README.md", "| nul-in-dns.pem"),
    (97, "tests/ca/limbo.rs", "every_case_about_paths_is_answered_as_it_says"),
    (98, "src/ca/name_constraints.rs", "another_host"),
    (99, "src/ca/name_constraints.rs", "wildcard_above_what_is_permitted"),
    (100, "tests/ca/limbo.rs", "every_case_about_paths_is_answered_as_it_says"),
    (101, "tests/ca/command.rs", "another_uri"),
    (103, "tests/ca/command.rs", "two_uris"),
    (107, "tests/ca/faulty.rs", "no_certificate_outlives_its_ca"),
];

/// Rows about what is not here, with the reason.
const NOT_HERE: &[(u32, &str)] = &[
    (
        8,
        "a route that strips parameters of a path: Istio sets no such option, EnvoyFilter is not read",
    ),
    (9, "as row 8"),
    (14, "a template is read once, with its policy, and matched without regular expressions"),
    (29, "routes of a VirtualService and other matchers of Envoy are not evaluated"),
    (32, "a control plane and proxies of different releases: one release is asked about"),
    (37, "headers that a gateway removes for its routes: no condition reads them behind it"),
    (39, "regular expressions of EnvoyFilter: no policy has one"),
    (40, "the PROXY protocol: listeners are asked without it"),
    (41, "as row 40; fail-open providers are rows of docs/semantics.md"),
    (45, "servers of HTTP/2: there is none here"),
    (54, "ztunnel: ambient workloads are answered `unknown`"),
    (55, "as row 54"),
    (56, "as row 54; a selector of a sidecar's policy stays in its namespace"),
    (57, "as row 54"),
    (58, "as row 54"),
    (67, "AUTO_PASSTHROUGH gateways are not evaluated"),
    (68, "a VirtualService's hosts are not evaluated"),
    (70, "Wasm is not evaluated"),
    (71, "east-west gateways are not evaluated"),
    (75, "key sets are never fetched"),
    (77, "as row 75"),
    (90, "OAuth is a filter that Istio does not configure; CUSTOM is asked of a stub"),
    (91, "names of servers are not matched: an identity is a URI, as a whole"),
    (94, "sessions of TLS that are taken up again: no server here gives tickets"),
    (96, "a server that starts before its roots: no server here"),
    (102, "agents and their path templates: no agent here"),
    (104, "a CA over the network: its commands take no caller's word"),
    (105, "attestation and join tokens: none here"),
    (106, "provisioners: none here"),
];

/// The rows that a case of this file is marked with.
fn marked() -> Vec<u32> {
    let own = include_str!("regressions.rs");
    own.lines()
        .filter_map(|line| {
            line.trim()
                .strip_prefix("// [V")?
                .strip_suffix(']')?
                .parse()
                .ok()
        })
        .collect()
}

#[test]
fn a_test_elsewhere_is_there() {
    for (row, file, words) in ELSEWHERE {
        let text = project(file);
        assert!(text.contains(words), "row {row}: {file} has no `{words}`");
    }
}

#[test]
fn every_row_is_tested_or_has_a_reason() {
    if shared("spec/regressions.md").is_none() {
        return;
    }
    let text = project("../shared/spec/regressions.md");
    let rows: Vec<u32> = text
        .lines()
        .filter_map(|line| {
            line.strip_prefix('|')?
                .split('|')
                .next()?
                .trim()
                .parse()
                .ok()
        })
        .collect();
    assert!(rows.len() > 100, "{rows:?}");
    let tested =
        |row: u32| marked().contains(&row) || ELSEWHERE.iter().any(|(tested, ..)| *tested == row);
    let excused = |row: u32| NOT_HERE.iter().any(|(excused, _)| *excused == row);
    for row in &rows {
        assert!(tested(*row) != excused(*row), "row {row} is tested or has a reason, not both");
    }
    let count = rows.iter().filter(|row| tested(**row)).count();
    println!("{count} of {} rows are tested", rows.len());
    let known = marked()
        .into_iter()
        .chain(NOT_HERE.iter().map(|(row, _)| *row));
    for row in known.chain(ELSEWHERE.iter().map(|(row, ..)| *row)) {
        assert!(rows.contains(&row), "there is no row {row}");
    }
}
