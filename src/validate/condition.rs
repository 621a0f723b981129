//! An entry of `when` → what is refused of it. [VAL-29]

use super::Judge;
use super::Refuser::{Both, Webhook};
use super::values::{Values, pattern_problem};
use crate::diagnostic::FieldPath;
use crate::istio::Condition;

const RULE: &str = "VAL-29";

/// What a key asks of its values.
#[derive(Clone, Copy)]
enum Attribute {
    Addresses,
    Any,
    Ports,
    ServiceAccounts,
    TrustDomains,
}

pub(super) fn judge_condition(condition: &Condition, path: &FieldPath, judge: &mut Judge<'_>) {
    let Condition { position, key, values, not_values } = condition;
    if key.value.is_empty() {
        // The schema asks for a key; it may be empty.
        let refuser = if key.position == *position { Both } else { Webhook };
        judge.refuse(refuser, RULE, key.position, &path.field("key"), "`key` must be set");
        return;
    }
    if values.is_empty() && not_values.is_empty() {
        let message = format!("`{}` needs `values` or `notValues`", key.value);
        judge.refuse(Webhook, RULE, *position, path, &message);
        return;
    }
    let attribute = attribute(&key.value).unwrap_or_else(|problem| {
        judge.refuse(Webhook, RULE, key.position, &path.field("key"), &problem);
        Attribute::Any
    });
    for (name, values) in [("values", values), ("notValues", not_values)] {
        let path = path.field(name);
        let values = Values { name, path: &path, values };
        match attribute {
            Attribute::Addresses => values.addresses(RULE, judge),
            Attribute::Any => values.not_empty(RULE, judge),
            Attribute::Ports => values.ports(RULE, judge),
            Attribute::ServiceAccounts => values.service_accounts(RULE, Webhook, judge),
            // Unlike in `trustDomains` a slash is let through, and matches nothing.
            Attribute::TrustDomains => values.each(RULE, judge, pattern_problem),
        }
    }
}

/// The attribute that a key names, or what is wrong with the key.
fn attribute(key: &str) -> Result<Attribute, String> {
    let of_map = ["request.headers", "request.auth.claims", "experimental.envoy.filters."];
    if of_map.iter().any(|prefix| key.starts_with(prefix)) {
        let open = key.find('[').unwrap_or_default();
        // Something stands between the first bracket and the last.
        let bracketed = key.ends_with(']') && open > 0 && open + 2 < key.len();
        let problem = || format!("`{key}` is no attribute: write it as `a[b]`");
        return bracketed.then_some(Attribute::Any).ok_or_else(problem);
    }
    match key {
        "source.ip" | "remote.ip" | "destination.ip" => Ok(Attribute::Addresses),
        "destination.port" => Ok(Attribute::Ports),
        "source.serviceAccount" => Ok(Attribute::ServiceAccounts),
        "source.trustDomain" => Ok(Attribute::TrustDomains),
        "source.namespace"
        | "source.principal"
        | "request.auth.principal"
        | "request.auth.audiences"
        | "request.auth.presenter"
        | "connection.sni" => Ok(Attribute::Any),
        "destination.namespace" => {
            Err(format!("`{key}` is no attribute: a policy is about its own namespace"))
        }
        _ if key.starts_with("destination.labels") => {
            Err(format!("`{key}` is no attribute: labels stand in `selector`"))
        }
        _ => Err(format!("`{key}` is no attribute")),
    }
}
