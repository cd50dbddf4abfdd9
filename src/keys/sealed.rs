//! One sealed record.
//!
//! ```text
//! offset  bytes  what
//!      0      1  format, 1
//!      1      1  kind
//!      2      8  revision, big-endian: 1 for the first write, then one more each time
//!     10     32  salt of the record's key
//!     42     12  nonce
//!     54      n  ciphertext
//!   54+n     16  tag
//! ```
//!
//! The AAD is `"fsm-vault record" ‖ vault id (16) ‖ format (1) ‖ kind (1) ‖ hash of the name (32) ‖ revision
//! (8)`: a record that was moved, renamed, copied from another vault or given another format or revision
//! doesn't open.

use super::header::VaultId;
use crate::crypto::{NONCE_LEN, SALT_LEN, TAG_LEN};
use crate::model::{CallerName, IntegrationName, NoticeId, SecretId};

/// The format of records, of the header and of the audit log.
pub const FORMAT: u8 = 1;

const SALT_AT: usize = 10;
const TEXT_AT: usize = SALT_AT + SALT_LEN;

/// What a record holds. The numbers are the format's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RecordKind {
    /// The local CA's key and certificate.
    Authority = 1,
    /// A secret's metadata.
    Secret = 2,
    /// The bytes of one version of a secret.
    Value = 3,
    Integration = 4,
    Caller = 5,
    /// The audit log's last known head.
    Checkpoint = 6,
    /// What is left of a deleted secret.
    Tombstone = 7,
    /// Who fetched a secret.
    Uses = 8,
    /// Up to which line of the audit log fetches are counted.
    UsesMark = 9,
    /// What was told of a notice.
    Notice = 10,
    /// Who made the key slots, and what for.
    Slots = 11,
    /// The audit chain's key of a root key that the vault had before.
    FormerChain = 12,
}

/// A record, by what it is rather than where it lies.
#[derive(Debug, Clone, Copy)]
pub enum RecordName<'a> {
    Authority,
    Secret(&'a SecretId),
    Value(&'a SecretId, u64),
    Integration(&'a IntegrationName),
    Caller(&'a CallerName),
    Checkpoint,
    Tombstone(&'a SecretId),
    Uses(&'a SecretId),
    UsesMark,
    Notice(&'a NoticeId),
    Slots,
    /// By the last segment of the log that was written with it.
    FormerChain(u32),
}

/// Where a record lies in the store: kind, then the keyed hash of its name. Shows no ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreKey {
    kind: RecordKind,
    hash: [u8; Self::HASH_LEN],
}

/// A record as it lies on disk.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(std::sync::Arc<[u8]>);

/// Why a record doesn't open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error("the record is damaged, was moved, or belongs to another vault")]
    Damaged,
    /// It is whole, for all that can be told, and a newer release sealed it.
    #[error(
        "the record has format {0}, and this program reads format {FORMAT}: install fsm-vault {0}.0 or newer"
    )]
    Format(u8),
}

pub(super) struct Parts<'a> {
    pub revision: u64,
    pub salt: &'a [u8],
    pub text: &'a [u8],
}

impl RecordKind {
    /// As a backup counts it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Authority => "authority",
            Self::Secret => "secret",
            Self::Value => "value",
            Self::Integration => "integration",
            Self::Caller => "caller",
            Self::Checkpoint => "checkpoint",
            Self::Tombstone => "tombstone",
            Self::Uses => "uses",
            Self::UsesMark => "uses_mark",
            Self::Notice => "notice",
            Self::Slots => "slots",
            Self::FormerChain => "former_chain",
        }
    }

    fn from_byte(byte: u8) -> Option<Self> {
        let all = [
            Self::Authority,
            Self::Secret,
            Self::Value,
            Self::Integration,
            Self::Caller,
            Self::Checkpoint,
            Self::Tombstone,
            Self::Uses,
            Self::UsesMark,
            Self::Notice,
            Self::Slots,
            Self::FormerChain,
        ];
        all.into_iter().find(|kind| *kind as u8 == byte)
    }
}

impl StoreKey {
    pub const HASH_LEN: usize = 32;
    /// Bytes of a key in the store.
    pub const LEN: usize = 1 + Self::HASH_LEN;

    pub(super) fn new(kind: RecordKind, hash: [u8; Self::HASH_LEN]) -> Self {
        Self { kind, hash }
    }

    pub fn kind(&self) -> RecordKind {
        self.kind
    }

    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [self.kind as u8; Self::LEN];
        bytes[1..].copy_from_slice(&self.hash);
        bytes
    }

    /// The key that these bytes are, unless the kind is unknown.
    pub fn from_bytes(bytes: &[u8; Self::LEN]) -> Option<Self> {
        let (kind, hash) = bytes.split_first()?;
        Some(Self { kind: RecordKind::from_byte(*kind)?, hash: hash.try_into().ok()? })
    }
}

impl Sealed {
    /// Takes bytes from the store as they are; opening them checks them.
    pub fn from_store(bytes: impl Into<std::sync::Arc<[u8]>>) -> Self {
        Self(bytes.into())
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The revision that the record claims; true once it has opened. None if it is too short to tell.
    pub fn revision(&self) -> Option<u64> {
        self.0.get(2..SALT_AT).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes)
    }

    /// The format that the record claims; None if there is no byte, or one that no release wrote.
    pub(super) fn format(&self) -> Option<u8> {
        self.0.first().copied().filter(|format| *format >= FORMAT)
    }

    /// The tag, which differs for each sealing; None if it is too short to have one.
    pub(super) fn tag(&self) -> Option<[u8; TAG_LEN]> {
        self.0.get(TEXT_AT..).and_then(|text| text.last_chunk()).copied()
    }

    pub(super) fn begin(kind: RecordKind, revision: u64, salt: &[u8; SALT_LEN], message: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(TEXT_AT + NONCE_LEN + message + TAG_LEN);
        bytes.extend_from_slice(&[FORMAT, kind as u8]);
        bytes.extend_from_slice(&revision.to_be_bytes());
        bytes.extend_from_slice(salt);
        bytes
    }

    pub(super) fn from_sealing(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }

    pub(super) fn aad(vault: VaultId, key: &StoreKey, revision: u64) -> [u8; 74] {
        let mut aad = [0; 74];
        aad[..16].copy_from_slice(b"fsm-vault record");
        aad[16..32].copy_from_slice(vault.as_bytes());
        aad[32] = FORMAT;
        aad[33..66].copy_from_slice(&key.to_bytes());
        aad[66..].copy_from_slice(&revision.to_be_bytes());
        aad
    }

    /// As of this format, whatever it claims.
    pub(super) fn parts(&self, key: &StoreKey) -> Result<Parts<'_>, OpenError> {
        if self.0.len() < TEXT_AT || self.0[1] != key.kind() as u8 {
            return Err(OpenError::Damaged);
        }
        Ok(Parts {
            revision: self.revision().ok_or(OpenError::Damaged)?,
            salt: &self.0[SALT_AT..TEXT_AT],
            text: &self.0[TEXT_AT..],
        })
    }
}
