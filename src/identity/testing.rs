//! What this room's tests share: a fixed time, a vault's TLS in memory, leaves that no CA would issue.

use std::process::Command;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyUsagePurpose,
    SanType,
};
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    AlertDescription, ClientConfig, HandshakeKind, NamedGroup, ProtocolVersion, RootCertStore, ServerConfig,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::key::OwnKey;
use super::server::{TlsTime, provider};
use super::*;
use crate::clock::ManualClock;
use crate::model::{SpiffeId, TrustDomain};
use crate::secret::Plaintext;

pub fn noon() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

pub fn local() -> TrustDomain {
    TrustDomain::DEFAULT.parse().unwrap()
}

pub fn authority() -> Authority {
    authority_of(TrustDomain::DEFAULT)
}

pub fn authority_of(domain: &str) -> Authority {
    Authority::create(&domain.parse().unwrap(), noon()).unwrap()
}

pub fn request() -> CertificateRequest {
    let key = rcgen::KeyPair::generate().unwrap();
    let request = CertificateParams::default().serialize_request(&key).unwrap();
    CertificateRequest::from_pem(request.pem().unwrap().as_bytes()).unwrap()
}

/// Runs the real openssl: its standard output, or what it says when it refuses.
pub fn ask_openssl(arguments: &[&str]) -> Result<Vec<u8>, String> {
    let done = Command::new("openssl").args(arguments).output().expect("openssl is installed");
    if done.status.success() {
        Ok(done.stdout)
    } else {
        Err(String::from_utf8_lossy(&done.stderr).into_owned())
    }
}

pub fn openssl(arguments: &[&str]) -> Vec<u8> {
    ask_openssl(arguments).unwrap_or_else(|said| panic!("openssl {arguments:?}: {said}"))
}

/// A client's leaf, right in everything unless told otherwise. Times count from noon.
pub struct Leaf<'a> {
    pub uris: &'a [&'a str],
    pub dns: &'a [&'a str],
    pub from: SignedDuration,
    pub until: SignedDuration,
    pub usages: Vec<ExtendedKeyUsagePurpose>,
}

pub struct SignedLeaf {
    pub certificate: CertificateDer<'static>,
    /// What the client sends after it.
    pub more: Vec<CertificateDer<'static>>,
    key: OwnKey,
}

impl Default for Leaf<'_> {
    fn default() -> Self {
        Self {
            uris: &["spiffe://fsm-vault.internal/caller/fsm"],
            dns: &[],
            from: SignedDuration::ZERO,
            until: SignedDuration::from_hours(24),
            usages: vec![ExtendedKeyUsagePurpose::ClientAuth],
        }
    }
}

impl Leaf<'_> {
    pub fn signed_by(self, authority: &Authority) -> SignedLeaf {
        self.signed(|params, key| authority.sign(params, key).unwrap())
    }

    fn signed(self, sign: impl FnOnce(&CertificateParams, &OwnKey) -> rcgen::Certificate) -> SignedLeaf {
        let mut params = CertificateParams::default();
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        params.not_before = epoch + since_epoch(self.from);
        params.not_after = epoch + since_epoch(self.until);
        let uris = self.uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap()));
        let names = self.dns.iter().map(|name| SanType::DnsName((*name).try_into().unwrap()));
        params.subject_alt_names = uris.chain(names).collect();
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = self.usages;
        params.use_authority_key_identifier_extension = true;
        let key = OwnKey::fresh().unwrap();
        let certificate = sign(&params, &key).der().clone();
        SignedLeaf { certificate, more: Vec::new(), key }
    }
}

/// A root of example.org, and a leaf that a CA below it vouches for; the CA's certificate ends so long after noon.
pub fn leaf_below(until: SignedDuration) -> (TrustRoot, SignedLeaf) {
    let ca = |name: &str, until: SignedDuration| {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + since_epoch(until);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params
    };
    let (root_key, key) = (OwnKey::fresh().unwrap(), OwnKey::fresh().unwrap());
    let root = ca("root", SignedDuration::from_hours(1000)).self_signed(&root_key).unwrap();
    let trusted = TrustRoot::of_bundle("example.org".parse().unwrap(), root.pem().as_bytes()).unwrap();
    let issuer = Issuer::from_ca_cert_der(root.der(), root_key).unwrap();
    let below = ca("below", until).signed_by(&key, &issuer).unwrap();
    let issuer = Issuer::from_ca_cert_der(below.der(), key).unwrap();
    let leaf = Leaf { uris: &["spiffe://example.org/sa/fsm"], ..Leaf::default() };
    let leaf = leaf.signed(|params, key| params.signed_by(key, &issuer).unwrap());
    (trusted, SignedLeaf { more: vec![below.der().clone()], ..leaf })
}

/// From the beginning of 1970 until so long after noon.
fn since_epoch(by: SignedDuration) -> std::time::Duration {
    std::time::Duration::from_secs((noon() + by).as_second().try_into().unwrap())
}

/// A vault's TLS at noon, without a network.
pub struct Site {
    pub authority: Authority,
    pub certificate: ServerCertificate,
    pub server: Arc<ServerConfig>,
    pub clock: Arc<ManualClock>,
}

/// How a handshake went.
pub struct Met {
    /// What the server read in the client's certificate, if it let it in.
    pub presented: Option<Presented>,
    /// What the client was told otherwise.
    pub alert: Option<AlertDescription>,
    pub server_certificate: Option<CertificateDer<'static>>,
    pub group: Option<NamedGroup>,
    pub version: Option<ProtocolVersion>,
    pub kind: Option<HandshakeKind>,
    pub alpn: Option<Vec<u8>>,
    pub tickets: u32,
}

impl Site {
    pub fn new() -> Self {
        Self::trusting(authority(), &[])
    }

    pub fn trusting(authority: Authority, foreign: &[TrustRoot]) -> Self {
        let clock = Arc::new(ManualClock::at(noon()));
        let identity = authority.issue_server(noon()).unwrap();
        let certificate = ServerCertificate::load(&identity.certificate_pem, &identity.key_pem).unwrap();
        let local = TrustRoot::of_authority(authority.certificate_pem()).unwrap();
        let verifier = ClientVerifier::new(&local, foreign).unwrap();
        let server = server_config(certificate.reader(), verifier, clock.clone()).unwrap();
        Self { authority, certificate, server, clock }
    }

    pub fn caller(&self, name: &str) -> Issued {
        let id = SpiffeId::of_caller(self.authority.trust_domain(), &name.parse().unwrap());
        self.authority.issue_caller(&id, SubjectKey::Fresh, SignedDuration::from_hours(24), noon()).unwrap()
    }

    /// A client as the product makes it.
    pub fn client(&self, issued: &Issued, protocols: Protocols) -> Arc<ClientConfig> {
        let folder = tempfile::tempdir().unwrap();
        let (key, ca) = (issued.key_pem.as_ref(), self.authority.certificate_pem());
        write_identity(folder.path(), &issued.certificate_pem, key, ca, Existing::Refuse).unwrap();
        Identity::load(folder.path()).unwrap().client_config(protocols, self.clock.clone()).unwrap()
    }

    pub fn client_of(&self, issued: &Issued) -> Arc<ClientConfig> {
        self.client(issued, Protocols::Http2OrHttp1)
    }

    pub fn client_from(&self, certificate_pem: &str, key_pem: &Plaintext) -> Arc<ClientConfig> {
        let chain = pem::certificates(certificate_pem.as_bytes()).unwrap();
        self.raw_client(Some((chain, pem::private_key(key_pem).unwrap().clone_key())))
    }

    pub fn client_with(&self, leaf: &SignedLeaf) -> Arc<ClientConfig> {
        let chain = [std::slice::from_ref(&leaf.certificate), &leaf.more].concat();
        self.raw_client(Some((chain, pem::private_key(&leaf.key.to_pem()).unwrap().clone_key())))
    }

    pub fn anonymous_client(&self) -> Arc<ClientConfig> {
        self.raw_client(None)
    }

    fn raw_client(
        &self,
        own: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        let root = pem::certificates(self.authority.certificate_pem().as_bytes()).unwrap().remove(0);
        roots.add(root).unwrap();
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build().unwrap();
        let builder = ClientConfig::builder_with_details(provider(), Arc::new(TlsTime(self.clock.clone())))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_webpki_verifier(verifier);
        Arc::new(match own {
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).unwrap(),
            None => builder.with_no_client_auth(),
        })
    }

    /// One connection through memory. A refusal reaches a TLS 1.3 client only after its own handshake is
    /// done, so it reads a byte that the server sends to those it lets in.
    pub async fn meet(&self, client: Arc<ClientConfig>) -> Met {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let server = async {
            let mut stream = TlsAcceptor::from(self.server.clone()).accept(near).await.ok()?;
            stream.write_all(b"!").await.ok()?;
            stream.shutdown().await.ok()?;
            Presented::from_chain(stream.get_ref().1.peer_certificates()).ok()
        };
        let client = async {
            let name = ServerName::try_from("localhost").unwrap();
            let mut stream = TlsConnector::from(client).connect(name, far).await?;
            let mut byte = [0];
            stream.read_exact(&mut byte).await?;
            Ok::<_, std::io::Error>(stream)
        };
        let (presented, stream) = tokio::join!(server, client);
        let alert = stream.as_ref().err().and_then(alert_in);
        let stream = stream.ok();
        let session = stream.as_ref().map(|stream| stream.get_ref().1);
        Met {
            presented,
            alert,
            server_certificate: session
                .and_then(|session| Some(session.peer_certificates()?.first()?.clone().into_owned())),
            group: session.and_then(|session| Some(session.negotiated_key_exchange_group()?.name())),
            version: session.and_then(|session| session.protocol_version()),
            kind: session.and_then(|session| session.handshake_kind()),
            alpn: session.and_then(|session| session.alpn_protocol().map(<[u8]>::to_vec)),
            tickets: session.map_or(0, |session| session.tls13_tickets_received()),
        }
    }
}

fn alert_in(error: &std::io::Error) -> Option<AlertDescription> {
    match error.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::AlertReceived(alert) => Some(*alert),
        _ => None,
    }
}
