//! The values of one field of a policy → what is refused of them.

use super::Judge;
use super::Refuser::{self, Webhook};
use crate::diagnostic::{FieldPath, Sourced};
use crate::matcher::{IpBlock, PathTemplate, is_template, parse_port};

/// The values of one field.
#[derive(Clone, Copy)]
pub(super) struct Values<'v> {
    /// The name of the field.
    pub(super) name: &'v str,
    pub(super) path: &'v FieldPath,
    pub(super) values: &'v [Sourced<String>],
}

impl Values<'_> {
    pub(super) fn not_empty(self, rule: &str, judge: &mut Judge<'_>) {
        self.refused_by(Webhook, rule, judge, |text| {
            text.is_empty().then(|| "it is empty".to_owned())
        });
    }

    pub(super) fn addresses(self, rule: &str, judge: &mut Judge<'_>) {
        self.each(rule, judge, |text| {
            let problem = "it is neither an IP address nor a CIDR block";
            IpBlock::parse(text).is_err().then(|| problem.to_owned())
        });
    }

    pub(super) fn ports(self, rule: &str, judge: &mut Judge<'_>) {
        self.each(rule, judge, |text| {
            let problem = "it is no number from 0 to 65535";
            parse_port(text).is_err().then(|| problem.to_owned())
        });
    }

    /// The bounds on number and length are asked by `refuser`, the rest by the webhook alone.
    pub(super) fn service_accounts(self, rule: &str, refuser: Refuser, judge: &mut Judge<'_>) {
        const MAX_VALUES: usize = 16;
        const MAX_LENGTH: usize = 320;
        if let Some(value) = self.values.get(MAX_VALUES) {
            let message = format!("`{}` takes at most {MAX_VALUES} values", self.name);
            judge.refuse(refuser, rule, value.position, self.path, &message);
        }
        self.each(rule, judge, service_account_problem);
        // The schema counts characters, the webhook bytes.
        let problem = || format!("it is longer than {MAX_LENGTH} characters");
        let long = |text: &str| text.chars().count() > MAX_LENGTH;
        self.refused_by(refuser, rule, judge, |text| long(text).then(problem));
        self.each(rule, judge, |text| (text.len() > MAX_LENGTH && !long(text)).then(problem));
    }

    /// The webhook refuses each value with a problem.
    pub(super) fn each(
        self,
        rule: &str,
        judge: &mut Judge<'_>,
        problem: impl Fn(&str) -> Option<String>,
    ) {
        self.refused_by(Webhook, rule, judge, problem);
    }

    fn refused_by(
        self,
        refuser: Refuser,
        rule: &str,
        judge: &mut Judge<'_>,
        problem: impl Fn(&str) -> Option<String>,
    ) {
        for (index, Sourced { value, position }) in self.values.iter().enumerate() {
            if let Some(problem) = problem(value) {
                let message = format!("`{}` does not take `{value}`: {problem}", self.name);
                judge.refuse(refuser, rule, *position, &self.path.item(index), &message);
            }
        }
    }
}

/// `account` or `namespace/account`, without wildcards.
fn service_account_problem(text: &str) -> Option<String> {
    let problem = match text.split_once('/') {
        _ if text.is_empty() => "it is empty",
        _ if text.contains('*') => "`*` is no wildcard here",
        Some((_, account)) if account.contains('/') => "write `account` or `namespace/account`",
        Some(("", _)) => "the namespace is empty",
        Some((_, "")) => "the account is empty",
        Some(_) | None => return None,
    };
    Some(problem.to_owned())
}

/// A trust domain, or a pattern of it [VAL-24].
pub(super) fn trust_domain_problem(text: &str) -> Option<String> {
    if text.contains('/') {
        return Some("write a trust domain without scheme and path".to_owned());
    }
    pattern_problem(text)
}

/// A name, or a pattern with one star at one end.
pub(super) fn pattern_problem(text: &str) -> Option<String> {
    let stars = text.matches('*').count();
    let at_one_end = text.starts_with('*') || text.ends_with('*');
    let problem = if text.is_empty() {
        "it is empty"
    } else if stars > 1 || (stars == 1 && !at_one_end) {
        "one `*` may stand, at the beginning or at the end"
    } else {
        return None;
    };
    Some(problem.to_owned())
}

/// [VAL-28] The slashes at both ends are not looked at: that a template begins with one, only Envoy asks.
pub(super) fn path_problem(text: &str) -> Option<String> {
    let trimmed = text.trim_matches('/');
    if !is_template(text) {
        let problem = "`{` and `}` stand only in `{*}` and `{**}`, each a whole segment";
        return trimmed.contains(['{', '}']).then(|| problem.to_owned());
    }
    if trimmed.split('/').any(str::is_empty) {
        return Some("a template has no empty segment".to_owned());
    }
    let template = PathTemplate::parse(&format!("/{trimmed}"));
    template.err().map(|error| error.to_string())
}
