//! Whether a stream of bytes is a whole backup by its outline, for those who have no key: whoever fetches one.
//!
//! Tells that nothing is missing at the end and nothing follows it. That the bytes are what was written, only the keys
//! tell.

use super::error::BackupError;
use super::frame::{self, Start};
use super::head;
use crate::crypto::MAC_LEN;

/// What comes next, and how many bytes of it are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Head,
    Header(usize),
    Start,
    Sealed { left: usize, is_last: bool },
    Digest(usize),
    Over,
}

/// Follows a backup as it comes, in pieces of any size. Keeps a few dozen bytes.
pub struct Outline {
    next: Next,
    /// The beginning of a head or of a frame, until it is whole.
    kept: Vec<u8>,
    frames: u64,
}

impl Default for Outline {
    fn default() -> Self {
        Self { next: Next::Head, kept: Vec::new(), frames: 0 }
    }
}

impl Outline {
    /// Takes the next bytes.
    pub fn take(&mut self, mut bytes: &[u8]) -> Result<(), BackupError> {
        while !bytes.is_empty() {
            match self.next {
                Next::Head => {
                    if self.keep(&mut bytes, head::FIXED)? {
                        let length = head::header_length(&self.kept)?;
                        self.next = Next::Header(length.ok_or(BackupError::NotABackup)?);
                        self.kept.clear();
                    }
                }
                Next::Start => {
                    if self.keep(&mut bytes, frame::START)? {
                        let start = self.kept.as_slice().try_into().expect("kept to this length");
                        let start = Start::parse(start, self.frames)?;
                        self.next = Next::Sealed { left: start.sealed(), is_last: start.is_last };
                        self.kept.clear();
                    }
                }
                Next::Header(left) => {
                    self.next = match skip(&mut bytes, left) {
                        0 => Next::Start,
                        left => Next::Header(left),
                    }
                }
                Next::Sealed { left, is_last } => match (skip(&mut bytes, left), is_last) {
                    (0, false) => (self.next, self.frames) = (Next::Start, self.frames + 1),
                    (0, true) => (self.next, self.frames) = (Next::Digest(MAC_LEN), self.frames + 1),
                    (left, is_last) => self.next = Next::Sealed { left, is_last },
                },
                Next::Digest(left) => {
                    self.next = match skip(&mut bytes, left) {
                        0 => Next::Over,
                        left => Next::Digest(left),
                    }
                }
                Next::Over => return Err(BackupError::Trailing),
            }
        }
        Ok(())
    }

    /// Whether all of it has come.
    pub fn end(self) -> Result<(), BackupError> {
        match self.next {
            Next::Over => Ok(()),
            _ => Err(BackupError::CutShort(self.frames)),
        }
    }

    /// Whether so many bytes are kept now.
    fn keep(&mut self, bytes: &mut &[u8], length: usize) -> Result<bool, BackupError> {
        let (taken, rest) = bytes.split_at(bytes.len().min(length - self.kept.len()));
        self.kept.extend_from_slice(taken);
        *bytes = rest;
        if self.next == Next::Head {
            head::header_length(&self.kept)?;
        }
        Ok(self.kept.len() == length)
    }
}

/// Passes over at most `left` bytes: how many are left then.
fn skip(bytes: &mut &[u8], left: usize) -> usize {
    let passed = bytes.len().min(left);
    *bytes = &bytes[passed..];
    left - passed
}
