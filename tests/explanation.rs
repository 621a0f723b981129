//! What an explanation holds besides its sentences: the nearest rules, changes of a request and what they lead to, the
//! remedy, the policies that are passed over.

use portcullis::decide::{Truth, Verdict};
use portcullis::explanation::{Change, Gone, NearMiss, TokenPlace, inside, outside};
use portcullis::mesh::{Condition, ConditionRef, Mesh, Part, RuleRef, WhyPassedOver};
use portcullis::request::{Claim, Claims, Payload, Request};
use portcullis::suite;
use rstest::rstest;

use crate::support::brief::suite;

/// A mesh and the one request of a question, as `support/brief.rs` reads them.
fn asked(mesh: &str, question: &str) -> (Mesh, Request) {
    let comma = if question.is_empty() { "" } else { ", " };
    let suite = suite(mesh, &format!("{question}{comma}expect: deny"));
    let prepared = suite::prepare(&suite, &[]).unwrap();
    let request = prepared
        .mesh
        .requests(&suite.cases[0].spec)
        .unwrap()
        .remove(0);
    (prepared.mesh, request)
}

/// `foo/p 0: from[1].namespaces, when a`.
fn near(mesh: &Mesh, near: &NearMiss) -> String {
    let (policy, rule) = mesh.rule(near.rule).unwrap();
    let fields: Vec<String> = near
        .misses
        .iter()
        .map(|place| {
            let field = &mesh.condition(*place).unwrap().field;
            match place.part {
                Part::From(index) => format!("from[{index}].{field}"),
                Part::To(index) => format!("to[{index}].{field}"),
                Part::When => format!("when {field}"),
            }
        })
        .collect();
    let gone = match &near.gone {
        None => String::new(),
        Some(Gone::NotOnTcp(field)) => format!("not on tcp: {field}"),
        Some(Gone::Untranslatable(_)) => "untranslatable".to_owned(),
    };
    format!("{} {}: {}{gone}", policy.id(), rule.index, fields.join(", "))
}

#[rstest]
#[case::the_rule_with_the_fewest_failing_fields_comes_first(
    "AP foo/p {rules: [{to: [{operation: {methods: [PUT], paths: [/a]}}]}, {to: [{operation: {methods: [PUT]}}]}]}",
    "",
    &["foo/p 1: to[0].methods", "foo/p 0: to[0].methods, to[0].paths"]
)]
#[case::across_policies(
    "AP foo/b {rules: [{to: [{operation: {methods: [PUT]}}]}]}
     AP foo/a {rules: [{to: [{operation: {methods: [PUT], paths: [/a]}}]}]}",
    "",
    &["foo/b 0: to[0].methods", "foo/a 0: to[0].methods, to[0].paths"]
)]
#[case::of_two_as_near_the_first_by_id(
    "AP foo/b {rules: [{to: [{operation: {methods: [PUT]}}]}]}
     AP foo/a {rules: [{to: [{operation: {paths: [/a]}}]}]}",
    "",
    &["foo/a 0: to[0].paths", "foo/b 0: to[0].methods"]
)]
#[case::what_a_caller_can_choose_is_nearer_than_who_it_is(
    "AP foo/a {rules: [{from: [{source: {namespaces: [bar]}}]}]}
     AP foo/b {rules: [{to: [{operation: {paths: [/a]}}]}]}",
    "",
    &["foo/b 0: to[0].paths", "foo/a 0: from[0].namespaces"]
)]
#[case::one_who_it_is_is_nearer_than_two_others(
    "AP foo/a {rules: [{from: [{source: {namespaces: [bar]}}]}]}
     AP foo/b {rules: [{to: [{operation: {paths: [/a], methods: [PUT]}}]}]}",
    "",
    &["foo/a 0: from[0].namespaces", "foo/b 0: to[0].methods, to[0].paths"]
)]
#[case::three_are_kept(
    "AP foo/a {rules: [{to: [{operation: {paths: [/a]}}]}, {to: [{operation: {paths: [/b]}}]}, {to: [{operation: {paths: [/c]}}]}, {to: [{operation: {paths: [/d]}}]}]}",
    "",
    &["foo/a 0: to[0].paths", "foo/a 1: to[0].paths", "foo/a 2: to[0].paths"]
)]
#[case::of_a_part_the_alternative_of_which_least_fails(
    "AP foo/a {rules: [{from: [{source: {namespaces: [bar], principals: [x]}}, {source: {namespaces: [bar]}}], to: [{operation: {paths: [/a]}}, {operation: {methods: [GET]}}]}]}",
    "",
    &["foo/a 0: from[1].namespaces"]
)]
#[case::of_equal_alternatives_the_first(
    "AP foo/a {rules: [{from: [{source: {namespaces: [bar]}}, {source: {namespaces: [baz]}}]}]}",
    "",
    &["foo/a 0: from[0].namespaces"]
)]
#[case::all_conditions_of_when(
    "AP foo/a {rules: [{when: [{key: 'request.headers[a]', values: [x]}, {key: 'request.headers[b]', notValues: [x]}, {key: 'request.headers[c]', values: [x]}]}]}",
    "",
    &["foo/a 0: when request.headers[a], when request.headers[c]"]
)]
#[case::a_negated_field_that_fails(
    "AP foo/a {rules: [{to: [{operation: {notPaths: [/]}}]}]}",
    "",
    &["foo/a 0: to[0].notPaths"]
)]
#[case::an_alternative_that_holds_fails_in_nothing(
    "AP foo/a {rules: [{from: [{source: {principals: [x]}}, {source: {notPrincipals: [x]}}], to: [{operation: {methods: [PUT]}}]}]}",
    "",
    &["foo/a 0: to[0].methods"]
)]
#[case::an_alternative_of_which_nothing_is_asked_holds(
    "AP foo/a {rules: [{from: [{source: {principals: [x]}}, {source: {}}], to: [{operation: {methods: [PUT]}}]}]}",
    "",
    &["foo/a 0: to[0].methods"]
)]
#[case::a_rule_that_is_not_on_tcp_comes_last(
    "AP foo/a {rules: [{to: [{operation: {methods: [GET]}}]}, {from: [{source: {namespaces: [bar], principals: [x], ipBlocks: [1.2.3.4]}}]}]}",
    "from: {principal: cluster.local/ns/foo/sa/a, ip: 10.0.0.1}, to: 'httpbin.foo:9000'",
    &["foo/a 1: from[0].principals, from[0].namespaces, from[0].ipBlocks", "foo/a 0: not on tcp: methods"]
)]
#[case::a_rule_that_istiod_leaves_out(
    "AP foo/a {rules: [{when: [{key: nonsense, values: [a]}]}, {to: [{operation: {paths: [/a]}}]}]}",
    "",
    &["foo/a 1: to[0].paths", "foo/a 0: untranslatable"]
)]
#[case::a_dry_run_is_not_near(
    "AP foo/a {rules: [{to: [{operation: {paths: [/a]}}]}]} with annotations: {istio.io/dry-run: 'true'}
     AP foo/b {rules: [{to: [{operation: {paths: [/a], methods: [PUT]}}]}]}",
    "",
    &["foo/b 0: to[0].methods, to[0].paths"]
)]
#[case::nor_are_deny_rules(
    "AP foo/a {action: DENY, rules: [{to: [{operation: {paths: [/a]}}]}]}
     AP foo/b {}",
    "",
    &[]
)]
fn the_nearest_rules(#[case] mesh: &str, #[case] question: &str, #[case] want: &[&str]) {
    let (mesh, request) = asked(mesh, question);
    let explanation = mesh.explain(&request);
    let found: Vec<String> = explanation
        .near_misses
        .iter()
        .map(|miss| near(&mesh, miss))
        .collect();
    assert_eq!(found, want);
}

#[test]
fn a_rule_that_decides_is_told_by_what_it_matched() {
    let (mesh, request) = asked(
        "AP foo/p {action: DENY, rules: [{from: [{source: {namespaces: [bar]}}, {source: {namespaces: [foo]}}], to: [{operation: {methods: [PUT]}}, {operation: {methods: [GET], notPaths: [/x]}}]}]}",
        "",
    );
    let explanation = mesh.explain(&request);
    let matched: Vec<(Part, usize)> = explanation
        .matched(&mesh)
        .iter()
        .map(|place| (place.part, place.index))
        .collect();
    assert_eq!(matched, [(Part::From(1), 0), (Part::To(1), 0), (Part::To(1), 1)]);
    assert_eq!(explanation.near_misses, []);
}

#[test]
fn a_custom_rule_saw_the_request_before_its_token_was_taken_out() {
    let mesh = "RA foo/r {jwtRules: [{issuer: i}]}
        mesh: {extensionProviders: [{name: e, envoyExtAuthzGrpc: {service: e.x.svc.cluster.local, port: 9000}}]}
        providers: {e: ANSWER}
        AP foo/c {action: CUSTOM, provider: {name: e}, rules: [{}]}
        AP foo/p {rules: [{}]}";
    let question = "request: {jwt: {claims: {iss: i, sub: s}}}";
    for (answer, header, claims) in [("deny", 1, false), ("allow", 0, true)] {
        let (mesh, request) = asked(&mesh.replace("ANSWER", answer), question);
        let explanation = mesh.explain(&request);
        let seen = explanation.seen().unwrap();
        let http = seen.http.as_ref().unwrap();
        assert_eq!(http.header("authorization").count(), header, "{answer}");
        assert_eq!(seen.claims.is_some(), claims, "{answer}");
    }
}

#[rstest]
#[case::forwarded_for(
    "request: {headers: {X-Forwarded-For: 1.1.1.1}}",
    Change::ForwardedFor("2.2.2.2".to_owned()),
    "request: {headers: {x-forwarded-for: 2.2.2.2}}"
)]
#[case::a_header_of_several_lines(
    "request: {headers: [[A, x], [b, y], [a, z]]}",
    Change::Header { name: "a".to_owned(), value: Some("n".to_owned()) },
    "request: {headers: [[b, y], [a, n]]}"
)]
#[case::a_header_left_out(
    "request: {headers: [[A, x], [b, y]]}",
    Change::Header { name: "a".to_owned(), value: None },
    "request: {headers: {b: y}}"
)]
#[case::host("request: {host: a.b}", Change::Host("c.d".to_owned()), "request: {host: c.d}")]
#[case::host_though_a_header_says_so_too(
    "request: {host: a.b, headers: {Host: x}}",
    Change::Host("c.d".to_owned()),
    "request: {host: c.d}"
)]
#[case::host_of_a_url_in_the_request_line(
    "request: {path: 'http://x/a?b'}",
    Change::Host("c.d".to_owned()),
    "request: {host: c.d, path: '/a?b'}"
)]
#[case::http11("request: {version: '2'}", Change::Http11, "")]
#[case::method("", Change::Method("PUT".to_owned()), "request: {method: PUT}")]
#[case::path("request: {path: /a}", Change::Path("/b".to_owned()), "request: {path: /b}")]
#[case::path_and_the_query_stays(
    "request: {path: '/a?q=1#f'}",
    Change::Path("/b".to_owned()),
    "request: {path: '/b?q=1'}"
)]
#[case::plaintext("", Change::Plaintext, "from: {plaintext: true}")]
#[case::port("", Change::Port(7000), "to: 'httpbin.foo:7000', request: {host: 'httpbin.foo:8080'}")]
#[case::principal(
    "sni: x",
    Change::Principal("cluster.local/ns/bar/sa/b".to_owned()),
    "from: {principal: cluster.local/ns/bar/sa/b}, sni: x"
)]
#[case::server_name("sni: x", Change::ServerName("y".to_owned()), "sni: y")]
#[case::a_server_name_needs_tls(
    "from: {plaintext: true}",
    Change::ServerName("y".to_owned()),
    "from: {plaintext: true}"
)]
#[case::source_ip(
    "from: {plaintext: true, ip: 10.0.0.1}",
    Change::SourceIp([10, 0, 0, 2].into()),
    "from: {plaintext: true, ip: 10.0.0.2}"
)]
#[case::no_token("request: {jwt: {claims: {iss: i, sub: s}}}", Change::WithoutToken(bearer()), "")]
#[case::no_token_though_it_stands_elsewhere(
    "request: {headers: {a: b}, jwt: {claims: {iss: i, sub: s}}}",
    Change::WithoutToken(TokenPlace::Cookie("t".to_owned())),
    "request: {headers: {a: b}}"
)]
#[case::no_token_in_the_query(
    "request: {path: '/a?x=1&t=2&y=3'}",
    Change::WithoutToken(TokenPlace::Parameter("t".to_owned())),
    "request: {path: '/a?x=1&y=3'}"
)]
#[case::no_token_in_the_query_alone(
    "request: {path: '/a?t=2'}",
    Change::WithoutToken(TokenPlace::Parameter("t".to_owned())),
    "request: {path: /a}"
)]
#[case::a_path_over_tcp_changes_nothing(
    "to: 'httpbin.foo:9000'",
    Change::Path("/b".to_owned()),
    "to: 'httpbin.foo:9000'"
)]
fn a_change_makes_the_request_that_another_question_is(
    #[case] before: &str,
    #[case] change: Change,
    #[case] after: &str,
) {
    let (before, after) = (asked("", before).1, asked("", after).1);
    assert_eq!(change.of(&before), after, "{change}");
}

#[test]
fn the_address_of_the_client_is_stated_until_it_is_sent() {
    let stated = Change::RemoteIp([1, 2, 3, 4].into()).of(&asked("", "").1);
    assert_eq!(stated.remote_ip, Some([1, 2, 3, 4].into()));
    assert_eq!(
        Change::ForwardedFor("1.1.1.1".to_owned())
            .of(&stated)
            .remote_ip,
        None
    );
}

fn bearer() -> TokenPlace {
    TokenPlace::Header { name: "authorization".to_owned(), prefix: "Bearer ".to_owned() }
}

fn claims(issuer: &str) -> Claims {
    Claims::from([
        ("iss".to_owned(), Claim::String(issuer.to_owned())),
        ("sub".to_owned(), Claim::String("s".to_owned())),
    ])
}

#[rstest]
#[case::as_bearer("fromHeaders: [{name: authorization, prefix: 'Bearer '}]", bearer())]
#[case::in_a_header(
    "fromHeaders: [{name: x-token}]",
    TokenPlace::Header { name: "x-token".to_owned(), prefix: String::new() }
)]
#[case::in_the_query("fromParams: [t]", TokenPlace::Parameter("t".to_owned()))]
#[case::in_a_cookie("fromCookies: [t]", TokenPlace::Cookie("t".to_owned()))]
fn a_token_is_found_where_it_is_put(#[case] place_of_provider: &str, #[case] place: TokenPlace) {
    let mesh = format!(
        "RA foo/r {{jwtRules: [{{issuer: i, {place_of_provider}}}]}}
         AP foo/p {{rules: [{{from: [{{source: {{requestPrincipals: [i/s]}}}}]}}]}}"
    );
    for path in ["/a", "/a?q=1"] {
        let (mesh, request) = asked(&mesh, &format!("request: {{path: '{path}'}}"));
        assert_eq!(mesh.decide(&request).verdict, Verdict::Deny);
        let with = Change::Token { place: place.clone(), claims: claims("i") }.of(&request);
        assert_eq!(mesh.decide(&with).verdict, Verdict::Allow, "{with:?}");
        // The last one counts, and it is taken out whole.
        let other = Change::Token { place: place.clone(), claims: claims("j") }.of(&with);
        assert_eq!(mesh.decide(&other).verdict, Verdict::Unauthenticated);
        assert_eq!(Change::WithoutToken(place.clone()).of(&with), request);
    }
}

#[test]
fn a_later_change_takes_an_earlier_of_its_kind_back() {
    let header = |name: &str| Change::Header { name: name.to_owned(), value: None };
    let token = Change::Token { place: bearer(), claims: claims("i") };
    // Each kind, and who of the others it takes back.
    let kinds = [
        vec![
            Change::Principal("a".to_owned()),
            Change::Principal("b".to_owned()),
            Change::Plaintext,
        ],
        vec![
            token,
            Change::WithoutToken(bearer()),
            Change::WithoutToken(TokenPlace::Cookie("c".to_owned())),
        ],
        vec![header("a"), Change::Header { name: "a".to_owned(), value: Some("x".to_owned()) }],
        vec![header("b")],
        vec![Change::Host("a".to_owned()), Change::Host("b".to_owned())],
        vec![Change::Http11],
        vec![Change::Method("A".to_owned()), Change::Method("B".to_owned())],
        vec![Change::Path("/a".to_owned()), Change::Path("/b".to_owned())],
        vec![Change::Port(1), Change::Port(2)],
        vec![Change::ServerName("a".to_owned()), Change::ServerName("b".to_owned())],
        vec![Change::SourceIp([1, 1, 1, 1].into()), Change::SourceIp([2, 2, 2, 2].into())],
        vec![Change::RemoteIp([1, 1, 1, 1].into())],
        vec![Change::ForwardedFor("a".to_owned()), Change::ForwardedFor("b".to_owned())],
    ];
    for (kind, changes) in kinds.iter().enumerate() {
        for change in changes {
            for (other_kind, others) in kinds.iter().enumerate() {
                for other in others {
                    assert_eq!(
                        change.is_replaced_by(other),
                        kind == other_kind,
                        "{change} then {other}"
                    );
                }
            }
        }
    }
}

/// What a condition of the one ALLOW rule says of a request; absent where it was not asked.
fn truth(mesh: &Mesh, request: &Request, place: ConditionRef) -> Option<Truth> {
    let explanation = mesh.explain(request);
    let rule = explanation.trace.rule(place.rule)?;
    let conditions = explanation.trace.conditions(rule);
    conditions
        .iter()
        .find(|(other, _)| *other == place)
        .map(|(_, truth)| *truth)
}

/// The first condition of the first rule.
fn condition(mesh: &Mesh) -> (ConditionRef, &Condition) {
    let rule = RuleRef { policy: 0, rule: 0 };
    let parts = [Part::From(0), Part::To(0), Part::When];
    let places = parts.map(|part| ConditionRef { rule, part, index: 0 });
    places
        .into_iter()
        .find_map(|place| Some((place, mesh.condition(place)?)))
        .unwrap()
}

#[rstest]
#[case::principal("from: [{source: {principals: [cluster.local/ns/x/sa/y]}}]")]
#[case::principal_of_the_mesh("from: [{source: {principals: [old/ns/x/sa/y]}}]")]
#[case::principal_prefix("from: [{source: {principals: ['cluster.local/ns/x/*']}}]")]
#[case::principal_suffix("from: [{source: {principals: ['*/sa/y']}}]")]
#[case::principal_suffix_of_a_domain("from: [{source: {principals: ['*d/ns/x/sa/y']}}]")]
#[case::namespace("from: [{source: {namespaces: [x]}}]")]
#[case::namespace_with_a_star("from: [{source: {namespaces: ['x*y']}}]")]
#[case::service_account("from: [{source: {serviceAccounts: [y]}}]")]
#[case::service_account_of_a_namespace("from: [{source: {serviceAccounts: [x/y]}}]")]
#[case::trust_domain("from: [{source: {trustDomains: [partner]}}]")]
#[case::ip_block("from: [{source: {ipBlocks: [10.9.0.0/16]}}]")]
#[case::ip_block_of_the_other_family("from: [{source: {ipBlocks: ['2001:db8:7::/48']}}]")]
#[case::remote_ip_block("from: [{source: {remoteIpBlocks: [203.0.113.0/24]}}]")]
#[case::request_principal("from: [{source: {requestPrincipals: [i/x]}}]")]
#[case::request_principal_of_an_issuer("from: [{source: {requestPrincipals: ['i/*']}}]")]
#[case::request_principal_prefix("from: [{source: {requestPrincipals: ['i/x*']}}]")]
#[case::host("to: [{operation: {hosts: [a.example.com]}}]")]
#[case::host_suffix("to: [{operation: {hosts: ['*.example.com']}}]")]
#[case::host_prefix("to: [{operation: {hosts: ['a.example.*']}}]")]
#[case::method("to: [{operation: {methods: [PUT]}}]")]
#[case::method_prefix("to: [{operation: {methods: ['PA*']}}]")]
#[case::path("to: [{operation: {paths: [/x]}}]")]
#[case::path_prefix("to: [{operation: {paths: ['/x/*']}}]")]
#[case::path_suffix("to: [{operation: {paths: ['*.css']}}]")]
#[case::path_suffix_with_a_slash("to: [{operation: {paths: ['*/x']}}]")]
#[case::path_template("to: [{operation: {paths: ['/x/{*}/y/{**}']}}]")]
#[case::path_template_in_the_middle("to: [{operation: {paths: ['/x/{**}/y']}}]")]
#[case::port("to: [{operation: {ports: ['7000']}}]")]
#[case::header("when: [{key: 'request.headers[a]', values: [x]}]")]
#[case::header_prefix("when: [{key: 'request.headers[a]', values: ['x*']}]")]
#[case::header_presence("when: [{key: 'request.headers[a]', values: ['*']}]")]
#[case::method_as_a_header("when: [{key: 'request.headers[:method]', values: [PUT]}]")]
#[case::path_as_a_header("when: [{key: 'request.headers[:path]', values: [/x]}]")]
#[case::host_as_a_header("when: [{key: 'request.headers[:authority]', values: [a.b]}]")]
#[case::scheme_as_a_header("when: [{key: 'request.headers[:scheme]', values: [http]}]")]
#[case::audience("when: [{key: request.auth.audiences, values: [x]}]")]
#[case::presenter("when: [{key: request.auth.presenter, values: [x]}]")]
#[case::claim("when: [{key: 'request.auth.claims[g]', values: ['x*']}]")]
#[case::nested_claim("when: [{key: 'request.auth.claims[a][b]', values: [x]}]")]
#[case::server_name("when: [{key: connection.sni, values: [a.example.com]}]")]
fn a_way_into_a_condition_and_one_out_of_it(#[case] rule: &str) {
    let negated = rule
        .replace("source: {", "source: {not")
        .replace("operation: {", "operation: {not")
        .replace("values:", "notValues:");
    // `notprincipals` → `notPrincipals`.
    let negated: String = negated
        .split("not")
        .enumerate()
        .map(|(index, part)| {
            let mut chars = part.chars();
            match chars.next() {
                Some(first) if index > 0 => {
                    format!("not{}{}", first.to_uppercase(), chars.as_str())
                }
                _ => part.to_owned(),
            }
        })
        .collect();
    for (rule, into, out) in [(rule, Truth::Yes, Truth::No), (&negated, Truth::No, Truth::Yes)] {
        let (mesh, request) = asked(
            &format!(
                "mesh: {{trustDomainAliases: [old], caCertificates: [{{trustDomains: [partner]}}]}}
                 RA foo/r {{jwtRules: [{{issuer: i}}]}}
                 AP foo/p {{rules: [{{{rule}}}]}}"
            ),
            "from: {principal: cluster.local/ns/foo/sa/a, ip: 10.0.0.1}",
        );
        let (place, condition) = condition(&mesh);
        assert_eq!(truth(&mesh, &request, place), Some(out), "{rule} at first");
        let entered = inside(&mesh, &request, condition)
            .iter()
            .map(|change| change.of(&request))
            .find(|request| truth(&mesh, request, place) == Some(into));
        let entered = entered.unwrap_or_else(|| panic!("no way into {rule}"));
        let ways = outside(&mesh, &entered, condition);
        assert!(
            ways.iter()
                .any(|change| truth(&mesh, &change.of(&entered), place) == Some(out)),
            "no way out of {rule}: {ways:?}"
        );
        // A change that changes nothing is none.
        for change in ways {
            assert_ne!(change.of(&entered), entered, "{change}");
        }
    }
}

#[test]
fn at_a_gateway_the_client_is_put_where_the_gateway_looks() {
    for (trusted, list) in
        [(0, None), (1, Some("203.0.113.0")), (2, Some("203.0.113.0, 192.0.2.200"))]
    {
        let (mesh, request) = asked(
            &format!(
                "mesh: {{defaultConfig: {{gatewayTopology: {{numTrustedProxies: {trusted}}}}}}}
                 AP edge/p {{rules: [{{from: [{{source: {{remoteIpBlocks: [203.0.113.0/24]}}}}]}}]}}"
            ),
            "from: {plaintext: true, ip: 10.0.0.1}, to: 'edge.edge:80'",
        );
        let (place, condition) = condition(&mesh);
        let want = list.map_or_else(
            || Change::SourceIp([203, 0, 113, 0].into()),
            |list| Change::ForwardedFor(list.to_owned()),
        );
        let changes = inside(&mesh, &request, condition);
        assert_eq!(changes, [want]);
        assert_eq!(truth(&mesh, &changes[0].of(&request), place), Some(Truth::Yes));
    }
}

#[rstest]
#[case::nothing_is_to_be_changed("AP foo/p {rules: [{}]}", "", None)]
#[case::nothing_can_be_changed("AP foo/p {action: DENY, rules: [{}]}", "", None)]
#[case::nothing_is_known("AP foo/p {rules: [{from: [{source: {ipBlocks: [1.2.3.4]}}]}]}", "", None)]
#[case::one_thing(
    "AP foo/p {rules: [{to: [{operation: {methods: [PUT]}}]}]}",
    "",
    Some("use the method `PUT`")
)]
#[case::two_things_of_one_rule(
    "AP foo/p {rules: [{to: [{operation: {methods: [PUT], paths: [/a]}}]}]}",
    "",
    Some("use the method `PUT`; ask for the path `/a`")
)]
#[case::the_rule_with_less_to_change(
    "AP foo/p {rules: [{to: [{operation: {methods: [PUT], paths: [/a]}}]}, {to: [{operation: {paths: [/b]}}]}]}",
    "",
    Some("ask for the path `/b`")
)]
#[case::what_is_not_known_is_half_missed(
    "AP foo/p {rules: [{to: [{operation: {paths: [/a], methods: [PUT]}}]}, {from: [{source: {ipBlocks: [10.0.0.0/8]}}], to: [{operation: {paths: [/b]}}]}]}",
    "",
    Some("connect from the address 10.0.0.0; ask for the path `/b`")
)]
#[case::out_of_a_deny_rule(
    "AP foo/p {action: DENY, rules: [{to: [{operation: {methods: [GET]}}]}]}",
    "",
    Some("use the method `HEAD`")
)]
#[case::out_of_two_deny_rules(
    "AP foo/p {action: DENY, rules: [{to: [{operation: {methods: [GET]}}]}, {to: [{operation: {methods: [HEAD, OPTIONS]}}]}]}",
    "",
    Some("use the method `POST`")
)]
#[case::into_an_allow_rule_and_out_of_a_deny_rule(
    "AP foo/p {rules: [{to: [{operation: {paths: ['/a/*']}}]}]}
     AP foo/q {action: DENY, rules: [{to: [{operation: {methods: [GET]}}]}]}",
    "",
    Some("use the method `HEAD`; ask for the path `/a/x`")
)]
#[case::through_a_strict_port(
    "PA foo/p {mtls: {mode: STRICT}}",
    "from: {plaintext: true}",
    Some("call with mutual TLS as `cluster.local/ns/default/sa/default`")
)]
#[case::a_bad_token_left_out(
    "RA foo/r {jwtRules: [{issuer: i}]}",
    "request: {jwt: {claims: {iss: j, sub: s}}}",
    Some("send no token as `Authorization: Bearer`")
)]
#[case::a_request_that_no_codec_takes("", "request: {method: get}", Some("use the method `GET`"))]
#[case::an_authorizer_that_wants_a_header(
    "mesh: {extensionProviders: [{name: e, envoyExtAuthzGrpc: {service: e.x.svc.cluster.local, port: 9000}}]}
     providers: {e: {allowWhen: {header: x-pass, equals: 'yes'}}}
     AP foo/c {action: CUSTOM, provider: {name: e}, rules: [{}]}",
    "",
    Some("send the header `x-pass: yes`")
)]
fn the_smallest_change_that_helps(
    #[case] mesh: &str,
    #[case] question: &str,
    #[case] want: Option<&str>,
) {
    let (mesh, request) = asked(mesh, question);
    let remedy = mesh.remedy(&request);
    let said = remedy.as_ref().map(|remedy| {
        let changes: Vec<String> = remedy.changes.iter().map(ToString::to_string).collect();
        changes.join("; ")
    });
    assert_eq!(said.as_deref(), want);
    if let Some(remedy) = remedy {
        assert_eq!(mesh.decide(&remedy.of(&request)).verdict, Verdict::Allow);
    }
}

#[rstest]
#[case::another_namespace(
    "AP bar/p {rules: [{}]}",
    "httpbin.foo:8080",
    "AuthorizationPolicy bar/p: OtherNamespace"
)]
#[case::a_label_that_differs(
    "AP foo/p {selector: {matchLabels: {app: web}}}",
    "httpbin.foo:8080",
    "AuthorizationPolicy foo/p: app wants web has httpbin"
)]
#[case::a_label_that_is_not_there(
    "RA foo/p {selector: {matchLabels: {tier: web}}}",
    "httpbin.foo:8080",
    "RequestAuthentication foo/p: tier wants web has none"
)]
#[case::target_refs_and_a_sidecar(
    "AP foo/p {targetRefs: [{kind: Service, name: web}]}",
    "httpbin.foo:8080",
    "AuthorizationPolicy foo/p: TargetsSomethingElse"
)]
#[case::target_refs_of_another_gateway(
    "AP edge/p {targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: other}]}",
    "gw.edge:80",
    "AuthorizationPolicy edge/p: TargetsSomethingElse"
)]
#[case::another_revision(
    "AP foo/p {rules: [{}]} with labels: {istio.io/rev: canary}",
    "httpbin.foo:8080",
    "AuthorizationPolicy foo/p: revision canary"
)]
#[case::a_selector_in_the_root_namespace(
    "PA istio-system/p {selector: {matchLabels: {app: httpbin}}, mtls: {mode: STRICT}}",
    "httpbin.foo:8080",
    "PeerAuthentication istio-system/p: SelectorInRootNamespace"
)]
#[case::a_younger_one(
    "PA foo/a {mtls: {mode: STRICT}} with creationTimestamp: '2024-01-02T00:00:00Z'
     PA foo/b {mtls: {mode: DISABLE}} with creationTimestamp: '2024-01-01T00:00:00Z'",
    "httpbin.foo:8080",
    "PeerAuthentication foo/a: older foo/b"
)]
#[case::a_peer_authentication_of_another_namespace(
    "PA bar/p {mtls: {mode: STRICT}}",
    "httpbin.foo:8080",
    "PeerAuthentication bar/p: OtherNamespace"
)]
#[case::a_peer_authentication_for_other_labels(
    "PA foo/p {selector: {matchLabels: {app: web}}, mtls: {mode: STRICT}}",
    "httpbin.foo:8080",
    "PeerAuthentication foo/p: app wants web has httpbin"
)]
#[case::none_of_several_levels(
    "PA istio-system/p {mtls: {mode: STRICT}}
     PA foo/p {mtls: {mode: STRICT}}
     PA foo/q {selector: {matchLabels: {app: httpbin}}, mtls: {mode: STRICT}}
     AP istio-system/p {rules: [{}]}
     AP foo/p {selector: {matchLabels: {app: httpbin}}, rules: [{}]}",
    "httpbin.foo:8080",
    ""
)]
#[case::those_of_other_namespaces_come_last(
    "AP bar/a {rules: [{}]}
     AP foo/b {selector: {matchLabels: {app: web}}}",
    "httpbin.foo:8080",
    "AuthorizationPolicy foo/b: app wants web has httpbin\nAuthorizationPolicy bar/a: OtherNamespace"
)]
fn a_policy_is_passed_over_and_why(#[case] mesh: &str, #[case] to: &str, #[case] want: &str) {
    use portcullis::mesh::Attachment;
    let (mesh, request) = asked(mesh, &format!("to: '{to}'"));
    let said: Vec<String> = mesh
        .passed_over(request.workload)
        .iter()
        .map(|passed| {
            let why = match &passed.why {
                WhyPassedOver::NotAttached(Attachment::LabelDiffers { label, wanted, found }) => {
                    format!("{label} wants {wanted} has {}", found.as_deref().unwrap_or("none"))
                }
                WhyPassedOver::NotAttached(Attachment::OtherRevision(revision)) => {
                    format!("revision {revision}")
                }
                WhyPassedOver::NotAttached(attachment) => format!("{attachment:?}"),
                WhyPassedOver::OlderOne(older) => format!("older {older}"),
                other @ (WhyPassedOver::SelectorInRootNamespace | _) => format!("{other:?}"),
            };
            format!("{} {}: {why}", passed.kind, passed.policy)
        })
        .collect();
    assert_eq!(said.join("\n"), want);
}

#[test]
fn a_policy_of_another_namespace_selects_the_labels_or_not() {
    let (mesh, request) = asked(
        "AP bar/a {selector: {matchLabels: {app: httpbin}}}
         AP bar/b {selector: {matchLabels: {app: web}}}
         AP bar/c {}",
        "",
    );
    let passed = mesh.passed_over(request.workload);
    let selecting: Vec<(&str, bool)> = passed
        .iter()
        .map(|passed| (passed.policy.as_str(), passed.selects_labels))
        .collect();
    assert_eq!(selecting, [("bar/a", true), ("bar/b", false), ("bar/c", false)]);
}

#[rstest]
#[case::it_matches(
    "{rules: [{to: [{operation: {paths: [/a]}}]}]}",
    "request: {path: /a}",
    Truth::Yes
)]
#[case::it_does_not(
    "{rules: [{to: [{operation: {paths: [/b]}}]}]}",
    "request: {path: /a}",
    Truth::No
)]
#[case::one_of_its_rules_does(
    "{rules: [{to: [{operation: {paths: [/b]}}]}, {to: [{operation: {paths: [/a]}}]}]}",
    "request: {path: /a}",
    Truth::Yes
)]
#[case::it_may("{rules: [{from: [{source: {ipBlocks: [1.2.3.4]}}]}]}", "", Truth::Unknown)]
#[case::it_has_no_rules("{}", "", Truth::No)]
#[case::its_rule_is_not_on_tcp(
    "{rules: [{to: [{operation: {paths: ['*']}}]}]}",
    "to: 'httpbin.foo:9000'",
    Truth::No
)]
#[case::the_token_counts_as_policies_see_it(
    "{rules: [{from: [{source: {requestPrincipals: [i/s]}}]}]}",
    "request: {jwt: {claims: {iss: i, sub: s}}}",
    Truth::Yes
)]
#[case::the_request_does_not_come_so_far(
    "{rules: [{}]}",
    "from: {principal: foreign/ns/foo/sa/a}",
    Truth::No
)]
fn a_policy_that_is_passed_over_would_match(
    #[case] policy: &str,
    #[case] question: &str,
    #[case] want: Truth,
) {
    let (mesh, request) =
        asked(&format!("RA foo/r {{jwtRules: [{{issuer: i}}]}}\nAP bar/p {policy}"), question);
    assert_eq!(mesh.would_match(&request, 0), want);
    assert_eq!(mesh.would_match(&request, 1), Truth::No, "there is no other");
}

#[test]
fn over_tcp_nothing_of_http_is_seen() {
    let (mesh, request) = asked("AP foo/p {rules: [{}]}", "to: 'httpbin.foo:9000'");
    assert_eq!(request.payload, Payload::Bytes);
    let explanation = mesh.explain(&request);
    assert!(explanation.seen().unwrap().http.is_none());
}
