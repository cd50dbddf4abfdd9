//! The open database: opening it, making writes durable, closing it, and opening it again after a failed write.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, RwLockWriteGuard};
use std::thread;
use std::time::Duration;

use ::sled::Db;
use rustix::fs::{Advice, FlockOperation, SeekFrom, fadvise, flock, fstatvfs, seek, statvfs};
use rustix::io::Errno;

use super::ballast::{self, BALLAST};
use super::entries::Staged;
use super::{Batch, Damage, StoreError};

/// Bytes of sled's page cache; records themselves are held by whoever read them, and what is large is read so rarely
/// that the kernel's cache will do. It holds leaves of the tree as they were written, and some 20 MiB besides that no
/// setting bounds at 100,000 secrets.
const CACHE: u64 = 4 * 1024 * 1024;

/// Free bytes that no write may go below: once sled has met a full disk, it reads no more either.
const FLOOR: u64 = 16 * 1024 * 1024;

/// sled's file grows by so many bytes.
const SEGMENT: u64 = 512 * 1024;

/// A hole at its end is cut off from this size on.
const HOLE: u64 = 64 * 1024 * 1024;

/// Readers share it, a commit has it alone: nobody sees half a batch, or one that a power cut could take back.
pub(super) struct Disk {
    /// Where the files are: they may be moved.
    dir: Mutex<PathBuf>,
    /// None once closed, and from a failed write until it is opened again.
    open: RwLock<Option<Open>>,
    /// A write failed, and it was not opened since.
    failed: AtomicBool,
    /// Whether the ballast is there.
    ballast: AtomicBool,
    /// One opens it at a time.
    opening: Mutex<()>,
}

/// sled's database, and its file `db` once more.
struct Open {
    db: Db,
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
        let open = Open::wherever_room_is(dir)?;
        let disk = Self {
            dir: Mutex::new(dir.to_owned()),
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

impl Open {
    /// Opens the database; where the disk is too full for that, at the ballast's cost.
    fn wherever_room_is(dir: &Path) -> Result<Self, StoreError> {
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
    fn write(&self, staged: Staged) -> Result<(), StoreError> {
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
    fn free(&self) -> io::Result<u64> {
        let space = fstatvfs(&self.file)?;
        Ok(space.f_bavail.saturating_mul(space.f_frsize))
    }

    /// Ends the database. sled's I/O threads keep the file, and so its lock, a moment longer; waits for them, so that
    /// it can be opened again. Not for ever: another process may have been quicker.
    fn close(self) {
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

/// Refuses what has a name of sled's and is no file, before anything is opened: a pipe would be waited for, a link lead
/// elsewhere. What else lies there (`lost+found`, say) is looked at by nobody.
fn look_at_files(dir: &Path) -> Result<(), StoreError> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        let is_fit = match name.to_string_lossy().as_ref() {
            "blobs" => kind.is_dir(),
            "db" | "conf" => kind.is_file(),
            name if is_unfinished(name) => true,
            name => kind.is_file() || !name.starts_with("snap."),
        };
        if !is_fit {
            return Err(Damage::Database.into());
        }
    }
    Ok(())
}

/// Of a snapshot that is being made.
fn is_unfinished(name: &str) -> bool {
    name.starts_with("snap.") && name.ends_with(".generating")
}

/// Takes away a snapshot that sled began when it was opened, and could not finish because it was killed or the disk was
/// full: it would take that for its newest one, and the store for damaged. The one before is there until another is whole.
/// Whatever else has its name goes too, but for a directory with something in it, which is somebody's.
fn sweep(dir: &Path) -> io::Result<()> {
    let Ok(held) = File::open(dir.join("db")) else { return Ok(()) };
    // Another's, which may be at it: sled says so.
    if flock(&held, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Ok(());
    }
    cut_hole(dir, &held)?;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let (name, path) = (entry.file_name(), entry.path());
        if !is_unfinished(&name.to_string_lossy()) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            std::fs::remove_dir(&path).map_err(|error| in_the_way(&path, &error))?;
        } else {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// Cuts off a large hole at the file's end, which sled has not made. It cuts such room off itself while it opens the file, but
/// writes all of it first: of a hole of terabytes the disk would be full.
fn cut_hole(dir: &Path, file: &File) -> io::Result<()> {
    let length = file.metadata()?.len();
    let mut end = 0;
    loop {
        end = match seek(file, SeekFrom::Data(end)) {
            Ok(data) => seek(file, SeekFrom::Hole(data))?,
            // No more data, or a file system that doesn't know of holes: all of it is data there.
            Err(Errno::NXIO) => break,
            Err(error) => return Err(error.into()),
        };
    }
    let kept = end.next_multiple_of(SEGMENT);
    if length.saturating_sub(kept) >= HOLE {
        tracing::warn!(store.kept_bytes = kept, "the store's file ended in a large hole, which was cut off");
        OpenOptions::new().write(true).open(dir.join("db"))?.set_len(kept)?;
    }
    Ok(())
}

fn in_the_way(path: &Path, error: &io::Error) -> io::Error {
    let path = path.display();
    let what =
        format!("{path} is a directory where the database makes a file, and can't be removed ({error})");
    io::Error::other(format!("{what}: move it away: mv {path} SOMEWHERE"))
}

/// Bytes that may still be written below this directory.
fn room(dir: &Path) -> io::Result<u64> {
    let space = statvfs(dir)?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
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

fn discard(db: Db) {
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
