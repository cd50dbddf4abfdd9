//! What to type about each thing that can be wrong with a data directory at rest.

use std::os::unix::fs::MetadataExt;

use super::super::directory::Directory;
use super::super::error::VaultError;
use super::{Health, Looked};
use crate::identity::{FileError, IdentityError, as_user, typed};

/// A finding that keeps the vault from working, with its remedy.
pub fn bad(at: &'static str, error: &VaultError, directory: &Directory) -> Looked {
    Looked::other(at, Health::Bad, error.to_string(), of(error, directory))
}

fn of(error: &VaultError, directory: &Directory) -> String {
    let data = typed(directory.path());
    match error {
        VaultError::Damaged(_)
        | VaultError::Store(_)
        | VaultError::Identity(IdentityError::AuthorityExpired | IdentityError::AuthorityDamaged) => {
            "restore a backup into a new directory: fsm-vault backup restore FILE --data-dir NEW; keep this one".to_owned()
        }
        VaultError::RolledBack(_) => format!(
            "restore the newest backup: fsm-vault backup restore FILE --data-dir NEW; or take what is there for what it is: \
             fsm-vault serve --data-dir {data} --passphrase-file FILE --accept-rollback"
        ),
        VaultError::WrongPassphrase => format!(
            "type it again, or that of another key slot: fsm-vault doctor --data-dir {data}. It is the one that `init` or \
             `passphrase change` was given last"
        ),
        VaultError::Newer { .. } => {
            "a newer fsm-vault wrote this: install it again, and leave everything here as it is. Only if there is no such \
             release was it damaged: restore a backup then"
                .to_owned()
        }
        VaultError::OtherOwner { owner, .. } => as_owner(*owner, &data),
        VaultError::NoVault(_) => {
            format!("name the vault's directory with --data-dir, or make a vault here: fsm-vault init --data-dir {data}")
        }
        VaultError::Identity(IdentityError::File(error)) => of_file(error, directory, &looked_at(directory)),
        VaultError::File { source, .. } if source.kind() == std::io::ErrorKind::NotADirectory => {
            "name the vault's directory with --data-dir".to_owned()
        }
        VaultError::Full => format!("make room on the disk: df -h {data}"),
        _ => looked_at(directory),
    }
}

/// What to do about a file: as `otherwise` has it, unless it is only kept from whoever looks.
pub fn of_file(error: &FileError, directory: &Directory, otherwise: &str) -> String {
    match error {
        // Where the directory is its own, one file of another's in it is what is odd.
        FileError::Foreign { path, user, .. } if directory.refuse_other_owner().is_ok() => {
            format!("give it to the vault's user: sudo chown {user} {}", typed(path))
        }
        FileError::Foreign { owner, .. } => as_owner(*owner, &typed(directory.path())),
        FileError::Io { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
            match std::fs::metadata(directory.path()) {
                Ok(itself) => as_owner(itself.uid(), &typed(directory.path())),
                Err(_) => otherwise.to_owned(),
            }
        }
        FileError::Exposed { path } => format!("take it from the others: chmod 600 {}", typed(path)),
        FileError::Content { path, .. } if path.ends_with("ca.pem") => format!(
            "put back a copy, which every identity directory has: cp IDENTITY/ca.pem {}",
            typed(&directory.tls())
        ),
        FileError::NotRegular { path } => {
            let path = typed(path);
            format!("move it away: mv {path} {path}.odd; then {otherwise}")
        }
        _ => otherwise.to_owned(),
    }
}

fn as_owner(owner: u32, data: &str) -> String {
    format!("look as its owner: {} fsm-vault doctor --data-dir {data}", as_user(owner))
}

/// For what has no remedy of its own: the host's refusals, mostly.
fn looked_at(directory: &Directory) -> String {
    format!(
        "see that everything here is a plain file or directory of the daemon's user, on a disk that can be read and \
         written: ls -lnR {0}; df -h {0}",
        typed(directory.path())
    )
}
