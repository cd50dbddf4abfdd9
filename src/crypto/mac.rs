//! HMAC-SHA256: keyed hashes for names, fingerprints and the audit chain.

use hmac::{Hmac, KeyInit, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::DerivedKey;
use super::stack::{SHALLOW, leaving_none};

/// Bytes of a keyed hash.
pub const MAC_LEN: usize = 32;

/// A key for HMAC-SHA256. Holds the keyed state, so that a hash doesn't set the key up anew; who has that has the key.
pub struct MacKey(Box<Hmac<Sha256>>);

impl MacKey {
    pub fn new(key: &DerivedKey) -> Self {
        leaving_none::<SHALLOW, _>(|| {
            Self(Box::new(
                key.lend(|bytes| Hmac::new_from_slice(bytes).expect("HMAC takes a key of any length")),
            ))
        })
    }

    /// The keyed hash of the parts, one after another. The caller makes the parts unambiguous.
    pub fn hash(&self, parts: &[&[u8]]) -> Mac {
        leaving_none::<SHALLOW, _>(|| {
            let mut running = Hmac::clone(&self.0);
            parts.iter().for_each(|part| running.update(part));
            Mac(running.finalize().into_bytes().into())
        })
    }

    /// Begins a hash that is fed bit by bit.
    pub fn begin(&self) -> Running {
        leaving_none::<SHALLOW, _>(|| Running(self.0.clone()))
    }
}

/// A keyed hash under way.
pub struct Running(Box<Hmac<Sha256>>);

impl Running {
    pub fn add(&mut self, part: &[u8]) {
        leaving_none::<SHALLOW, _>(|| self.0.update(part));
    }

    pub fn end(self) -> Mac {
        leaving_none::<SHALLOW, _>(|| Mac(self.0.finalize().into_bytes().into()))
    }
}

/// A keyed hash. Comparing takes the same time wherever two differ; making it public has a name of its own.
pub struct Mac([u8; MAC_LEN]);

impl Mac {
    /// A hash that was read from storage, to be compared with a computed one.
    pub fn from_stored(bytes: [u8; MAC_LEN]) -> Self {
        Self(bytes)
    }

    pub fn same_as(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// The bytes, for storing or showing: a keyed hash tells nothing to one without the key.
    pub fn into_public(self) -> [u8; MAC_LEN] {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use static_assertions::assert_not_impl_any;

    assert_not_impl_any!(MacKey: std::fmt::Debug, Clone, serde::Serialize);
    assert_not_impl_any!(Running: std::fmt::Debug, Clone, serde::Serialize);
    assert_not_impl_any!(Mac: std::fmt::Debug, PartialEq, serde::Serialize);

    #[test]
    fn parts_are_hashed_in_order_and_the_key_matters() {
        let key = |byte| MacKey::new(&DerivedKey::from_bytes(&[byte; 32]));
        assert!(key(1).hash(&[b"ab", b"c"]).same_as(&key(1).hash(&[b"abc"])));
        assert!(!key(1).hash(&[b"abc"]).same_as(&key(1).hash(&[b"acb"])));
        assert!(!key(1).hash(&[b"abc"]).same_as(&key(2).hash(&[b"abc"])));
    }
}
