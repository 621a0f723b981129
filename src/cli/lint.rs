//! `lint`: files → findings, and what mends them.

use std::collections::BTreeMap;

use super::exit::Exit;
use super::flags::{Files, Format};
use super::lint_args::{LintArguments, LintFormat};
use super::progress::Progress;
use super::system::System;
use super::{complain, complain_of, load, print, validate, write};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::lint::{self, Fix, IndexedTexts, Level, Levels, Subject};
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
    let mut loaded = load::resources(paths, &files.namespace, system);
    let mut linted = Linted::of(&loaded, files, levels, system);
    if arguments.fix || arguments.diff {
        let texts = match mended(&loaded, &linted.fixes) {
            Ok(texts) => texts,
            Err(finding) => {
                complain_of(system, &[finding]);
                return Exit::CouldNotAsk;
            }
        };
        if arguments.output == LintFormat::Text && !arguments.quiet {
            for (file, text) in &texts {
                let before = loaded.texts.get(file).map_or("", String::as_str);
                print(system, &text_diff(file, before, text));
            }
        }
        if arguments.fix {
            if let Err(finding) = write_all(&loaded.texts, &texts, system) {
                complain_of(system, &[finding]);
                return Exit::CouldNotAsk;
            }
            loaded = read_again(&loaded.texts, texts, &files.namespace);
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
        said.extend(loaded.resources.iter().flat_map(refusals));
        said.extend(lint::unknown_annotations(&loaded.resources));
        let mesh = mesh(loaded, files, &mut said, &mut report.notes, system);
        report.add(said);
        let subject = Subject::new(&loaded.resources, mesh.as_ref());
        let mut progress = Progress::of("linting");
        let findings = lint::run(&subject, levels, &mut || progress.step(system));
        progress.end(system);
        let texts = IndexedTexts::of(&loaded.texts);
        let mut fixes = Vec::new();
        for (lint, level, mut finding) in findings.found {
            finding.fix = finding.fix.filter(|fix| texts.fits(fix));
            fixes.extend(finding.fix.clone());
            report.add_finding(mesh.as_ref(), lint, level, finding);
        }
        for (lint, silenced) in findings.silenced {
            report.add_silenced(lint, silenced);
        }
        report.sort();
        Self { report, fixes }
    }
}

/// The mesh; absent where something is wrong with the files, so that it would not be the one that is meant.
fn mesh(
    loaded: &Loaded,
    files: &Files,
    said: &mut Vec<Diagnostic>,
    notes: &mut Vec<String>,
    system: &mut impl System,
) -> Option<Mesh> {
    let is_error = |finding: &Diagnostic| finding.severity == Severity::Error;
    let given = load::given(files, system, said);
    let mesh = if said.iter().any(is_error) {
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

/// The texts with every fix made.
fn mended(loaded: &Loaded, fixes: &[Fix]) -> Result<BTreeMap<String, String>, Diagnostic> {
    let changed = lint::apply(&loaded.texts, fixes);
    let refuse = |message: String| {
        Diagnostic::error(Code::BadRequest, message)
            .help("nothing was changed: mend one of them by hand")
    };
    let texts =
        changed.map_err(|error| refuse(format!("the fixes do not fit together: {error}")))?;
    if texts.contains_key("-") {
        let message = "standard input cannot be mended: name files, or use --diff".to_owned();
        return Err(refuse(message));
    }
    Ok(texts)
}

/// The same resources from the changed texts.
fn read_again(
    before: &Sources,
    changed: BTreeMap<String, String>,
    default_namespace: &str,
) -> Loaded {
    let mut texts = before.clone();
    texts.extend(changed);
    let mut loaded = Loaded::default();
    for (file, text) in &texts {
        parse::resources(file, text, default_namespace, &mut loaded);
    }
    parse::duplicates(&mut loaded);
    loaded
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
