//! The fields of a Pod or a pod template's owner that decide a call → the workload as written.

use std::net::IpAddr;

use super::embedded::Outer;
use super::node::{Node, Value};
use super::reader::{Place, Reader};
use super::service::PROTOCOLS;
use super::{Root, meta, proxy_config};
use crate::diagnostic::Code;
use crate::istio::{ContainerPort, Resource, Workload};

/// The name of the container that is the sidecar.
const PROXY: &str = "istio-proxy";

pub(super) fn read(
    reader: &mut Reader<'_>,
    text: &Outer<'_>,
    root: &mut Root<'_, '_>,
) -> Option<Resource> {
    let metadata = root
        .fields
        .peek("metadata")
        .map(|node| (node, root.fields.path.field("metadata")));
    let owner = root.fields.peek("metadata").and_then(owner);
    let (spec, status) = (root.fields.take("spec"), root.fields.take("status"));
    let meta = meta::kubernetes(reader, root)?;
    let mut workload = Workload {
        meta,
        kind: root.kind.clone(),
        owner,
        labels: Default::default(),
        annotations: Default::default(),
        proxy_config: Default::default(),
        service_account: "default".to_owned(),
        ports: Vec::new(),
        has_proxy: false,
        host_network: false,
        ips: Vec::new(),
    };
    let pod_spec = match root.kind.as_str() {
        "Pod" => {
            workload.labels = workload.meta.labels.clone();
            workload.annotations = workload.meta.annotations.clone();
            if let Some((node, path)) = metadata
                && let Some(annotations) = node.get("annotations")
            {
                let place = (annotations, path.field("annotations"));
                workload.proxy_config = proxy_config::of_annotation(reader, text, &place);
            }
            workload.ips = status.map_or_else(Vec::new, |place| ips(reader, &place));
            spec
        }
        "CronJob" => spec
            .and_then(|place| field(reader, &place, "jobTemplate"))
            .and_then(|place| field(reader, &place, "spec"))
            .and_then(|place| template(reader, text, &place, &mut workload)),
        _ => spec.and_then(|place| template(reader, text, &place, &mut workload)),
    };
    if let Some(place) = pod_spec {
        read_pod_spec(reader, &place, &mut workload);
    }
    Some(Resource::Workload(workload))
}

/// The owner that manages the resource.
fn owner(metadata: &Node) -> Option<(String, String)> {
    let Value::Sequence(owners) = &metadata.get("ownerReferences")?.value else { return None };
    let manages = |owner: &&Node| {
        owner
            .get("controller")
            .is_some_and(|node| node.value == Value::Bool(true))
    };
    let owner = owners.iter().find(manages).or_else(|| owners.first())?;
    let text = |name| owner.get(name)?.as_str().map(str::to_owned);
    Some((text("kind")?, text("name")?))
}

fn field<'n>(reader: &mut Reader<'_>, place: &Place<'n>, name: &'static str) -> Option<Place<'n>> {
    reader.fields(place)?.take(name)
}

/// `template` of a spec: its labels and annotations go to the workload, its `spec` comes out.
fn template<'n>(
    reader: &mut Reader<'_>,
    text: &Outer<'_>,
    spec: &Place<'n>,
    workload: &mut Workload,
) -> Option<Place<'n>> {
    let template = field(reader, spec, "template")?;
    let mut template = reader.fields(&template)?;
    if let Some(place) = template.take("metadata")
        && let Some(mut metadata) = reader.fields(&place)
    {
        if let Some(labels) = metadata.take("labels") {
            workload.labels = reader.string_map(&labels);
        }
        if let Some(annotations) = metadata.take("annotations") {
            workload.annotations = reader.string_map(&annotations);
            workload.proxy_config = proxy_config::of_annotation(reader, text, &annotations);
        }
    }
    template.take("spec")
}

fn read_pod_spec(reader: &mut Reader<'_>, place: &Place<'_>, workload: &mut Workload) {
    let Some(mut fields) = reader.fields(place) else { return };
    // `serviceAccount` is the old name, which the API server still fills in.
    for name in ["serviceAccount", "serviceAccountName"] {
        if let Some(account) = fields.take(name).and_then(|place| reader.string(&place))
            && !account.value.is_empty()
        {
            workload.service_account = account.value;
        }
    }
    if let Some(place) = fields.take("hostNetwork") {
        workload.host_network = reader.boolean(&place).unwrap_or_default();
    }
    for name in ["containers", "initContainers"] {
        if let Some(place) = fields.take(name) {
            for item in reader.items(&place) {
                container(reader, &item, name, workload);
            }
        }
    }
}

fn container(reader: &mut Reader<'_>, place: &Place<'_>, list: &str, workload: &mut Workload) {
    let Some(mut fields) = reader.fields(place) else { return };
    if let Some(name) = fields.take("name").and_then(|place| reader.string(&place)) {
        workload.has_proxy |= name.value == PROXY;
    }
    let restarts = fields
        .take("restartPolicy")
        .and_then(|place| reader.string(&place));
    // An init container that restarts is a sidecar: it runs as long as the pod.
    if list == "initContainers" && restarts.is_none_or(|policy| policy.value != "Always") {
        return;
    }
    if let Some(place) = fields.take("ports") {
        for item in reader.items(&place) {
            workload.ports.extend(container_port(reader, &item));
        }
    }
}

/// Absent for a port that is not TCP.
fn container_port(reader: &mut Reader<'_>, place: &Place<'_>) -> Option<ContainerPort> {
    let mut fields = reader.fields(place)?;
    let Some(number) = fields.take("containerPort") else {
        reader.complain(place, Code::MissingField, "a port of a container needs `containerPort`");
        return None;
    };
    let port = reader.port(&number);
    let tcp = fields
        .take("protocol")
        .and_then(|place| reader.word(&place, &PROTOCOLS));
    let name = fields.take("name").and_then(|place| reader.string(&place));
    let name = name.map_or_else(String::new, |name| name.value);
    tcp.unwrap_or(true)
        .then_some(ContainerPort { name, port: port? })
}

/// `podIPs` of a status, or `podIP`.
fn ips(reader: &mut Reader<'_>, status: &Place<'_>) -> Vec<IpAddr> {
    let Some(mut fields) = reader.fields(status) else { return Vec::new() };
    let (one, all) = (fields.take("podIP"), fields.take("podIPs"));
    let mut places: Vec<Place<'_>> = Vec::new();
    for item in all.map_or_else(Vec::new, |place| reader.items(&place)) {
        places.extend(field(reader, &item, "ip"));
    }
    if places.is_empty() {
        places.extend(one);
    }
    places
        .into_iter()
        .filter_map(|place| ip(reader, &place))
        .collect()
}

fn ip(reader: &mut Reader<'_>, place: &Place<'_>) -> Option<IpAddr> {
    let text = reader.string(place)?.value;
    let ip = text.parse().ok();
    if ip.is_none() && !text.is_empty() {
        reader.complain(place, Code::BadValue, format!("`{text}` is no IP address"));
    }
    ip
}
