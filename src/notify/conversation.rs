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
mod tests {
    use super::super::bounded::{BYTES, LINES};
    use super::*;
    use rustls::ServerConfig;
    use rustls::pki_types::PrivateKeyDer;
    use tokio::io::{AsyncReadExt, DuplexStream, duplex};
    use tokio_rustls::TlsAcceptor;

    /// What lies between the two, and what lettre reads at once.
    const PIPE: usize = 64;
    const GULP: usize = 8 * 1024;

    fn route(safety: Safety) -> Route {
        let own_name = ClientId::Domain("vault.example".to_owned());
        Route { host: "localhost".to_owned(), port: 25, safety, own_name, credentials: None }
    }

    /// Says a line when it has heard one, to the end of what is to be said.
    async fn says(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), answers: &[&str]) {
        let mut stream = BufReader::new(stream);
        for (at, answer) in answers.iter().enumerate() {
            if at > 0 {
                stream.read_until(b'\n', &mut Vec::new()).await.unwrap();
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
        }
    }

    /// Says this over and over; how many bytes were taken before the other side had enough.
    async fn endless(stream: &mut (impl AsyncWrite + Unpin), words: &str) -> usize {
        let mut taken = 0;
        while let Ok(count @ 1..) = stream.write(&words.as_bytes()[taken % words.len()..]).await {
            if stream.flush().await.is_err() {
                break;
            }
            taken += count;
        }
        taken
    }

    fn assert_too_much(begun: Result<AsyncSmtpConnection, NotifyError>) {
        let error = begun.err().expect("it is too much");
        assert!(matches!(error, NotifyError::TooMuch) && error.is_of_the_way(), "{error}");
        assert!(error.to_string().contains("look at what answers at notice.smtp.host"), "{error}");
    }

    /// A certificate that is its own root, and the server with it.
    fn tls_server() -> (Vec<u8>, TlsAcceptor) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let config = config.with_single_cert(vec![made.cert.der().clone()], key).unwrap();
        (made.cert.pem().into_bytes(), TlsAcceptor::from(Arc::new(config)))
    }

    fn pair() -> (DuplexStream, DuplexStream) {
        duplex(PIPE)
    }

    #[tokio::test]
    async fn a_server_that_never_ends_is_left_after_a_few_lines() {
        for (tls, begun, words, most) in [
            (Tls::None, &[][..], "220-x\r\n", LINES * 7),
            (Tls::None, &[], "220-\n", LINES * 5),
            (Tls::None, &[], "2xxxxxxxx", BYTES),
            (Tls::None, &["220 hello\r\n"], "250-x\r\n", LINES * 7),
            (Tls::StartTls, &[], "220-x\r\n", LINES * 7),
            (Tls::StartTls, &[], "220 xxxxx", BYTES),
            (Tls::StartTls, &["220 hello\r\n"], "250-x\r\n", LINES * 7),
        ] {
            let (ours, mut theirs) = pair();
            let safety = Safety::of(tls, "localhost", None).unwrap();
            let lying = async {
                says(&mut theirs, begun).await;
                endless(&mut theirs, words).await
            };
            let route = route(safety);
            let (begun, taken) = tokio::join!(route.begin(ours), lying);
            assert_too_much(begun);
            assert!(taken <= most + GULP + PIPE, "{tls:?} {words:?}: {taken} bytes were taken");
        }
    }

    #[tokio::test]
    async fn nor_is_it_heard_for_longer_under_tls() {
        for (tls, before) in [
            (Tls::Implicit, &[][..]),
            (Tls::StartTls, &["220 hello\r\n", "250-here\r\n250 STARTTLS\r\n", "220 go on\r\n"]),
        ] {
            let ((ours, mut theirs), (root, acceptor)) = (pair(), tls_server());
            let route = route(Safety::of(tls, "localhost", Some(("root".into(), root))).unwrap());
            let lying = async {
                says(&mut theirs, before).await;
                let mut theirs = acceptor.accept(theirs).await.unwrap();
                endless(&mut theirs, "250-x\r\n").await
            };
            let (begun, taken) = tokio::join!(route.begin(ours), lying);
            assert_too_much(begun);
            assert!(taken <= LINES * 7 + GULP + PIPE, "{tls:?}: {taken} bytes were taken");
        }
    }

    #[tokio::test]
    async fn a_talkative_server_is_heard() {
        let long = format!(
            "{}250 HELP\r\n",
            "250-X-EXTENSION with some parameters that nobody needs\r\n".repeat(100)
        );
        let (ours, mut theirs) = pair();
        let route = route(Safety::None);
        let answers = ["220-Welcome\r\n220 to this server\r\n", &long];
        let (begun, ()) = tokio::join!(route.begin(ours), says(&mut theirs, &answers));
        assert!(begun.is_ok(), "{:?}", begun.err());
    }

    #[tokio::test]
    async fn what_is_said_before_tls_does_not_count_under_it() {
        let begins = async |answers: &[&str]| {
            let (ours, mut theirs) = pair();
            let route = route(Safety::of(Tls::StartTls, "localhost", None).unwrap());
            // It hears what it was asked last, and goes.
            let talking = async move {
                says(&mut theirs, answers).await;
                let _ = theirs.read(&mut [0; 100]).await;
            };
            let (begun, ()) = tokio::join!(route.begin(ours), talking);
            begun.err().unwrap()
        };
        let injected = begins(&["220 hello\r\n", "250 STARTTLS\r\n", "220 go\r\n250 AUTH PLAIN\r\n"]).await;
        assert!(matches!(injected, NotifyError::SaidInBetween), "{injected}");
        let none = begins(&["220 hello\r\n", "250 here\r\n", "502 what?\u{1b}\r\n"]).await;
        assert_eq!(
            none.to_string(),
            "the mail server doesn't begin TLS, it says \"502 what?\"; look at notice.smtp.tls"
        );
    }
}
