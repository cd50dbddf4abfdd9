//! What is wrong with a backup, said so that its holder knows what to do.

use std::io;

use super::head::FORMAT;
use crate::crypto::Failed;
use crate::keys::HeaderError;

#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("this is no backup of fsm-vault")]
    NotABackup,
    #[error(
        "the backup has format {0}, and this program reads format {FORMAT}: install fsm-vault {0}.0 or newer"
    )]
    Format(u8),
    #[error("its copy of the vault's header: {0}")]
    Header(#[from] HeaderError),
    /// The file ends before its end.
    #[error("it was cut short: it ends after {0} whole frames, before its end")]
    CutShort(u64),
    /// No frame of this length is written at this place.
    #[error("frame {0} has no possible length: the file was changed")]
    FrameLength(u64),
    #[error("frame {0} doesn't open: the file was changed, or its parts were put together from several")]
    Frame(u64),
    #[error("something follows its end: the file was changed")]
    Trailing,
    #[error("its digest is another one's: the file was changed")]
    Digest,
    /// It was sealed so: whoever wrote it had the keys, or a fault.
    #[error("what is inside it isn't in order: {0}")]
    Content(&'static str),
    #[error("it can't be read: {0}")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Crypto(#[from] Failed),
}
