//! Two resources → whether they say the same, wherever it is written.

use super::Mutant;
use crate::diagnostic::{Position, Sourced};
use crate::istio::{
    AuthorizationPolicy, JwtRule, PeerAuthentication, PolicyTarget, PolicyTargetReference,
    RequestAuthentication, Resource, Rule, Terms, WorkloadSelector,
};
use crate::parse::{self, Loaded};
use crate::suite::{self, is_suite_file};

/// Whether two resources say the same.
#[must_use]
pub fn same(one: &Resource, other: &Resource) -> bool {
    nowhere(one) == nowhere(other)
}

/// What a changed text says of a mutant's resource: nothing, the resource, or, behind the inner absence, that it is
/// gone.
#[must_use]
pub fn resource_in(text: &str, mutant: &Mutant) -> Option<Option<Resource>> {
    let file = mutant.origin.file.as_ref();
    let mut resources = Vec::new();
    if is_suite_file(file) {
        let suites = suite::read(file, text, &mut Vec::new());
        resources.extend(
            suites
                .into_iter()
                .flat_map(|suite| suite.policies.resources),
        );
    } else {
        let mut loaded = Loaded::default();
        parse::resources(file, text, "default", &mut loaded);
        resources = loaded.resources;
    }
    // A change within a resource moves what stands behind its beginning only.
    let there = resources.into_iter().find(|resource| {
        resource.meta().origin.position == mutant.origin.position && resource.kind() == mutant.kind
    });
    match (&mutant.resource, there) {
        (Some(_), there) => there.map(Some),
        (None, Some(there)) if there.meta().id() == mutant.id => None,
        (None, _) => Some(None),
    }
}

/// The resource, all of it written at the beginning.
fn nowhere(resource: &Resource) -> Resource {
    let mut resource = resource.clone();
    match &mut resource {
        Resource::AuthorizationPolicy(policy) => self::policy(policy),
        Resource::PeerAuthentication(policy) => peer(policy),
        Resource::RequestAuthentication(policy) => tokens(policy),
        Resource::Namespace(_)
        | Resource::ServiceAccount(_)
        | Resource::Service(_)
        | Resource::Workload(_)
        | Resource::MeshConfig(..)
        | Resource::Later { .. } => {}
    }
    resource
}

const START: Position = Position::START;

fn texts<'s, T: 's>(texts: impl IntoIterator<Item = &'s mut Sourced<T>>) {
    for text in texts {
        text.position = START;
    }
}

fn policy(policy: &mut AuthorizationPolicy) {
    policy.meta.origin.position = START;
    policy.action_position = START;
    target(&mut policy.target);
    texts(&mut policy.provider);
    for rule in policy.rules.iter_mut().flatten().flatten() {
        self::rule(rule);
    }
}

fn rule(rule: &mut Rule) {
    rule.position = START;
    rule.from.iter_mut().flatten().for_each(terms);
    rule.to.iter_mut().flatten().for_each(terms);
    for condition in &mut rule.when {
        condition.position = START;
        texts([&mut condition.key]);
        texts(condition.values.iter_mut().chain(&mut condition.not_values));
    }
}

fn terms<F: Ord>(terms: &mut Terms<F>) {
    terms.position = START;
    for field in &mut terms.fields {
        field.position = START;
        texts(&mut field.values);
    }
    // They are read in the order of the API, the negated form second.
    terms
        .fields
        .sort_by(|a, b| (&a.field, a.negated).cmp(&(&b.field, b.negated)));
}

fn target(target: &mut PolicyTarget) {
    target.selector.iter_mut().for_each(selector);
    target
        .target_ref
        .iter_mut()
        .chain(&mut target.target_refs)
        .for_each(reference);
    target.empty_target_refs = target.empty_target_refs.map(|_| START);
}

fn selector(selector: &mut WorkloadSelector) {
    selector.position = START;
    for position in selector.label_positions.values_mut() {
        *position = START;
    }
}

fn reference(reference: &mut PolicyTargetReference) {
    reference.position = START;
    texts([&mut reference.group, &mut reference.kind, &mut reference.name]);
    texts(&mut reference.namespace);
}

fn peer(policy: &mut PeerAuthentication) {
    policy.meta.origin.position = START;
    policy.port_level_position = START;
    policy.selector.iter_mut().for_each(selector);
    texts(&mut policy.mode);
    for (port, mode) in policy.port_level.iter_mut().flatten() {
        port.position = START;
        mode.position = START;
    }
}

fn tokens(policy: &mut RequestAuthentication) {
    policy.meta.origin.position = START;
    target(&mut policy.target);
    policy.rules.iter_mut().for_each(jwt_rule);
}

fn jwt_rule(rule: &mut JwtRule) {
    rule.position = START;
    rule.issuer_position = rule.issuer_position.map(|_| START);
    texts(&mut rule.audiences);
    texts(
        rule.jwks_uri
            .iter_mut()
            .chain(&mut rule.jwks)
            .chain(&mut rule.timeout),
    );
    texts(rule.from_params.iter_mut().chain(&mut rule.from_cookies));
    texts(&mut rule.space_delimited_claims);
    texts(&mut rule.presence);
    for header in &mut rule.from_headers {
        header.position = START;
        texts(&mut header.name);
    }
    for claim in &mut rule.output_claim_to_headers {
        claim.position = START;
        texts(claim.header.iter_mut().chain(&mut claim.claim));
    }
}
