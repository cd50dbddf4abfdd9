//! Files that hold keys and certificates: read with suspicion, written whole or not at all.
//!
//! A file is written beside its place under a random name, synced, then moved there, and the directory is
//! synced: after a crash there is the old file or the new one. Blocks the calling thread.

use std::ffi::OsString;
use std::fs::{DirBuilder, File};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags, renameat_with};
use rustix::io::Errno;
use zeroize::Zeroizing;

use super::error::FileError;
use crate::secret::Plaintext;

/// Permission bits that others than the owner would have.
const OTHERS: u32 = 0o077;
const WRITABLE_BY_ANYONE: u32 = 0o002;
pub(super) const PRIVATE: u32 = 0o600;
pub(super) const PUBLIC: u32 = 0o644;

/// Reads a passphrase or a private key: a regular file of at most `most` bytes that belongs to the user who
/// runs this or to root, and that nobody else can read or write.
///
/// A symbolic link is followed, as container platforms make secrets of them; what it leads to is checked,
/// on the opened file, so that it can't be exchanged in between.
pub fn read_private(path: &Path, most: usize) -> Result<Plaintext, FileError> {
    let (file, metadata) = open(path)?;
    let user = rustix::process::geteuid().as_raw();
    if ![user, 0].contains(&metadata.uid()) {
        return Err(FileError::Foreign { path: path.to_owned(), owner: metadata.uid(), user });
    }
    if metadata.mode() & OTHERS != 0 {
        return Err(FileError::Exposed { path: path.to_owned() });
    }
    read(path, file, most).map(Plaintext::from)
}

/// Reads a file that may be seen by all.
pub(super) fn read_public(path: &Path, most: usize) -> Result<String, FileError> {
    let (file, _) = open(path)?;
    let bytes = read(path, file, most)?;
    let text = std::str::from_utf8(&bytes).map(str::to_owned);
    text.map_err(|_| FileError::Content { path: path.to_owned(), fault: "is no text" })
}

/// Writes a file in place of whatever stands there.
pub(super) fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let draft = Draft::write(path, bytes, mode)?;
    rustix::fs::renameat(&draft.directory, &draft.name, &draft.directory, &draft.place).map_err(|error| {
        match error {
            Errno::ISDIR => FileError::NotRegular { path: path.to_owned() },
            other => FileError::at(path, "write")(other),
        }
    })?;
    draft.sync()
}

/// Writes a file unless there is one of that name.
pub(super) fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let draft = Draft::write(path, bytes, mode)?;
    draft.place_new()?;
    draft.sync()
}

/// Makes a directory for its owner alone, and the missing ones above it; leaves an existing one as it is.
pub(super) fn make_directory(path: &Path) -> Result<(), FileError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(FileError::at(path, "make"))
}

/// Opens a regular file, to be read piece by piece.
pub fn open_file(path: &Path) -> Result<File, FileError> {
    open(path).map(|(file, _)| file)
}

/// The same of a file that says whom to trust, which not every user may change. Looked at once it is open.
pub fn open_trusted(path: &Path) -> Result<File, FileError> {
    let (file, metadata) = open(path)?;
    if metadata.mode() & WRITABLE_BY_ANYONE != 0 {
        return Err(FileError::Changeable { path: path.to_owned() });
    }
    Ok(file)
}

fn open(path: &Path) -> Result<(File, std::fs::Metadata), FileError> {
    // Without NONBLOCK a pipe without a writer would hold this up for ever.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file =
        File::from(rustix::fs::openat(CWD, path, flags, Mode::empty()).map_err(FileError::at(path, "open"))?);
    let metadata = file.metadata().map_err(FileError::at(path, "read"))?;
    if metadata.is_file() {
        Ok((file, metadata))
    } else {
        Err(FileError::NotRegular { path: path.to_owned() })
    }
}

/// Reads into a buffer of its final size, so that growing leaves no copy behind.
fn read(path: &Path, mut file: File, most: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let mut bytes = Zeroizing::new(vec![0; most + 1]);
    let mut length = 0;
    while length < bytes.len() {
        match file.read(&mut bytes[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(FileError::at(path, "read")(error)),
        }
    }
    if length > most {
        return Err(FileError::TooLarge { path: path.to_owned(), most });
    }
    bytes.truncate(length);
    Ok(bytes)
}

/// The directory of a file that is to be made, and its name there.
pub(super) fn located(path: &Path) -> Result<(OwnedFd, OsString), FileError> {
    let place = path.file_name().ok_or_else(|| FileError::NotRegular { path: path.to_owned() })?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory =
        rustix::fs::openat(CWD, parent, flags, Mode::empty()).map_err(FileError::at(parent, "open"))?;
    Ok((directory, place.to_owned()))
}

/// A file beside its place. The draft's own name goes away with it.
pub(super) struct Draft {
    directory: OwnedFd,
    name: OsString,
    place: OsString,
    path: PathBuf,
}

impl Draft {
    /// A whole, synced draft.
    fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<Self, FileError> {
        let (draft, mut file) = Self::begin(path, mode)?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(FileError::at(path, "write"))?;
        Ok(draft)
    }

    pub(super) fn begin(path: &Path, mode: u32) -> Result<(Self, File), FileError> {
        let (directory, place) = located(path)?;
        let mut random = [0; 8];
        getrandom::fill(&mut random)
            .map_err(|_| FileError::at(path, "write")(std::io::Error::other("no random numbers")))?;
        let mut name = OsString::from(".");
        name.push(&place);
        name.push(format!(".{:016x}.draft", u64::from_ne_bytes(random)));

        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&directory, &name, flags, Mode::from_raw_mode(mode))
            .map_err(FileError::at(path, "write"))?;
        let draft = Self { directory, name, place, path: path.to_owned() };
        // Whatever the process's umask took away: a certificate is for everybody to read.
        rustix::fs::fchmod(&file, Mode::from_raw_mode(mode)).map_err(FileError::at(path, "write"))?;
        Ok((draft, File::from(file)))
    }

    /// Gives it its name, unless there is one of that name.
    pub(super) fn place_new(&self) -> Result<(), FileError> {
        let Self { directory, name, place, path } = self;
        let renamed = renameat_with(directory, name, directory, place, RenameFlags::NOREPLACE);
        let placed = match renamed {
            // A file system that can't. Unlike a plain rename, a link never replaces either.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                rustix::fs::linkat(directory, name, directory, place, AtFlags::empty())
            }
            other => other,
        };
        match placed {
            Err(Errno::EXIST) => Err(FileError::Exists { path: path.clone() }),
            other => other.map_err(FileError::at(path, "write")),
        }
    }

    pub(super) fn sync(self) -> Result<(), FileError> {
        rustix::fs::fsync(&self.directory).map_err(FileError::at(&self.path, "sync the directory of"))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After a rename there is nothing left under this name.
        let _ = rustix::fs::unlinkat(&self.directory, &self.name, AtFlags::empty());
    }
}

#[cfg(test)]
mod tests;
