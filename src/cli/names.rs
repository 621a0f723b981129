//! A name that the files do not know → what they know that is nearest, and what to write.

use crate::diagnostic::{Code, Diagnostic};
use crate::mesh::{Inventory, Mesh, Name, QuestionError};
use crate::parse::suggest::nearest;
use crate::request::{Caller, RequestSpec};

/// So many names are shown of a long list.
const SHOWN: usize = 8;

/// A question that this mesh cannot be asked, with what would help.
pub(crate) fn unaskable(mesh: &Mesh, error: &QuestionError) -> Diagnostic {
    let inventory = &mesh.inventory;
    let ports = |known: &[u16]| listed(known.iter().map(u16::to_string));
    let help = match error {
        QuestionError::UnknownCaller { name, namespace } => {
            suggest(name, namespace, &Known::callers(inventory), inventory)
        }
        QuestionError::UnknownDestination { name, namespace } => {
            suggest(name, namespace, &Known::destinations(inventory), inventory)
        }
        QuestionError::NoGateway { .. } => {
            let gateways = inventory.workloads.iter();
            let gateways = gateways
                .filter(|workload| workload.dataplane == crate::mesh::Dataplane::Gateway)
                .map(crate::mesh::Workload::full_name);
            match listed(gateways) {
                none if none.is_empty() => "the files hold no gateway: its Deployment runs istio-proxy and carries the label `istio: ingressgateway`, or `gateway.networking.k8s.io/gateway-name`".to_owned(),
                gateways => format!("the gateways of the files: {gateways}"),
            }
        }
        QuestionError::Ambiguous { .. } => "say which: `kind/name.namespace`".to_owned(),
        QuestionError::NoSuchPort { service, port, known } if !known.is_empty() => {
            let of_pods = leads_to(inventory, service, *port);
            let first = of_pods.or_else(|| known.first().copied()).unwrap_or_default();
            let own = of_pods.map_or_else(String::new, |_| format!("{port} is the port of its pods; "));
            format!("{own}it has {}: write `{service}:{first}`", ports(known))
        }
        QuestionError::NeedsPort { name, known } if !known.is_empty() => {
            let first = known.first().copied().unwrap_or_default();
            format!("it has {}: write `{name}:{first}`", ports(known))
        }
        QuestionError::NoSuchPort { .. } | QuestionError::NeedsPort { .. } => {
            "write it behind the host: `http://host:8080/`".to_owned()
        }
        QuestionError::NoEndpoint { .. } => {
            "its selector matches no pod template in the files, or its targetPort names no port of one".to_owned()
        }
    };
    Diagnostic::error(Code::UnknownName, error.to_string()).help(help)
}

/// The port of a Service that leads to this port of its pods.
fn leads_to(inventory: &Inventory, service: &str, port: u16) -> Option<u16> {
    let mut services = inventory.services.iter();
    let service =
        services.find(|known| format!("{}.{}", known.name, known.namespace) == service)?;
    let mut ports = service.ports.iter();
    let (own, _) = ports.find(|(own, backends)| {
        backends
            .iter()
            .any(|backend| service.dialled(**own, *backend) == port)
    })?;
    Some(*own)
}

/// A service account that no workload of the files runs as: it may be meant so, or misspelt.
pub(crate) fn unknown_account(mesh: &Mesh, spec: &RequestSpec) -> Option<Diagnostic> {
    let Caller::Certificate { uris, .. } = &spec.from else { return None };
    let [uri] = uris.as_slice() else { return None };
    let asked = uri.strip_prefix("spiffe://")?;
    let mut known: Vec<String> = mesh
        .inventory
        .workloads
        .iter()
        .map(|workload| workload.principal(&mesh.settings.trust.own))
        .collect();
    known.sort();
    known.dedup();
    // Another trust domain is another question: an alias of this one, say.
    let account = |principal: &str| {
        principal
            .split_once('/')
            .map(|(_, account)| account.to_owned())
    };
    if known.iter().any(|known| account(known) == account(asked)) {
        return None;
    }
    let near = nearest(asked, known.iter().map(String::as_str))?;
    let message = format!("no workload of the files runs as `{asked}`");
    Some(Diagnostic::warning(Code::UnknownName, message).help(format!("did you mean `{near}`?")))
}

/// The names that could have been meant.
struct Known {
    /// `name.namespace`, and the kind.
    names: Vec<(String, String)>,
    /// What they are together.
    what: &'static str,
}

impl Known {
    fn callers(inventory: &Inventory) -> Self {
        let workloads = inventory.workloads.iter();
        let names = workloads.map(|workload| (workload.full_name(), workload.kind.clone()));
        Self { names: names.collect(), what: "workloads" }
    }

    fn destinations(inventory: &Inventory) -> Self {
        let mut known = Self::callers(inventory);
        let services = inventory.services.iter();
        known.names.extend(services.map(|service| {
            (format!("{}.{}", service.name, service.namespace), "Service".to_owned())
        }));
        Self { what: "Services and workloads", ..known }
    }
}

fn suggest(asked: &str, namespace: &str, known: &Known, inventory: &Inventory) -> String {
    if asked
        .trim_matches(['[', ']'])
        .parse::<std::net::IpAddr>()
        .is_ok()
    {
        return "no Pod (`status.podIP`) and no Service (`spec.clusterIP`) of the files has this address: name a workload or a Service instead".to_owned();
    }
    let mut names: Vec<&str> = known.names.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        let what = known.what;
        return format!(
            "the files hold no {what}: name Deployments, Pods and Services beside the policies"
        );
    }
    let parsed = Name::parse(asked);
    let full = format!("{}.{namespace}", parsed.name);
    // The name is right, and the kind before it is not.
    if parsed.kind.is_some()
        && let Some((name, kind)) = known.names.iter().find(|(name, _)| *name == full)
    {
        return format!("`{name}` is a {kind}: write `{}/{name}`", kind.to_ascii_lowercase());
    }
    // `foo/sleep`: the namespace before the slash.
    if let Some(before) = parsed.kind {
        let turned = format!("{}.{before}", parsed.name);
        if names.contains(&turned.as_str()) {
            return format!("the namespace stands behind the name: write `{turned}`");
        }
    }
    let elsewhere: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| Name::parse(name).name == parsed.name)
        .collect();
    if let Some(first) = elsewhere.first() {
        let namespaces = elsewhere
            .iter()
            .filter_map(|name| Name::parse(name).namespace);
        let namespaces = listed(namespaces.map(|namespace| format!("`{namespace}`")));
        return format!("there is a `{}` in {namespaces}: did you mean `{first}`?", parsed.name);
    }
    if let Some(near) = nearest(&full, names.iter().copied()) {
        return format!("did you mean `{near}`?");
    }
    let known_namespace = inventory.namespaces.contains(namespace);
    let near = nearest(namespace, inventory.namespaces.iter().map(String::as_str));
    if let (false, Some(near)) = (known_namespace, near) {
        return format!("the files know no namespace `{namespace}`: did you mean `{near}`?");
    }
    if asked.split('.').count() > 2 && !parsed.service && !known_namespace {
        return format!(
            "a host outside the mesh has no proxy of the mesh before it; the files know {}",
            listed(names.iter().map(|name| format!("`{name}`")))
        );
    }
    format!("the files know {}", listed(names.iter().map(|name| format!("`{name}`"))))
}

/// A few names, and how many more.
fn listed(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    let shown = names
        .iter()
        .take(SHOWN)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    match names.len().checked_sub(SHOWN) {
        Some(more @ 1..) => format!("{shown} and {more} more"),
        _ => shown,
    }
}
