//! Header lines to header entries: valid names in lower case, trimmed values, and single slots joined.

use std::borrow::Cow;

/// What a policy can know of the value of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// The very bytes that are matched.
    Known(&'a str),
    /// The header is present, but what it holds only the running proxy knows: whatever asks for more than
    /// presence has no answer.
    Unknown,
}

/// The header lines filters see, without pseudo headers and `host`. Names are in lower case; a name with
/// several entries has several values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<Entry>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    name: Cow<'static, str>,
    /// `None` is unknown.
    value: Option<String>,
}

impl Headers {
    /// Every value of `name`, which is in lower case.
    pub fn values(&self, name: &str) -> impl Iterator<Item = Value<'_>> {
        self.0
            .iter()
            .filter(move |entry| entry.name == name)
            .map(Entry::value)
    }

    /// Every entry, in the order of the lines, the proxy's own last.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Value<'_>)> {
        self.0
            .iter()
            .map(|entry| (entry.name.as_ref(), entry.value()))
    }

    /// The header is no longer there, whatever it was.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|entry| entry.name != name);
    }

    /// The header has this value alone.
    pub fn set(&mut self, name: impl Into<Cow<'static, str>>, value: Value<'_>) {
        let name = name.into();
        self.remove(&name);
        let value = match value {
            Value::Known(value) => Some(value.to_owned()),
            Value::Unknown => None,
        };
        self.0.push(Entry { name, value });
    }

    /// One more entry; an unknown value is one that only the running proxy knows.
    pub fn add(&mut self, name: &str, value: Option<String>) {
        self.0
            .push(Entry { name: Cow::Owned(name.to_owned()), value });
    }

    /// The status with which the proxy itself answers: to a gRPC client always 200, what it means being in
    /// `grpc-status` [OC-1].
    #[must_use]
    pub fn local_status(&self, status: u16) -> u16 {
        let content_type = self.get("content-type").unwrap_or_default();
        let grpc =
            content_type == "application/grpc" || content_type.starts_with("application/grpc+");
        if grpc { 200 } else { status }
    }

    /// The value of a header that has one slot.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|entry| entry.name == name)?
            .value
            .as_deref()
    }

    /// Removes a header that has one slot.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|entry| entry.name == name)?;
        self.0.remove(at).value
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|entry| entry.name == name)
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.0.retain(|entry| keep(&entry.name));
    }

    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    /// A line more: a further value, or for a single slot one value joined by `joint`. An empty part adds
    /// no joint.
    pub(super) fn append(&mut self, name: Cow<'static, str>, value: String, joint: Option<&str>) {
        let slot = joint
            .and_then(|joint| Some((joint, self.0.iter_mut().find(|entry| entry.name == name)?)));
        let Some((joint, Entry { value: Some(joined), .. })) = slot else {
            return self.0.push(Entry { name, value: Some(value) });
        };
        if !joined.is_empty() && !value.is_empty() {
            joined.push_str(joint);
        }
        joined.push_str(&value);
    }
}

impl Entry {
    fn value(&self) -> Value<'_> {
        self.value.as_deref().map_or(Value::Unknown, Value::Known)
    }
}

/// The headers of which the proxy keeps one entry: repeated lines are joined with a comma. Which these are
/// depends on the extensions the proxy is built with.
const SINGLE_SLOTS: [&str; 62] = [
    "accept",
    "accept-encoding",
    "access-control-request-headers",
    "access-control-request-method",
    "access-control-request-private-network",
    "authorization",
    "cache-control",
    "cdn-loop",
    "connection",
    "content-encoding",
    "content-type",
    "expect",
    "grpc-accept-encoding",
    "grpc-timeout",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "origin",
    "pragma",
    "proxy-connection",
    "proxy-status",
    "referer",
    "te",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-client-trace-id",
    "x-envoy-attempt-count",
    "x-envoy-decorator-operation",
    "x-envoy-downstream-service-cluster",
    "x-envoy-downstream-service-node",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-external-address",
    "x-envoy-force-trace",
    "x-envoy-hedge-on-per-try-timeout",
    "x-envoy-internal",
    "x-envoy-ip-tags",
    "x-envoy-is-timeout-retry",
    "x-envoy-max-retries",
    "x-envoy-original-host",
    "x-envoy-original-path",
    "x-envoy-original-url",
    "x-envoy-retriable-header-names",
    "x-envoy-retriable-status-codes",
    "x-envoy-retry-grpc-on",
    "x-envoy-retry-on",
    "x-envoy-upstream-alt-stat-name",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-upstream-rq-timeout-alt-response",
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-upstream-stream-duration-ms",
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-request-id",
];

/// Repeated lines of this header are one value.
pub(super) fn is_single_slot(name: &str) -> bool {
    SINGLE_SLOTS.binary_search(&name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_slots_can_be_searched() {
        assert!(SINGLE_SLOTS.is_sorted());
    }
}
