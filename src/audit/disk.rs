//! The directory of segments, and writing to one of them.
//!
//! Two private traits stand between the writer and the kernel, so that a test can let a write fail.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, FlockOperation, OFlags, fallocate, flock, statvfs};

use super::finding::Flaw;

const PREFIX: &str = "audit-";
const SUFFIX: &str = ".jsonl";

/// The name of a segment's file.
pub fn name_of(number: u32) -> String {
    format!("{PREFIX}{number:08}{SUFFIX}")
}

/// The number of the segment with this name, if it is the name that [`name_of`] gives it.
pub(super) fn number_of(name: &str) -> Option<u32> {
    let number = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.parse().ok()?;
    (number > 0 && name_of(number) == name).then_some(number)
}

/// Where segments lie.
pub(super) trait Disk: Send + Sync {
    /// Numbers of the files with a segment's name, ascending.
    fn list(&self) -> io::Result<Vec<u32>>;
    /// A segment that wasn't there, for writing.
    fn create(&self, number: u32) -> io::Result<Box<dyn Sink>>;
    /// A segment that is there, for writing on.
    fn reopen(&self, number: u32) -> io::Result<Box<dyn Sink>>;
    /// A segment, for reading. [`ErrorKind::InvalidData`] if it is no regular file.
    fn read(&self, number: u32) -> io::Result<File>;
    fn remove(&self, number: u32) -> io::Result<()>;
    /// Makes creations durable.
    fn sync_entries(&self) -> io::Result<()>;
    /// Whether something new can be written, and made durable.
    fn takes_writes(&self) -> io::Result<()> {
        Ok(())
    }
    /// Sets room aside for a last word on a full disk; nothing to do where it is there.
    fn reserve(&self) -> io::Result<()> {
        Ok(())
    }
    /// Whether there is so much room that writing again makes sense.
    fn is_roomy(&self) -> io::Result<bool> {
        Ok(true)
    }
    /// Gives that room up. False: there was none.
    fn release(&self) -> io::Result<bool> {
        Ok(false)
    }
}

/// The file that keeps room for the entry that says that the disk is full, and its bytes.
const RESERVE: &str = "reserve";
const RESERVED: u64 = 16 * 1024;

/// Free bytes from which on a log that refused goes on. More than the reserve, or it would go to and fro.
const ROOMY: u64 = 4 * RESERVED;

/// A segment being written.
pub(super) trait Sink: Send {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes what was appended durable.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the segment to `length` bytes.
    fn cut(&mut self, length: u64) -> io::Result<()>;
    /// What has been done behind the writer's back to a file that should have `length` bytes.
    fn flaw(&self, length: u64) -> io::Result<Option<Flaw>>;
}

/// The real thing.
#[derive(Clone)]
pub(super) struct Directory(PathBuf);

/// Keeps a second writer out for as long as it lives.
pub(super) struct Lock {
    _directory: File,
}

impl Directory {
    /// A directory that is there.
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Makes the directory if it isn't there, closed to others.
    pub fn prepare(path: &Path) -> io::Result<Self> {
        let directory = Self(path.to_owned());
        directory.make()?;
        Ok(directory)
    }

    fn make(&self) -> io::Result<()> {
        let made = std::fs::DirBuilder::new().mode(0o700).recursive(true).create(&self.0);
        made.map_err(|error| told(&self.0, &error))
    }

    /// [`ErrorKind::WouldBlock`] if another writer has it.
    pub fn lock(&self) -> io::Result<Lock> {
        let directory = File::open(&self.0).map_err(|error| told(&self.0, &error))?;
        flock(&directory, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Lock { _directory: directory })
    }

    fn path(&self, number: u32) -> PathBuf {
        self.0.join(name_of(number))
    }

    /// Without following a symbolic link, and without waiting for the other end of a FIFO.
    fn open(&self, number: u32, how: &mut OpenOptions) -> io::Result<File> {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let flags = i32::try_from(flags.bits()).expect("open(2) takes its flags as an int");
        let file = match how.mode(0o600).custom_flags(flags).open(self.path(number)) {
            Err(error) if error.raw_os_error() == Some(libc::ELOOP) => {
                return Err(ErrorKind::InvalidData.into());
            }
            file => file.map_err(|error| told(&self.path(number), &error))?,
        };
        if file.metadata()?.is_file() { Ok(file) } else { Err(ErrorKind::InvalidData.into()) }
    }

    fn sink(&self, number: u32, file: File) -> Box<dyn Sink> {
        Box::new(Segment { file, path: self.path(number) })
    }
}

/// The same kind of error, which says of what.
fn told(path: &Path, error: &io::Error) -> io::Error {
    let advice = match error.kind() {
        ErrorKind::PermissionDenied => {
            "; the daemon's user has to own it, with the mode 0600, of a directory 0700"
        }
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => "; move away what lies there",
        _ => "",
    };
    io::Error::new(error.kind(), format!("{}: {error}{advice}", path.display()))
}

impl Disk for Directory {
    fn list(&self) -> io::Result<Vec<u32>> {
        let mut numbers = Vec::new();
        for entry in std::fs::read_dir(&self.0).map_err(|error| told(&self.0, &error))? {
            numbers.extend(entry?.file_name().to_str().and_then(number_of));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn create(&self, number: u32) -> io::Result<Box<dyn Sink>> {
        failpoint!("audit.create", io);
        let create = || self.open(number, OpenOptions::new().append(true).create_new(true));
        let file = match create() {
            // The whole directory was removed while the daemon ran.
            Err(error) if error.kind() == ErrorKind::NotFound => self.make().and_then(|()| create()),
            file => file,
        }?;
        Ok(self.sink(number, file))
    }

    fn reopen(&self, number: u32) -> io::Result<Box<dyn Sink>> {
        Ok(self.sink(number, self.open(number, OpenOptions::new().append(true))?))
    }

    fn read(&self, number: u32) -> io::Result<File> {
        self.open(number, OpenOptions::new().read(true))
    }

    fn remove(&self, number: u32) -> io::Result<()> {
        failpoint!("audit.remove", io);
        std::fs::remove_file(self.path(number))
    }

    fn sync_entries(&self) -> io::Result<()> {
        failpoint!("audit.created", io);
        File::open(&self.0)?.sync_all()
    }

    fn takes_writes(&self) -> io::Result<()> {
        let nameless = i32::try_from(OFlags::TMPFILE.bits()).expect("open(2) takes its flags as an int");
        let file = match OpenOptions::new().write(true).mode(0o600).custom_flags(nameless).open(&self.0) {
            // No files without a name here; one with a name might be left for the verifier. Taken for a yes.
            Err(error) if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EISDIR)) => {
                return Ok(());
            }
            file => file?,
        };
        let mut trial = Segment { file, path: self.0.clone() };
        trial.append(b"\n").and_then(|()| trial.sync())
    }

    fn reserve(&self) -> io::Result<()> {
        let path = self.0.join(RESERVE);
        if std::fs::symlink_metadata(&path).is_ok_and(|found| found.is_file() && found.len() == RESERVED) {
            return Ok(());
        }
        // Whatever else is there goes, unopened: a link would lead to another's file, a pipe wait for ever.
        let _ = std::fs::remove_file(&path);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        // Blocks of its own, not a hole.
        let made = fallocate(&file, FallocateFlags::empty(), 0, RESERVED);
        if made.is_err() {
            let _ = std::fs::remove_file(&path);
        }
        Ok(made?)
    }

    fn is_roomy(&self) -> io::Result<bool> {
        let space = statvfs(&self.0)?;
        Ok(space.f_bavail.saturating_mul(space.f_frsize) >= ROOMY)
    }

    fn release(&self) -> io::Result<bool> {
        match std::fs::remove_file(self.0.join(RESERVE)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            other => other.map(|()| true),
        }
    }
}

struct Segment {
    file: File,
    path: PathBuf,
}

impl Sink for Segment {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        failpoint!("audit.append", io);
        self.file.write_all(bytes)?;
        failpoint!("audit.appended", io);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        failpoint!("audit.sync", io);
        self.file.sync_data()?;
        failpoint!("audit.synced");
        Ok(())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn flaw(&self, length: u64) -> io::Result<Option<Flaw>> {
        let mine = self.file.metadata()?;
        let there = match std::fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Some(Flaw::Missing)),
            there => there?,
        };
        Ok(if (mine.dev(), mine.ino()) != (there.dev(), there.ino()) {
            Some(Flaw::Replaced)
        } else if mine.len() < length {
            Some(Flaw::Truncated)
        } else if mine.len() > length {
            Some(Flaw::ForeignBytes)
        } else {
            None
        })
    }
}

#[cfg(test)]
mod tests;
