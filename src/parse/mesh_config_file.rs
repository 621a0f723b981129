//! A file that holds a MeshConfig, in any of the shapes that people keep it in → the MeshConfig.

use std::sync::Arc;

use super::embedded::{Outer, embedded};
use super::mesh_config::mesh_config;
use super::node::{Node, Value};
use super::reader::{Place, Reader};
use super::yaml::{self, Dialect};
use crate::diagnostic::{Code, Diagnostic, FieldPath, Severity};
use crate::istio::MeshConfig;

/// Reads a MeshConfig: bare, as the key `mesh` of a ConfigMap, or below `meshConfig` in IstioOperator, in an Istio
/// resource of the operator, and in Helm values. What istiod drops there silently (an unknown field of a
/// ConfigMap) is a warning; in a bare one it is an error. Absent, with a complaint, where there is none.
pub fn mesh_config_file(
    file: &str,
    text: &str,
    findings: &mut Vec<Diagnostic>,
) -> Option<MeshConfig> {
    let file = Arc::from(file);
    let documents = yaml::documents(&file, text, findings);
    let mut reader = Reader { file, complaints: findings };
    let found = documents
        .iter()
        .find_map(|document| within(&mut reader, document, text));
    if found.is_none()
        && !reader
            .complaints
            .iter()
            .any(|finding| finding.severity == Severity::Error)
    {
        let finding =
            Diagnostic::error(Code::MissingField, format!("`{}` holds no MeshConfig", reader.file));
        reader.push(finding.help(
            "a bare MeshConfig, a ConfigMap with the key `mesh`, or IstioOperator or Helm values with `meshConfig`",
        ));
    }
    found
}

/// The MeshConfig of one document; absent where it holds something else.
fn within(reader: &mut Reader<'_>, document: &Node, text: &str) -> Option<MeshConfig> {
    let root = FieldPath::root();
    let path = |fields: &[&str]| {
        fields
            .iter()
            .fold(root.clone(), |path, field| path.field(field))
    };
    let at = |fields: &[&'static str]| {
        let node = fields
            .iter()
            .try_fold(document, |node, field| node.get(field))?;
        Some((node, path(fields)))
    };
    match document.get("kind").and_then(Node::as_str) {
        Some("ConfigMap") => in_config_map(reader, &at(&["data", "mesh"])?, text),
        Some("List") => {
            let Value::Sequence(items) = &document.get("items")?.value else { return None };
            items.iter().find_map(|item| within(reader, item, text))
        }
        Some(_) => {
            let place =
                at(&["spec", "meshConfig"]).or_else(|| at(&["spec", "values", "meshConfig"]))?;
            Some(mesh_config(reader, place.0, place.1))
        }
        None => {
            if let Some(place) = at(&["meshConfig"]) {
                return Some(mesh_config(reader, place.0, place.1));
            }
            let Value::Mapping(fields) = &document.value else { return None };
            (!fields.is_empty()).then(|| mesh_config(reader, document, root))
        }
    }
}

fn in_config_map(reader: &mut Reader<'_>, mesh: &Place<'_>, text: &str) -> Option<MeshConfig> {
    let before = reader.complaints.len();
    let documents = embedded(reader, &Outer::new(text), mesh, Dialect::Kubernetes)?;
    let config = documents
        .first()
        .map_or_else(MeshConfig::default, |node| mesh_config(reader, node, mesh.1.clone()));
    for finding in reader.complaints.iter_mut().skip(before) {
        if finding.code == Code::UnknownField {
            finding.severity = Severity::Warning;
        }
    }
    Some(config)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::mesh_config_file;
    use crate::diagnostic::Severity;

    #[rstest]
    #[case::bare("trustDomain: corp.example")]
    #[case::config_map(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio}\ndata:\n  mesh: |-\n    trustDomain: corp.example\n    ofAnotherRelease: true\n"
    )]
    #[case::list(
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  data:\n    mesh: |-\n      trustDomain: corp.example\n"
    )]
    #[case::istio_operator(
        "apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nspec:\n  meshConfig:\n    trustDomain: corp.example"
    )]
    #[case::operator(
        "apiVersion: sailoperator.io/v1\nkind: Istio\nspec: {values: {meshConfig: {trustDomain: corp.example}}}"
    )]
    #[case::helm("global: {hub: x}\nmeshConfig: {trustDomain: corp.example}")]
    #[case::behind_another("apiVersion: v1\nkind: Secret\n---\ntrustDomain: corp.example")]
    fn a_mesh_config_is_found_in_every_shape(#[case] text: &str) {
        let mut findings = Vec::new();
        let config = mesh_config_file("mesh.yaml", text, &mut findings).unwrap();
        assert_eq!(config.trust_domain.as_deref(), Some("corp.example"), "{findings:?}");
        assert!(
            findings
                .iter()
                .all(|finding| finding.severity == Severity::Warning),
            "{findings:?}"
        );
    }

    #[rstest]
    #[case::empty("")]
    #[case::another_kind("apiVersion: v1\nkind: Secret\nmetadata: {name: x}")]
    #[case::no_key_mesh("apiVersion: v1\nkind: ConfigMap\ndata: {meshNetworks: ''}")]
    #[case::misspelt("trustDomian: corp.example")]
    #[case::no_mapping("- a\n- b")]
    fn a_file_without_one_is_an_error(#[case] text: &str) {
        let mut findings = Vec::new();
        mesh_config_file("mesh.yaml", text, &mut findings);
        assert!(
            findings
                .iter()
                .any(|finding| finding.severity == Severity::Error)
        );
    }
}
