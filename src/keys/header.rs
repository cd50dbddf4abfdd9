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

use super::ring::KeyRing;
use super::sealed::FORMAT;
use super::slot::{SLOT, Slot};
use crate::crypto::{self, Argon2Cost, CostError, DerivedKey, Failed};
use crate::model::SlotId;
use crate::secret::Plaintext;

const MAGIC: &[u8; 4] = b"FSMV";
const FIXED: usize = 22;
/// Slots that a header has room for.
pub const MAX_SLOTS: usize = 8;

/// 16 random bytes that tell one vault from every other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VaultId([u8; 16]);

/// A parsed header.
pub struct Header {
    vault: VaultId,
    slots: Vec<Slot>,
}

/// A header with another root key than the one that it was made from.
pub struct Renewed {
    pub header: Header,
    pub keys: KeyRing,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    #[error("this is no fsm-vault header, or it is damaged")]
    Damaged,
    #[error("it has format {0}, and this program reads format {FORMAT}: install fsm-vault {0}.0 or newer")]
    Format(u8),
    #[error(transparent)]
    Cost(#[from] CostError),
    /// No slot opens with this passphrase.
    #[error("wrong passphrase")]
    WrongPassphrase,
    #[error("there is no such key slot")]
    NoSuchSlot,
    #[error("it is the last key slot")]
    LastSlot,
    #[error("all key slots are taken")]
    NoRoom,
    /// A slot opens with this passphrase already.
    #[error("the key slot {0} opens with this passphrase already")]
    InUse(SlotId),
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
        let ring = KeyRing::new(vault, DerivedKey::fresh()?);
        let slot = Slot::wrap(vault, passphrase, cost, ring.root())?;
        Ok((Self { vault, slots: vec![slot] }, ring))
    }

    /// A header of the same vault that opens with this passphrase alone. Costs one Argon2id.
    pub fn alone(keys: &KeyRing, passphrase: &Plaintext, cost: Argon2Cost) -> Result<Self, HeaderError> {
        let vault = keys.vault();
        Ok(Self { vault, slots: vec![Slot::wrap(vault, passphrase, cost, keys.root())?] })
    }

    /// The keys, for whoever knows a passphrase. Costs one Argon2id for each slot tried, right or wrong.
    pub fn unlock(&self, passphrase: &Plaintext) -> Result<KeyRing, HeaderError> {
        self.open(passphrase).map(|(_, keys)| keys)
    }

    /// The same, and which slot the passphrase opens.
    pub fn open(&self, passphrase: &Plaintext) -> Result<(SlotId, KeyRing), HeaderError> {
        for slot in &self.slots {
            if let Some(root) = slot.unwrap(self.vault, passphrase)? {
                return Ok((slot.id(), KeyRing::new(self.vault, root)));
            }
        }
        Err(HeaderError::WrongPassphrase)
    }

    /// The slots' IDs, in their order.
    pub fn slots(&self) -> impl ExactSizeIterator<Item = SlotId> {
        self.slots.iter().map(Slot::id)
    }

    /// With one slot more, for this passphrase. Costs one Argon2id for each slot that there is, and one.
    pub fn with_slot(
        &self,
        keys: &KeyRing,
        passphrase: &Plaintext,
        cost: Argon2Cost,
    ) -> Result<(Self, SlotId), HeaderError> {
        if self.slots.len() >= MAX_SLOTS {
            return Err(HeaderError::NoRoom);
        }
        self.change(keys, passphrase, cost, |slots, new| slots.push(new))
    }

    /// With a slot for this passphrase in the place of another. Costs as much as [`Self::with_slot`].
    pub fn replacing(
        &self,
        old: SlotId,
        keys: &KeyRing,
        passphrase: &Plaintext,
        cost: Argon2Cost,
    ) -> Result<(Self, SlotId), HeaderError> {
        let at = self.slots().position(|id| id == old).ok_or(HeaderError::NoSuchSlot)?;
        self.change(keys, passphrase, cost, |slots, new| slots[at] = new)
    }

    /// Without one of the slots; the last one stays.
    pub fn without(&self, id: SlotId) -> Result<Self, HeaderError> {
        let mut slots = self.slots.clone();
        slots.retain(|slot| slot.id() != id);
        match (slots.len(), self.slots.len()) {
            (left, before) if left == before => Err(HeaderError::NoSuchSlot),
            (0, _) => Err(HeaderError::LastSlot),
            _ => Ok(Self { vault: self.vault, slots }),
        }
    }

    /// The same vault under a new root key, with a slot for each of these passphrases. Costs an Argon2id for each.
    pub fn renewed(&self, passphrases: &[Plaintext], cost: Argon2Cost) -> Result<Renewed, HeaderError> {
        let keys = KeyRing::new(self.vault, DerivedKey::fresh()?);
        let mut header = Self { vault: self.vault, slots: Vec::with_capacity(passphrases.len()) };
        let cost = self.dearest(cost);
        for passphrase in passphrases {
            header.slots.push(header.wrap_anew(&keys, passphrase, cost)?);
        }
        if header.slots.is_empty() || header.slots.len() > MAX_SLOTS {
            return Err(HeaderError::NoRoom);
        }
        Ok(Renewed { header, keys })
    }

    fn dearest(&self, cost: Argon2Cost) -> Argon2Cost {
        self.slots.iter().map(Slot::cost).fold(cost, Argon2Cost::dearer)
    }

    fn change(
        &self,
        keys: &KeyRing,
        passphrase: &Plaintext,
        cost: Argon2Cost,
        put: impl FnOnce(&mut Vec<Slot>, Slot),
    ) -> Result<(Self, SlotId), HeaderError> {
        match self.open(passphrase) {
            Ok((id, _)) => return Err(HeaderError::InUse(id)),
            Err(HeaderError::WrongPassphrase) => {}
            Err(other) => return Err(other),
        }
        let new = self.wrap_anew(keys, passphrase, cost)?;
        let (mut slots, id) = (self.slots.clone(), new.id());
        put(&mut slots, new);
        Ok((Self { vault: self.vault, slots }, id))
    }

    /// A slot with an ID that no other one has. No cheaper than those that there are.
    fn wrap_anew(
        &self,
        keys: &KeyRing,
        passphrase: &Plaintext,
        cost: Argon2Cost,
    ) -> Result<Slot, HeaderError> {
        let cost = self.dearest(cost);
        loop {
            let slot = Slot::wrap(self.vault, passphrase, cost, keys.root())?;
            if self.slots().all(|id| id != slot.id()) {
                return Ok(slot);
            }
        }
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
            slot.write(&mut bytes);
        }
        bytes
    }

    pub fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        let (fixed, rest) = bytes.split_first_chunk::<FIXED>().ok_or(HeaderError::Damaged)?;
        if &fixed[..4] != MAGIC {
            return Err(HeaderError::Damaged);
        }
        match fixed[4] {
            FORMAT => {}
            0 => return Err(HeaderError::Damaged),
            newer => return Err(HeaderError::Format(newer)),
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

#[cfg(test)]
mod tests;
