//! `validate`: files → what the API server or Istio's webhook would refuse or warn about. No mesh is made.

use super::exit::Exit;
use super::lint::Shown;
use super::lint_args::Validate;
use super::load;
use super::system::System;
use crate::lint::Level;
use crate::report::{LintReport, Style};
use crate::validate::refusals;

/// Answers.
pub(crate) fn run(arguments: &Validate, style: Style, system: &mut impl System) -> Exit {
    let loaded = load::resources(&arguments.paths, &arguments.namespace, system);
    let mut report = LintReport::default();
    report.add(loaded.findings.iter().cloned());
    for resource in &loaded.resources {
        report.add_of(resource, refusals(resource));
    }
    report.sort();
    if !arguments.quiet {
        let shown = Shown {
            kind: "ValidateResult",
            format: arguments.output,
            report: &report,
            sources: &loaded.texts,
            fail_level: Level::Error,
        };
        shown.show(style, system);
    }
    exit(&report, Level::Error, loaded.resources.is_empty())
}

/// 2 where a text could not be read, 1 where something is as grave as `fail_level`, 4 where there was nothing.
pub(crate) fn exit(report: &LintReport, fail_level: Level, empty: bool) -> Exit {
    if report.is_unreadable() {
        Exit::CouldNotAsk
    } else if report.worst().is_some_and(|worst| worst >= fail_level) {
        Exit::No
    } else if empty {
        Exit::NothingRan
    } else {
        Exit::Yes
    }
}
