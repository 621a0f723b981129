//! A JSON value → YAML text that every reader takes for the same.

/// The value as one YAML document.
///
/// # Errors
/// What the writer says; a JSON value always has a YAML form.
pub(crate) fn to_yaml(value: &serde_json::Value) -> Result<String, String> {
    let text = serde_yaml::to_string(value).map_err(|error| error.to_string())?;
    Ok(text.lines().map(quoted).collect())
}

/// A line whose plain value YAML 1.1 would take for a boolean gets it in quotes; and a line break.
fn quoted(line: &str) -> String {
    const WORDS: [&str; 6] = ["y", "n", "yes", "no", "on", "off"];
    let value = line.rsplit(' ').next().unwrap_or(line);
    let before = line.strip_suffix(value).unwrap_or_default();
    let is_value = before.is_empty() || before.ends_with(": ") || before.ends_with("- ");
    if is_value && WORDS.iter().any(|word| value.eq_ignore_ascii_case(word)) {
        return format!("{before}'{value}'\n");
    }
    format!("{line}\n")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_word_that_yaml_1_1_takes_for_a_boolean_is_quoted() {
        let value = serde_json::json!({"answer": "yes", "list": ["No", "x"], "text": "say: yes", "real": true});
        let text = super::to_yaml(&value).unwrap();
        assert_eq!(text, "answer: 'yes'\nlist:\n- 'No'\n- x\ntext: 'say: yes'\nreal: true\n");
    }
}
