//! The open database: opening it, making writes durable, closing it.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use ::sled::Db;
use rustix::fs::{FlockOperation, flock, fstatvfs};

use super::entries::Staged;
use super::{Batch, Damage, StoreError};

/// Bytes of sled's page cache; records themselves are held by whoever read them, and what is large is read so rarely
/// that the kernel's cache will do. It holds leaves of the tree as they were written, and some 20 MiB besides that no
/// setting bounds at 100,000 secrets.
const CACHE: u64 = 4 * 1024 * 1024;

/// Free bytes that no write may go below: once sled has met a full disk, it reads no more either.
const FLOOR: u64 = 16 * 1024 * 1024;

/// Readers share it, a commit has it alone: nobody sees half a batch, or one that a power cut could take back.
pub(super) struct Disk {
    /// None once closed.
    db: RwLock<Option<Db>>,
    /// sled's file `db`, opened once more.
    file: File,
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
        // No timer: `write` alone decides when sled flushes.
        let config = ::sled::Config::new()
            .path(dir)
            .mode(::sled::Mode::LowSpace)
            .cache_capacity(CACHE)
            .flush_every_ms(None)
            .use_compression(false);
        let db = guarded(|| config.open())??;
        let file = File::open(dir.join("db"))?;
        // sled leaves its configuration and the names of its files to chance.
        File::open(dir.join("conf"))?.sync_all()?;
        file.sync_all()?;
        File::open(dir)?.sync_all()?;
        Ok(Self { db: RwLock::new(Some(db)), file })
    }

    /// Lends the database to a reader. Blocks while a commit is under way.
    pub(super) fn lend<T>(&self, read: impl FnOnce(&Db) -> Result<T, StoreError>) -> Result<T, StoreError> {
        // Poisoned: a commit panicked, and what the database holds is unknown.
        let db = self.db.read().map_err(|_| StoreError::Closed)?;
        read(db.as_ref().ok_or(StoreError::Closed)?)
    }

    /// Writes all batches whose expectations hold, as one, and makes them durable; an answer for each, in order.
    /// Closes the database if writing fails.
    pub(super) fn commit<'a>(
        &self,
        batches: impl ExactSizeIterator<Item = &'a Batch>,
    ) -> Vec<Result<(), StoreError>> {
        let count = batches.len();
        let refused = |error: StoreError| (0..count).map(|_| Err(error.again())).collect();
        let Ok(mut held) = self.db.write() else { return refused(StoreError::Closed) };
        let Some(db) = held.as_ref() else { return refused(StoreError::Closed) };
        let free = match self.free() {
            Ok(free) => free,
            Err(error) => return refused(error.into()),
        };
        let mut staged = Staged::new(db);
        let mut take_in = |batch| admit(batch, staged.bytes(), free).and_then(|()| staged.add(batch));
        let answers: Vec<_> = batches.map(&mut take_in).collect();
        if staged.is_empty() {
            return answers;
        }
        let Err(error) = self.write(db, staged) else { return answers };
        let broken = held.take();
        drop(held);
        discard(broken);
        answers.into_iter().map(|answer| answer.and(Err(error.again()))).collect()
    }

    /// Apply, flush, fdatasync. sled's flush only asks the kernel to begin writing (`sync_file_range`): without
    /// the fdatasync a power cut destroys the store.
    fn write(&self, db: &Db, staged: Staged) -> Result<(), StoreError> {
        staged.apply()?;
        db.flush()?;
        Ok(self.file.sync_data()?)
    }

    /// Bytes that may still be written on this file system.
    fn free(&self) -> io::Result<u64> {
        let space = fstatvfs(&self.file)?;
        Ok(space.f_bavail.saturating_mul(space.f_frsize))
    }

    /// Closes the database; what comes later is answered `Closed`. Waits for readers.
    pub(super) fn close(&self) {
        let db = self.db.write().unwrap_or_else(PoisonError::into_inner).take();
        if db.is_none() {
            return;
        }
        discard(db);
        // sled's I/O threads keep the file, and so its lock, a moment longer; wait, so that it can be opened again.
        // Not for ever: another process may have been quicker.
        for _ in 0..1_000 {
            if flock(&self.file, FlockOperation::NonBlockingLockExclusive).is_ok() {
                // The lock goes with the file; an error would leave it there for as long.
                let _ = flock(&self.file, FlockOperation::Unlock);
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
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

/// sled panics on some damaged files, and where it can't sync while being dropped.
fn guarded<T>(act: impl FnOnce() -> T) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(act)).map_err(|_| Damage::Database.into())
}

fn discard(db: Option<Db>) {
    // Nothing can be done about an error here, and nothing acknowledged depends on it.
    let _ = guarded(|| drop(db));
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
