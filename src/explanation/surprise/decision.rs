//! What is surprising about the answer as a whole: the order of the stages, byte streams, policies without rules.

use super::{Surprise, not_on_tcp, rule_name};
use crate::decide::{Because, Truth, Verdict};
use crate::explanation::Explanation;
use crate::istio::Action;
use crate::mesh::{Mesh, RuleRef};
use crate::request::Request;

pub(super) fn surprises(
    mesh: &Mesh,
    request: &Request,
    explanation: &Explanation,
    told: &mut Vec<Surprise>,
) {
    match &explanation.decision.because {
        Because::NothingAllows => nothing_allows(mesh, request, explanation, told),
        Because::DenyRule(rule) => denied(mesh, request, explanation, *rule, told),
        Because::Token(_) => told.push(Surprise::new(
            "token-before-policies",
            "AP-1",
            "tokens are looked at before DENY and ALLOW: a bad token, or one of an issuer that no RequestAuthentication \
             names, is turned away even where no rule asks for one"
                .to_owned(),
        )),
        Because::Custom { .. } => told.push(Surprise::new(
            "authorizer-before-tokens",
            "AP-1",
            "the authorizer is asked before tokens are looked at and before DENY and ALLOW; its no is final".to_owned(),
        )),
        Because::CustomDryRun { .. } => told.push(Surprise::new(
            "dry-run-of-custom",
            "SEL-31",
            "a CUSTOM policy has no dry run: with the annotation the proxy denies what its rules match, and asks nobody"
                .to_owned(),
        )),
        Because::Transport(_) => transport(mesh, request, told),
        Because::AllowRule(_)
        | Because::NothingDenies
        | Because::NoPolicy
        | Because::NoProxy(_)
        | Because::CustomMisconfigured { .. }
        | Because::Http(_)
        | Because::Unknown(_) => {}
    }
    if explanation.decision.verdict == Verdict::Allow {
        dry_run_alone(mesh, request, told);
    }
}

fn nothing_allows(
    mesh: &Mesh,
    request: &Request,
    explanation: &Explanation,
    told: &mut Vec<Surprise>,
) {
    let allow = mesh
        .enforcement(request.workload)
        .map(|enforcement| &enforcement.allow);
    if allow.is_some_and(|allow| allow.rules.is_empty()) {
        let names = allow.into_iter().flat_map(|allow| &allow.policies);
        let names: Vec<String> = names
            .filter_map(|policy| mesh.policies.get(*policy))
            .map(|policy| format!("`{}`", policy.id()))
            .collect();
        let text = format!(
            "an ALLOW policy without rules admits nothing, and makes everything else denied: {}",
            names.join(", ")
        );
        told.push(Surprise::new("allow-without-rules", "AP-13", text));
    }
    let gone = explanation
        .near_misses
        .iter()
        .find_map(|near| Some((near.rule, not_on_tcp(near.gone.as_ref())?)));
    if let Some((rule, field)) = gone {
        let text = format!(
            "{}, so {} is not there: it uses `{field}`, which exists for HTTP only, and an ALLOW rule that has such a \
             field anywhere is left out as a whole",
            bytes(mesh, request),
            rule_name(mesh, rule)
        );
        told.push(Surprise::new("http-field-on-a-tcp-port", "L4-2", text));
    }
}

/// Why a port takes bytes.
fn bytes(mesh: &Mesh, request: &Request) -> String {
    let workload = mesh.workload(request.workload);
    let listener = workload.and_then(|workload| workload.listeners.get(&request.port));
    match listener {
        Some(listener) => {
            format!("port {} takes a byte stream ({})", request.port, listener.because)
        }
        None => format!("what came to port {} is a byte stream", request.port),
    }
}

fn denied(
    mesh: &Mesh,
    request: &Request,
    explanation: &Explanation,
    rule: RuleRef,
    told: &mut Vec<Surprise>,
) {
    let Some((policy, compiled)) = mesh.rule(rule) else { return };
    let over_tcp = explanation.seen().is_some_and(|seen| seen.http.is_none());
    let clauses = compiled.sources.iter().chain(&compiled.operations);
    let mut conditions = clauses
        .flat_map(|clause| &clause.conditions)
        .chain(&compiled.when);
    let http_only = conditions.find(|condition| condition.attribute.is_http_only());
    if let Some(condition) = http_only.filter(|_| over_tcp) {
        let text = format!(
            "{}, where `{}` does not exist: a DENY rule loses such a field and denies all that the rest of it matches",
            bytes(mesh, request),
            condition.field
        );
        told.push(Surprise::new("deny-widened-on-a-tcp-port", "L4-2", text));
    }
    let empty =
        compiled.sources.is_empty() && compiled.operations.is_empty() && compiled.when.is_empty();
    if empty {
        let text = format!(
            "{} is empty: it matches every request, and no ALLOW policy can take that back",
            rule_name(mesh, rule)
        );
        told.push(Surprise::new("empty-deny-rule", "AP-13", text));
    }
    let admitted = explanation.trace.matching().find(|matching| {
        let policy = mesh.policies.get(matching.rule.policy);
        let allows = policy.is_some_and(|policy| policy.action == Action::Allow && !policy.dry_run);
        matching.truth == Truth::Yes && allows
    });
    if let Some(admitted) = admitted.filter(|_| policy.action == Action::Deny) {
        let text = format!(
            "DENY is asked before ALLOW: {} matches too, and does not count",
            rule_name(mesh, admitted.rule)
        );
        told.push(Surprise::new("deny-before-allow", "AP-3", text));
    }
}

fn transport(mesh: &Mesh, request: &Request, told: &mut Vec<Surprise>) {
    let Some(enforcement) = mesh.enforcement(request.workload) else { return };
    // Ports of the workload's own setting that a Service's port was taken for [PA-4].
    let service_port = mesh.inventory.services.iter().find_map(|service| {
        let (port, _) = service.ports.iter().find(|(port, backends)| {
            let leads_here = backends.iter().any(|backend| {
                backend.workload == request.workload && backend.port == request.port
            });
            leads_here && **port != request.port && enforcement.mtls.ports.contains_key(port)
        })?;
        Some((service, *port))
    });
    if let Some((service, port)) = service_port {
        let text = format!(
            "`portLevelMtls` names the workload's own ports: its entry {port} is the port of Service {}.{}, which \
             arrives at port {}",
            service.name, service.namespace, request.port
        );
        told.push(Surprise::new("port-level-mtls-of-the-service", "PA-4", text));
    }
}

/// An ALLOW policy that is a dry run keeps nobody out [SEL-30].
fn dry_run_alone(mesh: &Mesh, request: &Request, told: &mut Vec<Surprise>) {
    let Some(enforcement) = mesh.enforcement(request.workload) else { return };
    if enforcement.allow.policies.is_empty() && !enforcement.shadow_allow.policies.is_empty() {
        let text = "the ALLOW policies here are dry runs: they keep nobody out, and without an enforced one everything \
                    is admitted"
            .to_owned();
        told.push(Surprise::new("dry-run-allow-alone", "SEL-30", text));
    }
}
