//! A key that a caller makes for itself, so that the private half never leaves its host.

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use zeroize::Zeroizing;

use crate::identity::IdentityError;
use crate::secret::Plaintext;

/// A new ECDSA P-256 key and the request to certify it.
pub struct FreshKey {
    /// PKCS#8 in PEM.
    pub key_pem: Plaintext,
    /// PKCS#10 in PEM. It names nobody: the vault says what a caller is called.
    pub request_pem: String,
}

impl FreshKey {
    pub fn generate() -> Result<Self, IdentityError> {
        let failed = |_| IdentityError::Crypto;
        // rcgen's key pair doesn't wipe itself; its PEM's other copies the allocator wipes.
        let pair = Zeroizing::new(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed)?);
        let request = CertificateParams::default().serialize_request(&*pair).map_err(failed)?;
        let request_pem = request.pem().map_err(failed)?;
        Ok(Self { key_pem: Plaintext::new(pair.serialize_pem().into_bytes()), request_pem })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::CertificateRequest;
    use static_assertions::assert_not_impl_any;

    assert_not_impl_any!(FreshKey: std::fmt::Debug, Clone, serde::Serialize);

    #[test]
    fn the_vault_accepts_the_request() {
        let fresh = FreshKey::generate().unwrap();
        assert!(CertificateRequest::from_pem(fresh.request_pem.as_bytes()).is_ok());
        assert!(fresh.key_pem.lend(|pem| pem.starts_with(b"-----BEGIN PRIVATE KEY-----")));
    }
}
