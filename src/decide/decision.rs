//! What was decided, and by what.

use super::Truth;
use crate::mesh::{Mesh, RuleRef};

/// The answer, one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The request reaches the program.
    Allow,
    /// Authorization refuses it: 403, or the connection is closed.
    Deny,
    /// The transport does not let it in: closed, or reset.
    Refused,
    /// The HTTP codec refuses the request itself: 400 and the like.
    Rejected,
    /// The token is bad: 401, or 403 for a wrong audience [OC-10].
    Unauthenticated,
    /// It cannot be decided offline.
    Unknown,
    /// No route, no endpoint.
    Unreachable,
}

impl Verdict {
    /// The word that suites write.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Refused => "refused",
            Self::Rejected => "rejected",
            Self::Unauthenticated => "unauthenticated",
            Self::Unknown => "unknown",
            Self::Unreachable => "unreachable",
        }
    }
}

/// Which part of the proxy settles a request, in the order they are asked [AP-1] [AP-2].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Whether there is a way.
    Route,
    /// Mutual TLS.
    Transport,
    /// The HTTP codec.
    Http,
    /// CUSTOM policies.
    Custom,
    /// `RequestAuthentications`.
    Jwt,
    /// AUDIT policies: they settle nothing.
    Audit,
    /// DENY policies.
    Deny,
    /// ALLOW policies.
    Allow,
}

impl Stage {
    /// The word that suites write.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Route => "route",
            Self::Transport => "transport",
            Self::Http => "http",
            Self::Custom => "custom",
            Self::Jwt => "jwt",
            Self::Audit => "audit",
            Self::Deny => "deny",
            Self::Allow => "allow",
        }
    }
}

/// Why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Because {
    /// This ALLOW rule matched, the first by id.
    AllowRule(RuleRef),
    /// There are policies, none of them ALLOW, and none refused.
    NothingDenies,
    /// No policy of any kind is about this workload.
    NoPolicy,
    /// No proxy stands before the workload, so nothing is enforced.
    NoProxy(String),
    /// This DENY rule matched, the first by id.
    DenyRule(RuleRef),
    /// ALLOW policies are about this workload, and none of their rules matched [AP-3].
    NothingAllows,
    /// An external authorizer said no, or could not be asked and does not fail open.
    Custom {
        /// The provider.
        provider: String,
        /// The rule that made the proxy ask.
        rule: RuleRef,
        /// What it said.
        answer: String,
    },
    /// istiod cannot use the provider, and the proxy denies what it would have been asked about [AP-110].
    CustomMisconfigured {
        /// The provider.
        provider: String,
        /// The rule that matched.
        rule: RuleRef,
        /// Why istiod cannot use it.
        reason: String,
    },
    /// A CUSTOM policy in dry run, which the proxy enforces as DENY [SEL-31].
    CustomDryRun {
        /// The provider.
        provider: String,
        /// The rule that matched.
        rule: RuleRef,
    },
    /// The token.
    Token(String),
    /// The connection.
    Transport(String),
    /// The request itself.
    Http(String),
    /// What is not known, each reason once.
    Unknown(Vec<String>),
}

/// What a dry run would have said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shadow {
    /// `Deny` or `Allow`.
    pub stage: Stage,
    /// Whether the request would have passed the stage, were its dry-run policies the enforced ones.
    pub passes: Truth,
    /// The rule that matched.
    pub rule: Option<RuleRef>,
}

/// The answer to one request.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The answer.
    pub verdict: Verdict,
    /// The HTTP status that the client sees; absent on TCP, for a closed connection and where it is not known.
    pub status: Option<u16>,
    /// Why.
    pub because: Because,
    /// What the dry-run policies would have said, where there are any.
    pub shadow: Vec<Shadow>,
}

impl Decision {
    pub(super) const fn new(verdict: Verdict, status: Option<u16>, because: Because) -> Self {
        Self { verdict, status, because, shadow: Vec::new() }
    }

    pub(super) fn unknown(reasons: Vec<String>) -> Self {
        Self::new(Verdict::Unknown, None, Because::Unknown(reasons))
    }

    /// The stage that settled it; absent where nothing is enforced or nothing is known.
    #[must_use]
    pub const fn stage(&self) -> Option<Stage> {
        match &self.because {
            Because::AllowRule(_) | Because::NothingAllows => Some(Stage::Allow),
            Because::DenyRule(_) => Some(Stage::Deny),
            Because::Custom { .. }
            | Because::CustomMisconfigured { .. }
            | Because::CustomDryRun { .. } => Some(Stage::Custom),
            Because::Token(_) => Some(Stage::Jwt),
            Because::Transport(_) => Some(Stage::Transport),
            Because::Http(_) => Some(Stage::Http),
            Because::NothingDenies
            | Because::NoPolicy
            | Because::NoProxy(_)
            | Because::Unknown(_) => None,
        }
    }

    /// The rule that settled it.
    #[must_use]
    pub const fn rule(&self) -> Option<RuleRef> {
        match &self.because {
            Because::AllowRule(rule)
            | Because::DenyRule(rule)
            | Because::Custom { rule, .. }
            | Because::CustomMisconfigured { rule, .. }
            | Because::CustomDryRun { rule, .. } => Some(*rule),
            Because::NothingDenies
            | Because::NoPolicy
            | Because::NoProxy(_)
            | Because::NothingAllows
            | Because::Token(_)
            | Because::Transport(_)
            | Because::Http(_)
            | Because::Unknown(_) => None,
        }
    }

    /// The id that the proxy logs for a refusal: `ns[foo]-policy[p]-rule[0]`, or `none` [OC-5].
    #[must_use]
    pub fn envoy_policy_id(&self, mesh: &Mesh) -> Option<String> {
        let id = |rule: RuleRef| mesh.rule(rule).map(|(_, rule)| rule.id.clone());
        match &self.because {
            Because::DenyRule(rule) | Because::AllowRule(rule) => id(*rule),
            Because::NothingAllows => Some("none".to_owned()),
            Because::Custom { provider, rule, .. } | Because::CustomDryRun { provider, rule } => {
                id(*rule).map(|id| format!("istio-ext-authz-{provider}-{id}"))
            }
            // [OC-13]
            Because::CustomMisconfigured { provider, rule, .. } => id(*rule)
                .map(|id| format!("istio-ext-authz-{provider}-{id}-deny-due-to-bad-CUSTOM-action")),
            Because::NothingDenies
            | Because::NoPolicy
            | Because::NoProxy(_)
            | Because::Token(_)
            | Because::Transport(_)
            | Because::Http(_)
            | Because::Unknown(_) => None,
        }
    }
}
