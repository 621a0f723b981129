//! A settings file and the environment → defaults for flags, each with the place that it comes from.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::system::System;
use super::{lint_settings, load};
use crate::diagnostic::{Code, Diagnostic, FieldPath, Origin};
use crate::lint::Levels;
use crate::parse::node::Value;
use crate::parse::reader::{Place, Reader};
use crate::parse::suggest::nearest;
use crate::parse::yaml::{Dialect, documents_in};

/// The name of a settings file.
pub(crate) const FILE: &str = ".portcullis.yaml";
/// What the name of every variable begins with.
const PREFIX: &str = "PORTCULLIS_";

/// What a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// `true` or `false`.
    Boolean,
    /// Several texts: a list in a file, with commas between them in a variable.
    List,
    /// Several paths; those in a file are relative to it.
    Paths,
    /// One path; relative to the file that names it.
    Path,
    /// One text.
    Text,
}

/// Every setting by its name, which is that of a flag: `trust-domain` in a file, `PORTCULLIS_TRUST_DOMAIN` in the
/// environment. What makes one question that question (`--header`, `--token` …) is no setting.
pub(crate) const SETTINGS: &[(&str, Takes)] = &[
    ("accepted", Takes::Paths),
    ("admission-bypassed", Takes::Boolean),
    ("alpn", Takes::List),
    ("color", Takes::Text),
    ("coverage-threshold", Takes::Text),
    ("explain", Takes::Boolean),
    ("fail-level", Takes::Text),
    ("filename", Takes::Paths),
    ("istio", Takes::Text),
    ("jobs", Takes::Text),
    ("mesh-config", Takes::Path),
    ("namespace", Takes::Text),
    ("output", Takes::Text),
    ("provider", Takes::List),
    ("quiet", Takes::Boolean),
    ("recursive", Takes::Boolean),
    ("remote-ip", Takes::Text),
    ("revision", Takes::Text),
    ("root-namespace", Takes::Text),
    ("sni", Takes::Text),
    ("source-ip", Takes::Text),
    ("state", Takes::Path),
    ("threshold", Takes::Text),
    ("trust-domain", Takes::Text),
    ("trust-domain-alias", Takes::List),
    ("via", Takes::Text),
    ("xff", Takes::Text),
];

/// Where a setting was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// In a variable of this name.
    Environment(String),
    /// In a file.
    File(Origin),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Environment(name) => f.write_str(name),
            Self::File(origin) => origin.fmt(f),
        }
    }
}

/// One setting that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Its name, which is the flag's.
    pub(crate) name: &'static str,
    /// Its values; several for a list only.
    pub(crate) values: Vec<String>,
    /// Where it was found.
    pub(crate) source: Source,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    /// In the order of their names, each once: the environment counts over the file.
    pub(crate) found: Vec<Setting>,
    /// The settings file; absent: there is none.
    pub(crate) file: Option<String>,
    /// What the file says of lints.
    pub(crate) lint: Levels,
    /// Everything that is wrong with them.
    pub(crate) complaints: Vec<Diagnostic>,
}

impl Settings {
    /// Reads the settings file, `given` or the nearest one upward, and the environment.
    pub(crate) fn find(given: Option<&str>, system: &mut impl System) -> Self {
        let mut settings = Self::default();
        settings.environment(system);
        match given {
            Some(path) => match system.read(path) {
                Ok(text) => settings.read(path, &text),
                Err(error) => settings.complaints.push(load::unreadable(path, &error)),
            },
            None => settings.search(system),
        }
        settings.found.sort_by_key(|setting| setting.name);
        settings.complaints.sort_by(|a, b| a.origin.cmp(&b.origin));
        settings
    }

    /// The values as flags have them.
    pub(crate) fn defaults(&self) -> Vec<(&'static str, Vec<String>)> {
        self.found
            .iter()
            .map(|setting| (setting.name, setting.values.clone()))
            .collect()
    }

    /// The setting of this name.
    pub(crate) fn named(&self, name: &str) -> Option<&Setting> {
        self.found.iter().find(|setting| setting.name == name)
    }

    /// That a flag does not take what a setting says; absent where no setting of that name was found.
    pub(crate) fn refused(&self, name: &str, help: &str) -> Option<Diagnostic> {
        let setting = self.named(name)?;
        let value = setting.values.join(",");
        let (shown, origin) = match &setting.source {
            Source::Environment(variable) => (format!("`{variable}`"), None),
            Source::File(origin) => (format!("`{name}`"), Some(origin.clone())),
        };
        let mut finding =
            Diagnostic::error(Code::BadValue, format!("{shown} does not take `{value}`"));
        finding.origin = origin;
        Some(if help.is_empty() { finding } else { finding.help(help) })
    }

    fn environment(&mut self, system: &impl System) {
        for (variable, text) in system.variables(PREFIX) {
            let name = variable
                .strip_prefix(PREFIX)
                .unwrap_or_default()
                .to_ascii_lowercase()
                .replace('_', "-");
            let Some((name, takes)) = SETTINGS.iter().find(|(known, _)| *known == name) else {
                // A name that is near to none was hardly meant as a setting: whoever installs the tool may have set it, as
                // is usual for its version.
                let message = format!("`{variable}` is no setting");
                let near = nearest(&name, names()).filter(|_| name != "version");
                self.complaints.push(match near {
                    Some(near) => Diagnostic::error(Code::UnknownField, message)
                        .help(format!("did you mean `{}`?", variable_of(near))),
                    None => Diagnostic::warning(Code::UnknownField, message).help(
                        "`portcullis config` prints all there are; --no-config leaves them out",
                    ),
                });
                continue;
            };
            let values = match takes {
                // A variable that is set to nothing is not set.
                _ if text.is_empty() => continue,
                Takes::List | Takes::Paths => text.split(',').map(str::to_owned).collect(),
                Takes::Boolean | Takes::Path | Takes::Text => vec![text],
            };
            self.found
                .push(Setting { name, values, source: Source::Environment(variable) });
        }
    }

    /// The nearest settings file at or above the working directory.
    fn search(&mut self, system: &mut impl System) {
        let Ok(folder) = system.current_folder() else { return };
        let mut path = FILE.to_owned();
        for _ in Path::new(&folder).ancestors() {
            match system.read(&path) {
                Ok(text) => return self.read(&path, &text),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return self.complaints.push(load::unreadable(&path, &error)),
            }
            path.insert_str(0, "../");
        }
    }

    fn read(&mut self, path: &str, text: &str) {
        self.file = Some(path.to_owned());
        let file: Arc<str> = Arc::from(path);
        let documents = documents_in(Dialect::Suite, &file, text, &mut self.complaints);
        let mut reader = Reader { file: Arc::clone(&file), complaints: &mut self.complaints };
        let mut documents = documents.iter();
        let Some(document) = documents.next().filter(|node| node.value != Value::Null) else {
            return;
        };
        if let Some(second) = documents.next() {
            let message = "settings are one document, and here begins a second one";
            reader.complain(&(second, FieldPath::root()), Code::BadValue, message);
        }
        let Some(mut fields) = reader.fields(&(document, FieldPath::root())) else { return };
        for (name, takes) in SETTINGS {
            let Some(place) = fields.take(name) else { continue };
            let Some(values) = values(&mut reader, &place, *takes, path) else { continue };
            if self.found.iter().all(|setting| setting.name != *name) {
                let source = Source::File(Origin::new(&file, place.0.position));
                self.found.push(Setting { name, values, source });
            }
        }
        if let Some(place) = fields.take("lint") {
            self.lint = lint_settings::levels(&mut reader, &place);
        }
        reader.finish(fields);
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().map(|(name, _)| *name)
}

/// `trust-domain` → `PORTCULLIS_TRUST_DOMAIN`.
pub(crate) fn variable_of(name: &str) -> String {
    format!("{PREFIX}{}", name.to_ascii_uppercase().replace('-', "_"))
}

fn values(
    reader: &mut Reader<'_>,
    place: &Place<'_>,
    takes: Takes,
    file: &str,
) -> Option<Vec<String>> {
    let many = matches!(place.0.value, Value::Sequence(_));
    match takes {
        Takes::Boolean => reader.boolean(place).map(|value| vec![value.to_string()]),
        Takes::List | Takes::Paths if many => {
            let texts = reader.strings(place).into_iter().map(|text| text.value);
            Some(texts.map(|text| relative(file, text, takes)).collect())
        }
        Takes::List | Takes::Path | Takes::Paths | Takes::Text => reader
            .string(place)
            .map(|text| vec![relative(file, text.value, takes)]),
    }
}

/// A path of a settings file is relative to the file; any other text is as it is.
fn relative(file: &str, text: String, takes: Takes) -> String {
    match takes {
        Takes::Path | Takes::Paths if text != "-" => load::beside(file, &text),
        Takes::Boolean | Takes::List | Takes::Path | Takes::Paths | Takes::Text => text,
    }
}
