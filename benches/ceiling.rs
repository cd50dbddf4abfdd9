//! The ceiling: what hyper and rustls alone can do, with the daemon's TLS and nothing of its work.
//!
//! `cargo bench --bench ceiling -- --data-dir DIR [--unix PATH] [--tcp PORT]`. Takes the server's key and the CA from a
//! vault's data directory, requires and checks a client certificate as the daemon does, and gives every request the
//! same 250 bytes. Once it listens it prints one line of JSON, which `load` takes as a target. Ends on SIGTERM or
//! SIGINT.
//!
//! It has what a bare server would have: the system's allocator, which wipes nothing, and no timeouts.

use std::convert::Infallible;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use clap::Parser;
use fsm_vault::clock::SystemClock;
use fsm_vault::identity::{ClientVerifier, TlsDirectory, server_config};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;

/// As long as the daemon's answer with a 64-byte secret and some more.
static BODY: &[u8; 250] = &body();

#[derive(Parser)]
#[command(about = "The bare hyper and rustls server that the daemon is measured against")]
struct Options {
    /// A vault's data directory: its tls/ is read
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// A Unix socket to make
    #[arg(long, value_name = "PATH")]
    unix: Option<PathBuf>,
    /// A port on 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "PORT")]
    tcp: Option<u16>,
    /// What cargo bench adds
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args().skip(1).all(|argument| argument == "--bench") {
        println!("ceiling: a server for benches/run; cargo bench --bench ceiling -- --help");
        return Ok(());
    }
    let options = Options::parse();
    fsm_vault::daemon::runtime()?.block_on(serve(options))
}

async fn serve(options: Options) -> Result<(), Box<dyn Error>> {
    let acceptor = acceptor(&options.data_dir)?;
    let mut listening = serde_json::json!({
        "name": "bare hyper + rustls",
        "version": env!("CARGO_PKG_VERSION"),
        "path": "/",
        "headers": {},
        "pid": std::process::id(),
        "what": "nothing: the same 250 bytes for every request",
    });
    if let Some(path) = &options.unix {
        let _ = std::fs::remove_file(path);
        let listener = UnixListener::bind(path)?;
        listening["unix"] = path.to_str().ok_or("the socket's path isn't UTF-8")?.into();
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            loop {
                if let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(connection(acceptor.clone(), stream));
                }
            }
        });
    }
    if let Some(port) = options.tcp {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        listening["url"] = format!("https://{}", listener.local_addr()?).into();
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            loop {
                if let Ok((stream, _)) = listener.accept().await
                    && stream.set_nodelay(true).is_ok()
                {
                    tokio::spawn(connection(acceptor.clone(), stream));
                }
            }
        });
    }
    let (mut terminated, mut interrupted) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    println!("{listening}");
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    if let Some(path) = &options.unix {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

/// The daemon's own TLS, by its own types.
fn acceptor(data_dir: &Path) -> Result<TlsAcceptor, Box<dyn Error>> {
    let tls = TlsDirectory::open(&data_dir.join("tls"))?;
    let verifier = ClientVerifier::new(&tls.local_root()?, &[])?;
    let config = server_config(tls.server_certificate()?.reader(), verifier, Arc::new(SystemClock))?;
    Ok(TlsAcceptor::from(config))
}

async fn connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(acceptor: TlsAcceptor, stream: S) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let (stream, service) = (TokioIo::new(stream), service_fn(answer));
    // A client that leaves is no fault.
    let _ = if http2 {
        http2::Builder::new(TokioExecutor::new()).serve_connection(stream, service).await
    } else {
        http1::Builder::new().serve_connection(stream, service).await
    };
}

async fn answer(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::new(Bytes::from_static(BODY)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// A JSON object whose one value fills it up.
const fn body() -> [u8; 250] {
    let (head, mut bytes) = (br#"{"value":""#, [b'x'; 250]);
    let mut at = 0;
    while at < head.len() {
        bytes[at] = head[at];
        at += 1;
    }
    bytes[248] = b'"';
    bytes[249] = b'}';
    bytes
}
