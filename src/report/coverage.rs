//! Coverage → a table for people, and a member of the document of a test run.

use serde_json::{Value, json};

use crate::coverage::{Coverage, RuleCoverage, Share, Sides};
use crate::diagnostic::printable;

/// `12/13 (92.30 %)`.
fn share(share: Share) -> String {
    let hundredths = share.hundredths();
    format!("{}/{} ({}.{:02} %)", share.covered, share.total, hundredths / 100, hundredths % 100)
}

/// The closing line of a table: `coverage: rules 12/13 (92.30 %), values …`.
#[must_use]
pub fn summary(coverage: &Coverage) -> String {
    format!(
        "coverage: policies {}, rules {}, values {}",
        share(coverage.of_policies()),
        share(coverage.of_rules()),
        share(coverage.of_values())
    )
}

/// Every rule with the number of requests that it decided, and below it the values that did not decide both ways.
#[must_use]
pub fn table(coverage: &Coverage) -> String {
    let mut text = String::from(" matched   other  rule\n");
    for (file, policies) in coverage.files() {
        text.push_str(&format!("                 {file}\n"));
        for (_, policy) in policies {
            let name = printable(&policy.policy);
            if policy.rules.is_empty() {
                let refused = policy.refused;
                text.push_str(&format!("{:>8}{refused:>8}  {name} without rules\n", "-"));
            }
            for rule in &policy.rules {
                self::rule(&mut text, &name, rule);
            }
        }
    }
    for (origin, (policy, Sides { matched, unmatched })) in &coverage.modes {
        let policy = printable(policy);
        text.push_str(&format!("{matched:>8}{unmatched:>8}  mode of {policy} {origin}\n"));
    }
    text
}

fn rule(text: &mut String, policy: &str, rule: &RuleCoverage) {
    let Sides { matched, unmatched } = rule.sides;
    let unmatched = if rule.always { "-".to_owned() } else { unmatched.to_string() };
    let (index, at) = (rule.index, rule.position);
    text.push_str(&format!("{matched:>8}{unmatched:>8}  {policy} rule {index} {at}\n"));
    if let Some(why) = &rule.never {
        text.push_str(&format!("                   is never there: {}\n", printable(why)));
        return;
    }
    for value in rule.values.iter().filter(|value| !value.is_covered()) {
        let Sides { matched, unmatched } = value.sides;
        let (field, written, at) =
            (printable(&value.field), printable(&value.value), value.position);
        text.push_str(&format!("{matched:>8}{unmatched:>8}    {field} `{written}` {at}\n"));
    }
}

/// The member `coverage` of a test run's document.
pub(super) fn document(coverage: &Coverage) -> Value {
    let share = |share: Share| json!({"covered": share.covered, "total": share.total});
    let files = coverage.files();
    let policies = files.iter().flat_map(|(file, policies)| {
        policies.iter().map(move |(position, policy)| {
            let value = |value: &crate::coverage::ValueCoverage| {
                json!({
                    "field": value.field,
                    "value": value.value,
                    "line": value.position.line,
                    "column": value.position.column,
                    "matched": value.sides.matched,
                    "unmatched": value.sides.unmatched,
                })
            };
            let rule = |rule: &RuleCoverage| {
                json!({
                    "rule": rule.index,
                    "line": rule.position.line,
                    "column": rule.position.column,
                    "matched": rule.sides.matched,
                    "unmatched": rule.sides.unmatched,
                    "always": rule.always,
                    "never": rule.never,
                    "values": rule.values.iter().map(value).collect::<Vec<_>>(),
                })
            };
            json!({
                "policy": policy.policy,
                "action": policy.action.as_str(),
                "file": file.as_ref(),
                "line": position.line,
                "refused": policy.refused,
                "rules": policy.rules.iter().map(rule).collect::<Vec<_>>(),
            })
        })
    });
    let mode = |(origin, (policy, sides)): (&crate::diagnostic::Origin, &(String, Sides))| {
        json!({
            "policy": policy,
            "file": origin.file.as_ref(),
            "line": origin.position.line,
            "letIn": sides.matched,
            "refused": sides.unmatched,
        })
    };
    json!({
        "policies": share(coverage.of_policies()),
        "rules": share(coverage.of_rules()),
        "values": share(coverage.of_values()),
        "perPolicy": policies.collect::<Vec<_>>(),
        "modes": coverage.modes.iter().map(mode).collect::<Vec<_>>(),
    })
}
