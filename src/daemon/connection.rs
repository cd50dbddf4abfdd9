//! One connection: handshake, requests, an end in good order.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::{Body, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use super::activity::{Activity, Watched};
use super::crowd::Crowd;
use super::strangers::{Stranger, Strangers};
use crate::api::{Api, LastWords};
use crate::config::Limits;
use crate::identity::{Peer, Presented};
use crate::model::Limit;
use crate::vault::Session;

mod conversation;
mod ending;
mod leaving;

use conversation::Conversation;
use leaving::Leaving;

/// Bytes of a request's head, in either protocol.
const MAX_HEAD: u32 = 16 * 1024;
/// HTTP/2 flow-control windows: a body of 8 MiB still moves, a thousand streams don't hold a gigabyte.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// HTTP/2 streams that were reset and not yet looked at, and those that were reset for a peer's faults, before the
/// connection ends. What honest clients give up stays far below. Those that a client opened before it heard how many it
/// is offered come on top.
const RESET_STREAMS: usize = 64;

/// An accepted connection.
pub enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

/// What all connections share.
pub struct Connections {
    pub api: Arc<Api>,
    pub tls: Arc<ServerConfig>,
    pub limits: Limits,
    pub strangers: Arc<Strangers>,
    pub crowd: Arc<Crowd>,
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
        if http2 {
            session.outgoing.is_over_http2();
        }
        let (api, session) = (Arc::clone(&self.api), Arc::new(session));
        let (last_words, refusals) = (LastWords::default(), Arc::default());
        let talk = Arc::new(Conversation { api, session, http2, no_room, last_words, refusals });
        let activity = Arc::new(Activity::new());
        let service = service_fn(|request: Request<Incoming>| {
            let busy = activity.begin(http2, request.body().is_end_stream());
            Conversation::answer(Arc::clone(&talk), busy, request)
        });
        let leaving = Leaving::of(Arc::clone(&talk));
        let stream = TokioIo::new(Watched::new(stream, Arc::clone(&activity), http2, leaving));
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
