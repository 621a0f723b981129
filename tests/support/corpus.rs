//! A file of the corpus to its cases, and cases to one list of disagreements.

use serde_yaml::Value;

use super::shared;

/// The YAML file `conformance/<path>`; absent where the corpus is.
pub(crate) fn document(path: &str) -> Option<Value> {
    let place = shared(&format!("conformance/{path}"))?;
    #[expect(clippy::disallowed_methods, reason = "tests read the corpus")]
    let text = std::fs::read_to_string(place).unwrap();
    Some(serde_yaml::from_str(&text).unwrap())
}

/// The names of the files in `conformance/<path>`, sorted; absent where the corpus is.
pub(crate) fn files(path: &str) -> Option<Vec<String>> {
    let place = shared(&format!("conformance/{path}"))?;
    #[expect(clippy::disallowed_methods, reason = "tests read the corpus")]
    let entries = std::fs::read_dir(place).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    Some(names)
}

/// The items of the list `key`.
pub(crate) fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key]
        .as_sequence()
        .unwrap_or_else(|| panic!("no list `{key}` in {value:?}"))
}

/// The texts of the list `key`.
pub(crate) fn texts<'v>(value: &'v Value, key: &str) -> Vec<&'v str> {
    list(value, key)
        .iter()
        .map(|item| item.as_str().unwrap())
        .collect()
}

/// The text `key`.
pub(crate) fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("no text `{key}` in {value:?}"))
}

/// The truth value `key`.
pub(crate) fn flag(value: &Value, key: &str) -> bool {
    value[key]
        .as_bool()
        .unwrap_or_else(|| panic!("no truth value `{key}` in {value:?}"))
}

/// The disagreements of a run over cases, and how many cases it saw.
#[derive(Default)]
pub(crate) struct Run {
    seen: usize,
    disagreements: Vec<String>,
}

impl Run {
    /// One case: what the corpus (or the reading chosen) says, and what came out.
    pub(crate) fn case<T: PartialEq + std::fmt::Debug>(&mut self, name: &str, want: &T, got: &T) {
        self.seen += 1;
        self.more(name, want, got);
    }

    /// Another claim of the case before.
    pub(crate) fn more<T: PartialEq + std::fmt::Debug>(&mut self, name: &str, want: &T, got: &T) {
        if want != got {
            self.disagreements
                .push(format!("{name}: want {want:?}, got {got:?}"));
        }
    }

    /// Fails for any disagreement, and where not exactly `count` cases were seen.
    #[track_caller]
    pub(crate) fn agrees_in(self, count: usize) {
        assert!(self.disagreements.is_empty(), "{}", self.disagreements.join("\n"));
        assert_eq!(self.seen, count, "number of cases");
    }
}

#[cfg(feature = "yaml")]
/// Manifests of the corpus, read as a user's files are. Absent metadata is filled in where the corpus leaves it out.
pub(crate) fn resources(manifests: &[Value]) -> Vec<portcullis::istio::Resource> {
    let mut loaded = portcullis::parse::Loaded::default();
    for manifest in manifests {
        let mut manifest = manifest.clone();
        // Some of the corpus's names have spaces, which no cluster takes.
        if let Some(name) = manifest["metadata"]["name"].as_str() {
            manifest["metadata"]["name"] = name.replace(' ', "-").into();
        }
        let text = serde_yaml::to_string(&manifest).unwrap();
        portcullis::parse::resources("corpus", &text, "default", &mut loaded);
    }
    assert!(loaded.findings.is_empty(), "{}", loaded.findings[0]);
    loaded.resources
}

#[cfg(feature = "yaml")]
/// Labels; absent and null are none.
pub(crate) fn labels(value: &Value) -> std::collections::BTreeMap<String, String> {
    let pairs = value.as_mapping().into_iter().flatten();
    pairs
        .map(|(key, value)| (key.as_str().unwrap().to_owned(), value.as_str().unwrap().to_owned()))
        .collect()
}
