//! The fields of a Service that decide a call → the Service as written.

use std::net::IpAddr;

use super::node::Value;
use super::reader::{Place, Reader};
use super::{Root, meta};
use crate::diagnostic::{Code, Sourced};
use crate::istio::{Resource, Service, ServicePort, TargetPort};

/// `protocol`, and whether it is TCP.
pub(super) const PROTOCOLS: [(&str, bool); 3] = [("SCTP", false), ("TCP", true), ("UDP", false)];

pub(super) fn read(reader: &mut Reader<'_>, root: &mut Root<'_, '_>) -> Option<Resource> {
    let spec = root.fields.take("spec");
    let meta = meta::kubernetes(reader, root)?;
    let mut service = Service {
        meta,
        selector: Default::default(),
        ports: Vec::new(),
        cluster_ips: Vec::new(),
        headless: false,
        external_name: None,
    };
    let Some(mut spec) = spec.and_then(|place| reader.fields(&place)) else {
        return Some(Resource::Service(service));
    };
    if let Some(place) = spec.take("selector") {
        service.selector = reader.string_map(&place);
    }
    if let Some(place) = spec.take("ports") {
        for item in reader.items(&place) {
            service.ports.extend(port(reader, &item));
        }
    }
    let first = spec.take("clusterIP").into_iter();
    let all = spec.take("clusterIPs");
    let all = all.map_or_else(Vec::new, |place| reader.items(&place));
    for place in first.chain(all) {
        service.headless |= place.0.as_str() == Some("None");
        if let Some(ip) = cluster_ip(reader, &place)
            && !service.cluster_ips.contains(&ip)
        {
            service.cluster_ips.push(ip);
        }
    }
    let external = spec.take("type").and_then(|place| reader.string(&place));
    if external.is_some_and(|kind| kind.value == "ExternalName")
        && let Some(place) = spec.take("externalName")
    {
        service.external_name = reader.string(&place).map(|name| name.value);
    }
    Some(Resource::Service(service))
}

/// An address; `None` and an empty text are none.
fn cluster_ip(reader: &mut Reader<'_>, place: &Place<'_>) -> Option<IpAddr> {
    let text = reader.string(place)?.value;
    let address = text.parse().ok();
    if address.is_none() && !["", "None"].contains(&text.as_str()) {
        let message = format!("`clusterIP` does not take `{text}`");
        reader.complain(place, Code::BadValue, message).help =
            Some("an IP address, or `None` for a headless Service".to_owned());
    }
    address
}

fn port(reader: &mut Reader<'_>, place: &Place<'_>) -> Option<ServicePort> {
    let mut fields = reader.fields(place)?;
    let Some(number) = fields.take("port") else {
        reader.complain(place, Code::MissingField, "a port of a Service needs `port`");
        return None;
    };
    let port = reader.port(&number);
    let text = |name: Option<Sourced<String>>| name.map(|name| name.value);
    let name = text(fields.take("name").and_then(|place| reader.string(&place)));
    let target = fields
        .take("targetPort")
        .and_then(|place| target_port(reader, &place));
    let tcp = fields
        .take("protocol")
        .and_then(|place| reader.word(&place, &PROTOCOLS));
    let app_protocol = text(
        fields
            .take("appProtocol")
            .and_then(|place| reader.string(&place)),
    );
    Some(ServicePort {
        name: name.unwrap_or_default(),
        port: port?,
        target: target.unwrap_or(TargetPort::Number(port?)),
        tcp: tcp.unwrap_or(true),
        app_protocol,
    })
}

fn target_port(reader: &mut Reader<'_>, place: &Place<'_>) -> Option<TargetPort> {
    if let Value::String(name) = &place.0.value {
        // The name of a port has a letter: `"80"` in quotes is neither name nor number.
        if name.bytes().any(|byte| byte.is_ascii_lowercase()) {
            return Some(TargetPort::Name(name.clone()));
        }
        let message = format!("`targetPort` does not take `{name}`");
        reader.complain(place, Code::BadValue, message).help =
            Some("a number without quotes, or the name of a container's port".to_owned());
        return None;
    }
    // Zero and absent are the same to the API server.
    if place.0.value == Value::Integer(0) {
        return None;
    }
    reader.port(place).map(TargetPort::Number)
}
