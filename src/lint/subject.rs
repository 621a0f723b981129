//! Resources and their mesh → what lints ask about: every written value with its path, and what every policy is about.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use super::finding::Finding;
use super::peer_authentication::{Reach, reaches};
use super::witness::{Aim, Search, Witness, samples};
use crate::decide::Verdict;
use crate::diagnostic::{FieldPath, Origin, Sourced};
use crate::explanation::Change;
use crate::istio::{
    Action, AuthorizationPolicy, Meta, PeerAuthentication, RequestAuthentication, Resource,
    WorkloadSelector,
};
use crate::mesh::{Attribute, Dataplane, Enforcement, Mesh, RuleRef, RuleSet, Workload};
use crate::request::Request;

/// What lints look at.
#[derive(Debug)]
pub struct Subject<'a> {
    /// Everything that was read.
    pub resources: Vec<&'a Resource>,
    /// The mesh that it makes; absent where it makes none. Then only what stands in one resource is looked at.
    pub mesh: Option<&'a Mesh>,
    policies: Vec<Written<'a>>,
    /// Where each PeerAuthentication counts.
    reaches: BTreeMap<&'a Origin, Reach<'a>>,
    /// The workloads of each namespace.
    by_namespace: BTreeMap<&'a str, Vec<usize>>,
    /// By what name a port of a workload is called: `httpbin.foo:80`.
    authorities: BTreeMap<(usize, u16), String>,
    /// How many values a request to each workload is compared with, at most.
    values: Vec<u64>,
    /// What may still be spent on this lint.
    left: Cell<u64>,
}

/// An AuthorizationPolicy as written, and what it is about.
#[derive(Debug)]
pub struct Written<'a> {
    /// The policy.
    pub policy: &'a AuthorizationPolicy,
    /// Its place in the mesh; absent where it is not there.
    pub compiled: Option<usize>,
    /// The workloads that are under it and have a proxy that enforces it.
    pub workloads: Vec<usize>,
    found: RefCell<BTreeMap<Aim, Option<Request>>>,
}

/// Which part of a rule a value stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The entry of `from`.
    From(usize),
    /// The entry of `to`.
    To(usize),
    /// The entry of `when`.
    When(usize),
}

/// One written value of a policy.
#[derive(Clone, Debug)]
pub struct Term<'a> {
    /// The rule, as counted in the text.
    pub rule: usize,
    /// Where in it.
    pub place: Place,
    /// What it reads.
    pub attribute: Attribute,
    /// The field, or the key of a condition.
    pub field: &'a str,
    /// Whether the value must not match.
    pub negated: bool,
    /// Its place in the list.
    pub index: usize,
    /// The value.
    pub value: &'a Sourced<String>,
}

impl Term<'_> {
    /// `spec.rules[0].to[1].operation.paths[2]`.
    #[must_use]
    pub fn path(&self) -> FieldPath {
        let rule = FieldPath::root()
            .field("spec")
            .field("rules")
            .item(self.rule);
        let list = match self.place {
            Place::From(at) => rule
                .field("from")
                .item(at)
                .field("source")
                .field(self.field),
            Place::To(at) => rule
                .field("to")
                .item(at)
                .field("operation")
                .field(self.field),
            Place::When(at) => {
                let values = if self.negated { "notValues" } else { "values" };
                rule.field("when").item(at).field(values)
            }
        };
        list.item(self.index)
    }

    /// The value.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.value.value
    }

    /// Whether a match of the value is what the policy acts on: a positive value.
    #[must_use]
    pub const fn is_positive(&self) -> bool {
        !self.negated
    }
}

impl<'a> Written<'a> {
    /// Every value that is written, in the order of the API. A condition with a key that nobody knows has none.
    pub fn terms(&self) -> impl Iterator<Item = Term<'a>> + use<'a> {
        terms(self.policy)
    }

    /// Whether it counts: it is there, and no dry run.
    #[must_use]
    pub fn enforces(&self, mesh: &Mesh) -> bool {
        let compiled = self.compiled.and_then(|index| mesh.policies.get(index));
        compiled.is_some_and(|policy| !policy.dry_run)
    }

    /// A finding about a value of it.
    pub(super) fn finding(&self, term: &Term<'_>, message: impl Into<String>) -> Finding {
        self.whole(message).value(term.value, term.path())
    }

    /// A finding about it.
    pub(super) fn whole(&self, message: impl Into<String>) -> Finding {
        Finding::of("AuthorizationPolicy", &self.policy.meta, message)
    }

    /// A finding about a rule of it.
    pub(super) fn of_rule(&self, rule: usize, message: impl Into<String>) -> Finding {
        let written = self
            .policy
            .rules
            .iter()
            .flatten()
            .nth(rule)
            .and_then(Option::as_ref);
        let position = written.map_or(self.policy.meta.origin.position, |rule| rule.position);
        let path = FieldPath::root().field("spec").field("rules").item(rule);
        self.whole(message).at(position, path)
    }

    /// The place of a written rule in the mesh.
    pub(super) fn rule(&self, mesh: &Mesh, rule: usize) -> Option<RuleRef> {
        let policy = self.compiled?;
        // They are in the order of the text.
        let rules = &mesh.policies.get(policy)?.rules;
        let at = rules
            .binary_search_by_key(&rule, |compiled| compiled.index)
            .ok()?;
        Some(RuleRef { policy, rule: at })
    }
}

/// Every value of a policy.
pub(super) fn terms(policy: &AuthorizationPolicy) -> impl Iterator<Item = Term<'_>> {
    let rules = policy.rules.iter().flatten().enumerate();
    rules
        .filter_map(|(index, rule)| Some((index, rule.as_ref()?)))
        .flat_map(|(index, rule)| {
            let mut terms = Vec::new();
            for (at, source) in rule.from.iter().flatten().enumerate() {
                for field in &source.fields {
                    terms.extend(
                        field
                            .values
                            .iter()
                            .enumerate()
                            .map(|(value_at, value)| Term {
                                rule: index,
                                place: Place::From(at),
                                attribute: field.field.into(),
                                field: field.field.name(field.negated),
                                negated: field.negated,
                                index: value_at,
                                value,
                            }),
                    );
                }
            }
            for (at, operation) in rule.to.iter().flatten().enumerate() {
                for field in &operation.fields {
                    terms.extend(
                        field
                            .values
                            .iter()
                            .enumerate()
                            .map(|(value_at, value)| Term {
                                rule: index,
                                place: Place::To(at),
                                attribute: field.field.into(),
                                field: field.field.name(field.negated),
                                negated: field.negated,
                                index: value_at,
                                value,
                            }),
                    );
                }
            }
            for (at, condition) in rule.when.iter().enumerate() {
                let Ok(attribute) = Attribute::parse(&condition.key.value) else { continue };
                for (negated, values) in [(false, &condition.values), (true, &condition.not_values)]
                {
                    terms.extend(values.iter().enumerate().map(|(value_at, value)| Term {
                        rule: index,
                        place: Place::When(at),
                        attribute: attribute.clone(),
                        field: &condition.key.value,
                        negated,
                        index: value_at,
                        value,
                    }));
                }
            }
            terms
        })
}

impl<'a> Subject<'a> {
    /// What stands in `resources`, and what `mesh`, made of the same, says of it.
    #[must_use]
    pub fn new(resources: &'a [Resource], mesh: Option<&'a Mesh>) -> Self {
        Self::of(resources.iter().collect(), mesh, None)
    }

    /// As [`Subject::new`], where only findings about `one` of the resources are wanted: others may be missing.
    #[must_use]
    pub fn about(
        one: &'a Resource,
        resources: impl IntoIterator<Item = &'a Resource>,
        mesh: &'a Mesh,
    ) -> Self {
        let only = matches!(one, Resource::AuthorizationPolicy(_)).then_some(&one.meta().origin);
        Self::of(resources.into_iter().collect(), Some(mesh), only)
    }

    /// With every AuthorizationPolicy, or the one that stands there.
    fn of(resources: Vec<&'a Resource>, mesh: Option<&'a Mesh>, only: Option<&'a Origin>) -> Self {
        let mut compiled: BTreeMap<&Origin, usize> = BTreeMap::new();
        let mut under: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        let mut authorities = BTreeMap::new();
        let mut by_namespace: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        let mut values = Vec::new();
        if let Some(mesh) = mesh {
            let of_policy: Vec<u64> = mesh
                .policies
                .iter()
                .map(|policy| values_of(policy))
                .collect();
            let policies = mesh.policies.iter().enumerate();
            compiled = policies
                .map(|(index, policy)| (&policy.origin, index))
                .collect();
            for (index, workload) in mesh.inventory.workloads.iter().enumerate() {
                by_namespace
                    .entry(&workload.namespace)
                    .or_default()
                    .push(index);
                let enforcement = mesh.enforcement(index).filter(|_| has_proxy(workload));
                let mut count = 1;
                for policy in enforcement.into_iter().flat_map(policies_of) {
                    under.entry(policy).or_default().insert(index);
                    count += of_policy.get(policy).copied().unwrap_or_default();
                }
                values.push(count);
            }
            for service in &mesh.inventory.services {
                for (port, backends) in &service.ports {
                    for backend in backends {
                        authorities
                            .entry((backend.workload, service.dialled(*port, *backend)))
                            .or_insert_with(|| {
                                format!("{}.{}:{port}", service.name, service.namespace)
                            });
                    }
                }
            }
        }
        let policies = resources.iter().filter_map(|resource| {
            let Resource::AuthorizationPolicy(policy) = *resource else { return None };
            if only.is_some_and(|only| *only != policy.meta.origin) {
                return None;
            }
            let compiled = compiled.get(&policy.meta.origin).copied();
            let workloads = compiled
                .and_then(|index| under.get(&index))
                .into_iter()
                .flatten();
            let workloads = workloads.copied().collect();
            Some(Written { policy, compiled, workloads, found: RefCell::default() })
        });
        let policies = policies.collect();
        let reaches = mesh
            .map(|mesh| reaches(mesh, &resources))
            .unwrap_or_default();
        let left = Cell::new(EFFORT);
        Self { resources, mesh, policies, reaches, by_namespace, authorities, values, left }
    }

    /// Every AuthorizationPolicy.
    #[must_use]
    pub fn policies(&self) -> &[Written<'a>] {
        &self.policies
    }

    /// Every PeerAuthentication.
    pub(super) fn peer_authentications(&self) -> impl Iterator<Item = &'a PeerAuthentication> {
        self.resources.iter().filter_map(|resource| {
            if let Resource::PeerAuthentication(policy) = *resource { Some(policy) } else { None }
        })
    }

    /// Where a PeerAuthentication counts; absent without a mesh.
    pub(super) fn reach(&self, policy: &PeerAuthentication) -> Option<&Reach<'a>> {
        self.reaches.get(&policy.meta.origin)
    }

    /// Every RequestAuthentication.
    pub(super) fn request_authentications(
        &self,
    ) -> impl Iterator<Item = &'a RequestAuthentication> {
        self.resources.iter().filter_map(|resource| {
            if let Resource::RequestAuthentication(policy) = *resource {
                Some(policy)
            } else {
                None
            }
        })
    }

    /// The policies of one action that are in force, and the mesh.
    pub(super) fn in_force(
        &self,
        action: Action,
    ) -> impl Iterator<Item = (&'a Mesh, &Written<'a>)> {
        let mesh = self.mesh;
        self.policies
            .iter()
            .filter(move |written| written.policy.action == action)
            .filter_map(move |written| Some((mesh?, written)))
            .filter(|(mesh, written)| written.enforces(mesh))
    }

    /// The workloads, with a proxy or without, that a selector in a namespace is about.
    pub(super) fn selected(
        &self,
        mesh: &'a Mesh,
        meta: &Meta,
        selector: Option<&WorkloadSelector>,
    ) -> Vec<usize> {
        let wanted = |at: &usize| {
            let labels = selector
                .into_iter()
                .flat_map(|selector| &selector.match_labels);
            mesh.workload(*at).is_some_and(|workload| {
                labels
                    .into_iter()
                    .all(|(label, value)| workload.labels.get(label) == Some(value))
            })
        };
        if mesh.settings.root_namespace == meta.namespace {
            return (0..mesh.inventory.workloads.len()).filter(wanted).collect();
        }
        let here = self.by_namespace.get(meta.namespace.as_str());
        here.into_iter().flatten().copied().filter(wanted).collect()
    }

    /// By what name a port of a workload is called.
    pub(super) fn authority(&self, mesh: &Mesh, workload: usize, port: u16) -> String {
        self.authorities
            .get(&(workload, port))
            .cloned()
            .unwrap_or_else(|| {
                let name = mesh
                    .workload(workload)
                    .map_or_else(String::new, Workload::full_name);
                format!("{name}:{port}")
            })
    }

    /// A request that a rule matches, by the source and the operation that the aim names; absent where none was found.
    pub(super) fn matching(&self, written: &Written<'_>, aim: Aim) -> Option<Request> {
        let mesh = self.mesh?;
        if let Some(found) = written.found.borrow().get(&aim) {
            return found.clone();
        }
        let found = written.rule(mesh, aim.rule).and_then(|rule| {
            let workloads = written.workloads.iter().take(WORKLOADS);
            workloads.copied().find_map(|workload| {
                let search = Search { subject: self, mesh, rule, aim: aim.clone() };
                search
                    .requests_to(workload)
                    .into_iter()
                    .find_map(|base| search.from(base))
            })
        });
        written.found.borrow_mut().insert(aim, found.clone());
        found
    }

    /// A request that a rule matches by one value, with the attribute's other values left aside; absent where none
    /// was found.
    pub(super) fn matching_value(&self, written: &Written<'_>, term: &Term<'_>) -> Option<Request> {
        let mesh = self.mesh?;
        let aim = Aim::of(term);
        let request = self.matching(written, aim.clone())?;
        let rule = written.rule(mesh, term.rule)?;
        let search = Search { subject: self, mesh, rule, aim };
        search.by_value(&request, term)
    }

    /// A request as decided; absent where too much was decided for one lint.
    pub(super) fn decided(&self, request: Request) -> Option<Witness> {
        self.affords(request.workload)?;
        Some(Witness::of(self.mesh?, self, request))
    }

    /// Begins a lint anew.
    pub(super) fn refresh(&self) {
        self.left.set(EFFORT);
    }

    /// Whether a lint left something out because it is too much.
    pub(super) fn is_exhausted(&self) -> bool {
        self.left.get() == 0
    }

    /// Spends what it takes to decide a request to a workload, if so much is left.
    pub(super) fn affords(&self, workload: usize) -> Option<()> {
        self.spend(self.values.get(workload).copied().unwrap_or(1))
    }

    /// Spends so many comparisons of a value, if so many are left; else nothing is.
    pub(super) fn spend(&self, values: u64) -> Option<()> {
        let left = self.left.get().checked_sub(values);
        self.left.set(left.unwrap_or_default());
        left.map(drop)
    }
}

/// Of a policy's workloads so many are tried.
const WORKLOADS: usize = 4;

/// So many comparisons of a value each lint may take: a second or less. Of n paths in one list each is tried, and each time
/// compared with all.
const EFFORT: u64 = 20_000_000;

/// At most so many comparisons of a value decide one request before a workload: one, and the values of every policy there.
#[must_use]
pub fn comparisons(mesh: &Mesh, workload: usize) -> u64 {
    let policies = mesh.enforcement(workload).into_iter().flat_map(policies_of);
    let values = policies.filter_map(|policy| Some(values_of(mesh.policies.get(policy)?)));
    values.fold(1, u64::saturating_add)
}

/// The values of a policy.
fn values_of(policy: &crate::mesh::Policy) -> u64 {
    let rules = policy.rules.iter();
    let conditions = rules.flat_map(|rule| {
        let clauses = rule.sources.iter().chain(&rule.operations);
        clauses
            .flat_map(|clause| &clause.conditions)
            .chain(&rule.when)
    });
    let count = conditions
        .map(|condition| condition.values.len() + 1)
        .sum::<usize>();
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// Whether something stands before a workload that enforces policies.
pub(super) const fn has_proxy(workload: &Workload) -> bool {
    matches!(workload.dataplane, Dataplane::Gateway | Dataplane::Sidecar)
}

/// A request that a change leads past a value that keeps requests out: of a DENY rule, or excepted from an ALLOW
/// rule. Beside it stands the request that is kept out.
pub(super) fn escapes(
    subject: &Subject<'_>,
    written: &Written<'_>,
    term: &Term<'_>,
    change: &Change,
) -> Option<Witness> {
    let (kept_out, other) = if term.negated {
        let matched = subject.matching(written, Aim::of(term))?;
        let kept_out = samples(&term.attribute, term.text())
            .into_iter()
            .next()?
            .of(&matched);
        (kept_out, change.of(&matched))
    } else {
        let matched = subject.matching_value(written, term)?;
        let other = change.of(&matched);
        (matched, other)
    };
    let beside = subject.decided(kept_out)?.if_decided(Verdict::Deny)?;
    let witness = subject.decided(other)?.if_decided(Verdict::Allow)?;
    Some(witness.beside(beside))
}

/// A request that is what a value should mean, and that the rule misses by this value alone: an ALLOW rule does not
/// admit it, a DENY rule does not refuse it. Absent for a negated value.
pub(super) fn mistaken(
    subject: &Subject<'_>,
    written: &Written<'_>,
    term: &Term<'_>,
    sent: &Change,
) -> Option<Witness> {
    let wrong = match written.policy.action {
        Action::Allow => Verdict::Deny,
        Action::Deny => Verdict::Allow,
        Action::Audit | Action::Custom => return None,
    };
    let matched = subject
        .matching(written, Aim::but(term))
        .filter(|_| !term.negated)?;
    subject.decided(sent.of(&matched))?.if_decided(wrong)
}

/// Whether an attribute is read of a verified token.
pub(super) const fn is_of_token(attribute: &Attribute) -> bool {
    matches!(
        attribute,
        Attribute::RequestPrincipal
            | Attribute::RequestAudiences
            | Attribute::RequestPresenter
            | Attribute::RequestClaim(_)
    )
}

/// Where the rules of a policy ask for somebody in particular.
#[derive(Debug, Default)]
pub(super) struct NamedCallers {
    /// The parts of rules that do.
    parts: BTreeSet<(usize, Place)>,
    /// Of each rule, whether one of its conditions does.
    conditions: BTreeSet<usize>,
    /// Of each rule with sources, whether all of them do.
    sources: BTreeMap<usize, bool>,
}

impl NamedCallers {
    /// By the attributes that are `known` to tell, where none of the values is everybody.
    pub(super) fn of(terms: &[Term<'_>], known: impl Fn(&Attribute) -> bool) -> Self {
        let is_everybody = |value: &str| value == "*" || value.ends_with("/0");
        let mut lists: BTreeMap<(usize, Place, &str), bool> = BTreeMap::new();
        for term in terms
            .iter()
            .filter(|term| term.is_positive() && known(&term.attribute))
        {
            *lists
                .entry((term.rule, term.place, term.field))
                .or_insert(true) &= !is_everybody(term.text());
        }
        let mut named = Self::default();
        for ((rule, place, _), _) in lists.iter().filter(|(_, somebody)| **somebody) {
            named.parts.insert((*rule, *place));
            if matches!(place, Place::When(_)) {
                named.conditions.insert(*rule);
            }
        }
        for term in terms
            .iter()
            .filter(|term| matches!(term.place, Place::From(_)))
        {
            *named.sources.entry(term.rule).or_insert(true) &=
                named.parts.contains(&(term.rule, term.place));
        }
        named
    }

    /// Whether the rule asks for somebody in particular wherever it asks for `term`.
    pub(super) fn beside(&self, term: &Term<'_>) -> bool {
        let by_source = match term.place {
            Place::From(_) => self.parts.contains(&(term.rule, term.place)),
            Place::To(_) | Place::When(_) => {
                self.sources.get(&term.rule).copied().unwrap_or_default()
            }
        };
        by_source || self.conditions.contains(&term.rule)
    }
}

/// A trust domain that the mesh takes certificates of, and that is neither its own nor an alias.
pub(super) fn foreign_domain(mesh: &Mesh) -> Option<&str> {
    let settings = &mesh.settings;
    let mut accepted = settings.accepted_trust_domains.iter();
    let foreign = |domain: &&String| {
        !settings.trust.iter().any(|own| own == domain.as_str()) && *domain != "cluster.local"
    };
    accepted.find(foreign).map(String::as_str)
}

/// For a port that none of the workloads listens on, and that a Service of each has: the name of one, and the one port
/// that it leads to. Absent where they do not agree.
pub(super) fn service_port_target(
    mesh: &Mesh,
    workloads: &[usize],
    port: u16,
) -> Option<(String, u16)> {
    let mut found: Option<(String, u16)> = None;
    for at in workloads {
        let workload = mesh.workload(*at)?;
        if workload.listeners.contains_key(&port) || workload.container_ports.contains(&port) {
            return None;
        }
        let services = mesh.inventory.services.iter();
        let services = services.filter(|service| service.namespace == workload.namespace);
        let mut targets = services.filter_map(|service| {
            let backend = service
                .ports
                .get(&port)?
                .iter()
                .find(|backend| backend.workload == *at)?;
            let name = format!("{}/{}", service.namespace, service.name);
            Some((name, service.dialled(port, *backend)))
        });
        let target = targets.next()?;
        // A headless Service leads callers to the port that is named.
        if target.1 == port || targets.any(|other| other.1 != target.1) {
            return None;
        }
        match &found {
            Some(known) if known.1 != target.1 => return None,
            _ => found = Some(target),
        }
    }
    found
}

/// Every policy that a workload is under.
fn policies_of(enforcement: &Enforcement) -> impl Iterator<Item = usize> + '_ {
    let Enforcement {
        custom,
        custom_dry_run,
        audit,
        deny,
        allow,
        shadow_audit,
        shadow_deny,
        shadow_allow,
        tokens: _,
        mtls: _,
    } = enforcement;
    let sets = custom.values().map(|custom| &custom.rules);
    let sets =
        sets.chain([custom_dry_run, audit, deny, allow, shadow_audit, shadow_deny, shadow_allow]);
    sets.flat_map(|set: &RuleSet| set.policies.iter().copied())
}
