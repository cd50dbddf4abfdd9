//! A file that comes piece by piece, for its owner alone, and gets its name once it is whole.
//!
//! Until then it has none: what is killed in the middle leaves nothing. Where the file system can't do that, it is a draft
//! beside its place, which only an orderly end takes away. Blocks the calling thread.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;

use super::error::FileError;
use super::files::{Draft, PRIVATE, located};

/// A file that gets its name once it is whole. Dropped before, it goes.
pub struct NewFile {
    file: File,
    path: PathBuf,
    way: Way,
}

enum Way {
    Nameless { directory: OwnedFd, place: OsString },
    Draft(Draft),
}

impl NewFile {
    /// Begins a file; refuses a name that is taken.
    pub fn begin(path: &Path) -> Result<Self, FileError> {
        if path.symlink_metadata().is_ok() {
            return Err(FileError::Exists { path: path.to_owned() });
        }
        let (directory, place) = located(path)?;
        match nameless(&directory) {
            Some(file) => Ok(Self { file, path: path.to_owned(), way: Way::Nameless { directory, place } }),
            // It says why nothing can be made there, too.
            None => Self::draft(path),
        }
    }

    fn draft(path: &Path) -> Result<Self, FileError> {
        let (draft, file) = Draft::begin(path, PRIVATE)?;
        Ok(Self { file, path: path.to_owned(), way: Way::Draft(draft) })
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.file.write_all(bytes).map_err(FileError::at(&self.path, "write"))
    }

    /// Makes it durable under its name; never replaces.
    pub fn publish(self) -> Result<(), FileError> {
        let Self { file, path, way } = self;
        file.sync_all().map_err(FileError::at(&path, "write"))?;
        match way {
            Way::Draft(draft) => {
                draft.place_new()?;
                draft.sync()
            }
            Way::Nameless { directory, place } => {
                let opened = by_number(&file);
                match rustix::fs::linkat(CWD, &opened, &directory, &place, AtFlags::SYMLINK_FOLLOW) {
                    Err(Errno::EXIST) => return Err(FileError::Exists { path }),
                    linked => linked.map_err(FileError::at(&path, "write"))?,
                }
                rustix::fs::fsync(&directory).map_err(FileError::at(&path, "sync the directory of"))
            }
        }
    }
}

/// A file without a name. None where there is none to be had, or where it couldn't be given one.
fn nameless(directory: &OwnedFd) -> Option<File> {
    let flags = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
    let file = rustix::fs::openat(directory, ".", flags, Mode::from_raw_mode(PRIVATE)).ok()?;
    // Whatever the process's umask took away.
    rustix::fs::fchmod(&file, Mode::from_raw_mode(PRIVATE)).ok()?;
    let file = File::from(file);
    is_reachable(&file).unwrap_or(false).then_some(file)
}

/// Whether `/proc` leads to it: without, a whole file would get no name.
fn is_reachable(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let (there, here) = (std::fs::metadata(by_number(file))?, file.metadata()?);
    Ok((there.dev(), there.ino()) == (here.dev(), here.ino()))
}

fn by_number(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    type Begin = fn(&Path) -> Result<NewFile, FileError>;

    #[test]
    fn it_is_there_when_it_is_whole_and_never_in_another_s_place() {
        for begin in [NewFile::begin as Begin, NewFile::draft] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("vault.fsmb");
            let mut file = begin(&path).unwrap();
            file.write(b"one").unwrap();
            file.write(b" two").unwrap();
            assert!(!path.exists());
            file.publish().unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"one two");
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

            let (late, dropped) =
                (begin(&folder.path().join("late")).unwrap(), begin(&folder.path().join("dropped")));
            drop(dropped);
            fs::write(folder.path().join("late"), "another's").unwrap();
            assert!(matches!(late.publish(), Err(FileError::Exists { .. })));
            assert_eq!(fs::read(folder.path().join("late")).unwrap(), b"another's");
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing else is left");
        }
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("taken"), "").unwrap();
        assert!(matches!(NewFile::begin(&folder.path().join("taken")), Err(FileError::Exists { .. })));
        assert!(matches!(NewFile::begin(&folder.path().join("no/file")), Err(FileError::Io { .. })));
    }

    #[test]
    fn what_is_killed_in_the_middle_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = NewFile::begin(&folder.path().join("vault.fsmb")).unwrap();
        file.write(b"half").unwrap();
        // No destructor runs, as at a kill.
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
