//! sled's files before it opens them: refused, swept and cut where it would stumble over what it finds.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, SeekFrom, flock, seek};
use rustix::io::Errno;

use super::super::{Damage, StoreError, ballast};

/// sled's file grows by so many bytes.
const SEGMENT: u64 = 512 * 1024;

/// A hole at its end is cut off from this size on.
const HOLE: u64 = 64 * 1024 * 1024;

/// Refuses what has a name of sled's and is no file, before anything is opened: a pipe would be waited for, a link lead
/// elsewhere. What else lies there (`lost+found`, say) is looked at by nobody.
pub(super) fn look_at_files(dir: &Path) -> Result<(), StoreError> {
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

/// The first thing in the directory that neither the database nor the ballast has made.
pub(in super::super) fn foreign_in(dir: &Path) -> io::Result<Option<PathBuf>> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        let is_own = match name.to_string_lossy().as_ref() {
            "blobs" if kind.is_dir() => {
                if let Some(other) = foreign_blob(&entry.path())? {
                    return Ok(Some(other));
                }
                true
            }
            "db" | "conf" | ballast::NAME => kind.is_file(),
            name => kind.is_file() && name.starts_with("snap."),
        };
        if !is_own {
            return Ok(Some(entry.path()));
        }
    }
    Ok(None)
}

/// sled names a large record's file by its place in the log.
fn foreign_blob(dir: &Path) -> io::Result<Option<PathBuf>> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let is_number = entry.file_name().to_str().is_some_and(|name| name.parse::<i64>().is_ok());
        if !is_number || !entry.file_type()?.is_file() {
            return Ok(Some(entry.path()));
        }
    }
    Ok(None)
}

/// Of a snapshot that is being made.
fn is_unfinished(name: &str) -> bool {
    name.starts_with("snap.") && name.ends_with(".generating")
}

/// Bytes of sled's configuration that are surely more than it has: three short lines.
const CONF: u64 = 64 * 1024;

/// A snapshot may have so many bytes more than the file that it sums up: of each page in that it says where its parts lie, in
/// some twenty bytes for each.
const SNAPSHOT: u64 = 16 * 1024 * 1024;

/// Refuses what sled reads into memory as a whole where it is larger than sled makes it: a hole of gigabytes would take as
/// much memory. After [`sweep`]: the file that a snapshot is measured by has no hole at its end any more.
pub(super) fn look_at_sizes(dir: &Path) -> Result<(), StoreError> {
    let database = match std::fs::metadata(dir.join("db")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        found => found?.len(),
    };
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let limit = match entry.file_name().to_string_lossy().as_ref() {
            "conf" => CONF,
            name if name.starts_with("snap.") => database.saturating_add(SNAPSHOT),
            _ => continue,
        };
        let bytes = entry.metadata()?.len();
        if bytes > limit {
            return Err(Damage::TooLarge { path: entry.path(), bytes, limit }.into());
        }
    }
    Ok(())
}

/// Takes away a snapshot that sled began when it was opened, and could not finish because it was killed or the disk was
/// full: it would take that for its newest one, and the store for damaged. The one before is there until another is whole.
/// Whatever else has its name goes too, but for a directory with something in it, which is somebody's.
pub(super) fn sweep(dir: &Path) -> io::Result<()> {
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
