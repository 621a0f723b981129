//! A request that is answered → nothing: the place of `traces` where the feature `otel` is off.

use hyper::header::HeaderMap;
use tokio::runtime::Handle;

use super::metrics::Metrics;
use crate::admission::Answer;

/// Spans go nowhere.
#[derive(Debug)]
pub(super) struct Traces;

impl Traces {
    pub(super) fn to(
        collector: Option<&str>,
        _runtime: &Handle,
        _metrics: &Metrics,
    ) -> Result<Self, String> {
        match collector {
            None => Ok(Self),
            Some(collector) => {
                Err(format!("`{collector}`: this portcullis is built without `--features otel`"))
            }
        }
    }

    #[expect(clippy::unused_self, reason = "as that of the room that traces")]
    pub(super) const fn begin(&self, _headers: &HeaderMap) -> Span {
        Span
    }

    pub(super) const fn end(&self) {}
}

/// No span.
#[derive(Debug)]
pub(super) struct Span;

impl Span {
    pub(super) const fn decided(&mut self, _answer: &Answer) {}

    pub(super) const fn answered(&mut self, _status: u16) {}
}
