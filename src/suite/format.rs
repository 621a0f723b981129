//! The fields of a suite file: what the reader knows, and what the JSON Schema says, from the same tables.

use super::case::{DEFECTS, PROTOCOLS, STAGES, TLS_CHOICES, VERDICTS, VERSIONS};
use super::file::{ADMISSIONS, DATAPLANES, STUBS, VACUOUS};
use crate::parse::reader::{Fields, Reader};

/// One mapping of a suite file.
#[derive(Debug)]
pub struct Table {
    /// What it is called in the schema.
    pub name: &'static str,
    /// Its fields, in the order in which they are explained.
    pub fields: &'static [Field],
}

/// One field.
#[derive(Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Whether it must be there.
    pub required: bool,
    /// What it takes.
    pub shape: Shape,
    /// What it means, and what it is where it is left out.
    pub about: &'static str,
}

/// What a field takes.
#[derive(Debug)]
pub enum Shape {
    /// Anything: a claim, a description.
    Any,
    /// One of several.
    Either(&'static [Self]),
    /// `true` or `false`.
    Flag,
    /// A list.
    List(&'static Self),
    /// A mapping from any name.
    Map(&'static Self),
    /// A whole number from 0 to this.
    Number(u32),
    /// A mapping of its own fields.
    Object(&'static Table),
    /// One value, or a list of several, which is then an axis of the matrix.
    OneOrList(&'static Self),
    /// Text.
    Text,
    /// One of these words.
    Words(fn() -> Vec<&'static str>),
    /// Null, which says that there is none.
    Null,
}

impl Table {
    /// Keeps of a mapping the fields of this table, and complains of every other one: what stands in no table is not
    /// read.
    pub(super) fn of(&self, reader: &mut Reader<'_>, fields: &mut Fields<'_>) {
        let names = self.fields.iter().map(|field| field.name);
        reader.only(fields, names);
    }
}

fn words<T>(table: &[(&'static str, T)]) -> Vec<&'static str> {
    table.iter().map(|(word, _)| *word).collect()
}

const fn field(name: &'static str, shape: Shape, about: &'static str) -> Field {
    Field { name, required: false, shape, about }
}

const fn needed(name: &'static str, shape: Shape, about: &'static str) -> Field {
    Field { name, required: true, shape, about }
}

const PORT: Shape = Shape::Number(65_535);
const TEXTS: Shape = Shape::Map(&Shape::Text);

/// A suite: one document of a file.
pub static SUITE: Table = Table {
    name: "suite",
    fields: &[
        needed(
            "apiVersion",
            Shape::Words(|| vec![super::file::API_VERSION]),
            "The version of the format.",
        ),
        needed("kind", Shape::Words(|| vec![super::file::KIND]), "What the document is."),
        field("metadata", Shape::Object(&METADATA), "What the suite is called."),
        field(
            "mesh",
            Shape::Map(&Shape::Any),
            "MeshConfig, its own field names; laid over a mesh ConfigMap of the resources.",
        ),
        field(
            "resources",
            Shape::List(&Shape::Text),
            "Files, folders and patterns, relative to the suite's file.",
        ),
        field("manifests", Shape::Text, "Kubernetes manifests, written in place."),
        field(
            "workloads",
            Shape::List(&Shape::Object(&WORKLOAD)),
            "Workloads that the manifests do not hold.",
        ),
        field(
            "services",
            Shape::List(&Shape::Object(&SERVICE)),
            "Services that the manifests do not hold.",
        ),
        field(
            "namespaces",
            Shape::List(&Shape::Object(&NAMESPACE)),
            "Namespaces that the manifests do not hold.",
        ),
        field(
            "providers",
            Shape::Map(&Shape::Either(&[Shape::Words(|| words(STUBS)), Shape::Object(&ALLOWING)])),
            "What each CUSTOM provider answers; without it the answer is unknown.",
        ),
        field("revision", Shape::Text, "istiod's revision; `default` where it is left out."),
        field(
            "istio",
            Shape::Text,
            "The release that the proxies are of, as `1.28.4`; the newest where it is left out.",
        ),
        field(
            "admission",
            Shape::Words(|| words(ADMISSIONS)),
            "Whether what the API server or Istio's webhook would refuse is an error. Left out: for `resources` it is, for `manifests` it is read as istiod reads it.",
        ),
        field(
            "vacuous",
            Shape::Words(|| words(VACUOUS)),
            "Whether a case may pass because no policy applies; it fails where this is left out.",
        ),
        needed("tests", Shape::List(&Shape::Object(&TEST)), "The tests."),
    ],
};

pub(super) static METADATA: Table = Table {
    name: "metadata",
    fields: &[
        field("name", Shape::Text, "The suite's name; the file's where it is left out."),
        field("origin", Shape::Any, "Where the cases come from."),
        field("tags", Shape::Any, "Not looked at."),
        field("labels", Shape::Any, "Not looked at."),
        field("annotations", Shape::Any, "Not looked at."),
        field("description", Shape::Any, "Not looked at."),
    ],
};

pub(super) static WORKLOAD: Table = Table {
    name: "workload",
    fields: &[
        needed("name", Shape::Text, "Its name."),
        needed("namespace", Shape::Text, "Its namespace."),
        field(
            "serviceAccount",
            Shape::Text,
            "Its service account; `default` where it is left out.",
        ),
        field("labels", TEXTS, "The labels of its pods."),
        field("ip", Shape::Text, "Its address."),
        field(
            "ips",
            Shape::List(&Shape::Text),
            "Its addresses; the one of the caller's family is dialled.",
        ),
        field(
            "dataplane",
            Shape::Words(|| words(DATAPLANES)),
            "What stands before it; a sidecar where it is left out.",
        ),
        field("ports", Shape::List(&Shape::Object(&LISTENER)), "Its ports."),
        field(
            "undeclaredPorts",
            Shape::List(&PORT),
            "Ports that it listens on and that nothing declares.",
        ),
    ],
};

pub(super) static LISTENER: Table = Table {
    name: "port",
    fields: &[
        needed("port", PORT, "The workload's own port."),
        field(
            "protocol",
            Shape::Text,
            "As Istio names it: HTTP, HTTP2, GRPC, TCP, TLS, HTTPS …; sniffed where it is left out.",
        ),
    ],
};

pub(super) static SERVICE: Table = Table {
    name: "service",
    fields: &[
        needed("name", Shape::Text, "Its name."),
        needed("namespace", Shape::Text, "Its namespace."),
        field("selector", TEXTS, "The labels of the pods behind it."),
        field("ports", Shape::List(&Shape::Object(&SERVICE_PORT)), "Its ports."),
    ],
};

pub(super) static SERVICE_PORT: Table = Table {
    name: "servicePort",
    fields: &[
        needed("port", PORT, "The Service's port."),
        field(
            "targetPort",
            Shape::Either(&[PORT, Shape::Text]),
            "The workload's; the same where it is left out.",
        ),
        field("protocol", Shape::Text, "As Istio names it."),
        field("name", Shape::Text, "Its name."),
    ],
};

pub(super) static NAMESPACE: Table = Table {
    name: "namespace",
    fields: &[
        needed("name", Shape::Text, "Its name."),
        field("labels", TEXTS, "Its labels, as `istio-injection: enabled`."),
    ],
};

pub(super) static ALLOWING: Table = Table {
    name: "allowing",
    fields: &[needed(
        "allowWhen",
        Shape::Object(&ALLOW_WHEN),
        "It says yes where a header has a value.",
    )],
};

pub(super) static ALLOW_WHEN: Table = Table {
    name: "allowWhen",
    fields: &[
        needed("header", Shape::Text, "The header; an HTTP provider is sent only what it lists."),
        needed("equals", Shape::Text, "The value."),
    ],
};

/// One entry of `tests`.
pub static TEST: Table = Table {
    name: "test",
    fields: &[
        needed("name", Shape::Text, "What it says; its own in the suite."),
        needed(
            "from",
            Shape::OneOrList(&Shape::Either(&[Shape::Text, Shape::Object(&CALLER)])),
            "Who calls: `workload.namespace`, or one of the forms of a mapping.",
        ),
        needed(
            "to",
            Shape::OneOrList(&Shape::Text),
            "What is called: `workload.namespace:port`, or a Service's host and port.",
        ),
        field("request", Shape::Object(&REQUEST), "The HTTP request; GET / where it is left out."),
        field(
            "protocol",
            Shape::Words(|| words(PROTOCOLS)),
            "What is spoken; that of the port where it is left out. TLS is the caller's own bytes.",
        ),
        field(
            "tls",
            Shape::Words(|| words(TLS_CHOICES)),
            "Whether TLS is spoken; as the caller's proxy does it where it is left out.",
        ),
        field(
            "sni",
            Shape::Text,
            "The TLS server name, where it is not what the caller's proxy would send.",
        ),
        field(
            "alpn",
            Shape::List(&Shape::Text),
            "The offered protocols, where they are not what the caller's proxy would offer.",
        ),
        field("sourceIp", Shape::Text, "The address that the connection comes from."),
        field(
            "remoteIp",
            Shape::Text,
            "The client's address, where the test states it instead of sending X-Forwarded-For.",
        ),
        needed("expect", Shape::Words(|| words(VERDICTS)), "What becomes of the request."),
        field("because", Shape::Object(&BECAUSE), "Why; each part that is written must hold."),
        field("status", Shape::Number(65_535), "The HTTP status that the client sees."),
        field("skip", Shape::Text, "It is not run, for this reason."),
        field(
            "todo",
            Shape::Text,
            "What is to be done before it can pass; it is run, and counted apart.",
        ),
    ],
};

pub(super) static CALLER: Table = Table {
    name: "caller",
    fields: &[
        field(
            "principal",
            Shape::Text,
            "A mesh client with this principal, with or without `spiffe://`.",
        ),
        field(
            "uris",
            Shape::List(&Shape::Text),
            "A mesh client whose certificate has these URI names.",
        ),
        field("workload", Shape::Text, "A workload, `workload.namespace`."),
        field("foreignCa", Shape::Flag, "The certificate is of another CA than the mesh's."),
        field("plaintext", Shape::Flag, "Somebody in the cluster without proxy."),
        field("external", Shape::Flag, "Somebody outside the mesh."),
        field("ip", Shape::Text, "The address that it calls from."),
    ],
};

pub(super) static REQUEST: Table = Table {
    name: "request",
    fields: &[
        field("method", Shape::OneOrList(&Shape::Text), "The method; GET where it is left out."),
        field(
            "path",
            Shape::OneOrList(&Shape::Text),
            "The request target as sent; `/` where it is left out.",
        ),
        field(
            "host",
            Shape::Either(&[Shape::Text, Shape::Null]),
            "The Host line; the destination's where it is left out, none for null.",
        ),
        field(
            "headers",
            Shape::Either(&[TEXTS, Shape::List(&Shape::List(&Shape::Text))]),
            "Header lines: a mapping, or pairs where order or repetition matters.",
        ),
        field(
            "version",
            Shape::Words(|| words(VERSIONS)),
            "The version of HTTP; 1.1 where it is left out.",
        ),
        field("jwt", Shape::Object(&JWT), "A token in `Authorization: Bearer`."),
    ],
};

pub(super) static JWT: Table = Table {
    name: "jwt",
    fields: &[
        field("claims", Shape::Map(&Shape::Any), "A validly signed token with these claims."),
        field("defect", Shape::Words(|| words(DEFECTS)), "How the token with these claims is bad."),
        field("token", Shape::Text, "A real token, verified against inline key sets."),
    ],
};

pub(super) static BECAUSE: Table = Table {
    name: "because",
    fields: &[
        field("policy", Shape::Text, "The deciding policy, `namespace/name`."),
        field("rule", Shape::Number(u32::MAX), "The deciding rule, from 0."),
        field("stage", Shape::Words(|| words(STAGES)), "The deciding stage."),
        field("default", Shape::Flag, "No policy applies."),
        field("envoyPolicyId", Shape::Text, "The id that the proxy logs."),
    ],
};
