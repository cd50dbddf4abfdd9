//! Plaintext bytes: wiped on drop, lent to a closure, without `Debug`, `Clone` or `Serialize`.
//!
//! Owns the one type that may hold a secret value, a passphrase or a private key in memory.
//! Never prints, compares in variable time, or hands its bytes out except through a method
//! whose name begins with `reveal_`.

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Bytes that must not outlive their use: a secret value, a passphrase, a private key.
pub struct Plaintext(Zeroizing<Vec<u8>>);

impl Plaintext {
    /// Takes the bytes over; the caller keeps no copy.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Lends the bytes for the length of one call.
    pub fn lend<R>(&self, use_it: impl FnOnce(&[u8]) -> R) -> R {
        use_it(&self.0)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether both hold the same bytes, in time that depends on the lengths alone.
    pub fn same_as(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// The bytes as a response body: still wiped when the last reference is dropped, and `kept` with them.
    /// Called only where a released value leaves the daemon.
    pub fn reveal_into_body<K: Send + 'static>(self, kept: K) -> Bytes {
        struct Owner<K>(Zeroizing<Vec<u8>>, K);
        impl<K> AsRef<[u8]> for Owner<K> {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
        Bytes::from_owner(Owner(self.0, kept))
    }

    /// The bytes as a growable buffer that wipes itself; for the command line's standard output.
    pub fn reveal_into_vec(self) -> Zeroizing<Vec<u8>> {
        self.0
    }
}

impl From<Zeroizing<Vec<u8>>> for Plaintext {
    fn from(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }
}

impl<'de> Deserialize<'de> for Plaintext {
    /// Reads a JSON string. serde's error may repeat a number found in the string's place: whoever shows
    /// it to a peer leaves that out.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Plaintext;

            fn expecting(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
                out.write_str("a string")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Plaintext, E> {
                Ok(Plaintext::new(text.as_bytes().to_vec()))
            }

            fn visit_string<E: Error>(self, text: String) -> Result<Plaintext, E> {
                Ok(Plaintext::new(text.into_bytes()))
            }
        }
        deserializer.deserialize_string(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use static_assertions::assert_not_impl_any;

    assert_not_impl_any!(Plaintext: std::fmt::Debug, std::fmt::Display, Clone, serde::Serialize, PartialEq, AsRef<[u8]>, std::ops::Deref);

    #[test]
    fn equal_only_when_all_bytes_are() {
        let value = |text: &str| Plaintext::new(text.as_bytes().to_vec());
        assert!(value("abc").same_as(&value("abc")));
        assert!(!value("abc").same_as(&value("abd")));
        assert!(!value("abc").same_as(&value("abcd")));
    }

    #[test]
    fn a_wrong_type_is_refused() {
        for wrong in ["48151623", "1.5", "true", "[1]", "{}", "null"] {
            assert!(serde_json::from_str::<Plaintext>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn escapes_are_resolved() {
        let read: Plaintext = serde_json::from_str(r#""a\n\u00e4""#).unwrap();
        read.lend(|bytes| assert_eq!(bytes, "a\nä".as_bytes()));
    }
}
