//! What is somebody else's and lies where the vault makes and removes its own: left as it is, and said.

use std::fs::{Metadata, symlink_metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use super::super::error::VaultError;
use super::Directory;
use crate::identity::typed;
use crate::store;

impl Directory {
    /// Refuses a rekey where something is in its way, or would go with the old store.
    pub(in super::super) fn refuse_in_the_way(&self) -> Result<(), VaultError> {
        let next = self.next_store();
        let around = std::fs::metadata(&self.0).map(|found| found.dev()).ok();
        let is_mounted = |found: &Metadata| Some(found.dev()) != around;
        match symlink_metadata(&next) {
            Ok(found) if !found.is_dir() => return Err(in_the_way(&next, "is no directory")),
            Ok(found) if is_mounted(&found) => {
                let why = format!(
                    "{0} is a file system of its own, and in the way of a rekey: umount {0}",
                    typed(&next)
                );
                return Err(VaultError::Conflict(why));
            }
            _ => {}
        }
        let epoch = self.epoch();
        for path in [epoch.with_extension("next"), epoch.with_extension("draft"), epoch] {
            if symlink_metadata(&path).is_ok_and(|found| found.is_dir()) {
                return Err(in_the_way(&path, "is a directory"));
            }
        }
        let store = self.store();
        let other = store::foreign_in(&store)
            .map_err(|source| VaultError::File { path: store.display().to_string(), source })?;
        match other {
            Some(other) => Err(VaultError::Conflict(format!(
                "{} is nothing of the vault's, and a rekey removes the old store with all that is in it: move it away: mv {} SOMEWHERE",
                other.display(),
                typed(&other)
            ))),
            None => Ok(()),
        }
    }

    /// Which of the directories that are the vault's alone a path is, or lies in.
    pub fn own_around(&self, path: &Path) -> Option<PathBuf> {
        let path = spellings(path);
        let lies_in = |own: &PathBuf| {
            let own = spellings(own);
            path.iter().any(|path| own.iter().any(|own| path.starts_with(own)))
        };
        [self.store(), self.next_store(), self.audit(), self.tls()].into_iter().find(lies_in)
    }
}

fn in_the_way(path: &Path, what: &str) -> VaultError {
    VaultError::Conflict(format!(
        "{} {what}, and in the way of a rekey: move it away: mv {} SOMEWHERE",
        path.display(),
        typed(path)
    ))
}

/// A path as it is written, and with its links followed as far as it exists.
fn spellings(path: &Path) -> [PathBuf; 2] {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let followed = path.ancestors().find_map(|above| {
        let rest = path.strip_prefix(above).ok()?;
        Some(folded(&above.canonicalize().ok()?.join(rest)))
    });
    let written = folded(&path);
    [followed.unwrap_or_else(|| written.clone()), written]
}

/// Without `..`.
fn folded(path: &Path) -> PathBuf {
    let mut folded = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                folded.pop();
            }
            part => folded.push(part),
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_path_lies_in_the_vaults_own_however_it_is_spelled() {
        let keep = tempfile::tempdir().unwrap();
        let data = keep.path().join("vault");
        let directory = Directory::at(&data);
        let own = |text: &str| {
            let around = directory.own_around(&keep.path().join(text));
            around.map(|own| own.file_name().unwrap().to_string_lossy().into_owned())
        };
        let look = || {
            for (path, around) in [
                ("vault/store", Some("store")),
                ("vault/store/backups", Some("store")),
                ("vault/./backups/../store//backups/", Some("store")),
                ("vault/store.next", Some("store.next")),
                ("vault/audit/a/b", Some("audit")),
                ("vault/tls", Some("tls")),
                ("vault", None),
                ("vault/backups", None),
                ("vault/stores", None),
                ("vault/store/../backups", None),
                ("backups", None),
            ] {
                assert_eq!(own(path).as_deref(), around, "{path}");
            }
        };
        look();
        std::fs::create_dir_all(data.join("audit")).unwrap();
        std::fs::create_dir(keep.path().join("disk")).unwrap();
        symlink("../disk", data.join("store")).unwrap();
        look();
        symlink("vault/audit", keep.path().join("link")).unwrap();
        for (path, around) in
            [("disk/backups", Some("store")), ("link", Some("audit")), ("link/none/yet", Some("audit"))]
        {
            assert_eq!(own(path).as_deref(), around, "{path}");
        }
    }
}
