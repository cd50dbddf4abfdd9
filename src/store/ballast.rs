//! A file of nothing beside sled's: on a full disk it is given up, so that the store can be opened at all.
//!
//! Opening a store, sled writes a snapshot of where things lie and begins a segment. Where there is no room for that, not
//! even what is there could be read. The floor in `disk.rs` keeps this daemon from filling the disk; this is for when
//! others did.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate};

/// Its name in the store's directory. sled looks at files of its own names alone.
pub(super) const NAME: &str = "ballast";

/// Bytes that it takes.
pub(super) const BALLAST: u64 = 4 * 1024 * 1024;

/// Makes it where it is missing. False: there is none, and nothing of one is left.
pub(super) fn make(dir: &Path) -> bool {
    let path = dir.join(NAME);
    if std::fs::symlink_metadata(&path).is_ok_and(|found| found.is_file() && found.len() == BALLAST) {
        return true;
    }
    // Whatever else is there goes, unopened: a link would lead to another's file, a pipe wait for ever.
    let _ = std::fs::remove_file(&path);
    let made = fill(&path);
    if made.is_err() {
        let _ = std::fs::remove_file(&path);
    }
    made.is_ok()
}

fn fill(path: &Path) -> io::Result<()> {
    let file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    // Blocks of its own, not a hole: else nothing would be there to give up.
    fallocate(&file, FallocateFlags::empty(), 0, BALLAST)?;
    Ok(())
}

/// Takes it away. False: there was none.
pub(super) fn give_up(dir: &Path) -> bool {
    std::fs::remove_file(dir.join(NAME)).is_ok()
}
