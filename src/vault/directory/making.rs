//! Where a vault may be made: nothing of somebody else's is taken for the rest of an attempt, and overwritten.

use std::ffi::OsStr;
use std::fs::DirEntry;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

use super::super::error::VaultError;
use super::Directory;

/// What an attempt to make a vault may have left.
const OURS: [&str; 9] =
    ["store", "store.next", "audit", "tls", "run", "identities", "epoch", "epoch.next", "epoch.before"];

impl Directory {
    /// Refuses a directory that holds anything but what an attempt to make a vault may have left; in its log's directory too, whose
    /// files are removed before a log is begun. `operator` is whose identity will be written.
    pub(in super::super) fn refuse_foreign_files(&self, operator: &str) -> Result<(), VaultError> {
        if self.brought().any(|entry| !OURS.iter().any(|own| *own == entry.file_name())) {
            let path = self.path().display();
            return Err(VaultError::Conflict(format!(
                "{path} is not empty; name a new directory with --data-dir"
            )));
        }
        // All of them have a name of ours: of what is somebody else's, a link say, nobody is told to remove it.
        let is_link =
            |path: &Path| std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_symlink());
        let own = self.brought().map(|entry| entry.path());
        if let Some(link) = own.chain([self.identity(operator)]).find(|path| is_link(path)) {
            let path = link.display();
            return Err(VaultError::Conflict(format!(
                "{path} is a link, and what is made there would be made elsewhere; remove it"
            )));
        }
        if let Some(other) = entries(&self.audit()).find(|entry| !is_of_log(entry)) {
            return Err(VaultError::Conflict(format!(
                "{} isn't of a vault's log; move it away, or name a new directory with --data-dir",
                other.path().display()
            )));
        }
        Ok(())
    }

    /// What somebody has brought into the directory: all but what its file system has.
    fn brought(&self) -> impl Iterator<Item = DirEntry> {
        entries(self.path()).filter(|entry| !is_of_file_system(entry))
    }

    /// Makes the directory and those below it, durably, 0700 each; `run` 0750, for the socket's group.
    pub fn lay_out(&self) -> std::io::Result<()> {
        let missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
        let made: Vec<&Path> = self.path().ancestors().take_while(missing).collect();
        let mut private = std::fs::DirBuilder::new();
        private.recursive(true).mode(0o700);
        for path in [self.path().to_owned(), self.audit(), self.tls(), self.run(), self.0.join("identities")]
        {
            private.create(&path)?;
        }
        let mode = std::fs::Permissions::from_mode;
        std::fs::set_permissions(self.run(), mode(0o750))?;
        std::fs::set_permissions(self.path(), mode(0o700))?;
        self.sync()?;
        for path in made {
            match sync_around(path) {
                // One may make a directory where one may not look around.
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
                synced => synced?,
            }
        }
        Ok(())
    }
}

fn entries(path: &Path) -> impl Iterator<Item = DirEntry> {
    std::fs::read_dir(path).into_iter().flatten().flatten()
}

/// Whether it is what an ext4 that was just made has: `lost+found`, root's and empty. Nobody else may look into it.
pub fn is_of_file_system(entry: &DirEntry) -> bool {
    let is_empty = || match std::fs::read_dir(entry.path()) {
        Ok(mut found) => found.next().is_none(),
        Err(error) => error.kind() == ErrorKind::PermissionDenied,
    };
    let is_roots = || entry.metadata().is_ok_and(|found| found.is_dir() && found.uid() == 0);
    entry.file_name() == "lost+found" && is_roots() && is_empty()
}

/// Whether it has a name that the log gives its files.
fn is_of_log(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    let is_segment = |name: &OsStr| {
        name.to_str()
            .and_then(|name| name.strip_prefix("audit-")?.strip_suffix(".jsonl"))
            .is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    entry.file_type().is_ok_and(|kind| kind.is_file()) && (name == "reserve" || is_segment(&name))
}

/// Makes durable that there is a file or a directory of this name.
fn sync_around(path: &Path) -> std::io::Result<()> {
    let around = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(around)?.sync_all()
}
