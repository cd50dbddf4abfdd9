//! The quickstart's directory.
//!
//! ```text
//! vault/       the vault's data directory, with the operator's identity in identities/admin/
//! passphrase   0600, made up here
//! fsm/ other/  the identities of two services
//! ```

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::init::USUAL_OPERATOR;
use super::super::{passphrase, shell};
use super::{Passphrases, Steps};
use crate::client::printable;
use crate::identity::is_of_place;
use crate::secret::Plaintext;
use crate::vault::{Directory, is_of_file_system};

pub struct Place(PathBuf);

impl Place {
    pub fn at(dir: &Path) -> Result<Self, Failure> {
        let absolute = std::path::absolute(dir);
        absolute.map(Self).map_err(|error| Failure::usage(format!("--dir {}: {error}", dir.display())))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn vault(&self) -> PathBuf {
        self.0.join("vault")
    }

    pub fn operator(&self) -> PathBuf {
        Directory::at(self.vault()).identity(USUAL_OPERATOR)
    }

    pub fn identity(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Whether there is no vault yet.
    pub fn is_new(&self) -> bool {
        !Directory::at(self.vault()).store().exists()
    }

    /// The passphrase of the last quickstart, or a random one for a new vault.
    pub fn passphrase(&self, steps: &mut Steps) -> Result<Passphrases, Failure> {
        let file = self.0.join("passphrase");
        if !file.exists() {
            self.refuse_others()?;
            if !self.is_new() {
                let (vault, file) = (self.vault(), file.display());
                return Err(Failure::usage(format!(
                    "{} is there, but not its passphrase {file}: put it back, or name another directory with --dir",
                    vault.display()
                )));
            }
            let random = random_text()?;
            self.keep(&file, &random).map_err(|error| {
                let exit = if is_of_place(&error) { Exit::Usage } else { Exit::Failed };
                Failure::new(exit, format!("can't write {}: {error}", file.display()))
                    .and("Name another directory with --dir, or see to this one, then type the same again.")
            })?;
            steps.say(format!("made up a passphrase, kept in {} (for you alone to read)", file.display()))?;
        }
        Ok(Passphrases { making: passphrase::from_file(&file)?, serving: passphrase::from_file(&file)? })
    }

    /// Refuses a directory that is there for something else.
    fn refuse_others(&self) -> Result<(), Failure> {
        let own = ["vault", "passphrase.new", "fsm", "other"];
        let entries = std::fs::read_dir(&self.0).into_iter().flatten().flatten();
        let entries = entries.filter(|entry| !is_of_file_system(entry));
        match entries.map(|entry| entry.file_name()).find(|name| own.iter().all(|own| name != own)) {
            None => Ok(()),
            Some(other) => Err(Failure::usage(format!(
                "{} holds something else ({}), and no quickstart: name a new directory with --dir",
                shell::word(&self.0),
                printable(&other.to_string_lossy())
            ))),
        }
    }

    /// Says of a passphrase that is wrong where it came from.
    pub fn wrong_passphrase(&self, failure: Failure) -> Failure {
        if !failure.is_wrong_passphrase {
            return failure;
        }
        let (file, vault) = (self.0.join("passphrase"), self.vault());
        let text = format!(
            "the passphrase in {} doesn't open the vault in {}: put the right one back, or name another directory with --dir",
            file.display(),
            vault.display()
        );
        failure.retold(text)
    }

    /// Written whole or not at all: a torn passphrase would open nothing.
    fn keep(&self, file: &Path, text: &Plaintext) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
        let draft = self.0.join("passphrase.new");
        match std::fs::remove_file(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        text.lend(|bytes| out.write_all(bytes))?;
        out.write_all(b"\n")?;
        out.sync_all()?;
        std::fs::rename(&draft, file)?;
        std::fs::File::open(&self.0)?.sync_all()
    }

    /// Removes what an earlier quickstart left of a service's identity.
    pub fn clear_identity(&self, name: &str) -> Result<(), Failure> {
        for file in ["cert.pem", "key.pem", "ca.pem"] {
            let path = self.identity(name).join(file);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Failure::new(
                        Exit::Failed,
                        format!("can't replace {}: {error}", path.display()),
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// 32 random bytes as 64 hexadecimal digits, like NetSuite's IDs and secrets.
pub fn random_text() -> Result<Plaintext, Failure> {
    let random = crate::crypto::fresh::<32>();
    let random = random.map_err(|_| Failure::new(Exit::Failed, "no random numbers from the kernel"))?;
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut text = Zeroizing::new(Vec::with_capacity(64));
    for byte in random.iter() {
        text.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::super::super::output::Form;
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_passphrase_is_made_once_and_never_for_a_vault_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::at(&folder.path().join("q")).unwrap();
        let mut steps = Steps { form: Form::Json, lines: Vec::new() };
        let first = place.passphrase(&mut steps).unwrap();
        let file = place.path().join("passphrase");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let second = place.passphrase(&mut steps).unwrap();
        assert!(first.making.same_as(&second.serving));
        assert_eq!(steps.lines.len(), 1);
        assert!(first.making.lend(|text| text.len() == 64 && text.iter().all(u8::is_ascii_hexdigit)));

        std::fs::remove_file(&file).unwrap();
        std::fs::create_dir_all(place.vault().join("store")).unwrap();
        assert_eq!(place.passphrase(&mut steps).err().unwrap().exit, Exit::Usage);
    }
}
