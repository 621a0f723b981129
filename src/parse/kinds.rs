//! `apiVersion` and `kind` → what is done with a resource.

use super::reader::{Fields, Place, Reader};
use super::suggest::nearest;
use crate::diagnostic::{Code, Position, Sourced};

/// The group of the three kinds that are evaluated.
const SECURITY: &str = "security.istio.io";
/// Its versions that are understood.
const SECURITY_VERSIONS: [&str; 2] = ["v1", "v1beta1"];

/// A kind that is looked into.
#[derive(Clone, Copy)]
pub(super) enum Known {
    AuthorizationPolicy,
    ConfigMap,
    Later,
    Namespace,
    PeerAuthentication,
    RequestAuthentication,
    Service,
    ServiceAccount,
    Workload,
}

/// The kinds that are looked into, by group.
const KINDS: [(&str, &[(&str, Known)]); 7] = [
    (
        "",
        &[
            ("ConfigMap", Known::ConfigMap),
            ("Namespace", Known::Namespace),
            ("Pod", Known::Workload),
            ("ReplicationController", Known::Workload),
            ("Service", Known::Service),
            ("ServiceAccount", Known::ServiceAccount),
        ],
    ),
    (
        "apps",
        &[
            ("DaemonSet", Known::Workload),
            ("Deployment", Known::Workload),
            ("ReplicaSet", Known::Workload),
            ("StatefulSet", Known::Workload),
        ],
    ),
    ("batch", &[("CronJob", Known::Workload), ("Job", Known::Workload)]),
    ("extensions.istio.io", &[("TrafficExtension", Known::Later), ("WasmPlugin", Known::Later)]),
    (
        "gateway.networking.k8s.io",
        &[
            ("BackendTLSPolicy", Known::Later),
            ("GRPCRoute", Known::Later),
            ("Gateway", Known::Later),
            ("HTTPRoute", Known::Later),
            ("TCPRoute", Known::Later),
            ("TLSRoute", Known::Later),
        ],
    ),
    (
        "networking.istio.io",
        &[
            ("DestinationRule", Known::Later),
            ("EnvoyFilter", Known::Later),
            ("Gateway", Known::Later),
            ("ProxyConfig", Known::Later),
            ("ServiceEntry", Known::Later),
            ("Sidecar", Known::Later),
            ("VirtualService", Known::Later),
            ("WorkloadEntry", Known::Later),
            ("WorkloadGroup", Known::Later),
        ],
    ),
    (
        SECURITY,
        &[
            ("AuthorizationPolicy", Known::AuthorizationPolicy),
            ("PeerAuthentication", Known::PeerAuthentication),
            ("RequestAuthentication", Known::RequestAuthentication),
        ],
    ),
];

/// The group and the kind of everything that is looked into; the core group is empty.
pub fn kinds() -> impl Iterator<Item = (&'static str, &'static str)> {
    KINDS
        .iter()
        .flat_map(|(group, kinds)| kinds.iter().map(move |(kind, _)| (*group, *kind)))
}

fn kinds_of(group: &str) -> &'static [(&'static str, Known)] {
    KINDS
        .iter()
        .find(|(name, _)| *name == group)
        .map_or(&[], |(_, kinds)| kinds)
}

/// What is done with a resource.
pub(super) enum Handling {
    /// All is said, or there is nothing to say.
    Nothing,
    /// Its kind is counted and not looked into.
    PassOver,
    Read(Known),
}

/// `apiVersion` and `kind`.
#[derive(Clone)]
pub(super) struct TypeMeta {
    api_version: String,
    pub(super) kind: String,
    /// Where `apiVersion` is written; absent where a list says it.
    position: Option<Position>,
}

impl TypeMeta {
    /// Takes both fields; what is missing is `inherited`, or complained of.
    pub(super) fn read(
        reader: &mut Reader<'_>,
        place: &Place<'_>,
        fields: &mut Fields<'_>,
        inherited: Option<Self>,
    ) -> Option<Self> {
        let (api_version, kind) = (fields.take("apiVersion"), fields.take("kind"));
        if let (Some(api_version), Some(kind)) = (&api_version, &kind) {
            let api_version = reader.string(api_version)?;
            return Some(Self {
                api_version: api_version.value,
                kind: reader.string(kind)?.value,
                position: Some(api_version.position),
            });
        }
        if inherited.is_some() {
            return inherited;
        }
        let missing = match (&api_version, &kind) {
            (None, None) => &["apiVersion", "kind"][..],
            (None, Some(_)) => &["apiVersion"],
            (Some(_), _) => &["kind"],
        };
        let message = format!("this is no resource: it has no `{}`", missing.join("` and no `"));
        let near = fields
            .names()
            .find_map(|name| Some((name, nearest(name, missing.iter().copied())?)));
        let help = near.map_or_else(
            || "a resource needs `apiVersion`, `kind` and `metadata.name`".to_owned(),
            |(name, wanted)| format!("did you mean `{wanted}` for `{name}`?"),
        );
        reader.complain(place, Code::MissingField, message).help = Some(help);
        None
    }

    /// Group and version; the core group is empty.
    pub(super) fn group_version(&self) -> (&str, &str) {
        self.api_version
            .split_once('/')
            .unwrap_or(("", &self.api_version))
    }

    /// Whether this is a list of resources: `List`, or a typed one such as `PodList`.
    pub(super) fn is_list(&self, fields: &Fields<'_>) -> bool {
        self.kind == "List" || self.kind.ends_with("List") && fields.peek("items").is_some()
    }

    /// What an item of a typed list may leave out; absent for `List`.
    pub(super) fn of_item(&self) -> Option<Self> {
        let kind = self
            .kind
            .strip_suffix("List")
            .filter(|kind| !kind.is_empty())?;
        Some(Self { api_version: self.api_version.clone(), kind: kind.to_owned(), position: None })
    }

    /// `apiVersion` and its place, where the resource itself says it.
    pub(super) fn written(&self) -> Option<Sourced<String>> {
        let position = self.position?;
        Some(Sourced::new(self.api_version.clone(), position))
    }

    pub(super) fn handling(&self, reader: &mut Reader<'_>, place: &Place<'_>) -> Handling {
        let (group, version) = self.group_version();
        let kind = self.kind.as_str();
        let names = || kinds_of(SECURITY).iter().map(|(name, _)| *name);
        // A policy must not be passed over because of a slip in its group; other meshes have kinds of
        // the same name.
        let slip = group.is_empty()
            || group.ends_with(".istio.io")
            || nearest(group, [SECURITY]).is_some();
        let known = kinds_of(group).iter().find(|(name, _)| *name == kind);
        match known {
            Some(_) if group == SECURITY && !SECURITY_VERSIONS.contains(&version) => {
                self.unsupported(reader, place)
            }
            Some((_, known)) => Handling::Read(*known),
            None if group == SECURITY => {
                let message = format!("`{SECURITY}` has no kind `{kind}`");
                let help = nearest(kind, names()).map_or_else(
                    || format!("one of `{}`", names().collect::<Vec<_>>().join("`, `")),
                    |near| format!("did you mean `{near}`?"),
                );
                reader.complain(place, Code::BadValue, message).help = Some(help);
                Handling::Nothing
            }
            None if slip && names().any(|name| name == kind) => self.unsupported(reader, place),
            // A test-suite is read by another entrance.
            None if kind == "TestSuite" && group == "portcullis.dev" => Handling::Nothing,
            None => Handling::PassOver,
        }
    }

    fn unsupported(&self, reader: &mut Reader<'_>, place: &Place<'_>) -> Handling {
        let Self { api_version, kind, position: _ } = self;
        let message = format!("{kind} of `{api_version}` is not understood");
        reader
            .complain(place, Code::UnsupportedVersion, message)
            .help = Some(format!("write `apiVersion: {SECURITY}/v1`"));
        Handling::Nothing
    }
}
