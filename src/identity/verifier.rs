//! Client certificates at the handshake: which root may vouch for which name.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerIncompatible, SignatureScheme,
};

use super::error::{CertificateFault, IdentityError, TrustFault};
use super::presented::{Presented, end_of};
use super::recent;
use super::server::provider;
use super::trust::TrustRoot;
use crate::model::TrustDomain;

/// Certificates that a client may send, its own one included.
const MAX_CHAIN: usize = 4;

/// Requires a client certificate and believes it only under the roots of the trust domain that it names.
#[derive(Debug)]
pub struct ClientVerifier {
    domains: BTreeMap<TrustDomain, Arc<dyn ClientCertVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ClientVerifier {
    /// The vault's own root, and those of foreign trust domains from the configuration.
    pub fn new(local: &TrustRoot, foreign: &[TrustRoot]) -> Result<Self, IdentityError> {
        let provider = provider();
        let mut domains = BTreeMap::new();
        let mut keys = Vec::new();
        for trust in std::iter::once(local).chain(foreign) {
            let domain = trust.trust_domain();
            let anchors = trust.anchors()?;
            let own: Vec<_> = anchors.roots.iter().map(|root| root.subject_public_key_info.clone()).collect();
            let Entry::Vacant(place) = domains.entry(domain.clone()) else {
                let is_local = domain == local.trust_domain();
                let fault = if is_local { TrustFault::Local } else { TrustFault::Twice };
                return Err(fault(domain.clone()).into());
            };
            if own.iter().any(|key| keys.contains(key)) {
                return Err(TrustFault::Shared(domain.clone()).into());
            }
            keys.extend(own);
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(anchors), provider.clone())
                .build()
                .map_err(|_| TrustFault::Bundle(domain.clone()))?;
            place.insert(verifier);
        }
        Ok(Self { domains, provider })
    }
}

impl ClientCertVerifier for ClientVerifier {
    /// No hints: a client sends the certificate that it was told to send. With hints, some (Go's) hold back a
    /// certificate whose chain they can't match.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if intermediates.len() >= MAX_CHAIN {
            return Err(CertificateError::BadEncoding.into());
        }
        // What was sent counts for the connection's end, whether it was needed or not: here as for each request.
        for each in intermediates {
            let end = u64::try_from(end_of(each).map_err(refusal)?.as_second()).unwrap_or(0);
            if end <= now.as_secs() {
                return Err(CertificateError::Expired.into());
            }
        }
        let presented = match recent::recall(leaf) {
            Some(presented) => presented,
            None => Presented::from_leaf(leaf).map_err(refusal)?,
        };
        let domain = presented.spiffe_id.trust_domain();
        let verifier = self.domains.get(&domain).ok_or(CertificateError::UnknownIssuer)?;
        let verified =
            verifier.verify_client_cert(leaf, intermediates, now).map_err(|error| match error {
                // Another vault's CA has the same name and another key: to the peer that is an unknown CA.
                Error::InvalidCertificate(CertificateError::BadSignature) => {
                    CertificateError::UnknownIssuer.into()
                }
                other => other,
            })?;
        recent::remember(leaf, presented);
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::Tls12NotOfferedOrEnabled.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, leaf, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Both become the alert `bad_certificate`.
fn refusal(fault: CertificateFault) -> Error {
    match fault {
        CertificateFault::NoCaller | CertificateFault::TooManyNames => CertificateError::NotValidForName,
        CertificateFault::Missing | CertificateFault::TooLarge | CertificateFault::Unreadable => {
            CertificateError::BadEncoding
        }
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use jiff::SignedDuration;
    use rcgen::ExtendedKeyUsagePurpose;
    use rustls::AlertDescription::{self as Alert, *};

    fn root(authority: &super::super::Authority) -> TrustRoot {
        TrustRoot::of_authority(authority.certificate_pem()).unwrap()
    }

    #[tokio::test]
    async fn the_right_client_is_known_by_its_certificate() {
        let site = Site::new();
        let issued = site.caller("fsm");
        let met = site.meet(site.client_of(&issued)).await;
        let presented = met.presented.unwrap();
        assert_eq!(presented.spiffe_id.as_str(), "spiffe://fsm-vault.internal/caller/fsm");
        assert_eq!(presented.key, issued.speaking.spki_sha256);
        assert_eq!(presented.serial, issued.speaking.serial);
        assert_eq!(presented.not_after, issued.speaking.not_after);
    }

    #[tokio::test]
    async fn each_root_authenticates_its_own_domain_alone() {
        let (own, foreign, twin) = (authority(), authority_of("example.org"), authority());
        let site = Site::trusting(own, &[root(&foreign)]);
        let (here, there) = ("spiffe://fsm-vault.internal/caller/fsm", "spiffe://example.org/sa/fsm");
        let elsewhere = "spiffe://example.net/sa/fsm";
        for (signer, uri, expected) in [
            (&site.authority, here, None),
            (&foreign, there, None),
            // The near misses: each time the other's root, or nobody's.
            (&site.authority, there, Some(UnknownCA)),
            (&site.authority, elsewhere, Some(UnknownCA)),
            (&foreign, here, Some(UnknownCA)),
            (&foreign, elsewhere, Some(UnknownCA)),
            // Another vault: a CA of the same name with another key.
            (&twin, here, Some(UnknownCA)),
            (&twin, there, Some(UnknownCA)),
        ] {
            let leaf = Leaf { uris: &[uri], ..Leaf::default() }.signed_by(signer);
            assert_eq!(site.meet(site.client_with(&leaf)).await.alert, expected, "{uri}");
        }
    }

    #[tokio::test]
    async fn bad_leaves_are_refused_with_a_fitting_alert() {
        let site = Site::new();
        let uri = "spiffe://fsm-vault.internal/caller/fsm";
        let hour = SignedDuration::from_hours(1);
        let server_only = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let leaves: [(&str, Leaf, Option<Alert>); 8] = [
            ("right", Leaf::default(), None),
            ("expired", Leaf { from: -hour * 2, until: -hour, ..Leaf::default() }, Some(CertificateExpired)),
            (
                "not yet valid",
                Leaf { from: hour, until: hour * 2, ..Leaf::default() },
                Some(CertificateExpired),
            ),
            ("no URI", Leaf { uris: &[], ..Leaf::default() }, Some(BadCertificate)),
            (
                "no URI but DNS",
                Leaf { uris: &[], dns: &["localhost"], ..Leaf::default() },
                Some(BadCertificate),
            ),
            ("two URIs", Leaf { uris: &[uri, uri], ..Leaf::default() }, Some(BadCertificate)),
            (
                "no SPIFFE ID",
                Leaf { uris: &["https://fsm-vault.internal/"], ..Leaf::default() },
                Some(BadCertificate),
            ),
            ("a server's", Leaf { usages: server_only, ..Leaf::default() }, Some(UnsupportedCertificate)),
        ];
        for (what, leaf, expected) in leaves {
            let leaf = leaf.signed_by(&site.authority);
            assert_eq!(site.meet(site.client_with(&leaf)).await.alert, expected, "{what}");
        }
    }

    #[tokio::test]
    async fn the_clock_decides_at_each_handshake() {
        let site = Site::new();
        let issued = site.caller("fsm");
        assert_eq!(site.meet(site.client_of(&issued)).await.alert, None);
        site.clock.turn(SignedDuration::from_hours(25));
        assert_eq!(site.meet(site.client_of(&issued)).await.alert, Some(CertificateExpired));
    }

    #[tokio::test]
    async fn a_client_without_a_certificate_is_refused() {
        let site = Site::new();
        assert_eq!(site.meet(site.anonymous_client()).await.alert, Some(CertificateRequired));
    }

    /// The daemon's own certificate and key, used as a client's.
    #[tokio::test]
    async fn the_servers_certificate_is_no_callers() {
        let site = Site::new();
        let server = site.authority.issue_server(noon()).unwrap();
        let client = site.client_from(&server.certificate_pem, &server.key_pem);
        assert_eq!(site.meet(client).await.alert, Some(BadCertificate));
    }

    #[tokio::test]
    async fn long_chains_are_refused() {
        let site = Site::new();
        let mut leaf = Leaf::default().signed_by(&site.authority);
        leaf.more = vec![leaf.certificate.clone(); MAX_CHAIN - 1];
        assert_eq!(site.meet(site.client_with(&leaf)).await.alert, None);
        leaf.more.push(leaf.certificate.clone());
        assert_eq!(site.meet(site.client_with(&leaf)).await.alert, Some(BadCertificate));
    }

    #[tokio::test]
    async fn a_leaf_is_believed_no_longer_than_who_vouches_for_it() {
        let (root, leaf) = leaf_below(SignedDuration::from_hours(1));
        let site = Site::trusting(authority(), &[root]);
        let met = site.meet(site.client_with(&leaf)).await;
        assert_eq!(met.alert, None);
        assert_eq!(met.presented.unwrap().not_after, noon() + SignedDuration::from_hours(1));
        site.clock.turn(SignedDuration::from_hours(1));
        assert_eq!(site.meet(site.client_with(&leaf)).await.alert, Some(CertificateExpired));
    }

    #[tokio::test]
    async fn what_comes_with_a_leaf_is_readable_and_has_not_ended() {
        let site = Site::new();
        let mut leaf = Leaf::default().signed_by(&site.authority);
        let ended = Leaf {
            until: -SignedDuration::from_secs(1),
            from: -SignedDuration::from_hours(1),
            ..Leaf::default()
        };
        for (more, expected) in [
            (CertificateDer::from(b"nonsense".to_vec()), BadCertificate),
            (ended.signed_by(&site.authority).certificate, CertificateExpired),
        ] {
            leaf.more = vec![more];
            assert_eq!(site.meet(site.client_with(&leaf)).await.alert, Some(expected));
        }
    }

    #[test]
    fn trust_is_configured_without_overlap() {
        let (own, foreign) = (authority(), authority_of("example.org"));
        let claims_ours = TrustRoot::of_bundle(local(), foreign.certificate_pem().as_bytes()).unwrap();
        let ours_abroad =
            TrustRoot::of_bundle("example.org".parse().unwrap(), own.certificate_pem().as_bytes()).unwrap();
        let fault = |foreign: &[TrustRoot]| match ClientVerifier::new(&root(&own), foreign) {
            Err(IdentityError::Trust(fault)) => Some(fault),
            _ => None,
        };
        assert_eq!(fault(&[root(&foreign)]), None);
        assert_eq!(fault(&[claims_ours]), Some(TrustFault::Local(local())));
        let domain: TrustDomain = "example.org".parse().unwrap();
        assert_eq!(fault(&[root(&foreign), root(&foreign)]), Some(TrustFault::Twice(domain.clone())));
        assert_eq!(fault(&[ours_abroad]), Some(TrustFault::Shared(domain)));
    }
}
