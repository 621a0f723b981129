//! Every surprise of an explanation: where it is told, with its whole text, and beside it where it is not.
//!
//! docs/surprises.md is this table, as people read it.

use std::collections::BTreeSet;

use portcullis::explanation::Surprise;
use portcullis::suite;

use crate::support::brief::suite;
use crate::support::{is_or_becomes, project, sources};

/// The time of every request.
const NOW: i64 = 1_000;

/// One way in which a surprise is told. Meshes and questions are written as `support/brief.rs` reads them; a neighbour
/// without a mesh of its own asks the same one.
struct Row {
    name: &'static str,
    mesh: &'static str,
    question: &'static str,
    text: &'static str,
    silent: &'static [(&'static str, &'static str)],
}

/// A RequestAuthentication of the issuer `i`.
const ISSUER: &str = "RA foo/r {jwtRules: [{issuer: i}]}";

#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row {
        name: "account-of-the-policy-namespace",
        mesh: "AP foo/p {rules: [{from: [{source: {serviceAccounts: [sleep]}}]}]}",
        question: "from: {principal: cluster.local/ns/bar/sa/sleep}",
        text: "`sleep` without a namespace is the account of the policy's namespace `foo`; the caller's is `bar/sleep`",
        silent: &[
            ("", "from: {principal: cluster.local/ns/bar/sa/other}"),
            ("AP foo/p {rules: [{from: [{source: {serviceAccounts: [bar/sleep]}}]}]}", "from: {principal: cluster.local/ns/baz/sa/sleep}")
        ],
    },
    Row {
        name: "address-of-the-connection",
        mesh: "AP foo/p {rules: [{from: [{source: {ipBlocks: [203.0.113.0/24]}}]}]}",
        question: "from: {plaintext: true, ip: 10.0.0.1}, request: {headers: {x-forwarded-for: 203.0.113.7}}",
        text: "`ipBlocks` reads the address of the connection, 10.0.0.1, whatever was forwarded; the client's, 203.0.113.7, is what `remoteIpBlocks` reads",
        silent: &[
            ("", "from: {plaintext: true, ip: 10.0.0.1}, request: {headers: {x-forwarded-for: 198.51.100.7}}"),
            ("", "from: {plaintext: true, ip: 203.0.113.1}, request: {headers: {x-forwarded-for: 203.0.113.7}}")
        ],
    },
    Row {
        name: "address-of-the-connection",
        mesh: "AP foo/p {rules: [{when: [{key: source.ip, notValues: [10.0.0.0/8]}]}]}",
        question: "from: {plaintext: true, ip: 10.0.0.1}, request: {headers: {x-forwarded-for: 203.0.113.7}}",
        text: "`source.ip` reads the address of the connection, 10.0.0.1, whatever was forwarded; the client's, 203.0.113.7, is what `remote.ip` reads",
        silent: &[
            ("", "from: {plaintext: true, ip: 10.0.0.1}, request: {headers: {x-forwarded-for: 10.0.0.7}}")
        ],
    },
    Row {
        name: "address-of-the-other-family",
        mesh: "AP foo/p {rules: [{from: [{source: {ipBlocks: [0.0.0.0/0]}}]}]}",
        question: r#"from: {plaintext: true, ip: "2001:db8::7"}"#,
        text: "all blocks of `ipBlocks` are IPv4 and 2001:db8::7 is IPv6: no block of one family holds an address of the other, `0.0.0.0/0` and `::/0` included, so the condition fails",
        silent: &[
            ("", "from: {plaintext: true, ip: 10.0.0.1}"),
            ("AP foo/p {rules: [{from: [{source: {ipBlocks: [10.0.0.0/8]}}]}]}", r#"from: {plaintext: true, ip: "2001:db8::7"}"#),
            (r#"AP foo/p {rules: [{from: [{source: {ipBlocks: ["0.0.0.0/0", "2001:db8:1::/48"]}}]}]}"#, r#"from: {plaintext: true, ip: "2001:db8::7"}"#)
        ],
    },
    Row {
        name: "address-of-the-other-family",
        mesh: "AP foo/p {action: DENY, rules: [{when: [{key: remote.ip, notValues: [203.0.113.0/24]}]}]}",
        question: r#"from: {plaintext: true, ip: "2001:db8::7"}"#,
        text: "all blocks of the condition on `remote.ip` are IPv4 and 2001:db8::7 is IPv6: no block of one family holds an address of the other, `0.0.0.0/0` and `::/0` included, so the condition holds",
        silent: &[
            ("", "from: {plaintext: true, ip: 10.0.0.1}")
        ],
    },
    Row {
        name: "alias-of-the-trust-domain",
        mesh: "mesh: {trustDomain: east, trustDomainAliases: [west]}\nAP foo/p {rules: [{from: [{source: {principals: [east/ns/foo/sa/a]}}]}]}",
        question: "from: {principal: west/ns/foo/sa/a}",
        text: "`east/ns/foo/sa/a` stands for the same account in every trust domain of the mesh, its aliases included: `ns/foo/sa/a` of `west` is taken for that of `east`",
        silent: &[
            ("", "from: {principal: east/ns/foo/sa/a}"),
            ("mesh: {trustDomain: east, trustDomainAliases: [west]}\nAP foo/p {rules: [{from: [{source: {principals: [cluster.local/ns/foo/sa/a]}}]}]}", "from: {principal: west/ns/foo/sa/a}"),
            (r#"mesh: {trustDomain: east, trustDomainAliases: [west]}
AP foo/p {rules: [{from: [{source: {principals: ["*/ns/foo/sa/a"]}}]}]}"#, "from: {principal: west/ns/foo/sa/a}")
        ],
    },
    Row {
        name: "allow-without-rules",
        mesh: "AP foo/p {}",
        question: "",
        text: "an ALLOW policy without rules admits nothing, and makes everything else denied: `foo/p`",
        silent: &[
            ("AP foo/p {rules: [{to: [{operation: {paths: [/a]}}]}]}", ""),
            ("AP foo/p {}\nAP foo/q {rules: [{to: [{operation: {paths: [/a]}}]}]}", "")
        ],
    },
    Row {
        name: "another-forwarded-entry-counts",
        mesh: "AP foo/p {rules: [{from: [{source: {remoteIpBlocks: [203.0.113.7]}}]}]}",
        question: r#"request: {headers: {x-forwarded-for: "203.0.113.7, 198.51.100.2"}}"#,
        text: "`X-Forwarded-For: 203.0.113.7, 198.51.100.2` also names 203.0.113.7, but at a sidecar the last entry counts, whatever `numTrustedProxies` says: the client is 198.51.100.2",
        silent: &[
            ("", r#"remoteIp: 198.51.100.9, request: {headers: {x-forwarded-for: "203.0.113.7, 198.51.100.2"}}"#),
            ("", r#"request: {headers: {x-forwarded-for: "203.0.113.8, 198.51.100.2"}}"#),
            ("", r#"request: {headers: {x-forwarded-for: "198.51.100.2, 203.0.113.7"}}"#)
        ],
    },
    Row {
        name: "another-forwarded-entry-counts",
        mesh: "mesh: {defaultConfig: {gatewayTopology: {numTrustedProxies: 1}}}\nAP edge/p {rules: [{from: [{source: {remoteIpBlocks: [203.0.113.7]}}]}]}",
        question: r#"from: {plaintext: true, ip: 10.0.0.1}, to: "edge.edge:80", request: {headers: {x-forwarded-for: "203.0.113.7, 198.51.100.2"}}"#,
        text: "`X-Forwarded-For: 203.0.113.7, 198.51.100.2` also names 203.0.113.7, but with `numTrustedProxies: 1` entry 1 from the right counts: the client is 198.51.100.2",
        silent: &[
            ("", r#"from: {plaintext: true, ip: 10.0.0.1}, to: "edge.edge:80", request: {headers: {x-forwarded-for: "198.51.100.2, 203.0.113.7"}}"#),
            ("", r#"from: {plaintext: true, ip: 10.0.0.1}, to: "edge.edge:80", request: {headers: {x-forwarded-for: "198.51.100.2"}}"#)
        ],
    },
    Row {
        name: "authorizer-before-tokens",
        mesh: "mesh: {extensionProviders: [{name: e, envoyExtAuthzGrpc: {service: e.x.svc.cluster.local, port: 9000}}]}\nproviders: {e: deny}\nAP foo/p {action: CUSTOM, provider: {name: e}, rules: [{to: [{operation: {paths: [/a]}}]}]}",
        question: "request: {path: /a}",
        text: "the authorizer is asked before tokens are looked at and before DENY and ALLOW; its no is final",
        silent: &[
            ("mesh: {extensionProviders: [{name: e, envoyExtAuthzGrpc: {service: e.x.svc.cluster.local, port: 9000}}]}\nproviders: {e: allow}\nAP foo/p {action: CUSTOM, provider: {name: e}, rules: [{to: [{operation: {paths: [/a]}}]}]}", "request: {path: /a}"),
            ("", "request: {path: /b}")
        ],
    },
    Row {
        name: "block-in-a-header",
        mesh: r#"AP foo/p {rules: [{when: [{key: "request.headers[x-client]", values: [203.0.113.0/24]}]}]}"#,
        question: "request: {headers: {x-client: 203.0.113.7}}",
        text: "a header is compared as text: `203.0.113.0/24` is no block there; blocks stand in `ipBlocks` and `remoteIpBlocks`",
        silent: &[
            ("", "request: {headers: {x-client: 198.51.100.7}}"),
            (r#"AP foo/p {rules: [{when: [{key: "request.headers[x-client]", values: [203.0.113.8]}]}]}"#, "request: {headers: {x-client: 203.0.113.7}}")
        ],
    },
    Row {
        name: "caller-without-identity",
        mesh: r#"AP foo/p {rules: [{from: [{source: {principals: ["*"]}}]}]}"#,
        question: "from: {plaintext: true}",
        text: "the caller has no identity (it speaks plaintext), so no value of `principals` matches, not even `*`",
        silent: &[
            ("", ""),
            ("AP foo/p {rules: [{to: [{operation: {paths: [/a]}}]}]}", "from: {plaintext: true}")
        ],
    },
    Row {
        name: "caller-without-identity",
        mesh: "AP foo/p {action: DENY, rules: [{when: [{key: source.namespace, notValues: [foo]}]}]}",
        question: "from: {plaintext: true}",
        text: "a caller without identity satisfies every negated condition, so the condition on `source.namespace` holds (it speaks plaintext)",
        silent: &[
            ("", "from: {principal: cluster.local/ns/bar/sa/a}")
        ],
    },
    Row {
        name: "claim-not-split-into-words",
        mesh: r#"ISSUER
AP foo/p {rules: [{when: [{key: "request.auth.claims[groups]", values: [dev]}]}]}"#,
        question: "request: {jwt: {claims: {iss: i, sub: s, groups: dev ops}}}",
        text: "`request.auth.claims[groups]` is one text and not split into words, of which `dev` is one: only `scope`, `permission` and what `spaceDelimitedClaims` of the RequestAuthentication lists are",
        silent: &[
            ("", "request: {jwt: {claims: {iss: i, sub: s, groups: devs ops}}}"),
            ("", "request: {jwt: {claims: {iss: i, sub: s, groups: [dev ops]}}}"),
            (r#"ISSUER
AP foo/p {rules: [{when: [{key: "request.auth.claims[a][groups]", values: [dev]}]}]}"#, "request: {jwt: {claims: {iss: i, sub: s, a: {groups: dev ops}}}}")
        ],
    },
    Row {
        name: "claim-split-at-spaces",
        mesh: r#"ISSUER
AP foo/p {rules: [{when: [{key: "request.auth.claims[scope]", values: [read write]}]}]}"#,
        question: "request: {jwt: {claims: {iss: i, sub: s, scope: read write admin}}}",
        text: "`request.auth.claims[scope]` is split at spaces before it is matched, so `read write` matches no word of it; list the words one by one",
        silent: &[
            ("", "request: {jwt: {claims: {iss: i, sub: s, scope: read}}}"),
            (r#"ISSUER
AP foo/p {rules: [{when: [{key: "request.auth.claims[scope]", values: [other]}]}]}"#, "request: {jwt: {claims: {iss: i, sub: s, scope: read write}}}")
        ],
    },
    Row {
        name: "claim-that-is-no-text",
        mesh: r#"ISSUER
AP foo/p {rules: [{when: [{key: "request.auth.claims[level]", values: ["5"]}]}]}"#,
        question: "request: {jwt: {claims: {iss: i, sub: s, level: 5}}}",
        text: "the claim `level` is a number, which no value matches: only text and lists of text match",
        silent: &[
            ("", r#"request: {jwt: {claims: {iss: i, sub: s, level: "6"}}}"#),
            ("", "request: {jwt: {claims: {iss: i, sub: s, other: 5}}}")
        ],
    },
    Row {
        name: "deny-before-allow",
        mesh: "AP foo/p {action: DENY, rules: [{to: [{operation: {methods: [DELETE]}}]}]}\nAP foo/q {rules: [{from: [{source: {namespaces: [foo]}}]}]}",
        question: "request: {method: DELETE}",
        text: "DENY is asked before ALLOW: rule 0 of `foo/q` matches too, and does not count",
        silent: &[
            ("", "request: {method: DELETE}, from: {principal: cluster.local/ns/bar/sa/a}"),
            ("AP foo/p {action: DENY, rules: [{to: [{operation: {methods: [DELETE]}}]}]}", "request: {method: DELETE}")
        ],
    },
    Row {
        name: "deny-widened-on-a-tcp-port",
        mesh: "AP foo/p {action: DENY, rules: [{to: [{operation: {paths: [/admin]}}]}]}",
        question: r#"to: "httpbin.foo:9000""#,
        text: "port 9000 takes a byte stream (the suite says so), where `paths` does not exist: a DENY rule loses such a field and denies all that the rest of it matches",
        silent: &[
            ("", "request: {path: /admin}"),
            (r#"AP foo/p {action: DENY, rules: [{to: [{operation: {ports: ["9000"]}}, {operation: {paths: [/admin], ports: ["9000"]}}]}]}"#, r#"to: "httpbin.foo:9000""#)
        ],
    },
    Row {
        name: "deny-widened-on-a-tcp-port",
        mesh: r#"AP foo/p {action: DENY, rules: [{from: [{source: {requestPrincipals: ["*"]}}, {source: {namespaces: [bar]}}]}]}"#,
        question: r#"to: "httpbin.foo:9000""#,
        text: "port 9000 takes a byte stream (the suite says so), where `requestPrincipals` does not exist: a DENY rule loses such a field and denies all that the rest of it matches",
        silent: &[
            (r#"AP foo/p {action: DENY, rules: [{from: [{source: {namespaces: [bar], requestPrincipals: ["*"]}}, {source: {namespaces: [foo]}}]}]}"#, r#"to: "httpbin.foo:9000""#)
        ],
    },
    Row {
        name: "dot-in-a-claim",
        mesh: r#"ISSUER
AP foo/p {rules: [{when: [{key: "request.auth.claims[realm.roles]", values: [admin]}]}]}"#,
        question: "request: {jwt: {claims: {iss: i, sub: s, realm: {roles: [admin]}}}}",
        text: "a dot in `request.auth.claims[realm.roles]` is part of the claim's name; a nested claim is `request.auth.claims[realm][roles]`",
        silent: &[
            ("", "request: {jwt: {claims: {iss: i, sub: s, realm: admin}}}"),
            (r#"ISSUER
AP foo/p {rules: [{when: [{key: "request.auth.claims[realm][roles]", values: [admin]}]}]}"#, "request: {jwt: {claims: {iss: i, sub: s, realm: {roles: [user]}}}}")
        ],
    },
    Row {
        name: "dry-run-allow-alone",
        mesh: r#"AP foo/p {rules: [{from: [{source: {namespaces: [bar]}}]}]} with annotations: {istio.io/dry-run: "true"}"#,
        question: "",
        text: "the ALLOW policies here are dry runs: they keep nobody out, and without an enforced one everything is admitted",
        silent: &[
            (r#"AP foo/p {action: DENY, rules: [{from: [{source: {namespaces: [bar]}}]}]} with annotations: {istio.io/dry-run: "true"}"#, ""),
            (r#"AP foo/p {rules: [{from: [{source: {namespaces: [bar]}}]}]} with annotations: {istio.io/dry-run: "true"}
AP foo/q {rules: [{}]}"#, "")
        ],
    },
    Row {
        name: "dry-run-of-custom",
        mesh: r#"mesh: {extensionProviders: [{name: e, envoyExtAuthzGrpc: {service: e.x.svc.cluster.local, port: 9000}}]}
AP foo/p {action: CUSTOM, provider: {name: e}, rules: [{to: [{operation: {paths: [/a]}}]}]} with annotations: {istio.io/dry-run: "true"}"#,
        question: "request: {path: /a}",
        text: "a CUSTOM policy has no dry run: with the annotation the proxy denies what its rules match, and asks nobody",
        silent: &[
            ("", "request: {path: /b}")
        ],
    },
    Row {
        name: "empty-deny-rule",
        mesh: "AP foo/p {action: DENY, rules: [{}]}",
        question: "",
        text: "rule 0 of `foo/p` is empty: it matches every request, and no ALLOW policy can take that back",
        silent: &[
            (r#"AP foo/p {action: DENY, rules: [{to: [{operation: {methods: ["*"]}}]}]}"#, "")
        ],
    },
    Row {
        name: "forwarded-but-no-address",
        mesh: "AP foo/p {rules: [{from: [{source: {remoteIpBlocks: [203.0.113.0/24]}}]}]}",
        question: r#"from: {plaintext: true, ip: 10.0.0.1}, request: {headers: {x-forwarded-for: "203.0.113.7:4711"}}"#,
        text: "of `X-Forwarded-For: 203.0.113.7:4711` at a sidecar the last entry counts, whatever `numTrustedProxies` says; `203.0.113.7:4711` is no plain address, so the client's address is that of the connection, 10.0.0.1",
        silent: &[
            ("", r#"from: {plaintext: true, ip: 10.0.0.1}, request: {headers: {x-forwarded-for: "198.51.100.7:4711"}}"#),
            ("", r#"from: {plaintext: true, ip: 10.0.0.1}, request: {headers: {x-forwarded-for: "203.0.113.7, 198.51.100.7"}}"#)
        ],
    },
    Row {
        name: "forwarded-but-no-address",
        mesh: "mesh: {defaultConfig: {gatewayTopology: {numTrustedProxies: 2}}}\nAP edge/p {rules: [{from: [{source: {remoteIpBlocks: [203.0.113.7]}}]}]}",
        question: r#"from: {plaintext: true, ip: 10.0.0.1}, to: "edge.edge:80", request: {headers: {x-forwarded-for: 203.0.113.7}}"#,
        text: "of `X-Forwarded-For: 203.0.113.7` with `numTrustedProxies: 2` entry 2 from the right counts; there is none, so the client's address is that of the connection, 10.0.0.1",
        silent: &[
            ("", r#"from: {plaintext: true, ip: 10.0.0.1}, to: "edge.edge:80", request: {headers: {x-forwarded-for: "203.0.113.7, 10.0.0.9"}}"#)
        ],
    },
    Row {
        name: "forwarded-by-nobody-trusted",
        mesh: "AP edge/p {rules: [{from: [{source: {remoteIpBlocks: [203.0.113.7]}}]}]}",
        question: r#"from: {plaintext: true, ip: 10.0.0.1}, to: "edge.edge:80", request: {headers: {x-forwarded-for: 203.0.113.7}}"#,
        text: "the gateway trusts no proxy (`numTrustedProxies` is 0), so `X-Forwarded-For: 203.0.113.7` is not looked at and the client is whoever connects; set `meshConfig.defaultConfig.gatewayTopology.numTrustedProxies` to the number of proxies before the gateway",
        silent: &[
            ("", r#"from: {plaintext: true, ip: 10.0.0.1}, to: "edge.edge:80", request: {headers: {x-forwarded-for: 198.51.100.7}}"#),
            ("", r#"from: {plaintext: true, ip: 203.0.113.7}, to: "edge.edge:80", request: {headers: {x-forwarded-for: 203.0.113.7}}"#)
        ],
    },
    Row {
        name: "grpc-is-post",
        mesh: "AP foo/p {rules: [{to: [{operation: {methods: [GET]}}]}]}",
        question: "request: {method: POST, headers: {content-type: application/grpc}}",
        text: "a gRPC call is always `POST`; what it calls stands in the path, `/package.Service/Method`",
        silent: &[
            ("", "request: {method: POST, headers: {content-type: application/json}}"),
            ("", "request: {method: PUT, headers: {content-type: application/grpc}}")
        ],
    },
    Row {
        name: "header-lines-joined",
        mesh: r#"AP foo/p {rules: [{when: [{key: "request.headers[via]", values: [edge]}]}]}"#,
        question: "request: {headers: [[via, edge], [via, inner]]}",
        text: "the 2 lines of `via` are one value to the proxy, joined with commas: `edge,inner`",
        silent: &[
            ("", "request: {headers: [[via, outer], [via, inner]]}"),
            ("", "request: {headers: {via: outer}}")
        ],
    },
    Row {
        name: "header-removed-with-the-token",
        mesh: r#"ISSUER
AP foo/p {rules: [{when: [{key: "request.headers[authorization]", values: ["*"]}]}]}"#,
        question: "request: {jwt: {claims: {iss: i, sub: s}}}",
        text: "the header `authorization` held a token: a verified one is taken out before policies are asked, unless `forwardOriginalToken` is set",
        silent: &[
            ("", ""),
            (r#"RA foo/r {jwtRules: [{issuer: i, forwardOriginalToken: true}]}
AP foo/p {rules: [{when: [{key: "request.headers[authorization]", values: ["x"]}]}]}"#, "request: {jwt: {claims: {iss: i, sub: s}}}")
        ],
    },
    Row {
        name: "host-is-not-expanded",
        mesh: "SVC foo/web {selector: {app: httpbin}, ports: [{port: 80, targetPort: 8080}]}\nAP foo/p {rules: [{to: [{operation: {hosts: [web.foo]}}]}]}",
        question: "request: {host: web}",
        text: "hosts are compared as they are sent, a short name is not expanded: `web.foo` is not `web`, though both name the Service web.foo; list each form that callers use",
        silent: &[
            ("", "request: {host: web.bar}"),
            ("", "request: {host: 'web.foo:8080'}"),
            ("", "request: {host: shop.example.com}"),
            ("", "request: {host: WEB.foo}")
        ],
    },
    Row {
        name: "host-with-a-port",
        mesh: r#"AP foo/p {rules: [{to: [{operation: {hosts: ["*.example.com"]}}]}]}"#,
        question: r#"request: {host: "a.example.com:8443"}"#,
        text: "the port is part of the host: `*.example.com` is compared with `a.example.com:8443`; to take any port write `a.example.com:*` beside `a.example.com` (the request says :8443)",
        silent: &[
            ("", r#"request: {host: "a.example.org:8443"}"#),
            ("", r#"request: {host: "a.example.com:x"}"#)
        ],
    },
    Row {
        name: "http-field-on-a-tcp-port",
        mesh: "AP foo/p {rules: [{from: [{source: {namespaces: [foo]}}], to: [{operation: {methods: [GET]}}]}]}",
        question: r#"to: "httpbin.foo:9000""#,
        text: "port 9000 takes a byte stream (the suite says so), so rule 0 of `foo/p` is not there: it uses `methods`, which exists for HTTP only, and an ALLOW rule that has such a field anywhere is left out as a whole",
        silent: &[
            ("", r#"to: "httpbin.foo:9000", from: {principal: cluster.local/ns/bar/sa/a}"#),
            ("", "request: {method: POST}")
        ],
    },
    Row {
        name: "letter-case",
        mesh: r#"AP foo/p {rules: [{when: [{key: "request.headers[x-role]", values: [Admin]}]}]}"#,
        question: "request: {headers: {x-role: admin}}",
        text: "upper and lower case are different: `Admin` is not `admin`",
        silent: &[
            ("", "request: {headers: {x-role: user}}"),
            ("AP foo/p {rules: [{to: [{operation: {hosts: [A.example.com]}}]}]}", "request: {host: b.example.com}")
        ],
    },
    Row {
        name: "letter-case",
        mesh: "AP foo/p {rules: [{to: [{operation: {methods: [get]}}]}]}",
        question: "request: {method: GET}",
        text: "methods are compared with case: `get` never matches `GET`",
        silent: &[
            ("", "request: {method: POST}")
        ],
    },
    Row {
        name: "no-request-authentication",
        mesh: r#"AP foo/p {rules: [{from: [{source: {requestPrincipals: ["*"]}}]}]}"#,
        question: "",
        text: "no RequestAuthentication is about this workload, so no token is ever looked at and `requestPrincipals` cannot hold",
        silent: &[
            (r#"ISSUER
AP foo/p {rules: [{from: [{source: {requestPrincipals: ["*"]}}]}]}"#, "")
        ],
    },
    Row {
        name: "no-token-is-required",
        mesh: r#"ISSUER
AP foo/p {rules: [{from: [{source: {requestPrincipals: ["*"]}}]}]}"#,
        question: "",
        text: "a RequestAuthentication alone requires no token: the request has none that was verified, passes that stage, and `requestPrincipals` cannot hold; without a token the answer is 403, not 401",
        silent: &[
            ("", "request: {jwt: {claims: {iss: i}}}"),
            (r#"AP foo/p {rules: [{from: [{source: {requestPrincipals: ["*"]}}]}]}"#, "")
        ],
    },
    Row {
        name: "no-token-is-required",
        mesh: "ISSUER",
        question: "expect: allow",
        text: "a RequestAuthentication alone requires no token: only a bad one is turned away; to require one write an AuthorizationPolicy with `requestPrincipals`",
        silent: &[
            ("", "request: {jwt: {claims: {iss: i, sub: s}}}"),
            ("", "to: 'httpbin.foo:9000'")
        ],
    },
    Row {
        name: "no-token-is-required",
        mesh: r#"ISSUER
AP foo/p {rules: [{when: [{key: "request.auth.claims[role]", notValues: [guest]}]}]}"#,
        question: "expect: allow",
        text: "a RequestAuthentication alone requires no token: the request has none that was verified, passes that stage, and the condition on `request.auth.claims[role]` holds without one",
        silent: &[
            ("", "request: {jwt: {claims: {iss: i, sub: s, role: admin}}}")
        ],
    },
    Row {
        name: "not-field-is-a-condition",
        mesh: "AP foo/p {rules: [{from: [{source: {namespaces: [foo]}}], to: [{operation: {notPaths: [/admin]}}]}]}",
        question: "request: {path: /admin}",
        text: "`notPaths` is one more condition of its rule, not an exception to the others: where it fails the rule does not match, and something else must admit the request",
        silent: &[
            ("AP foo/p {rules: [{to: [{operation: {notPaths: [/admin]}}]}]}", "request: {path: /admin}"),
            ("", "request: {path: /a}, from: {principal: cluster.local/ns/bar/sa/a}")
        ],
    },
    Row {
        name: "one-rule-is-enough",
        mesh: "AP foo/p {rules: [{from: [{source: {namespaces: [bar]}}]}, {to: [{operation: {paths: [/a]}}]}]}",
        question: "request: {path: /a}",
        text: "each dash below `rules` begins a rule of its own, and one that matches is enough: rule 1 has `to` alone, so that `from` of rule 0 need not hold",
        silent: &[
            ("AP foo/p {rules: [{from: [{source: {namespaces: [bar]}}]}, {from: [{source: {namespaces: [bar]}}], to: [{operation: {paths: [/b]}}]}, {to: [{operation: {paths: [/a]}}]}]}", "request: {path: /a}"),
            ("", "request: {path: /a}, from: {principal: cluster.local/ns/bar/sa/a}"),
            ("AP foo/p {rules: [{from: [{source: {namespaces: [bar]}}]}, {from: [{source: {namespaces: [foo]}}]}]}", ""),
            ("AP foo/p {rules: [{from: [{source: {namespaces: [bar]}}]}]}\nAP foo/q {rules: [{to: [{operation: {paths: [/a]}}]}]}", "request: {path: /a}")
        ],
    },
    Row {
        name: "other-trust-domain",
        mesh: "mesh: {trustDomain: corp}\nAP foo/p {rules: [{from: [{source: {principals: [cluster.local/ns/foo/*]}}]}]}",
        question: "from: {principal: corp/ns/foo/sa/a}",
        text: "a trust domain stands for the mesh's own and its aliases only in a whole principal of five parts: `cluster.local/ns/foo/*` means `cluster.local` alone, and the caller is of `corp`",
        silent: &[
            ("", "from: {principal: corp/ns/bar/sa/a}"),
            ("mesh: {trustDomain: corp}\nAP foo/p {rules: [{from: [{source: {principals: [other/*]}}]}]}", "from: {principal: corp/ns/foo/sa/a}")
        ],
    },
    Row {
        name: "other-trust-domain",
        mesh: "mesh: {trustDomain: corp}\nAP foo/p {rules: [{from: [{source: {principals: [old/ns/foo/sa/a]}}]}]}",
        question: "from: {principal: corp/ns/foo/sa/a}",
        text: "only the trust domain differs: `old/ns/foo/sa/a` wants `old`, the caller is of `corp`, and `old` is neither the mesh's nor one of its `trustDomainAliases`",
        silent: &[
            ("", "from: {principal: corp/ns/foo/sa/b}")
        ],
    },
    Row {
        name: "other-trust-domain",
        mesh: "mesh: {caCertificates: [{trustDomains: [partner]}], trustDomainAliases: [old]}\nAP foo/p {rules: [{from: [{source: {principals: [cluster.local/ns/foo/sa/a]}}]}]}",
        question: "from: {principal: partner/ns/foo/sa/a}",
        text: "only the trust domain differs: `cluster.local/ns/foo/sa/a` stands for the trust domains of the mesh, `cluster.local`, `old`, and the caller is of `partner`",
        silent: &[
            ("", "from: {principal: old/ns/foo/sa/b}")
        ],
    },
    Row {
        name: "path-rewritten",
        mesh: "AP foo/p {rules: [{to: [{operation: {paths: [/a/../b]}}]}]}",
        question: "request: {path: /a/../b}",
        text: "the path is normalized before policies see it: sent as `/a/../b`, matched and passed on as `/b`",
        silent: &[
            ("", "request: {path: /c/../d}"),
            ("", "request: {path: /a/x}")
        ],
    },
    Row {
        name: "path-rewritten",
        mesh: r#"AP foo/p {rules: [{to: [{operation: {paths: ["/a*"]}}]}]}"#,
        question: "request: {path: /x/../a}",
        text: "the path is normalized before policies see it: sent as `/x/../a`, matched and passed on as `/a`",
        silent: &[
            ("", "request: {path: /a}")
        ],
    },
    Row {
        name: "port-level-mtls-of-the-service",
        mesh: "PA foo/p {selector: {matchLabels: {app: httpbin}}, portLevelMtls: {80: {mode: STRICT}}}\nSVC foo/web {selector: {app: httpbin}, ports: [{port: 80, targetPort: 8080}]}",
        question: "from: {plaintext: true}, expect: allow",
        text: "`portLevelMtls` names the workload's own ports: its entry 80 is the port of Service web.foo, which arrives at port 8080; there the mode is PERMISSIVE",
        silent: &[
            ("", ""),
            ("PA foo/p {selector: {matchLabels: {app: httpbin}}, portLevelMtls: {8080: {mode: STRICT}}}\nSVC foo/web {selector: {app: httpbin}, ports: [{port: 80, targetPort: 8080}]}", "from: {plaintext: true}"),
            ("PA foo/p {selector: {matchLabels: {app: httpbin}}, portLevelMtls: {80: {mode: PERMISSIVE}}}\nSVC foo/web {selector: {app: httpbin}, ports: [{port: 80, targetPort: 8080}]}", "from: {plaintext: true}")
        ],
    },
    Row {
        name: "port-level-mtls-of-the-service",
        mesh: "PA foo/p {selector: {matchLabels: {app: httpbin}}, portLevelMtls: {80: {mode: DISABLE}}, mtls: {mode: STRICT}}\nSVC foo/web {selector: {app: httpbin}, ports: [{port: 80, targetPort: 8080}]}",
        question: "from: {plaintext: true}",
        text: "`portLevelMtls` names the workload's own ports: its entry 80 is the port of Service web.foo, which arrives at port 8080; there the mode is STRICT",
        silent: &[
            ("PA foo/p {selector: {matchLabels: {app: httpbin}}, portLevelMtls: {81: {mode: DISABLE}}, mtls: {mode: STRICT}}\nSVC foo/web {selector: {app: httpbin}, ports: [{port: 80, targetPort: 8080}]}", "from: {plaintext: true}")
        ],
    },
    Row {
        name: "port-of-the-service",
        mesh: r#"SVC foo/web {selector: {app: httpbin}, ports: [{port: 80, targetPort: 8080}]}
AP foo/p {rules: [{to: [{operation: {ports: ["80"]}}]}]}"#,
        question: "",
        text: "`ports` names ports of the workload itself: port 80 of Service web.foo arrives at port 8080",
        silent: &[
            (r#"SVC foo/web {selector: {app: httpbin}, ports: [{port: 80, targetPort: 9000}]}
AP foo/p {rules: [{to: [{operation: {ports: ["80"]}}]}]}"#, ""),
            (r#"AP foo/p {rules: [{to: [{operation: {ports: ["80"]}}]}]}"#, "")
        ],
    },
    Row {
        name: "principal-that-is-not-whole",
        mesh: "AP foo/p {rules: [{from: [{source: {principals: [foo/a]}}]}]}",
        question: "",
        text: "a principal is written as the whole name without its scheme: `foo/a` is not `cluster.local/ns/foo/sa/a`",
        silent: &[
            ("", "from: {principal: cluster.local/ns/foo/sa/b}"),
            ("AP foo/p {rules: [{from: [{source: {namespaces: [foo/a]}}]}]}", "")
        ],
    },
    Row {
        name: "principal-with-a-scheme",
        mesh: r#"AP foo/p {rules: [{from: [{source: {principals: ["spiffe://cluster.local/ns/foo/sa/a"]}}]}]}"#,
        question: "",
        text: "a principal is written without `spiffe://`: `spiffe://cluster.local/ns/foo/sa/a` matches nobody; write `cluster.local/ns/foo/sa/a`",
        silent: &[
            (r#"AP foo/p {rules: [{from: [{source: {principals: ["cluster.local/ns/foo/sa/b"]}}]}]}"#, "")
        ],
    },
    Row {
        name: "query-in-a-path",
        mesh: r#"AP foo/p {rules: [{to: [{operation: {paths: ["/a?x=1"]}}]}]}"#,
        question: r#"request: {path: "/a?x=1"}"#,
        text: "`paths` see the path without its query: `/a?x=1` matches nothing; a query is seen by `request.headers[:path]`",
        silent: &[
            ("", r#"request: {path: "/b?x=1"}"#),
            (r#"AP foo/p {rules: [{to: [{operation: {paths: ["/a"]}}]}]}"#, r#"request: {path: "/b?x=1"}"#)
        ],
    },
    Row {
        name: "request-principal-split-at-the-last-slash",
        mesh: r#"RA foo/r {jwtRules: [{issuer: "https://i/t"}]}
AP foo/p {rules: [{from: [{source: {requestPrincipals: ["https://i/*"]}}]}]}"#,
        question: r#"request: {jwt: {claims: {iss: "https://i/t", sub: s}}}"#,
        text: "a request principal is split at its last slash: `https://i/*` is the issuer `https://i` and the subject `*`; for any subject of the token's issuer write `https://i/t/*`",
        silent: &[
            (r#"RA foo/r {jwtRules: [{issuer: "https://j/t"}]}
AP foo/p {rules: [{from: [{source: {requestPrincipals: ["https://i/*"]}}]}]}"#, r#"request: {jwt: {claims: {iss: "https://j/t", sub: s}}}"#)
        ],
    },
    Row {
        name: "request-principal-split-at-the-last-slash",
        mesh: r#"ISSUER
AP foo/p {rules: [{from: [{source: {requestPrincipals: ["i/repo/main"]}}]}]}"#,
        question: "request: {jwt: {claims: {iss: i, sub: repo/main}}}",
        text: "a request principal is split at its last slash: `i/repo/main` is the issuer `i/repo` and the subject `main`; a subject with a slash is asked for by `request.auth.claims[iss]` and `request.auth.claims[sub]`",
        silent: &[
            ("", "request: {jwt: {claims: {iss: i, sub: repo/dev}}}")
        ],
    },
    Row {
        name: "request-principal-split-at-the-last-slash",
        mesh: r#"ISSUER
AP foo/p {rules: [{from: [{source: {requestPrincipals: ["*/repo/main"]}}]}]}"#,
        question: "request: {jwt: {claims: {iss: i, sub: repo/main}}}",
        text: "a request principal is split at its last slash: `*/repo/main` is the issuer `*/repo` and the subject `main`; a subject with a slash is asked for by `request.auth.claims[iss]` and `request.auth.claims[sub]`",
        silent: &[
            ("", "request: {jwt: {claims: {iss: i, sub: repo/dev}}}")
        ],
    },
    Row {
        name: "server-name-in-capitals",
        mesh: "AP foo/p {rules: [{when: [{key: connection.sni, values: [API.example.com]}]}]}",
        question: "sni: api.example.com",
        text: "server names are kept in lower case and compared with case: `API.example.com` matches none; write `api.example.com`",
        silent: &[
            ("", "sni: other.example.com"),
            ("", "")
        ],
    },
    Row {
        name: "slash-at-the-end",
        mesh: "AP foo/p {rules: [{to: [{operation: {paths: [/a]}}]}]}",
        question: "request: {path: /a/}",
        text: "a slash at the end makes another path: `/a` is not `/a/`",
        silent: &[
            ("", "request: {path: /a/b}"),
            (r#"AP foo/p {rules: [{to: [{operation: {paths: ["/a/{**}"]}}]}]}"#, "request: {path: /a}")
        ],
    },
    Row {
        name: "slash-at-the-end",
        mesh: r#"AP foo/p {rules: [{to: [{operation: {paths: ["/{*}/x"]}}]}]}"#,
        question: "request: {path: /a/x/}",
        text: "a slash at the end makes another path: `/{*}/x` is not `/a/x/`",
        silent: &[
            ("", "request: {path: /a/y/}")
        ],
    },
    Row {
        name: "slash-at-the-end",
        mesh: r#"AP foo/p {rules: [{to: [{operation: {paths: ["/a/*"]}}]}]}"#,
        question: "request: {path: /a}",
        text: "a slash at the end makes another path: `/a/*` is not `/a`",
        silent: &[
            ("", "request: {path: /ab}")
        ],
    },
    Row {
        name: "star-inside-a-value",
        mesh: r#"AP foo/p {rules: [{to: [{operation: {paths: ["/a/*/c"]}}]}]}"#,
        question: "request: {path: /a/b/c}",
        text: "a star is a wildcard only at one end of a value: in `/a/*/c` it stands for itself; a path segment of any text is written `{*}`: `/a/{*}/c`",
        silent: &[
            ("mesh: {pathNormalization: {normalization: NONE}}\nAP foo/p {rules: [{to: [{operation: {paths: ['/a/{*}/c']}}]}]}", "request: {path: '/a/{b}/c'}"),
            ("", "request: {path: /a/b/d}"),
            (r#"AP foo/p {rules: [{to: [{operation: {paths: ["/a/{*}/c"]}}]}]}"#, "request: {path: /a/b/d}")
        ],
    },
    Row {
        name: "star-inside-a-value",
        mesh: r#"AP foo/p {rules: [{to: [{operation: {paths: ["/a/*c"]}}]}]}"#,
        question: "request: {path: /a/bc}",
        text: "a star is a wildcard only at one end of a value: in `/a/*c` it stands for itself; a whole path segment of any text is written `{*}`",
        silent: &[
            ("", "request: {path: /b/bc}")
        ],
    },
    Row {
        name: "star-inside-a-value",
        mesh: r#"AP foo/p {rules: [{to: [{operation: {hosts: ["*.example.com:*"]}}]}]}"#,
        question: r#"request: {host: "a.example.com:80"}"#,
        text: "a star is a wildcard only at one end of a value: in `*.example.com:*` it stands for itself; write each host and port out",
        silent: &[
            ("", "request: {host: a.example.com}")
        ],
    },
    Row {
        name: "star-inside-a-value",
        mesh: r#"AP foo/p {rules: [{from: [{source: {principals: ["*/foo/*"]}}]}]}"#,
        question: "",
        text: "a star is a wildcard only at one end of a value: in `*/foo/*` it stands for itself",
        silent: &[
            ("", "from: {principal: cluster.local/ns/bar/sa/a}")
        ],
    },
    Row {
        name: "template-and-its-parent",
        mesh: r#"AP foo/p {rules: [{to: [{operation: {paths: ["/a/{**}"]}}]}]}"#,
        question: "request: {path: /a}",
        text: "the slash before `{**}` must be there: `/a/{**}` matches `/a/` but not `/a`",
        silent: &[
            ("", "request: {path: /b}"),
            (r#"AP foo/p {rules: [{to: [{operation: {paths: ["/{*}/"]}}]}]}"#, "request: {path: /a}")
        ],
    },
    Row {
        name: "token-before-policies",
        mesh: "ISSUER\nAP foo/p {rules: [{}]}",
        question: "request: {jwt: {claims: {iss: other, sub: s}}}",
        text: "tokens are looked at before DENY and ALLOW: a bad token, or one of an issuer that no RequestAuthentication names, is turned away even where no rule asks for one",
        silent: &[
            ("", "request: {jwt: {claims: {iss: i, sub: s}}}")
        ],
    },
    Row {
        name: "token-without-subject",
        mesh: r#"ISSUER
AP foo/p {rules: [{from: [{source: {requestPrincipals: ["*"]}}]}]}"#,
        question: "request: {jwt: {claims: {iss: i}}}",
        text: "a request principal is `iss/sub`, and both must be text: the token has no `sub`, so no value matches, not even `*`",
        silent: &[
            ("ISSUER\nAP foo/p {rules: [{from: [{source: {requestPrincipals: [j/*]}}]}]}", "request: {jwt: {claims: {iss: i, sub: s}}}")
        ],
    },
    Row {
        name: "token-without-subject",
        mesh: r#"ISSUER
AP foo/p {rules: [{from: [{source: {requestPrincipals: ["*"]}}]}]}"#,
        question: r#"request: {jwt: {claims: {iss: i, sub: ""}}}"#,
        text: "a request principal is `iss/sub`, and both must be text: the `sub` is empty, so no value matches, not even `*`",
        silent: &[
            ("", r#"request: {jwt: {claims: {iss: i, sub: "5"}}}"#)
        ],
    },
];

/// What is told of one question.
fn told(mesh: &str, question: &str) -> Vec<Surprise> {
    let question = if question.contains("expect: ") {
        question.to_owned()
    } else {
        format!("{question}{}expect: deny", if question.is_empty() { "" } else { ", " })
    };
    let mesh = mesh.replace("ISSUER", ISSUER);
    let suite = suite(&mesh, &question);
    let prepared = suite::prepare(&suite, &[]).unwrap();
    let mut requests = prepared.mesh.requests(&suite.cases[0].spec).unwrap();
    let mut request = requests.remove(0);
    request.now = Some(NOW);
    let explanation = prepared.mesh.explain(&request);
    explanation.surprises(&prepared.mesh, &request)
}

#[test]
fn a_surprise_is_told_where_it_decides_and_not_beside() {
    let mut wrong = Vec::new();
    for row in ROWS {
        let said = told(row.mesh, row.question);
        let own = said.iter().find(|surprise| surprise.name == row.name);
        let text = own.map_or("nothing", |own| own.text.as_str());
        if text != row.text {
            wrong.push(format!("{} says of {}\n    {text}", row.name, row.question));
        }
        for (mesh, question) in row.silent {
            let mesh = if mesh.is_empty() { row.mesh } else { mesh };
            let said = told(mesh, question);
            if let Some(own) = said.iter().find(|surprise| surprise.name == row.name) {
                wrong.push(format!("{} is told of {question}\n    {}", row.name, own.text));
            }
        }
        if row.silent.is_empty() {
            wrong.push(format!("{} has no neighbour", row.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn six_are_told_at_most_and_none_twice() {
    let rule = "{from: [{source: {principals: ['spiffe://cluster.local/ns/foo/sa/a'], requestPrincipals: ['*'], ipBlocks: [0.0.0.0/0]}}], to: [{operation: {hosts: [a.b], paths: [/x]}}], when: [{key: 'request.headers[r]', values: [Admin]}, {key: connection.sni, values: [A.b]}]}";
    let said = told(
        &format!("AP foo/p {{rules: [{rule}, {rule}]}}"),
        "from: {principal: cluster.local/ns/foo/sa/a, ip: '2001:db8::7'}, sni: a.b, request: {host: 'a.b:80', path: /x/, headers: {r: admin}}",
    );
    let names: BTreeSet<&str> = said.iter().map(|surprise| surprise.name).collect();
    assert_eq!((said.len(), names.len()), (6, 6), "{names:?}");
}

#[test]
fn every_surprise_has_its_row_and_is_in_the_list() {
    // The names as the code gives them.
    let mut named = BTreeSet::new();
    for (_, source) in sources("src/explanation/surprise") {
        for made in source.split("Surprise::new(").skip(1) {
            let name = made
                .trim_start()
                .strip_prefix('"')
                .and_then(|name| name.split('"').next());
            named.extend(name.map(str::to_owned));
        }
    }
    let rows: BTreeSet<String> = ROWS.iter().map(|row| row.name.to_owned()).collect();
    assert_eq!(rows, named);

    let statements = project("docs/semantics.md");
    let mut lines = BTreeSet::new();
    for row in ROWS {
        let said = told(row.mesh, row.question);
        let own = said
            .iter()
            .find(|surprise| surprise.name == row.name)
            .unwrap();
        let statement = own.statement;
        assert!(statements.contains(&format!("- **{statement}** ")), "there is no {statement}");
        lines.insert(format!(
            "| `{}` | {statement} | {} |\n",
            own.name,
            own.text.replace('|', "\\|")
        ));
    }
    let path = "docs/surprises.md";
    let text = project(path);
    let (before, _) = text.split_once("\n|---|---|---|\n").unwrap();
    let list: String = lines.into_iter().collect();
    is_or_becomes(path, &text, &format!("{before}\n|---|---|---|\n{list}"));
}
