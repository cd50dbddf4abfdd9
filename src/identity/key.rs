//! A private key that this vault made: ECDSA P-256, wiped on drop.

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm, SigningKey};
use rustls::pki_types::PrivatePkcs8KeyDer;
use zeroize::Zeroizing;

use super::error::IdentityError;
use super::pem;
use crate::secret::Plaintext;

/// rcgen's key pair keeps its PKCS#8 bytes and doesn't wipe them by itself.
pub(super) struct OwnKey(Zeroizing<KeyPair>);

impl OwnKey {
    pub fn fresh() -> Result<Self, IdentityError> {
        KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
            .map(|pair| Self(Zeroizing::new(pair)))
            .map_err(|_| IdentityError::Crypto)
    }

    pub fn from_pkcs8(der: &[u8]) -> Result<Self, IdentityError> {
        KeyPair::from_pkcs8_der_and_sign_algo(&PrivatePkcs8KeyDer::from(der), &PKCS_ECDSA_P256_SHA256)
            .map(|pair| Self(Zeroizing::new(pair)))
            .map_err(|_| IdentityError::AuthorityDamaged)
    }

    /// Lends the key as PKCS#8 in DER.
    pub fn lend_pkcs8<R>(&self, use_it: impl FnOnce(&[u8]) -> R) -> R {
        use_it(self.0.serialized_der())
    }

    pub fn to_pem(&self) -> Plaintext {
        self.lend_pkcs8(pem::of_private_key)
    }
}

impl PublicKeyData for OwnKey {
    fn der_bytes(&self) -> &[u8] {
        self.0.der_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        PublicKeyData::algorithm(&*self.0)
    }
}

impl SigningKey for OwnKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.0.sign(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use static_assertions::assert_not_impl_any;

    assert_not_impl_any!(OwnKey: std::fmt::Debug, Clone, serde::Serialize);

    #[test]
    fn a_key_survives_its_own_encoding() {
        let key = OwnKey::fresh().unwrap();
        let again = key.lend_pkcs8(OwnKey::from_pkcs8).unwrap();
        assert_eq!(key.subject_public_key_info(), again.subject_public_key_info());
        assert!(OwnKey::from_pkcs8(b"garbage").is_err());
    }
}
