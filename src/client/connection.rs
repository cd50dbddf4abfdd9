//! One connection to the daemon: TLS, HTTP/1.1, bounded in time and size.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::header::{ACCEPT, CONTENT_TYPE, ETAG, HOST, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use zeroize::Zeroizing;

use super::address::Address;
use super::call::{Answer, Call};
use super::download::Download;
use super::error::{ClientError, Refusal};
use super::events::Events;
use super::{renewal, tls_failure};
use crate::clock::{Clock, SystemClock};
use crate::identity::{Identity, IdentityError, Presented, Protocols};

/// From the first packet to the end of the TLS handshake.
const TO_CONNECT: Duration = Duration::from_secs(5);
/// For a request and its whole answer. An unseal takes one Argon2id and the reading of every record.
const TO_ANSWER: Duration = Duration::from_secs(60);
/// The same where the daemon may wait for a change, five minutes at most, or goes through all that it has.
const TO_WAIT: Duration = Duration::from_secs(6 * 60);
/// How long a refused client waits to hear why.
const TO_EXPLAIN: Duration = Duration::from_secs(1);
/// Bytes of an answer. Twice what the largest value takes as base64.
const MAX_ANSWER: usize = 16 << 20;

trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}
type Stream = TlsStream<Box<dyn Duplex>>;

/// An identity, and the daemon to show it to.
pub struct Client {
    address: Address,
    identity: PathBuf,
    presented: Presented,
    tls: Arc<ClientConfig>,
    /// Who named the address; empty if nobody needs to be told.
    named_by: String,
}

/// An open connection; it is opened again if the daemon ended it between two calls.
pub struct Connection<'a> {
    client: &'a Client,
    sender: SendRequest<Full<Bytes>>,
}

impl Client {
    /// Reads the identity directory; connects to nothing yet.
    pub fn new(identity: &Path, address: Address) -> Result<Self, ClientError> {
        let (presented, tls) = load(identity)?;
        Ok(Self { address, identity: identity.to_owned(), presented, tls, named_by: String::new() })
    }

    /// The same, which says who named its address when nobody answers there.
    pub fn named_by(self, named_by: String) -> Self {
        Self { named_by, ..self }
    }

    pub fn address(&self) -> &Address {
        &self.address
    }

    /// What the identity's certificate says.
    pub fn presented(&self) -> &Presented {
        &self.presented
    }

    pub async fn connect(&self) -> Result<Connection<'_>, ClientError> {
        Ok(Connection { client: self, sender: self.open().await? })
    }

    async fn open(&self) -> Result<SendRequest<Full<Bytes>>, ClientError> {
        let stream = self.handshake().await?;
        let (sender, driver) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.broken(&error))?;
        // Ends with the sender; what goes wrong is told to the request that waits.
        tokio::spawn(driver);
        Ok(sender)
    }

    async fn handshake(&self) -> Result<Stream, ClientError> {
        let connecting = async {
            let stream = self.dial().await.map_err(|source| self.unreachable(source))?;
            let connector = TlsConnector::from(Arc::clone(&self.tls));
            let shaken = connector.connect(self.address.server_name(), stream).await;
            shaken.map_err(|error| self.broken(&error))
        };
        let connected = tokio::time::timeout(TO_CONNECT, connecting).await;
        connected.map_err(|_| self.slow(TO_CONNECT, "accept the connection"))?
    }

    fn unreachable(&self, source: io::Error) -> ClientError {
        let named_by = if self.named_by.is_empty() { String::new() } else { format!(" ({})", self.named_by) };
        ClientError::Unreachable { address: format!("{}{named_by}", self.address), source }
    }

    async fn dial(&self) -> io::Result<Box<dyn Duplex>> {
        match &self.address {
            Address::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
            Address::Tcp(host, port) => {
                let mut failed = io::Error::from(io::ErrorKind::AddrNotAvailable);
                for address in host.addresses() {
                    match TcpStream::connect((*address, *port)).await {
                        Ok(stream) => {
                            stream.set_nodelay(true)?;
                            return Ok(Box::new(stream));
                        }
                        Err(error) => failed = error,
                    }
                }
                Err(failed)
            }
        }
    }

    /// Why a connection broke before its answer. In TLS 1.3 a server judges the client's certificate after the
    /// client has begun to send: its alert may be lost to a write that failed first. So a second connection
    /// sends nothing and listens.
    async fn explain(&self, error: &(dyn std::error::Error + 'static)) -> ClientError {
        let told = self.broken(error);
        if matches!(told, ClientError::Tls(_)) {
            return told;
        }
        let listening = async {
            let mut stream = self.handshake().await?;
            match stream.read_u8().await {
                Ok(_) => Ok(()),
                Err(error) => Err(self.broken(&error)),
            }
        };
        match tokio::time::timeout(TO_EXPLAIN, listening).await {
            Ok(Err(found @ ClientError::Tls(_))) => found,
            _ => told,
        }
    }

    fn broken(&self, error: &(dyn std::error::Error + 'static)) -> ClientError {
        match tls_failure::find(error) {
            Some(error) => {
                let until = Some(self.presented.not_after).filter(|end| *end > SystemClock.now());
                ClientError::Tls(tls_failure::advice(error, &self.identity, &self.address, until))
            }
            None => {
                let mut why = error.to_string();
                if let Some(source) = error.source() {
                    why = format!("{why}: {source}");
                }
                ClientError::Broken { address: self.address.to_string(), why }
            }
        }
    }

    fn slow(&self, limit: Duration, what: &'static str) -> ClientError {
        ClientError::Slow { address: self.address.to_string(), seconds: limit.as_secs(), what }
    }
}

/// The identity, after a renewal that a crash cut short is finished.
fn load(directory: &Path) -> Result<(Presented, Arc<ClientConfig>), ClientError> {
    let load = || {
        let identity = Identity::load(directory)?;
        Ok::<_, IdentityError>((
            identity.presented()?,
            identity.client_config(Protocols::Http1, Arc::new(SystemClock)),
        ))
    };
    match load()? {
        (presented, Err(_)) if renewal::finish(directory, presented.key).map_err(IdentityError::from)? => {
            let (presented, tls) = load()?;
            Ok((presented, tls?))
        }
        (presented, tls) => Ok((presented, tls?)),
    }
}

impl Connection<'_> {
    pub fn client(&self) -> &Client {
        self.client
    }

    /// Sends one request and reads its answer. Anything but a success is an error.
    pub async fn call(&mut self, call: Call) -> Result<Answer, ClientError> {
        if self.sender.ready().await.is_err() {
            self.sender = self.client.open().await?;
        }
        let (limit, conditional) = (if call.waits { TO_WAIT } else { TO_ANSWER }, call.known.is_some());
        let calling = async {
            let sent = self.sender.send_request(request(call)).await;
            match sent {
                Ok(response) => read(response).await,
                Err(error) => Err(self.client.explain(&error).await),
            }
        };
        let answered = tokio::time::timeout(limit, calling).await;
        let answer = answered.map_err(|_| self.client.slow(limit, "answer"))??;
        if (200..300).contains(&answer.status) || (conditional && answer.is_unchanged()) {
            Ok(answer)
        } else {
            Err(refused(&answer))
        }
    }

    /// Asks for bytes that come piece by piece, however many they are.
    pub async fn download(&mut self, call: Call) -> Result<Download, ClientError> {
        let asking = async {
            match self.sender.send_request(request(call)).await {
                Ok(response) if response.status() == StatusCode::OK => Ok(response.into_body()),
                Ok(response) => Err(refused(&read(response).await?)),
                Err(error) => Err(self.client.explain(&error).await),
            }
        };
        let asked = tokio::time::timeout(TO_ANSWER, asking).await;
        let body = asked.map_err(|_| self.client.slow(TO_ANSWER, "answer"))??;
        Ok(Download::new(body, self.client.address.to_string()))
    }

    /// Watches, from behind the event with the ID `last`, or from now on.
    pub async fn watch(&mut self, last: Option<&str>) -> Result<Events, ClientError> {
        let mut asked = request(Call::get("/v1/watch"));
        let headers = asked.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        if let Some(last) = last.and_then(|last| HeaderValue::from_str(last).ok()) {
            headers.insert("last-event-id", last);
        }
        let watching = async {
            let response = match self.sender.send_request(asked).await {
                Ok(response) => response,
                Err(error) => return Err(self.client.explain(&error).await),
            };
            if response.status() == StatusCode::OK {
                Ok(Events::new(response.into_body(), self.client.address.to_string()))
            } else {
                Err(refused(&read(response).await?))
            }
        };
        let watching = tokio::time::timeout(TO_ANSWER, watching).await;
        watching.map_err(|_| self.client.slow(TO_ANSWER, "answer"))?
    }
}

fn refused(answer: &Answer) -> ClientError {
    Box::new(answer.body.lend(|body| Refusal::read(answer.status, body))).into()
}

fn request(call: Call) -> Request<Full<Bytes>> {
    let Call { method, target, body, if_match, known, waits: _ } = call;
    let has_body = body.is_some();
    // The request's body: what an operator enters on its way to the vault, wiped once it is sent.
    let mut request = Request::new(Full::new(body.map_or_else(Bytes::new, |body| body.reveal_into_body(()))));
    *request.method_mut() = method;
    *request.uri_mut() = target.parse().expect("a path of checked identifiers and an encoded query");
    let headers = request.headers_mut();
    headers.insert(HOST, HeaderValue::from_static("localhost"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    if let Some(known) = known.and_then(|known| HeaderValue::from_str(&format!("\"{known}\"")).ok()) {
        headers.insert(IF_NONE_MATCH, known);
    }
    if has_body {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    // One that is no header value is none that the daemon gave: it would match nothing either way.
    if let Some(tag) = if_match {
        let nothing = HeaderValue::from_static("\"\"");
        headers.insert(IF_MATCH, HeaderValue::from_str(&tag).unwrap_or(nothing));
    }
    request
}

/// Reads an answer piece by piece into a buffer that wipes itself.
async fn read(response: Response<Incoming>) -> Result<Answer, ClientError> {
    let status = response.status().as_u16();
    let tag = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
    let mut body = response.into_body();
    let mut bytes = Zeroizing::new(Vec::with_capacity(8 * 1024));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| ClientError::Odd("ended early"))?;
        if let Some(piece) = frame.data_ref() {
            if bytes.len() + piece.len() > MAX_ANSWER {
                return Err(ClientError::Odd("is larger than 16 MiB"));
            }
            bytes.extend_from_slice(piece);
        }
    }
    Ok(Answer { status, tag, body: bytes.into() })
}
