//! A request that is answered → a span of a trace, which a collector of OpenTelemetry is sent and nobody waits for.
//!
//! A span that has ended waits in the queue of the SDK, which is bounded, and a thread of the SDK's own sends what is there:
//! where the collector is away the queue is full, and further spans are dropped.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use hyper::header::HeaderMap;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{Span as _, SpanKind, Status, Tracer as _, TracerProvider as _};
use opentelemetry::{Key, KeyValue, Value};
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_http::{Bytes, HeaderExtractor, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, Span as SdkSpan};
use prometheus_client::metrics::counter::Counter;
use tokio::runtime::Handle;

use super::metrics::Metrics;
use crate::admission::Answer;

/// A collector that has not taken spans after so long is given up; the next ones are another try.
const PATIENCE: Duration = Duration::from_secs(10);
/// So long an end of the server waits for what is still to be sent.
const FAREWELL: Duration = Duration::from_secs(2);
/// So many characters of a value are told: names of Kubernetes are no longer, and a queue of them is bounded.
const MOST: usize = 253;

/// Where spans go, if anywhere.
pub(super) struct Traces(Option<(SdkTracerProvider, SdkTracer)>);

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Traces")
    }
}

impl Traces {
    /// Spans go to `collector`, an `http://` URL with its path, as OTLP; absent: nowhere. How often, how many, how they are
    /// sampled and what they say of the process is in the standard variables, which the SDK reads.
    pub(super) fn to(
        collector: Option<&str>,
        runtime: &Handle,
        metrics: &Metrics,
    ) -> Result<Self, String> {
        let Some(collector) = collector else { return Ok(Self(None)) };
        if !collector.starts_with("http://") {
            return Err(format!(
                "`{collector}`: spans are sent without TLS: name a collector beside the webhook, `http://HOST:4318`"
            ));
        }
        let sender = Sender {
            runtime: runtime.clone(),
            client: HyperClient::with_default_connector(PATIENCE, None),
            failures: metrics.trace_failures.clone(),
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(sender)
            .with_endpoint(collector)
            .build()
            .map_err(|error| format!("`{collector}`: {error}"))?;
        let provider = SdkTracerProvider::builder()
            .with_resource(resource())
            .with_batch_exporter(exporter)
            .build();
        let tracer = provider.tracer(env!("CARGO_PKG_NAME"));
        Ok(Self(Some((provider, tracer))))
    }

    /// A request for a review begins: a span of the trace that its head names (W3C Trace Context §3.2), else of a new one.
    pub(super) fn begin(&self, headers: &HeaderMap) -> Span {
        let span = self.0.as_ref().map(|(_, tracer)| {
            let caller = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
            tracer
                .span_builder("POST /validate")
                .with_kind(SpanKind::Server)
                .with_attributes([
                    KeyValue::new("http.request.method", "POST"),
                    KeyValue::new("url.path", "/validate"),
                ])
                .start_with_context(tracer, &caller)
        });
        Span(span)
    }

    /// Sends what is left, as far as that takes no long time.
    pub(super) fn end(&self) {
        if let Some((provider, _)) = &self.0 {
            // Whatever keeps it from being sent is counted where it is sent.
            drop(provider.shutdown_with_timeout(FAREWELL));
        }
    }
}

/// Who the spans are of: what `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` say, and `portcullis` where they do not.
fn resource() -> Resource {
    let told = Resource::builder().build();
    let name = told.get(&Key::new("service.name"));
    let is_told = name.is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    let builder = Resource::builder();
    let builder = if is_told { builder } else { builder.with_service_name(env!("CARGO_PKG_NAME")) };
    builder
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build()
}

/// The span of one request. It ends where it is dropped.
#[derive(Debug)]
pub(super) struct Span(Option<SdkSpan>);

impl Span {
    /// What was decided.
    pub(super) fn decided(&mut self, answer: &Answer) {
        let Some(span) = &mut self.0 else { return };
        let about = &answer.about;
        let texts = [
            ("admission.uid", answer.uid.as_str()),
            ("admission.operation", &about.operation),
            ("admission.kind", &about.kind),
            ("admission.namespace", &about.namespace),
            ("admission.name", &about.name),
            (
                "admission.reason",
                answer
                    .denied
                    .as_ref()
                    .map_or("", |(reason, _)| reason.as_str()),
            ),
        ];
        for (name, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
            let text: String = text.chars().take(MOST).collect();
            span.set_attribute(KeyValue::new(name, text));
        }
        span.set_attribute(KeyValue::new("admission.dry_run", about.dry_run));
        span.set_attribute(KeyValue::new("admission.allowed", answer.is_allowed()));
    }

    /// What was answered; of a server's own failures the span says so.
    pub(super) fn answered(&mut self, status: u16) {
        let Some(span) = &mut self.0 else { return };
        span.set_attribute(KeyValue::new(
            "http.response.status_code",
            Value::I64(i64::from(status)),
        ));
        if status >= 500 {
            span.set_status(Status::error(""));
        }
    }
}

/// Sends on the server's runtime what a thread outside of it gives.
struct Sender {
    runtime: Handle,
    client: HyperClient,
    failures: Counter,
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sender")
    }
}

type Sent<'s> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 's>>;

impl HttpClient for Sender {
    fn send_bytes<'s, 'f>(&'s self, request: Request<Bytes>) -> Sent<'f>
    where
        's: 'f,
        Self: 'f,
    {
        let client = self.client.clone();
        let sent = self
            .runtime
            .spawn(async move { client.send_bytes(request).await });
        Box::pin(async move {
            let sent = sent.await.map_err(HttpError::from).flatten();
            if !sent
                .as_ref()
                .is_ok_and(|answer| answer.status().is_success())
            {
                self.failures.inc();
            }
            sent
        })
    }
}
