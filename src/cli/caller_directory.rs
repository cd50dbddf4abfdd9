//! The identity directory of a caller: made before the daemon is asked, taken away if nothing comes of it.

use std::path::{Path, PathBuf};

use super::exit::Exit;
use super::failure::Failure;
use crate::identity::{Existing, write_identity};
use crate::secret::Plaintext;
use crate::wire::Enrolled;

/// Writes a caller's identity directory. `again`: what to type where it can't be written after all.
pub fn write(
    enrolled: &Enrolled,
    out: &Path,
    key_pem: Option<&Plaintext>,
    again: impl Fn(&Enrolled, &str) -> String,
) -> Result<(), Failure> {
    let certificate = enrolled.certificate.as_deref();
    let certificate =
        certificate.ok_or_else(|| Failure::new(Exit::Failed, "the daemon sent no certificate"))?;
    // Whatever stood in the way was asked for before; a key of the caller's own stays.
    let existing = if key_pem.is_some() { Existing::Refuse } else { Existing::Replace };
    write_identity(out, certificate, key_pem, &enrolled.ca, existing)
        .map_err(|error| Failure::from(error).and(again(enrolled, "written")))
}

/// A directory that is taken away again, unless there is something in it.
pub struct Made(Option<PathBuf>);

impl Drop for Made {
    fn drop(&mut self) {
        // Only an empty one goes; one that can't is no harm.
        let _ = self.0.as_ref().map(std::fs::remove_dir);
    }
}

/// Makes the identity directory before the daemon is asked, and refuses one that is in use.
pub fn prepare(out: &Path, taken: &str) -> Result<Made, Failure> {
    let taken = out.join(taken);
    if taken.symlink_metadata().is_ok() {
        return Err(Failure::new(
            Exit::Conflict,
            format!("{} exists already; name another directory, or remove the file first", taken.display()),
        ));
    }
    let made = Made((!out.exists()).then(|| out.to_owned()));
    let mut private = std::fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(private.recursive(true), 0o700)
        .create(out)
        .map_err(|error| Failure::usage(format!("can't make the directory {}: {error}", out.display())))?;
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_in_use_is_refused_beforehand() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("a/b");
        assert!(prepare(&out, "key.pem").is_ok() && !out.exists(), "an empty one goes");
        std::fs::create_dir_all(&out).unwrap();
        std::os::unix::fs::symlink("nowhere", out.join("key.pem")).unwrap();
        assert_eq!(prepare(&out, "key.pem").err().unwrap().exit, Exit::Conflict);
        assert!(prepare(&out, "cert.pem").is_ok());
    }
}
