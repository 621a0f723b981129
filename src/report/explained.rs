//! An answer with what is known of it → lines for people: about a screen, or everything.

use std::fmt::{self, Write};

use super::account::{Account, FieldAccount, RuleAccount, StageAccount};
use super::answer::{Answer, Endpoint, Word};
use super::snippet::{Quotation, Remark, Sources};
use super::style::Style;
use crate::decide::Because;
use crate::diagnostic::{Sourced, printable};

/// The answer: its first line says it, the next ones why, then what is nearest and what would help.
///
/// # Errors
/// Those of the writer.
pub fn answer(
    out: &mut dyn Write,
    answer: &Answer,
    sources: &Sources,
    style: Style,
) -> fmt::Result {
    let word = answer.word();
    write!(out, "{:<8}{}", style.word(word), answer.question)?;
    let status = answer.shown().and_then(|endpoint| endpoint.decision.status);
    if let (Some(status), Word::No) = (status, word) {
        write!(out, "  ({status})")?;
    }
    writeln!(out)?;
    let divided = answer.is_divided();
    if divided {
        writeln!(out, "        it depends on which workload answers:")?;
    }
    for endpoint in &answer.endpoints {
        if divided {
            let verdict = endpoint.decision.verdict.as_str();
            write!(out, "        {verdict:<16}{}:{}: ", endpoint.workload, endpoint.port)?;
        } else {
            write!(out, "        because ")?;
        }
        writeln!(out, "{}", printable(&endpoint.reason))?;
        if divided && !style.full {
            brief(out, endpoint)?;
            continue;
        }
        self::endpoint(out, endpoint, sources, style)?;
        if !divided {
            break;
        }
    }
    Ok(())
}

/// The place and the notes of one of several answers.
fn brief(out: &mut dyn Write, endpoint: &Endpoint) -> fmt::Result {
    if let Some(origin) = &endpoint.origin {
        writeln!(out, "        --> {origin}")?;
    }
    for note in &endpoint.notes {
        writeln!(out, "        note: {}", printable(note))?;
    }
    Ok(())
}

/// What is known of one workload's answer, below its reason.
///
/// # Errors
/// Those of the writer.
pub fn endpoint(
    out: &mut dyn Write,
    endpoint: &Endpoint,
    sources: &Sources,
    style: Style,
) -> fmt::Result {
    let quotations = endpoint
        .account
        .as_ref()
        .map_or_else(Vec::new, |account| quotations(endpoint, account, style));
    let places: usize = quotations
        .iter()
        .map(|quotation| quotation.remarks.len())
        .sum();
    if let Some(origin) = endpoint.origin.as_ref().filter(|_| places == 0) {
        writeln!(out, "        --> {origin}")?;
    }
    for note in &endpoint.notes {
        writeln!(out, "        note: {}", printable(note))?;
    }
    if let Some(account) = endpoint.account.as_ref().filter(|_| quotations.is_empty()) {
        for help in help(&account.remedy) {
            writeln!(out, "        help: {}", printable(&help))?;
        }
        for note in surprising(account) {
            writeln!(out, "        note: {}", printable(&note))?;
        }
    }
    for quotation in &quotations {
        writeln!(out, "\n{}", quotation.to_text(sources, style).trim_end())?;
    }
    if let Some(account) = &endpoint.account {
        passed_over(out, account, style)?;
        if style.full {
            stages(out, &account.stages, style)?;
        }
    }
    Ok(())
}

/// What is quoted from the policies.
fn quotations(endpoint: &Endpoint, account: &Account, style: Style) -> Vec<Quotation> {
    let mut quotations = Vec::new();
    let shown = if style.full { account.nearest.len() } else { 1 };
    for rule in account.nearest.iter().take(shown) {
        quotations.push(nearest(rule));
    }
    if let Some(rule) = account
        .decided_by
        .as_ref()
        .filter(|_| style.full || refuses(endpoint))
    {
        quotations.push(matched(rule));
    }
    if quotations.is_empty()
        && let (Because::Transport(_), Some(origin)) =
            (&endpoint.decision.because, &endpoint.origin)
    {
        quotations.push(Quotation {
            word: "mode",
            title: "this says what the port takes".to_owned(),
            remarks: vec![Remark {
                origin: origin.clone(),
                written: endpoint
                    .mode
                    .map(|mode| Sourced::new(mode.as_str().to_owned(), origin.position))
                    .into_iter()
                    .collect(),
                label: String::new(),
            }],
            ..Quotation::default()
        });
    }
    if let Some(first) = quotations.first_mut() {
        first.help = help(&account.remedy);
        first.notes = surprising(account);
    }
    quotations
}

const fn refuses(endpoint: &Endpoint) -> bool {
    matches!(
        endpoint.decision.because,
        Because::DenyRule(_)
            | Because::Custom { .. }
            | Because::CustomMisconfigured { .. }
            | Because::CustomDryRun { .. }
    )
}

/// What may not have been expected, with the statement that says so.
fn surprising(account: &Account) -> Vec<String> {
    let told = account.surprises.iter();
    told.map(|surprise| format!("{} [{}]", surprise.text, surprise.statement))
        .collect()
}

/// What to do, in one line.
fn help(remedy: &[String]) -> Vec<String> {
    match remedy {
        [] => Vec::new(),
        [only] => vec![format!("it gets through with one change, for instance: {only}")],
        many => vec![format!(
            "it gets through with {} changes together, for instance: {}",
            many.len(),
            many.join("; ")
        )],
    }
}

fn nearest(rule: &RuleAccount) -> Quotation {
    let name = format!("{} `{}` rule {}", rule.action, rule.policy, rule.rule);
    if let Some(gone) = &rule.gone {
        return Quotation {
            word: "nearest",
            title: format!("{name}, but {gone}"),
            remarks: vec![Remark {
                origin: rule.origin.clone(),
                written: Vec::new(),
                label: "this rule is left out".to_owned(),
            }],
            ..Quotation::default()
        };
    }
    let fails = match rule.fields.len() {
        1 => "1 field fails".to_owned(),
        count => format!("{count} fields fail"),
    };
    Quotation {
        word: "nearest",
        title: format!("{name}, {fails}"),
        remarks: rule
            .fields
            .iter()
            .map(|field| remark(field, "fails"))
            .collect(),
        ..Quotation::default()
    }
}

fn matched(rule: &RuleAccount) -> Quotation {
    let title = format!("{} `{}` rule {}", rule.action, rule.policy, rule.rule);
    let mut remarks: Vec<Remark> = rule
        .fields
        .iter()
        .map(|field| remark(field, "holds"))
        .collect();
    if remarks.is_empty() {
        remarks.push(Remark {
            origin: rule.origin.clone(),
            written: Vec::new(),
            label: "nothing in this rule leaves a request out".to_owned(),
        });
    }
    Quotation { word: "matched", title, remarks, ..Quotation::default() }
}

/// What is said about a field: its values are underlined, so they are not said again.
fn remark(field: &FieldAccount, how: &str) -> Remark {
    Remark {
        origin: field.origin.clone(),
        written: field.written.clone(),
        label: format!("`{}` {how}: the request has {}", field.name, field.has),
    }
}

/// The policies that are not about the workload: all of them, or those that would have decided.
fn passed_over(out: &mut dyn Write, account: &Account, style: Style) -> fmt::Result {
    const SHOWN: usize = 3;
    let telling = account
        .passed_over
        .iter()
        .filter(|passed| passed.would.is_some() || style.full);
    let shown = if style.full { usize::MAX } else { SHOWN };
    for (index, passed) in telling.take(shown).enumerate() {
        let begin = if index == 0 { "\npassed over:" } else { "            " };
        let would = passed
            .would
            .map_or_else(String::new, |would| format!(" {would}, but"));
        let colon = if passed.would.is_some() { "" } else { ":" };
        writeln!(
            out,
            "{begin} {} `{}`{colon}{would} {}\n             {}",
            passed.kind,
            passed.policy,
            printable(&passed.why),
            style.faint(&format!("--> {}", passed.origin))
        )?;
    }
    Ok(())
}

/// Stage by stage, what was asked and what it said.
fn stages(out: &mut dyn Write, stages: &[StageAccount], style: Style) -> fmt::Result {
    if stages.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", style.strong("stage by stage"))?;
    for stage in stages {
        let name = if stage.dry_run {
            format!("{} (dry run)", stage.stage.as_str())
        } else {
            stage.stage.as_str().to_owned()
        };
        writeln!(out, "  {name:<16}{}", stage.said)?;
        for detail in &stage.details {
            writeln!(out, "  {:<16}  {}", "", printable(detail))?;
        }
    }
    Ok(())
}
