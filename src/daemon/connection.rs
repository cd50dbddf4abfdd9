//! One connection: handshake, requests, an end in good order.

use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hyper::Request;
use hyper::body::{Body, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use super::activity::{Activity, Busy, Watched};
use super::refusals::Refusals;
use super::strangers::{Stranger, Strangers};
use crate::api::{Api, Asking, LastWords, Reply};
use crate::config::Limits;
use crate::identity::{Peer, Presented};
use crate::model::Limit;
use crate::vault::Session;

/// Bytes of a request's head, in either protocol.
const MAX_HEAD: u32 = 16 * 1024;
/// HTTP/2 flow-control windows: a body of 8 MiB still moves, a thousand streams don't hold a gigabyte.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// HTTP/2 streams that were reset and not yet looked at, and those that were reset for a peer's faults, before the
/// connection ends. What honest clients give up stays far below. Those that a client opened before it heard how many it
/// is offered come on top.
const RESET_STREAMS: usize = 64;

/// A connection's own end comes this much after the daemon's deadline, which tells what it gave up.
const AFTER_THE_DRAIN: Duration = Duration::from_secs(1);

/// After a seal or a revocation, answers under way have this long to leave before their connection is cut.
const TO_LEAVE: Duration = Duration::from_millis(50);

/// An accepted connection.
pub enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

/// How a connection comes to its end.
#[derive(PartialEq, Eq)]
enum Over {
    /// The answers under way leave first.
    AfterAnswers,
    Cut,
}

/// What the requests of one connection share.
struct Conversation {
    api: Arc<Api>,
    session: Arc<Session>,
    http2: bool,
    /// There is no place for this connection: each request is told so.
    no_room: Option<Limit>,
    last_words: LastWords,
    refusals: Arc<Refusals>,
}

/// What all connections share.
pub struct Connections {
    pub api: Arc<Api>,
    pub tls: Arc<ServerConfig>,
    pub limits: Limits,
    pub strangers: Arc<Strangers>,
    pub stop: CancellationToken,
}

impl Connections {
    /// Serves one connection to its end.
    pub async fn serve(&self, stream: Stream, peer: Peer, stranger: Stranger) {
        match stream {
            Stream::Unix(stream) => self.handshake(stream, peer, stranger).await,
            Stream::Tcp(stream) => self.handshake(stream, peer, stranger).await,
        }
    }

    async fn handshake<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        &self,
        stream: S,
        peer: Peer,
        stranger: Stranger,
    ) {
        let shaking = tokio::time::timeout(self.limits.handshake, self.shake(stream, &stranger));
        let stream = tokio::select! {
            biased;
            // First, so that nothing is done for one that is to go.
            () = stranger.must_go() => {
                self.api.meter().handshake_failed();
                return tracing::debug!("a handshake made room for another");
            }
            shaken = shaking => match shaken {
                Ok(Ok(stream)) => stream,
                // The peer got an alert; what it sent is not repeated.
                Ok(Err(error)) => {
                    self.api.meter().handshake_failed();
                    return tracing::debug!(error = %error, "handshake failed");
                }
                Err(_) => {
                    self.api.meter().handshake_failed();
                    return tracing::debug!("handshake took too long");
                }
            },
            () = self.stop.cancelled() => return,
        };
        let session = match Presented::from_chain(stream.get_ref().1.peer_certificates()) {
            Ok(presented) => self.api.meet(presented, peer),
            // The verifier reads the same names, so that this is never reached.
            Err(error) => {
                return tracing::error!(error = %error, "certificate can't be read after the handshake");
            }
        };
        match session.share.connect() {
            Ok(_place) => {
                drop(stranger);
                self.requests(stream, session, None).await;
            }
            Err(limit) => {
                self.api.meter().refused(limit);
                tracing::debug!(limit = limit.key(), "a connection was refused");
                // It hears why with its first answer, and until then stays among those who make room.
                tokio::select! {
                    () = self.requests(stream, session, Some(limit)) => {}
                    () = tokio::time::sleep(self.limits.header) => {}
                    () = stranger.must_go() => {}
                }
            }
        }
    }

    async fn shake<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        stranger: &Stranger,
    ) -> io::Result<TlsStream<S>> {
        let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        stranger.greets();
        hello.into_stream(Arc::clone(&self.tls)).await
    }

    async fn requests<S>(&self, stream: TlsStream<S>, session: Session, no_room: Option<Limit>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let (api, session) = (Arc::clone(&self.api), Arc::new(session));
        let (last_words, refusals) = (LastWords::default(), Arc::default());
        let talk = Arc::new(Conversation { api, session, http2, no_room, last_words, refusals });
        let activity = Arc::new(Activity::new());
        let service = service_fn(|request: Request<Incoming>| {
            let busy = activity.begin(http2, request.body().is_end_stream());
            Conversation::answer(Arc::clone(&talk), busy, request)
        });
        let flushes = talk.session.outgoing.flushes();
        let stream =
            TokioIo::new(Watched::new(stream, Arc::clone(&activity), http2, move || flushes.flushed()));
        if http2 {
            // One, where there is but a refusal to be heard.
            let most = if talk.no_room.is_some() { 1 } else { self.limits.concurrent_streams };
            let streams = talk.session.share.streams(most);
            let connection = pin!(self.http2(streams).serve_connection(stream, service));
            self.to_its_end(connection, http2::Connection::graceful_shutdown, &talk, &activity).await;
        } else {
            let connection = pin!(http1().serve_connection(stream, service));
            self.to_its_end(connection, http1::Connection::graceful_shutdown, &talk, &activity).await;
        }
    }

    /// `shut` lets a connection take no more requests.
    async fn to_its_end<C: Future<Output = hyper::Result<()>>>(
        &self,
        mut connection: Pin<&mut C>,
        shut: impl FnOnce(Pin<&mut C>),
        talk: &Conversation,
        activity: &Activity,
    ) {
        let ended = |served: hyper::Result<()>| {
            if let Err(error) = served {
                tracing::debug!(error = %error, "connection ended early");
            }
        };
        let mut over = seldom(self.until_over(talk, activity));
        let over = tokio::select! {
            biased;
            over = over.next() => over,
            served = connection.as_mut() => return ended(served),
        };
        if over.is_none_or(|over| over == Over::Cut) {
            return;
        }
        // Answers under way are finished, no further request is taken; a peer that doesn't read them ends unheard.
        shut(connection.as_mut());
        let mut cut = seldom(self.until_cut(talk));
        tokio::select! {
            biased;
            _ = cut.next() => {}
            served = connection.as_mut() => ended(served),
        }
    }

    /// Ends when the connection must.
    async fn until_over(&self, talk: &Conversation, activity: &Activity) -> Over {
        tokio::select! {
            () = self.stop.cancelled() => {
                activity.stop();
                Over::AfterAnswers
            }
            () = activity.ended() => Over::AfterAnswers,
            () = ignored(talk) => Over::Cut,
            over = self.until_lost(talk, self.api.watch(), |lost| lost.then_some(Over::AfterAnswers)) => over,
            late = activity.overdue(Some(self.limits.header), self.limits.idle) => {
                if !late.is_in_the_middle() {
                    return Over::AfterAnswers;
                }
                tracing::debug!("a request's head took too long");
                Over::Cut
            }
        }
    }

    /// Ends when a connection that takes no more requests must be cut.
    async fn until_cut(&self, talk: &Conversation) {
        let drained = tokio::time::sleep(self.limits.drain + AFTER_THE_DRAIN);
        let mut recall = self.api.watch();
        // There may have been one just before.
        recall.mark_changed();
        tokio::select! {
            () = drained => {}
            () = ignored(talk) => {}
            _ = self.until_lost(talk, recall, |_| None) => {}
        }
    }

    /// Looks, after each seal and revocation, whether this connection's caller has lost what waits for it (then it is
    /// cut) or what it watches (then `watched` says).
    async fn until_lost(
        &self,
        talk: &Conversation,
        mut recall: watch::Receiver<()>,
        watched: impl Fn(bool) -> Option<Over>,
    ) -> Over {
        // The sender lives as long as the daemon.
        while recall.changed().await.is_ok() {
            tokio::time::sleep(TO_LEAVE).await;
            if self.api.must_cut(&talk.session) {
                tracing::debug!("connection cut: its peer may not have what waits for it");
                return Over::Cut;
            }
            if let Some(over) = watched(self.api.must_end(&talk.session)) {
                return over;
            }
        }
        std::future::pending().await
    }

    fn http2(&self, streams: u32) -> http2::Builder<TokioExecutor> {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(streams)
            .max_header_list_size(MAX_HEAD)
            // A peer that opens streams and takes them back, or makes us take them back, is let go of.
            .max_pending_accept_reset_streams(Some(RESET_STREAMS))
            .max_local_error_reset_streams(Some(RESET_STREAMS + self.limits.concurrent_streams as usize))
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(20));
        builder
    }
}

fn http1() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        // hyper's own would end idle connections too: `activity` tells the two apart.
        .header_read_timeout(None)
        .max_buf_size(MAX_HEAD as usize)
        .half_close(false);
    builder
}

impl Conversation {
    /// Reads the request at once, and answers later.
    fn answer(
        self: Arc<Self>,
        busy: Busy,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Reply, Infallible>> + Send {
        let asking = Asking::of(request, &self.last_words);
        if asking.is_brief() && !self.http2 {
            busy.listen_no_more();
        }
        async move {
            if busy.comes_too_late() {
                return Ok(last(self.api.shutting_down(), self.http2));
            }
            if let Some(limit) = self.no_room {
                busy.end();
                let mut reply = last(self.api.no_room(limit), self.http2);
                reply.body_mut().hold_until_taken(|| self.refusals.begin());
                return Ok(reply);
            }
            let mut verdict = match asking {
                Asking::Fetch(mut fetch) => self.api.answer_fetch(&self.session, &mut fetch).await,
                Asking::Wrong(kind, why) => self.api.answer_wrong(&self.session, kind, *why),
                // Boxed: its room would be made for each request.
                Asking::Other(request) => Box::pin(self.api.answer(&self.session, *request)).await,
            };
            if verdict.ends_connection {
                busy.end();
                verdict.reply = last(verdict.reply, self.http2);
            }
            let body = verdict.reply.body_mut();
            // A watch is under way until its last event.
            body.hold(busy);
            if verdict.limited {
                body.hold_until_taken(|| self.refusals.begin());
            } else {
                body.hold_until_taken(|| self.session.share.answered());
            }
            Ok(verdict.reply)
        }
    }
}

async fn ignored(talk: &Conversation) {
    talk.refusals.ignored().await;
    tracing::debug!("connection cut: its peer takes no refusals");
}

/// A future that is polled when it has been woken and not with each request: it looks after what seldom happens.
fn seldom<F: Future>(future: F) -> FuturesUnordered<F> {
    [future].into_iter().collect()
}

/// Says that no further request is taken here, or a client sends one into the closing connection and can't know whether
/// it was heard (RFC 9112, 9.6). HTTP/2 says it by a frame of its own.
fn last(mut reply: Reply, http2: bool) -> Reply {
    if !http2 {
        reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each connection keeps this much room, and each request moves it: what is seldom done is boxed.
    #[test]
    fn a_request_takes_little_room() {
        fn room<A, B, C, F>(_: impl Fn(A, B, C) -> F) -> usize {
            size_of::<F>()
        }
        assert!(room(Conversation::answer) <= 1536, "{}", room(Conversation::answer));
    }
}
