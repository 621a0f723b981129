//! A private or symmetric key in `jwks` → whoever reads the file can make tokens.

use crate::diagnostic::FieldPath;
use crate::lint::subject::Subject;
use crate::lint::{Finding, Level, Lint};
use crate::validate::gives_a_secret_away;

pub(super) const LINT: Lint = Lint {
    code: "PC093",
    name: "secret-key",
    level: Level::Critical,
    what: "An inline key set holds a private or a symmetric key.",
    why: "The key set of a RequestAuthentication is for verifying, and only public keys are needed. Whoever can read \
          the resource, or the repository that it lies in, can sign tokens with a private key, or with the secret of a \
          symmetric one, and is whoever it likes.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: jwt, namespace: foo}
spec:
  jwtRules:
  - issuer: https://issuer.example
    audiences: [httpbin]
    jwks: '{\"keys\": [{\"kty\": \"oct\", \"k\": \"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}]}'
",
        "\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: jwt, namespace: foo}
spec:
  jwtRules:
  - issuer: https://issuer.example
    audiences: [httpbin]
    jwks: '{\"keys\": [{\"kty\": \"EC\", \"crv\": \"P-256\", \"x\": \"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\", \"y\": \"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\", \"d\": \"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"}]}'
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
    audiences: [httpbin]
    jwks: '{\"keys\": [{\"kty\": \"EC\", \"crv\": \"P-256\", \"x\": \"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\", \"y\": \"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}'
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
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for policy in subject.request_authentications() {
        for (index, rule) in policy.rules.iter().enumerate() {
            let Some(jwks) = rule
                .jwks
                .as_ref()
                .filter(|jwks| gives_a_secret_away(&jwks.value))
            else {
                continue;
            };
            let path = FieldPath::root()
                .field("spec")
                .field("jwtRules")
                .item(index)
                .field("jwks");
            found.push(
                Finding::of(
                    "RequestAuthentication",
                    &policy.meta,
                    "the key set gives a private or symmetric key away",
                )
                .at(jwks.position, path)
                .help("replace the key, which is no secret any more, and write public keys only"),
            );
        }
    }
}
