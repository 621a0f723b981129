//! A JSON value → YAML text.

/// The value as one YAML document.
///
/// # Errors
/// What the writer says; a JSON value always has a YAML form.
pub(crate) fn to_yaml(value: &serde_json::Value) -> Result<String, String> {
    serde_yaml::to_string(value).map_err(|error| error.to_string())
}
