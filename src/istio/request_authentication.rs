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
}

/// One entry of `fromHeaders`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FromHeader {
    /// Where it is written.
    pub position: Position,
    /// The header; absent where none is written.
    pub name: Option<String>,
    /// What stands before the token; empty where none is written.
    pub prefix: String,
}

/// One entry of `outputClaimToHeaders`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimToHeader {
    /// Where it is written.
    pub position: Position,
    /// The header to write; absent where none is written.
    pub header: Option<String>,
    /// The claim to read, dots for nested ones; absent where none is written.
    pub claim: Option<String>,
}
