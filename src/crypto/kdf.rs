//! Passphrase to key (Argon2id, RFC 9106) and key to key (HKDF-SHA256, RFC 5869).

use argon2::{Algorithm, Argon2, Params, Version};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::stack::{DEEPEST, SHALLOW, leaving_none};
use super::{Failed, random};
use crate::secret::Plaintext;

/// Bytes of a salt, for either derivation's caller to agree on.
pub const SALT_LEN: usize = 32;

/// 32 bytes of key material; wiped on drop.
pub struct DerivedKey(Box<Zeroizing<[u8; 32]>>);

impl DerivedKey {
    /// Copies the bytes; wiping those is the caller's.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        let mut key = Self::empty();
        key.0.copy_from_slice(bytes);
        key
    }

    /// Random bytes.
    pub fn fresh() -> Result<Self, Failed> {
        let mut key = Self::empty();
        random::fill(key.0.as_mut_slice())?;
        Ok(key)
    }

    fn empty() -> Self {
        Self(Box::new(Zeroizing::new([0; 32])))
    }

    /// Lends the bytes to the primitive that needs them.
    pub fn lend<R>(&self, use_it: impl FnOnce(&[u8; 32]) -> R) -> R {
        use_it(&self.0)
    }
}

/// HKDF-SHA256: `salt` and `info` pick one of the keys under `key`.
pub fn derive(key: &DerivedKey, salt: &[u8], info: &[u8]) -> DerivedKey {
    let mut out = DerivedKey::empty();
    leaving_none::<SHALLOW, _>(|| {
        key.lend(|ikm| Hkdf::<Sha256>::new(Some(salt), ikm).expand(info, out.0.as_mut_slice()))
            .expect("32 bytes are within HKDF-SHA256's 8160");
    });
    out
}

/// What an Argon2id computation costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argon2Cost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

/// A cost outside the accepted bounds: too cheap to protect, or so dear that it would hang the host.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("Argon2id cost out of bounds: {0}")]
pub struct CostError(&'static str);

impl Argon2Cost {
    /// 64 MiB, three passes, one lane.
    pub const DEFAULT: Self = Self { memory_kib: 64 * 1024, passes: 3, lanes: 1 };

    /// In each respect the dearer of the two.
    pub fn dearer(self, other: Self) -> Self {
        Self {
            memory_kib: self.memory_kib.max(other.memory_kib),
            passes: self.passes.max(other.passes),
            lanes: self.lanes.max(other.lanes),
        }
    }

    /// The cheapest that is accepted is the OWASP cheat sheet's 19 MiB and two passes. The dearest, 4 GiB,
    /// 64 passes and 16 lanes, keeps a damaged header from asking for all the host's memory.
    pub fn check(self) -> Result<Self, CostError> {
        match self {
            Self { memory_kib: ..19_456, .. } => Err(CostError("less than 19 MiB of memory")),
            Self { memory_kib: 4_194_305.., .. } => Err(CostError("more than 4 GiB of memory")),
            Self { passes: ..2, .. } => Err(CostError("fewer than 2 passes")),
            Self { passes: 65.., .. } => Err(CostError("more than 64 passes")),
            Self { lanes: 0, .. } => Err(CostError("no lane")),
            Self { lanes: 17.., .. } => Err(CostError("more than 16 lanes")),
            accepted => Ok(accepted),
        }
    }
}

/// A passphrase, on its way to a key.
pub struct Password<'a>(pub &'a Plaintext);

impl Password<'_> {
    /// Argon2id version 0x13. Takes its full time and memory whatever the password is.
    pub fn stretch(&self, salt: &[u8; SALT_LEN], cost: Argon2Cost) -> Result<DerivedKey, Failed> {
        let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32)).map_err(|_| Failed)?;
        let mut out = DerivedKey::empty();
        leaving_none::<DEEPEST, _>(|| {
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            self.0
                .lend(|bytes| argon2.hash_password_into(bytes, salt, out.0.as_mut_slice()))
                .map_err(|_| Failed)
        })?;
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use static_assertions::assert_not_impl_any;

    assert_not_impl_any!(DerivedKey: std::fmt::Debug, Clone, serde::Serialize, PartialEq);

    #[test]
    fn bounds_hold_on_both_sides() {
        let with = |memory_kib, passes, lanes| Argon2Cost { memory_kib, passes, lanes }.check().is_ok();
        assert!(Argon2Cost::DEFAULT.check().is_ok());
        assert!(with(19_456, 2, 1) && with(4_194_304, 64, 16));
        assert!(!with(19_455, 2, 1) && !with(4_194_305, 3, 1));
        assert!(!with(65_536, 1, 1) && !with(65_536, 65, 1));
        assert!(!with(65_536, 3, 0) && !with(65_536, 3, 17));
    }

    #[test]
    fn salt_and_info_both_matter() {
        let key = DerivedKey::from_bytes(&[7; 32]);
        let bytes = |salt: &[u8], info: &[u8]| derive(&key, salt, info).lend(|b| *b);
        assert_eq!(bytes(b"s", b"i"), bytes(b"s", b"i"));
        assert_ne!(bytes(b"s", b"i"), bytes(b"t", b"i"));
        assert_ne!(bytes(b"s", b"i"), bytes(b"s", b"j"));
    }
}
