//! A pod's annotations → which traffic its sidecar sees.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::istio::InterceptionMode;
use crate::matcher::IpBlock;

/// Whether traffic passes through a sidecar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It goes past the sidecar, and why.
    No(String),
    /// It depends on what no file says.
    Unknown(String),
    /// It does.
    Yes,
}

/// What the rules in a pod lead to its sidecar [IN-35] [IN-20]. By default, everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interception {
    /// `NONE`: there are no rules.
    off: bool,
    /// A `Sidecar` resource may name ports on which the proxy listens without any rule.
    may_listen: bool,
    /// `excludeInboundPorts`.
    excluded_inbound: BTreeSet<u16>,
    /// `includeInboundPorts`; absent: all.
    included_inbound: Option<BTreeSet<u16>>,
    /// `excludeOutboundPorts`.
    excluded_outbound: BTreeSet<u16>,
    /// `includeOutboundPorts`, at whatever address.
    included_outbound: BTreeSet<u16>,
    /// `excludeOutboundIPRanges`.
    excluded_ranges: Vec<IpBlock>,
    /// `includeOutboundIPRanges`; absent: all.
    included_ranges: Option<Vec<IpBlock>>,
    /// `excludeInterfaces` is written.
    interfaces: bool,
}

const MODE: &str = "sidecar.istio.io/interceptionMode";
const PREFIX: &str = "traffic.sidecar.istio.io/";

impl Interception {
    /// Of the annotations of a pod; `mode` is that of its ProxyConfig. What the injector does not take, so that it
    /// admits no such pod, goes into `refused`.
    pub(super) fn of(
        annotations: &BTreeMap<String, String>,
        mode: Option<InterceptionMode>,
        refused: &mut Vec<String>,
    ) -> Self {
        let mut off = mode == Some(InterceptionMode::None);
        match annotations.get(MODE).map(String::as_str) {
            Some("NONE") => off = true,
            Some("REDIRECT" | "TPROXY") => off = false,
            None => {}
            Some(other) => refused.push(format!("`{MODE}` does not take `{other}`")),
        }
        let mut written = Written { annotations, refused };
        Self {
            off,
            may_listen: false,
            excluded_inbound: written.ports("excludeInboundPorts").unwrap_or_default(),
            included_inbound: written.ports("includeInboundPorts"),
            excluded_outbound: written.ports("excludeOutboundPorts").unwrap_or_default(),
            included_outbound: written.ports("includeOutboundPorts").unwrap_or_default(),
            excluded_ranges: written
                .ranges("excludeOutboundIPRanges")
                .unwrap_or_default(),
            included_ranges: written.ranges("includeOutboundIPRanges"),
            interfaces: written
                .text("excludeInterfaces")
                .is_some_and(|text| !text.is_empty()),
        }
    }

    /// The same, of a pod that a `Sidecar` resource may be about.
    pub(super) const fn beside_a_sidecar_resource(mut self) -> Self {
        self.may_listen = self.off;
        self
    }

    /// Whether there are no rules at all.
    #[must_use]
    pub const fn is_off(&self) -> bool {
        self.off
    }

    /// Whether traffic to a port is surely not seen.
    #[must_use]
    pub fn passes(&self, port: u16) -> bool {
        matches!(self.inbound(port), Seen::No(_))
    }

    /// Traffic to a port of the pod [IN-35].
    #[must_use]
    pub fn inbound(&self, port: u16) -> Seen {
        if self.may_listen {
            return Seen::Unknown(
                "with `interceptionMode: NONE` a Sidecar resource says on which ports the proxy listens, and is not \
                 evaluated yet"
                    .to_owned(),
            );
        }
        if self.off {
            return Seen::No("`interceptionMode: NONE` leads nothing to the sidecar".to_owned());
        }
        let annotation =
            || Seen::No(format!("an annotation takes port {port} away from the sidecar"));
        match &self.included_inbound {
            // Where ports are named, those that are excluded are not asked.
            Some(included) if !included.contains(&port) => return annotation(),
            None if self.excluded_inbound.contains(&port) => return annotation(),
            Some(_) | None => {}
        }
        self.by_interface()
    }

    /// Traffic that the pod sends to a port at one of these addresses; none: it is not known which [IN-20].
    #[must_use]
    pub fn outbound(&self, to: &[IpAddr], port: u16) -> Seen {
        if self.off {
            return Seen::No("`interceptionMode: NONE` leads nothing to its sidecar".to_owned());
        }
        if self.excluded_outbound.contains(&port) {
            return Seen::No(format!(
                "an annotation takes calls to port {port} away from its sidecar"
            ));
        }
        let included = self.included_outbound.contains(&port);
        let past = || {
            Seen::No("an annotation takes calls to this address away from its sidecar".to_owned())
        };
        let mut all = to.iter().map(|ip| self.sees(*ip, included));
        match (all.next(), &self.included_ranges) {
            (Some(first), _) if all.all(|other| other == first) => {
                return if first { self.by_interface() } else { past() };
            }
            // Without an address it is clear only where all addresses are alike.
            (None, None) if self.excluded_ranges.is_empty() => return self.by_interface(),
            (None, Some(_)) if self.excluded_ranges.is_empty() && included => {
                return self.by_interface();
            }
            (None, Some(ranges)) if ranges.is_empty() && !included => return past(),
            (Some(_) | None, _) => {}
        }
        Seen::Unknown(
            "annotations of the caller let its sidecar see calls to some addresses only, and which one is dialled the \
             files do not say"
                .to_owned(),
        )
    }

    /// Exclusions come before inclusions.
    fn sees(&self, ip: IpAddr, included: bool) -> bool {
        let within = |ranges: &[IpBlock]| ranges.iter().any(|range| range.contains(ip));
        !within(&self.excluded_ranges)
            && (included || self.included_ranges.as_deref().is_none_or(within))
    }

    fn by_interface(&self) -> Seen {
        if !self.interfaces {
            return Seen::Yes;
        }
        Seen::Unknown(format!(
            "`{PREFIX}excludeInterfaces` takes interfaces away from the sidecar, and which one the traffic uses the \
             files do not say"
        ))
    }
}

/// The annotations, read as the injector does.
struct Written<'w> {
    annotations: &'w BTreeMap<String, String>,
    refused: &'w mut Vec<String>,
}

impl<'w> Written<'w> {
    fn text(&self, name: &str) -> Option<&'w str> {
        self.annotations
            .get(&format!("{PREFIX}{name}"))
            .map(|text| text.trim())
    }

    /// A list of ports, perhaps empty; absent: all of them, or nothing is written.
    fn ports(&mut self, name: &str) -> Option<BTreeSet<u16>> {
        let ports = self.list(name, |port| port.trim().parse().ok());
        ports.map(|ports| ports.into_iter().collect())
    }

    /// As [`Written::ports`], of address blocks.
    fn ranges(&mut self, name: &str) -> Option<Vec<IpBlock>> {
        self.list(name, |range| {
            range
                .contains('/')
                .then(|| IpBlock::parse(range).ok())
                .flatten()
        })
    }

    fn list<T>(&mut self, name: &str, read: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
        let text = self.text(name)?;
        // Only what is included can be everything.
        if text == "*" && name.starts_with("include") {
            return None;
        }
        let mut items = Vec::new();
        for item in text.split(',').filter(|_| !text.is_empty()) {
            match read(item) {
                Some(item) => items.push(item),
                None => self
                    .refused
                    .push(format!("`{PREFIX}{name}` does not take `{text}`")),
            }
        }
        Some(items)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn of(annotations: &[(&str, &str)]) -> (Interception, Vec<String>) {
        let annotations = annotations
            .iter()
            .map(|(name, value)| (format!("{PREFIX}{name}"), (*value).to_owned()))
            .collect();
        let mut refused = Vec::new();
        (Interception::of(&annotations, None, &mut refused), refused)
    }

    fn word(seen: &Seen) -> &'static str {
        match seen {
            Seen::No(_) => "no",
            Seen::Unknown(_) => "unknown",
            Seen::Yes => "yes",
        }
    }

    // [IN-35]
    #[rstest]
    #[case::all(&[], "yes")]
    #[case::excluded(&[("excludeInboundPorts", "80, 81")], "no")]
    #[case::included(&[("includeInboundPorts", "80")], "yes")]
    #[case::included_wins(&[("includeInboundPorts", "80"), ("excludeInboundPorts", "80")], "yes")]
    #[case::all_but_one(&[("includeInboundPorts", "*"), ("excludeInboundPorts", "80")], "no")]
    #[case::an_interface(&[("excludeInterfaces", "eth1")], "unknown")]
    #[case::no_interface(&[("excludeInterfaces", "")], "yes")]
    #[case::an_interface_is_not_asked_for(
        &[("excludeInterfaces", "eth1"), ("excludeInboundPorts", "80")],
        "no"
    )]
    fn what_comes_in(#[case] annotations: &[(&str, &str)], #[case] want: &str) {
        let (interception, refused) = of(annotations);
        assert_eq!(word(&interception.inbound(80)), want);
        assert!(refused.is_empty(), "{refused:?}");
    }

    // [IN-20] To port 80 at 10.0.0.1, and where the address is not known.
    #[rstest]
    #[case::all(&[], "yes", "yes")]
    #[case::excluded_port(&[("excludeOutboundPorts", "80")], "no", "no")]
    #[case::another_port(&[("excludeOutboundPorts", "81")], "yes", "yes")]
    #[case::excluded_range(&[("excludeOutboundIPRanges", "10.0.0.0/8")], "no", "unknown")]
    #[case::another_range(&[("excludeOutboundIPRanges", "10.1.0.0/16,fd00::/8")], "yes", "unknown")]
    #[case::included_range(&[("includeOutboundIPRanges", "10.0.0.0/8")], "yes", "unknown")]
    #[case::not_included(&[("includeOutboundIPRanges", "10.1.0.0/16")], "no", "unknown")]
    #[case::nothing_is_included(&[("includeOutboundIPRanges", "")], "no", "no")]
    #[case::all_are_included(&[("includeOutboundIPRanges", "*")], "yes", "yes")]
    #[case::the_port_is_included(
        &[("includeOutboundIPRanges", ""), ("includeOutboundPorts", "80")],
        "yes",
        "yes"
    )]
    #[case::the_range_is_excluded_before_the_port_is_included(
        &[("excludeOutboundIPRanges", "10.0.0.0/8"), ("includeOutboundPorts", "80")],
        "no",
        "unknown"
    )]
    #[case::an_interface(&[("excludeInterfaces", "eth1")], "unknown", "unknown")]
    fn what_goes_out(
        #[case] annotations: &[(&str, &str)],
        #[case] known: &str,
        #[case] unknown: &str,
    ) {
        let (interception, refused) = of(annotations);
        let ip = "10.0.0.1".parse().unwrap();
        assert_eq!(word(&interception.outbound(&[ip], 80)), known);
        assert_eq!(word(&interception.outbound(&[], 80)), unknown);
        assert!(refused.is_empty(), "{refused:?}");
    }

    #[test]
    fn addresses_that_are_not_alike_leave_it_open() {
        let (interception, _) = of(&[("excludeOutboundIPRanges", "10.0.0.0/8")]);
        let ips = ["10.0.0.1", "fd00::1"].map(|ip| ip.parse().unwrap());
        assert_eq!(word(&interception.outbound(&ips, 80)), "unknown");
    }

    #[rstest]
    #[case::no_number("excludeInboundPorts", "http")]
    #[case::too_large("includeInboundPorts", "65536")]
    #[case::an_empty_item("excludeOutboundPorts", "80,")]
    #[case::all_are_not_excluded("excludeOutboundPorts", "*")]
    #[case::no_prefix("includeOutboundIPRanges", "10.0.0.1")]
    #[case::a_blank("excludeOutboundIPRanges", "10.0.0.0/8, 10.0.0.0/9")]
    fn what_the_injector_does_not_take(#[case] name: &str, #[case] value: &str) {
        let (_, refused) = of(&[(name, value)]);
        assert_eq!(refused, [format!("`{PREFIX}{name}` does not take `{value}`")]);
    }
}
