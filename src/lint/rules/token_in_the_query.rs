//! A token that is taken from the query → it stands in logs and histories.

use crate::diagnostic::FieldPath;
use crate::lint::subject::Subject;
use crate::lint::{Finding, Level, Lint};

pub(super) const LINT: Lint = Lint {
    code: "PC098",
    name: "token-in-the-query",
    level: Level::Medium,
    what: "A JWT rule takes tokens from a query parameter.",
    why: "A URL is written to access logs, kept by browsers and sent on as `Referer`. A token in it is known to \
          whoever reads one of these.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: jwt, namespace: foo}
spec:
  jwtRules:
  - issuer: https://issuer.example
    jwksUri: https://issuer.example/keys
    audiences: [httpbin]
    fromParams: [token]
",
        "\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: jwt, namespace: foo}
spec:
  jwtRules:
  - issuer: https://issuer.example
    jwksUri: https://issuer.example/keys
    audiences: [httpbin]
    fromHeaders: [{name: authorization, prefix: \"Bearer \"}]
    fromParams: [access_token, jwt]
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: jwt, namespace: foo}
spec:
  jwtRules:
  - issuer: https://issuer.example
    jwksUri: https://issuer.example/keys
    audiences: [httpbin]
",
        "\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: jwt, namespace: foo}
spec:
  jwtRules:
  - issuer: https://issuer.example
    jwksUri: https://issuer.example/keys
    audiences: [httpbin]
    fromHeaders: [{name: x-token}]
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for policy in subject.request_authentications() {
        for (index, rule) in policy.rules.iter().enumerate() {
            let Some(written) = rule.from_params.first() else { continue };
            let path = FieldPath::root()
                .field("spec")
                .field("jwtRules")
                .item(index)
                .field("fromParams")
                .item(0);
            let message = format!("tokens are taken from the query parameter `{}`", written.value);
            found.push(
                Finding::of("RequestAuthentication", &policy.meta, message)
                    .value(written, path)
                    .help("take tokens from a header or a cookie"),
            );
        }
    }
}
