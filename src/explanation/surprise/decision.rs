//! What is surprising about the answer as a whole: the order of the stages, byte streams, policies without rules.

use super::{Surprise, not_on_tcp, rule_name};
use crate::decide::{Because, Truth, Verdict};
use crate::explanation::Explanation;
use crate::istio::Action;
use crate::mesh::{Clause, Condition, Mesh, Part, Rule, RuleRef};
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
        Because::Transport(_) => port_of_the_service(mesh, request, told),
        Because::AllowRule(_)
        | Because::NothingDenies
        | Because::NoPolicy
        | Because::NoProxy(_)
        | Because::CustomMisconfigured { .. }
        | Because::Http(_)
        | Because::Unknown(_) => {}
    }
    if explanation.decision.verdict == Verdict::Allow {
        allowed(mesh, request, explanation, told);
    }
}

/// Why a person may have thought that it is refused.
fn allowed(mesh: &Mesh, request: &Request, explanation: &Explanation, told: &mut Vec<Surprise>) {
    if let Because::AllowRule(rule) = explanation.decision.because {
        told.extend(one_rule_of_two(mesh, explanation, rule));
    }
    told.extend(dry_run_alone(mesh, request));
    told.extend(no_token_required(mesh, request, explanation));
    if request.tls.is_none() {
        port_of_the_service(mesh, request, told);
    }
}

/// "A rule matches if any of its sources, any of its operations and all of its conditions do" [AP-10]: a dash too many
/// makes two rules of one, and any one of them is enough.
fn one_rule_of_two(mesh: &Mesh, explanation: &Explanation, place: RuleRef) -> Option<Surprise> {
    let (policy, matched) = mesh.rule(place)?;
    let parts = |rule: &Rule| {
        let has = [!rule.sources.is_empty(), !rule.operations.is_empty(), !rule.when.is_empty()];
        has.iter()
            .zip(["from", "to", "when"])
            .filter(|(has, _)| **has)
            .map(|(_, part)| part)
            .collect::<Vec<_>>()
    };
    let own = parts(matched);
    // The neighbour has only what this rule has not, as the rest of a rule has that was cut in two.
    let beside = |other: &&Rule| {
        let other_parts = parts(other);
        other.index.abs_diff(matched.index) == 1
            && !other_parts.is_empty()
            && other_parts.iter().all(|part| !own.contains(part))
    };
    let other = policy.rules.iter().filter(beside).find(|other| {
        let position = policy
            .rules
            .iter()
            .position(|rule| rule.index == other.index);
        let place = position.map(|rule| RuleRef { policy: place.policy, rule });
        let said = place.and_then(|place| explanation.trace.rule(place));
        said.is_some_and(|said| said.truth == Truth::No)
    })?;
    if own.is_empty() {
        return None;
    }
    let text = format!(
        "each dash below `rules` begins a rule of its own, and one that matches is enough: rule {} has `{}` alone, so \
         that `{}` of rule {} need not hold",
        matched.index,
        own.join("` and `"),
        parts(other).join("` and `"),
        other.index
    );
    Some(Surprise::new("one-rule-is-enough", "AP-10", text))
}

/// "A RequestAuthentication asks for no token by itself: a policy must" [JWT-50]
fn no_token_required(
    mesh: &Mesh,
    request: &Request,
    explanation: &Explanation,
) -> Option<Surprise> {
    let nobody_asks =
        matches!(explanation.decision.because, Because::NoPolicy | Because::NothingDenies);
    let seen = explanation.trace.seen.as_ref()?;
    let enforcement = mesh.enforcement(request.workload)?;
    let issued = !enforcement.tokens.is_empty() && seen.http.is_some();
    (nobody_asks && issued && seen.claims.is_none()).then(|| {
        let text = "a RequestAuthentication alone requires no token: only a bad one is turned away; to require one write \
                    an AuthorizationPolicy with `requestPrincipals`"
            .to_owned();
        Surprise::new("no-token-is-required", "JWT-50", text)
    })
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
    let gone = explanation.near_misses.iter().find_map(|near| {
        let field = not_on_tcp(near.gone.as_ref())?;
        // Else it would not help, were it there.
        let missed = mesh.would_match_without_http_fields(request, near.rule) != Truth::No;
        missed.then_some((near.rule, field))
    });
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

/// The HTTP field without which a rule would not have matched on TCP: one of `when`, or of `from` or `to` where every
/// alternative that holds has lost one.
fn lost_on_tcp<'r>(
    explanation: &Explanation,
    place: RuleRef,
    rule: &'r Rule,
) -> Option<&'r Condition> {
    let lost = |conditions: &'r [Condition]| {
        conditions
            .iter()
            .find(|condition| condition.attribute.is_http_only())
    };
    let trace = &explanation.trace;
    let told = trace.rule(place).map(|told| trace.conditions(told));
    let holds = |part: Part| {
        let told = told.into_iter().flatten();
        told.filter(|(place, _)| place.part == part)
            .all(|(_, truth)| *truth != Truth::No)
    };
    let of = |clauses: &'r [Clause], part: fn(usize) -> Part| {
        let holding = clauses
            .iter()
            .enumerate()
            .filter(|(index, _)| holds(part(*index)));
        let lost: Vec<Option<&'r Condition>> = holding
            .map(|(_, clause)| lost(&clause.conditions))
            .collect();
        lost.into_iter().min_by_key(Option::is_some).flatten()
    };
    of(&rule.sources, Part::From)
        .or_else(|| of(&rule.operations, Part::To))
        .or_else(|| lost(&rule.when))
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
    let lost = over_tcp.then(|| lost_on_tcp(explanation, rule, compiled));
    if let Some(condition) = lost.flatten() {
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

/// Ports of the workload's own setting that a Service's port was taken for [PA-4].
fn port_of_the_service(mesh: &Mesh, request: &Request, told: &mut Vec<Surprise>) {
    let Some(enforcement) = mesh.enforcement(request.workload) else { return };
    let decided = enforcement.mtls.of_port(request.port);
    let service_port = mesh.inventory.services.iter().find_map(|service| {
        let (port, _) = service.ports.iter().find(|(port, backends)| {
            let leads_here = backends.iter().any(|backend| {
                backend.workload == request.workload
                    && service.dialled(**port, *backend) == request.port
            });
            let entry = enforcement.mtls.ports.get(port);
            let differs = entry.is_some_and(|entry| entry.mode != decided.mode);
            leads_here && differs
        })?;
        Some((service, *port))
    });
    if let Some((service, port)) = service_port {
        let text = format!(
            "`portLevelMtls` names the workload's own ports: its entry {port} is the port of Service {}.{}, which \
             arrives at port {}; there the mode is {}",
            service.name,
            service.namespace,
            request.port,
            decided.mode.as_str()
        );
        told.push(Surprise::new("port-level-mtls-of-the-service", "PA-4", text));
    }
}

/// An ALLOW policy that is a dry run keeps nobody out [SEL-30].
fn dry_run_alone(mesh: &Mesh, request: &Request) -> Option<Surprise> {
    let enforcement = mesh.enforcement(request.workload)?;
    let alone =
        enforcement.allow.policies.is_empty() && !enforcement.shadow_allow.policies.is_empty();
    alone.then(|| {
        let text = "the ALLOW policies here are dry runs: they keep nobody out, and without an enforced one everything \
                    is admitted"
            .to_owned();
        Surprise::new("dry-run-allow-alone", "SEL-30", text)
    })
}
