//! One HTTP request → its answer, within bounds of time, length and number.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Frame, Incoming, SizeHint};
use hyper::header::{
    ACCEPT, ALLOW, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER,
    TRANSFER_ENCODING,
};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

use super::bodies::{Bodies, Body};
use super::places::{Asked, Open};
use super::traces::Span;
use super::{Limits, Shared};
use crate::admission::{self, Answer};

/// An answer.
pub(super) type Answered = Response<Full<Bytes>>;

/// An answer on its way: its request is open until somebody takes it.
#[derive(Debug)]
pub(super) struct Sent {
    body: Full<Bytes>,
    _open: Arc<Open>,
}

impl hyper::body::Body for Sent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Where reviews wait for their turn: the threads that answer them take one after the other.
#[derive(Debug)]
pub(super) struct Desk {
    /// Reviews that wait or are answered.
    taken: Arc<Semaphore>,
    /// Whoever looks at a long review.
    long: Arc<Semaphore>,
    bodies: Bodies,
}

/// Reviews from so many bytes on are looked at one at a time.
const LONG: usize = 256 << 10;

impl Desk {
    pub(super) fn of(limits: &Limits) -> Self {
        Self {
            taken: Arc::new(Semaphore::new(limits.concurrency.saturating_add(limits.queue))),
            long: Arc::new(Semaphore::new(1)),
            bodies: Bodies::of(limits.bodies),
        }
    }

    /// A place among those that wait; absent where too many do.
    fn queue(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.taken).try_acquire_owned().ok()
    }
}

/// A review that nobody waits for any more is not begun.
struct Forgotten(AbortHandle);

impl Drop for Forgotten {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Answers. Reviews are answered where `reviews` says so, health and metrics everywhere. `asked` is told once the
/// whole request is there.
pub(super) async fn respond(
    request: Request<Incoming>,
    shared: Arc<Shared>,
    reviews: bool,
    asked: Asked,
) -> Result<Response<Sent>, Infallible> {
    let began = Instant::now();
    let path = request.uri().path().to_owned();
    let answered = match (path.as_str(), request.method()) {
        // What arrives in one piece may be longer than hyper's own bound.
        _ if length(&request) > shared.options.limits.head => {
            text(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "the head is longer than is read")
        }
        ("/livez" | "/readyz" | "/metrics", &Method::GET | &Method::HEAD) => {
            asked.has_come();
            health(&path, request.headers().get(ACCEPT), &shared)
        }
        ("/livez" | "/readyz" | "/metrics", _) => only("GET, HEAD"),
        ("/validate", &Method::POST) if reviews => {
            let mut span = shared.traces.begin(request.headers());
            let reviewed = review(request, &shared, &asked, began, &mut span);
            let reviewed = timeout(shared.options.limits.request_time, reviewed).await;
            let answered = reviewed
                .unwrap_or_else(|_| text(StatusCode::GATEWAY_TIMEOUT, "the review took too long"));
            span.answered(answered.status().as_u16());
            answered
        }
        ("/validate", _) if reviews => only("POST"),
        _ => {
            text(StatusCode::NOT_FOUND, "there is `/validate`, `/livez`, `/readyz` and `/metrics`")
        }
    };
    if answered.status() != StatusCode::OK {
        shared.metrics.refused(answered.status().as_u16());
    }
    Ok(answered.map(|body| Sent { body, _open: asked.open() }))
}

fn health(path: &str, accept: Option<&HeaderValue>, shared: &Shared) -> Answered {
    match path {
        "/metrics" => {
            let mut answered = text(StatusCode::OK, &shared.metrics.text());
            // Prometheus asks for OpenMetrics; whoever does not is told the older format, which takes its last line for a
            // comment.
            let asked = accept.and_then(|accept| accept.to_str().ok());
            let kind = if asked.is_some_and(|asked| asked.contains("application/openmetrics-text"))
            {
                "application/openmetrics-text; version=1.0.0; charset=utf-8"
            } else {
                "text/plain; version=0.0.4; charset=utf-8"
            };
            drop(
                answered
                    .headers_mut()
                    .insert(CONTENT_TYPE, HeaderValue::from_static(kind)),
            );
            answered
        }
        "/readyz" if !shared.ready.load(Ordering::SeqCst) => {
            text(StatusCode::SERVICE_UNAVAILABLE, "stopping")
        }
        "/readyz" if !shared.is_ready() => {
            text(StatusCode::SERVICE_UNAVAILABLE, "the mesh is not known yet")
        }
        _ => text(StatusCode::OK, "ok"),
    }
}

/// The bytes of a head, about as they are written.
fn length(request: &Request<Incoming>) -> usize {
    let fields = request.headers().iter();
    let fields = fields.map(|(name, value)| name.as_str().len() + value.len() + 4);
    request.uri().path().len() + fields.sum::<usize>()
}

/// Reads a review, waits for its turn and answers it where it cannot hold up others.
async fn review(
    request: Request<Incoming>,
    shared: &Arc<Shared>,
    asked: &Asked,
    began: Instant,
    span: &mut Span,
) -> Answered {
    if let Some(unfit) = unfit(&request) {
        return unfit;
    }
    let desk = &shared.desk;
    let held_body = desk.bodies.begin();
    let body = tokio::select! {
        body = whole(request.into_body(), &held_body, shared.options.limits.body) => body,
        () = held_body.is_in_the_way() => Err(Unread::NoRoom),
    };
    let body = match body {
        Ok(body) => body,
        Err(unread) => return unread.into(),
    };
    held_body.is_whole();
    asked.has_come();
    let Ok(body) = String::from_utf8(body) else {
        return text(StatusCode::BAD_REQUEST, "the review is no UTF-8");
    };
    let Some(turn) = desk.queue() else { return later("too many reviews wait already") };
    // What is made of a long one is many times as long.
    let alone = match body.len() {
        ..LONG => None,
        LONG.. => Arc::clone(&desk.long).acquire_owned().await.ok(),
    };
    let held = Arc::clone(shared);
    // Its threads take the next one without being woken, as long as any waits.
    let answer = tokio::task::spawn_blocking(move || {
        // Held until the answer is there, also where nobody waits for it any more.
        let _held = (turn, alone, held_body);
        answer(&body, &held)
    });
    let _forgotten = Forgotten(answer.abort_handle());
    let Ok(answer) = answer.await else {
        return text(StatusCode::INTERNAL_SERVER_ERROR, "the review could not be answered");
    };
    let seconds = began.elapsed().as_secs_f64();
    span.decided(&answer);
    shared
        .metrics
        .reviewed(&answer.about.operation, answer.is_allowed(), seconds);
    shared
        .log
        .decision(shared.options.decisions, &answer, seconds);
    let mut answered = text(
        StatusCode::from_u16(answer.http_status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        &answer.body(),
    );
    drop(
        answered
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json")),
    );
    answered
}

/// Why a body is not there.
enum Unread {
    TooLong,
    Lost,
    NoRoom,
}

impl From<Unread> for Answered {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::TooLong => {
                text(StatusCode::PAYLOAD_TOO_LARGE, "the review is longer than is read")
            }
            Unread::Lost => text(StatusCode::BAD_REQUEST, "the body did not arrive"),
            Unread::NoRoom => later("too much is being read already"),
        }
    }
}

/// All bytes of a body, of `most` at most.
async fn whole(body: Incoming, held: &Body, most: usize) -> Result<Vec<u8>, Unread> {
    let mut body = Limited::new(body, most);
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            if error.is::<LengthLimitError>() { Unread::TooLong } else { Unread::Lost }
        })?;
        // Trailers say nothing here.
        let Ok(data) = frame.into_data() else { continue };
        if !held.grows(data.len()) {
            return Err(Unread::NoRoom);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

/// Whoever asks may ask again.
fn later(why: &str) -> Answered {
    let mut answered = text(StatusCode::TOO_MANY_REQUESTS, why);
    drop(
        answered
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from_static("1")),
    );
    answered
}

/// The answer; a defect of ours is one, too.
fn answer(body: &str, shared: &Shared) -> Answer {
    let failure = |why| {
        let uid = catch_unwind(|| admission::uid(body)).unwrap_or_default();
        Answer::of_failure(&uid, why, shared.options.fail_open)
    };
    let Some(known) = shared.known() else { return failure("the mesh is not known yet") };
    let answer = catch_unwind(AssertUnwindSafe(|| {
        let mut answer = admission::review(body, &known);
        if shared.options.fail_open {
            answer.let_pass();
        }
        answer
    }));
    answer.unwrap_or_else(|_| {
        shared.metrics.panicked();
        failure("a defect of portcullis, see its log")
    })
}

/// What is no JSON, packed, or of a length that is not told is not looked into.
fn unfit(request: &Request<Incoming>) -> Option<Answered> {
    let headers = request.headers();
    // RFC 9112 §6.3: two readers of a body in chunks may disagree about where it ends; the API server tells the length.
    if headers.contains_key(TRANSFER_ENCODING) {
        let mut answered = text(StatusCode::LENGTH_REQUIRED, "send a `Content-Length`");
        drop(
            answered
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close")),
        );
        return Some(answered);
    }
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        let why = "`Content-Type` must be `application/json`";
        return Some(text(StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
    }
    let packed = headers
        .get(CONTENT_ENCODING)
        .is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    packed.then(|| text(StatusCode::UNSUPPORTED_MEDIA_TYPE, "`Content-Encoding` is not understood"))
}

/// Another method is wanted.
fn only(methods: &'static str) -> Answered {
    let mut answered = text(StatusCode::METHOD_NOT_ALLOWED, "this method is not understood here");
    drop(
        answered
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static(methods)),
    );
    answered
}

fn text(status: StatusCode, text: &str) -> Answered {
    let mut answered = Response::new(Full::new(Bytes::from(text.to_owned())));
    *answered.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    drop(answered.headers_mut().insert(CONTENT_TYPE, kind));
    answered
}
