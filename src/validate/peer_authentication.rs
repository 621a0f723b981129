//! A PeerAuthentication → what is refused of it.

use super::Refuser::Both;
use super::{Judge, selector, spec};
use crate::istio::PeerAuthentication;

pub(super) fn judge(policy: &PeerAuthentication, judge: &mut Judge<'_>) {
    judge.no_dry_run(&policy.meta);
    if let Some(selector) = &policy.selector {
        selector::judge_selector(selector, &spec(), judge);
    }
    let Some(ports) = &policy.port_level else { return };
    let path = spec().field("portLevelMtls");
    let labels = policy
        .selector
        .as_ref()
        .is_some_and(|selector| !selector.match_labels.is_empty());
    if ports.is_empty() {
        let message = "`portLevelMtls` must hold at least one port";
        judge.refuse(Both, "VAL-41", policy.port_level_position, &path, message);
    } else if !labels {
        let message = "`portLevelMtls` needs a `selector` with labels";
        judge.refuse(Both, "VAL-40", policy.port_level_position, &path, message);
    }
    for (port, _) in ports {
        if !is_port(&port.value) {
            let message = format!("`{}` is no port from 1 to 65535", port.value);
            judge.refuse(Both, "VAL-42", port.position, &path, &message);
        }
    }
}

/// The schema takes a sign and leading zeros, the webhook's decoder takes neither.
fn is_port(text: &str) -> bool {
    !text.starts_with(['0', '+']) && text.parse::<u16>().is_ok()
}
