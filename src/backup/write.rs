//! Writing a backup: items go in, bytes come out as frames fill up.

use super::error::BackupError;
use super::frame::{FULL, Start};
use super::head::Head;
use super::item::{self, Counts, LONGEST, Manifest};
use crate::crypto::{Failed, Running};
use crate::keys::{BackupKeys, Sealed, StoreKey};

/// A backup that is being written. Holds at most one frame of what went in, and what hasn't been taken yet.
pub struct Writer {
    keys: BackupKeys,
    head: Vec<u8>,
    /// Not in a frame yet.
    items: Vec<u8>,
    /// Frames so far.
    frames: u64,
    digest: Running,
    counts: Counts,
    last: Option<StoreKey>,
    ready: Vec<u8>,
}

impl Writer {
    /// Begins with head and manifest. `keys` are those of the head's salt.
    pub fn begin(head: Head, keys: BackupKeys, manifest: &Manifest) -> Result<Self, BackupError> {
        let digest = keys.digest.begin();
        let mut writer = Self {
            keys,
            head: head.bytes,
            items: Vec::new(),
            frames: 0,
            digest,
            counts: Counts::default(),
            last: None,
            ready: Vec::new(),
        };
        writer.digest.add(&writer.head);
        writer.ready.extend_from_slice(&writer.head);
        writer.item(item::MANIFEST, &[&json(manifest)])?;
        Ok(writer)
    }

    /// Adds a record; they come in the order of their store keys.
    pub fn record(&mut self, key: StoreKey, sealed: &Sealed) -> Result<(), BackupError> {
        if self.last.replace(key).is_some_and(|last| last >= key) {
            return Err(BackupError::Content("a record comes out of its order"));
        }
        self.counts.add(&key);
        self.item(item::RECORD, &[&key.to_bytes(), sealed.as_bytes()])
    }

    /// The bytes that are ready by now.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.ready)
    }

    /// Ends it: the rest of its bytes.
    pub fn end(mut self) -> Result<Vec<u8>, BackupError> {
        let counts = json(&self.counts);
        self.item(item::END, &[&counts])?;
        let rest = std::mem::take(&mut self.items);
        self.seal(&rest, true)?;
        let digest = self.digest.end().into_public();
        self.ready.extend_from_slice(&digest);
        Ok(self.ready)
    }

    fn item(&mut self, kind: u8, parts: &[&[u8]]) -> Result<(), BackupError> {
        let length = parts.iter().map(|part| part.len()).sum();
        if length > LONGEST {
            return Err(BackupError::Content("an item is too long"));
        }
        self.items.extend_from_slice(&item::start(kind, length));
        parts.iter().for_each(|part| self.items.extend_from_slice(part));
        // One byte at least stays, so that the last frame is never empty.
        let full = (self.items.len() - 1) / FULL * FULL;
        if full > 0 {
            let items = std::mem::take(&mut self.items);
            items[..full].chunks_exact(FULL).try_for_each(|frame| self.seal(frame, false))?;
            self.items.extend_from_slice(&items[full..]);
        }
        Ok(())
    }

    fn seal(&mut self, items: &[u8], is_last: bool) -> Result<(), BackupError> {
        let start = Start { is_last, length: items.len() };
        let from = self.ready.len();
        self.ready.extend_from_slice(&start.to_bytes());
        self.keys.frames.seal_numbered(&mut self.ready, start.nonce(self.frames), &self.head, items)?;
        self.digest.add(&self.ready[from..]);
        self.frames = self.frames.checked_add(1).ok_or(Failed)?;
        Ok(())
    }
}

fn json(shape: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(shape).expect("manifest and counts have string keys and no failing serialiser")
}
