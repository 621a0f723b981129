//! What the API server and Istio's webhook refuse beyond what the corpus has.

use insta::assert_snapshot;
use portcullis::validate::{JwksUri, JwksUriError, Refuser, refusals};
use rstest::rstest;

use crate::support::load::{Said, load};

fn policy(kind: &str, spec: &str) -> String {
    format!("apiVersion: security.istio.io/v1\nkind: {kind}\nmetadata: {{name: p}}\nspec: {spec}\n")
}

/// The rules by which the API server refuses, those by which the webhook does, and those by which it
/// warns, each as one text.
fn judged(kind: &str, spec: &str) -> [String; 3] {
    let said = Said::of(&policy(kind, spec));
    assert_eq!(said.errors, Vec::<String>::new(), "{spec}");
    let (schema, webhook) = (Refuser::is_api_server, Refuser::is_webhook);
    [said.causes(schema), said.causes(webhook), said.warnings()].map(|rules| rules.join(" "))
}

fn source(fields: &str) -> String {
    format!("{{rules: [{{from: [{{source: {{{fields}}}}}]}}]}}")
}

/// A list of `count` times `item`.
fn many(count: usize, item: &str) -> String {
    format!("[{}]", vec![item; count].join(", "))
}

#[rstest]
#[case::an_empty_list_sets_a_field_for_the_schema(
    source("serviceAccounts: [a], principals: []"),
    "VAL-20",
    "",
    ""
)]
#[case::both_ways_round(source("serviceAccounts: [], notNamespaces: [a]"), "VAL-20", "", "")]
#[case::other_fields_stand_beside_accounts(
    source("serviceAccounts: [a], ipBlocks: [10.0.0.0/8]"),
    "",
    "",
    ""
)]
#[case::only_empty_lists(source("principals: []"), "", "VAL-19", "")]
#[case::sixteen_accounts(source(&format!("serviceAccounts: {}", many(16, "a"))), "", "", "")]
#[case::seventeen_accounts(source(&format!("serviceAccounts: {}", many(17, "a"))), "VAL-23", "VAL-23", "")]
#[case::a_long_account(source(&format!("serviceAccounts: [{}]", "a".repeat(321))), "VAL-23", "VAL-23", "")]
#[case::a_long_account_in_bytes(source(&format!("serviceAccounts: [{}]", "é".repeat(161))), "", "VAL-23", "")]
#[case::an_account_pattern(source("serviceAccounts: ['*']"), "", "VAL-23", "")]
#[case::sources(format!("{{rules: [{{from: {}}}]}}", many(513, "{source: {principals: [a]}}")), "CRD", "", "")]
#[case::rules(format!("{{rules: {}}}", many(513, "{}")), "CRD", "", "")]
#[case::a_null_rule("{rules: [~]}".to_owned(), "VAL-17", "", "")]
#[case::an_empty_list_is_no_rules("{action: DENY, rules: []}".to_owned(), "", "VAL-16", "")]
#[case::a_custom_policy_without_rules("{action: CUSTOM, provider: {name: a}}".to_owned(), "", "VAL-10", "")]
#[case::a_custom_policy_by_trust_domain("{action: CUSTOM, provider: {name: a}, rules: [{from: [{source: {notTrustDomains: [a]}}], when: [{key: source.trustDomain, values: [a]}]}]}".to_owned(), "", "VAL-12 VAL-13", "")]
#[case::a_custom_policy_by_address("{action: CUSTOM, provider: {name: a}, rules: [{from: [{source: {ipBlocks: [10.0.0.0/8]}}]}]}".to_owned(), "", "", "")]
#[case::a_provider_without_a_name("{action: CUSTOM, provider: {}, rules: [{}]}".to_owned(), "", "VAL-11", "")]
#[case::an_audit_policy_with_a_provider("{action: AUDIT, provider: {name: a}}".to_owned(), "", "VAL-15", "")]
#[case::a_missing_key("{rules: [{when: [{values: [a]}]}]}".to_owned(), "VAL-29", "VAL-29", "")]
#[case::an_empty_key("{rules: [{when: [{key: '', values: [a]}]}]}".to_owned(), "", "VAL-29", "")]
#[case::a_key_with_the_prefix_of_another("{rules: [{when: [{key: 'request.headersX[y]', values: [a]}]}]}".to_owned(), "", "", "")]
#[case::nothing_between_brackets("{rules: [{when: [{key: 'request.headers[]', values: [a]}]}]}".to_owned(), "", "VAL-29", "")]
#[case::a_slash_in_a_condition_passes("{rules: [{when: [{key: source.trustDomain, values: [a/b]}]}]}".to_owned(), "", "", "")]
#[case::deny_by_trust_domain("{action: DENY, rules: [{from: [{source: {trustDomains: [a]}}]}]}".to_owned(), "", "", "VAL-30")]
#[case::deny_by_address("{action: DENY, rules: [{from: [{source: {notIpBlocks: [10.0.0.0/8]}}]}]}".to_owned(), "", "", "")]
#[case::deny_by_condition("{action: DENY, rules: [{when: [{key: 'request.headers[a]', values: [a]}]}]}".to_owned(), "", "", "")]
#[case::deny_with_one_port_among_operations("{action: DENY, rules: [{to: [{operation: {methods: [GET]}}, {operation: {notPorts: ['80']}}]}]}".to_owned(), "", "", "")]
#[case::allow_is_not_warned("{rules: [{to: [{operation: {methods: [GET]}}]}]}".to_owned(), "", "", "")]
#[case::port_zero("{rules: [{to: [{operation: {ports: ['0']}}]}]}".to_owned(), "", "", "")]
#[case::an_empty_segment_beside_a_template("{rules: [{to: [{operation: {paths: ['/a//{*}']}}]}]}".to_owned(), "", "VAL-28", "")]
#[case::an_empty_segment("{rules: [{to: [{operation: {paths: [/a//b]}}]}]}".to_owned(), "", "", "")]
#[case::an_entry_of_from_without_source("{rules: [{from: [{}]}]}".to_owned(), "", "VAL-18", "")]
#[case::an_empty_principal(source("notPrincipals: ['']"), "", "VAL-22", "")]
#[case::a_path_behind_a_trust_domain(source("trustDomains: [a/b]"), "", "VAL-24", "")]
#[case::a_star_in_a_trust_domain(source("notTrustDomains: ['a*b']"), "", "VAL-24", "")]
#[case::a_star_at_the_end_of_a_trust_domain(source("trustDomains: ['a*']"), "", "", "")]
#[case::an_entry_of_to_without_operation("{rules: [{to: [{}]}]}".to_owned(), "", "VAL-25", "")]
#[case::an_empty_operation("{rules: [{to: [{operation: {}}]}]}".to_owned(), "", "VAL-25", "")]
#[case::a_word_for_a_port("{rules: [{to: [{operation: {ports: [http]}}]}]}".to_owned(), "", "VAL-26", "")]
#[case::an_empty_host("{rules: [{to: [{operation: {notHosts: ['']}}]}]}".to_owned(), "", "VAL-27", "")]
#[case::a_template_without_slash_passes("{rules: [{to: [{operation: {paths: ['a/{*}']}}]}]}".to_owned(), "", "", "")]
fn authorization_policies(
    #[case] spec: String,
    #[case] schema: &str,
    #[case] webhook: &str,
    #[case] warned: &str,
) {
    assert_eq!(judged("AuthorizationPolicy", &spec), [schema, webhook, warned]);
}

#[rstest]
#[case::an_empty_list_is_set_for_the_schema(
    "selector: {matchLabels: {a: b}}, targetRefs: []",
    "VAL-1",
    "",
    ""
)]
#[case::an_empty_list_alone("targetRefs: []", "", "", "")]
#[case::a_reference_and_a_list(
    "targetRef: {kind: Service, name: a}, targetRefs: [{kind: Service, name: a}]",
    "VAL-1",
    "VAL-1",
    ""
)]
#[case::the_core_group_by_name("targetRef: {group: core, kind: Service, name: a}", "", "", "")]
#[case::a_class(
    "targetRef: {group: gateway.networking.k8s.io, kind: GatewayClass, name: a}",
    "",
    "",
    ""
)]
#[case::a_service_entry(
    "targetRef: {group: networking.istio.io, kind: ServiceEntry, name: a}",
    "",
    "",
    ""
)]
#[case::a_gateway_of_istio(
    "targetRef: {group: networking.istio.io, kind: Gateway, name: a}",
    "",
    "VAL-7",
    ""
)]
#[case::no_name("targetRef: {kind: Service}", "VAL-5", "VAL-5", "")]
#[case::a_namespace("targetRef: {kind: Service, name: a, namespace: b}", "VAL-6", "VAL-6", "")]
#[case::an_empty_label("selector: {matchLabels: {'': a}}", "VAL-2", "VAL-2", "")]
#[case::no_kind("targetRef: {name: a}", "VAL-7", "VAL-7", "")]
#[case::an_empty_namespace("targetRef: {kind: Service, name: a, namespace: ''}", "", "", "")]
#[case::no_labels("selector: {matchLabels: {}}", "", "", "VAL-4")]
#[case::a_star_in_a_key("selector: {matchLabels: {'a*': b}}", "VAL-3", "VAL-3", "")]
#[case::a_dot_is_no_wildcard("selector: {matchLabels: {app.kubernetes.io/name: b.c}}", "", "", "")]
fn what_a_policy_is_about(
    #[case] spec: &str,
    #[case] schema: &str,
    #[case] webhook: &str,
    #[case] warned: &str,
) {
    let spec = format!("{{{spec}}}");
    let want = [schema, webhook, warned];
    assert_eq!(judged("AuthorizationPolicy", &spec), want);
    assert_eq!(judged("RequestAuthentication", &spec), want);
}

#[rstest]
#[case::references(format!("targetRefs: {}", many(17, "{kind: Service, name: a}")))]
#[case::labels(format!("selector: {{matchLabels: {{{}}}}}", (0..4097).map(|n| format!("a{n}: b")).collect::<Vec<_>>().join(", ")))]
#[case::a_value(format!("selector: {{matchLabels: {{a: {}}}}}", "b".repeat(64)))]
#[case::a_name(format!("targetRef: {{kind: Service, name: {}}}", "b".repeat(254)))]
fn the_schema_bounds_what_a_policy_is_about(#[case] spec: String) {
    assert_eq!(judged("AuthorizationPolicy", &format!("{{{spec}}}")), ["CRD", "", ""]);
}

#[rstest]
#[case::first("1", "")]
#[case::last("65535", "")]
#[case::zero("0", "VAL-42")]
#[case::beyond("65536", "VAL-42")]
#[case::wraps_in_32_bits("4294967376", "VAL-42")]
#[case::signed("'+80'", "VAL-42")]
#[case::leading_zeros("'0080'", "VAL-42")]
#[case::a_fraction("80.5", "VAL-42")]
#[case::a_word("http", "VAL-42")]
fn ports_of_a_peer_authentication(#[case] port: &str, #[case] want: &str) {
    let spec = format!("{{selector: {{matchLabels: {{a: b}}}}, portLevelMtls: {{{port}: {{}}}}}}");
    assert_eq!(judged("PeerAuthentication", &spec), [want, want, ""]);
}

#[rstest]
#[case::no_labels("{selector: {}, portLevelMtls: {80: {}}}", "VAL-40", "VAL-4")]
#[case::an_empty_mapping_needs_no_labels("{portLevelMtls: {}}", "VAL-41", "")]
fn port_levels_need_labels(#[case] spec: &str, #[case] want: &str, #[case] warned: &str) {
    assert_eq!(judged("PeerAuthentication", spec), [want, want, warned]);
}

#[rstest]
#[case::an_issuer("issuer: a", "", "")]
#[case::neither_is_written("audiences: [a]", "", "VAL-51")]
#[case::an_empty_issuer("issuer: '', jwksUri: 'https://a'", "CRD", "")]
#[case::an_empty_uri("issuer: a, jwksUri: ''", "CRD", "")]
#[case::keys_and_their_uri(r#"issuer: a, jwksUri: 'https://a', jwks: '{"keys": []}'"#, "CRD", "")]
#[case::the_other_spelling("issuer: a, jwks_uri: 'ftp://a'", "VAL-52", "VAL-52")]
#[case::a_port_beyond_64_bits("issuer: a, jwksUri: 'https://a:99999999999999999999'", "", "VAL-52")]
#[case::an_empty_key_set("issuer: a, jwks: ''", "", "")]
#[case::a_space_delimited_claim("issuer: a, spaceDelimitedClaims: ['']", "CRD", "")]
#[case::a_header_without_claim(
    "issuer: a, outputClaimToHeaders: [{header: h}]",
    "VAL-55",
    "VAL-55"
)]
#[case::an_empty_audience("issuer: a, audiences: ['']", "VAL-50", "VAL-50")]
#[case::no_key_set("issuer: a, jwks: '{}'", "", "VAL-53")]
#[case::an_empty_parameter("issuer: a, fromParams: ['']", "VAL-54", "VAL-54")]
#[case::a_header_without_name("issuer: a, fromHeaders: [{prefix: a}]", "VAL-54", "VAL-54")]
#[case::presence_is_read_by_nobody("issuer: a, presence: REQUIRED", "", "")]
#[case::a_timeout("issuer: a, timeout: 1m30.5s", "", "")]
#[case::a_millisecond("issuer: a, timeout: 1ms", "", "")]
#[case::less("issuer: a, timeout: 999us", "VAL-56", "VAL-56")]
#[case::below_a_millisecond("issuer: a, timeout: 1.0005ms", "", "VAL-56")]
#[case::negative("issuer: a, timeout: -5s", "VAL-56", "VAL-56")]
#[case::no_unit("issuer: a, timeout: '5'", "VAL-56", "VAL-56")]
#[case::zero_needs_no_unit("issuer: a, timeout: '0'", "VAL-56", "VAL-56")]
#[case::days_are_no_unit("issuer: a, timeout: 1d", "VAL-56", "VAL-56")]
#[case::nothing("issuer: a, timeout: ''", "VAL-56", "VAL-56")]
#[case::beyond_64_bits("issuer: a, timeout: 9999999h", "VAL-56", "VAL-56")]
#[case::micro("issuer: a, timeout: 5000\u{b5}s", "", "")]
fn jwt_rules(#[case] rule: &str, #[case] schema: &str, #[case] webhook: &str) {
    let spec = format!("{{jwtRules: [{{{rule}}}]}}");
    assert_eq!(judged("RequestAuthentication", &spec), [schema, webhook, ""]);
}

#[rstest]
#[case::public(r#"{"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#, "")]
#[case::symmetric(r#"{"kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMko"}"#, "VAL-57")]
fn a_secret_in_a_key_set_is_warned_of(#[case] key: &str, #[case] warned: &str) {
    let spec = format!("{{jwtRules: [{{issuer: a, jwks: '{{\"keys\": [{key}]}}'}}]}}");
    assert_eq!(judged("RequestAuthentication", &spec), ["", "", warned]);
}

#[rstest]
#[case::plain("https://a.example/keys", Ok(("a.example", 443, true)))]
#[case::upper_case("HTTP://A:8080", Ok(("A", 8080, false)))]
#[case::a_port_of_no_tcp("http://a:70000", Ok(("a", 70_000, false)))]
#[case::an_empty_port("http://a:/x", Ok(("a", 80, false)))]
#[case::an_address("https://[fd00::1]:8443/x", Ok(("fd00::1", 8443, true)))]
#[case::a_user("https://u:p@a/x", Ok(("a", 443, true)))]
#[case::a_query("https://a?b=c:d@e/f", Ok(("a", 443, true)))]
#[case::no_host("https:///x", Ok(("", 443, true)))]
#[case::opaque("https:a", Ok(("", 443, true)))]
#[case::no_scheme("a.example", Err(JwksUriError::Scheme))]
#[case::a_port_is_no_scheme("a.example:80", Err(JwksUriError::Scheme))]
#[case::another_scheme("ftp://a", Err(JwksUriError::Scheme))]
#[case::a_control_character("https://a/\n", Err(JwksUriError::Malformed))]
#[case::a_bad_escape("https://a/%zz", Err(JwksUriError::Malformed))]
#[case::a_bad_escape_in_the_fragment("https://a/#%", Err(JwksUriError::Malformed))]
#[case::a_space_in_the_host("https://a b/", Err(JwksUriError::Host))]
#[case::a_word_for_a_port("https://a:http/", Err(JwksUriError::Port))]
#[case::an_open_bracket("https://[fd00::1/", Err(JwksUriError::Host))]
#[case::an_escaped_letter_in_the_host("https://%61/", Err(JwksUriError::Host))]
fn key_set_uris(#[case] uri: &str, #[case] want: Result<(&str, i64, bool), JwksUriError>) {
    let want = want.map(|(host, port, tls)| JwksUri { host: host.to_owned(), port, tls });
    assert_eq!(JwksUri::parse(uri), want);
}

#[rstest]
#[case::peer("PeerAuthentication")]
#[case::request("RequestAuthentication")]
fn only_authorization_policies_run_dry(#[case] kind: &str) {
    let text = policy(kind, "{}")
        .replace("{name: p}", "{name: p, annotations: {istio.io/dry-run: 'true'}}");
    assert_eq!(Said::of(&text).causes(Refuser::is_webhook), ["SEL-30"]);
}

#[test]
fn a_refusal_says_where_why_and_by_which_rule() {
    let text = "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: p}
spec:
  action: DENY
  selector: {matchLabels: {app: httpbin}}
  targetRefs:
  - {kind: Service, name: httpbin}
  rules:
  - from:
    - source:
        ipBlocks: [10.0.0.0/8, 10.0.0.256]
    to:
    - operation:
        paths: ['/{id}']
    when:
    - {key: source.user, values: [a]}
";
    let said: String = load(text)
        .resources
        .iter()
        .flat_map(refusals)
        .map(|finding| format!("{finding}\n"))
        .collect();
    assert_snapshot!(said, @r"
    error[PC911]: only one of `selector`, `targetRef` and `targetRefs` can be set [VAL-1]
      --> case.yaml:8:5 spec
    warning[PC912]: on TCP ports this DENY rule denies without its HTTP fields: name the `ports` that are meant [VAL-30]
      --> case.yaml:10:5 spec.rules[0]
    error[PC911]: `ipBlocks` does not take `10.0.0.256`: it is neither an IP address nor a CIDR block [VAL-21]
      --> case.yaml:12:32 spec.rules[0].from[0].source.ipBlocks[1]
    error[PC911]: `paths` does not take `/{id}`: `{` and `}` stand only in `{*}` and `{**}`, each a whole segment [VAL-28]
      --> case.yaml:15:17 spec.rules[0].to[0].operation.paths[0]
    error[PC911]: `source.user` is no attribute [VAL-29]
      --> case.yaml:17:13 spec.rules[0].when[0].key
    ");
}
