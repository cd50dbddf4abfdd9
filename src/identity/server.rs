//! The server's side of TLS: one strict configuration, and a certificate that can change while it is served.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{ServerName, UnixTime};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;
use rustls::{RootCertStore, ServerConfig};
use zeroize::Zeroizing;

use super::error::{CertificateFault, IdentityError};
use super::pem;
use super::presented::Facts;
use super::verifier::ClientVerifier;
use crate::clock::Clock;
use crate::secret::Plaintext;

/// Application protocols in the server's order of preference.
pub(super) const HTTP2: &[u8] = b"h2";
pub(super) const HTTP1: &[u8] = b"http/1.1";

/// The daemon's certificate, for whoever renews it: the writer half.
pub struct ServerCertificate(Arc<ArcSwap<Serving>>);

/// The daemon's certificate, for the handshakes: the reader half.
#[derive(Debug, Clone)]
pub struct ServingCertificate(Arc<ArcSwap<Serving>>);

#[derive(Debug)]
struct Serving {
    /// None: there is none, and no handshake comes to an end.
    certified: Option<Arc<CertifiedKey>>,
    not_before: Timestamp,
    not_after: Timestamp,
}

impl ServerCertificate {
    /// Reads the certificate and its key, both in PEM.
    pub fn load(certificate_pem: &str, key_pem: &Plaintext) -> Result<Self, IdentityError> {
        Serving::load(certificate_pem, key_pem).map(|serving| Self(Arc::new(ArcSwap::from_pointee(serving))))
    }

    /// None yet, and long expired.
    pub fn missing() -> Self {
        let never = Timestamp::UNIX_EPOCH;
        Self(Arc::new(ArcSwap::from_pointee(Serving {
            certified: None,
            not_before: never,
            not_after: never,
        })))
    }

    pub fn is_missing(&self) -> bool {
        self.0.load().certified.is_none()
    }

    /// Serves another certificate from the next handshake on; keeps the old one if the new one is unfit.
    pub fn replace(&self, certificate_pem: &str, key_pem: &Plaintext) -> Result<(), IdentityError> {
        self.0.store(Arc::new(Serving::load(certificate_pem, key_pem)?));
        Ok(())
    }

    pub fn expires_at(&self) -> Timestamp {
        self.0.load().not_after
    }

    /// Begin and end of the certificate that is served.
    pub fn life(&self) -> (Timestamp, Timestamp) {
        let serving = self.0.load();
        (serving.not_before, serving.not_after)
    }

    /// Whether two thirds of its life are over, or it hasn't begun: the clock was ahead when it was issued.
    pub fn needs_reissue(&self, now: Timestamp) -> bool {
        let serving = self.0.load();
        let life = serving.not_after.duration_since(serving.not_before);
        now < serving.not_before || now.duration_since(serving.not_before) >= life / 3 * 2
    }

    /// Whether the CA with this certificate has issued it for who serves here.
    pub fn is_issued_by(&self, authority_pem: &str) -> bool {
        let serving = self.0.load();
        let Some(certified) = &serving.certified else { return false };
        let Some((own, between)) = certified.cert.split_first() else { return false };
        let mut roots = RootCertStore::empty();
        for root in pem::certificates(authority_pem.as_bytes()).unwrap_or_default() {
            let _ = roots.add(root);
        }
        let Ok(verifier) = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build()
        else {
            return false;
        };
        let name = ServerName::try_from("localhost").expect("a name");
        let during =
            Duration::from_secs(u64::try_from(serving.not_before.as_second()).unwrap_or_default() + 1);
        let during = UnixTime::since_unix_epoch(during);
        verifier.verify_server_cert(own, between, &name, &[], during).is_ok()
    }

    pub fn reader(&self) -> ServingCertificate {
        ServingCertificate(self.0.clone())
    }
}

impl Serving {
    fn load(certificate_pem: &str, key_pem: &Plaintext) -> Result<Self, IdentityError> {
        let chain = pem::certificates(certificate_pem.as_bytes())?;
        let facts = Facts::read(chain.first().ok_or(CertificateFault::Missing)?)?;
        let key: Zeroizing<_> = pem::private_key(key_pem).ok_or(IdentityError::KeyMismatch)?;
        let key = provider()
            .key_provider
            .load_private_key(key.clone_key())
            .map_err(|_| IdentityError::KeyMismatch)?;
        let certified = CertifiedKey::new(chain, key);
        certified.keys_match().map_err(|_| IdentityError::KeyMismatch)?;
        let Facts { not_before, not_after, .. } = facts;
        Ok(Self { certified: Some(Arc::new(certified)), not_before, not_after })
    }
}

impl ResolvesServerCert for ServingCertificate {
    /// The one certificate, whatever name the client asks for: it may have come by `localhost` or an address.
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load().certified.clone()
    }
}

/// TLS 1.3 alone, X25519MLKEM768 preferred, a client certificate required, HTTP/2 before HTTP/1.1; no tickets,
/// no resumption, no early data, so that every connection proves its key.
pub fn server_config(
    certificate: ServingCertificate,
    verifier: ClientVerifier,
    clock: Arc<dyn Clock>,
) -> Result<Arc<ServerConfig>, IdentityError> {
    let mut config = ServerConfig::builder_with_details(provider(), Arc::new(TlsTime(clock)))
        .with_protocol_versions(&[&TLS13])
        .map_err(|_| IdentityError::Crypto)?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_cert_resolver(Arc::new(certificate));
    config.alpn_protocols = vec![HTTP2.to_vec(), HTTP1.to_vec()];
    config.send_tls13_tickets = 0;
    config.max_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}

/// The one provider, named each time, so that no other crate's choice of a default counts.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// The house's clock, as rustls asks for it.
pub(super) struct TlsTime(pub Arc<dyn Clock>);

impl fmt::Debug for TlsTime {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.write_str("TlsTime")
    }
}

impl TimeProvider for TlsTime {
    /// None before 1970; rustls then refuses the handshake.
    fn current_time(&self) -> Option<UnixTime> {
        let since_epoch = self.0.now().as_duration().try_into().ok()?;
        Some(UnixTime::since_unix_epoch(since_epoch))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Protocols;
    use super::super::testing::*;
    use super::*;
    use jiff::SignedDuration;
    use rustls::{HandshakeKind, NamedGroup, ProtocolVersion};

    #[tokio::test]
    async fn the_handshake_is_hybrid_and_speaks_http2() {
        let site = Site::new();
        let met = site.meet(site.client_of(&site.caller("fsm"))).await;
        assert_eq!(met.group, Some(NamedGroup::X25519MLKEM768));
        assert_eq!(met.version, Some(ProtocolVersion::TLSv1_3));
        assert_eq!(met.alpn.as_deref(), Some(HTTP2));

        let old = site.client(&site.caller("fsm"), Protocols::Http1);
        assert_eq!(site.meet(old).await.alpn.as_deref(), Some(HTTP1));
    }

    /// The client is willing to resume: a common configuration with a session store, met twice.
    #[tokio::test]
    async fn nothing_is_resumed() {
        let site = Site::new();
        let mut client = Arc::unwrap_or_clone(site.client_of(&site.caller("fsm")));
        client.resumption = rustls::client::Resumption::in_memory_sessions(8);
        let client = Arc::new(client);
        for _ in 0..2 {
            let met = site.meet(client.clone()).await;
            assert_eq!(met.alert, None);
            assert_eq!((met.kind, met.tickets), (Some(HandshakeKind::Full), 0));
        }
    }

    #[tokio::test]
    async fn a_new_certificate_serves_the_next_connection() {
        let site = Site::new();
        let client = site.client_of(&site.caller("fsm"));
        let serial = |met: Met| Facts::read(&met.server_certificate.unwrap()).unwrap().serial;
        let before = serial(site.meet(client.clone()).await);
        assert_eq!(before, serial(site.meet(client.clone()).await));

        let next = site.authority.issue_server(noon()).unwrap();
        let other = site.authority.issue_server(noon()).unwrap();
        assert!(site.certificate.replace(&next.certificate_pem, &other.key_pem).is_err());
        assert_eq!(before, serial(site.meet(client.clone()).await));
        site.certificate.replace(&next.certificate_pem, &next.key_pem).unwrap();
        assert_ne!(before, serial(site.meet(client).await));
    }

    #[test]
    fn a_reissue_is_due_after_two_thirds_and_before_its_life() {
        let site = Site::new();
        let day = SignedDuration::from_hours(24);
        assert_eq!(site.certificate.expires_at(), noon() + day * 365);
        for (days, due) in [(0, false), (243, false), (244, true), (400, true), (-1, true)] {
            assert_eq!(site.certificate.needs_reissue(noon() + day * days), due, "{days}");
        }
    }

    /// Our own client offers nothing older, so another implementation has to ask.
    #[tokio::test]
    async fn older_protocols_are_refused() {
        let site = Site::new();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let acceptor = tokio_rustls::TlsAcceptor::from(site.server.clone());
        let asking = tokio::task::spawn_blocking(move || {
            std::process::Command::new("openssl")
                .args(["s_client", "-tls1_2", "-connect", &address])
                .stdin(std::process::Stdio::null())
                .output()
                .expect("openssl is installed")
        });
        let (stream, _) = listener.accept().await.unwrap();
        assert!(acceptor.accept(stream).await.is_err());
        let heard = asking.await.unwrap();
        assert!(!heard.status.success());
        let text = String::from_utf8_lossy(&heard.stderr).into_owned();
        assert!(text.contains("alert protocol version"), "{text}");
    }
}
