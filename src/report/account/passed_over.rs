//! A workload → the policies that are not about it: why not, and what they would have done.

use super::PassedOverAccount;
use crate::decide::{Because, Decision, Truth, Verdict};
use crate::istio::Action;
use crate::mesh::{Attachment, Mesh, PassedOver, WhyPassedOver};
use crate::request::Request;

/// The policies that are not about the workload of a request.
pub(super) fn passed_over(
    mesh: &Mesh,
    request: &Request,
    decision: &Decision,
) -> Vec<PassedOverAccount> {
    let passed = mesh.passed_over(request.workload).into_iter();
    passed
        .map(|passed| PassedOverAccount {
            would: would(mesh, request, decision, &passed),
            kind: passed.kind,
            why: why_passed_over(&passed.why),
            policy: passed.policy,
            origin: passed.origin,
        })
        .collect()
}

/// Whether a person may have meant this policy to decide: it would have, were it about the workload.
fn would(
    mesh: &Mesh,
    request: &Request,
    decision: &Decision,
    passed: &PassedOver,
) -> Option<&'static str> {
    let index = mesh
        .policies
        .iter()
        .position(|policy| policy.origin == passed.origin)?;
    let policy = mesh.policies.get(index).filter(|policy| !policy.dry_run)?;
    let matters = match (policy.action, &decision.because) {
        (Action::Allow, Because::NothingAllows) => "would admit it",
        (Action::Deny, _) if decision.verdict == Verdict::Allow => "would refuse it",
        _ => return None,
    };
    // A policy of another namespace was hardly meant for this workload, unless it selects it by name.
    let meant = match &passed.why {
        WhyPassedOver::NotAttached(Attachment::OtherNamespace) => passed.selects_labels,
        WhyPassedOver::NotAttached(_)
        | WhyPassedOver::SelectorInRootNamespace
        | WhyPassedOver::OlderOne(_) => true,
    };
    (meant && mesh.would_match(request, index) == Truth::Yes).then_some(matters)
}

fn why_passed_over(why: &WhyPassedOver) -> String {
    match why {
        WhyPassedOver::SelectorInRootNamespace => {
            "a PeerAuthentication with a selector in the root namespace is ignored".to_owned()
        }
        WhyPassedOver::OlderOne(older) => format!("`{older}` of the same level is older, and counts alone"),
        WhyPassedOver::NotAttached(attachment) => match attachment {
            Attachment::OtherNamespace => "it is in another namespace".to_owned(),
            Attachment::LabelDiffers { label, wanted, found: Some(found) } => {
                format!("its selector wants the label `{label}: {wanted}`, the workload has `{label}: {found}`")
            }
            Attachment::LabelDiffers { label, wanted, found: None } => {
                format!("its selector wants the label `{label}: {wanted}`, the workload has no label `{label}`")
            }
            Attachment::TargetsSomethingElse => {
                "its targetRefs name something else; a policy with targetRefs is never about a sidecar".to_owned()
            }
            Attachment::WaypointNeedsTargetRefs => "a waypoint reads only policies with targetRefs".to_owned(),
            Attachment::SelectorOffAtGateways => {
                "selectors do not reach gateways of the Gateway API in this mesh".to_owned()
            }
            Attachment::OtherRevision(revision) => format!("it is bound to istiod's revision `{revision}`"),
            Attachment::Attached => "it counts".to_owned(),
        },
    }
}
