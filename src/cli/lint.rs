//! `lint`: files → findings, and what mends them.

use std::collections::BTreeMap;

use super::exit::Exit;
use super::flags::{Files, Format};
use super::lint_args::{LintArguments, LintFormat};
use super::progress::Progress;
use super::system::System;
use super::{complain, complain_of, load, print, validate, write};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::lint::{self, Finding, Fix, IndexedTexts, Level, Levels, Lint, Subject};
use crate::mesh::Mesh;
use crate::parse::{self, Loaded};
use crate::report::{
    LintReport, Sources, Style, lint_document, lint_github, lint_junit, lint_sarif, lint_text,
    text_diff,
};
use crate::validate::refusals;

/// Answers.
pub(crate) fn run(
    arguments: &LintArguments,
    levels: &Levels,
    style: Style,
    system: &mut impl System,
) -> Exit {
    let files = &arguments.files;
    let paths = if arguments.targets.is_empty() { &files.paths } else { &arguments.targets };
    if paths.is_empty() {
        let finding = Diagnostic::error(Code::BadRequest, "no file is named that holds policies")
            .help("name it: `lint policies/`, `lint 'k8s/**/*.yaml'`, `lint -`, or `filename:` in .portcullis.yaml");
        complain_of(system, &[finding]);
        return Exit::CouldNotAsk;
    }
    let mut read = load::texts(paths, system);
    let mut loaded = load::understood(&read, &files.namespace);
    let mut linted = Linted::of(&loaded, files, levels, system);
    if arguments.fix || arguments.diff {
        // What does not fit was left out with the findings.
        let texts = match lint::apply(&loaded.texts, &linted.fixes) {
            Ok(texts) => texts,
            Err(error) => return refuse(format!("the fixes do not fit together: {error}"), system),
        };
        if arguments.output == LintFormat::Text && !arguments.quiet {
            for (file, text) in &texts {
                let before = loaded.texts.get(file).map_or("", String::as_str);
                print(system, &text_diff(file, before, text));
            }
        }
        if arguments.fix && !arguments.diff {
            if texts.contains_key("-") {
                let message = "standard input cannot be mended: name files, or use --diff";
                return refuse(message.to_owned(), system);
            }
            if let Err(finding) = write_all(&loaded.texts, &texts, system) {
                complain_of(system, &[finding]);
                return Exit::CouldNotAsk;
            }
            for (file, text) in read.iter_mut().flatten() {
                if let Some(changed) = texts.get(file) {
                    changed.clone_into(text);
                }
            }
            loaded = load::understood(&read, &files.namespace);
            linted = Linted::of(&loaded, files, levels, system);
        }
    }
    if !arguments.quiet {
        let shown = Shown {
            kind: "LintResult",
            format: arguments.output,
            report: &linted.report,
            sources: &loaded.texts,
            fail_level: arguments.fail_level,
        };
        shown.show(style, system);
    }
    validate::exit(&linted.report, arguments.fail_level, loaded.resources.is_empty())
}

/// A report and how it is shown.
pub(crate) struct Shown<'r> {
    /// The kind of its document.
    pub(crate) kind: &'static str,
    pub(crate) format: LintFormat,
    pub(crate) report: &'r LintReport,
    pub(crate) sources: &'r Sources,
    pub(crate) fail_level: Level,
}

impl Shown<'_> {
    /// Prints it.
    pub(crate) fn show(&self, style: Style, system: &mut impl System) {
        let document = || lint_document(self.kind, self.report);
        match self.format {
            LintFormat::Text => {
                let mut text = String::new();
                if lint_text(&mut text, self.report, self.sources, style).is_ok() {
                    print(system, &text);
                }
            }
            LintFormat::Json => write(system, Format::Json, &document()),
            LintFormat::Yaml => write(system, Format::Yaml, &document()),
            LintFormat::Sarif => {
                let log = lint_sarif(self.report, env!("CARGO_PKG_VERSION"));
                write(system, Format::Json, &log);
            }
            LintFormat::Github => print(system, &lint_github(self.report)),
            LintFormat::Junit => {
                let files = self.sources.keys().map(String::as_str);
                match lint_junit(self.report, files, self.fail_level) {
                    Ok(xml) => print(system, &xml),
                    Err(error) => complain(system, &format!("error: {error}\n")),
                }
            }
        }
    }
}

/// What came of looking.
struct Linted {
    report: LintReport,
    fixes: Vec<Fix>,
}

impl Linted {
    fn of(loaded: &Loaded, files: &Files, levels: &Levels, system: &mut impl System) -> Self {
        let mut report = LintReport::default();
        let mut said = loaded.findings.clone();
        let mut admitted = true;
        for resource in &loaded.resources {
            let mut refusals = refusals(resource);
            for refusal in &mut refusals {
                // Then it is in the cluster all the same.
                if files.admission_bypassed && refusal.code == Code::Refused {
                    refusal.severity = Severity::Warning;
                }
                admitted &= refusal.severity != Severity::Error;
            }
            report.add_of(resource, refusals);
        }
        said.extend(lint::unknown_annotations(&loaded.resources));
        let mesh = mesh(loaded, files, admitted, &mut said, &mut report.notes, system);
        report.add(said);
        let subject = Subject::new(&loaded.resources, mesh.as_ref());
        let mut progress = Progress::of("linting");
        let findings = lint::run(&subject, levels, &mut || progress.step(system));
        progress.end(system);
        let mut found = findings.found;
        let fixes = fitting(&loaded.texts, &mut found);
        for (lint, level, finding) in found {
            report.add_finding(mesh.as_ref(), lint, level, finding);
        }
        if !findings.incomplete.is_empty() {
            let codes: Vec<&str> = findings.incomplete.iter().map(|lint| lint.code).collect();
            report.notes.push(format!(
                "of {} not everything was looked at: there are too many values to try them all",
                codes.join(", ")
            ));
        }
        for (lint, silenced) in findings.silenced {
            report.add_silenced(lint, silenced);
        }
        report.sort();
        Self { report, fixes }
    }
}

/// The fixes that can be made; of the others their findings say why not.
fn fitting(texts: &Sources, found: &mut [(&Lint, Level, Finding)]) -> Vec<Fix> {
    let fixes: Vec<Fix> = found
        .iter()
        .filter_map(|(_, _, finding)| finding.fix.clone())
        .collect();
    if fixes.is_empty() {
        return fixes;
    }
    let fit = IndexedTexts::of(texts, parse::anchored).fit(&fixes);
    let findings = found
        .iter_mut()
        .filter(|(_, _, finding)| finding.fix.is_some());
    for ((_, _, finding), fit) in findings.zip(&fit) {
        if let Err(why) = fit {
            finding.fix = None;
            finding
                .help
                .push_str(&format!("; --fix leaves it alone: {}", why.because));
        }
    }
    fixes
        .into_iter()
        .zip(fit)
        .filter(|(_, fit)| fit.is_ok())
        .map(|(fix, _)| fix)
        .collect()
}

/// The mesh; absent where something is wrong with the files, so that it would not be the one that is meant.
fn mesh(
    loaded: &Loaded,
    files: &Files,
    admitted: bool,
    said: &mut Vec<Diagnostic>,
    notes: &mut Vec<String>,
    system: &mut impl System,
) -> Option<Mesh> {
    let is_error = |finding: &Diagnostic| finding.severity == Severity::Error;
    let given = load::given(files, system, said);
    let mesh = if !admitted || said.iter().any(is_error) {
        None
    } else {
        match load::compile(files, given, loaded) {
            Ok((mesh, warnings)) => {
                for warning in warnings {
                    // Refusals were said already.
                    let refusal = matches!(warning.code, Code::Refused | Code::WouldWarn);
                    if warning.code == Code::NotYetModelled {
                        notes.push(warning.message);
                    } else if !refusal {
                        said.push(warning);
                    }
                }
                Some(mesh)
            }
            Err(errors) => {
                said.extend(errors);
                None
            }
        }
    };
    if mesh.is_none() {
        notes.push(
            "what depends on several resources was not looked at: mend the errors first".to_owned(),
        );
    }
    mesh
}

/// Says why nothing is mended.
fn refuse(message: String, system: &mut impl System) -> Exit {
    let finding = Diagnostic::error(Code::BadRequest, message).help("nothing was changed");
    complain_of(system, &[finding]);
    Exit::CouldNotAsk
}

/// Writes every text, or puts back those that were written.
fn write_all(
    before: &Sources,
    changed: &BTreeMap<String, String>,
    system: &mut impl System,
) -> Result<(), Diagnostic> {
    let mut written: Vec<&str> = Vec::new();
    for (file, text) in changed {
        if let Err(error) = system.write(file, text) {
            written.push(file);
            for file in written {
                let text = before.get(file).map_or("", String::as_str);
                if system.write(file, text).is_err() {
                    let message = format!("`{file}` could not be put back as it was: {error}");
                    return Err(Diagnostic::error(Code::Unreadable, message));
                }
            }
            let message = format!("cannot write `{file}`: {error}");
            return Err(Diagnostic::error(Code::Unreadable, message).help("nothing was changed"));
        }
        written.push(file);
    }
    Ok(())
}
