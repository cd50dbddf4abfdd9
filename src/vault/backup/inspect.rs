//! Checking a backup without the vault: every byte, every record, as an unsealing would.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use crate::backup::{BackupError, Closed, Counts, Manifest};
use crate::identity::open_file;
use crate::keys::VaultId;
use crate::model::{Caller, CallerName, SlotId, SlotLabel};
use crate::secret::Plaintext;
use crate::vault::VaultError;
use crate::vault::loading::{Loaded, Loading};

/// A backup whose head was read.
pub struct BackupFile {
    pub(super) file: File,
    closed: Closed<File>,
}

/// A backup of which everything was opened and is in its place.
pub struct Inspected {
    pub vault: VaultId,
    pub made_at: Timestamp,
    pub manifest: Manifest,
    /// The key slot that the passphrase opened.
    pub slot: SlotId,
    pub label: Option<SlotLabel>,
    pub counts: Counts,
    pub(super) file: File,
    pub(super) header: Vec<u8>,
    pub(super) loaded: Loaded,
    pub(super) digest: [u8; 32],
}

impl BackupFile {
    /// Opens the file and reads its head.
    pub fn open(path: &Path) -> Result<Self, VaultError> {
        let file = open_file(path)?;
        let again = file.try_clone().map_err(BackupError::from)?;
        Ok(Self { file, closed: Closed::open(again)? })
    }

    /// Opens and checks all of it. Blocks, for one Argon2id for each slot tried and for reading everything.
    pub fn inspect(self, passphrase: &Plaintext) -> Result<Inspected, VaultError> {
        let Self { file, closed } = self;
        let made_at = time(closed.head.made_at)?;
        let (slot, keys) = closed.head.header.open(passphrase)?;
        let (vault, header) = (keys.vault(), closed.head.header.to_bytes());
        let backup_keys = keys.backup_keys(closed.head.salt());
        let (mut reader, manifest) = closed.unlock(backup_keys)?;
        let mut loading = Loading::begin(keys);
        while let Some((key, sealed)) = reader.record()? {
            loading.take(key, sealed)?;
        }
        let loaded = loading.finish()?;
        loaded.flaws.refuse()?;
        let at_its_head = loaded.registry.checkpoint.as_ref().is_some_and(|kept| {
            (kept.checkpoint.seq, &kept.checkpoint.mac) == (manifest.audit.seq, &manifest.audit.mac)
        });
        if !at_its_head {
            return Err(BackupError::Content("it isn't of the moment that it says").into());
        }
        let notes = loaded.registry.slots.as_ref().map(|kept| &kept.noun);
        let label = notes.and_then(|notes| notes.of(slot)).and_then(|note| note.label.clone());
        let (counts, digest) = (reader.counts().clone(), reader.digest());
        Ok(Inspected { vault, made_at, manifest, slot, label, counts, file, header, loaded, digest })
    }
}

impl Inspected {
    /// The callers that are active in it, by name.
    pub fn active_callers(&self) -> impl Iterator<Item = &Arc<Caller>> {
        self.loaded.registry.callers.values().map(|kept| &kept.noun).filter(|caller| caller.is_active())
    }

    /// Whether it knows the caller as one that was revoked.
    pub fn is_revoked(&self, name: &CallerName) -> bool {
        self.loaded.registry.callers.get(name).is_some_and(|kept| !kept.noun.is_active())
    }

    /// The file from its beginning once more.
    pub(super) fn again(&self) -> Result<Closed<File>, VaultError> {
        let mut file = self.file.try_clone().map_err(BackupError::from)?;
        file.seek(SeekFrom::Start(0)).map_err(BackupError::from)?;
        Ok(Closed::open(file)?)
    }
}

fn time(seconds: u64) -> Result<Timestamp, VaultError> {
    let told = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    Ok(told.ok_or(BackupError::NotABackup)?)
}
