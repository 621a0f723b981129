//! Settings → a line for each, or a document.

use serde_json::json;

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

/// Every setting, kind `Settings`.
#[must_use]
pub fn document(file: Option<&str>, settings: &[EffectiveSetting<'_>]) -> Document {
    let one = |setting: &EffectiveSetting<'_>| {
        json!({
            "name": setting.name,
            "variable": setting.variable,
            "values": setting.values,
            "source": setting.source,
        })
    };
    Document(json!({
        "apiVersion": API_VERSION,
        "kind": "Settings",
        "file": file,
        "settings": settings.iter().map(one).collect::<Vec<_>>(),
    }))
}
