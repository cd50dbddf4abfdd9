//! The root key and what is derived from it, for as long as the vault is unsealed.

use zeroize::Zeroizing;

use super::header::VaultId;
use super::sealed::{FORMAT, OpenError, RecordKind, RecordName, Sealed, StoreKey};
use crate::crypto::{self, AeadKey, DerivedKey, Failed, MAC_LEN, MacKey, SALT_LEN, derive};
use crate::model::Fingerprint;
use crate::secret::Plaintext;

/// Derivations differ in this last input of HKDF; the number is the format's.
const RECORD: &[u8] = b"fsm-vault/1 record";
const INDEX: &[u8] = b"fsm-vault/1 index";
const FINGERPRINT: &[u8] = b"fsm-vault/1 fingerprint";
const CHAIN: &[u8] = b"fsm-vault/1 audit chain";
const CENSUS: &[u8] = b"fsm-vault/1 census";
const EPOCH: &[u8] = b"fsm-vault/1 epoch";
const BACKUP: &[u8] = b"fsm-vault/1 backup";
const BACKUP_DIGEST: &[u8] = b"fsm-vault/1 backup digest";

/// The key that chains the audit log.
pub struct ChainKey(pub MacKey);

/// The audit chain's key of a root key that is gone: what was written with it can still be checked.
pub struct FormerChain {
    /// The last segment of the log that was.
    pub until: u32,
    key: DerivedKey,
}

/// The keys of one backup: they open no record.
pub struct BackupKeys {
    /// For its frames, which are numbered.
    pub frames: AeadKey,
    /// For the digest over all of it.
    pub digest: MacKey,
}

/// All keys of an unsealed vault. Dropping it wipes them.
pub struct KeyRing {
    vault: VaultId,
    root: DerivedKey,
    index: MacKey,
    fingerprint: MacKey,
    census: MacKey,
    epoch: MacKey,
}

impl KeyRing {
    pub(super) fn new(vault: VaultId, root: DerivedKey) -> Self {
        let key = |info| MacKey::new(&derive(&root, vault.as_bytes(), info));
        let (index, fingerprint, census, epoch) = (key(INDEX), key(FINGERPRINT), key(CENSUS), key(EPOCH));
        Self { vault, root, index, fingerprint, census, epoch }
    }

    pub(super) fn root(&self) -> &DerivedKey {
        &self.root
    }

    pub fn vault(&self) -> VaultId {
        self.vault
    }

    pub(super) fn census_key(&self) -> &MacKey {
        &self.census
    }

    pub(super) fn epoch_key(&self) -> &MacKey {
        &self.epoch
    }

    /// The audit chain's key, for the audit room to keep while unsealed.
    pub fn chain_key(&self) -> ChainKey {
        ChainKey(MacKey::new(&self.chain()))
    }

    /// The same, to be kept when this root key goes.
    pub fn former_chain(&self, until: u32) -> FormerChain {
        FormerChain { until, key: self.chain() }
    }

    fn chain(&self) -> DerivedKey {
        derive(&self.root, self.vault.as_bytes(), CHAIN)
    }

    /// The keys of the backup with this salt.
    pub fn backup_keys(&self, salt: &[u8; SALT_LEN]) -> BackupKeys {
        BackupKeys {
            frames: AeadKey::new(derive(&self.root, salt, BACKUP)),
            digest: MacKey::new(&derive(&self.root, salt, BACKUP_DIGEST)),
        }
    }

    /// Where a record lies in the store: its kind and the keyed hash of its name.
    pub fn store_key(&self, name: &RecordName) -> StoreKey {
        let kind = name.kind();
        StoreKey::new(kind, self.index.hash(&[&[kind as u8], &name.bytes()]).into_public())
    }

    /// The first 8 bytes of a value's keyed hash, in hex.
    pub fn fingerprint(&self, value: &Plaintext) -> Fingerprint {
        let mac = value.lend(|bytes| self.fingerprint.hash(&[bytes])).into_public();
        let (first, _) = mac.split_first_chunk().expect("a mac has 32 bytes");
        Fingerprint::of(*first)
    }

    /// Seals `message` as revision `revision` of the record at `key`, under a key of its own.
    pub fn seal(&self, key: &StoreKey, revision: u64, message: &[u8]) -> Result<Sealed, Failed> {
        let salt = crypto::fresh::<SALT_LEN>()?;
        let mut bytes = Sealed::begin(key.kind(), revision, &salt, message.len());
        let aad = Sealed::aad(self.vault, key, revision);
        self.record_key(&salt[..]).seal_onto(&mut bytes, &aad, message)?;
        Ok(Sealed::from_sealing(bytes))
    }

    /// Opens a record that lies at `key`.
    pub fn open(&self, key: &StoreKey, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        match (sealed.format(), self.open_as_ours(key, sealed)) {
            (Some(FORMAT), opened) => opened,
            // Only a newer release seals what doesn't open as ours: what opens was relabelled.
            (Some(newer), Err(_)) => Err(OpenError::Format(newer)),
            _ => Err(OpenError::Damaged),
        }
    }

    fn open_as_ours(&self, key: &StoreKey, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let parts = sealed.parts(key)?;
        let aad = Sealed::aad(self.vault, key, parts.revision);
        self.record_key(parts.salt).open(&aad, parts.text).map_err(|_| OpenError::Damaged)
    }

    /// Whether `key` is where a record of this name lies.
    pub fn names(&self, key: &StoreKey, name: &RecordName) -> bool {
        self.store_key(name) == *key
    }

    fn record_key(&self, salt: &[u8]) -> AeadKey {
        AeadKey::new(derive(&self.root, salt, RECORD))
    }
}

impl FormerChain {
    /// `until (4) ‖ key (32)`.
    pub fn from_record(message: &[u8]) -> Option<Self> {
        let (until, rest) = message.split_first_chunk::<4>()?;
        Some(Self { until: u32::from_be_bytes(*until), key: DerivedKey::from_bytes(rest.try_into().ok()?) })
    }

    pub fn to_record(&self) -> Zeroizing<Vec<u8>> {
        // With its room from the start: growing would leave a copy behind.
        let mut record = Zeroizing::new(Vec::with_capacity(36));
        record.extend_from_slice(&self.until.to_be_bytes());
        self.key.lend(|key| record.extend_from_slice(key));
        record
    }

    pub fn chain_key(&self) -> ChainKey {
        ChainKey(MacKey::new(&self.key))
    }
}

const _: () = assert!(MAC_LEN == StoreKey::HASH_LEN);

impl RecordName<'_> {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Authority => Vec::new(),
            Self::Secret(id) => id.as_str().as_bytes().to_vec(),
            // An ID holds no NUL, so that name and number can't run into each other.
            Self::Value(id, number) => [id.as_str().as_bytes(), &[0], &number.to_be_bytes()].concat(),
            Self::Integration(name) => name.as_str().as_bytes().to_vec(),
            Self::Caller(name) => name.as_str().as_bytes().to_vec(),
            Self::Checkpoint | Self::UsesMark | Self::Slots => Vec::new(),
            Self::Tombstone(id) | Self::Uses(id) => id.as_str().as_bytes().to_vec(),
            Self::Notice(id) => id.as_str().as_bytes().to_vec(),
            Self::FormerChain(until) => until.to_be_bytes().to_vec(),
        }
    }

    fn kind(&self) -> RecordKind {
        match self {
            Self::Authority => RecordKind::Authority,
            Self::Secret(_) => RecordKind::Secret,
            Self::Value(..) => RecordKind::Value,
            Self::Integration(_) => RecordKind::Integration,
            Self::Caller(_) => RecordKind::Caller,
            Self::Checkpoint => RecordKind::Checkpoint,
            Self::Tombstone(_) => RecordKind::Tombstone,
            Self::Uses(_) => RecordKind::Uses,
            Self::UsesMark => RecordKind::UsesMark,
            Self::Notice(_) => RecordKind::Notice,
            Self::Slots => RecordKind::Slots,
            Self::FormerChain(_) => RecordKind::FormerChain,
        }
    }
}

#[cfg(test)]
mod tests;
