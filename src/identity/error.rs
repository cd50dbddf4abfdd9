//! What goes wrong in this room, grouped by whose fault it is. Texts name what to do, never a key.

use std::io;
use std::path::{Path, PathBuf};

use super::user::as_user;
use crate::model::TrustDomain;

#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The sender of a certificate request.
    #[error("the certificate request {0}")]
    Request(#[from] RequestFault),
    /// Whoever presents the certificate.
    #[error("the certificate {0}")]
    Certificate(#[from] CertificateFault),
    /// Whoever asks for a certificate: its name is another trust domain's, or not of the form that is issued.
    #[error("this vault certifies only spiffe://{0}/caller/NAME")]
    NotOurs(TrustDomain),
    /// Whoever asks for a certificate: it would never be valid.
    #[error("a certificate must be valid for at least a second; give a longer time, such as 24h")]
    Validity,
    /// Whoever configures trust.
    #[error(transparent)]
    Trust(#[from] TrustFault),
    /// Whoever keeps the files.
    #[error(transparent)]
    File(#[from] FileError),
    /// The vault's CA has ended; only a new vault or a restored one has another.
    #[error("the vault's own CA has expired; restore a newer vault or make a new one with `fsm-vault init`")]
    AuthorityExpired,
    #[error("the record of the vault's own CA is damaged; restore a backup with `fsm-vault backup restore`")]
    AuthorityDamaged,
    #[error(
        "the record of the vault's own CA has format {0}, and this program reads format 1: install fsm-vault {0}.0 or newer"
    )]
    AuthorityFormat(u8),
    #[error("a private key and its certificate don't belong together")]
    KeyMismatch,
    #[error("cryptographic operation failed")]
    Crypto,
}

/// What is wrong with a certificate request; continues "the certificate request …".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestFault {
    #[error("is larger than 16 KiB")]
    TooLarge,
    #[error("can't be read: it takes PEM that begins with -----BEGIN CERTIFICATE REQUEST-----")]
    Unreadable,
    #[error("has a key that isn't accepted: use EC P-256, EC P-384, Ed25519 or RSA of 2048 to 8192 bits")]
    Key,
    #[error(
        "isn't signed by its own key, or with an outdated algorithm; make it anew with `openssl req -new`"
    )]
    Signature,
}

/// What is wrong with a certificate; continues "the certificate …".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFault {
    #[error("is missing")]
    Missing,
    #[error("is larger than 16 KiB")]
    TooLarge,
    #[error("can't be read: it is no X.509 certificate, or it is damaged")]
    Unreadable,
    #[error("has more than 16 names")]
    TooManyNames,
    #[error("names no caller: it takes exactly one URI, a SPIFFE ID")]
    NoCaller,
}

/// What is wrong with the configured trust.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustFault {
    #[error(
        "the trust domain {0} is this vault's own and can't be configured; remove it from identity.trust"
    )]
    Local(TrustDomain),
    #[error("the trust domain {0} is configured twice; put all its roots into one bundle")]
    Twice(TrustDomain),
    #[error("a root of {0} stands for another trust domain too; a root may authenticate only one")]
    Shared(TrustDomain),
    #[error("the bundle of {0} has no usable root: it takes CA certificates in PEM")]
    Bundle(TrustDomain),
}

/// What is wrong with a file. Each text names the path; where one command mends it, it stands there to be typed.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("can't {doing} {}: {source}{}", path.display(), forbidden(source, path))]
    Io { path: PathBuf, doing: &'static str, source: io::Error },
    #[error("{} is no regular file; move it away, or name another", path.display())]
    NotRegular { path: PathBuf },
    #[error("{} belongs to uid {owner}, and this runs as uid {user}; run it as its owner: {} fsm-vault …{}", path.display(), as_user(*owner), or_mine(*user, path))]
    Foreign { path: PathBuf, owner: u32, user: u32 },
    #[error("{} is open to others than its owner. Type: chmod 600 {}", path.display(), typed(path))]
    Exposed { path: PathBuf },
    // The words of the configuration file and of notice.command, which are looked at for the same.
    #[error("{} can be changed by any user; type: chmod o-w {}", path.display(), typed(path))]
    Changeable { path: PathBuf },
    #[error("{} is larger than {most} bytes", path.display())]
    TooLarge { path: PathBuf, most: usize },
    #[error("{} exists already; name another place, or remove the file first", path.display())]
    Exists { path: PathBuf },
    #[error("{} {fault}", path.display())]
    Content { path: PathBuf, fault: &'static str },
}

impl FileError {
    /// Whether what is wrong is what stands there, or that nothing does; not who may read it, nor the disk.
    pub(super) fn is_of_content(&self) -> bool {
        match self {
            Self::Io { source, .. } => source.kind() == io::ErrorKind::NotFound,
            Self::NotRegular { .. } | Self::TooLarge { .. } | Self::Content { .. } => true,
            Self::Foreign { .. } | Self::Exposed { .. } | Self::Changeable { .. } | Self::Exists { .. } => {
                false
            }
        }
    }

    /// Whether it is its disk that is full, or lets nothing be written.
    pub fn is_of_disk(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        matches!(self, Self::Io { source, .. } if matches!(source.kind(), StorageFull | QuotaExceeded | ReadOnlyFilesystem))
    }

    /// For `map_err`: what was being done to which file.
    pub(super) fn at<E: Into<io::Error>>(path: &Path, doing: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::Io { path: path.to_owned(), doing, source: source.into() }
    }
}

/// Whether another place would do: it may not be written to, or can't be one. Which place it is, is input; what its disk does
/// isn't.
pub fn is_of_place(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::NotADirectory)
}

/// Where it isn't allowed to: how to see who is.
fn forbidden(error: &io::Error, path: &Path) -> String {
    let kept = error.kind() == io::ErrorKind::PermissionDenied;
    if kept { format!(". To see whose it is, type: namei -l {}", typed(path)) } else { String::new() }
}

/// The other way, which for root is the wrong one: whoever it belongs to couldn't use it any more.
fn or_mine(user: u32, path: &Path) -> String {
    if user == 0 { String::new() } else { format!("; or make it yours: sudo chown {user} {}", typed(path)) }
}

/// A path as one word of a shell command.
pub fn typed(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |each: char| each.is_ascii_alphanumeric() || matches!(each, '/' | '.' | '-' | '_');
    // A leading hyphen would be read as an option.
    if text.chars().all(plain) && !text.starts_with('-') {
        text.into_owned()
    } else if text.starts_with('-') {
        typed(&Path::new(".").join(path))
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_typed_as_it_stands() {
        for (path, word) in [
            ("/etc/fsm/key.pem", "/etc/fsm/key.pem"),
            ("a b/key.pem", "'a b/key.pem'"),
            ("-rf", "./-rf"),
            ("it's", r"'it'\''s'"),
        ] {
            assert_eq!(typed(Path::new(path)), word);
        }
        let error = FileError::Exposed { path: "/x/key.pem".into() };
        assert!(error.to_string().ends_with("Type: chmod 600 /x/key.pem"), "{error}");
        let kept =
            FileError::at(Path::new("/x/key.pem"), "open")(io::Error::from(io::ErrorKind::PermissionDenied));
        assert!(kept.to_string().ends_with("type: namei -l /x/key.pem"), "{kept}");
        let gone = FileError::at(Path::new("/x/key.pem"), "open")(io::Error::from(io::ErrorKind::NotFound));
        assert!(!gone.to_string().contains("type: "), "{gone}");
    }
}
