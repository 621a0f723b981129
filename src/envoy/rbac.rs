//! What a workload is under → the filters that enforce its `AuthorizationPolicies`, in the order of the proxy [AP-1].

use std::collections::{BTreeMap, BTreeSet};

use super::ext_authz;
use super::message::Message;
use super::rule::Translation;
use crate::istio::Action;
use crate::mesh::{Enforcement, Mesh, Policy, RuleSet, usable_provider};

/// Whether filters are generated for HTTP requests or for bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// HTTP filters.
    Http,
    /// Network filters.
    Tcp,
}

impl Layer {
    const fn rbac(self) -> [&'static str; 2] {
        match self {
            Self::Http => ["envoy.filters.http.rbac", "envoy.extensions.filters.http.rbac.v3.RBAC"],
            Self::Tcp => {
                ["envoy.filters.network.rbac", "envoy.extensions.filters.network.rbac.v3.RBAC"]
            }
        }
    }

    /// The name of the RBAC filter, which is also that of its metadata.
    pub(super) const fn rbac_name(self) -> &'static str {
        self.rbac()[0]
    }

    /// An RBAC filter; absent rules are not written.
    fn filter(
        self,
        rules: Option<Message>,
        shadow_rules: Option<Message>,
        shadow_prefix: &str,
    ) -> Message {
        let [name, type_name] = self.rbac();
        let prefix = (!shadow_prefix.is_empty()).then_some(shadow_prefix);
        let config = Message::object([])
            .with_some("rules", rules)
            .with_some("shadowRules", shadow_rules)
            .with_some("shadowRulesStatPrefix", prefix)
            .with_some("statPrefix", (self == Self::Tcp).then_some("tcp."));
        Message::extension(name, type_name, config)
    }
}

/// What a rule of an RBAC filter does. `ALLOW` is the default and not written.
fn rules(action: Action, policies: Vec<(String, Message)>) -> Message {
    let action = match action {
        Action::Allow => None,
        Action::Audit => Some("LOG"),
        Action::Custom | Action::Deny => Some("DENY"),
    };
    let policies = (!policies.is_empty()).then_some(Message::Object(policies));
    Message::object([])
        .with_some("action", action)
        .with_some("policies", policies)
}

/// The rules of policies by the name that the proxy logs, in the order of the names.
fn policies<'p>(
    mesh: &Mesh,
    layer: Layer,
    policies: impl Iterator<Item = &'p Policy>,
    name: impl Fn(&str) -> String,
) -> Vec<(String, Message)> {
    let mut translated = BTreeMap::new();
    for policy in policies {
        let translation = Translation {
            layer,
            trust: &mesh.settings.trust,
            namespace: &policy.namespace,
            istio: mesh.settings.istio_version,
        };
        if policy.matches_never {
            // "Generate an explicit policy that never matches": what has no rule allows nothing [AP-13].
            let id = format!("ns[{}]-policy[{}]-rule[0]", policy.namespace, policy.name);
            translated.insert(name(&id), matches_never());
        }
        for rule in &policy.rules {
            if let Some(policy) = translation.rule(rule) {
                translated.insert(name(&rule.id), policy);
            }
        }
    }
    translated.into_iter().collect()
}

fn matches_never() -> Message {
    let any = || Message::object([("any", true.into())]);
    Message::object([
        ("permissions", vec![Message::object([("notRule", any())])].into()),
        ("principals", vec![Message::object([("notId", any())])].into()),
    ])
}

fn of_set<'m>(mesh: &'m Mesh, set: &'m RuleSet) -> impl Iterator<Item = &'m Policy> {
    set.policies
        .iter()
        .filter_map(|policy| mesh.policies.get(*policy).map(std::sync::Arc::as_ref))
}

/// The filters of AUDIT, DENY and ALLOW policies: those that there are, in this order.
#[must_use]
pub fn authorization_filters(mesh: &Mesh, enforcement: &Enforcement, layer: Layer) -> Vec<Message> {
    let none = RuleSet::default();
    let actions = [
        (Action::Audit, &enforcement.audit, &enforcement.shadow_audit),
        (Action::Deny, &enforcement.deny, &enforcement.shadow_deny),
        (Action::Allow, &enforcement.allow, &enforcement.shadow_allow),
    ];
    let mut filters = Vec::new();
    for (action, enforced, shadow) in actions {
        let rules_of = |set: &RuleSet| {
            let written = policies(mesh, layer, of_set(mesh, set), str::to_owned);
            (*set != none).then(|| rules(action, written))
        };
        let (enforced, shadow) = (rules_of(enforced), rules_of(shadow));
        if enforced.is_none() && shadow.is_none() {
            continue;
        }
        // Without shadow rules their action reads as the default, which is ALLOW.
        let prefix = match (action, &shadow) {
            (Action::Audit, Some(_)) => "",
            (Action::Deny, Some(_)) => "istio_dry_run_deny_",
            _ => "istio_dry_run_allow_",
        };
        filters.push(layer.filter(enforced, shadow, prefix));
    }
    filters
}

/// The filters of CUSTOM policies: for each provider, by name, one that finds out whether it is to be asked and one
/// that asks it; or one that denies, where istiod cannot use the provider.
#[must_use]
pub fn custom_filters(mesh: &Mesh, enforcement: &Enforcement, layer: Layer) -> Vec<Message> {
    custom_filters_in(mesh, enforcement, layer, "")
}

/// As [`custom_filters`], with `behind` behind the names of the clusters that lead to providers: several meshes may
/// stand in one configuration.
pub(super) fn custom_filters_in(
    mesh: &Mesh,
    enforcement: &Enforcement,
    layer: Layer,
    behind: &str,
) -> Vec<Message> {
    let dry: Vec<&Policy> = of_set(mesh, &enforcement.custom_dry_run).collect();
    let names: BTreeSet<&str> = enforcement
        .custom
        .keys()
        .map(String::as_str)
        .chain(dry.iter().map(|policy| policy.provider.as_str()))
        .collect();
    let several = names.len() > 1;
    let mut filters = Vec::new();
    for name in names {
        let prefix = if name.is_empty() {
            "istio-ext-authz-".to_owned()
        } else {
            format!("istio-ext-authz-{name}-")
        };
        let enforced = enforcement.custom.get(name);
        let of_provider = |suffix: &str| {
            let set = enforced.map(|custom| of_set(mesh, &custom.rules));
            let id = |id: &str| format!("{prefix}{id}{suffix}");
            rules(Action::Custom, policies(mesh, layer, set.into_iter().flatten(), id))
        };
        let provider = usable_provider(&mesh.settings.providers, name);
        let Some(provider) = provider.ok().filter(|_| !several) else {
            let denied = of_provider("-deny-due-to-bad-CUSTOM-action");
            filters.push(layer.filter(Some(denied), None, ""));
            continue;
        };
        let Some(asking) = ext_authz::filter(provider, layer, behind) else {
            // "HTTP provider on a TCP chain: skipped, no enforcement." [AP-113]
            continue;
        };
        let dry = dry.iter().copied().filter(|policy| policy.provider == name);
        let dry = policies(mesh, layer, dry, |id| format!("{prefix}{id}"));
        // A dry run stands where the enforced rules of other actions stand [SEL-31].
        let dry = (!dry.is_empty()).then(|| rules(Action::Custom, dry));
        filters.push(layer.filter(dry, Some(of_provider("")), "istio_ext_authz_"));
        filters.push(asking);
    }
    filters
}
