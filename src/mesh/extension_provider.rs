//! Whether istiod can use an external authorizer as the mesh configuration defines it.

use std::net::IpAddr;

use crate::istio::{ExtensionProvider, ProviderKind};

/// The statuses that Envoy's API names; istiod takes no other for `statusOnError`.
const STATUSES: [(u16, u16); 12] = [
    (100, 100),
    (200, 208),
    (226, 226),
    (300, 305),
    (307, 308),
    (400, 417),
    (421, 424),
    (426, 426),
    (428, 429),
    (431, 431),
    (500, 508),
    (510, 511),
];

/// The provider of that name, or why istiod cannot use it [AP-110].
///
/// # Errors
/// The reason, in one sentence.
pub fn usable<'p>(
    providers: &'p [ExtensionProvider],
    name: &str,
) -> Result<&'p ExtensionProvider, String> {
    // Providers of traces and logs are none [IN-8].
    let mut named = providers
        .iter()
        .filter(|provider| provider.name.value == name && provider.kind != ProviderKind::Other);
    let Some(provider) = named.next() else {
        return Err(format!("no extension provider `{name}` in the mesh configuration"));
    };
    if named.next().is_some() {
        return Err(format!("extension provider `{name}` is defined twice"));
    }
    if !is_label(name) || name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(format!("extension provider `{name}`: not a lower-case DNS label"));
    }
    let service = provider.service.as_deref().unwrap_or_default();
    if service.is_empty() {
        return Err(format!("extension provider `{name}` names no service"));
    }
    if !is_service(service) {
        return Err(format!("extension provider `{name}`: `{service}` is no host of a service"));
    }
    if !provider
        .port
        .is_some_and(|port| (1..=65535).contains(&port))
    {
        return Err(format!("extension provider `{name}`: its port is not from 1 to 65535"));
    }
    let prefix = provider.check.path_prefix.as_deref().unwrap_or_default();
    if !prefix.is_empty() && !prefix.starts_with('/') {
        return Err(format!(
            "extension provider `{name}`: pathPrefix `{prefix}` does not begin with `/`"
        ));
    }
    // An empty text is none at all.
    let status = provider.status_on_error.as_deref().unwrap_or_default();
    let known = status.parse::<u16>().is_ok_and(|status| {
        STATUSES
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&status))
    });
    if !status.is_empty() && !known {
        return Err(format!(
            "extension provider `{name}`: statusOnError `{status}` is no status that Envoy names"
        ));
    }
    Ok(provider)
}

/// `HOST`, an IP address, or `NAMESPACE/HOST`.
fn is_service(text: &str) -> bool {
    match text.split_once('/') {
        Some((namespace, host)) => is_label(namespace) && is_host(host),
        None => is_host(text) || text.parse::<IpAddr>().is_ok(),
    }
}

/// DNS labels with dots between them, and perhaps one at the end.
fn is_host(text: &str) -> bool {
    let host = text.strip_suffix('.').unwrap_or(text);
    let top = text.rsplit('.').next().unwrap_or_default();
    let numeric = !top.is_empty() && top.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= 255 && !numeric && host.split('.').all(is_label)
}

fn is_label(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 63
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::diagnostic::{Position, Sourced};

    fn provider(kind: ProviderKind) -> ExtensionProvider {
        ExtensionProvider {
            name: Sourced { value: "ext".to_owned(), position: Position::START },
            kind,
            service: Some("ext.foo.svc.cluster.local".to_owned()),
            port: Some(9000),
            fail_open: false,
            status_on_error: None,
            include_request_headers: Vec::new(),
            check: crate::istio::Check::default(),
        }
    }

    // [AP-110]
    #[rstest]
    #[case("ext", true)]
    #[case("ext.foo.svc.cluster.local.", true)]
    #[case("10.0.0.1", true)]
    #[case("fd00::1", true)]
    #[case("foo/ext.foo.svc.cluster.local", true)]
    #[case("", false)]
    #[case("a b", false)]
    #[case("a.1", false)]
    #[case("a..b", false)]
    #[case("/a", false)]
    #[case("foo/bar/a", false)]
    #[case("*.a", false)]
    fn a_service_is_a_host(#[case] service: &str, #[case] takes: bool) {
        let written =
            ExtensionProvider { service: Some(service.to_owned()), ..provider(ProviderKind::Grpc) };
        assert_eq!(usable(&[written], "ext").is_ok(), takes);
    }

    // [AP-110]
    #[rstest]
    #[case("", true)]
    #[case("503", true)]
    #[case("226", true)]
    #[case("299", false)]
    #[case("430", false)]
    #[case("418", false)]
    #[case("0", false)]
    #[case("x", false)]
    fn a_status_is_one_that_envoy_names(#[case] status: &str, #[case] takes: bool) {
        let written = ExtensionProvider {
            status_on_error: Some(status.to_owned()),
            ..provider(ProviderKind::Http)
        };
        assert_eq!(usable(&[written], "ext").is_ok(), takes);
    }

    // [AP-110] [IN-8]
    #[rstest]
    #[case::one(&[ProviderKind::Http], true)]
    #[case::two(&[ProviderKind::Http, ProviderKind::Grpc], false)]
    #[case::traces_behind(&[ProviderKind::Http, ProviderKind::Other], true)]
    #[case::traces_before(&[ProviderKind::Other, ProviderKind::Http], true)]
    #[case::traces(&[ProviderKind::Other], false)]
    #[case::none(&[], false)]
    fn one_authorizer_has_the_name(#[case] kinds: &[ProviderKind], #[case] takes: bool) {
        let written: Vec<ExtensionProvider> = kinds.iter().copied().map(provider).collect();
        assert_eq!(usable(&written, "ext").is_ok(), takes);
    }
}
