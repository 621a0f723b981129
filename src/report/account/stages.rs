//! An explanation → what every stage that was reached said.

use std::collections::BTreeSet;

use super::{StageAccount, gone, list};
use crate::decide::{Stage, Truth, Verdict};
use crate::diagnostic::Origin;
use crate::explanation::{Explanation, Seen};
use crate::mesh::{DecidedMode, Enforcement, Mesh, RuleRef, RuleSet};
use crate::request::{Claim, Payload, Request};

/// What every stage that was reached said.
pub(super) fn stages(
    mesh: &Mesh,
    request: &Request,
    explanation: &Explanation,
) -> Vec<StageAccount> {
    let Some(enforcement) = mesh.enforcement(request.workload) else { return Vec::new() };
    let teller = Teller { mesh, request, explanation, enforcement };
    let mut told = Vec::new();
    for stage in &explanation.trace.stages {
        told.extend(teller.stage(*stage));
        if *stage == Stage::Audit {
            told.extend(teller.dry_runs());
        }
        if explanation.decision.stage() == Some(*stage)
            && explanation.decision.verdict != Verdict::Allow
        {
            break;
        }
    }
    told
}

struct Teller<'t> {
    mesh: &'t Mesh,
    request: &'t Request,
    explanation: &'t Explanation,
    enforcement: &'t Enforcement,
}

impl Teller<'_> {
    fn stage(&self, stage: Stage) -> Option<StageAccount> {
        let account = |said: &str, details| {
            Some(StageAccount { stage, dry_run: false, said: said.to_owned(), details })
        };
        let refused = self.explanation.decision.stage() == Some(stage)
            && self.explanation.decision.verdict != Verdict::Allow;
        match stage {
            Stage::Transport => {
                account(if refused { "refused" } else { "let in" }, self.transport())
            }
            Stage::Http => account(if refused { "refused" } else { "read" }, self.http()),
            Stage::Jwt => {
                if self.enforcement.tokens.is_empty() {
                    return None;
                }
                account(self.tokens_said(refused), self.tokens())
            }
            Stage::Custom => {
                let sets: Vec<&RuleSet> = std::iter::once(&self.enforcement.custom_dry_run)
                    .chain(self.enforcement.custom.values().map(|custom| &custom.rules))
                    .collect();
                self.rules(stage, false, &sets, refused)
            }
            Stage::Audit => self.rules(stage, false, &[&self.enforcement.audit], refused),
            Stage::Deny => self.rules(stage, false, &[&self.enforcement.deny], refused),
            Stage::Allow => self.rules(stage, false, &[&self.enforcement.allow], refused),
            Stage::Route => None,
        }
    }

    fn dry_runs(&self) -> Vec<StageAccount> {
        let sets = [
            (Stage::Deny, &self.enforcement.shadow_deny),
            (Stage::Allow, &self.enforcement.shadow_allow),
        ];
        sets.into_iter()
            .filter_map(|(stage, set)| self.rules(stage, true, &[set], false))
            .collect()
    }

    fn transport(&self) -> Vec<String> {
        let peer = match self.explanation.trace.before_tokens.as_ref() {
            Some(Seen { names: Some(names), .. }) => {
                let name = names.first().map_or("", String::as_str);
                format!(
                    "mutual TLS, the peer is `{}`",
                    name.strip_prefix("spiffe://").unwrap_or(name)
                )
            }
            _ if self.request.tls.is_some() => {
                "TLS without a verified client certificate: no identity".to_owned()
            }
            _ => "plaintext: no identity".to_owned(),
        };
        let DecidedMode { mode, by } = self.enforcement.mtls.of_port(self.request.port);
        let mode = match by {
            Some((policy, origin)) => format!("{} by `{policy}` ({origin})", mode.as_str()),
            None => format!("{}, as no PeerAuthentication says otherwise", mode.as_str()),
        };
        vec![peer, mode]
    }

    fn http(&self) -> Vec<String> {
        let (Payload::Http(http), Some(seen)) =
            (&self.request.payload, self.explanation.trace.before_tokens.as_ref())
        else {
            return Vec::new();
        };
        let Some(received) = &seen.http else { return Vec::new() };
        let mut details = Vec::new();
        let path = received.path.path_and_query();
        if path != http.target {
            details.push(format!("the path `{}` is seen as `{path}`", http.target));
        }
        if let (Some(source), Some(remote)) = (seen.source_ip, seen.remote_ip)
            && source != remote
        {
            details.push(format!("the client's address is {remote}, the connection's {source}"));
        }
        details
    }

    const fn tokens_said(&self, refused: bool) -> &'static str {
        match &self.explanation.trace.seen {
            _ if refused => "refused",
            Some(Seen { claims: Some(_), .. }) => "verified",
            _ => "no token",
        }
    }

    fn tokens(&self) -> Vec<String> {
        let mut details = Vec::new();
        if let Some(claims) = self
            .explanation
            .trace
            .seen
            .as_ref()
            .and_then(|seen| seen.claims.as_ref())
        {
            let text = |name: &str| match claims.get(name) {
                Some(Claim::String(text)) => format!("`{text}`"),
                _ => "none".to_owned(),
            };
            details.push(format!(
                "the token's `iss` is {}, its `sub` is {}",
                text("iss"),
                text("sub")
            ));
        }
        let providers = self.enforcement.tokens.iter();
        details.extend(providers.take(4).map(|provider| {
            format!(
                "`{}` takes tokens of `{}` ({})",
                provider.policy, provider.issuer, provider.origin
            )
        }));
        details
    }

    /// The policies of a stage and how each of their rules went.
    fn rules(
        &self,
        stage: Stage,
        dry_run: bool,
        sets: &[&RuleSet],
        refused: bool,
    ) -> Option<StageAccount> {
        const SHOWN: usize = 8;
        let policies: Vec<usize> = sets.iter().flat_map(|set| &set.policies).copied().collect();
        if policies.is_empty() {
            return None;
        }
        let rules: BTreeSet<RuleRef> = sets.iter().flat_map(|set| &set.rules).copied().collect();
        let trace = &self.explanation.trace;
        let traced: Vec<_> = trace
            .rules
            .iter()
            .filter(|rule| rules.contains(&rule.rule))
            .collect();
        let matched = traced.iter().any(|rule| rule.truth == Truth::Yes);
        let may = traced.iter().any(|rule| rule.truth == Truth::Unknown);
        let said = match (stage, refused, matched) {
            (Stage::Deny, _, true) if dry_run => "would deny",
            (Stage::Allow, _, true) if dry_run => "would allow",
            (Stage::Allow, _, false) if dry_run && !may => "would deny",
            (_, true, _) => "denied",
            (Stage::Allow, _, true) => "allowed",
            (Stage::Custom, _, true) => "asked, and let through",
            (Stage::Audit, _, true) => "audited",
            _ if may => "cannot be told",
            _ => "no match",
        };
        let mut details: Vec<String> = policies
            .iter()
            .filter_map(|index| self.mesh.policies.get(*index))
            .filter(|policy| policy.rules.is_empty())
            .map(|policy| format!("`{}` has no rules ({})", policy.id(), policy.origin))
            .collect();
        details.extend(traced.iter().take(SHOWN).filter_map(|traced| {
            let (policy, rule) = self.mesh.rule(traced.rule)?;
            let origin = Origin::new(&policy.origin.file, rule.position);
            let how = match traced.truth {
                Truth::Yes => "matches".to_owned(),
                Truth::Unknown => "depends on something not known here".to_owned(),
                Truth::No => self.failing(traced.rule),
            };
            Some(format!("`{}` rule {}: {how} ({origin})", policy.id(), rule.index))
        }));
        if let Some(more) = traced.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            details.push(format!("and {more} more rules"));
        }
        Some(StageAccount { stage, dry_run, said: said.to_owned(), details })
    }

    fn failing(&self, rule: RuleRef) -> String {
        let near = self.explanation.near_miss(self.mesh, rule);
        let Some(near) = near else { return "no match".to_owned() };
        if let Some(why) = &near.gone {
            return gone(why);
        }
        let fields = near
            .misses
            .iter()
            .filter_map(|place| self.mesh.condition(*place));
        let names: Vec<&str> = fields.map(|condition| condition.field.as_str()).collect();
        format!("fails on {}", list(&names, "and"))
    }
}
