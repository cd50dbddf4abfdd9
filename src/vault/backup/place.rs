//! Where scheduled backups are kept: their names, those that are there, what was left of one, the room beside a vault's own.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::fmt::strtime;
use rustix::fs::statvfs;

use crate::keys::VaultId;
use crate::vault::VaultError;

/// Of a file's time.
const TIME: &str = "%Y%m%dT%H%M%SZ";
/// A draft that nobody has written to for so long is nobody's.
const ABANDONED: Duration = Duration::from_secs(60 * 60);
/// Bytes that a backup leaves free on a disk that it shares with the vault: twice what changes and the log need.
const LEFT_FREE: u64 = 32 << 20;

const NO_ROOM: &str = "its directory is on the vault's own disk, where changes need the 32 MiB that are left; make room there, \
                       or let backup.directory be on another disk";

pub(super) fn name(vault: VaultId, at: Timestamp) -> String {
    format!("{}{}.fsmb", prefix(vault), at.strftime(TIME))
}

fn prefix(vault: VaultId) -> String {
    format!("fsm-vault-{}-", &vault.to_string()[..8])
}

/// When a backup of this name was made; None: it is none of this vault's.
fn time(name: &str, vault: VaultId) -> Option<Timestamp> {
    let text = name.strip_prefix(&prefix(vault))?.strip_suffix(".fsmb")?;
    let at = strtime::parse(TIME, text).ok()?.to_datetime().ok()?;
    let at = at.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    (self::name(vault, at) == name).then_some(at)
}

/// The times of this vault's backups in a directory. Other files, links and directories are none.
pub(super) fn made(directory: &Path, vault: VaultId) -> Result<Vec<Timestamp>, VaultError> {
    let at = |source| VaultError::File { path: directory.display().to_string(), source };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(at)? {
        let entry = entry.map_err(at)?;
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        found.extend(entry.file_name().to_str().and_then(|name| time(name, vault)).filter(|_| is_file));
    }
    Ok(found)
}

pub(super) fn remove(path: &Path) -> Result<(), VaultError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(|source| VaultError::File { path: path.display().to_string(), source }),
    }
}

/// Takes away drafts of this vault's backups that a kill has left: there are some only where files can't be without a name
/// (`identity/new_file.rs`). One that can't be removed costs room, and no backup.
pub(super) fn sweep(directory: &Path, vault: VaultId) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let is_draft = entry.file_name().to_str().is_some_and(|name| is_draft(name, vault));
        let is_old = |found: std::fs::Metadata| {
            let written = found.modified().unwrap_or_else(|_| SystemTime::now());
            found.is_file() && written.elapsed().is_ok_and(|age| age >= ABANDONED)
        };
        // Of the entry itself: no link is followed.
        if !is_draft || !entry.metadata().is_ok_and(is_old) {
            continue;
        }
        let (path, size) = (entry.path(), entry.metadata().map_or(0, |found| found.len()));
        match remove(&path) {
            Ok(()) => {
                tracing::info!(backup.draft = %path.display(), bytes = size, "what a backup had left was removed")
            }
            Err(error) => tracing::warn!(error = %error, "what a backup has left can't be removed"),
        }
    }
}

/// Whether it is what a backup of this vault is called until it is whole.
fn is_draft(name: &str, vault: VaultId) -> bool {
    let parts = name.strip_prefix('.').and_then(|name| name.strip_suffix(".draft")?.rsplit_once('.'));
    parts.is_some_and(|(whole, random)| {
        random.len() == 16
            && random.bytes().all(|byte| byte.is_ascii_hexdigit())
            && time(whole, vault).is_some()
    })
}

/// The room of the backups' disk, where the vault lives on it too.
pub(super) struct SharedRoom(Option<PathBuf>);

impl SharedRoom {
    /// None to look after, if the directory is on another disk than each of these.
    pub fn of(directory: &Path, own: [PathBuf; 2]) -> Self {
        let device = |path: &Path| std::fs::metadata(path).ok().map(|found| found.dev());
        let here = device(directory);
        let is_shared = here.is_some() && own.iter().any(|path| device(path) == here);
        Self(is_shared.then(|| directory.to_owned()))
    }

    /// Refuses bytes that the vault needs the room of.
    pub fn has(&self, bytes: usize) -> Result<(), VaultError> {
        // Where it can't be asked, writing says what there is to say.
        let Some(space) = self.0.as_deref().and_then(|path| statvfs(path).ok()) else { return Ok(()) };
        if is_left(space.f_bavail.saturating_mul(space.f_frsize), bytes) {
            Ok(())
        } else {
            Err(VaultError::GivenUp(NO_ROOM))
        }
    }
}

fn is_left(free: u64, bytes: usize) -> bool {
    free.checked_sub(bytes as u64).is_some_and(|left| left >= LEFT_FREE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Header;

    #[test]
    fn a_backups_name_and_its_near_misses() {
        let passphrase = crate::secret::Plaintext::new(b"right".to_vec());
        let cost = crate::crypto::Argon2Cost { memory_kib: 19_456, passes: 2, lanes: 1 };
        let vault = Header::create(&passphrase, cost).unwrap().0.vault();
        let at: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let right = name(vault, at);
        assert!(right.ends_with("-20261122T100000Z.fsmb"), "{right}");
        assert_eq!(time(&right, vault), Some(at));
        for wrong in [
            right.replace("100000", "250000"),
            right.replace("20261122T", "2026112T"),
            right.replace("Z.fsmb", "Z.fsmb.bak"),
            format!(".{right}.0123456789abcdef.draft"),
            right.replace(&vault.to_string()[..8], "xxxxxxxx"),
            right.replace(".fsmb", ""),
            "fsm-vault.fsmb".to_owned(),
        ] {
            assert_eq!(time(&wrong, vault), None, "{wrong}");
        }
    }

    #[test]
    fn old_drafts_of_this_vaults_backups_go_and_nothing_else() {
        let passphrase = crate::secret::Plaintext::new(b"right".to_vec());
        let cost = crate::crypto::Argon2Cost { memory_kib: 19_456, passes: 2, lanes: 1 };
        let vault = Header::create(&passphrase, cost).unwrap().0.vault();
        let folder = tempfile::tempdir().unwrap();
        let whole = name(vault, "2026-11-22T10:00:00Z".parse().unwrap());
        let draft = format!(".{whole}.0123456789abcdef.draft");
        let other = draft.replace(&vault.to_string()[..8], "00000000");
        let young = draft.replace("0123", "4567");
        for name in [&whole, &draft, &other, &young, ".notes.txt.0123456789abcdef.draft"] {
            let file = std::fs::File::create(folder.path().join(name)).unwrap();
            let age = if *name == young { ABANDONED - Duration::from_secs(60) } else { ABANDONED };
            file.set_modified(SystemTime::now() - age).unwrap();
        }
        sweep(folder.path(), vault);
        assert!(!folder.path().join(&draft).exists());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4);
    }

    #[test]
    fn the_vault_keeps_its_room_on_a_shared_disk() {
        for (free, bytes, fine) in [(LEFT_FREE + 10, 10, true), (LEFT_FREE + 10, 11, false), (5, 10, false)] {
            assert_eq!(is_left(free, bytes), fine, "{free} {bytes}");
        }
        let folder = tempfile::tempdir().unwrap();
        let here = || folder.path().to_owned();
        assert!(SharedRoom::of(folder.path(), ["/proc".into(), here()]).0.is_some());
        assert!(SharedRoom::of(folder.path(), ["/proc".into(), "/nowhere".into()]).0.is_none());
    }
}
