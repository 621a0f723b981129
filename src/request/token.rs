//! Bearer tokens: what a request's token says, and who vouches for its signature.

use std::collections::BTreeMap;

/// A value inside a token's claims.
#[derive(Clone, Debug, PartialEq)]
pub enum Claim {
    /// `true` or `false`; matches no policy value [AP-74].
    Bool(bool),
    /// A list; its strings match one by one [AP-74].
    List(Vec<Self>),
    /// An object; reached by nested keys only [AP-75].
    Map(Claims),
    /// `null`
    Null,
    /// A number; matches no policy value [AP-74].
    Number(f64),
    /// A string.
    String(String),
}

/// The claims of a token by name.
pub type Claims = BTreeMap<String, Claim>;

/// How a stated token is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Defect {
    /// The signature is not of the claims.
    BadSignature,
    /// `exp` has passed.
    Expired,
    /// Not three parts of base64url.
    Malformed,
    /// `nbf` has not come.
    NotYet,
    /// Signed with a key that is not in the key set.
    WrongKey,
}

/// A token of which the person states what it holds and whether it is good: nothing is verified.
#[derive(Clone, Debug, PartialEq)]
pub struct StatedToken {
    /// The text that stands for the token in the request.
    pub text: String,
    /// What it claims.
    pub claims: Claims,
    /// How it is bad; absent for a good one.
    pub defect: Option<Defect>,
}

/// What reading a token gave.
#[derive(Clone, Debug, PartialEq)]
pub enum TokenReading {
    /// Not a token: wrong number of parts, not base64url, not JSON, a claim of the wrong type.
    Malformed(String),
    /// Its claims, and whether the asked key set signed it.
    Read {
        /// The claims.
        claims: Claims,
        /// The signature.
        signature: Signature,
    },
    /// It could not be read here at all, with the reason.
    Unread(String),
}

/// Whether a key set signed a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signature {
    /// No key of the set did, with the reason.
    Bad(String),
    /// One did.
    Good,
    /// It cannot be known here, with the reason.
    Unknown(String),
}

/// Reads tokens and verifies their signatures. The engine by itself reads only stated tokens;
/// the `jwt` feature brings a reader of real ones.
pub trait TokenReader: std::fmt::Debug + Send + Sync {
    /// Reads `token` and checks it against a key set (`jwks`, as JSON text) where one is known.
    fn read(&self, token: &str, jwks: Option<&str>) -> TokenReading;
}
