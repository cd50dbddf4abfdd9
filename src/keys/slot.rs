//! A key slot: the root key, wrapped under a passphrase. Its layout is drawn in `header.rs`.

use sha2::{Digest, Sha256};

use super::header::{HeaderError, VaultId};
use super::sealed::FORMAT;
use crate::crypto::{self, AeadKey, Argon2Cost, DerivedKey, Failed, NONCE_LEN, Password, SALT_LEN, TAG_LEN};
use crate::model::SlotId;
use crate::secret::Plaintext;

const PASSPHRASE: u8 = 1;
const WRAPPED: usize = NONCE_LEN + 32 + TAG_LEN;
const OPEN_PART: usize = 45;
/// Bytes of a slot.
pub(super) const SLOT: usize = OPEN_PART + WRAPPED + 4;

#[derive(Clone)]
pub(super) struct Slot {
    cost: Argon2Cost,
    salt: [u8; SALT_LEN],
    wrapped: [u8; WRAPPED],
}

impl Slot {
    /// The first four bytes of the SHA-256 of its salt.
    pub(super) fn id(&self) -> SlotId {
        let digest = Sha256::digest(self.salt);
        SlotId::from_bytes([digest[0], digest[1], digest[2], digest[3]])
    }

    pub(super) fn cost(&self) -> Argon2Cost {
        self.cost
    }

    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&open_part(self.cost, &self.salt));
        bytes.extend_from_slice(&self.wrapped);
        bytes.extend_from_slice(&[0; 4]);
    }

    pub(super) fn wrap(
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
    pub(super) fn unwrap(
        &self,
        vault: VaultId,
        passphrase: &Plaintext,
    ) -> Result<Option<DerivedKey>, HeaderError> {
        let key = AeadKey::new(Password(passphrase).stretch(&self.salt, self.cost)?);
        let Ok(root) = key.open(&aad(vault, self.cost, &self.salt), &self.wrapped) else {
            return Ok(None);
        };
        let root = root.as_slice().try_into().map_err(|_| HeaderError::Damaged)?;
        Ok(Some(DerivedKey::from_bytes(root)))
    }

    /// The cost is checked here, before anything is computed at a price that the file names.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
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
    [b"fsm-vault slot".as_slice(), vault.as_bytes(), &[FORMAT], &open_part(cost, salt)].concat()
}
