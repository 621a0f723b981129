//! `RequestAuthentications` → the token providers of a workload.

use std::collections::BTreeSet;

use crate::diagnostic::Origin;
use crate::istio::{JwtRule, RequestAuthentication};

/// Claims whose text is split at spaces, always [AP-76].
const SPACE_DELIMITED: [&str; 2] = ["permission", "scope"];

/// One `jwtRules` entry, ready to be asked. Every entry is a provider of its own, also where two have the
/// same issuer [JWT-2].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenProvider {
    /// `namespace/name` of the policy.
    pub policy: String,
    /// Where the rule is written.
    pub origin: Origin,
    /// The rule as written.
    pub rule: JwtRule,
    /// The issuer; empty accepts any [JWT-32].
    pub issuer: String,
    /// Accepted audiences, scheme and one trailing slash dropped [JWT-33]; empty: not checked.
    pub audiences: Vec<String>,
    /// The inline key set; absent where keys are fetched.
    pub jwks: Option<String>,
    /// Headers (lower case) that carry a token and what stands before it, in the proxy's order.
    pub headers: Vec<(String, String)>,
    /// Query parameters that carry a token, in the proxy's order.
    pub parameters: Vec<String>,
    /// Cookies that carry a token, in the proxy's order.
    pub cookies: Vec<String>,
    /// Whether a verified token stays in the request [JWT-42].
    pub forward: bool,
    /// The header that receives the whole payload.
    pub payload_header: Option<String>,
    /// Headers (lower case) that receive a claim, and the claim with dots for nested ones.
    pub claim_headers: Vec<(String, String)>,
    /// Claims whose text is split at spaces [AP-76].
    pub space_delimited: BTreeSet<String>,
}

/// The claims whose text is split: the written ones and the two that always are [AP-76].
pub fn space_delimited<'c>(written: impl IntoIterator<Item = &'c str>) -> BTreeSet<String> {
    SPACE_DELIMITED
        .into_iter()
        .chain(written)
        .map(str::to_owned)
        .collect()
}

/// An audience as it is compared: without `http://` or `https://` and without one trailing slash [JWT-33].
#[must_use]
pub fn audience(written: &str) -> &str {
    let stripped = written
        .strip_prefix("https://")
        .or_else(|| written.strip_prefix("http://"))
        .unwrap_or(written);
    stripped.strip_suffix('/').unwrap_or(stripped)
}

/// The providers of all attached policies, by issuer; the same issuer keeps the order of the policies [JWT-2].
#[must_use]
pub fn providers<'p>(
    attached: impl Iterator<Item = &'p RequestAuthentication>,
) -> Vec<TokenProvider> {
    let mut providers = Vec::new();
    for policy in attached {
        for rule in &policy.rules {
            // "If none of fromHeaders/fromParams/fromCookies is set: header Authorization: Bearer and query
            // access_token." [JWT-20]
            let default = rule.from_headers.is_empty()
                && rule.from_params.is_empty()
                && rule.from_cookies.is_empty();
            let mut headers: Vec<(String, String)> = rule
                .from_headers
                .iter()
                .map(|from| {
                    (
                        from.name
                            .as_ref()
                            .map_or("", |name| name.value.as_str())
                            .to_ascii_lowercase(),
                        from.prefix.clone(),
                    )
                })
                .collect();
            let mut parameters: Vec<String> = rule
                .from_params
                .iter()
                .map(|param| param.value.clone())
                .collect();
            let mut cookies: Vec<String> = rule
                .from_cookies
                .iter()
                .map(|cookie| cookie.value.clone())
                .collect();
            if default {
                headers.push(("authorization".to_owned(), "Bearer ".to_owned()));
                parameters.push("access_token".to_owned());
            }
            // Envoy keeps each kind of place in an ordered map.
            headers.sort_by_key(|(name, prefix)| format!("{name}{prefix}"));
            headers.dedup();
            parameters.sort();
            parameters.dedup();
            cookies.sort();
            cookies.dedup();
            let claims = rule
                .space_delimited_claims
                .iter()
                .map(|claim| claim.value.as_str());
            providers.push(TokenProvider {
                policy: policy.meta.id(),
                origin: Origin::new(&policy.meta.origin.file, rule.position),
                rule: rule.clone(),
                issuer: rule.issuer.clone(),
                audiences: rule
                    .audiences
                    .iter()
                    .map(|written| audience(&written.value).to_owned())
                    .collect(),
                jwks: rule.jwks.as_ref().map(|jwks| jwks.value.clone()),
                headers,
                parameters,
                cookies,
                forward: rule.forward_original_token,
                payload_header: rule
                    .output_payload_to_header
                    .as_ref()
                    .map(|name| name.to_ascii_lowercase()),
                claim_headers: rule
                    .output_claim_to_headers
                    .iter()
                    .filter_map(|output| {
                        Some((
                            output.header.as_ref()?.value.to_ascii_lowercase(),
                            output.claim.as_ref()?.value.clone(),
                        ))
                    })
                    .collect(),
                space_delimited: space_delimited(claims),
            });
        }
    }
    providers.sort_by(|a, b| a.issuer.cmp(&b.issuer));
    providers
}

#[cfg(test)]
mod tests {
    // [JWT-33]
    #[rstest::rstest]
    #[case("web", "web")]
    #[case("web/", "web")]
    #[case("https://web", "web")]
    #[case("http://web/", "web")]
    #[case("web//", "web/")]
    #[case("ftp://web", "ftp://web")]
    fn an_audience_is_compared_without_scheme_and_one_slash(
        #[case] written: &str,
        #[case] want: &str,
    ) {
        assert_eq!(super::audience(written), want);
    }
}
