//! Coverage → an LCOV tracefile on the lines of the policy files (`geninfo(1)`): viewers colour the YAML.

use std::collections::BTreeMap;

use crate::coverage::{Coverage, Sides};

/// What one line came to: how many requests it decided, and how its rules and values decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// How many requests it decided, either way.
    pub(super) hits: usize,
    /// One for each rule or value that begins here.
    pub(super) branches: Vec<Sides>,
}

/// The lines of the rules and values of a file's policies.
pub(super) fn lines(
    policies: &[(crate::diagnostic::Position, &crate::coverage::PolicyCoverage)],
) -> BTreeMap<u32, Line> {
    let mut lines: BTreeMap<u32, Line> = BTreeMap::new();
    let mut add = |line: u32, hits: usize, branch: Option<Sides>| {
        let line = lines.entry(line).or_default();
        line.hits += hits;
        line.branches.extend(branch);
    };
    for (position, policy) in policies {
        let decided = policy
            .rules
            .iter()
            .map(|rule| rule.sides.matched)
            .sum::<usize>();
        let without_rules = if policy.rules.is_empty() { policy.refused } else { decided };
        add(position.line, without_rules, None);
        for rule in policy.rules.iter().filter(|rule| rule.never.is_none()) {
            let branch = (!rule.always).then_some(rule.sides);
            add(rule.position.line, rule.sides.matched, branch);
            for value in &rule.values {
                let Sides { matched, unmatched } = value.sides;
                add(value.position.line, matched + unmatched, Some(value.sides));
            }
        }
    }
    lines
}

/// The tracefile.
#[must_use]
pub fn lcov(coverage: &Coverage) -> String {
    let mut text = String::new();
    for (file, policies) in coverage.files() {
        text.push_str(&format!("TN:\nSF:{file}\n"));
        for (position, policy) in &policies {
            text.push_str(&format!("FN:{},{}\n", position.line, policy.policy));
        }
        for (_, policy) in &policies {
            let decided: usize = policy.rules.iter().map(|rule| rule.sides.matched).sum();
            let decided = if policy.rules.is_empty() { policy.refused } else { decided };
            text.push_str(&format!("FNDA:{decided},{}\n", policy.policy));
        }
        let covered = policies
            .iter()
            .filter(|(_, policy)| policy.is_covered())
            .count();
        text.push_str(&format!("FNF:{}\nFNH:{covered}\n", policies.len()));
        let lines = lines(&policies);
        let (mut found, mut hit) = (0, 0);
        for (number, line) in &lines {
            for (block, Sides { matched, unmatched }) in line.branches.iter().enumerate() {
                for (branch, taken) in [matched, unmatched].into_iter().enumerate() {
                    let shown = if line.hits == 0 { "-".to_owned() } else { taken.to_string() };
                    text.push_str(&format!("BRDA:{number},{block},{branch},{shown}\n"));
                    found += 1;
                    hit += usize::from(*taken > 0);
                }
            }
        }
        text.push_str(&format!("BRF:{found}\nBRH:{hit}\n"));
        for (number, line) in &lines {
            text.push_str(&format!("DA:{number},{}\n", line.hits));
        }
        let hit = lines.values().filter(|line| line.hits > 0).count();
        text.push_str(&format!("LF:{}\nLH:{hit}\nend_of_record\n", lines.len()));
    }
    text
}
