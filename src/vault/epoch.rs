//! Whether the store is the newest one: its epoch against what the audit log and a file beside the store know.
//!
//! ```text
//! file `epoch`      audit log, after the        what it means
//!                   checkpoint's line
//! newer             any                         an older store was put back: refused
//! any               of a change newer than the  the same
//!                   store's next one
//! gone or foreign   any                         refused, where the store remembers that there was one
//! any               has retired the checkpoint  the same
//!                   line's segment, goes on under
//!                   another root key, is a
//!                   restored vault's, or has no
//!                   line of this store's
//! the same          nothing, or the next epoch  all is well; or a crash between a change's entry and its commit
//! older             likewise                    all is well: a power cut, or the file was put back alone
//! ```
//!
//! The file is written after each commit, without a sync: a power cut may leave an older one, never one that is newer than
//! the store, whose commit was on the disk before. It keeps its size, so that its bytes are the old ones or the new ones;
//! only its making is synced, and comes before the first commit: a store that remembers the file has it. Its key goes with the
//! root key: before a rekey's stores change places, the file `epoch.next` is made for the new one, and renamed over the other
//! afterwards, before anything is written to that; whichever of the two belongs to the keys is believed.
//!
//! An older store that was accepted goes on two above the highest epoch that anything told of: then each witness alone tells the
//! newer one, should it come back, from a crash. Putting back the whole data directory leaves all three as they agree: only what left the host
//! (the epoch stands in every unsealing's entry) tells of that.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::error::VaultError;
use super::lifecycle::shown;
use super::registry::Registry;
use super::rollback::Age;
use crate::audit::{Ahead, Passed};
use crate::identity::typed;
use crate::keys::{EPOCH_LEN, EPOCH_MOST, KeyRing, ToldEpoch};

/// The file beside the store.
pub(super) struct EpochFile(PathBuf);

/// What is known of how far the store had come.
pub(super) struct Witnesses {
    pub store: u64,
    pub filed: Filed,
    /// The newest that the log tells of.
    pub logged: Option<u64>,
    /// Why the log is a newer store's.
    pub passed: Option<Passed>,
    /// Whether this store was written by a daemon that wrote the file too.
    pub filed_before: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filed {
    Missing,
    /// This vault didn't write it.
    Foreign,
    Says(u64),
}

impl Filed {
    fn is_own(self) -> bool {
        matches!(self, Self::Says(_))
    }
}

impl Witnesses {
    /// Of a store whose records were read; no log where that couldn't be.
    pub fn of(registry: &Registry, filed: Filed, filed_before: bool, log: Option<&Ahead>) -> Self {
        Self {
            store: registry.epoch(),
            filed,
            logged: log.and_then(|ahead| ahead.epoch),
            passed: log.and_then(|ahead| ahead.passed(registry.past.lines_before)),
            filed_before,
        }
    }

    /// None: nothing says that there is a newer store.
    pub fn judge(&self) -> Option<Age> {
        let Self { store, filed, logged, passed, filed_before } = *self;
        let older = |witness, by| Some(Age::Older { witness, by });
        match (filed, logged, passed) {
            (Filed::Says(filed), ..) if filed > store => older(filed, "the file epoch"),
            (_, Some(logged), _) if logged > store.saturating_add(1) => older(logged, "the audit log"),
            (.., Some(passed)) => Some(Age::Passed(passed)),
            (Filed::Missing, ..) if filed_before => Some(Age::Unknown { why: "the file epoch is gone" }),
            (Filed::Foreign, ..) if filed_before => {
                Some(Age::Unknown { why: "the file epoch isn't this vault's" })
            }
            _ => None,
        }
    }

    /// The highest epoch that anything tells of.
    pub fn highest(&self) -> u64 {
        let filed = if let Filed::Says(filed) = self.filed { filed } else { 0 };
        self.store.max(filed).max(self.logged.unwrap_or(0))
    }
}

impl EpochFile {
    pub fn at(path: PathBuf) -> Self {
        Self(path)
    }

    pub fn read(&self, keys: &KeyRing) -> Result<Filed, VaultError> {
        self.refuse_directory()?;
        let found = Self::looked_at(&self.0, keys)?;
        for other in [self.next(), self.before()] {
            if found.is_own() {
                break;
            }
            let other = Self::looked_at(&other, keys)?;
            if other.is_own() {
                return Ok(other);
            }
        }
        Ok(found)
    }

    /// Nothing can be put in its place, whatever is accepted.
    fn refuse_directory(&self) -> Result<(), VaultError> {
        if !is_directory(&self.0) {
            return Ok(());
        }
        Err(VaultError::Conflict(format!(
            "{} is a directory, and the vault keeps a file there: move it away: mv {} SOMEWHERE, and put back the newest copy of \
             the file, if there is one",
            shown(&self.0),
            typed(&self.0)
        )))
    }

    fn looked_at(path: &Path, keys: &KeyRing) -> Result<Filed, VaultError> {
        let bytes = match Self::read_at(path) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(Filed::Foreign),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Filed::Missing),
            Err(source) => return Err(VaultError::File { path: shown(path), source }),
        };
        match keys.told_epoch(&bytes) {
            ToldEpoch::Says(epoch) => Ok(Filed::Says(epoch)),
            ToldEpoch::Newer(format) => Err(VaultError::newer("the file epoch", format)),
            ToldEpoch::Foreign => Ok(Filed::Foreign),
        }
    }

    /// None: it is nothing that this program writes.
    fn read_at(path: &Path) -> io::Result<Option<Vec<u8>>> {
        let mut file = match open(path, OpenOptions::new().read(true)) {
            Err(error) if error.raw_os_error() == Some(libc::ELOOP) => return Ok(None),
            file => file?,
        };
        if !file.metadata()?.is_file() {
            return Ok(None);
        }
        let mut bytes = Vec::with_capacity(EPOCH_LEN + 1);
        file.by_ref().take(EPOCH_MOST as u64).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// In place where there is one; some microseconds.
    pub fn write(&self, told: &[u8; EPOCH_LEN]) -> io::Result<()> {
        match open(&self.0, OpenOptions::new().write(true)) {
            Ok(file)
                if file.metadata().is_ok_and(|found| found.is_file() && found.len() == EPOCH_LEN as u64) =>
            {
                file.write_all_at(told, 0)
            }
            _ => make(&self.0, told),
        }
    }

    /// Where there is none of these keys, before the store is written: on the disk when it returns.
    pub fn place(&self, keys: &KeyRing, epoch: u64) -> Result<(), VaultError> {
        let placed = make(&self.0, &keys.tell_epoch(epoch));
        placed.map_err(|source| VaultError::File { path: shown(&self.0), source })
    }

    /// The same for a store that is being accepted. A file of other keys, the newest store's perhaps, is kept beside it until
    /// [`Self::keep_placed`] or [`Self::withdraw`].
    pub fn place_instead(&self, keys: &KeyRing, epoch: u64) -> Result<(), VaultError> {
        if Self::looked_at(&self.0, keys)? == Filed::Foreign {
            let kept = gone(std::fs::rename(&self.0, self.before()));
            kept.map_err(|source| VaultError::File { path: shown(&self.0), source })?;
        }
        self.place(keys, epoch).inspect_err(|_| self.withdraw())
    }

    /// Takes away what was placed for nothing, and puts back what was kept. What can't be taken away says too much: the store
    /// is refused, as it was.
    pub fn withdraw(&self) {
        let gone = match std::fs::rename(self.before(), &self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => gone(std::fs::remove_file(&self.0)),
            back => back,
        };
        if let Err(error) = gone {
            tracing::error!(error = %error, path = %shown(&self.0), "can't be taken back");
        }
    }

    /// What was kept is of no more use.
    pub fn keep_placed(&self) {
        if let Err(error) = gone(std::fs::remove_file(self.before())) {
            tracing::error!(error = %error, path = %shown(&self.before()), "can't be removed");
        }
    }

    /// For the keys that come with the next store.
    pub fn write_next(&self, keys: &KeyRing, epoch: u64) -> io::Result<()> {
        make(&self.next(), &keys.tell_epoch(epoch))
    }

    /// Once the store is the one of its keys. Whichever of the two names it has, it is found, so nothing need be synced.
    pub fn take_next(&self) -> io::Result<()> {
        gone(std::fs::rename(self.next(), &self.0))
    }

    /// What a rekey or an acceptance has left: taken where it belongs to the keys, or else of no more use.
    pub fn settle(&self, keys: &KeyRing) -> Result<(), VaultError> {
        for left in [self.next(), self.before()] {
            let settled = match Self::looked_at(&left, keys)? {
                Filed::Missing => Ok(()),
                Filed::Says(_) if left == self.before() && Self::looked_at(&self.0, keys)?.is_own() => {
                    cleared(&left)
                }
                Filed::Says(_) => gone(std::fs::rename(&left, &self.0)),
                Filed::Foreign => cleared(&left),
            };
            settled.map_err(|source| VaultError::File { path: shown(&left), source })?;
        }
        Ok(())
    }

    fn next(&self) -> PathBuf {
        self.0.with_extension("next")
    }

    /// Of a store in whose place an older one is being accepted.
    fn before(&self) -> PathBuf {
        self.0.with_extension("before")
    }
}

/// On the disk when it returns.
fn make(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("draft");
    cleared(&draft)?;
    let file = open(&draft, OpenOptions::new().write(true).create_new(true))?;
    let placed = file.write_all_at(bytes, 0).and_then(|()| file.sync_all());
    if let Err(error) = placed.and_then(|()| std::fs::rename(&draft, path)) {
        let _ = std::fs::remove_file(&draft);
        return Err(error);
    }
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// Removes what is in a file's way. A directory there is somebody's.
fn cleared(path: &Path) -> io::Result<()> {
    gone(std::fs::remove_file(path)).map_err(|error| {
        if !is_directory(path) {
            return error;
        }
        let (path, kind) = (typed(path), error.kind());
        io::Error::new(kind, format!("a directory is in the way, move it away: mv {path} SOMEWHERE"))
    })
}

fn is_directory(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn open(path: &Path, how: &mut OpenOptions) -> io::Result<File> {
    how.mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_store_is_refused_and_a_crash_is_not() {
        use Filed::{Foreign, Missing, Says};
        // The store has been written ten times.
        for (filed, logged, filed_before, fine) in [
            (Says(10), None, true, true),
            (Says(10), Some(10), true, true),
            // The entry of a change that a crash kept from being made.
            (Says(10), Some(11), true, true),
            (Says(10), Some(12), true, false),
            (Says(11), None, true, false),
            (Says(11), Some(11), true, false),
            (Says(u64::MAX), None, false, false),
            // After a power cut.
            (Says(9), None, true, true),
            (Says(0), Some(11), true, true),
            (Says(9), Some(12), true, false),
            (Missing, None, true, false),
            (Missing, Some(12), true, false),
            (Missing, None, false, true),
            (Missing, Some(12), false, false),
            (Foreign, None, true, false),
            (Foreign, None, false, true),
        ] {
            let witnesses = Witnesses { store: 10, filed, logged, passed: None, filed_before };
            assert_eq!(witnesses.judge().is_none(), fine, "{filed:?} {logged:?} {filed_before}");
            assert!(Witnesses { passed: Some(Passed::Outrun), ..witnesses }.judge().is_some());
        }
        let last = Witnesses {
            store: u64::MAX,
            filed: Missing,
            logged: Some(u64::MAX),
            passed: None,
            filed_before: false,
        };
        assert_eq!((last.judge(), last.highest()), (None, u64::MAX));
    }
}
