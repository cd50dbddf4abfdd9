//! AES-256-GCM with a key that is used for one message only, or for a row of messages that are numbered.

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce, Tag};
use zeroize::Zeroizing;

use super::stack::{DEEP, leaving_none};
use super::{DerivedKey, Failed, random};

/// Bytes of a nonce.
pub const NONCE_LEN: usize = 12;
/// Bytes of an authentication tag.
pub const TAG_LEN: usize = 16;

/// A key for AES-256-GCM.
pub struct AeadKey(DerivedKey);

impl AeadKey {
    pub fn new(key: DerivedKey) -> Self {
        Self(key)
    }

    fn cipher(&self) -> Aes256Gcm {
        self.0.lend(|bytes| Aes256Gcm::new(bytes.into()))
    }

    /// Encrypts `message` and appends `nonce ‖ ciphertext ‖ tag` to `out`.
    pub fn seal_onto(&self, out: &mut Vec<u8>, aad: &[u8], message: &[u8]) -> Result<(), Failed> {
        leaving_none::<DEEP, _>(|| {
            let mut nonce = [0; NONCE_LEN];
            random::fill(&mut nonce)?;
            out.reserve(NONCE_LEN + message.len() + TAG_LEN);
            out.extend_from_slice(&nonce);
            self.seal_under(out, nonce, aad, message)
        })
    }

    /// Encrypts `message` and appends `ciphertext ‖ tag` to `out`. Of one key, every nonce is used once.
    pub fn seal_numbered(
        &self,
        out: &mut Vec<u8>,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        message: &[u8],
    ) -> Result<(), Failed> {
        leaving_none::<DEEP, _>(|| self.seal_under(out, nonce, aad, message))
    }

    /// Decrypts `ciphertext ‖ tag` of [`Self::seal_numbered`].
    pub fn open_numbered(
        &self,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Failed> {
        leaving_none::<DEEP, _>(|| self.open_under(nonce, aad, sealed))
    }

    fn seal_under(
        &self,
        out: &mut Vec<u8>,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        message: &[u8],
    ) -> Result<(), Failed> {
        let start = out.len();
        out.extend_from_slice(message);
        let text = &mut out[start..];
        let tag = self
            .cipher()
            .encrypt_inout_detached(&Nonce::from(nonce), aad, text.into())
            .map_err(|_| Failed)?;
        out.extend_from_slice(&tag);
        Ok(())
    }

    /// Decrypts `nonce ‖ ciphertext ‖ tag`. Nothing of a message that fails is returned.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Failed> {
        leaving_none::<DEEP, _>(|| {
            let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(Failed)?;
            self.open_under(*nonce, aad, rest)
        })
    }

    fn open_under(
        &self,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Failed> {
        let (text, tag) = sealed.split_last_chunk::<TAG_LEN>().ok_or(Failed)?;
        let mut message = Zeroizing::new(text.to_vec());
        self.cipher()
            .decrypt_inout_detached(&Nonce::from(nonce), aad, message.as_mut_slice().into(), &Tag::from(*tag))
            .map_err(|_| Failed)?;
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use static_assertions::assert_not_impl_any;

    assert_not_impl_any!(AeadKey: std::fmt::Debug, Clone, serde::Serialize);

    fn key(byte: u8) -> AeadKey {
        AeadKey::new(DerivedKey::from_bytes(&[byte; 32]))
    }

    #[test]
    fn opens_only_what_it_sealed() {
        let mut sealed = Vec::new();
        key(1).seal_onto(&mut sealed, b"aad", b"message").unwrap();
        assert_eq!(key(1).open(b"aad", &sealed).unwrap().as_slice(), b"message");
        assert!(key(2).open(b"aad", &sealed).is_err());
        assert!(key(1).open(b"aae", &sealed).is_err());
        for cut in 0..sealed.len() {
            assert!(key(1).open(b"aad", &sealed[..cut]).is_err());
        }
        for bit in 0..sealed.len() * 8 {
            let mut bent = sealed.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            assert!(key(1).open(b"aad", &bent).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_numbered_message_opens_under_its_own_number() {
        let mut sealed = Vec::new();
        key(1).seal_numbered(&mut sealed, [1; NONCE_LEN], b"aad", b"message").unwrap();
        assert_eq!(key(1).open_numbered([1; NONCE_LEN], b"aad", &sealed).unwrap().as_slice(), b"message");
        assert!(key(1).open_numbered([2; NONCE_LEN], b"aad", &sealed).is_err());
        assert!(key(1).open_numbered([1; NONCE_LEN], b"aae", &sealed).is_err());
        assert!(key(1).open_numbered([1; NONCE_LEN], b"aad", &sealed[..TAG_LEN - 1]).is_err());
    }

    // NIST GCM test case 16 (AES-256, 60-byte plaintext, 20-byte AAD).
    #[test]
    fn agrees_with_nist() {
        let hex = |text: &str| -> Vec<u8> {
            (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
        };
        let key_bytes: [u8; 32] =
            hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308").try_into().unwrap();
        let key = AeadKey::new(DerivedKey::from_bytes(&key_bytes));
        let mut sealed = hex("cafebabefacedbaddecaf888");
        sealed.extend(hex(
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
        ));
        sealed.extend(hex("76fc6ece0f4e1768cddf8853bb2d551b"));
        let opened = key.open(&hex("feedfacedeadbeeffeedfacedeadbeefabaddad2"), &sealed).unwrap();
        assert_eq!(
            opened.as_slice(),
            hex(
                "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
            )
        );
    }
}
