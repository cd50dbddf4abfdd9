//! `tls/` in the data directory: what a sealed daemon needs to be reached and to know who may unseal it.
//!
//! ```text
//! ca.pem          0644  the local CA's certificate; names the trust domain
//! server.pem      0644  the daemon's certificate, for people and tools
//! server.key      0600  the daemon's private key, followed by its certificate
//! operators.json  0600  [{"spiffe_id", "spki_sha256", "serial", "not_after", "pins"}] of the active full operators
//! ```
//!
//! The daemon reads its certificate from `server.key`, so that after a crash it never finds a key with
//! another key's certificate. Nothing here is sealed; the directory belongs to its owner alone (0700).

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::authority::ServerIdentity;
use super::error::{FileError, IdentityError};
use super::files::{self, PRIVATE, PUBLIC};
use super::server::ServerCertificate;
use super::trust::TrustRoot;
use super::verifier::ClientVerifier;
use crate::model::{KeyHash, Pins, SpiffeId};
use crate::secret::Plaintext;

const MAX_PEM: usize = 64 * 1024;
const MAX_OPERATORS: usize = 1024 * 1024;

/// A full operator as a sealed daemon knows one: by name, key and certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownOperator {
    pub spiffe_id: SpiffeId,
    pub spki_sha256: KeyHash,
    /// Of the certificate for that key, in lower-case hex. None in lists of before it was told, until they are written anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// End of the certificate for that key.
    pub not_after: Timestamp,
    pub pins: Pins,
}

/// The directory. Its methods block on the file system.
pub struct TlsDirectory(PathBuf);

impl TlsDirectory {
    /// The directory at this path, made if it is missing.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        files::make_directory(path)?;
        Ok(Self::at(path))
    }

    /// The directory at this path as it is, to be read: nothing is made. Where it is missing, so is all that is asked for.
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub fn write_authority(&self, certificate_pem: &str) -> Result<(), FileError> {
        files::replace(&self.0.join("ca.pem"), certificate_pem.as_bytes(), PUBLIC)
    }

    /// The local CA's certificate, in PEM.
    pub fn authority_pem(&self) -> Result<String, FileError> {
        files::read_public(&self.0.join("ca.pem"), MAX_PEM)
            .map_err(|error| if error.is_of_content() { self.foreign_authority() } else { error })
    }

    /// The local CA's certificate as the root of the vault's own trust domain.
    pub fn local_root(&self) -> Result<TrustRoot, IdentityError> {
        let root = TrustRoot::of_authority(&self.authority_pem()?);
        // Bent somewhere in the middle, it may be read, and nobody verified by it.
        let usable = root.ok().filter(|root| ClientVerifier::new(root, &[]).is_ok());
        usable.ok_or_else(|| self.foreign_authority().into())
    }

    /// What stands in its place isn't the CA's certificate, and whom it would let in while sealed is unknown.
    pub fn foreign_authority(&self) -> FileError {
        let fault = "is gone, or isn't the certificate of the vault's own CA; put back a copy: every identity directory has one, ca.pem";
        FileError::Content { path: self.0.join("ca.pem"), fault }
    }

    pub fn write_server(&self, server: &ServerIdentity) -> Result<(), FileError> {
        let certificate = server.certificate_pem.as_bytes();
        let both = server.key_pem.lend(|key| Plaintext::new([key, certificate].concat()));
        both.lend(|both| files::replace(&self.0.join("server.key"), both, PRIVATE))?;
        files::replace(&self.0.join("server.pem"), certificate, PUBLIC)
    }

    /// What keeps [`Self::write_server`] from its two files: a directory isn't replaced, as whatever else lies there is.
    pub fn refuse_directories(&self) -> Result<(), FileError> {
        let lies_there = |path: &PathBuf| path.symlink_metadata().is_ok_and(|found| found.is_dir());
        let found = ["server.key", "server.pem"].map(|name| self.0.join(name)).into_iter().find(lies_there);
        found.map_or(Ok(()), |path| Err(FileError::NotRegular { path }))
    }

    /// The daemon's certificate, ready to be served. [`FileError::Content`] where it is gone or bent, so that it has to be
    /// issued anew.
    pub fn server_certificate(&self) -> Result<ServerCertificate, FileError> {
        let path = self.0.join("server.key");
        let fault = "is gone, or holds no private key with a certificate that ca.pem vouches for; start the daemon with --passphrase-file to have it written anew";
        let unusable = || FileError::Content { path: path.clone(), fault };
        let both = files::read_private(&path, MAX_PEM)
            .map_err(|error| if error.is_of_content() { unusable() } else { error })?;
        let loaded = both.lend(|text| {
            std::str::from_utf8(text).ok().and_then(|text| ServerCertificate::load(text, &both).ok())
        });
        // What is wrong with the CA's certificate is said where that is asked for.
        let authority = self.authority_pem().ok().filter(|pem| TrustRoot::of_authority(pem).is_ok());
        let is_ours = |loaded: &ServerCertificate| authority.is_none_or(|pem| loaded.is_issued_by(&pem));
        loaded.filter(is_ours).ok_or_else(unusable)
    }

    pub fn write_operators(&self, operators: &[KnownOperator]) -> Result<(), FileError> {
        let text = serde_json::to_vec_pretty(operators).expect("ids, hashes and times are all text");
        files::replace(&self.0.join("operators.json"), &text, PRIVATE)
    }

    pub fn operators(&self) -> Result<Vec<KnownOperator>, FileError> {
        let path = self.0.join("operators.json");
        let text = files::read_private(&path, MAX_OPERATORS)?;
        text.lend(|text| serde_json::from_slice(text)).map_err(|_| FileError::Content {
            path,
            fault: "is damaged; start the daemon with --passphrase-file to have it written anew",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{authority, local, noon};
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_is_written_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let tls = TlsDirectory::open(&folder.path().join("tls")).unwrap();
        let authority = authority();
        assert!(tls.local_root().is_err() && tls.server_certificate().is_err() && tls.operators().is_err());

        tls.write_authority(authority.certificate_pem()).unwrap();
        tls.write_server(&authority.issue_server(noon()).unwrap()).unwrap();
        let operator = KnownOperator {
            spiffe_id: "spiffe://fsm-vault.internal/caller/admin".parse().unwrap(),
            spki_sha256: KeyHash([7; 32]),
            serial: Some("4711".to_owned()),
            not_after: noon(),
            pins: Pins::default(),
        };
        tls.write_operators(std::slice::from_ref(&operator)).unwrap();

        assert_eq!(tls.local_root().unwrap().trust_domain(), &local());
        assert!(tls.server_certificate().unwrap().expires_at() > noon());
        assert_eq!(tls.operators().unwrap(), [operator]);
        for (name, mode) in [
            ("", 0o700),
            ("ca.pem", 0o644),
            ("server.pem", 0o644),
            ("server.key", 0o600),
            ("operators.json", 0o600),
        ] {
            let found = fs::metadata(tls.0.join(name)).unwrap().permissions().mode() & 0o777;
            assert_eq!(found, mode, "{name}");
        }
    }

    #[test]
    fn damage_is_named_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let tls = TlsDirectory::open(folder.path()).unwrap();
        for name in ["ca.pem", "server.key", "operators.json"] {
            files::replace(&folder.path().join(name), b"[{\"spiffe_id\": 1}]", PRIVATE).unwrap();
        }
        for (error, name) in [
            (tls.local_root().err().unwrap().to_string(), "ca.pem"),
            (tls.server_certificate().err().unwrap().to_string(), "server.key"),
            (tls.operators().err().unwrap().to_string(), "operators.json"),
        ] {
            assert!(error.contains(name), "{error}");
        }
    }
}
