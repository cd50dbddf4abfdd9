//! The head of a backup, in the clear: what it takes to find the keys.
//!
//! ```text
//! offset  bytes  what
//!      0      4  "FSMB"
//!      4      1  format, 1
//!      5      8  when it was made: seconds since 1970-01-01T00:00:00Z
//!     13     32  salt of its keys, random for each backup
//!     45      2  bytes of the header
//!     47      n  a header of the vault, whose slots open the backup
//! ```
//!
//! Every frame has the whole head as its AAD, so that none of it can be exchanged.

use std::io::Read;

use super::error::BackupError;
use crate::crypto::{self, Failed, SALT_LEN};
use crate::keys::Header;

const MAGIC: &[u8; 4] = b"FSMB";
/// Number of the format.
pub const FORMAT: u8 = 1;
/// Bytes before the header.
pub(super) const FIXED: usize = 47;
/// More than a header with all its slots takes.
const LONGEST_HEADER: usize = 4096;

/// A parsed head.
pub struct Head {
    /// Seconds since 1970.
    pub made_at: u64,
    pub(super) salt: [u8; SALT_LEN],
    pub header: Header,
    /// As it lies in the file.
    pub(super) bytes: Vec<u8>,
}

impl Head {
    /// The head of a new backup, with a salt of its own.
    pub fn new(made_at: u64, header: &[u8]) -> Result<Self, BackupError> {
        let mut salt = [0; SALT_LEN];
        crypto::fill(&mut salt)?;
        let length = u16::try_from(header.len()).map_err(|_| Failed)?;
        let mut bytes = Vec::with_capacity(FIXED + header.len());
        bytes.extend_from_slice(MAGIC);
        bytes.push(FORMAT);
        bytes.extend_from_slice(&made_at.to_be_bytes());
        bytes.extend_from_slice(&salt);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(header);
        Ok(Self { made_at, salt, header: Header::parse(header)?, bytes })
    }

    /// The salt of the backup's keys.
    pub fn salt(&self) -> &[u8; SALT_LEN] {
        &self.salt
    }

    /// Reads a head. What costs an Argon2id is judged before anything is computed.
    pub(super) fn read(input: &mut impl Read) -> Result<Self, BackupError> {
        let mut bytes = Vec::with_capacity(FIXED);
        input.take(FIXED as u64).read_to_end(&mut bytes)?;
        let length = header_length(&bytes)?.ok_or(BackupError::CutShort(0))?;
        input.take(length as u64).read_to_end(&mut bytes)?;
        if bytes.len() < FIXED + length {
            return Err(BackupError::CutShort(0));
        }
        let header = Header::parse(&bytes[FIXED..])?;
        let made_at = u64::from_be_bytes(bytes[5..13].try_into().map_err(|_| Failed)?);
        let salt = bytes[13..13 + SALT_LEN].try_into().map_err(|_| Failed)?;
        Ok(Self { made_at, salt, header, bytes })
    }
}

/// How long the header is of which this is the beginning; None: it takes more bytes to tell.
pub(super) fn header_length(bytes: &[u8]) -> Result<Option<usize>, BackupError> {
    let known = bytes.len().min(MAGIC.len());
    if bytes[..known] != MAGIC[..known] || bytes.is_empty() {
        return Err(BackupError::NotABackup);
    }
    match bytes.get(4) {
        Some(&FORMAT) | None => {}
        Some(0) => return Err(BackupError::NotABackup),
        Some(&other) => return Err(BackupError::Format(other)),
    }
    let Some(length) = bytes.get(FIXED - 2..FIXED) else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
    if length > LONGEST_HEADER {
        return Err(BackupError::NotABackup);
    }
    Ok(Some(length))
}
