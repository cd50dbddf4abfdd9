//! Where a wrong passphrase came from, and what to type in its place. Never the passphrase.

use std::path::Path;

use super::failure::Failure;
use super::{passphrase, shell, value};

/// Where a passphrase was taken from.
pub struct Origin {
    /// Continues "It came from" or "It was".
    from: String,
    next: String,
}

impl Origin {
    /// Of a passphrase that is shown to do something: in a file that `option` names, or typed.
    pub fn shown(file: Option<&Path>, option: &str) -> Self {
        let (from, next) = match file {
            None => (
                "was typed at the question".to_owned(),
                "Type the command again; the passphrase of any key slot will do".to_owned(),
            ),
            Some(path) if value::is_stdin(path) => (
                format!("came from standard input ({option} -)"),
                format!(
                    "Send the passphrase there and nothing else, or leave {option} out on a terminal to be asked"
                ),
            ),
            Some(path) => (
                format!("came from the file {} ({option})", shell::word(path)),
                format!("Put the right one there, or leave {option} out on a terminal to be asked"),
            ),
        };
        Self { from, next }
    }

    /// Of one that a rekey is to keep a key slot for.
    pub fn kept(file: &Path) -> Self {
        let from = format!("came from the file {} (--keep-passphrase-file)", shell::word(file));
        let next =
            "Put there that of a key slot (fsm-vault keyslot list shows which there are), or leave it out"
                .to_owned();
        Self { from, next }
    }

    /// Of the daemon's own: in the file that `serve` was told, by its option or by the configuration.
    pub fn of_start(file: &Path, is_option: bool) -> Self {
        let sealed = "and start it: it comes up sealed, and an operator types: fsm-vault unseal";
        let shown = shell::word(file);
        let (from, next) = if passphrase::is_credential(file) {
            let encrypt =
                "systemd-ask-password -n --timeout=0 | systemd-creds encrypt --name=passphrase - FILE";
            (
                format!("is a credential of the unit ($CREDENTIALS_DIRECTORY, {shown})"),
                format!(
                    "Make it anew, FILE being what LoadCredentialEncrypted= names: {encrypt}; or take that line out {sealed}"
                ),
            )
        } else if value::is_stdin(file) {
            (
                "came from standard input (--passphrase-file -)".to_owned(),
                format!(
                    "Send the passphrase there and nothing else, or leave --passphrase-file out {sealed}"
                ),
            )
        } else if is_option {
            (
                format!("came from the file {shown} (--passphrase-file)"),
                format!("Put the right one there, or leave --passphrase-file out {sealed}"),
            )
        } else {
            (
                format!("came from the file {shown} (passphrase_file in the configuration)"),
                format!("Put the right one there, or take passphrase_file out {sealed}"),
            )
        };
        Self { from, next }
    }

    /// For `map_err`: says it of a passphrase that was wrong, and leaves every other failure alone.
    pub fn of(self, failure: Failure) -> Failure {
        any_of([self], failure)
    }

    /// What was found and what to do, as `doctor` shows it.
    pub fn told(&self) -> (String, String) {
        (format!("wrong passphrase; it {}", self.from), self.next.clone())
    }
}

/// The same where several passphrases were shown, and one was wrong.
pub fn any_of(origins: impl IntoIterator<Item = Origin>, failure: Failure) -> Failure {
    if !failure.is_wrong_passphrase {
        return failure;
    }
    let origins: Vec<_> = origins.into_iter().collect();
    let it = if origins.len() == 1 { "It" } else { "One" };
    origins
        .iter()
        .fold(failure, |failure, Origin { from, next }| failure.and(format!("{it} {from}. {next}.")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::VaultError;

    #[test]
    fn where_it_came_from_and_what_to_type() {
        let file = |path: &'static str| Some(Path::new(path));
        for (origin, parts) in [
            (Origin::shown(None, "--p"), ["typed", "any key slot"]),
            (Origin::shown(file("-"), "--p"), ["standard input (--p -)", "leave --p out"]),
            (Origin::shown(file("/a b"), "--p"), ["the file '/a b' (--p)", "leave --p out"]),
            (Origin::of_start(Path::new("/a"), true), ["(--passphrase-file)", "fsm-vault unseal"]),
            (Origin::of_start(Path::new("/a"), false), ["(passphrase_file in the", "fsm-vault unseal"]),
            (Origin::of_start(Path::new("-"), true), ["standard input", "fsm-vault unseal"]),
        ] {
            let told = origin.of(VaultError::WrongPassphrase.into()).text;
            assert!(
                parts.iter().all(|part| told.contains(part)) && told.starts_with("wrong passphrase\n"),
                "{told}"
            );
        }
        let two = [Origin::shown(None, "--p"), Origin::kept(Path::new("/k"))];
        let told = any_of(two, VaultError::WrongPassphrase.into()).text;
        assert!(
            told.contains("\nOne was typed") && told.contains("\nOne came from the file /k (--keep"),
            "{told}"
        );
        let other = Failure::from(VaultError::Backoff(3));
        assert_eq!(Origin::shown(None, "--p").of(other).text.lines().count(), 1);
    }
}
