//! The files that a configuration names besides itself: read before anything is opened, what can't be used told together.

use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::listenable::unlistenable;
use super::telling;
use crate::config::{Listen, Settings, Trust};
use crate::identity::{
    ClientVerifier, FileError, IdentityError, TlsDirectory, TrustRoot, is_bundle, open_trusted,
};
use crate::notify::{NotifyError, Ways};
use crate::vault::Directory;

/// A root bundle of a foreign trust domain, or of other servers, may have this many bytes.
const LARGEST_BUNDLE: u64 = 1024 * 1024;
const TRUST: &str = "identity.trust";

/// What the named files are for the daemon.
pub(super) struct Named {
    pub ways: Ways,
    pub roots: Vec<TrustRoot>,
}

/// A file that the configuration names and that can't be used. Shown as `KEY: DETAIL`, never with what is in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    /// Dotted path such as `notice.command`.
    pub key: &'static str,
    /// What is wrong, with the file's name.
    pub detail: String,
    pub by: By,
}

/// For whom it can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Anyone,
    /// This user, who may not have it.
    ThisUser,
    /// Whoever isn't started by systemd, which may hand it over.
    Others,
}

impl Unusable {
    pub fn of_file(key: &'static str, error: &FileError) -> Self {
        let by = match error {
            FileError::Io { source, .. } => By::whom(source),
            FileError::Foreign { .. } => By::ThisUser,
            _ => By::Anyone,
        };
        Self { key, detail: error.to_string(), by }
    }

    pub(super) fn of_notify(key: &'static str, error: &NotifyError) -> Self {
        let by = match error {
            NotifyError::NoProgram { source, .. } => By::whom(source),
            _ => By::Anyone,
        };
        Self { key, detail: error.to_string(), by }
    }

    pub(super) fn of_read(key: &'static str, path: &Path, error: &io::Error) -> Self {
        let detail = format!("{} can't be read: {error}", path.display());
        Self { key, detail, by: By::whom(error) }
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "{}: {}", self.key, self.detail)
    }
}

impl By {
    fn whom(error: &io::Error) -> Self {
        if error.kind() == ErrorKind::PermissionDenied { Self::ThisUser } else { Self::Anyone }
    }
}

/// All that can't be used among what the settings name, but for the passphrase, which isn't the daemon's to read.
pub fn unusable(settings: &Settings) -> Vec<Unusable> {
    let listen = settings.listen.iter().filter_map(unlistenable);
    let default = settings.addresses(None).err().map(|why| Unusable {
        key: "data_dir",
        detail: format!("with it the default Unix socket {why}; or name another one in listen"),
        by: By::Others,
    });
    let files = match read(settings) {
        Ok(Named { roots, .. }) => unfit(settings, &roots).into_iter().collect(),
        Err(wrong) => wrong,
    };
    default.into_iter().chain(listen).chain(same_socket(&settings.listen)).chain(files).collect()
}

/// What is wrong with the roots together, and beside the vault's own, where that can be read.
fn unfit(settings: &Settings, roots: &[TrustRoot]) -> Option<Unusable> {
    let local = TlsDirectory::at(&Directory::at(&settings.data_dir).tls()).local_root().ok()?;
    match ClientVerifier::new(&local, roots) {
        Err(IdentityError::Trust(fault)) => {
            Some(Unusable { key: TRUST, detail: fault.to_string(), by: By::Anyone })
        }
        _ => None,
    }
}

/// A socket that stands in the list by another spelling too.
fn same_socket(listen: &[Listen]) -> Option<Unusable> {
    let place = |listen: &Listen| match listen {
        Listen::Unix(path) => Some((path.parent()?.canonicalize().ok()?, path.file_name()?.to_owned())),
        Listen::Tcp(_) => None,
    };
    let places: Vec<_> = listen.iter().map(place).collect();
    let again = |at: &usize| places[*at].is_some() && places[..*at].contains(&places[*at]);
    let at = (0..listen.len()).find(again)?;
    let detail = format!("{} is a socket that stands there already, by another spelling", listen[at]);
    Some(Unusable { key: "listen", detail, by: By::Anyone })
}

/// Reads all of it; fails with everything that can't be used.
pub(super) fn read(settings: &Settings) -> Result<Named, Vec<Unusable>> {
    let mut wrong = Vec::new();
    let roots: Vec<_> =
        settings.identity.trust.iter().filter_map(|trust| kept(root(trust), &mut wrong)).collect();
    if let Some(path) = &settings.outbound.extra_ca {
        kept(extra_ca(path), &mut wrong);
    }
    if let Some(path) = &settings.backup.directory {
        kept(apart(&settings.data_dir, path), &mut wrong);
    }
    let ways = telling::ways(&settings.notice, &mut wrong);
    if wrong.is_empty() { Ok(Named { ways, roots }) } else { Err(wrong) }
}

/// What was read; what wasn't is noted.
pub(super) fn kept<T>(read: Result<T, Unusable>, wrong: &mut Vec<Unusable>) -> Option<T> {
    read.map_err(|error| wrong.push(error)).ok()
}

fn root(trust: &Trust) -> Result<TrustRoot, Unusable> {
    let (path, pem) = bundle(TRUST, &trust.bundle)?;
    TrustRoot::of_bundle(trust.trust_domain.clone(), &pem).map_err(|error| {
        let detail = format!("{}: {error}", path.display());
        Unusable { key: TRUST, detail, by: By::Anyone }
    })
}

/// Backups are nothing that the vault may remove with what is its own, as a rekey does the old store.
fn apart(data_dir: &Path, path: &Path) -> Result<(), Unusable> {
    match Directory::at(data_dir).own_around(path) {
        Some(own) => {
            let (path, own) = (path.display(), own.display());
            let detail = format!(
                "{path} lies in {own}, where the vault removes what it doesn't need; name another directory"
            );
            Err(Unusable { key: "backup.directory", detail, by: By::Anyone })
        }
        None => Ok(()),
    }
}

/// Looked at alone: nothing uses these roots yet.
fn extra_ca(path: &Path) -> Result<(), Unusable> {
    const KEY: &str = "outbound.extra_ca";
    let (path, pem) = bundle(KEY, path)?;
    if is_bundle(&pem) {
        return Ok(());
    }
    let detail = format!("{} has no certificates in PEM, or one that can't be read", path.display());
    Err(Unusable { key: KEY, detail, by: By::Anyone })
}

/// A file of certificates, as it is. Whoever may write it decides who is believed, so that it isn't for everybody.
pub(super) fn bundle(key: &'static str, path: &Path) -> Result<(PathBuf, Vec<u8>), Unusable> {
    let failed = |error| Unusable::of_read(key, path, &error);
    // Not a pipe, which would hold this up for ever.
    let file = open_trusted(path).map_err(|error| Unusable::of_file(key, &error))?;
    let mut pem = Vec::new();
    file.take(LARGEST_BUNDLE + 1).read_to_end(&mut pem).map_err(failed)?;
    if pem.len() as u64 > LARGEST_BUNDLE {
        return Err(failed(ErrorKind::FileTooLarge.into()));
    }
    Ok((path.to_owned(), pem))
}
