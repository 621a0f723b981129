//! Gate 2: the token providers of a workload and a request → its claims, or why it is turned away.

use crate::mesh::{TokenProvider, audience};
use crate::request::{
    Claim, Claims, Defect, Received, Signature, StatedToken, TokenReader, TokenReading, Value,
};

/// Seconds that a clock may be off [JWT-31].
const CLOCK_SKEW: f64 = 60.0;

/// What became of the tokens of a request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Authenticated {
    /// It passes, with the claims of the first provider that verified.
    Passed(Option<Claims>),
    /// It is turned away.
    Rejected(Failure),
    /// It cannot be known here.
    Unknown(String),
}

/// Why a token is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// There is none.
    Missing,
    /// Its issuer is not the provider's.
    UnknownIssuer,
    /// Its audience is not accepted: 403 [JWT-33].
    Audience,
    /// Anything else: 401.
    Bad(String),
    /// It depends on something not known here.
    Unknown(String),
}

impl Failure {
    pub(crate) const fn status(&self) -> u16 {
        match self {
            Self::Audience => 403,
            Self::Missing | Self::UnknownIssuer | Self::Bad(_) | Self::Unknown(_) => 401,
        }
    }

    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Missing => "Jwt is missing".to_owned(),
            Self::UnknownIssuer => "Jwt issuer is not configured".to_owned(),
            Self::Audience => "Audiences in Jwt are not allowed".to_owned(),
            Self::Bad(reason) | Self::Unknown(reason) => reason.clone(),
        }
    }
}

/// Where a token was found.
enum Place<'p> {
    Header(&'p str),
    Parameter(&'p str),
    Cookie,
}

/// What a provider needs beside the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verifier<'v> {
    pub(crate) stated: &'v [StatedToken],
    pub(crate) reader: Option<&'v dyn TokenReader>,
    /// Seconds since 1970; absent where the question does not say.
    pub(crate) now: Option<i64>,
}

impl Verifier<'_> {
    /// `any(P1, …, Pn, all(any(P1, allow_missing), …, any(Pn, allow_missing)))`, or for one provider
    /// `any(P, allow_missing)` [JWT-10]. Verified tokens are taken out of `request`, claims are put in.
    pub(crate) fn authenticate(
        &self,
        providers: &[TokenProvider],
        request: &mut Received,
    ) -> Authenticated {
        // A client's own copies of what providers write go, token or not, preflight or not [AP-82].
        for provider in providers {
            let claims = provider.claim_headers.iter().map(|(header, _)| header);
            for header in claims.chain(&provider.payload_header) {
                request.headers.remove(header);
            }
        }
        let given = |name: &str| {
            request
                .header(name)
                .next()
                .is_some_and(|value| value != Value::Known(""))
        };
        // Without a rule there are no claims, whatever the request carries [JWT-3] [JWT-51].
        // "CORS preflight (OPTIONS with Origin and Access-Control-Request-Method) bypasses JWT." [JWT-14]
        if providers.is_empty()
            || (request.method == "OPTIONS"
                && given("origin")
                && given("access-control-request-method"))
        {
            return Authenticated::Passed(None);
        }
        let mut claims = None;
        let mut failures = Vec::new();
        // The first that verifies ends it: later tokens are not looked at [JWT-11].
        for provider in providers {
            match self.provider(provider, request, &mut claims) {
                Ok(()) => return Authenticated::Passed(claims),
                Err(Failure::Unknown(reason)) => return Authenticated::Unknown(reason),
                Err(failure) => failures.push(failure),
            }
        }
        if let [only] = failures.as_slice() {
            // "succeeds on absence only when Pi's status is exactly missing" [JWT-13]: nothing asks for a token [JWT-50].
            return if *only == Failure::Missing {
                Authenticated::Passed(None)
            } else {
                Authenticated::Rejected(only.clone())
            };
        }
        // All are asked again, each content with nothing. A token that was taken out before is not there any more.
        let again = providers
            .iter()
            .filter(|_| failures.iter().any(|failure| *failure != Failure::Missing))
            .find_map(|provider| match self.provider(provider, request, &mut claims) {
                Ok(()) | Err(Failure::Missing) => None,
                Err(failure) => Some(failure),
            });
        match again {
            None => return Authenticated::Passed(claims),
            Some(Failure::Unknown(reason)) => return Authenticated::Unknown(reason),
            Some(failure) => failures.push(failure),
        }
        // "any error other than {missing, unknown-issuer} > unknown-issuer > missing"; the last such error [JWT-13].
        let weight = |failure: &Failure| match failure {
            Failure::Missing => 0,
            Failure::UnknownIssuer => 1,
            Failure::Audience | Failure::Bad(_) | Failure::Unknown(_) => 2,
        };
        let final_failure = failures.into_iter().max_by_key(weight);
        Authenticated::Rejected(final_failure.unwrap_or(Failure::Missing))
    }

    /// One provider: every token in its places must verify [JWT-12]. Each that does has its claims written, also
    /// where another one fails.
    fn provider(
        &self,
        provider: &TokenProvider,
        request: &mut Received,
        written: &mut Option<Claims>,
    ) -> Result<(), Failure> {
        let mut tokens = extract(provider, request)?;
        if tokens.is_empty() {
            return Err(Failure::Missing);
        }
        // Envoy takes the last place first: cookies, parameters, headers.
        while let Some((place, token)) = tokens.pop() {
            let mut claims = self.token(provider, &token)?;
            if let Some(header) = &provider.payload_header {
                request.headers.add(header, None);
            }
            for (header, claim) in &provider.claim_headers {
                if let Some(value) = header_value(&claims, claim) {
                    request.headers.add(header, value);
                }
            }
            if !provider.forward {
                match place {
                    Place::Header(name) => request.headers.remove(name),
                    Place::Parameter(name) => request.remove_query_parameter(name),
                    // "cookie token ⇒ left in place" [JWT-42]
                    Place::Cookie => {}
                }
            }
            split_at_spaces(&mut claims, provider);
            *written = Some(claims);
        }
        Ok(())
    }

    /// Parse, issuer, times, audience, signature: in this order [JWT-43].
    fn token(&self, provider: &TokenProvider, token: &str) -> Result<Claims, Failure> {
        let bad = |reason: &str| Failure::Bad(reason.to_owned());
        let (claims, signature, times) =
            match self.stated.iter().find(|stated| stated.text == token) {
                Some(stated) => {
                    let signature = match stated.defect {
                        Some(Defect::Malformed) => {
                            return Err(bad("Jwt is not in the form of Header.Payload.Signature"));
                        }
                        Some(Defect::BadSignature) => {
                            Signature::Bad("Jwt verification fails".to_owned())
                        }
                        Some(Defect::WrongKey) => Signature::Bad(
                            "Jwks doesn't have key to match kid or alg from Jwt".to_owned(),
                        ),
                        Some(Defect::Expired | Defect::NotYet) | None => Signature::Good,
                    };
                    let times = match stated.defect {
                        Some(Defect::Expired) => Err(bad("Jwt is expired")),
                        Some(Defect::NotYet) => Err(bad("Jwt not yet valid")),
                        _ => self.times(&stated.claims),
                    };
                    (stated.claims.clone(), signature, times)
                }
                None => match self.read(provider, token) {
                    TokenReading::Malformed(reason) => return Err(Failure::Bad(reason)),
                    TokenReading::Unread(reason) => return Err(Failure::Unknown(reason)),
                    TokenReading::Read { claims, signature } => {
                        let times = self.times(&claims);
                        (claims, signature, times)
                    }
                },
            };
        well_typed(&claims)?;
        let issuer = text(&claims, "iss").unwrap_or_default();
        // "Provider with empty issuer accepts any issuer. Missing iss = empty." [JWT-32]
        if !provider.issuer.is_empty() && provider.issuer != issuer {
            return Err(Failure::UnknownIssuer);
        }
        times?;
        let audiences = match claims.get("aud") {
            Some(Claim::String(one)) => vec![one.as_str()],
            Some(Claim::List(many)) => many.iter().filter_map(|item| string(item)).collect(),
            _ => Vec::new(),
        };
        let accepted = |given: &str| {
            provider
                .audiences
                .iter()
                .any(|wanted| wanted == audience(given))
        };
        if !provider.audiences.is_empty() && !audiences.into_iter().any(accepted) {
            return Err(Failure::Audience);
        }
        match signature {
            Signature::Good => Ok(claims),
            Signature::Bad(reason) => Err(Failure::Bad(reason)),
            Signature::Unknown(reason) => Err(Failure::Unknown(reason)),
        }
    }

    fn read(&self, provider: &TokenProvider, token: &str) -> TokenReading {
        if let Some(reader) = self.reader {
            return reader.read(token, provider.jwks.as_deref());
        }
        if token.split('.').filter(|part| !part.is_empty()).count() != 3 {
            return TokenReading::Malformed(
                "Jwt is not in the form of Header.Payload.Signature".to_owned(),
            );
        }
        TokenReading::Unread("the token is a real one, and nothing here reads it".to_owned())
    }

    /// `exp` and `nbf` in whole seconds, with a minute of grace; an absent one does not matter, and 0 is absent [JWT-31].
    fn times(&self, claims: &Claims) -> Result<(), Failure> {
        let number = |name: &str| match claims.get(name) {
            Some(Claim::Number(number)) => Some(number.trunc()).filter(|number| *number >= 1.0),
            _ => None,
        };
        let (expiry, start) = (number("exp"), number("nbf"));
        if expiry.is_none() && start.is_none() {
            return Ok(());
        }
        let Some(now) = self.now else {
            return Err(Failure::Unknown(
                "the token has times, and the question does not say what time it is".to_owned(),
            ));
        };
        #[expect(
            clippy::as_conversions,
            clippy::cast_precision_loss,
            reason = "seconds are exact in a double for 285 million years"
        )]
        let now = now as f64;
        if start.is_some_and(|start| now + CLOCK_SKEW < start) {
            return Err(Failure::Bad("Jwt not yet valid".to_owned()));
        }
        if expiry.is_some_and(|expiry| now > expiry + CLOCK_SKEW) {
            return Err(Failure::Bad("Jwt is expired".to_owned()));
        }
        Ok(())
    }
}

const fn string(claim: &Claim) -> Option<&str> {
    if let Claim::String(text) = claim { Some(text.as_str()) } else { None }
}

fn text<'c>(claims: &'c Claims, name: &str) -> Option<&'c str> {
    claims.get(name).and_then(string)
}

/// The first number that is no 64-bit integer.
const TOO_LATE: f64 = 18_446_744_073_709_551_616.0;

/// The claims that the verifier itself reads must have their type; `sub: 5` is a bad token.
fn well_typed(claims: &Claims) -> Result<(), Failure> {
    let bad = |name: &str| Err(Failure::Bad(format!("Jwt claim `{name}` has the wrong type")));
    for name in ["iss", "sub", "jti"] {
        if claims
            .get(name)
            .is_some_and(|claim| string(claim).is_none())
        {
            return bad(name);
        }
    }
    for name in ["exp", "nbf", "iat"] {
        if claims.get(name).is_some_and(
            |claim| !matches!(claim, Claim::Number(number) if (0.0..TOO_LATE).contains(number)),
        ) {
            return bad(name);
        }
    }
    match claims.get("aud") {
        None | Some(Claim::String(_)) => Ok(()),
        Some(Claim::List(items)) if items.iter().all(|item| string(item).is_some()) => Ok(()),
        Some(_) => bad("aud"),
    }
}

/// Characters of a token; anything else before it is skipped [JWT-21].
fn in_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// The tokens in the places of one provider, in Envoy's order: headers, parameters, cookies [JWT-20] [JWT-21] [JWT-22].
/// Places of other providers are not looked into [JWT-23].
fn extract<'p>(
    provider: &'p TokenProvider,
    request: &Received,
) -> Result<Vec<(Place<'p>, String)>, Failure> {
    let mut tokens = Vec::new();
    for (name, prefix) in &provider.headers {
        for value in request.header(name) {
            let Value::Known(value) = value else {
                return Err(Failure::Unknown(format!(
                    "the proxy itself writes the header `{name}`, where a token is looked for"
                )));
            };
            if prefix.is_empty() {
                tokens.push((Place::Header(name), value.to_owned()));
                continue;
            }
            // The prefix is searched anywhere in the value; the token is all that follows.
            let Some((_, after)) = value.split_once(prefix.as_str()) else { continue };
            let token = after
                .find(in_token)
                .and_then(|start| after.get(start..))
                .unwrap_or(value);
            tokens.push((Place::Header(name), token.to_owned()));
        }
    }
    for name in &provider.parameters {
        if let Some(value) = request.query_parameter(name) {
            tokens.push((Place::Parameter(name), value));
        }
    }
    for name in &provider.cookies {
        if let Some(value) = request.cookie(name) {
            tokens.push((Place::Cookie, value));
        }
    }
    Ok(tokens)
}

/// The value of a header that the proxy writes; absent where its bytes are not known here.
type Written = Option<String>;

/// A claim as `outputClaimToHeaders` writes it [JWT-41]: text as it is, numbers and booleans as text. Lists and
/// objects become base64url of JSON, whose bytes are not known here (`Some(None)`). An empty one adds nothing.
fn header_value(claims: &Claims, path: &str) -> Option<Written> {
    // Dots always lead into objects, so a claim whose own name has one is not found.
    let mut level = Some(claims);
    let mut found = None;
    for key in path.split('.') {
        found = level.and_then(|claims| claims.get(key));
        level = match found {
            Some(Claim::Map(inner)) => Some(inner),
            _ => None,
        };
    }
    match found? {
        Claim::String(text) if text.is_empty() => None,
        Claim::String(text) => Some(Some(text.clone())),
        Claim::Bool(value) => Some(Some(value.to_string())),
        Claim::Number(number) if number.fract() == 0.0 && (0.0..TOO_LATE).contains(number) => {
            Some(Some(format!("{number:.0}")))
        }
        Claim::Number(number) => Some(Some(format!("{number:.6}"))),
        Claim::List(_) | Claim::Map(_) => Some(None),
        Claim::Null => None,
    }
}

/// Top-level claims of text that is split at spaces become lists; runs of spaces count as one [AP-76].
fn split_at_spaces(claims: &mut Claims, provider: &TokenProvider) {
    for name in &provider.space_delimited {
        if let Some(claim) = claims.get_mut(name)
            && let Claim::String(text) = claim
        {
            let parts = text.split(' ').filter(|part| !part.is_empty());
            *claim = Claim::List(parts.map(|part| Claim::String(part.to_owned())).collect());
        }
    }
}
