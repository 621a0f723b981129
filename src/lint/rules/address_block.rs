//! An address block that is not what it looks like → it holds other addresses.

use std::net::IpAddr;

use crate::lint::subject::Subject;
use crate::lint::{Finding, Level, Lint};
use crate::matcher::IpBlock;
use crate::mesh::Attribute;

pub(super) const LINT: Lint = Lint {
    code: "PC082",
    name: "address-block",
    level: Level::Medium,
    what: "An address block has bits behind its prefix, is everything, or is an IPv4 address in IPv6 clothing.",
    why: "`10.0.0.1/8` is `10.0.0.0/8`, sixteen million addresses. `0.0.0.0/0` is every IPv4 address and no IPv6 one. \
          `::ffff:10.0.0.1` is an IPv6 address, and the proxy sees such a caller with its IPv4 address.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: bits, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {ipBlocks: [10.0.0.1/8]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: everything, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - from:
    - source: {notIpBlocks: ['0.0.0.0/0', '::ffff:10.0.0.1']}
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: blocks, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {ipBlocks: [10.0.0.0/8, 192.0.2.1, \"2001:db8::/32\"]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: one, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {ipBlocks: [10.0.0.1/32]}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for written in subject.policies() {
        for term in written.terms() {
            let ip = matches!(
                term.attribute,
                Attribute::SourceIp | Attribute::RemoteIp | Attribute::DestinationIp
            );
            let text = term.text();
            let Ok(block) = IpBlock::parse(text) else { continue };
            let (address, length) = text
                .split_once('/')
                .map_or((text, None), |(address, length)| (address, Some(length)));
            let Ok(address) = address.parse::<IpAddr>() else { continue };
            if !ip {
                continue;
            }
            let mapped = matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some());
            if mapped {
                let message =
                    format!("`{text}` is an IPv6 address: an IPv4 caller has another one");
                found.push(
                    written
                        .finding(&term, message)
                        .help("write the IPv4 address"),
                );
            } else if length == Some("0") {
                let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
                let message = format!("`{text}` is every {family} address, and no other");
                found.push(
                    written
                        .finding(&term, message)
                        .help("name the block that is meant, or leave the field out"),
                );
            } else if block.first() != address {
                let means = block.to_string();
                found.push(
                    written
                        .finding(&term, format!("`{text}` is the whole block `{means}`"))
                        .help(format!("write `{means}`, or `{address}` for the one address"))
                        .replace("write the block that it is", means),
                );
            }
        }
    }
}
