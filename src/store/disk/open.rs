//! The database while it is open: opened where there is room, written to durably, closed in order.

use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::thread;
use std::time::Duration;

use ::sled::Db;
use rustix::fs::{Advice, FlockOperation, fadvise, flock, fstatvfs, statvfs};

use super::super::ballast::{self, BALLAST};
use super::super::entries::Staged;
use super::super::{Damage, StoreError};
use super::files::{look_at_files, look_at_sizes, sweep};

/// Bytes of sled's page cache; records themselves are held by whoever read them, and what is large is read so rarely
/// that the kernel's cache will do. It holds leaves of the tree as they were written, and some 20 MiB besides that no
/// setting bounds at 100,000 secrets.
const CACHE: u64 = 4 * 1024 * 1024;

/// sled's database, and its file `db` once more.
pub(super) struct Open {
    pub db: Db,
    file: File,
}

impl Open {
    /// Opens the database; where the disk is too full for that, at the ballast's cost.
    pub fn wherever_room_is(dir: &Path) -> Result<Self, StoreError> {
        let failure = match Self::at(dir) {
            Err(error)
                if !matches!(error, StoreError::InUse) && room(dir).is_ok_and(|free| free < BALLAST) =>
            {
                error
            }
            other => return other,
        };
        if !ballast::give_up(dir) {
            // sled has no word of its own for it, and may have panicked.
            return Err(if matches!(failure, StoreError::Damaged(_)) { StoreError::Full } else { failure });
        }
        tracing::warn!("the store's disk is full; its reserve was given up to open it");
        Self::at(dir)
    }

    fn at(dir: &Path) -> Result<Self, StoreError> {
        // No timer: `write` alone decides when sled flushes.
        let config = ::sled::Config::new()
            .path(dir)
            .mode(::sled::Mode::LowSpace)
            .cache_capacity(CACHE)
            .flush_every_ms(None)
            .use_compression(false);
        failpoint!("store.open", io);
        look_at_files(dir)?;
        sweep(dir)?;
        look_at_sizes(dir)?;
        let db = guarded(|| config.open())??;
        let file = File::open(dir.join("db"))?;
        // sled leaves its configuration and the names of its files to chance.
        File::open(dir.join("conf"))?.sync_all()?;
        file.sync_all()?;
        File::open(dir)?.sync_all()?;
        Ok(Self { db, file })
    }

    /// Apply, flush, fdatasync. sled's flush only asks the kernel to begin writing (`sync_file_range`): without
    /// the fdatasync a power cut destroys the store.
    pub fn write(&self, staged: Staged) -> Result<(), StoreError> {
        failpoint!("store.apply", io);
        staged.apply()?;
        failpoint!("store.flush", io);
        self.db.flush()?;
        failpoint!("store.sync", io);
        self.file.sync_data()?;
        failpoint!("store.synced", io);
        Ok(())
    }

    /// Bytes that may still be written on this file system.
    pub fn free(&self) -> io::Result<u64> {
        let space = fstatvfs(&self.file)?;
        Ok(space.f_bavail.saturating_mul(space.f_frsize))
    }

    /// Ends the database. sled's I/O threads keep the file, and so its lock, a moment longer; waits for them, so that
    /// it can be opened again. Not for ever: another process may have been quicker.
    pub fn close(self) {
        let Self { db, file } = self;
        discard(db);
        for _ in 0..1_000 {
            if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
                // What could not be written is clean to the kernel, and only in its memory: what is read from now on comes
                // from the disk.
                let _ = fadvise(&file, 0, None, Advice::DontNeed);
                // The lock goes with the file; an error would leave it there for as long.
                let _ = flock(&file, FlockOperation::Unlock);
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Bytes that may still be written below this directory.
pub(super) fn room(dir: &Path) -> io::Result<u64> {
    let space = statvfs(dir)?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

/// sled panics on some damaged files, and where it can't sync while being dropped.
fn guarded<T>(act: impl FnOnce() -> T) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(act)).map_err(|_| Damage::Database.into())
}

fn discard(db: Db) {
    // Nothing can be done about an error here, and nothing acknowledged depends on it.
    let _ = guarded(|| drop(db));
}
