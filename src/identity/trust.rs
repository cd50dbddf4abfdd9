//! Whom to believe: the roots of one trust domain.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use super::error::{IdentityError, TrustFault};
use super::pem;
use super::presented::Facts;
use crate::model::TrustDomain;

/// The roots that may authenticate callers of one trust domain, and of no other.
#[derive(Debug, Clone)]
pub struct TrustRoot {
    trust_domain: TrustDomain,
    roots: Vec<CertificateDer<'static>>,
}

impl TrustRoot {
    /// This vault's own root, from the certificate of its CA; that names the trust domain, so that a sealed
    /// daemon needs nothing else.
    pub fn of_authority(certificate_pem: &str) -> Result<Self, IdentityError> {
        let roots = pem::certificates(certificate_pem.as_bytes())?;
        let trust_domain = match roots.as_slice() {
            [root] => Facts::read(root)?.trust_domain(),
            _ => None,
        };
        let trust_domain = trust_domain.ok_or(IdentityError::AuthorityDamaged)?;
        Ok(Self { trust_domain, roots })
    }

    /// A foreign trust domain's roots, as configured: one or more CA certificates in PEM.
    pub fn of_bundle(trust_domain: TrustDomain, bundle_pem: &[u8]) -> Result<Self, TrustFault> {
        let roots = match pem::certificates(bundle_pem) {
            Ok(roots) if roots.iter().all(|root| Facts::read(root).is_ok()) => roots,
            _ => return Err(TrustFault::Bundle(trust_domain)),
        };
        let bundle = Self { trust_domain, roots };
        bundle.anchors()?;
        Ok(bundle)
    }

    pub fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    pub(super) fn anchors(&self) -> Result<RootCertStore, TrustFault> {
        let mut anchors = RootCertStore::empty();
        for root in &self.roots {
            anchors.add(root.clone()).map_err(|_| TrustFault::Bundle(self.trust_domain.clone()))?;
        }
        Ok(anchors)
    }
}

/// Whether a text has certificates in PEM, one or more, all of which can be roots for servers.
pub fn is_bundle(pem: &[u8]) -> bool {
    let mut anchors = RootCertStore::empty();
    pem::certificates(pem).is_ok_and(|roots| roots.into_iter().all(|root| anchors.add(root).is_ok()))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{authority, authority_of, local};
    use super::*;

    #[test]
    fn the_own_root_names_its_trust_domain() {
        let authority = authority();
        let root = TrustRoot::of_authority(authority.certificate_pem()).unwrap();
        assert_eq!(root.trust_domain(), &local());
        let two = [authority.certificate_pem(), authority.certificate_pem()].concat();
        assert!(TrustRoot::of_authority(&two).is_err());
        let server = authority.issue_server(super::super::testing::noon()).unwrap();
        assert!(TrustRoot::of_authority(&server.certificate_pem).is_err());
    }

    #[test]
    fn a_bundle_is_read_whole_or_refused() {
        let domain: TrustDomain = "example.org".parse().unwrap();
        let (one, two) = (authority_of("example.org"), authority_of("example.org"));
        let both = [one.certificate_pem(), two.certificate_pem()].concat();
        assert_eq!(TrustRoot::of_bundle(domain.clone(), both.as_bytes()).unwrap().roots.len(), 2);
        assert!(is_bundle(both.as_bytes()));
        let torn = &both[..both.len() - 40];
        for wrong in ["", "garbage", torn] {
            assert!(!is_bundle(wrong.as_bytes()));
            let refused = TrustRoot::of_bundle(domain.clone(), wrong.as_bytes()).err();
            assert_eq!(refused, Some(TrustFault::Bundle(domain.clone())));
        }
    }
}
