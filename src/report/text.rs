//! Answers and outcomes → lines for people.

use crate::diagnostic::printable;
use crate::request::{Caller, HostSpec, Protocol, RequestSpec};

/// A question in short: `sleep.foo → httpbin.foo:8000 GET /headers`.
#[must_use]
pub fn question(spec: &RequestSpec) -> String {
    let from = match &spec.from {
        Caller::Certificate { uris, .. } => match uris.as_slice() {
            [one] => one.strip_prefix("spiffe://").unwrap_or(one).to_owned(),
            many => format!("{} names", many.len()),
        },
        Caller::External => "outside".to_owned(),
        Caller::Plaintext => "plaintext".to_owned(),
        Caller::Workload(name) => name.clone(),
    };
    let mut text = format!("{from} → {}", spec.to);
    if let Some(port) = spec.port {
        text.push_str(&format!(":{port}"));
    }
    match spec.protocol {
        Some(Protocol::Tcp) => text.push_str(" TCP"),
        Some(Protocol::Tls) => text.push_str(" TLS"),
        Some(Protocol::Http) | None => {
            let method = spec.http.method.as_deref().unwrap_or("GET");
            let target = spec.http.target.as_deref().unwrap_or("/");
            text.push_str(&format!(" {method} {target}"));
            let asked = spec
                .port
                .map_or_else(|| spec.to.clone(), |port| format!("{}:{port}", spec.to));
            if let HostSpec::Given(host) = &spec.http.host
                && *host != asked
                && *host != spec.to
            {
                text.push_str(&format!(" (Host: {host})"));
            }
        }
    }
    printable(&text)
}
