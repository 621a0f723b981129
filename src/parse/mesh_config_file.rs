//! A file that holds a MeshConfig, in any of the shapes that people keep it in → the MeshConfig.

use std::sync::Arc;

use super::embedded::{Outer, embedded};
use super::helm_values;
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
        Some(kind) => helm_values::installation(reader, document, kind),
        None => helm_values::bare(reader, document).or_else(|| {
            let Value::Mapping(fields) = &document.value else { return None };
            (!fields.is_empty()).then(|| mesh_config(reader, document, root))
        }),
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

    // [IN-1] The chart writes the namespace that it installs into where the values name no root namespace.
    #[rstest]
    #[case::helm(
        "global: {istioNamespace: mesh}\nmeshConfig: {accessLogFile: /dev/stdout}",
        Some("mesh")
    )]
    #[case::helm_without_mesh_config("global: {istioNamespace: mesh}", Some("mesh"))]
    #[case::helm_names_the_root(
        "global: {istioNamespace: mesh}\nmeshConfig: {rootNamespace: root}",
        Some("root")
    )]
    #[case::helm_with_an_empty_name(
        "global: {istioNamespace: mesh}\nmeshConfig: {rootNamespace: ''}",
        Some("mesh")
    )]
    #[case::helm_says_nothing("global: {hub: x}\nmeshConfig: {}", None)]
    #[case::istio_operator(
        "apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nspec: {namespace: mesh, meshConfig: {}, values: {global: {istioNamespace: mesh}}}",
        Some("mesh")
    )]
    #[case::the_namespace_of_an_istio_operator_is_not_enough(
        "apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nmetadata: {name: i, namespace: mesh}\nspec: {namespace: mesh, meshConfig: {}}",
        None
    )]
    #[case::istio_operator_without_mesh_config(
        "apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nspec: {values: {global: {istioNamespace: mesh}}}",
        Some("mesh")
    )]
    #[case::values_win_in_an_istio_operator(
        "apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nspec: {meshConfig: {rootNamespace: one}, values: {meshConfig: {rootNamespace: two}}}",
        Some("two")
    )]
    #[case::operator(
        "apiVersion: sailoperator.io/v1\nkind: Istio\nspec: {namespace: mesh, values: {global: {istioNamespace: x}}}",
        Some("mesh")
    )]
    #[case::bare("rootNamespace: root", Some("root"))]
    #[case::bare_says_nothing("trustDomain: td", None)]
    fn the_root_namespace_is_the_one_that_the_chart_writes(
        #[case] text: &str,
        #[case] want: Option<&str>,
    ) {
        let mut findings = Vec::new();
        let config = mesh_config_file("mesh.yaml", text, &mut findings).unwrap();
        assert_eq!(config.root_namespace.as_deref(), want);
        assert!(findings.is_empty(), "{findings:?}");
    }

    // [IN-10] [IN-35]
    #[rstest]
    #[case::a_flag_of_istiod(
        "pilot: {env: {PILOT_SKIP_VALIDATE_TRUST_DOMAIN: true}}",
        Some("`pilot.env.PILOT_SKIP_VALIDATE_TRUST_DOMAIN`")
    )]
    #[case::the_default_of_a_flag("pilot: {env: {PILOT_HTTP10: 'false'}}", None)]
    #[case::another_flag("pilot: {env: {PILOT_TRACE_SAMPLING: '1'}}", None)]
    #[case::ports_of_every_pod(
        "global: {proxy: {excludeInboundPorts: '9090'}}",
        Some("`global.proxy.excludeInboundPorts`")
    )]
    #[case::the_default_of_the_chart(
        "global: {proxy: {excludeInboundPorts: '', includeIPRanges: '*'}}",
        None
    )]
    #[case::every_namespace(
        "sidecarInjectorWebhook: {enableNamespacesByDefault: true}",
        Some("`sidecarInjectorWebhook.enableNamespacesByDefault`")
    )]
    fn values_that_are_not_read_and_may_change_an_answer_are_told(
        #[case] values: &str,
        #[case] want: Option<&str>,
    ) {
        let mut findings = Vec::new();
        let text = format!("meshConfig: {{}}\n{values}\n");
        mesh_config_file("mesh.yaml", &text, &mut findings).unwrap();
        let said = findings.first().map(|finding| {
            assert_eq!(finding.severity, Severity::Warning);
            finding.message.as_str()
        });
        assert_eq!(findings.len(), usize::from(want.is_some()));
        assert!(
            said.unwrap_or_default()
                .starts_with(want.unwrap_or_default()),
            "{said:?}"
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
