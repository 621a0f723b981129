//! AuthorizationPolicy → its mutants.

use super::{Edit, Mutants, Operator, Step, field, fields, item};
use crate::diagnostic::Sourced;
use crate::istio::{
    Action, AuthorizationPolicy, Condition, Field, OperationField, PolicyTarget, Resource, Rule,
    SourceField, Terms,
};

pub(super) fn mutate(policy: &AuthorizationPolicy, into: &mut Mutants<'_>) {
    flip(policy, into);
    selector(&policy.target, into, |target| {
        Resource::AuthorizationPolicy(AuthorizationPolicy { target, ..policy.clone() })
    });
    let rules = policy.rules.as_deref().unwrap_or_default();
    let path = fields(&["spec", "rules"]);
    for (index, rule) in rules.iter().enumerate() {
        let without = without(rules, index);
        let changed = AuthorizationPolicy { rules: without, ..policy.clone() };
        let path = if rules.len() == 1 { path.clone() } else { item(&path, index) };
        into.add(
            Operator::DropRule,
            path,
            Edit::Drop,
            Some(Resource::AuthorizationPolicy(changed)),
        );
        if let Some(rule) = rule {
            self::rule(policy, index, rule, into);
        }
    }
}

/// ALLOW ↔ DENY.
fn flip(policy: &AuthorizationPolicy, into: &mut Mutants<'_>) {
    let action = match policy.action {
        Action::Allow => Action::Deny,
        Action::Deny => Action::Allow,
        Action::Audit | Action::Custom => return,
    };
    let written = policy.action_position != policy.meta.origin.position;
    let word = action.as_str().to_owned();
    let (path, edit) = if written {
        (fields(&["spec", "action"]), Edit::Replace(word))
    } else {
        (fields(&["spec"]), Edit::Insert("action", word))
    };
    let changed = AuthorizationPolicy { action, ..policy.clone() };
    into.add(Operator::FlipAction, path, edit, Some(Resource::AuthorizationPolicy(changed)));
}

/// The policy without its selector, if it has one that selects.
pub(super) fn selector(
    target: &PolicyTarget,
    into: &mut Mutants<'_>,
    with: impl FnOnce(PolicyTarget) -> Resource,
) {
    if target
        .selector
        .as_ref()
        .is_some_and(|selector| !selector.match_labels.is_empty())
    {
        let changed = with(PolicyTarget { selector: None, ..target.clone() });
        let path = fields(&["spec", "selector"]);
        into.add(Operator::DropSelector, path, Edit::Drop, Some(changed));
    }
}

/// A list without one of its items; absent where none is left.
pub(super) fn without<T: Clone>(items: &[T], index: usize) -> Option<Vec<T>> {
    let left = items
        .iter()
        .enumerate()
        .filter(|(other, _)| *other != index);
    let left: Vec<T> = left.map(|(_, item)| item.clone()).collect();
    (!left.is_empty()).then_some(left)
}

/// A list with another item at a place.
pub(super) fn with<T: Clone>(items: &[T], index: usize, new: T) -> Vec<T> {
    let mut items = items.to_vec();
    if let Some(item) = items.get_mut(index) {
        *item = new;
    }
    items
}

/// One rule of a policy, and where the policy's mutants go.
struct OfRule<'m, 'r> {
    policy: &'m AuthorizationPolicy,
    index: usize,
    rule: &'m Rule,
    into: &'m mut Mutants<'r>,
}

fn rule(policy: &AuthorizationPolicy, index: usize, rule: &Rule, into: &mut Mutants<'_>) {
    let path = item(&fields(&["spec", "rules"]), index);
    let mut of = OfRule { policy, index, rule, into };
    if let Some(sources) = &rule.from {
        of.part(&field(&path, "from"), "source", sources, SourceField::name, &|from| Rule {
            from,
            ..rule.clone()
        });
    }
    if let Some(operations) = &rule.to {
        of.part(&field(&path, "to"), "operation", operations, OperationField::name, &|to| Rule {
            to,
            ..rule.clone()
        });
    }
    let when = field(&path, "when");
    for (place, condition) in rule.when.iter().enumerate() {
        let left = without(&rule.when, place).unwrap_or_default();
        let alone = left.is_empty();
        let at = if alone { when.clone() } else { item(&when, place) };
        of.add(Operator::DropCondition, at, Edit::Drop, Rule { when: left, ..rule.clone() });
        of.when(&item(&when, place), place, condition);
    }
}

impl OfRule<'_, '_> {
    fn add(&mut self, operator: Operator, path: Vec<Step>, edit: Edit, rule: Rule) {
        let rules = self.policy.rules.as_deref().unwrap_or_default();
        let rules = Some(with(rules, self.index, Some(rule)));
        let changed = AuthorizationPolicy { rules, ..self.policy.clone() };
        self.into
            .add(operator, path, edit, Some(Resource::AuthorizationPolicy(changed)));
    }

    /// `from` or `to`; `rule` puts other entries in its place.
    fn part<F: Copy + Named>(
        &mut self,
        path: &[Step],
        wrapper: &str,
        entries: &[Terms<F>],
        name: fn(F, bool) -> &'static str,
        rule: &dyn Fn(Option<Vec<Terms<F>>>) -> Rule,
    ) {
        self.add(Operator::DropPart, path.to_vec(), Edit::Drop, rule(None));
        for (place, terms) in entries.iter().enumerate() {
            if let Some(left) = without(entries, place) {
                let at = item(path, place);
                self.add(Operator::DropAlternative, at, Edit::Drop, rule(Some(left)));
            }
            let at = field(&item(path, place), wrapper);
            for (index, of) in terms.fields.iter().enumerate() {
                let changed = |new: Option<Field<F>>| {
                    let fields = match new {
                        Some(new) => with(&terms.fields, index, new),
                        None => without(&terms.fields, index).unwrap_or_default(),
                    };
                    rule(Some(with(entries, place, Terms { fields, ..terms.clone() })))
                };
                let at = field(&at, name(of.field, of.negated));
                // Without its only field the entry would hold of everything, which is to drop the part.
                if terms.fields.len() > 1 || entries.len() > 1 {
                    self.add(Operator::DropCondition, at.clone(), Edit::Drop, changed(None));
                }
                let twin = terms
                    .fields
                    .iter()
                    .any(|twin| twin.field.same(&of.field) && twin.negated != of.negated);
                if !twin {
                    let negated = Field { negated: !of.negated, ..of.clone() };
                    let edit = Edit::Rename(name(of.field, !of.negated).to_owned());
                    self.add(Operator::Negate, at.clone(), edit, changed(Some(negated)));
                }
                self.values(&at, of.field.kind(), &of.values, &|values| {
                    changed(Some(Field { values, ..of.clone() }))
                });
            }
        }
    }

    fn when(&mut self, path: &[Step], place: usize, condition: &Condition) {
        let rule = self.rule;
        let changed = |new: Condition| Rule { when: with(&rule.when, place, new), ..rule.clone() };
        let kind = kind_of_key(&condition.key.value);
        let (values, not_values) = (&condition.values, &condition.not_values);
        // With both lists, one becoming the other would be a key written twice.
        if values.is_empty() != not_values.is_empty() {
            let negated = Condition {
                values: not_values.clone(),
                not_values: values.clone(),
                ..condition.clone()
            };
            let (from, to) =
                if values.is_empty() { ("notValues", "values") } else { ("values", "notValues") };
            let edit = Edit::Rename(to.to_owned());
            self.add(Operator::Negate, field(path, from), edit, changed(negated));
        }
        self.values(&field(path, "values"), kind, values, &|values| {
            changed(Condition { values, ..condition.clone() })
        });
        self.values(&field(path, "notValues"), kind, not_values, &|not_values| {
            changed(Condition { not_values, ..condition.clone() })
        });
    }

    /// The values of one field; `rule` puts others in their place.
    fn values(
        &mut self,
        path: &[Step],
        kind: Kind,
        values: &[Sourced<String>],
        rule: &dyn Fn(Vec<Sourced<String>>) -> Rule,
    ) {
        for (index, value) in values.iter().enumerate() {
            let at = item(path, index);
            if let Some(left) = without(values, index) {
                self.add(Operator::DropValue, at.clone(), Edit::Drop, rule(left));
            }
            let others = [
                (Operator::WidenValue, kind.wider(&value.value)),
                (Operator::NarrowValue, kind.narrower(&value.value)),
            ];
            for (operator, other) in others {
                let Some(other) = other else { continue };
                if values.iter().any(|value| value.value == other) {
                    continue;
                }
                let new = Sourced::new(other.clone(), value.position);
                let edit = Edit::Replace(other);
                self.add(operator, at.clone(), edit, rule(with(values, index, new)));
            }
        }
    }
}

/// What the values of a field are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Addresses and blocks.
    Block,
    /// Methods: of an exact one no other method is an extension.
    Method,
    /// Text with a star at one end.
    Pattern,
    /// What has no pattern: ports, service accounts.
    Plain,
}

/// A field of `source` or `operation`.
trait Named {
    fn kind(self) -> Kind;
    fn same(&self, other: &Self) -> bool;
}

impl Named for SourceField {
    fn kind(self) -> Kind {
        match self {
            Self::IpBlocks | Self::RemoteIpBlocks => Kind::Block,
            Self::ServiceAccounts => Kind::Plain,
            Self::Principals | Self::RequestPrincipals | Self::Namespaces | Self::TrustDomains => {
                Kind::Pattern
            }
        }
    }

    fn same(&self, other: &Self) -> bool {
        self == other
    }
}

impl Named for OperationField {
    fn kind(self) -> Kind {
        match self {
            Self::Hosts | Self::Paths => Kind::Pattern,
            Self::Methods => Kind::Method,
            Self::Ports => Kind::Plain,
        }
    }

    fn same(&self, other: &Self) -> bool {
        self == other
    }
}

fn kind_of_key(key: &str) -> Kind {
    match key {
        "source.ip" | "remote.ip" | "destination.ip" => Kind::Block,
        "destination.port" | "source.serviceAccount" => Kind::Plain,
        _ => Kind::Pattern,
    }
}

impl Kind {
    /// A value that takes in more.
    fn wider(self, value: &str) -> Option<String> {
        let is_pattern = value.starts_with('*') || value.ends_with('*');
        match self {
            _ if value == "*" || value.is_empty() => None,
            Self::Plain => None,
            Self::Block => wider_block(value),
            Self::Method => Some("*".to_owned()),
            Self::Pattern if value.contains('{') => {
                let (before, after) = value.rsplit_once("{*}")?;
                // Behind `{**}` there may be no other operator, and before it neither.
                (!after.contains('{')).then(|| format!("{before}{{**}}{after}"))
            }
            Self::Pattern if is_pattern => Some("*".to_owned()),
            Self::Pattern => Some(format!("{value}*")),
        }
    }

    /// A value that takes in less.
    fn narrower(self, value: &str) -> Option<String> {
        if self == Self::Block || self == Self::Plain || value.contains('{') {
            return None;
        }
        let text = value
            .strip_prefix('*')
            .or_else(|| value.strip_suffix('*'))?;
        (!text.is_empty()).then(|| text.to_owned())
    }
}

/// The block around an address or a block, at the next border of eight bits, of sixteen for IPv6.
fn wider_block(value: &str) -> Option<String> {
    let (address, length) = match value.split_once('/') {
        Some((address, length)) => (address, length.parse::<u32>().ok()?),
        None => (value, if value.contains(':') { 128 } else { 32 }),
    };
    let step = if address.contains(':') { 16 } else { 8 };
    let length = length.checked_sub(1)? / step * step;
    let block = crate::matcher::IpBlock::parse(&format!("{address}/{length}")).ok()?;
    Some(block.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(Kind::Pattern, "/a", Some("/a*"), None)]
    #[case(Kind::Pattern, "/a/*", Some("*"), Some("/a/"))]
    #[case(Kind::Pattern, "*/sa/a", Some("*"), Some("/sa/a"))]
    #[case(Kind::Pattern, "*", None, None)]
    #[case(Kind::Pattern, "/a/{*}", Some("/a/{**}"), None)]
    #[case(Kind::Pattern, "/a/{*}/b", Some("/a/{**}/b"), None)]
    #[case(Kind::Pattern, "/a/{**}", None, None)]
    #[case(Kind::Pattern, "", None, None)]
    #[case(Kind::Method, "GET", Some("*"), None)]
    #[case(Kind::Plain, "8080", None, None)]
    #[case(Kind::Block, "10.1.2.3", Some("10.1.2.0/24"), None)]
    #[case(Kind::Block, "10.1.2.0/24", Some("10.1.0.0/16"), None)]
    #[case(Kind::Block, "10.128.0.0/9", Some("10.0.0.0/8"), None)]
    #[case(Kind::Block, "10.0.0.0/8", Some("0.0.0.0/0"), None)]
    #[case(Kind::Block, "0.0.0.0/0", None, None)]
    #[case(Kind::Block, "2001:db8::/32", Some("2001::/16"), None)]
    fn a_value_has_a_wider_and_a_narrower_one(
        #[case] kind: Kind,
        #[case] value: &str,
        #[case] wider: Option<&str>,
        #[case] narrower: Option<&str>,
    ) {
        assert_eq!(kind.wider(value).as_deref(), wider);
        assert_eq!(kind.narrower(value).as_deref(), narrower);
    }
}
