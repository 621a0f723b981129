//! RequestAuthentication as written.

use super::{Meta, PolicyTarget};
use crate::diagnostic::{Position, Sourced};

/// A RequestAuthentication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestAuthentication {
    /// Its metadata.
    pub meta: Meta,
    /// What it is about.
    pub target: PolicyTarget,
    /// `jwtRules`; empty and absent are the same: no token is looked at.
    pub rules: Vec<JwtRule>,
}

/// One entry of `jwtRules`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtRule {
    /// Where it is written.
    pub position: Position,
    /// `issuer`; empty accepts any issuer [JWT-32].
    pub issuer: String,
    /// Where `issuer` is written; absent where it is not.
    pub issuer_position: Option<Position>,
    /// `audiences`; empty: not checked.
    pub audiences: Vec<Sourced<String>>,
    /// `jwksUri` or `jwks_uri`.
    pub jwks_uri: Option<Sourced<String>>,
    /// `jwks`: the key set as text.
    pub jwks: Option<Sourced<String>>,
    /// `fromHeaders`.
    pub from_headers: Vec<FromHeader>,
    /// `fromParams`.
    pub from_params: Vec<Sourced<String>>,
    /// `fromCookies`.
    pub from_cookies: Vec<Sourced<String>>,
    /// `outputPayloadToHeader`.
    pub output_payload_to_header: Option<String>,
    /// `outputClaimToHeaders`.
    pub output_claim_to_headers: Vec<ClaimToHeader>,
    /// `forwardOriginalToken`; false where none is written: a verified token is taken out of the request.
    pub forward_original_token: bool,
    /// `spaceDelimitedClaims`, beside `scope` and `permission`.
    pub space_delimited_claims: Vec<Sourced<String>>,
    /// `timeout` as written.
    pub timeout: Option<Sourced<String>>,
    /// `presence`, which no control plane reads [JWT-5].
    pub presence: Option<Sourced<Presence>>,
}

/// `presence`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Presence {
    /// A request may come without a token.
    Optional,
    /// A request must come with a token.
    Required,
}

/// One entry of `fromHeaders`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FromHeader {
    /// Where it is written.
    pub position: Position,
    /// The header; absent where none is written.
    pub name: Option<Sourced<String>>,
    /// What stands before the token; empty where none is written.
    pub prefix: String,
}

/// One entry of `outputClaimToHeaders`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimToHeader {
    /// Where it is written.
    pub position: Position,
    /// The header to write; absent where none is written.
    pub header: Option<Sourced<String>>,
    /// The claim to read, dots for nested ones; absent where none is written.
    pub claim: Option<Sourced<String>>,
}
