//! Conditions on addresses: the connection's and the client's, families, who is trusted to forward.

use std::net::IpAddr;

use super::{Subject, Surprise, failed};
use crate::matcher::IpBlock;
use crate::mesh::{Attribute, Dataplane, ValueMatch};
use crate::request::Payload;

pub(super) fn surprises(subject: &Subject<'_>, told: &mut Vec<Surprise>) {
    told.extend(other_family(subject));
    if !failed(subject.explanation) {
        return;
    }
    told.extend(the_connections_address(subject));
    told.extend(forwarded(subject));
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

fn blocks<'s>(subject: &Subject<'s>) -> impl Iterator<Item = IpBlock> + use<'s> {
    let values = subject.condition.values.iter();
    values
        .flat_map(|value| &value.matches)
        .filter_map(ValueMatch::block)
}

/// Whether the condition would hold for another address.
fn would_hold(subject: &Subject<'_>, address: IpAddr) -> bool {
    blocks(subject).any(|block| block.contains(address)) != subject.condition.negated
}

/// "a block has addresses of its own family only: `0.0.0.0/0` is not everybody" [AP-55]
fn other_family(subject: &Subject<'_>) -> Option<Surprise> {
    let address = address(subject)?;
    // Where any block is of the address's family, the family is not what decided.
    if blocks(subject).any(|block| block.first().is_ipv4() == address.is_ipv4()) {
        return None;
    }
    // That some network of one family does not hold an address of the other is no news; that all of it does not is.
    let whole = |block: IpBlock| block.beside() == [None, None];
    if !subject.condition.negated && !blocks(subject).any(whole) {
        return None;
    }
    let (family, others) = if address.is_ipv4() { ("IPv4", "IPv6") } else { ("IPv6", "IPv4") };
    let verb = if subject.condition.negated { "holds" } else { "fails" };
    let text = format!(
        "all blocks of {} are {others} and {address} is {family}: no block of one family holds an address of the \
         other, `0.0.0.0/0` and `::/0` included, so the condition {verb}",
        subject.named()
    );
    Some(Surprise::new("address-of-the-other-family", "AP-55", text))
}

/// "`ipBlocks` read the address from which the connection comes, whatever was forwarded" [AP-34]
fn the_connections_address(subject: &Subject<'_>) -> Option<Surprise> {
    if subject.condition.attribute != Attribute::SourceIp {
        return None;
    }
    let (source, remote) = (subject.seen.source_ip?, subject.seen.remote_ip?);
    (source != remote && would_hold(subject, remote)).then(|| {
        let other = match subject.field() {
            "source.ip" => "remote.ip",
            "notIpBlocks" => "notRemoteIpBlocks",
            _ => "remoteIpBlocks",
        };
        let text = format!(
            "`{}` reads the address of the connection, {source}, whatever was forwarded; the client's, {remote}, is \
             what `{other}` reads",
            subject.field()
        );
        Surprise::new("address-of-the-connection", "AP-34", text)
    })
}

/// What was forwarded, all lines as one.
fn sent(subject: &Subject<'_>) -> Option<String> {
    let Payload::Http(http) = &subject.request.payload else { return None };
    let lines: Vec<&str> = http
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("x-forwarded-for"))
        .map(|(_, line)| line.as_str())
        .collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

/// An address, perhaps with a port or in brackets, as people write it and the proxy does not read it.
fn meant(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim_ascii();
    let without_port = entry.rsplit_once(':').map_or(entry, |(host, _)| host);
    let bare = |text: &str| {
        text.trim_start_matches('[')
            .trim_end_matches(']')
            .parse()
            .ok()
    };
    bare(entry).or_else(|| bare(without_port))
}

/// "At a gateway that trusts no proxy the client's address is that of the connection; with N trusted ones it is the
/// Nth of `X-Forwarded-For` from the right" [AP-61]; "At a sidecar the client's address is the last of
/// `X-Forwarded-For`" [AP-62]
fn forwarded(subject: &Subject<'_>) -> Option<Surprise> {
    if subject.condition.attribute != Attribute::RemoteIp || subject.request.remote_ip.is_some() {
        return None;
    }
    let (list, remote) = (sent(subject)?, subject.seen.remote_ip?);
    let entries: Vec<&str> = list.split(',').map(str::trim_ascii).collect();
    // Some other entry would have done.
    let wanted = entries
        .iter()
        .filter_map(|entry| meant(entry))
        .find(|entry| would_hold(subject, *entry))?;
    let workload = subject.mesh.workload(subject.request.workload);
    let gateway = workload.is_some_and(|workload| workload.dataplane == Dataplane::Gateway);
    let trusted = workload.map_or(0, |workload| subject.mesh.proxy(workload).num_trusted_proxies);
    if gateway && trusted == 0 {
        let text = format!(
            "the gateway trusts no proxy (`numTrustedProxies` is 0), so `X-Forwarded-For: {list}` is not looked at and \
             the client is whoever connects; set `meshConfig.defaultConfig.gatewayTopology.numTrustedProxies` to the \
             number of proxies before the gateway"
        );
        return Some(Surprise::new("forwarded-by-nobody-trusted", "AP-61", text));
    }
    let from_the_right = if gateway { usize::try_from(trusted).unwrap_or(usize::MAX) } else { 1 };
    let (which, statement) = if gateway {
        (
            format!("with `numTrustedProxies: {trusted}` entry {trusted} from the right counts"),
            "AP-61",
        )
    } else {
        (
            "at a sidecar the last entry counts, whatever `numTrustedProxies` says".to_owned(),
            "AP-62",
        )
    };
    let counted = entries
        .len()
        .checked_sub(from_the_right)
        .and_then(|index| entries.get(index));
    let plain = counted.is_some_and(|entry| entry.parse::<IpAddr>().is_ok());
    if !plain {
        let what = match counted {
            None => "there is none".to_owned(),
            Some(&"") => "it is empty".to_owned(),
            Some(entry) => format!("`{entry}` is no plain address"),
        };
        let text = format!(
            "of `X-Forwarded-For: {list}` {which}; {what}, so the client's address is that of the connection, {remote}"
        );
        return Some(Surprise::new("forwarded-but-no-address", statement, text));
    }
    let text = format!(
        "`X-Forwarded-For: {list}` also names {wanted}, but {which}: the client is {remote}"
    );
    Some(Surprise::new("another-forwarded-entry-counts", statement, text))
}
