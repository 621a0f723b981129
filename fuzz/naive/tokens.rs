//! The token providers of a workload and a request → the claims that count, or the answer that turns it away.

use std::collections::BTreeMap;

use super::http::Received;
use super::{Answer, Question};

/// A value in a token.
#[derive(Clone, Debug, PartialEq)]
pub enum Claim {
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Self>),
    /// An object.
    Map(Claims),
    /// A number.
    Number(f64),
    /// A boolean.
    Bool(bool),
    /// Nothing.
    Null,
}

/// Claims by name.
pub type Claims = BTreeMap<String, Claim>;

/// A token that is stated to be as it is stated.
#[derive(Clone, Debug)]
pub struct Token {
    /// What stands for it in the request.
    pub text: String,
    /// What it claims.
    pub claims: Claims,
    /// How it is bad.
    pub defect: Option<Defect>,
}

/// How a token is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// No key of the provider signed these claims.
    Signature,
    /// Its times are not now.
    Times,
    /// It is no token.
    Malformed,
}

/// An entry of `jwtRules`.
#[derive(Clone, Debug, Default)]
pub struct Provider {
    pub issuer: String,
    pub audiences: Vec<String>,
    /// Name and prefix.
    pub headers: Vec<(String, String)>,
    pub parameters: Vec<String>,
    pub cookies: Vec<String>,
    pub forward: bool,
    pub payload_header: Option<String>,
    /// Header and claim.
    pub claim_headers: Vec<(String, String)>,
    pub space_delimited: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Failure {
    Missing,
    Issuer,
    Audience,
    Bad,
    NotModelled(&'static str),
    Unknown(&'static str),
}

enum Place {
    Header(String),
    Parameter(String),
    Cookie,
}

/// Asks the providers, in their order [JWT-2] [JWT-10].
pub fn authenticate(
    providers: &[&Provider],
    question: &Question,
    received: &mut Received,
) -> Result<Option<Claims>, Answer> {
    // What a provider writes is taken away from the client, token or not [AP-82].
    for provider in providers {
        for (header, _) in &provider.claim_headers {
            received.remove(header);
        }
        if let Some(header) = &provider.payload_header {
            received.remove(header);
        }
    }
    let given = |name: &str| {
        received
            .header(name)
            .iter()
            .any(|value| value.as_deref() != Some(""))
    };
    let preflight =
        received.method == "OPTIONS" && given("origin") && given("access-control-request-method");
    if providers.is_empty() || preflight {
        return Ok(None);
    }
    let mut claims = None;
    let mut failures = Vec::new();
    for provider in providers {
        match ask(provider, question, received, &mut claims) {
            Ok(()) => return Ok(claims),
            Err(failure) => failures.push(known(failure)?),
        }
    }
    // Then all of them, each content with no token; one that was taken out is not there any more [JWT-12].
    let mut content = providers.len() > 1 || failures == [Failure::Missing];
    if providers.len() > 1 {
        for provider in providers {
            if failures.iter().all(|failure| *failure == Failure::Missing) {
                break;
            }
            match ask(provider, question, received, &mut claims) {
                Ok(()) | Err(Failure::Missing) => {}
                Err(failure) => {
                    failures.push(known(failure)?);
                    content = false;
                    break;
                }
            }
        }
    }
    if content {
        return Ok(claims);
    }
    // Any other reason than these two is told, the last of them [JWT-13].
    let mut told = Failure::Missing;
    for failure in failures {
        let keeps = match failure {
            Failure::Missing => true,
            Failure::Issuer => told != Failure::Missing && told != Failure::Issuer,
            Failure::Audience | Failure::Bad | Failure::NotModelled(_) | Failure::Unknown(_) => {
                false
            }
        };
        if !keeps {
            told = failure;
        }
    }
    let status = if told == Failure::Audience { 403 } else { 401 };
    Err(Answer::Unauthenticated(Some(received.status(status))))
}

fn known(failure: Failure) -> Result<Failure, Answer> {
    match failure {
        Failure::NotModelled(what) => Err(Answer::NotModelled(what.to_owned())),
        Failure::Unknown(what) => Err(Answer::Unknown(what.to_owned())),
        other => Ok(other),
    }
}

/// One provider: all the tokens in its places must be good, the last place first [JWT-12].
fn ask(
    provider: &Provider,
    question: &Question,
    received: &mut Received,
    written: &mut Option<Claims>,
) -> Result<(), Failure> {
    let mut tokens = places(provider, received)?;
    if tokens.is_empty() {
        return Err(Failure::Missing);
    }
    while let Some((place, text)) = tokens.pop() {
        let mut claims = verify(provider, question, &text)?;
        if let Some(header) = &provider.payload_header {
            received.headers.push((header.clone(), None));
        }
        for (header, claim) in &provider.claim_headers {
            if let Some(value) = as_header(&claims, claim)? {
                received.headers.push((header.clone(), value));
            }
        }
        if !provider.forward {
            match place {
                Place::Header(name) => received.remove(&name),
                Place::Parameter(name) => remove_parameter(received, &name),
                Place::Cookie => {}
            }
        }
        for name in &provider.space_delimited {
            if let Some(Claim::Text(text)) = claims.get(name) {
                let words = text.split(' ').filter(|word| !word.is_empty());
                let words = words.map(|word| Claim::Text(word.to_owned())).collect();
                claims.insert(name.clone(), Claim::List(words));
            }
        }
        *written = Some(claims);
    }
    Ok(())
}

/// The tokens in the places of a provider: headers, parameters, cookies [JWT-20] [JWT-21] [JWT-22].
fn places(provider: &Provider, received: &Received) -> Result<Vec<(Place, String)>, Failure> {
    let mut found = Vec::new();
    for (name, prefix) in &provider.headers {
        for value in received.header(name) {
            let Some(value) = value else {
                return Err(Failure::Unknown("a token is looked for where the proxy writes"));
            };
            let Some(at) = value.find(prefix.as_str()) else { continue };
            let mut token = value.get(at + prefix.len()..).unwrap_or_default();
            if !prefix.is_empty() {
                let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
                token = match token.find(is_part) {
                    Some(start) => token.get(start..).unwrap_or_default(),
                    // Nothing that could be one: the whole value is taken for it.
                    None => value.as_str(),
                };
            }
            found.push((Place::Header(name.clone()), token.to_owned()));
        }
    }
    for name in &provider.parameters {
        let pairs = parameters(&received.query)?;
        if let Some((_, value)) = pairs.iter().find(|(key, _)| key == name) {
            found.push((Place::Parameter(name.clone()), value.clone()));
        }
    }
    for name in &provider.cookies {
        for line in received.header("cookie").into_iter().flatten() {
            let pairs = line
                .split(';')
                .filter_map(|pair| pair.trim().split_once('='));
            let values: Vec<&str> = pairs
                .filter(|(key, _)| key == name)
                .map(|(_, value)| value)
                .collect();
            if let Some(value) = values.first()
                && !found
                    .iter()
                    .any(|(place, _)| matches!(place, Place::Cookie))
            {
                if value.starts_with('"') {
                    return Err(Failure::NotModelled("a cookie in quotation marks"));
                }
                found.push((Place::Cookie, (*value).to_owned()));
            }
        }
        if provider.cookies.len() > 1 {
            return Err(Failure::NotModelled("several cookies for a token"));
        }
    }
    Ok(found)
}

fn parameters(query: &str) -> Result<Vec<(String, String)>, Failure> {
    let mut pairs = Vec::new();
    let Some(query) = query.strip_prefix('?') else { return Ok(pairs) };
    if query.contains('%') {
        return Err(Failure::NotModelled("an escape in a query that may hold a token"));
    }
    let mut parts: Vec<&str> = query.split('&').collect();
    if parts.last() == Some(&"") {
        parts.pop();
    }
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        pairs.push((key.to_owned(), value.to_owned()));
    }
    Ok(pairs)
}

/// The others are written anew, by name [JWT-42].
fn remove_parameter(received: &mut Received, name: &str) {
    let mut pairs = parameters(&received.query).unwrap_or_default();
    pairs.retain(|(key, _)| key != name);
    pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    received.query = if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) };
}

/// Read, issuer, times, audience, signature [JWT-43].
fn verify(provider: &Provider, question: &Question, text: &str) -> Result<Claims, Failure> {
    let Some(token) = question.tokens.iter().find(|token| token.text == text) else {
        // Three parts make a real token, which nothing here verifies.
        let parts = text.split('.').filter(|part| !part.is_empty()).count();
        return Err(if parts == 3 { Failure::Unknown("a real token") } else { Failure::Bad });
    };
    if token.defect == Some(Defect::Malformed) {
        return Err(Failure::Bad);
    }
    let claims = &token.claims;
    for name in ["iss", "sub", "jti"] {
        if !matches!(claims.get(name), None | Some(Claim::Text(_))) {
            return Err(Failure::Bad);
        }
    }
    for name in ["exp", "nbf", "iat"] {
        match claims.get(name) {
            None => {}
            // No 64-bit integer makes a bad token [JWT-31].
            Some(Claim::Number(number))
                if *number >= 0.0 && *number < 18_446_744_073_709_551_616.0 => {}
            Some(_) => return Err(Failure::Bad),
        }
    }
    let audiences: Vec<&String> = match claims.get("aud") {
        None => Vec::new(),
        Some(Claim::Text(one)) => vec![one],
        Some(Claim::List(many)) => {
            let mut audiences = Vec::new();
            for one in many {
                let Claim::Text(one) = one else { return Err(Failure::Bad) };
                audiences.push(one);
            }
            audiences
        }
        Some(_) => return Err(Failure::Bad),
    };
    let issuer = match claims.get("iss") {
        Some(Claim::Text(issuer)) => issuer.as_str(),
        _ => "",
    };
    if !provider.issuer.is_empty() && provider.issuer != issuer {
        return Err(Failure::Issuer);
    }
    if token.defect == Some(Defect::Times) {
        return Err(Failure::Bad);
    }
    for (name, grace) in [("nbf", -60.0), ("exp", 60.0)] {
        let Some(Claim::Number(number)) = claims.get(name) else { continue };
        let number = number.floor();
        if number == 0.0 {
            continue;
        }
        let Some(now) = question.now else {
            return Err(Failure::Unknown("the time"));
        };
        #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "seconds are small")]
        let now = now as f64;
        if (name == "nbf" && now < number + grace) || (name == "exp" && now > number + grace) {
            return Err(Failure::Bad);
        }
    }
    if !provider.audiences.is_empty() {
        let wanted: Vec<&str> = provider
            .audiences
            .iter()
            .map(|wanted| bare(wanted))
            .collect();
        if !audiences.iter().any(|given| wanted.contains(&bare(given))) {
            return Err(Failure::Audience);
        }
    }
    if token.defect == Some(Defect::Signature) {
        return Err(Failure::Bad);
    }
    Ok(claims.clone())
}

/// An audience without scheme and the slash at the end [JWT-33].
fn bare(audience: &str) -> &str {
    let mut bare = audience;
    for scheme in ["https://", "http://"] {
        if let Some(rest) = audience.strip_prefix(scheme) {
            bare = rest;
        }
    }
    bare.strip_suffix('/').unwrap_or(bare)
}

/// The value of a header; absent where it is not known here.
type Written = Option<String>;

/// A claim as a header: absent for none, and within for a value that is not known here [JWT-41].
fn as_header(claims: &Claims, path: &str) -> Result<Option<Written>, Failure> {
    let mut level = Some(claims);
    let mut found = None;
    for key in path.split('.') {
        found = level.and_then(|claims| claims.get(key));
        level = match found {
            Some(Claim::Map(inner)) => Some(inner),
            _ => None,
        };
    }
    Ok(match found {
        None | Some(Claim::Null) => None,
        Some(Claim::Text(text)) if text.is_empty() => None,
        Some(Claim::Text(text)) => Some(Some(text.clone())),
        Some(Claim::Bool(true)) => Some(Some("true".to_owned())),
        Some(Claim::Bool(false)) => Some(Some("false".to_owned())),
        Some(Claim::List(_) | Claim::Map(_)) => Some(None),
        Some(Claim::Number(number)) if number.fract() == 0.0 && (0.0..1e15).contains(number) => {
            Some(Some(format!("{number}")))
        }
        Some(Claim::Number(_)) => return Err(Failure::NotModelled("a number as a header")),
    })
}
