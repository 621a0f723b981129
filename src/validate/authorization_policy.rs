//! An AuthorizationPolicy → what is refused of it.

use super::Refuser::{ApiServer, Both, Webhook};
use super::condition::judge_condition;
use super::values::{Values, path_problem, trust_domain_problem};
use super::{DRY_RUN, Judge, selector, spec};
use crate::diagnostic::FieldPath;
use crate::istio::{Action, AuthorizationPolicy, OperationField, Rule, SourceField, Terms};

pub(super) fn judge(policy: &AuthorizationPolicy, judge: &mut Judge<'_>) {
    judge_dry_run(policy, judge);
    let spec = spec();
    selector::judge_target(&policy.target, &spec, judge);
    judge_action(policy, &spec, judge);
    let path = spec.field("rules");
    for (index, rule) in policy.rules.iter().flatten().enumerate() {
        let path = path.item(index);
        match rule {
            Some(rule) => judge_rule(policy.action, rule, &path, judge),
            // The webhook's decoder makes it `{}`, which matches every request.
            None => {
                let position = policy.meta.origin.position;
                judge.refuse(ApiServer, "VAL-17", position, &path, "a rule must not be null");
            }
        }
    }
}

/// [SEL-30]
fn judge_dry_run(policy: &AuthorizationPolicy, judge: &mut Judge<'_>) {
    let Some(value) = policy.meta.annotations.get(DRY_RUN) else { return };
    match policy.action {
        Action::Allow | Action::Deny => {
            // What Go's `strconv.ParseBool` takes.
            let words =
                ["1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"];
            if !words.contains(&value.as_str()) {
                let message = format!("`{DRY_RUN}` takes `true` or `false`, not `{value}`");
                judge.refuse_dry_run(&policy.meta, &message);
            }
        }
        action @ (Action::Audit | Action::Custom) => {
            let message = format!("an {} policy does not take `{DRY_RUN}`", action.as_str());
            judge.refuse_dry_run(&policy.meta, &message);
        }
    }
}

/// What holds between `action`, `provider` and `rules`.
fn judge_action(policy: &AuthorizationPolicy, spec: &FieldPath, judge: &mut Judge<'_>) {
    let AuthorizationPolicy { action, action_position, provider, rules, .. } = policy;
    match (action, rules) {
        (Action::Custom | Action::Deny, None) => {
            let rule = if *action == Action::Custom { "VAL-10" } else { "VAL-16" };
            let message = format!(
                "a {} policy without `rules` never matches: `rules: [{{}}]` matches every request",
                action.as_str()
            );
            judge.refuse(Webhook, rule, *action_position, &spec.field("rules"), &message);
        }
        (Action::Custom, Some(rules)) => {
            if provider.as_ref().is_none_or(|name| name.value.is_empty()) {
                let position = provider
                    .as_ref()
                    .map_or(*action_position, |name| name.position);
                let path = spec.field("provider").field("name");
                let message = "a CUSTOM policy needs the name of its provider";
                judge.refuse(Webhook, "VAL-11", position, &path, message);
            }
            for (index, rule) in rules.iter().enumerate() {
                let path = spec.field("rules").item(index);
                if let Some(rule) = rule {
                    judge_custom_rule(rule, &path, judge);
                }
            }
        }
        (Action::Allow | Action::Audit | Action::Deny, _) => {}
    }
    if let (Some(name), Action::Allow | Action::Audit | Action::Deny) = (provider, action) {
        let message = format!("{} policies take no `provider`, CUSTOM ones do", action.as_str());
        judge.refuse(Webhook, "VAL-15", name.position, &spec.field("provider"), &message);
    }
    if let Some(Some(rule)) = rules.iter().flatten().nth(512) {
        let count = rules.as_ref().map_or(0, Vec::len);
        judge.at_most(512, count, rule.position, &spec.field("rules"));
    }
}

/// What an external authorizer cannot be asked about.
fn judge_custom_rule(rule: &Rule, path: &FieldPath, judge: &mut Judge<'_>) {
    for (index, source) in rule.from.iter().flatten().enumerate() {
        for field in &source.fields {
            let fits = match field.field {
                SourceField::IpBlocks | SourceField::RemoteIpBlocks => true,
                SourceField::Namespaces
                | SourceField::Principals
                | SourceField::RequestPrincipals
                | SourceField::ServiceAccounts
                | SourceField::TrustDomains => false,
            };
            if !fits {
                let name = field.field.name(field.negated);
                let path = path.field("from").item(index).field("source").field(name);
                let message = format!("a CUSTOM policy does not take `{name}`");
                judge.refuse(Webhook, "VAL-12", field.position, &path, &message);
            }
        }
    }
    for (index, condition) in rule.when.iter().enumerate() {
        let key = condition.key.value.as_str();
        let refused =
            ["source.namespace", "source.principal", "source.serviceAccount", "source.trustDomain"];
        if refused.contains(&key) || key.starts_with("request.auth.") {
            let path = path.field("when").item(index).field("key");
            let message = format!("a CUSTOM policy does not take `{key}`");
            judge.refuse(Webhook, "VAL-13", condition.key.position, &path, &message);
        }
    }
}

fn judge_rule(action: Action, rule: &Rule, path: &FieldPath, judge: &mut Judge<'_>) {
    if let Some(from) = &rule.from {
        let path = path.field("from");
        judge.at_most(512, from.len(), rule.position, &path);
        for (index, source) in from.iter().enumerate() {
            judge_source(source, &path.item(index), judge);
        }
    }
    for (index, operation) in rule.to.iter().flatten().enumerate() {
        judge_operation(operation, &path.field("to").item(index), judge);
    }
    for (index, condition) in rule.when.iter().enumerate() {
        judge_condition(condition, &path.field("when").item(index), judge);
    }
    if action == Action::Deny && is_http_only(rule) {
        let message = "on TCP ports this DENY rule denies without its HTTP fields: \
                       name the `ports` that are meant";
        judge.warn("VAL-30", rule.position, path, message);
    }
}

/// [VAL-30] `trustDomains` is not counted as a field of connections, and `when` is not looked at.
fn is_http_only(rule: &Rule) -> bool {
    let sources = || rule.from.iter().flatten().filter(|terms| terms.present);
    let mut operations = rule
        .to
        .iter()
        .flatten()
        .filter(|terms| terms.present)
        .peekable();
    let by_connection = |field: SourceField| match field {
        SourceField::IpBlocks
        | SourceField::Namespaces
        | SourceField::Principals
        | SourceField::RemoteIpBlocks
        | SourceField::ServiceAccounts => true,
        SourceField::RequestPrincipals | SourceField::TrustDomains => false,
    };
    let has = |terms: &Terms<SourceField>| {
        let mut fields = terms.fields.iter();
        fields.any(|field| by_connection(field.field))
    };
    if operations.peek().is_none() {
        return sources().next().is_some() && !sources().any(has);
    }
    !operations.any(|terms| {
        let mut fields = terms.fields.iter();
        fields.any(|field| field.field == OperationField::Ports)
    })
}

fn judge_source(source: &Terms<SourceField>, path: &FieldPath, judge: &mut Judge<'_>) {
    let path = path.field("source");
    judge_presence(source, "source", ["VAL-18", "VAL-19"], &path, judge);
    judge_mixture(source, &path, judge);
    for field in &source.fields {
        let name = field.field.name(field.negated);
        let path = path.field(name);
        let values = Values { name, path: &path, values: &field.values };
        match field.field {
            SourceField::Namespaces | SourceField::Principals | SourceField::RequestPrincipals => {
                values.not_empty("VAL-22", judge);
            }
            SourceField::IpBlocks | SourceField::RemoteIpBlocks => {
                values.addresses("VAL-21", judge);
                values.not_empty("VAL-22", judge);
            }
            SourceField::ServiceAccounts => values.service_accounts("VAL-23", Both, judge),
            SourceField::TrustDomains => values.each("VAL-24", judge, trust_domain_problem),
        }
    }
}

/// There must be something in the mapping.
fn judge_presence<F>(
    terms: &Terms<F>,
    name: &str,
    [absent, empty]: [&str; 2],
    path: &FieldPath,
    judge: &mut Judge<'_>,
) {
    if !terms.present {
        let message = format!("`{name}` must be set");
        judge.refuse(Webhook, absent, terms.position, path, &message);
    } else if terms.fields.is_empty() {
        let message = format!("`{name}` must have at least one field with a value");
        judge.refuse(Webhook, empty, terms.position, path, &message);
    }
}

/// [VAL-20] The schema counts empty lists as set, the webhook does not.
fn judge_mixture(source: &Terms<SourceField>, path: &FieldPath, judge: &mut Judge<'_>) {
    let accounts = |field: SourceField| field == SourceField::ServiceAccounts;
    let others =
        |field: SourceField| matches!(field, SourceField::Namespaces | SourceField::Principals);
    let filled = |wanted: &dyn Fn(SourceField) -> bool| {
        let mut fields = source.fields.iter();
        fields.find(|field| wanted(field.field))
    };
    let set = |wanted: &dyn Fn(SourceField) -> bool| {
        filled(wanted).is_some() || source.empty.iter().any(|(field, _)| wanted(*field))
    };
    if !set(&accounts) || !set(&others) {
        return;
    }
    let refuser =
        if filled(&accounts).is_some() && filled(&others).is_some() { Both } else { ApiServer };
    let position = filled(&accounts).map_or(source.position, |field| field.position);
    let message =
        "`serviceAccounts` cannot stand beside `principals` or `namespaces`: write two sources";
    judge.refuse(refuser, "VAL-20", position, path, message);
}

fn judge_operation(operation: &Terms<OperationField>, path: &FieldPath, judge: &mut Judge<'_>) {
    let path = path.field("operation");
    judge_presence(operation, "operation", ["VAL-25", "VAL-25"], &path, judge);
    for field in &operation.fields {
        let name = field.field.name(field.negated);
        let path = path.field(name);
        let values = Values { name, path: &path, values: &field.values };
        values.not_empty("VAL-27", judge);
        match field.field {
            OperationField::Hosts | OperationField::Methods => {}
            OperationField::Paths => values.each("VAL-28", judge, path_problem),
            OperationField::Ports => values.ports("VAL-26", judge),
        }
    }
}
