//! What goes wrong in a store, by whose fault it is.

use std::io;
use std::path::PathBuf;

use crate::keys::StoreKey;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The caller's: an expectation of the batch did not hold. Nothing was written.
    #[error("the record was changed by another in the meantime")]
    Conflict,
    /// The disk's: no space left. Mostly noticed beforehand; then nothing was written and the store stays open.
    #[error("no space left for the store")]
    Full,
    /// The operator's: another process, or another store in this one, holds the directory.
    #[error("the store is in use by another process")]
    InUse,
    #[error("the store is damaged: {0}")]
    Damaged(#[from] Damage),
    #[error("the store can't be read or written: {0}")]
    Io(#[source] io::Error),
    /// After a failed write the store is closed, because what the disk holds is unknown until it is opened again.
    #[error(
        "the store is closed after a failed write; it is opened again as soon as its disk can be written"
    )]
    Closed,
}

/// What is damaged. Names places, never content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// Below the records: sled's own files.
    #[error("the database files under it don't hold together")]
    Database,
    /// One of them, larger than the database makes it: most of it is a hole that somebody else made.
    #[error("{} has {bytes} bytes, and the database never makes it larger than {limit}", path.display())]
    TooLarge { path: PathBuf, bytes: u64, limit: u64 },
    #[error("header: {0}")]
    Header(Fault),
    #[error("record {}: {}", hex(.0), .1)]
    Record(StoreKey, Fault),
    /// No record of this program lies under such a key.
    #[error("an entry has a foreign key of {length} bytes (first byte {first:?})")]
    ForeignKey { first: Option<u8>, length: usize },
}

/// What is wrong with the entries of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("its head is malformed")]
    Head,
    #[error("piece {0} is missing")]
    MissingPiece(u32),
    #[error("piece {0} has the wrong length")]
    PieceLength(u32),
    #[error("piece {0} belongs to nothing")]
    StrayPiece(u32),
}

fn hex(key: &StoreKey) -> String {
    key.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl StoreError {
    /// The same answer for one more of those who waited for one write.
    pub(super) fn again(&self) -> Self {
        match self {
            Self::Conflict => Self::Conflict,
            Self::Full => Self::Full,
            Self::InUse => Self::InUse,
            Self::Damaged(damage) => Self::Damaged(damage.clone()),
            Self::Io(error) => Self::Io(match error.raw_os_error() {
                Some(number) => io::Error::from_raw_os_error(number),
                None => io::Error::new(error.kind(), error.to_string()),
            }),
            Self::Closed => Self::Closed,
        }
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            // Something else lies where a file was, or the file ends too early.
            io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory | io::ErrorKind::UnexpectedEof => {
                Self::Damaged(Damage::Database)
            }
            _ => Self::Io(error),
        }
    }
}

impl From<::sled::Error> for StoreError {
    fn from(error: ::sled::Error) -> Self {
        match error {
            // The release is pinned: what seems to be another one's file is a bent one of this one's.
            ::sled::Error::Corruption { .. }
            | ::sled::Error::Unsupported(_)
            | ::sled::Error::ReportableBug(_) => Self::Damaged(Damage::Database),
            // The release is pinned, and a test holds this sentence; sled has no kind for it.
            ::sled::Error::Io(error) if error.to_string().starts_with("could not acquire lock") => {
                Self::InUse
            }
            other => io::Error::from(other).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_other_failures() {
        for (number, full) in [(28, true), (122, true), (5, false), (30, false)] {
            let error = StoreError::from(io::Error::from_raw_os_error(number));
            assert_eq!(matches!(error, StoreError::Full), full, "errno {number}");
            let error = StoreError::from(::sled::Error::Io(io::Error::from_raw_os_error(number)));
            assert_eq!(matches!(error.again(), StoreError::Full), full, "errno {number} through sled");
        }
    }

    #[test]
    fn what_no_disk_does_is_damage() {
        for number in [libc::EISDIR, libc::ENOTDIR] {
            let error = StoreError::from(io::Error::from_raw_os_error(number));
            assert!(matches!(error, StoreError::Damaged(Damage::Database)), "errno {number}");
        }
        let error = StoreError::from(::sled::Error::Unsupported("an earlier version".to_owned()));
        assert!(matches!(error, StoreError::Damaged(Damage::Database)));
    }

    #[test]
    fn damage_names_the_place() {
        let key = StoreKey::from_bytes(&[2; StoreKey::LEN]).unwrap();
        let error = StoreError::from(Damage::Record(key, Fault::MissingPiece(3)));
        let place = format!("the store is damaged: record {}: piece 3 is missing", "02".repeat(33));
        assert_eq!(error.to_string(), place);
    }
}
