//! The data directory: what lies where.

use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, RenameFlags, accessat, renameat_with};

use super::error::VaultError;
use crate::identity::typed;

mod in_the_way;
mod making;

pub use making::is_of_file_system;

/// `data_dir`, 0700.
#[derive(Debug, Clone)]
pub struct Directory(PathBuf);

impl Directory {
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// sled's files.
    pub fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    /// Where a rekey builds another store, and what it then leaves of the one before.
    pub(super) fn next_store(&self) -> PathBuf {
        self.0.join("store.next")
    }

    /// Removes [`Self::next_store`]. Nothing is followed out of it, and what is no directory is none of ours.
    pub(super) fn clear_next(&self) -> std::io::Result<()> {
        let next = self.next_store();
        match std::fs::symlink_metadata(&next) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
            Ok(found) if !found.is_dir() => {
                let why = format!("{} is no directory: move it away", next.display());
                return Err(std::io::Error::new(ErrorKind::NotADirectory, why));
            }
            Ok(_) => std::fs::remove_dir_all(&next)?,
        }
        self.sync()
    }

    /// Refuses a store that can't change places with another one beside it: of a link, the link would, and the old store stay
    /// where it is; where a file system is mounted, nothing does.
    pub(super) fn refuse_elsewhere(&self) -> Result<(), VaultError> {
        let store = self.store();
        let at = |source| VaultError::File { path: store.display().to_string(), source };
        let (found, around) =
            (std::fs::symlink_metadata(&store).map_err(at)?, std::fs::metadata(&self.0).map_err(at)?);
        if found.is_dir() && found.dev() == around.dev() {
            return Ok(());
        }
        let what = if found.is_dir() { "a file system of its own" } else { "a link" };
        Err(VaultError::Conflict(format!(
            "{} is {what}, and a rekey lets the store change places with a new one beside it: stop the daemon and put the \
             directory itself there",
            store.display()
        )))
    }

    /// Lets the two stores change places, durably. An error leaves them as they were; `true` beside it: that is
    /// not known.
    pub(super) fn exchange_stores(&self) -> Result<(), (std::io::Error, bool)> {
        let exchange = || {
            let (one, other) = (self.store(), self.next_store());
            renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE)
        };
        let sync = || {
            failpoint!("rekey.sync", io);
            self.sync()
        };
        exchange().map_err(|error| (error.into(), false))?;
        sync().map_err(|error| {
            let back = exchange().map_err(std::io::Error::from).and_then(|()| sync());
            (error, back.is_err())
        })
    }

    fn sync(&self) -> std::io::Result<()> {
        std::fs::File::open(&self.0)?.sync_all()
    }

    pub fn audit(&self) -> PathBuf {
        self.0.join("audit")
    }

    /// What a sealed daemon needs to be reached and to know its operators.
    pub fn tls(&self) -> PathBuf {
        self.0.join("tls")
    }

    /// How far the store has come, told outside it.
    pub fn epoch(&self) -> PathBuf {
        self.0.join("epoch")
    }

    /// The default Unix socket.
    pub fn run(&self) -> PathBuf {
        self.0.join("run")
    }

    pub fn identity(&self, name: &str) -> PathBuf {
        self.0.join("identities").join(name)
    }

    /// Refuses a directory of another user, before anything is written into it in this one's name; and what is none.
    pub(super) fn refuse_other_owner(&self) -> Result<(), VaultError> {
        let path = self.0.display();
        match std::fs::metadata(&self.0) {
            Ok(found) if !found.is_dir() => {
                Err(VaultError::Conflict(format!("{path} is no directory; name another with --data-dir")))
            }
            Ok(found) if found.uid() != rustix::process::geteuid().as_raw() => {
                Err(VaultError::OtherOwner { path: path.to_string(), owner: found.uid() })
            }
            Err(error) if error.kind() == ErrorKind::NotADirectory => {
                let file = self.0.ancestors().find(|above| above.is_file()).unwrap_or(&self.0).display();
                let why = format!("{file} is no directory; name another with --data-dir");
                let source = std::io::Error::new(error.kind(), why);
                Err(VaultError::File { path: path.to_string(), source })
            }
            Err(_) if std::fs::symlink_metadata(&self.0).is_ok_and(|found| found.is_symlink()) => {
                Err(VaultError::Conflict(format!(
                    "{path} is a link, and what it leads to isn't there: mount or make that, or name another with --data-dir"
                )))
            }
            _ => Ok(()),
        }
    }

    /// Refuses something else in the place of a directory; one that isn't there is told elsewhere, or made.
    pub(super) fn refuse_no_directories(&self) -> Result<(), VaultError> {
        // Below a file there is nothing, and nothing damaged.
        if let Err(source) = std::fs::metadata(&self.0)
            && source.kind() == ErrorKind::NotADirectory
        {
            return Err(VaultError::File { path: self.0.display().to_string(), source });
        }
        let lost = "move it away, and put back the directory that was there";
        for (path, advice) in [
            (self.store(), format!("{lost}, or restore the newest backup")),
            (
                self.audit(),
                format!("{lost}. Without it a new log is begun, and that the old one is missing is told"),
            ),
            (self.tls(), format!("{lost}, with ca.pem in it")),
        ] {
            if std::fs::metadata(&path).is_ok_and(|found| !found.is_dir()) {
                // Of no kind: it is damage, and no wrong place.
                let source = std::io::Error::other(format!("is no directory, and should be one: {advice}"));
                return Err(VaultError::File { path: path.display().to_string(), source });
            }
        }
        Ok(())
    }

    /// Takes away what others may do in the directory, should somebody have given it to them.
    pub(super) fn keep_private(&self) -> std::io::Result<()> {
        for path in [self.0.clone(), self.store(), self.audit(), self.tls()] {
            let Ok(found) = std::fs::symlink_metadata(&path) else { continue };
            let mode = found.permissions().mode();
            if found.is_dir() && mode & 0o077 != 0 {
                tracing::warn!(
                    directory = %path.display(),
                    directory.mode = format!("{:o}", mode & 0o777),
                    "directory was open to others, now 0700"
                );
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700))?;
            }
        }
        Ok(())
    }

    /// There while a restore is under way, and left by one that came to no end.
    fn unfinished(&self) -> PathBuf {
        self.0.join("restore.unfinished")
    }

    /// Before anything else of a restore is written.
    pub(super) fn begin_restore(&self) -> std::io::Result<()> {
        std::fs::File::create_new(self.unfinished())?.sync_all()?;
        self.sync()
    }

    /// Once the header is there, the vault is whole, and a mark that is left over means nothing.
    pub(super) fn end_restore(&self) -> std::io::Result<()> {
        match std::fs::remove_file(self.unfinished()) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            removed => removed.and_then(|()| self.sync()),
        }
    }

    /// Whether there has been a vault in it: an attempt to make one leaves no file `epoch`, and of the log the one entry of
    /// its making at most.
    pub(super) fn had_vault(&self) -> bool {
        let log = std::fs::read_dir(self.audit()).into_iter().flatten().flatten();
        std::fs::symlink_metadata(self.epoch()).is_ok()
            || log.map(|entry| entry.path()).any(|path| tells_of_life(&path))
    }

    /// Whether nothing of a vault is in it, for certain.
    pub(super) fn holds_nothing(&self) -> bool {
        let is_gone = |path: PathBuf| {
            std::fs::symlink_metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound)
        };
        [self.store(), self.audit(), self.tls(), self.epoch(), self.unfinished()].into_iter().all(is_gone)
    }

    /// Refuses a new vault where there was one: what is left of it, the log above all, may be wanted.
    pub(super) fn refuse_lost_vault(&self) -> Result<(), VaultError> {
        let is_there = std::fs::exists(self.store().join("db")).unwrap_or(true);
        if self.had_vault() && !is_there { Err(self.no_vault()) } else { Ok(()) }
    }

    /// Why there is no vault in it.
    pub(super) fn no_vault(&self) -> VaultError {
        let path = self.0.display().to_string();
        if self.unfinished().exists() {
            unfinished_in(&path)
        } else if self.had_vault() {
            VaultError::Damaged(format!("there was a vault in {path}, and its store or its header is gone"))
        } else {
            VaultError::NoVault(path)
        }
    }

    /// Refuses a directory that holds anything at all, but for what a fresh file system has.
    pub fn refuse_unless_empty(&self) -> Result<(), VaultError> {
        let path = self.0.display().to_string();
        if self.unfinished().exists() {
            return Err(unfinished_in(&path));
        }
        let is_brought = |entry: std::io::Result<_>| entry.is_ok_and(|entry| !is_of_file_system(&entry));
        match std::fs::read_dir(&self.0).map(|mut entries| entries.any(is_brought)) {
            Ok(true) => Err(VaultError::Conflict(format!(
                "{path} is not empty: a backup is restored into a new directory alone; name one with --data-dir \
                 (what a restore that failed has left may be removed)"
            ))),
            Ok(false) => Ok(()),
            // No directory, or a link that leads nowhere: said as everywhere.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                self.refuse_other_owner()
            }
            Err(source) => Err(VaultError::File { path, source }),
        }
    }

    /// Refuses a directory that this user can't write to, or can't make; says so before anything is asked or written.
    pub fn refuse_unless_mine(&self) -> Result<(), VaultError> {
        self.refuse_other_owner()?;
        let above = self.0.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
        accessat(CWD, above, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS).map_err(|error| {
            let (source, path) = (std::io::Error::from(error), typed(&self.0));
            let user = rustix::process::geteuid().as_raw();
            let advice = format!(
                "nothing can be made in {} by this user (uid {user}): {source}; make the directory for it: sudo install -d -m \
                 0700 -o {user} {path}, or name another with --data-dir",
                above.display()
            );
            VaultError::File { path: self.0.display().to_string(), source: std::io::Error::new(source.kind(), advice) }
        })
    }
}

/// Whether it is a segment of the log with more in it than what making a vault writes.
fn tells_of_life(segment: &Path) -> bool {
    let is_segment = segment.extension().is_some_and(|ending| ending == "jsonl");
    let is_first = segment.file_name().is_some_and(|name| name == "audit-00000001.jsonl");
    if !is_segment
        || !std::fs::symlink_metadata(segment).is_ok_and(|found| found.is_file() && found.len() > 0)
    {
        return false;
    }
    let mut begin = Vec::new();
    let read = std::fs::File::open(segment).and_then(|file| file.take(16 * 1024).read_to_end(&mut begin));
    let lines = begin.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
    let is_made = begin.windows(14).any(|part| part == b"\"vault.create\"");
    !is_first || read.is_err() || lines > 2 || lines == 2 && !is_made
}

fn unfinished_in(path: &str) -> VaultError {
    VaultError::Conflict(format!(
        "a restore into {path} came to no end, and what it left is no vault: remove that directory, then restore the backup \
         again (fsm-vault backup restore FILE --data-dir {path})"
    ))
}
