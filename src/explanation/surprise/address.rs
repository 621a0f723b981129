//! Conditions on addresses: the connection's and the client's, families, who is trusted to forward.

use std::net::IpAddr;

use super::{Subject, Surprise, failed};
use crate::mesh::{Attribute, Dataplane, ValueMatch};
use crate::request::Value;

pub(super) fn surprises(subject: &Subject<'_>, told: &mut Vec<Surprise>) {
    told.extend(other_family(subject));
    if !failed(subject.explanation) {
        return;
    }
    told.extend(the_connections_address(subject));
    told.extend(forwarded_by_nobody(subject));
    told.extend(forwarded_but_unread(subject));
    told.extend(last_forwarded(subject));
}

fn address(subject: &Subject<'_>) -> Option<IpAddr> {
    if subject.condition.attribute == Attribute::DestinationIp {
        subject.seen.destination_ip
    } else if subject.condition.attribute == Attribute::RemoteIp {
        subject.seen.remote_ip
    } else {
        subject.seen.source_ip
    }
}

fn holds(subject: &Subject<'_>, address: IpAddr) -> bool {
    let values = subject
        .condition
        .values
        .iter()
        .flat_map(|value| &value.matches);
    values
        .into_iter()
        .any(|value| matches!(value, ValueMatch::Ip(block) if block.contains(address)))
}

/// "a block has addresses of its own family only: `0.0.0.0/0` is not everybody" [AP-55]
fn other_family(subject: &Subject<'_>) -> Option<Surprise> {
    let address = address(subject)?;
    let blocks = subject
        .condition
        .values
        .iter()
        .flat_map(|value| &value.matches);
    let mut families = blocks
        .filter_map(ValueMatch::block)
        .map(|block| block.first().is_ipv4());
    // Where any block is of the address's family, the family is not what decided.
    let (family, others) = if address.is_ipv4() { ("IPv4", "IPv6") } else { ("IPv6", "IPv4") };
    if families.any(|v4| v4 == address.is_ipv4()) {
        return None;
    }
    let verb = if subject.condition.negated { "holds" } else { "fails" };
    let text = format!(
        "all blocks of `{}` are {others} and {address} is {family}: no block of one family holds an address of the \
         other, `0.0.0.0/0` and `::/0` included, so the condition {verb}",
        subject.field()
    );
    Some(Surprise::new("address-of-the-other-family", "AP-55", text))
}

/// "`ipBlocks` read the address from which the connection comes, whatever was forwarded" [AP-34]
fn the_connections_address(subject: &Subject<'_>) -> Option<Surprise> {
    if subject.condition.attribute != Attribute::SourceIp || subject.condition.negated {
        return None;
    }
    let (source, remote) = (subject.seen.source_ip?, subject.seen.remote_ip?);
    (source != remote && holds(subject, remote)).then(|| {
        let text = format!(
            "`{}` reads the address of the connection, {source}, that of the proxy before; the client's by \
             X-Forwarded-For, {remote}, is what `remoteIpBlocks` reads",
            subject.field()
        );
        Surprise::new("address-of-the-connection", "AP-34", text)
    })
}

fn forwarded<'s>(subject: &'s Subject<'_>) -> Option<&'s str> {
    let http = subject
        .explanation
        .trace
        .before_tokens
        .as_ref()?
        .http
        .as_ref()?;
    http.header("x-forwarded-for")
        .find_map(|value| match value {
            Value::Known(value) => Some(value),
            Value::Unknown => None,
        })
}

fn at_a_gateway(subject: &Subject<'_>) -> bool {
    let workload = subject.mesh.workload(subject.request.workload);
    workload.is_some_and(|workload| workload.dataplane == Dataplane::Gateway)
}

/// "At a gateway that trusts no proxy the client's address is that of the connection" [AP-61]
fn forwarded_by_nobody(subject: &Subject<'_>) -> Option<Surprise> {
    let sent = crate::explanation::change::header_of(subject.request, "x-forwarded-for")?;
    let untrusted = subject.mesh.settings.num_trusted_proxies == 0;
    (subject.condition.attribute == Attribute::RemoteIp && at_a_gateway(subject) && untrusted).then(|| {
        let text = format!(
            "the gateway trusts no proxy (`numTrustedProxies` is 0), so `X-Forwarded-For: {sent}` is not looked at and \
             the client is whoever connects; set `meshConfig.defaultConfig.gatewayTopology.numTrustedProxies` to the \
             number of proxies before the gateway"
        );
        Surprise::new("forwarded-by-nobody-trusted", "AP-61", text)
    })
}

/// "that of the connection where this is no address: one with a port or a comma behind it is none" [AP-62]
fn forwarded_but_unread(subject: &Subject<'_>) -> Option<Surprise> {
    if subject.condition.attribute != Attribute::RemoteIp || at_a_gateway(subject) {
        return None;
    }
    let list = forwarded(subject)?;
    let last = list.rsplit(',').next().unwrap_or(list).trim_ascii();
    last.parse::<IpAddr>().is_err().then(|| {
        let text = format!(
            "the last entry of `X-Forwarded-For: {list}` is no plain address, so the address of the connection counts"
        );
        Surprise::new("forwarded-but-no-address", "AP-62", text)
    })
}

/// "At a sidecar the client's address is the last of `X-Forwarded-For`" [AP-62]; "with N trusted ones it is the Nth of
/// `X-Forwarded-For` from the right" [AP-61]
fn last_forwarded(subject: &Subject<'_>) -> Option<Surprise> {
    if subject.condition.attribute != Attribute::RemoteIp {
        return None;
    }
    let list = crate::explanation::change::header_of(subject.request, "x-forwarded-for")?;
    let mut entries = list
        .split(',')
        .filter_map(|entry| entry.trim_ascii().parse::<IpAddr>().ok());
    let elsewhere =
        entries.find(|entry| Some(*entry) != subject.seen.remote_ip && holds(subject, *entry))?;
    let remote = subject.seen.remote_ip?;
    let (which, statement) = if at_a_gateway(subject) {
        let trusted = subject.mesh.settings.num_trusted_proxies;
        (
            format!("with `numTrustedProxies: {trusted}` entry {trusted} from the right counts"),
            "AP-61",
        )
    } else {
        ("at a sidecar the last entry counts".to_owned(), "AP-62")
    };
    let text = format!(
        "`X-Forwarded-For: {list}` also names {elsewhere}, but {which}: the client is {remote}"
    );
    Some(Surprise::new("another-forwarded-entry-counts", statement, text))
}
