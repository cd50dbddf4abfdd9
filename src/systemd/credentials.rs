//! Credentials that systemd hands over (systemd.exec(5), `LoadCredentialEncrypted=`).

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The unit's name for it.
const PASSPHRASE: &str = "passphrase";
const SMTP_PASSWORD: &str = "smtp_password";

/// The file with the passphrase, if the unit has the credential; `directory` is the value of
/// `$CREDENTIALS_DIRECTORY`.
///
/// Don't judge this file by its mode: systemd keeps the directory to the service's user and lets that user
/// read by an access list, whose mask shows as the group's bits (0440), with root as the owner.
pub fn passphrase_file(directory: Option<&OsStr>) -> Option<PathBuf> {
    credential(directory, PASSPHRASE)
}

/// The same for the mail server's password.
pub fn smtp_password_file(directory: Option<&OsStr>) -> Option<PathBuf> {
    credential(directory, SMTP_PASSWORD)
}

fn credential(directory: Option<&OsStr>, name: &str) -> Option<PathBuf> {
    let path = Path::new(directory?).join(name);
    (path.is_absolute() && path.is_file()).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_that_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let named = Some(directory.path().as_os_str());
        assert_eq!(passphrase_file(None), None);
        assert_eq!(passphrase_file(Some(OsStr::new(""))), None);
        assert_eq!(passphrase_file(named), None);

        let path = directory.path().join(PASSPHRASE);
        std::fs::create_dir(&path).unwrap();
        assert_eq!(passphrase_file(named), None);

        std::fs::remove_dir(&path).unwrap();
        std::fs::write(&path, "x").unwrap();
        assert_eq!(passphrase_file(named), Some(path));
    }
}
