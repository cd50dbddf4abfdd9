//! A renewed identity takes the old one's place: two files that must change together.
//!
//! ```text
//! 1. key.pem.new   the new key, and cert.pem.new, as room for the certificate, both synced
//!    the daemon is asked
//! 2. cert.pem.new  the new certificate, synced
//! 3. cert.pem.new → cert.pem    from here on the new pair holds
//! 4. key.pem.new  → key.pem
//! ```
//!
//! The daemon is asked once the disk has taken the key: each certificate that it issues counts, also one that nobody could
//! keep. A crash up to 2 leaves the old pair whole; its certificate stays valid until it expires. A crash between 3
//! and 4 leaves the new key one rename away: whoever loads the identity next finds that `key.pem` doesn't
//! belong to `cert.pem` and that `key.pem.new` does, and takes step 4.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rcgen::{KeyPair, PublicKeyData};
use rustix::fs::FlockOperation;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::identity::{FileError, read_private};
use crate::model::KeyHash;
use crate::secret::Plaintext;

const MAX_PEM: usize = 64 * 1024;
const NEW_KEY: &str = "key.pem.new";
const NEW_CERTIFICATE: &str = "cert.pem.new";

/// More than a certificate takes; without a full disk it may be longer.
const ROOM: [u8; 8 * 1024] = [b'\n'; 8 * 1024];

/// A renewal under way: the new key is in its directory. Given up when dropped.
pub struct Renewal {
    directory: PathBuf,
    /// Locked.
    folder: File,
    certificate: File,
}

impl Renewal {
    /// Puts the new key into an identity directory, beside the one in use, and makes room for its certificate. One at a
    /// time: a second renewal is refused.
    pub fn begin(directory: &Path, key_pem: &Plaintext) -> Result<Self, FileError> {
        let folder = lock(directory)?;
        let drafted = || {
            key_pem.lend(|key| write(&directory.join(NEW_KEY), key, 0o600))?;
            let certificate = write(&directory.join(NEW_CERTIFICATE), &ROOM, 0o644)?;
            sync(&folder, directory)?;
            Ok(certificate)
        };
        let certificate = drafted().inspect_err(|_| clear(directory))?;
        Ok(Self { directory: directory.to_owned(), folder, certificate })
    }

    /// Replaces `cert.pem` and `key.pem`.
    pub fn end(self, certificate_pem: &str) -> Result<(), FileError> {
        let Self { directory, folder, certificate } = &self;
        let bytes = certificate_pem.as_bytes();
        let written = certificate
            .write_all_at(bytes, 0)
            .and_then(|()| certificate.set_len(bytes.len() as u64))
            .and_then(|()| certificate.sync_all());
        written.map_err(at(&directory.join(NEW_CERTIFICATE), "write"))?;
        rename(directory, NEW_CERTIFICATE, "cert.pem")?;
        sync(folder, directory)?;
        rename(directory, NEW_KEY, "key.pem")?;
        sync(folder, directory)
    }
}

impl Drop for Renewal {
    fn drop(&mut self) {
        // The key may belong to `cert.pem` already.
        if self.directory.join(NEW_CERTIFICATE).exists() {
            clear(&self.directory);
        }
    }
}

/// Removes what a renewal that came to nothing has left: the next one would too.
fn clear(directory: &Path) {
    for name in [NEW_CERTIFICATE, NEW_KEY] {
        let _ = std::fs::remove_file(directory.join(name));
    }
}

/// Takes the last step of a renewal that a crash cut short: true if there was one. `certified` is the key that
/// `cert.pem` certifies.
pub(super) fn finish(directory: &Path, certified: KeyHash) -> Result<bool, FileError> {
    let waiting = directory.join(NEW_KEY);
    if waiting.symlink_metadata().is_err() {
        return Ok(false);
    }
    let folder = lock(directory)?;
    if hash_of(&read_private(&waiting, MAX_PEM)?) != Some(certified) {
        return Ok(false);
    }
    rename(directory, NEW_KEY, "key.pem")?;
    sync(&folder, directory)?;
    Ok(true)
}

fn hash_of(key_pem: &Plaintext) -> Option<KeyHash> {
    key_pem.lend(|pem| {
        let pair = Zeroizing::new(KeyPair::from_pem(std::str::from_utf8(pem).ok()?).ok()?);
        Some(KeyHash(Sha256::digest(pair.subject_public_key_info()).into()))
    })
}

/// Holds the directory until the file is dropped.
fn lock(directory: &Path) -> Result<File, FileError> {
    let folder = File::open(directory).map_err(at(directory, "open"))?;
    match rustix::fs::flock(&folder, FlockOperation::NonBlockingLockExclusive) {
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let fault = "is being renewed by another fsm-vault; try again in a moment";
            Err(FileError::Content { path: directory.to_owned(), fault })
        }
        other => other.map(|()| folder).map_err(|error| at(directory, "lock")(error.into())),
    }
}

/// Writes a file anew. Nobody reads it before it is renamed, so that it needs no draft of its own.
fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<File, FileError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(path, "replace")(error)),
        _ => {}
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let written = file.and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        Ok(file)
    });
    written.map_err(at(path, "write"))
}

fn rename(directory: &Path, from: &str, to: &str) -> Result<(), FileError> {
    let to = directory.join(to);
    std::fs::rename(directory.join(from), &to).map_err(at(&to, "write"))
}

fn sync(folder: &File, directory: &Path) -> Result<(), FileError> {
    folder.sync_all().map_err(at(directory, "sync"))
}

fn at(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> FileError {
    move |source| FileError::Io { path: path.to_owned(), doing, source }
}

#[cfg(test)]
mod tests {
    use super::super::fresh_key::FreshKey;
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn both_files_change_and_nothing_is_left_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("cert.pem"), "old").unwrap();
        fs::write(path("key.pem"), "old").unwrap();
        fs::write(path(NEW_KEY), "left over").unwrap();
        let key = Plaintext::new(b"new key".to_vec());
        let renewal = Renewal::begin(folder.path(), &key).unwrap();
        assert_eq!(fs::read(path("cert.pem")).unwrap(), b"old");
        assert_eq!(fs::read(path(NEW_KEY)).unwrap(), b"new key", "before the daemon is asked");
        renewal.end("new certificate").unwrap();
        assert_eq!(fs::read(path("cert.pem")).unwrap(), b"new certificate");
        assert_eq!(fs::read(path("key.pem")).unwrap(), b"new key");
        assert_eq!(fs::metadata(path("key.pem")).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn one_that_comes_to_nothing_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("cert.pem"), "old").unwrap();
        let key = Plaintext::new(b"new key".to_vec());
        drop(Renewal::begin(folder.path(), &key).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "refused");
        fs::create_dir(path(NEW_CERTIFICATE)).unwrap();
        assert!(Renewal::begin(folder.path(), &key).is_err());
        assert!(!path(NEW_KEY).exists(), "no place for the certificate");
        fs::remove_dir(path(NEW_CERTIFICATE)).unwrap();
        // Between the two renames the new key is the only one for the new certificate.
        let renewal = Renewal::begin(folder.path(), &key).unwrap();
        fs::create_dir(path("key.pem")).unwrap();
        assert!(renewal.end("new certificate").is_err());
        assert_eq!(fs::read(path("cert.pem")).unwrap(), b"new certificate");
        assert_eq!(fs::read(path(NEW_KEY)).unwrap(), b"new key");
    }

    #[test]
    fn only_the_certified_key_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let (fresh, other) = (FreshKey::generate().unwrap(), FreshKey::generate().unwrap());
        let certified = hash_of(&fresh.key_pem).unwrap();
        fs::write(folder.path().join("key.pem"), "old").unwrap();
        let key = || fs::read(folder.path().join("key.pem")).unwrap();

        assert!(!finish(folder.path(), certified).unwrap());
        for wrong in [Plaintext::new(b"torn".to_vec()), other.key_pem] {
            wrong.lend(|bytes| write(&folder.path().join(NEW_KEY), bytes, 0o600)).unwrap();
            assert!(!finish(folder.path(), certified).unwrap());
            assert_eq!(key(), b"old");
        }
        fresh.key_pem.lend(|bytes| write(&folder.path().join(NEW_KEY), bytes, 0o600)).unwrap();
        assert!(finish(folder.path(), certified).unwrap());
        assert!(fresh.key_pem.same_as(&Plaintext::new(key())));
    }

    #[test]
    fn one_renewal_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let _first = lock(folder.path()).unwrap();
        let refused = Renewal::begin(folder.path(), &Plaintext::new(Vec::new())).err().unwrap();
        assert!(refused.to_string().contains("try again"), "{refused}");
    }
}
