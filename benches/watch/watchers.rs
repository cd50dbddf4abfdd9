//! The watchers: each opens its watch and waits on; each writes on the board what it hears.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::board::Board;

const PATH: &str = "/v1/watch";
/// Handshakes under way at a time.
const AT_ONCE: usize = 64;
/// Bytes that a stalled stream takes.
const STALLED_WINDOW: u32 = 512;
/// Stalled streams on a connection: what the daemon offers however many connections the caller has.
const STALLED_STREAMS: usize = 8;

pub struct Http1 {
    pub address: SocketAddr,
    pub tls: Arc<ClientConfig>,
}

pub struct Http2 {
    pub address: SocketAddr,
    pub tls: Arc<ClientConfig>,
}

pub async fn connect(address: SocketAddr, tls: Arc<ClientConfig>) -> TlsStream<TcpStream> {
    let stream = TcpStream::connect(address).await.expect("the daemon accepts");
    stream.set_nodelay(true).expect("an option of TCP");
    let name = ServerName::from(address.ip());
    TlsConnector::from(tls).connect(name, stream).await.expect("the daemon shakes hands")
}

impl Http1 {
    /// Returns when all of them watch.
    pub async fn open(&self, watchers: usize, board: &Arc<Board>) {
        let mut opening = JoinSet::new();
        for watcher in 0..watchers {
            if opening.len() >= AT_ONCE {
                opening.join_next().await.expect("one is opening").expect("it opens");
            }
            let (address, tls, board) = (self.address, Arc::clone(&self.tls), Arc::clone(board));
            opening.spawn(async move {
                let mut stream = connect(address, tls).await;
                let request = format!("GET {PATH} HTTP/1.1\r\nhost: localhost\r\n\r\n");
                stream.write_all(request.as_bytes()).await.expect("a request leaves");
                let mut text = Text::default();
                while !text.has(b"event: open") {
                    assert!(text.read(&mut stream).await, "the watch ended: {}", text.shown());
                }
                tokio::spawn(async move {
                    while text.read(&mut stream).await {
                        text.versions(|version| board.write(watcher, version));
                    }
                });
            });
        }
        while let Some(opened) = opening.join_next().await {
            opened.expect("it opens");
        }
    }
}

impl Http2 {
    /// Returns when all of them watch.
    pub async fn open(&self, watchers: usize, streams: usize, board: &Arc<Board>) {
        let all: Vec<usize> = (0..watchers).collect();
        for some in all.chunks(streams) {
            let sender = self.handshake(&http2::Builder::new(TokioExecutor::new())).await;
            for watcher in some.iter().copied() {
                let (mut body, board) = (watch(&sender).await.into_body(), Arc::clone(board));
                let mut text = Text::default();
                while !text.has(b"event: open") {
                    assert!(text.take(&mut body).await, "the watch ended: {}", text.shown());
                }
                tokio::spawn(async move {
                    while text.take(&mut body).await {
                        text.versions(|version| board.write(watcher, version));
                    }
                });
            }
        }
    }

    /// Watches that take the answer's head and some bytes, and no more as long as they are kept.
    pub async fn stall(&self, watchers: usize) -> Vec<Response<Incoming>> {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.initial_stream_window_size(STALLED_WINDOW);
        let mut kept = Vec::with_capacity(watchers);
        while kept.len() < watchers {
            let sender = self.handshake(&builder).await;
            for _ in 0..STALLED_STREAMS.min(watchers - kept.len()) {
                kept.push(watch(&sender).await);
            }
        }
        kept
    }

    async fn handshake(&self, builder: &http2::Builder<TokioExecutor>) -> http2::SendRequest<Empty<Bytes>> {
        let stream = connect(self.address, Arc::clone(&self.tls)).await;
        let (sender, driver) = builder.handshake(TokioIo::new(stream)).await.expect("HTTP/2 begins");
        tokio::spawn(driver);
        sender
    }
}

async fn watch(sender: &http2::SendRequest<Empty<Bytes>>) -> Response<Incoming> {
    let request = Request::get(format!("https://localhost{PATH}")).body(Empty::new()).expect("a request");
    let answer = sender.clone().send_request(request).await.expect("an answer");
    assert_eq!(answer.status(), 200);
    answer
}

/// What came and isn't understood yet.
#[derive(Default)]
struct Text(Vec<u8>);

impl Text {
    const MARK: &[u8] = b"\"version\":";

    async fn read(&mut self, stream: &mut TlsStream<TcpStream>) -> bool {
        let mut piece = [0; 2048];
        let length = stream.read(&mut piece).await.unwrap_or(0);
        self.0.extend_from_slice(&piece[..length]);
        length > 0
    }

    async fn take(&mut self, body: &mut Incoming) -> bool {
        let Some(Ok(frame)) = body.frame().await else { return false };
        self.0.extend_from_slice(&frame.into_data().unwrap_or_default());
        true
    }

    fn has(&self, part: &[u8]) -> bool {
        self.find(part).is_some()
    }

    fn find(&self, part: &[u8]) -> Option<usize> {
        self.0.windows(part.len()).position(|window| window == part)
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }

    /// The versions that whole events tell of; what is left of an event stays for the next time.
    fn versions(&mut self, mut each: impl FnMut(u64)) {
        while let Some(end) = self.find(b"}\n\n") {
            let rest = self.0.split_off(end + 3);
            if let Some(at) = self.find(Self::MARK) {
                let digits = self.0[at + Self::MARK.len()..].iter().take_while(|byte| byte.is_ascii_digit());
                let number = digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
                each(number);
            }
            self.0 = rest;
        }
    }
}
