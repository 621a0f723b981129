//! Text to resources: every complaint is collected, nothing is left out.

mod anchors;
mod authorization_policy;
pub(crate) mod embedded;
mod helm_values;
#[cfg(feature = "json")]
pub(crate) mod json;
mod kinds;
pub(crate) mod mesh_config;
mod mesh_config_file;
mod meta;
pub(crate) mod node;
mod peer_authentication;
mod proxy_config;
pub(crate) mod reader;
mod request_authentication;
mod scalar;
mod selector;
mod service;
pub(crate) mod suggest;
#[cfg(test)]
mod tests;
mod tree;
mod workload;
pub(crate) mod yaml;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use anchors::anchored;
use embedded::Outer;
pub use kinds::kinds;
use kinds::{Handling, Known, TypeMeta};
pub use mesh_config_file::mesh_config_file;
use node::Node;
use reader::{Fields, MAX_COMPLAINTS, Place, Reader};

use crate::diagnostic::{Code, Diagnostic, FieldPath, Origin, Severity, Sourced};
use crate::istio::Resource;

/// What was read so far. A resource with a wrong field is not in it: the complaint is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loaded {
    /// The resources, in the order of the texts.
    pub resources: Vec<Resource>,
    /// What there is to say about them, in the order of the texts.
    pub findings: Vec<Diagnostic>,
    /// The kinds that are not looked into, and how many of each there were.
    pub passed_over: BTreeMap<String, usize>,
    /// The texts by the names of their files, to quote from.
    pub texts: BTreeMap<String, String>,
}

/// Reads one text (YAML or JSON, several documents, `kind: List` and nested lists) and adds what it holds.
/// A resource without a namespace is put into `default_namespace`.
pub fn resources(file: &str, text: &str, default_namespace: &str, loaded: &mut Loaded) {
    loaded.texts.insert(file.to_owned(), text.to_owned());
    let file = Arc::from(file);
    let before = loaded.findings.len();
    let documents = yaml::documents(&file, text, &mut loaded.findings);
    resource_nodes(&file, text, &documents, default_namespace, loaded);
    in_order_of_the_text(&mut loaded.findings, before);
}

/// As [`resources`], for documents that are read already; `text` is the text that they stand in.
pub(crate) fn resource_nodes(
    file: &Arc<str>,
    text: &str,
    documents: &[Node],
    default_namespace: &str,
    loaded: &mut Loaded,
) {
    let before = loaded.findings.len();
    let Loaded { resources, findings, passed_over, texts: _ } = loaded;
    let reader = Reader { file: Arc::clone(file), complaints: findings };
    let text = Outer::new(text);
    let mut loader = Loader { reader, text, default_namespace, resources, passed_over };
    for document in documents {
        loader.document(document);
    }
    in_order_of_the_text(&mut loaded.findings, before);
}

/// Complains of resources of one kind, namespace and name that are defined more than once. To be called
/// once, when all texts are read.
pub fn duplicates(loaded: &mut Loaded) {
    let mut first: BTreeMap<_, &Origin> = BTreeMap::new();
    for resource in &loaded.resources {
        let meta = resource.meta();
        // A name that ends so is the beginning of one that a cluster makes up.
        if meta.name.is_empty() || meta.name.ends_with('-') {
            continue;
        }
        let group = if let Resource::Later { group, .. } = resource { group.as_str() } else { "" };
        let identity = (resource.kind(), group, meta.namespace.as_str(), meta.name.as_str());
        let Some(earlier) = first.get(&identity) else {
            first.insert(identity, &meta.origin);
            continue;
        };
        let id = if meta.namespace.is_empty() { meta.name.clone() } else { meta.id() };
        let message = format!("the {} `{id}` is defined twice", resource.kind());
        let finding = Diagnostic::error(Code::DuplicateResource, message)
            .at(&meta.origin.file, meta.origin.position, &FieldPath::root())
            .help(format!("keep one of them: the other is at {earlier}"));
        loaded.findings.push(finding);
    }
}

fn in_order_of_the_text(findings: &mut [Diagnostic], from: usize) {
    // What stands behind the bound is not in order: it says that there is more.
    let end = findings.len().min(MAX_COMPLAINTS);
    if let Some(new) = findings.get_mut(from..end) {
        new.sort_by(|a, b| a.origin.cmp(&b.origin));
    }
}

/// The root of a resource and what its decoder needs to know.
struct Root<'n, 'l> {
    fields: Fields<'n>,
    /// `apiVersion` where the resource itself says it.
    api_version: Option<Sourced<String>>,
    /// The resource's group; the core group is empty.
    group: String,
    kind: String,
    default_namespace: &'l str,
}

struct Loader<'l> {
    reader: Reader<'l>,
    text: Outer<'l>,
    default_namespace: &'l str,
    resources: &'l mut Vec<Resource>,
    passed_over: &'l mut BTreeMap<String, usize>,
}

impl Loader<'_> {
    fn document(&mut self, document: &Node) {
        let mut todo = vec![((document, FieldPath::root()), None)];
        while let Some((place, inherited)) = todo.pop() {
            self.resource(&place, inherited, &mut todo);
        }
    }

    /// Reads a resource, or puts the items of a list on `todo`. An item of a typed list (`PodList`) may
    /// leave out what the list says: `inherited`.
    fn resource<'n>(
        &mut self,
        place: &Place<'n>,
        inherited: Option<TypeMeta>,
        todo: &mut Vec<(Place<'n>, Option<TypeMeta>)>,
    ) {
        let Some(mut fields) = self.reader.fields(place) else { return };
        let type_meta = TypeMeta::read(&mut self.reader, place, &mut fields, inherited);
        let Some(type_meta) = type_meta else { return };
        if type_meta.is_list(&fields) {
            let item_type = type_meta.of_item();
            if let Some(items) = fields.take("items") {
                let items = self.reader.items(&items).into_iter().rev();
                todo.extend(items.map(|item| (item, item_type.clone())));
            }
            return;
        }
        let known = match type_meta.handling(&mut self.reader, place) {
            Handling::Nothing => return,
            Handling::PassOver => return self.pass_over(&type_meta.kind),
            Handling::Read(known) => known,
        };
        let group = type_meta.group_version().0.to_owned();
        let default_namespace = self.default_namespace;
        let api_version = type_meta.written();
        let mut root = Root { fields, api_version, group, kind: type_meta.kind, default_namespace };
        let before = self.reader.complaints.len();
        let resource = match known {
            Known::AuthorizationPolicy => authorization_policy::read(&mut self.reader, &mut root),
            Known::ConfigMap => self.config_map(&mut root),
            Known::Later => later(&mut self.reader, &mut root),
            Known::Namespace => meta::cluster(&mut self.reader, &mut root).map(Resource::Namespace),
            Known::PeerAuthentication => peer_authentication::read(&mut self.reader, &mut root),
            Known::RequestAuthentication => {
                request_authentication::read(&mut self.reader, &mut root)
            }
            Known::Service => service::read(&mut self.reader, &mut root),
            Known::ServiceAccount => {
                meta::kubernetes(&mut self.reader, &mut root).map(Resource::ServiceAccount)
            }
            Known::Workload => workload::read(&mut self.reader, &self.text, &mut root),
        };
        let mut said = self.reader.complaints.iter().skip(before);
        if said.all(|finding| finding.severity != Severity::Error) {
            self.resources.extend(resource);
        }
    }

    fn pass_over(&mut self, kind: &str) {
        *self.passed_over.entry(kind.to_owned()).or_default() += 1;
    }

    /// The mesh's configuration is the key `mesh` of the `ConfigMap` called `istio`, or `istio-REVISION`.
    fn config_map(&mut self, root: &mut Root<'_, '_>) -> Option<Resource> {
        let data = root.fields.take("data");
        let meta = meta::lenient(&mut self.reader, root)?;
        let mesh = data
            .as_ref()
            .and_then(|(node, path)| Some((node.get("mesh")?, path.field("mesh"))));
        let (true, Some(mesh)) = (meta.name == "istio" || meta.name.starts_with("istio-"), mesh)
        else {
            self.pass_over("ConfigMap");
            return None;
        };
        mesh_config::config_map(&mut self.reader, &self.text, meta, &mesh)
    }
}

/// The fields of a policy's `spec`; absent where it is absent, or where it is no mapping. Completes the root.
fn spec<'n>(reader: &mut Reader<'_>, root: &mut Root<'n, '_>) -> Option<Fields<'n>> {
    let spec = root.fields.take("spec");
    root.fields.pass_over(&["status"]);
    reader.unknown(&mut root.fields);
    reader.fields(&spec?)
}

fn later(reader: &mut Reader<'_>, root: &mut Root<'_, '_>) -> Option<Resource> {
    let (group, kind) = (root.group.clone(), root.kind.clone());
    Some(Resource::Later { group, kind, meta: meta::lenient(reader, root)? })
}
