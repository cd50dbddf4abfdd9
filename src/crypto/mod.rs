//! AEAD, key derivation, keyed hash and random numbers, in small types that can't be mixed up.
//!
//! Knows no noun of the vault. No key is `Debug`, `Clone` or `Serialize`; every one lies on the heap, so that moving it leaves
//! no copy behind, and is wiped on drop.
//! A failure says only that it failed: an attacker learns nothing from the error.

mod aead;
mod kdf;
mod mac;
mod random;
mod stack;

pub use aead::{AeadKey, NONCE_LEN, TAG_LEN};
pub use kdf::{Argon2Cost, CostError, DerivedKey, Password, SALT_LEN, derive};
pub use mac::{MAC_LEN, Mac, MacKey, Running};
pub use random::{fill, fresh};

/// A cryptographic operation failed. Deliberately says no more.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("cryptographic operation failed")]
pub struct Failed;
