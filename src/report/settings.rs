//! Settings → a line for each, or a document.

use schemars::JsonSchema;
use serde::Serialize;

use super::document::API_VERSION;
use super::json::Document;
use crate::diagnostic::printable;

/// One setting as it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveSetting<'s> {
    /// Its name in a settings file.
    pub name: &'static str,
    /// Its values; none: it is not set.
    pub values: &'s [String],
    /// Where it is set: a variable, or a place in a file.
    pub source: Option<String>,
    /// Its name in the environment.
    pub variable: String,
}

/// Every setting that is set, aligned, and the names of the others.
#[must_use]
pub fn text(file: Option<&str>, settings: &[EffectiveSetting<'_>]) -> String {
    let mut text = match file {
        Some(file) => format!("settings file: {}\n", printable(file)),
        None => "no .portcullis.yaml at or above the working directory\n".to_owned(),
    };
    let (set, unset): (Vec<_>, Vec<_>) = settings
        .iter()
        .partition(|setting| setting.source.is_some());
    let width = |of: &dyn Fn(&EffectiveSetting<'_>) -> usize| {
        set.iter()
            .map(|setting| of(setting))
            .max()
            .unwrap_or_default()
    };
    let shown = |setting: &EffectiveSetting<'_>| printable(&setting.values.join(", "));
    let names = width(&|setting| setting.name.len());
    let values = width(&|setting| shown(setting).chars().count());
    for setting in &set {
        let (name, source) = (setting.name, setting.source.as_deref().unwrap_or_default());
        let value = shown(setting);
        let gap = values.saturating_sub(value.chars().count());
        text.push_str(&format!("  {name:<names$}  {value}{:gap$}  {}\n", "", printable(source)));
    }
    let names: Vec<&str> = unset.iter().map(|setting| setting.name).collect();
    if !names.is_empty() {
        text.push_str(&format!("not set: {}\n", names.join(", ")));
    }
    text
}

/// The effective settings.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct SettingsDocument<'s> {
    /// `portcullis.dev/v1alpha1`.
    api_version: &'static str,
    /// `Settings`.
    kind: &'static str,
    /// The settings file; null where there is none.
    file: Option<&'s str>,
    /// Every setting, set or not, in the order of their names.
    settings: Vec<SettingDocument<'s>>,
}

/// One setting.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct SettingDocument<'s> {
    /// Its name in a settings file, which is that of the flag.
    name: &'static str,
    /// Its name in the environment.
    variable: &'s str,
    /// Its values; none: it is not set.
    values: &'s [String],
    /// Where it is set, a variable or `file:line:column`; null: it is not set.
    source: Option<&'s str>,
}

/// Every setting, kind `Settings`.
#[must_use]
pub fn document(file: Option<&str>, settings: &[EffectiveSetting<'_>]) -> Document {
    let settings = settings.iter().map(|setting| SettingDocument {
        name: setting.name,
        variable: &setting.variable,
        values: setting.values,
        source: setting.source.as_deref(),
    });
    Document::of(&SettingsDocument {
        api_version: API_VERSION,
        kind: "Settings",
        file,
        settings: settings.collect(),
    })
}

/// The JSON Schema of the settings.
#[must_use]
pub fn schema() -> Document {
    Document(schemars::schema_for!(SettingsDocument<'_>).to_value())
}
