//! The vault's passphrase: from a private file or a hidden prompt.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::arguments::Globals;
use super::connect::{client, with_daemon};
use super::failure::Failure;
use super::{output, prompt, shell, value};
use crate::client::Connection;
use crate::identity::{FileError, read_private};
use crate::secret::Plaintext;
use crate::vault::{LONGEST_PASSPHRASE, SHORTEST_PASSPHRASE, unfit_as_new};

/// Bytes of a file with a passphrase, at most: one line end is none of it.
pub const LONGEST_FILE: usize = LONGEST_PASSPHRASE + 1;

/// A passphrase for a new vault, from a file or asked for twice; of a length that the vault takes.
pub fn fresh(file: Option<&Path>) -> Result<Plaintext, Failure> {
    match file {
        None if !prompt::can_ask() => return Err(missing("--passphrase-file")),
        None => output::tell(format_args!(
            "The passphrase unseals the vault. Without it nothing in it can ever be read again."
        )),
        Some(_) => {}
    }
    another_by(file, "--passphrase-file")
}

/// A new passphrase of a vault that there is: the same rules.
pub fn another(file: Option<&Path>) -> Result<Plaintext, Failure> {
    another_by(file, "--new-passphrase-file")
}

fn another_by(file: Option<&Path>, option: &str) -> Result<Plaintext, Failure> {
    match file {
        Some(path) => {
            let passphrase = from_file(path)?;
            fit_as_new(&passphrase)?;
            Ok(passphrase)
        }
        None if prompt::can_ask() => prompt::twice(
            &format!("New passphrase, at least {SHORTEST_PASSPHRASE} characters"),
            option,
            |typed| {
                is_one(typed, "the passphrase")?;
                fit_as_new(typed)
            },
        ),
        None => Err(missing(option)),
    }
}

fn fit_as_new(passphrase: &Plaintext) -> Result<(), Failure> {
    match unfit_as_new(passphrase) {
        Some(why) => Err(Failure::usage(format!("the passphrase {why}"))),
        None => Ok(()),
    }
}

/// Looks whether there is any use in it, before anybody is asked for a passphrase; of one in a file the daemon says so itself.
pub fn before_asking(
    globals: &Globals,
    file: Option<&Path>,
    look: impl AsyncFnOnce(&mut Connection<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if file.is_none() && prompt::can_ask() { with_daemon(globals, look) } else { client(globals).map(drop) }
}

/// The passphrase of a vault that there is, from a file or asked for once.
pub fn known(file: Option<&Path>) -> Result<Plaintext, Failure> {
    known_as("Passphrase", file, "--passphrase-file")
}

/// The same, where a new one is asked for next.
pub fn present(file: Option<&Path>) -> Result<Plaintext, Failure> {
    known_as("Present passphrase", file, "--passphrase-file")
}

/// The same, where the file is named by another option.
pub fn known_by(file: Option<&Path>, option: &str) -> Result<Plaintext, Failure> {
    known_as("Passphrase", file, option)
}

fn known_as(what: &str, file: Option<&Path>, option: &str) -> Result<Plaintext, Failure> {
    match file {
        Some(path) => from_file(path),
        None if prompt::can_ask() => checked(prompt::once(what, option)?, "the passphrase"),
        None => Err(missing(option)),
    }
}

/// The passphrase where one can do without: from a file, or asked for where somebody can answer. None if nobody can, or
/// nothing was typed.
pub fn optional(file: Option<&Path>, without: &str) -> Result<Option<Plaintext>, Failure> {
    match file {
        Some(path) => from_file(path).map(Some),
        None if prompt::can_ask() => {
            given(prompt::once(&format!("Passphrase, or an empty line to {without}"), "--passphrase-file")?)
        }
        None => Ok(None),
    }
}

fn given(typed: Plaintext) -> Result<Option<Plaintext>, Failure> {
    if typed.is_empty() { Ok(None) } else { checked(typed, "the passphrase").map(Some) }
}

/// Reads a passphrase file, which nobody else may read; `-` is standard input. One line end is taken off.
pub fn from_file(path: &Path) -> Result<Plaintext, Failure> {
    from_file_or(path, "leave the option out to be asked unseen")
}

/// The same, where nobody is asked if the option is left out: `instead` says what to do on a terminal.
pub fn from_file_or(path: &Path, instead: &str) -> Result<Plaintext, Failure> {
    from(path, credentials().as_deref(), instead)
}

/// Whether systemd handed this file over.
pub fn is_credential(path: &Path) -> bool {
    lies_in(path, credentials().as_deref())
}

fn credentials() -> Option<OsString> {
    std::env::var_os("CREDENTIALS_DIRECTORY")
}

fn from(path: &Path, credentials: Option<&OsStr>, instead: &str) -> Result<Plaintext, Failure> {
    let bytes = if value::is_stdin(path) {
        value::from_stdin_or("the passphrase", LONGEST_FILE, instead)?
    } else if lies_in(path, credentials) {
        // systemd guards the whole directory; its files' modes say nothing.
        value::from_file(path, LONGEST_FILE)?
    } else {
        read_private(path, LONGEST_FILE).map_err(|error| {
            let is_anothers = matches!(error, FileError::Foreign { .. });
            let failure = Failure::from(error);
            if !is_anothers {
                return failure;
            }
            // Where the program has to run as the daemon's user, say.
            failure
                .and(format!("Or hand it over on standard input: --passphrase-file - <{}", shell::word(path)))
        })?
    };
    let mut bytes = bytes.reveal_into_vec();
    if bytes.ends_with(b"\n") {
        bytes.pop();
    }
    let origin = if value::is_stdin(path) { "standard input".to_owned() } else { path.display().to_string() };
    let passphrase = Plaintext::from(bytes);
    if passphrase.lend(<[u8]>::len) > LONGEST_PASSPHRASE {
        return Err(Failure::usage(format!("{origin} is larger than {LONGEST_PASSPHRASE} bytes")));
    }
    checked(passphrase, &origin)
}

/// Whether a file lies directly in `$CREDENTIALS_DIRECTORY`.
fn lies_in(path: &Path, directory: Option<&OsStr>) -> bool {
    let directory = directory.map(Path::new).filter(|directory| directory.is_absolute());
    directory.is_some_and(|directory| path.parent() == Some(directory) && path.file_name().is_some())
}

/// A passphrase may be typed, and travels in JSON: so it is text.
fn checked(passphrase: Plaintext, origin: &str) -> Result<Plaintext, Failure> {
    is_one(&passphrase, origin)?;
    Ok(passphrase)
}

fn is_one(passphrase: &Plaintext, origin: &str) -> Result<(), Failure> {
    if passphrase.is_empty() {
        return Err(Failure::usage(format!("{origin} is empty")));
    }
    if passphrase.lend(|bytes| std::str::from_utf8(bytes).is_err()) {
        return Err(Failure::usage(format!("{origin} is no UTF-8 text, which a passphrase must be")));
    }
    Ok(())
}

fn missing(option: &str) -> Failure {
    Failure::usage(format!(
        "the passphrase is missing: give {option} FILE (- for standard input), or run this on a terminal to be asked"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_private_unless_it_is_a_credential() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passphrase");
        fs::write(&path, "correct horse\n").unwrap();
        let inside = Some(folder.path().as_os_str());
        for (mode, credentials, right) in [
            (0o600, None, true),
            (0o640, None, false),
            (0o440, inside, true),
            (0o440, Some(OsStr::new("/")), false),
        ] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let read = from(&path, credentials, "");
            assert_eq!(read.is_ok(), right, "{mode:o}");
            match read {
                Ok(read) => assert!(read.same_as(&Plaintext::new(b"correct horse".to_vec()))),
                Err(error) => assert!(error.text.contains("chmod 600"), "{}", error.text),
            }
        }
    }

    #[test]
    fn anothers_file_can_be_handed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passphrase");
        fs::write(&path, "correct horse\n").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        // Nobody else's can be made where this doesn't run as root.
        if std::os::unix::fs::chown(&path, Some(12345), None).is_ok() {
            let refused = from(&path, None, "").err().unwrap().text;
            assert!(refused.contains("uid 12345") && refused.contains("--passphrase-file - <"), "{refused}");
        }
    }

    #[test]
    fn nothing_typed_is_no_passphrase() {
        let typed = |bytes: &[u8]| given(Plaintext::new(bytes.to_vec()));
        assert!(typed(b"").unwrap().is_none());
        assert!(typed(b" ").unwrap().is_some() && typed(b"correct horse").unwrap().is_some());
        assert_eq!(typed(b"\xff").err().unwrap().exit, super::super::exit::Exit::Usage);
    }

    #[test]
    fn only_one_line_end_is_taken_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passphrase");
        for (content, expected) in [
            (&b"correct horse battery"[..], Some(&b"correct horse battery"[..])),
            (b"correct horse battery\n\n", Some(b"correct horse battery\n")),
            (b" correct horse battery ", Some(b" correct horse battery ")),
            (b"short\n", None),
            (&[b"x".repeat(4096), vec![b'\n']].concat(), Some(&b"x".repeat(4096))),
            (&b"x".repeat(4097), None),
            (b"\n", None),
            (b"", None),
            (b"correct horse \xff battery", None),
        ] {
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            let read = fresh(Some(&path)).ok().map(|read| read.lend(<[u8]>::to_vec));
            assert_eq!(read.as_deref(), expected, "{content:?}");
        }
    }

    #[test]
    fn a_credential_lies_in_its_directory() {
        let directory = Some(OsStr::new("/run/credentials/x"));
        assert!(lies_in(Path::new("/run/credentials/x/passphrase"), directory));
        for wrong in
            ["/run/credentials/passphrase", "/run/credentials/x/../y", "passphrase", "/run/credentials/x/a/b"]
        {
            assert!(!lies_in(Path::new(wrong), directory), "{wrong}");
        }
        assert!(!lies_in(Path::new("passphrase"), Some(OsStr::new(""))));
    }
}
