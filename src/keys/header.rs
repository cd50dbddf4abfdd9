//! The vault's header: who it is, and the root key wrapped under a passphrase.
//!
//! ```text
//! offset  bytes  what
//!      0      4  "FSMV"
//!      4      1  format, 1
//!      5     16  vault id, random
//!     21      1  number of key slots, 1 to 8
//!     then for each slot, 109 bytes:
//!      0      1  kind of slot, 1: passphrase
//!      1      4  Argon2id memory in KiB, big-endian
//!      5      4  Argon2id passes
//!      9      4  Argon2id lanes
//!     13     32  Argon2id salt
//!     45     12  nonce
//!     57     32  wrapped root key
//!     89     16  tag
//!    105      4  zero, reserved
//! ```
//!
//! The AAD of a slot is `"fsm-vault slot"`, the vault id, the format and the slot's first 45 bytes.

use zeroize::Zeroizing;

use super::ring::KeyRing;
use super::sealed::FORMAT;
use crate::crypto::{
    self, AeadKey, Argon2Cost, CostError, DerivedKey, Failed, NONCE_LEN, Password, SALT_LEN, TAG_LEN,
};
use crate::secret::Plaintext;

const MAGIC: &[u8; 4] = b"FSMV";
const PASSPHRASE: u8 = 1;
const FIXED: usize = 22;
const WRAPPED: usize = NONCE_LEN + 32 + TAG_LEN;
const OPEN_PART: usize = 45;
const SLOT: usize = OPEN_PART + WRAPPED + 4;
const MAX_SLOTS: usize = 8;

/// 16 random bytes that tell one vault from every other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VaultId([u8; 16]);

/// A parsed header.
pub struct Header {
    vault: VaultId,
    slots: Vec<Slot>,
}

struct Slot {
    cost: Argon2Cost,
    salt: [u8; SALT_LEN],
    wrapped: [u8; WRAPPED],
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    #[error("this is no fsm-vault header, or it is damaged")]
    Damaged,
    #[error("the vault has format {0}; this program reads format {FORMAT}: install a newer fsm-vault")]
    Format(u8),
    #[error(transparent)]
    Cost(#[from] CostError),
    /// No slot opens with this passphrase.
    #[error("wrong passphrase")]
    WrongPassphrase,
    #[error(transparent)]
    Crypto(#[from] Failed),
}

impl VaultId {
    #[cfg(test)]
    pub(super) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl std::fmt::Display for VaultId {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl Header {
    /// A new vault: random id and root key, one passphrase slot. Costs one Argon2id.
    pub fn create(passphrase: &Plaintext, cost: Argon2Cost) -> Result<(Self, KeyRing), HeaderError> {
        let mut id = [0; 16];
        crypto::fill(&mut id)?;
        let vault = VaultId(id);
        let ring = KeyRing::new(vault, DerivedKey::from_bytes(crypto::fresh()?));
        let slot = Slot::wrap(vault, passphrase, cost, ring.root())?;
        Ok((Self { vault, slots: vec![slot] }, ring))
    }

    /// The keys, for whoever knows a passphrase. Costs one Argon2id for each slot tried, right or wrong.
    pub fn unlock(&self, passphrase: &Plaintext) -> Result<KeyRing, HeaderError> {
        for slot in &self.slots {
            if let Some(root) = slot.unwrap(self.vault, passphrase)? {
                return Ok(KeyRing::new(self.vault, root));
            }
        }
        Err(HeaderError::WrongPassphrase)
    }

    pub fn vault(&self) -> VaultId {
        self.vault
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FIXED + SLOT * self.slots.len());
        bytes.extend_from_slice(MAGIC);
        bytes.push(FORMAT);
        bytes.extend_from_slice(&self.vault.0);
        bytes.push(u8::try_from(self.slots.len()).expect("at most MAX_SLOTS"));
        for slot in &self.slots {
            bytes.extend_from_slice(&open_part(slot.cost, &slot.salt));
            bytes.extend_from_slice(&slot.wrapped);
            bytes.extend_from_slice(&[0; 4]);
        }
        bytes
    }

    pub fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        let (fixed, rest) = bytes.split_first_chunk::<FIXED>().ok_or(HeaderError::Damaged)?;
        if &fixed[..4] != MAGIC {
            return Err(HeaderError::Damaged);
        }
        if fixed[4] != FORMAT {
            return Err(HeaderError::Format(fixed[4]));
        }
        let vault = VaultId(fixed[5..21].try_into().map_err(|_| HeaderError::Damaged)?);
        let count = usize::from(fixed[21]);
        if !(1..=MAX_SLOTS).contains(&count) || rest.len() != count * SLOT {
            return Err(HeaderError::Damaged);
        }
        let slots = rest.chunks_exact(SLOT).map(Slot::parse).collect::<Result<_, _>>()?;
        Ok(Self { vault, slots })
    }
}

impl Slot {
    fn wrap(
        vault: VaultId,
        passphrase: &Plaintext,
        cost: Argon2Cost,
        root: &DerivedKey,
    ) -> Result<Self, HeaderError> {
        let cost = cost.check()?;
        let mut salt = [0; SALT_LEN];
        crypto::fill(&mut salt)?;
        let key = AeadKey::new(Password(passphrase).stretch(&salt, cost)?);
        let mut wrapped = Vec::with_capacity(WRAPPED);
        root.lend(|bytes| key.seal_onto(&mut wrapped, &aad(vault, cost, &salt), bytes))?;
        let wrapped = wrapped.try_into().map_err(|_| Failed)?;
        Ok(Self { cost, salt, wrapped })
    }

    /// The root key, or None if the passphrase is another's.
    fn unwrap(&self, vault: VaultId, passphrase: &Plaintext) -> Result<Option<DerivedKey>, HeaderError> {
        let key = AeadKey::new(Password(passphrase).stretch(&self.salt, self.cost)?);
        let Ok(root) = key.open(&aad(vault, self.cost, &self.salt), &self.wrapped) else {
            return Ok(None);
        };
        let mut bytes = Zeroizing::new([0; 32]);
        bytes.copy_from_slice(&root);
        Ok(Some(DerivedKey::from_bytes(bytes)))
    }

    /// The cost is checked here, before anything is computed at a price that the file names.
    fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        let number = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        if bytes[0] != PASSPHRASE || bytes[SLOT - 4..] != [0; 4] {
            return Err(HeaderError::Damaged);
        }
        let cost = Argon2Cost { memory_kib: number(1), passes: number(5), lanes: number(9) }.check()?;
        let salt = bytes[13..OPEN_PART].try_into().map_err(|_| HeaderError::Damaged)?;
        let wrapped = bytes[OPEN_PART..SLOT - 4].try_into().map_err(|_| HeaderError::Damaged)?;
        Ok(Self { cost, salt, wrapped })
    }
}

fn open_part(cost: Argon2Cost, salt: &[u8; SALT_LEN]) -> [u8; OPEN_PART] {
    let mut part = [PASSPHRASE; OPEN_PART];
    part[1..5].copy_from_slice(&cost.memory_kib.to_be_bytes());
    part[5..9].copy_from_slice(&cost.passes.to_be_bytes());
    part[9..13].copy_from_slice(&cost.lanes.to_be_bytes());
    part[13..].copy_from_slice(salt);
    part
}

fn aad(vault: VaultId, cost: Argon2Cost, salt: &[u8; SALT_LEN]) -> Vec<u8> {
    [b"fsm-vault slot".as_slice(), &vault.0, &[FORMAT], &open_part(cost, salt)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Argon2Cost = Argon2Cost { memory_kib: 19_456, passes: 2, lanes: 1 };

    fn passphrase(text: &str) -> Plaintext {
        Plaintext::new(text.as_bytes().to_vec())
    }

    #[test]
    fn opens_with_its_passphrase_alone() {
        let (header, ring) = Header::create(&passphrase("right"), CHEAP).unwrap();
        let read = Header::parse(&header.to_bytes()).unwrap();
        let again = read.unlock(&passphrase("right")).unwrap();
        assert!(ring.root().lend(|a| again.root().lend(|b| a == b)));
        assert_eq!(read.unlock(&passphrase("wrong")).err(), Some(HeaderError::WrongPassphrase));
    }

    #[test]
    fn every_byte_counts() {
        let (header, _) = Header::create(&passphrase("right"), CHEAP).unwrap();
        let bytes = header.to_bytes();
        for cut in 0..bytes.len() {
            assert!(Header::parse(&bytes[..cut]).is_err());
        }
        // Low bits of the cost stay within bounds and parse; then the slot must not open.
        for at in 0..bytes.len() {
            let mut bent = bytes.clone();
            bent[at] ^= 0x01;
            let opened = Header::parse(&bent).and_then(|header| header.unlock(&passphrase("right")));
            assert!(opened.is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_cheap_or_ruinous_cost_is_refused_before_it_is_paid() {
        let (header, _) = Header::create(&passphrase("right"), CHEAP).unwrap();
        for (at, value) in
            [(23, 19_455_u32), (23, u32::MAX), (27, 1), (27, u32::MAX), (31, 0), (31, u32::MAX)]
        {
            let mut bytes = header.to_bytes();
            bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
            assert!(matches!(Header::parse(&bytes), Err(HeaderError::Cost(_))), "{at} {value}");
        }
    }
}
