//! The open database: opening it, making writes durable, closing it, and opening it again after a failed write.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, RwLockWriteGuard};

use ::sled::Db;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::ballast::{self, BALLAST};
use super::entries::Staged;
use super::{Batch, StoreError};

mod files;
mod open;

pub(super) use files::foreign_in;
use open::{Open, room};

/// Free bytes that no write may go below: once sled has met a full disk, it reads no more either.
const FLOOR: u64 = 16 * 1024 * 1024;

/// Readers share it, a commit has it alone: nobody sees half a batch, or one that a power cut could take back.
pub(super) struct Disk {
    /// Where the files are: they may be moved.
    dir: Mutex<PathBuf>,
    /// The directory's lock, until it is closed: sled's own is gone while a failed database is shut.
    held: Mutex<Option<File>>,
    /// None once closed, and from a failed write until it is opened again.
    open: RwLock<Option<Open>>,
    /// A write failed, and it was not opened since.
    failed: AtomicBool,
    /// Whether the ballast is there.
    ballast: AtomicBool,
    /// One opens it at a time.
    opening: Mutex<()>,
}

impl Disk {
    /// Makes the directory where it is missing, for its owner alone.
    pub(super) fn create(dir: &Path) -> Result<Self, StoreError> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let disk = Self::start(dir)?;
        let parent = dir.canonicalize()?;
        if let Some(parent) = parent.parent() {
            File::open(parent)?.sync_all()?;
        }
        Ok(disk)
    }

    pub(super) fn open(dir: &Path) -> Result<Self, StoreError> {
        // sled makes what it doesn't find; a mistyped path must not become an empty vault.
        std::fs::metadata(dir.join("db"))?;
        Self::start(dir)
    }

    fn start(dir: &Path) -> Result<Self, StoreError> {
        let held = hold(dir)?;
        let open = Open::wherever_room_is(dir)?;
        let disk = Self {
            dir: Mutex::new(dir.to_owned()),
            held: Mutex::new(Some(held)),
            open: RwLock::new(Some(open)),
            failed: AtomicBool::new(false),
            ballast: AtomicBool::new(false),
            opening: Mutex::new(()),
        };
        disk.make_ballast();
        Ok(disk)
    }

    /// Lends the database to a reader. Blocks while a commit is under way.
    pub(super) fn lend<T>(&self, read: impl FnOnce(&Db) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        read(&open.as_ref().ok_or(StoreError::Closed)?.db)
    }

    /// Writes all batches whose expectations hold, as one, and makes them durable; an answer for each, in order.
    /// Closes the database if writing fails.
    pub(super) fn commit<'a>(
        &self,
        batches: impl ExactSizeIterator<Item = &'a Batch>,
    ) -> Vec<Result<(), StoreError>> {
        let count = batches.len();
        let refused = |error: StoreError| (0..count).map(|_| Err(error.again())).collect();
        let held = self.open.write().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = held.as_ref() else { return refused(StoreError::Closed) };
        let free = match open.free() {
            Ok(free) => free,
            Err(error) => return refused(error.into()),
        };
        let mut staged = Staged::new(&open.db);
        let mut take_in = |batch| admit(batch, staged.bytes(), free).and_then(|()| staged.add(batch));
        let answers: Vec<_> = batches.map(&mut take_in).collect();
        if staged.is_empty() {
            return answers;
        }
        // Where sled panics on a failing disk, what it has done is as unknown as after an error.
        let panicked = || Err(io::Error::other("the database stopped").into());
        let written = catch_unwind(AssertUnwindSafe(|| open.write(staged))).unwrap_or_else(|_| panicked());
        let Err(error) = written else {
            drop(held);
            self.make_ballast();
            return answers;
        };
        self.fail(held);
        answers.into_iter().map(|answer| answer.and(Err(error.again()))).collect()
    }

    /// Closes the database because a write failed, before any reader can look at what it wrote.
    fn fail(&self, mut held: RwLockWriteGuard<Option<Open>>) {
        self.failed.store(true, Ordering::SeqCst);
        let broken = held.take();
        drop(held);
        broken.into_iter().for_each(Open::close);
    }

    #[cfg(test)]
    pub(super) fn fail_now(&self) {
        self.fail(self.open.write().unwrap());
    }

    fn dir(&self) -> PathBuf {
        self.dir.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Somebody has moved the directory, with the database open: sled looks at paths only while it opens.
    pub(super) fn moved(&self, to: &Path) {
        to.clone_into(&mut self.dir.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }

    /// Opens the database anew after a failed write; does nothing otherwise. Blocks.
    pub(super) fn reopen(&self) -> Result<(), StoreError> {
        let _one = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.has_failed() {
            return Ok(());
        }
        let open = Open::wherever_room_is(&self.dir())?;
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = Some(open);
        self.failed.store(false, Ordering::SeqCst);
        self.make_ballast();
        Ok(())
    }

    /// Closes the database; what comes later is answered `Closed`. Waits for readers.
    pub(super) fn close(&self) {
        let open = self.open.write().unwrap_or_else(PoisonError::into_inner).take();
        open.into_iter().for_each(Open::close);
        self.held.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Has the ballast made, where it is missing and there is plenty of room.
    fn make_ballast(&self) {
        if self.ballast.load(Ordering::Relaxed) {
            return;
        }
        let dir = self.dir();
        let roomy = room(&dir).is_ok_and(|free| free >= FLOOR + 2 * BALLAST);
        self.ballast.store(roomy && ballast::make(&dir), Ordering::Relaxed);
    }
}

/// Locks the directory, wherever it is moved. [`StoreError::InUse`] if somebody else has it.
fn hold(dir: &Path) -> Result<File, StoreError> {
    let held = File::open(dir)?;
    match flock(&held, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => Err(StoreError::InUse),
        other => Ok(other.map(|()| held).map_err(io::Error::from)?),
    }
}

/// Full, if the batch would go below the floor. One that only takes away may use half of it, to make room.
fn admit(batch: &Batch, staged: usize, free: u64) -> Result<(), StoreError> {
    let needed = match batch.bytes() {
        0 => FLOOR / 2,
        // sled needs up to 1.75 times the bytes it is given.
        bytes => FLOOR.saturating_add(2 * (staged + bytes) as u64),
    };
    if free < needed { Err(StoreError::Full) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::super::Expect;
    use super::*;
    use crate::keys::{Sealed, StoreKey};

    #[test]
    fn writes_stop_above_the_floor_and_deletions_later() {
        let key = StoreKey::from_bytes(&[1; StoreKey::LEN]).unwrap();
        let put = Batch::new().put(key, Expect::Any, Sealed::from_store(vec![0; 967]));
        let delete = Batch::new().delete(key, Expect::Any);
        for (batch, staged, free, full) in [
            (&put, 0, FLOOR + 2_000, false),
            (&put, 0, FLOOR + 1_999, true),
            (&put, 1, FLOOR + 2_000, true),
            (&delete, 0, FLOOR, false),
            (&delete, 1_000_000, FLOOR / 2, false),
            (&delete, 0, FLOOR / 2 - 1, true),
            (&put, 0, 0, true),
        ] {
            let answer = admit(batch, staged, free);
            assert_eq!(matches!(answer, Err(StoreError::Full)), full, "staged {staged} free {free}");
        }
    }
}
