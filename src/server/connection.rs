//! A listener → connections, each within bounds of time and number, until the server stops.

use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::LazyConfigAcceptor;

use super::Shared;
use super::places::{Activity, Place, Places, Stage};
use super::respond::respond;
use super::tls::Acceptor;

/// After a failure to accept (no file descriptor is left, say) so long nothing is accepted.
const PAUSE: Duration = Duration::from_millis(50);
/// So long where somebody else has just been told to leave.
const BREATH: Duration = Duration::from_millis(1);
/// Failures to accept are logged once in so long.
const SILENCE: Duration = Duration::from_secs(1);
/// So many requests of one HTTP/2 connection are answered at a time.
const STREAMS: u32 = 64;

/// Accepts connections until the server stops; whatever fails, it goes on.
pub(super) async fn accept(
    listener: TcpListener,
    shared: Arc<Shared>,
    reviews: bool,
    mut stopped: watch::Receiver<bool>,
) {
    let places = Places::of(shared.options.limits.room);
    let mut told = None;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|stopped| *stopped) => return,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                if told.is_none_or(|told: Instant| told.elapsed() > SILENCE) {
                    told = Some(Instant::now());
                    let message = error.to_string();
                    shared.log.event("accept failed", &[("message", &message)]);
                }
                shared.metrics.turned_away("accept");
                // Where no file descriptor is left, somebody who has not asked anything yet has one.
                sleep(if places.free_one() { BREATH } else { PAUSE }).await;
                continue;
            }
        };
        let place = places.take();
        let (shared, stopped) = (Arc::clone(&shared), stopped.clone());
        drop(tokio::spawn(async move {
            shared.metrics.connections.inc();
            let counted = Counted(&shared);
            tokio::select! {
                () = place.is_wanted() => shared.metrics.turned_away("displaced"),
                () = connection(stream, &shared, reviews, &place, stopped) => {}
            }
            drop(counted);
        }));
    }
}

/// Counts a connection, as long as it is there.
struct Counted<'s>(&'s Shared);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.metrics.connections.dec();
    }
}

/// Serves one connection to its end.
async fn connection(
    stream: TcpStream,
    shared: &Arc<Shared>,
    reviews: bool,
    place: &Place,
    stopped: watch::Receiver<bool>,
) {
    // Until something comes a socket is all that is held, and a few thousand of them cost little.
    match timeout(shared.options.limits.head_time, stream.peek(&mut [0])).await {
        Ok(Ok(1..)) => {}
        // Whoever only looks whether somebody listens is none of our business.
        Ok(_) => return,
        Err(_) => return shared.metrics.turned_away("silence"),
    }
    // A socket that does not take the option is slower, and good enough.
    drop(stream.set_nodelay(true));
    // On the heap, so that it is no part of what is held for those who say nothing.
    if reviews {
        Box::pin(greeted(stream, shared, place, stopped)).await;
    } else {
        place.activity.gets_to(Stage::Asking);
        Box::pin(serve(stream, false, shared, reviews, place, stopped)).await;
    }
}

/// Shakes hands, and serves.
async fn greeted(
    stream: TcpStream,
    shared: &Arc<Shared>,
    place: &Place,
    stopped: watch::Receiver<bool>,
) {
    place.activity.gets_to(Stage::Greeting);
    let shake = async {
        let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        place.activity.gets_to(Stage::Shaking);
        hello.into_stream(shared.tls()).await
    };
    match timeout(shared.options.limits.head_time, shake).await {
        Ok(Ok(stream)) => {
            place.activity.gets_to(Stage::Asking);
            let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            Box::pin(serve(stream, h2, shared, true, place, stopped)).await;
        }
        Ok(Err(_)) => shared.metrics.turned_away("handshake"),
        Err(_) => shared.metrics.turned_away("handshake time"),
    }
}

/// Speaks HTTP until the other side, a bound of time or the server's end ends it.
async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    h2: bool,
    shared: &Arc<Shared>,
    reviews: bool,
    place: &Place,
    stopped: watch::Receiver<bool>,
) {
    let limits = shared.options.limits;
    let activity = &place.activity;
    let (held, active) = (Arc::clone(shared), Arc::clone(activity));
    let service =
        service_fn(move |request| respond(request, Arc::clone(&held), reviews, active.asked()));
    let io = TokioIo::new(stream);
    if h2 {
        let head = u32::try_from(limits.head).unwrap_or(u32::MAX);
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_header_list_size(head)
            .max_concurrent_streams(STREAMS)
            .keep_alive_interval(limits.idle_time / 3)
            .keep_alive_timeout(limits.request_time)
            .serve_connection(io, service);
        drive(connection, activity, shared, stopped).await;
    } else {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            // It runs between two requests, too, which `idle_time` bounds.
            .header_read_timeout(limits.idle_time)
            .max_buf_size(limits.head)
            .serve_connection(io, service);
        drive(connection, activity, shared, stopped).await;
    }
}

/// Goes on with a connection until it ends, or has nothing to do for too long; once the server stops it may finish what it
/// is at.
async fn drive(
    connection: impl GracefulConnection,
    activity: &Activity,
    shared: &Shared,
    mut stopped: watch::Receiver<bool>,
) {
    let limits = shared.options.limits;
    tokio::pin!(connection);
    let (mut ending, mut resting) = (false, false);
    loop {
        tokio::select! {
            // However it ended: whoever spoke at the other end knows best.
            _ = connection.as_mut() => return,
            _ = stopped.wait_for(|stopped| *stopped), if !ending => {
                ending = true;
                connection.as_mut().graceful_shutdown();
            }
            () = sleep(limits.head_time / 5) => match activity.at_rest() {
                // Somebody who takes that long for a first request is no API server.
                Some((time, false)) if time > limits.head_time => {
                    return shared.metrics.turned_away("head time");
                }
                // Whoever has not taken its answers until then takes none.
                Some((time, true))
                    if resting && time > limits.idle_time.saturating_add(limits.request_time) =>
                {
                    return shared.metrics.turned_away("unread");
                }
                Some((time, true)) if time > limits.idle_time && !ending => {
                    (ending, resting) = (true, true);
                    connection.as_mut().graceful_shutdown();
                }
                Some(_) | None => {}
            },
        }
    }
}
