//! The way to the mail server up to where a mail can be handed over: connected, under TLS, logged in.
//!
//! TLS is made here and not by lettre, which would read without a bound, and takes what is said in plain text behind the answer to
//! STARTTLS for a part of what is said under TLS.

use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;

use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::bounded::Bounded;
use super::error::NotifyError;

/// What of a server's answer an error repeats.
const TOLD: usize = 200;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    Implicit,
    /// Required: a server that doesn't offer it gets no mail.
    StartTls,
    None,
}

pub(super) struct Route {
    pub host: String,
    pub port: u16,
    pub safety: Safety,
    pub own_name: ClientId,
    pub credentials: Option<Credentials>,
}

pub(super) enum Safety {
    Implicit(TlsConnector, ServerName<'static>),
    StartTls(TlsConnector, ServerName<'static>),
    None,
}

impl Safety {
    /// `roots`: a PEM file's path and content; None: what the host trusts.
    pub fn of(tls: Tls, host: &str, roots: Option<(PathBuf, Vec<u8>)>) -> Result<Self, NotifyError> {
        let name = || {
            let unusable = || NotifyError::Host(host.chars().filter(|each| !each.is_control()).collect());
            ServerName::try_from(host.to_owned()).map_err(|_| unusable())
        };
        Ok(match tls {
            Tls::Implicit => Self::Implicit(trust(roots)?, name()?),
            Tls::StartTls => Self::StartTls(trust(roots)?, name()?),
            Tls::None => Self::None,
        })
    }
}

/// What a conversation can be held over.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin + Debug + 'static {}

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin + Debug + 'static> Stream for S {}

impl Route {
    /// Any failure is one of the server or of the way there. Takes as long as the server likes.
    pub async fn open(&self) -> Result<AsyncSmtpConnection, NotifyError> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await;
        self.begin(tcp.map_err(NotifyError::Unreachable)?).await
    }

    async fn begin(&self, stream: impl Stream) -> Result<AsyncSmtpConnection, NotifyError> {
        let connection = match &self.safety {
            Safety::None => self.greet(Bounded::new(stream)).await,
            Safety::Implicit(tls, name) => {
                let safe = tls.connect(name.clone(), stream).await.map_err(NotifyError::Tls)?;
                self.greet(Bounded::new(safe)).await
            }
            Safety::StartTls(tls, name) => {
                let ready = self.ask_for_tls(stream).await?;
                let safe = tls.connect(name.clone(), ready).await.map_err(NotifyError::Tls)?;
                self.greet(Bounded::greeted(safe)).await
            }
        };
        let mut connection = connection?;
        if let Some(credentials) = &self.credentials {
            let let_in = connection.auth(DEFAULT_MECHANISMS, credentials).await;
            let_in.map_err(|error| NotifyError::of_answer(error, NotifyError::Login))?;
        }
        Ok(connection)
    }

    async fn greet(&self, stream: Bounded<impl Stream>) -> Result<AsyncSmtpConnection, NotifyError> {
        let greeted = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &self.own_name).await;
        greeted.map_err(|error| NotifyError::of_answer(error, NotifyError::Unwelcome))
    }

    /// What goes before TLS. Nothing that is said there counts, but that the server begins it.
    async fn ask_for_tls<S: Stream>(&self, stream: S) -> Result<S, NotifyError> {
        let mut plain = BufReader::new(Bounded::new(stream));
        hear(&mut plain, "220").await?;
        for (line, wanted) in
            [(format!("EHLO {}\r\n", self.own_name), "250"), ("STARTTLS\r\n".to_owned(), "220")]
        {
            plain.write_all(line.as_bytes()).await.map_err(NotifyError::of_stream)?;
            plain.flush().await.map_err(NotifyError::of_stream)?;
            hear(&mut plain, wanted).await?;
        }
        match plain.buffer() {
            [] => Ok(plain.into_inner().into_inner()),
            _ => Err(NotifyError::SaidInBetween),
        }
    }
}

/// One answer, of one line or several, each of which has to begin so.
async fn hear(from: &mut (impl AsyncBufReadExt + Unpin), wanted: &str) -> Result<(), NotifyError> {
    loop {
        let mut line = Vec::new();
        from.read_until(b'\n', &mut line).await.map_err(NotifyError::of_stream)?;
        if !line.starts_with(wanted.as_bytes()) {
            let line = String::from_utf8_lossy(&line);
            let said = line.chars().filter(|each| !each.is_control()).take(TOLD).collect();
            return Err(NotifyError::NoTls { said });
        }
        if line.get(wanted.len()) != Some(&b'-') {
            return Ok(());
        }
    }
}

fn trust(roots: Option<(PathBuf, Vec<u8>)>) -> Result<TlsConnector, NotifyError> {
    let mut store = RootCertStore::empty();
    match roots {
        None => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        Some((path, pem)) => {
            let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
            // One that has none would trust nobody, and look like a broken server.
            let all_added = found.is_ok_and(|found| {
                !found.is_empty() && found.into_iter().all(|certificate| store.add(certificate).is_ok())
            });
            if !all_added {
                return Err(NotifyError::NoRoots { path });
            }
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has suites for TLS 1.2 and 1.3");
    let mut config = config.with_root_certificates(store).with_no_client_auth();
    // A connection is made now and then; what is kept for the next would be another's to fill.
    config.resumption = Resumption::disabled();
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests;
