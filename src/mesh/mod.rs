//! Resources to meaning: which policies, modes and token providers every workload is under.

mod ask;
mod attribute;
mod authorization_policy;
mod candidates;
mod changed;
mod extension_provider;
mod interception;
mod inventory;
mod istio_version;
mod listener;
mod passed_over;
mod peer_authentication;
mod proxy;
mod request_authentication;
mod route;
mod select;
mod shared_list;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use ask::{Name, QuestionError};
pub use attribute::{Attribute, Untranslatable, ValueMatch};
pub use authorization_policy::{Clause, Condition, DRY_RUN_ANNOTATION, Policy, Rule, Value};
use candidates::Candidates;
pub use changed::{Change, Changed};
pub use extension_provider::usable as usable_provider;
pub use interception::{Interception, Seen};
pub use inventory::{Backend, Dataplane, Inventory, Listener, Service, Workload};
pub use istio_version::{EPOCHS, Epoch, IstioVersion, NotAVersion};
pub use listener::{ListenerClass, class_of_protocol, class_of_service_port};
use passed_over::Candidate;
pub use passed_over::{PassedOver, WhyPassedOver};
pub use peer_authentication::{
    DecidedMode, EffectiveMtls, Level, MtlsMode, applies, compose, level, oldest, reaching,
};
pub use proxy::ProxySettings;
pub use request_authentication::{TokenProvider, audience, providers, space_delimited};
pub use select::{
    Attachment, GATEWAY_NAME_LABEL, Proxy, REVISION_LABEL, SelectionRules, TargetService,
};
pub use shared_list::SharedList;

use crate::diagnostic::{Code, Diagnostic, Diagnostics, FieldPath};
use crate::istio::{
    Action, AuthorizationPolicy, ExtensionProvider, MeshConfig, Normalization, PeerAuthentication,
    ProxyConfig, RequestAuthentication, Resource,
};
use crate::request::TokenReader;
use crate::spiffe::TrustDomains;

/// The mesh's configuration with every default filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `rootNamespace` [IN-1].
    pub root_namespace: String,
    /// `trustDomain` and its aliases [IN-2] [IN-3].
    pub trust: TrustDomains,
    /// Trust domains that a client's certificate may be of [PA-22].
    pub accepted_trust_domains: Vec<String>,
    /// `enableAutoMtls` [IN-5].
    pub auto_mtls: bool,
    /// `pathNormalization` [IN-7].
    pub normalization: Normalization,
    /// `extensionProviders` [IN-8].
    pub providers: Vec<ExtensionProvider>,
    /// `defaultConfig`: what counts for a proxy that has none of its own [IN-9].
    pub proxy_config: ProxyConfig,
    /// `defaultServiceExportTo`: everywhere where absent.
    pub default_service_export_to: Vec<String>,
    /// Whether proxies call nothing that no file names (`outboundTrafficPolicy`).
    pub registry_only: bool,
    /// The release that the proxies are of; absent for the newest.
    pub istio_version: Option<IstioVersion>,
    /// Whether somebody gave the configuration itself; else the defaults stand for whatever nobody said.
    pub given: bool,
}

impl From<MeshConfig> for Settings {
    fn from(config: MeshConfig) -> Self {
        let own = config
            .trust_domain
            .unwrap_or_else(|| "cluster.local".to_owned());
        let aliases = config.trust_domain_aliases.unwrap_or_default();
        // Aliases widen what a handshake takes, too [ID-35] [IN-4].
        let mut accepted = vec![own.clone()];
        accepted.extend(aliases.iter().cloned());
        accepted.extend(config.ca_trust_domains.unwrap_or_default());
        Self {
            root_namespace: config
                .root_namespace
                .unwrap_or_else(|| "istio-system".to_owned()),
            trust: TrustDomains { own, aliases },
            accepted_trust_domains: accepted,
            auto_mtls: config.enable_auto_mtls.unwrap_or(true),
            normalization: config.normalization.unwrap_or(Normalization::Base),
            providers: config.extension_providers.unwrap_or_default(),
            proxy_config: config.default_config,
            default_service_export_to: config
                .default_service_export_to
                .unwrap_or_else(|| vec!["*".to_owned()]),
            registry_only: config.registry_only.unwrap_or_default(),
            istio_version: None,
            given: false,
        }
    }
}

/// Whether resources that the API server or Istio's webhook would refuse end the compilation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Admission {
    /// They are read as istiod reads them when the webhook is off; each is a warning.
    Bypassed,
    /// They are errors.
    #[default]
    Enforced,
}

/// What an external authorizer is said to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderStub {
    /// Yes to everything.
    Allow,
    /// Yes where a header that the authorizer is sent has this value.
    AllowWhen {
        /// The header, in lower case.
        header: String,
        /// The value.
        equals: String,
    },
    /// No to everything.
    Deny,
    /// It cannot be asked: `failOpen` decides [AP-114].
    Error,
}

/// What a mesh is made of.
#[derive(Debug, Default)]
pub struct MeshInputs<'r> {
    /// Laid over the mesh `ConfigMap` that `resources` may hold.
    pub config: MeshConfig,
    /// Whether `config` is the mesh's configuration, and not some of its fields.
    pub config_is_whole: bool,
    /// istiod's revision; `default` where empty [IN-11].
    pub revision: String,
    /// The release that the proxies are of; absent for the newest.
    pub istio_version: Option<IstioVersion>,
    /// The resources.
    pub resources: Vec<&'r [Resource]>,
    /// Workloads beside those of the resources.
    pub workloads: Vec<Workload>,
    /// What external authorizers answer.
    pub stubs: BTreeMap<String, ProviderStub>,
    /// Whether refused resources are errors.
    pub admission: Admission,
}

/// Every policy understood, and for every workload what it is under. A copy shares what it is made of, and costs little.
#[derive(Clone, Debug)]
pub struct Mesh {
    /// The configuration.
    pub settings: Arc<Settings>,
    /// What is there.
    pub inventory: Arc<Inventory>,
    /// The policies, in the order of the resources.
    pub policies: SharedList<Arc<Policy>>,
    /// What external authorizers are said to answer.
    pub stubs: Arc<BTreeMap<String, ProviderStub>>,
    /// Whoever reads real tokens; absent: they stay unread.
    pub token_reader: Option<Arc<dyn TokenReader>>,
    /// In the order of the workloads.
    enforcements: SharedList<Arc<Enforcement>>,
    /// istiod's revision.
    revision: Arc<str>,
    /// What every policy says it is about, in the order of the resources.
    candidates: Candidates,
    /// The places of the workloads of each namespace.
    workloads_of: Arc<BTreeMap<String, Vec<usize>>>,
}

/// A rule's place: the policy's in [`Mesh::policies`], the rule's in [`Policy::rules`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleRef {
    /// The policy.
    pub policy: usize,
    /// The rule.
    pub rule: usize,
}

/// Which part of a rule a condition stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The `source` at this place of [`Rule::sources`].
    From(usize),
    /// The `operation` at this place of [`Rule::operations`].
    To(usize),
    /// [`Rule::when`].
    When,
}

/// A condition's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConditionRef {
    /// The rule that it is of.
    pub rule: RuleRef,
    /// The part of the rule.
    pub part: Part,
    /// Its place in that part.
    pub index: usize,
}

/// The policies of one action that a workload is under.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleSet {
    /// The policies; one without rules counts too [AP-4].
    pub policies: Vec<usize>,
    /// Their rules by id, byte by byte: the order in which the proxy finds the first that matches.
    pub rules: Vec<RuleRef>,
}

/// Everything that is enforced before one workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enforcement {
    /// CUSTOM policies, by provider.
    pub custom: BTreeMap<String, CustomRules>,
    /// CUSTOM policies in dry run, which the proxy enforces as DENY [SEL-31].
    pub custom_dry_run: RuleSet,
    /// AUDIT policies.
    pub audit: RuleSet,
    /// DENY policies.
    pub deny: RuleSet,
    /// ALLOW policies.
    pub allow: RuleSet,
    /// AUDIT policies in dry run: they settle even less.
    pub shadow_audit: RuleSet,
    /// DENY policies in dry run.
    pub shadow_deny: RuleSet,
    /// ALLOW policies in dry run.
    pub shadow_allow: RuleSet,
    /// Token providers.
    pub tokens: Vec<TokenProvider>,
    /// The mode of every port.
    pub mtls: EffectiveMtls,
}

/// The CUSTOM rules of one provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomRules {
    /// The rules.
    pub rules: RuleSet,
    /// The provider, or why the proxy denies instead of asking it [AP-110] [AP-111].
    pub provider: Result<ExtensionProvider, String>,
}

impl Mesh {
    /// Compiles everything, or says everything that is wrong. Warnings come with the mesh.
    ///
    /// # Errors
    /// What the API server or Istio's webhook would refuse (unless bypassed), and what Envoy would not load.
    pub fn compile(inputs: MeshInputs<'_>) -> Result<(Self, Vec<Diagnostic>), Diagnostics> {
        let mut findings = Vec::new();
        let resources: Vec<Resource> = inputs
            .resources
            .iter()
            .copied()
            .flatten()
            .cloned()
            .collect();
        let revision =
            if inputs.revision.is_empty() { "default" } else { inputs.revision.as_str() };
        let of_resources = config_of_revision(&resources, revision);
        let given = inputs.config_is_whole || of_resources.is_some();
        let config = match of_resources {
            Some(below) => inputs.config.over(below),
            None => inputs.config,
        };
        let settings =
            Settings { istio_version: inputs.istio_version, given, ..Settings::from(config) };
        for resource in &resources {
            for mut refusal in crate::validate::refusals(resource) {
                if inputs.admission == Admission::Bypassed {
                    refusal.severity = crate::diagnostic::Severity::Warning;
                }
                findings.push(refusal);
            }
        }
        let candidates = resources.iter().filter_map(Candidate::of).map(Arc::new);
        let candidates = Candidates::of(candidates, revision);
        let mut policies = Vec::new();
        for resource in &resources {
            if let Resource::AuthorizationPolicy(written) = resource
                && select::other_revision(&written.meta, revision).is_none()
            {
                policies.push(Arc::new(compiled(written, &settings, &mut findings)));
            }
        }
        let policies = policies.into_iter().collect();
        findings.extend(later(&resources));
        let inventory = Inventory::of(&resources, inputs.workloads, &settings, &mut findings);
        let mut workloads_of: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (place, workload) in inventory.workloads.iter().enumerate() {
            workloads_of
                .entry(workload.namespace.clone())
                .or_default()
                .push(place);
        }
        let namespaces = workloads_of.keys().map(String::as_str);
        let namespaces = namespaces
            .chain([settings.root_namespace.as_str()])
            .collect();
        let index =
            PolicyIndex::of(&policies, &candidates, &settings, revision, namespaces).ranked();
        let enforcements = inventory
            .workloads
            .iter()
            .map(|workload| Arc::new(index.enforcement(workload, &mut findings)))
            .collect();
        findings.dedup();
        let findings = Diagnostics::gate(findings)?;
        let mesh = Self {
            settings: Arc::new(settings),
            inventory: Arc::new(inventory),
            policies,
            stubs: Arc::new(inputs.stubs),
            token_reader: None,
            enforcements,
            revision: Arc::from(revision),
            candidates,
            workloads_of: Arc::new(workloads_of),
        };
        Ok((mesh, findings))
    }

    /// Whether istiod of this mesh reads a resource: not where a label binds it to another revision [SEL-40].
    #[must_use]
    pub fn reads(&self, meta: &crate::istio::Meta) -> bool {
        select::other_revision(meta, &self.revision).is_none()
    }

    /// What is enforced before a workload.
    #[must_use]
    pub fn enforcement(&self, workload: usize) -> Option<&Enforcement> {
        self.enforcements.get(workload).map(Arc::as_ref)
    }

    /// The workload at a place of the inventory.
    #[must_use]
    pub fn workload(&self, workload: usize) -> Option<&Workload> {
        self.inventory.workloads.get(workload)
    }

    /// The policy and the rule at a place.
    #[must_use]
    pub fn rule(&self, place: RuleRef) -> Option<(&Policy, &Rule)> {
        let policy = self.policies.get(place.policy)?;
        Some((policy.as_ref(), policy.rules.get(place.rule)?))
    }

    /// The condition at a place.
    #[must_use]
    pub fn condition(&self, place: ConditionRef) -> Option<&Condition> {
        let (_, rule) = self.rule(place.rule)?;
        let conditions = match place.part {
            Part::From(clause) => &rule.sources.get(clause)?.conditions,
            Part::To(clause) => &rule.operations.get(clause)?.conditions,
            Part::When => &rule.when,
        };
        conditions.get(place.index)
    }
}

/// One warning for each kind that is read and not evaluated yet, since it may change the answer.
fn later(resources: &[Resource]) -> Vec<Diagnostic> {
    let mut kinds: BTreeMap<&str, (usize, &crate::istio::Meta)> = BTreeMap::new();
    for resource in resources {
        if let Resource::Later { kind, meta, .. } = resource {
            kinds.entry(kind).or_insert((0, meta)).0 += 1;
        }
    }
    let warning = |(kind, (count, first)): (&str, (usize, &crate::istio::Meta))| {
        let message =
            format!("{kind} is not evaluated yet ({count} of them): it may change the answer");
        Diagnostic::warning(Code::NotYetModelled, message).at(
            &first.origin.file,
            first.origin.position,
            &FieldPath::root(),
        )
    };
    kinds.into_iter().map(warning).collect()
}

/// What the mesh `ConfigMap` of the revision says.
fn config_of_revision<'r>(resources: &'r [Resource], revision: &str) -> Option<&'r MeshConfig> {
    let name = if revision == "default" { "istio".to_owned() } else { format!("istio-{revision}") };
    resources.iter().find_map(|resource| {
        let Resource::MeshConfig(meta, config) = resource else { return None };
        (meta.name == name).then_some(config.as_ref())
    })
}

/// An AuthorizationPolicy with its meaning; what Envoy would not load is added to `findings`.
fn compiled(
    written: &AuthorizationPolicy,
    settings: &Settings,
    findings: &mut Vec<Diagnostic>,
) -> Policy {
    let mut troubles = Vec::new();
    let policy = authorization_policy::compile(written, &settings.trust, &mut troubles);
    findings.extend(troubles.into_iter().map(|trouble| {
        Diagnostic::error(Code::BadValue, format!("{} [AP-103]", trouble.what))
            .at(&written.meta.origin.file, trouble.position, &FieldPath::root())
            .help("the proxy would keep its last configuration: no answer can be given")
    }));
    policy
}

/// The policies by namespace, so that a workload looks only at those of its own and of the root namespace.
struct PolicyIndex<'i> {
    settings: &'i Settings,
    policies: &'i SharedList<Arc<Policy>>,
    targets: BTreeMap<&'i str, Vec<(usize, &'i Candidate)>>,
    /// The rank of every rule's id among all; where there is none, ids are compared.
    ranks: Vec<Vec<usize>>,
    peer: BTreeMap<&'i str, Vec<&'i PeerAuthentication>>,
    tokens: BTreeMap<&'i str, Vec<&'i RequestAuthentication>>,
}

impl<'i> PolicyIndex<'i> {
    /// The policies of these namespaces that istiod of the revision reads.
    fn of(
        policies: &'i SharedList<Arc<Policy>>,
        candidates: &'i Candidates,
        settings: &'i Settings,
        revision: &str,
        namespaces: BTreeSet<&'i str>,
    ) -> Self {
        let mut targets: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        let mut peer: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        let mut tokens: BTreeMap<&str, Vec<&RequestAuthentication>> = BTreeMap::new();
        for namespace in namespaces {
            for placed in candidates.of_namespace(namespace) {
                let candidate = placed.candidate.as_ref();
                if select::other_revision(&candidate.meta, revision).is_some() {
                    continue;
                }
                if let Some(place) = placed.policy {
                    let entry: (usize, &Candidate) = (place, candidate);
                    targets.entry(namespace).or_default().push(entry);
                } else if let Some(policy) = &candidate.peer {
                    peer.entry(namespace).or_default().push(policy);
                } else if let Some(policy) = &candidate.tokens {
                    tokens.entry(namespace).or_default().push(policy);
                }
            }
        }
        for policies in tokens.values_mut() {
            policies.sort_by_key(|policy| (policy.meta.created, &policy.meta.name));
        }
        Self { settings, policies, targets, ranks: Vec::new(), peer, tokens }
    }

    /// The same, with the ids of all rules in order: worth it where most workloads are looked at.
    fn ranked(mut self) -> Self {
        let mut ids: Vec<(&str, usize, usize)> = Vec::new();
        for (policy, compiled) in self.policies.iter().enumerate() {
            let rules = compiled.rules.iter().enumerate();
            ids.extend(rules.map(|(rule, compiled)| (compiled.id.as_str(), policy, rule)));
        }
        ids.sort_unstable();
        self.ranks = self
            .policies
            .iter()
            .map(|policy| vec![0; policy.rules.len()])
            .collect();
        for (rank, (_, policy, rule)) in ids.into_iter().enumerate() {
            let ranks = self.ranks.get_mut(policy);
            if let Some(slot) = ranks.and_then(|ranks| ranks.get_mut(rule)) {
                *slot = rank;
            }
        }
        self
    }

    /// The workload's own namespace and the root namespace, each once, in the order istiod reads them.
    fn namespaces<'n>(&'n self, workload: &'n Workload) -> impl Iterator<Item = &'n str> {
        let root = self.settings.root_namespace.as_str();
        std::iter::once(workload.namespace.as_str())
            .chain((workload.namespace != root).then_some(root))
    }

    /// All policies of one action are one set, however old and however far-reaching each is [SEL-8].
    fn rule_set(&self, policies: Vec<usize>) -> RuleSet {
        let mut rules: Vec<RuleRef> = policies
            .iter()
            .flat_map(|policy| {
                let count = self
                    .policies
                    .get(*policy)
                    .map_or(0, |policy| policy.rules.len());
                (0..count).map(|rule| RuleRef { policy: *policy, rule })
            })
            .collect();
        if self.ranks.is_empty() {
            rules.sort_by_key(|place| (self.id(*place), *place));
        } else {
            rules.sort_by_key(|place| {
                self.ranks
                    .get(place.policy)
                    .and_then(|ranks| ranks.get(place.rule))
            });
        }
        RuleSet { policies, rules }
    }

    /// The id of a rule.
    fn id(&self, place: RuleRef) -> &str {
        let policy = self.policies.get(place.policy);
        let rule = policy.and_then(|policy| policy.rules.get(place.rule));
        rule.map_or("", |rule| &rule.id)
    }

    fn enforcement(&self, workload: &Workload, findings: &mut Vec<Diagnostic>) -> Enforcement {
        let root = self.settings.root_namespace.as_str();
        let rules = SelectionRules { root_namespace: root, selectors_reach_gateway_api: true };
        let proxy = Proxy {
            namespace: &workload.namespace,
            labels: &workload.labels,
            waypoint: workload.dataplane == Dataplane::Waypoint,
            services: &[],
        };
        let attached =
            |meta, target| rules.attachment(meta, target, &proxy) == Attachment::Attached;
        let mut lists: BTreeMap<(Action, bool), Vec<usize>> = BTreeMap::new();
        let mut custom: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let mut custom_names: BTreeSet<&str> = BTreeSet::new();
        for namespace in self.namespaces(workload) {
            for (index, candidate) in self.targets.get(namespace).into_iter().flatten() {
                let Some(policy) = self
                    .policies
                    .get(*index)
                    .filter(|_| attached(&candidate.meta, &candidate.target))
                else {
                    continue;
                };
                if policy.action == Action::Custom {
                    custom_names.insert(&policy.provider);
                    if !policy.dry_run {
                        custom
                            .entry(policy.provider.clone())
                            .or_default()
                            .push(*index);
                        continue;
                    }
                }
                lists
                    .entry((policy.action, policy.dry_run))
                    .or_default()
                    .push(*index);
            }
        }
        let mut set =
            |action, dry_run| self.rule_set(lists.remove(&(action, dry_run)).unwrap_or_default());
        let several = custom_names.len() > 1;
        let custom_names: Vec<&str> = custom_names.into_iter().collect();
        let custom = custom
            .into_iter()
            .map(|(name, policies)| {
                // istiod's flag for several providers is off by default [AP-111].
                let provider = if several {
                    Err(format!("several providers on one workload: {}", custom_names.join(", ")))
                } else {
                    extension_provider::usable(&self.settings.providers, &name).cloned()
                };
                (name, CustomRules { rules: self.rule_set(policies), provider })
            })
            .collect();
        let peer = self
            .namespaces(workload)
            .flat_map(|namespace| self.peer.get(namespace).into_iter().flatten());
        let candidates: Vec<&PeerAuthentication> = peer
            .copied()
            .filter(|policy| applies(policy, root, &workload.namespace, &workload.labels))
            .collect();
        let reaching =
            reaching(candidates.iter().copied(), root, &workload.namespace, &workload.labels);
        if let Some((winner, rival)) = peer_authentication::undecided(&candidates, root) {
            let message = format!(
                "PeerAuthentication `{}` and `{}` reach the same workload: the older one counts alone, and the files \
                 do not say which that is; `{}` is taken, by name [PA-2]",
                winner.meta.id(),
                rival.meta.id(),
                winner.meta.id()
            );
            let finding = Diagnostic::warning(Code::UndecidedOrder, message)
                .at(&rival.meta.origin.file, rival.meta.origin.position, &FieldPath::root())
                .help("write `metadata.creationTimestamp`, or keep one policy a level");
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
        // Attached as AuthorizationPolicies are [JWT-1].
        let token_policies = self
            .namespaces(workload)
            .flat_map(|namespace| self.tokens.get(namespace).into_iter().flatten())
            .copied()
            .filter(|policy| attached(&policy.meta, &policy.target));
        Enforcement {
            custom,
            custom_dry_run: set(Action::Custom, true),
            audit: set(Action::Audit, false),
            deny: set(Action::Deny, false),
            allow: set(Action::Allow, false),
            shadow_audit: set(Action::Audit, true),
            shadow_deny: set(Action::Deny, true),
            shadow_allow: set(Action::Allow, true),
            tokens: providers(token_policies),
            mtls: compose(&reaching, root),
        }
    }
}
