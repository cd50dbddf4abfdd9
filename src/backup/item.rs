//! What the frames hold, one after another: items.
//!
//! ```text
//! kind (1) ‖ bytes n (4) ‖ body (n)
//!    1  manifest, once and first: JSON
//!    2  record: its store key (33) ‖ the record as it lies in the store; ascending by store key
//!    3  end, once and last: JSON
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::BackupError;
use crate::keys::{Sealed, StoreKey};

pub(super) const MANIFEST: u8 = 1;
pub(super) const RECORD: u8 = 2;
pub(super) const END: u8 = 3;
/// Bytes before the body.
pub(super) const START: usize = 5;
/// Bytes of a body: far above the largest record, whose value came in a request of at most 8 MiB.
pub(super) const LONGEST: usize = 16 << 20;

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The release that made it.
    pub program: String,
    /// The operator who asked for it, or `daemon`.
    pub made_by: String,
    /// Whether it opens with a passphrase of its own instead of the vault's.
    pub own_passphrase: bool,
    /// Where the audit log ended.
    pub audit: LogHead,
}

/// A line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogHead {
    pub seq: u64,
    /// 64 hex digits.
    pub mac: String,
}

/// How many records there are of each kind, by the kind's word.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    pub records: BTreeMap<String, u64>,
}

impl Counts {
    pub(super) fn add(&mut self, key: &StoreKey) {
        *self.records.entry(key.kind().word().to_owned()).or_default() += 1;
    }
}

/// An item that was read.
pub(super) enum Item {
    Manifest(Manifest),
    Record(StoreKey, Sealed),
    End(Counts),
}

/// The start of an item.
pub(super) fn start(kind: u8, length: usize) -> [u8; START] {
    let mut bytes = [kind; START];
    let length = u32::try_from(length).expect("no body is longer than LONGEST");
    bytes[1..].copy_from_slice(&length.to_be_bytes());
    bytes
}

/// Kind and length of the item that begins so.
pub(super) fn parse_start(bytes: [u8; START]) -> Result<(u8, usize), BackupError> {
    let length = u32::from_be_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]) as usize;
    if length > LONGEST {
        return Err(BackupError::Content("an item is too long"));
    }
    Ok((bytes[0], length))
}

pub(super) fn parse(kind: u8, body: &[u8]) -> Result<Item, BackupError> {
    const SHORT: BackupError = BackupError::Content("a record has no store key");
    let json = |_| BackupError::Content("its manifest or its end can't be read");
    match kind {
        MANIFEST => serde_json::from_slice(body).map(Item::Manifest).map_err(json),
        RECORD => {
            let (key, sealed) = body.split_first_chunk::<{ StoreKey::LEN }>().ok_or(SHORT)?;
            let key = StoreKey::from_bytes(key).ok_or(BackupError::Content("a record of an unknown kind"))?;
            Ok(Item::Record(key, Sealed::from_store(sealed)))
        }
        END => serde_json::from_slice(body).map(Item::End).map_err(json),
        _ => Err(BackupError::Content("an item of an unknown kind")),
    }
}
