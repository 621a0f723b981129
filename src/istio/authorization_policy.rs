//! AuthorizationPolicy as written.

use super::{Meta, PolicyTarget};
use crate::diagnostic::{Position, Sourced};

/// `action`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Admit what matches; refuse the rest.
    Allow,
    /// Log what matches.
    Audit,
    /// Ask an external authorizer about what matches.
    Custom,
    /// Refuse what matches.
    Deny,
}

impl Action {
    /// As a policy writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "ALLOW",
            Self::Audit => "AUDIT",
            Self::Custom => "CUSTOM",
            Self::Deny => "DENY",
        }
    }
}

/// An AuthorizationPolicy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationPolicy {
    /// Its metadata.
    pub meta: Meta,
    /// What it is about.
    pub target: PolicyTarget,
    /// `action`; `ALLOW` where none is written [SEL-20].
    pub action: Action,
    /// Where `action` is written; the policy itself where it is not.
    pub action_position: Position,
    /// `provider`: its name, empty where none is written in it. Absent where there is no `provider`.
    pub provider: Option<Sourced<String>>,
    /// `rules`; absent where none are written, an empty list being none. A null entry is kept, so that
    /// it can be refused.
    pub rules: Option<Vec<Option<Rule>>>,
}

/// One entry of `rules`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Where it is written.
    pub position: Position,
    /// `from`: any of them. Absent where none is written, an empty list being none: any source.
    pub from: Option<Vec<Terms<SourceField>>>,
    /// `to`: any of them. Absent where none is written, an empty list being none: any operation.
    pub to: Option<Vec<Terms<OperationField>>>,
    /// `when`: all of them.
    pub when: Vec<Condition>,
}

/// One `source` or one `operation`: all of its fields must hold. No field at all holds always.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms<F> {
    /// Where it is written.
    pub position: Position,
    /// Whether `source:` or `operation:` is there at all; Istio refuses an entry without.
    pub present: bool,
    /// The fields that are written with at least one value, in the order of the API.
    pub fields: Vec<Field<F>>,
    /// The fields that are written with an empty list, plain or in their `notX` form. They hold always;
    /// only the API server's schema counts them as set.
    pub empty: Vec<(F, bool)>,
}

/// One field with its values: any of the values; for `notX`, none of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field<F> {
    /// Which field.
    pub field: F,
    /// Whether it is the `notX` form.
    pub negated: bool,
    /// Where the field's list is written.
    pub position: Position,
    /// The values; never empty.
    pub values: Vec<Sourced<String>>,
}

/// One entry of `when`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Where it is written.
    pub position: Position,
    /// `key`; empty, and at the place of the entry, where none is written.
    pub key: Sourced<String>,
    /// `values`: any of them; empty and absent are the same.
    pub values: Vec<Sourced<String>>,
    /// `notValues`: none of them; empty and absent are the same.
    pub not_values: Vec<Sourced<String>>,
}

/// Declares the fields of `source` or `operation` with the two names of each.
macro_rules! fields {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $plain:literal, $not:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// Every field, in the order of the API.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The field as a policy writes it, plain or in its `notX` form.
            #[must_use]
            pub const fn name(self, negated: bool) -> &'static str {
                match (self, negated) {
                    $((Self::$variant, false) => $plain, (Self::$variant, true) => $not,)*
                }
            }
        }
    };
}

fields! {
    /// The fields of `from[].source`.
    SourceField {
        /// Names of the peer's certificate, without scheme.
        Principals = "principals", "notPrincipals";
        /// `issuer/subject` of the token.
        RequestPrincipals = "requestPrincipals", "notRequestPrincipals";
        /// Namespaces in the names of the peer's certificate.
        Namespaces = "namespaces", "notNamespaces";
        /// The address of the connection.
        IpBlocks = "ipBlocks", "notIpBlocks";
        /// The address of the client, by X-Forwarded-For or proxy protocol.
        RemoteIpBlocks = "remoteIpBlocks", "notRemoteIpBlocks";
        /// `account` or `namespace/account`.
        ServiceAccounts = "serviceAccounts", "notServiceAccounts";
        /// Trust domains in the names of the peer's certificate.
        TrustDomains = "trustDomains", "notTrustDomains";
    }
}

fields! {
    /// The fields of `to[].operation`.
    OperationField {
        /// The authority, with its port.
        Hosts = "hosts", "notHosts";
        /// The port of the workload.
        Ports = "ports", "notPorts";
        /// The HTTP method.
        Methods = "methods", "notMethods";
        /// The path without query.
        Paths = "paths", "notPaths";
    }
}
