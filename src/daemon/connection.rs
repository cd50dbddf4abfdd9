//! One connection: handshake, requests, an end in good order.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{CONNECTION, HeaderValue};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use super::activity::{Activity, Watched};
use crate::api::{Api, Reply};
use crate::config::Limits;
use crate::identity::{Peer, Presented};
use crate::vault::Session;

/// Bytes of a request's head, in either protocol.
const MAX_HEAD: u32 = 16 * 1024;
/// Header fields of a request.
const MAX_HEADERS: usize = 64;
/// HTTP/2 flow-control windows: a body of 8 MiB still moves, a thousand streams don't hold a gigabyte.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// A connection's own end comes this much after the daemon's deadline, which tells what it gave up.
const AFTER_THE_DRAIN: Duration = Duration::from_secs(1);

/// After a seal or a revocation, answers under way have this long to leave before their connection is cut.
const TO_LEAVE: Duration = Duration::from_millis(50);

/// An accepted connection.
pub enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

/// What all connections share.
pub struct Connections {
    pub api: Arc<Api>,
    pub acceptor: TlsAcceptor,
    pub limits: Limits,
    pub places: Arc<Semaphore>,
    pub stop: CancellationToken,
}

impl Connections {
    /// Serves one connection to its end.
    pub async fn serve(&self, stream: Stream, peer: Peer) {
        match stream {
            Stream::Unix(stream) => self.handshake(stream, peer).await,
            Stream::Tcp(stream) => self.handshake(stream, peer).await,
        }
    }

    async fn handshake<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(&self, stream: S, peer: Peer) {
        let shaking = tokio::time::timeout(self.limits.handshake, self.acceptor.accept(stream));
        let stream = tokio::select! {
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
        let presented = Presented::from_chain(stream.get_ref().1.peer_certificates());
        match presented {
            Ok(presented) => self.requests(stream, Session::new(presented, peer)).await,
            // The verifier reads the same names, so that this is never reached.
            Err(error) => tracing::error!(error = %error, "certificate can't be read after the handshake"),
        }
    }

    async fn requests<S>(&self, stream: TlsStream<S>, session: Session)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let activity = Arc::new(Activity::new());
        let session = Arc::new(session);
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let service = service_fn(|request| {
            let (api, session, activity) =
                (Arc::clone(&self.api), Arc::clone(&session), Arc::clone(&activity));
            let stopping = self.stop.is_cancelled();
            async move {
                let busy = activity.begin();
                if stopping {
                    return Ok::<_, Infallible>(last(api.shutting_down(), http2));
                }
                let mut verdict = api.answer(&session, request).await;
                if verdict.ends_connection {
                    activity.end();
                    verdict.reply = last(verdict.reply, http2);
                }
                // A watch is under way until its last event.
                verdict.reply.body_mut().hold(busy);
                Ok(verdict.reply)
            }
        });
        let builder = if http2 { self.builder().http2_only() } else { self.builder().http1_only() };
        let header = (!http2).then_some(self.limits.header);
        let stream = TokioIo::new(Watched::new(stream, Arc::clone(&activity)));
        let mut connection = pin!(builder.serve_connection(stream, service));
        let (mut end_by, mut look_at, mut recall) = (None, None, self.api.watch());
        loop {
            let ending = end_by.is_some();
            tokio::select! {
                served = connection.as_mut() => {
                    if let Err(error) = served {
                        tracing::debug!(error = %error, "connection ended early");
                    }
                    return;
                }
                Ok(()) = recall.changed() => {
                    look_at = Some(Instant::now() + TO_LEAVE);
                    continue;
                }
                () = tokio::time::sleep_until(look_at.unwrap_or_else(Instant::now)), if look_at.is_some() => {
                    if self.api.must_cut(&session) {
                        return tracing::debug!("connection cut: its peer may not have what waits for it");
                    }
                    look_at = None;
                    if ending || !self.api.must_end(&session) {
                        continue;
                    }
                }
                () = tokio::time::sleep_until(end_by.unwrap_or_else(Instant::now)), if ending => return,
                () = self.stop.cancelled(), if !ending => {}
                () = activity.ended(), if !ending => {}
                late = activity.overdue(header, self.limits.idle), if !ending => {
                    if late.is_in_the_middle() {
                        return tracing::debug!("a request's head took too long");
                    }
                }
            }
            // Answers under way are finished, no further request is taken; a peer that doesn't read them ends unheard.
            connection.as_mut().graceful_shutdown();
            end_by = Some(Instant::now() + self.limits.drain + AFTER_THE_DRAIN);
        }
    }

    fn builder(&self) -> auto::Builder<TokioExecutor> {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            // hyper's own would end idle connections too: `activity` tells the two apart.
            .header_read_timeout(None)
            .max_buf_size(MAX_HEAD as usize)
            .max_headers(MAX_HEADERS)
            .half_close(false);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(self.limits.concurrent_streams)
            .max_header_list_size(MAX_HEAD)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(20));
        builder
    }
}

/// Says that no further request is taken here, or a client sends one into the closing connection and can't know whether
/// it was heard (RFC 9112, 9.6). HTTP/2 says it by a frame of its own.
fn last(mut reply: Reply, http2: bool) -> Reply {
    if !http2 {
        reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    reply
}
