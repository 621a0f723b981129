//! A policy as written → what the API server or Istio's webhook refuses or warns about.
//!
//! Every message ends with the number of its rule. `[CRD]` stands for a bound of the schema that has no
//! other number.

mod authorization_policy;
mod condition;
mod jwks;
mod jwks_uri;
mod peer_authentication;
mod request_authentication;
mod selector;
mod values;

use std::sync::Arc;

pub use self::jwks_uri::{JwksUri, JwksUriError};
use crate::diagnostic::{Code, Diagnostic, FieldPath, Position};
use crate::istio::{Meta, Resource};

/// Who refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refuser {
    /// The API server, by the schema or a CEL rule of the custom resource.
    ApiServer,
    /// Each of them would, if the other did not.
    Both,
    /// Istio's validating webhook.
    Webhook,
}

impl Refuser {
    /// Whether the API server refuses.
    #[must_use]
    pub const fn is_api_server(self) -> bool {
        matches!(self, Self::ApiServer | Self::Both)
    }

    /// Whether the webhook refuses.
    #[must_use]
    pub const fn is_webhook(self) -> bool {
        matches!(self, Self::Webhook | Self::Both)
    }
}

/// One refusal, or one warning of the webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Who refuses or warns.
    pub refuser: Refuser,
    /// What is wrong: an error ([`Code::Refused`]) or a warning ([`Code::WouldWarn`]).
    pub finding: Diagnostic,
}

/// What the API server or Istio's webhook refuses or warns about, in the order of the text. A kind that
/// is no policy is not looked at.
#[must_use]
pub fn refusals(resource: &Resource) -> Vec<Diagnostic> {
    let refusals = refusals_by_refuser(resource).into_iter();
    refusals.map(|refusal| refusal.finding).collect()
}

/// As [`refusals`], and who it is.
#[must_use]
pub fn refusals_by_refuser(resource: &Resource) -> Vec<Refusal> {
    let mut judge = Judge { file: &resource.meta().origin.file, refusals: Vec::new() };
    match resource {
        Resource::AuthorizationPolicy(policy) => authorization_policy::judge(policy, &mut judge),
        Resource::PeerAuthentication(policy) => peer_authentication::judge(policy, &mut judge),
        Resource::RequestAuthentication(policy) => {
            request_authentication::judge(policy, &mut judge);
        }
        Resource::Later { .. }
        | Resource::MeshConfig(..)
        | Resource::Namespace(_)
        | Resource::Service(_)
        | Resource::ServiceAccount(_)
        | Resource::Workload(_) => {}
    }
    let mut refusals = judge.refusals;
    refusals.sort_by(|a, b| a.finding.origin.cmp(&b.finding.origin));
    refusals
}

/// Whether an inline key set holds a private or a symmetric key; no for a text that is no key set [VAL-57].
#[must_use]
pub fn gives_a_secret_away(jwks: &str) -> bool {
    jwks::has_secret(jwks).unwrap_or(false)
}

/// The annotation that makes an AuthorizationPolicy log what it would do.
const DRY_RUN: &str = "istio.io/dry-run";

/// Collects the refusals of one resource.
struct Judge<'r> {
    file: &'r Arc<str>,
    refusals: Vec<Refusal>,
}

impl Judge<'_> {
    fn refuse(
        &mut self,
        refuser: Refuser,
        rule: &str,
        position: Position,
        path: &FieldPath,
        message: &str,
    ) {
        let finding = Diagnostic::error(Code::Refused, format!("{message} [{rule}]"))
            .at(self.file, position, path);
        self.refusals.push(Refusal { refuser, finding });
    }

    fn warn(&mut self, rule: &str, position: Position, path: &FieldPath, message: &str) {
        let finding = Diagnostic::warning(Code::WouldWarn, format!("{message} [{rule}]"))
            .at(self.file, position, path);
        self.refusals
            .push(Refusal { refuser: Refuser::Webhook, finding });
    }

    /// A bound of the schema on how many items a list or mapping has.
    fn at_most(&mut self, bound: usize, count: usize, position: Position, path: &FieldPath) {
        if count > bound {
            let message = format!("{count} entries where at most {bound} are taken");
            self.refuse(Refuser::ApiServer, "CRD", position, path, &message);
        }
    }

    /// Only an AuthorizationPolicy can be annotated as a dry run [SEL-30].
    fn no_dry_run(&mut self, meta: &Meta) {
        if meta.annotations.contains_key(DRY_RUN) {
            let message = format!("only an AuthorizationPolicy takes the annotation `{DRY_RUN}`");
            self.refuse_dry_run(meta, &message);
        }
    }

    fn refuse_dry_run(&mut self, meta: &Meta, message: &str) {
        let path = FieldPath::root().field("metadata").field("annotations");
        self.refuse(Refuser::Webhook, "SEL-30", meta.origin.position, &path, message);
    }
}

/// `spec`.
fn spec() -> FieldPath {
    FieldPath::root().field("spec")
}
