//! One frame of a backup.
//!
//! ```text
//! offset  bytes  what
//!      0      1  0: more frames follow; 1: the last one
//!      1      4  n, bytes of plaintext: 65,536 in every frame but the last, 1 to 65,536 in the last
//!      5      n  plaintext, encrypted under the backup's key
//!    5+n     16  tag
//! ```
//!
//! The nonce is the frame's number from 0 (11 bytes) and its first byte (1): a frame opens at its own place alone, and
//! only as what it says it is. Neither can frames be left out or swapped, nor can the last one come early or late.

use super::error::BackupError;
use crate::crypto::{NONCE_LEN, TAG_LEN};

/// Bytes of plaintext in a full frame.
pub(super) const FULL: usize = 65_536;
/// Bytes before the ciphertext.
pub(super) const START: usize = 5;

/// What stands before the ciphertext.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Start {
    pub is_last: bool,
    pub length: usize,
}

impl Start {
    pub fn to_bytes(self) -> [u8; START] {
        let mut bytes = [u8::from(self.is_last); START];
        let length = u32::try_from(self.length).expect("a frame is no longer than FULL");
        bytes[1..].copy_from_slice(&length.to_be_bytes());
        bytes
    }

    /// Reads the start of the frame with this number.
    pub fn parse(bytes: [u8; START], number: u64) -> Result<Self, BackupError> {
        let length = u32::from_be_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]) as usize;
        match (bytes[0], length) {
            (0, FULL) => Ok(Self { is_last: false, length }),
            (1, 1..=FULL) => Ok(Self { is_last: true, length }),
            _ => Err(BackupError::FrameLength(number)),
        }
    }

    /// Bytes that follow.
    pub fn sealed(self) -> usize {
        self.length + TAG_LEN
    }

    pub fn nonce(self, number: u64) -> [u8; NONCE_LEN] {
        let mut nonce = [0; NONCE_LEN];
        nonce[NONCE_LEN - 9..NONCE_LEN - 1].copy_from_slice(&number.to_be_bytes());
        nonce[NONCE_LEN - 1] = u8::from(self.is_last);
        nonce
    }
}
