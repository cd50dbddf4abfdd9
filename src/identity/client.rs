//! A caller's identity directory, and the client's side of TLS.
//!
//! ```text
//! cert.pem  0644  the caller's certificate
//! key.pem   0600  its private key; missing when the caller made the key elsewhere
//! ca.pem    0644  the vault's CA, the only one that the client believes
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::pki_types::CertificateDer;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore};

use super::error::{FileError, IdentityError};
use super::files::{self, PRIVATE, PUBLIC};
use super::pem;
use super::presented::Presented;
use super::server::{HTTP1, HTTP2, TlsTime, provider};
use crate::clock::Clock;
use crate::secret::Plaintext;

const MAX_PEM: usize = 64 * 1024;

/// What to do when there is a private key already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    Refuse,
    Replace,
}

/// Which HTTP the client offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocols {
    /// HTTP/2, or HTTP/1.1 if the server has no other.
    Http2OrHttp1,
    Http1,
}

/// A caller's certificate, key and CA.
pub struct Identity {
    directory: PathBuf,
    chain: Vec<CertificateDer<'static>>,
    key_pem: Plaintext,
    authority: RootCertStore,
}

/// Fills an identity directory, made for its owner alone if it is missing. The key comes last: where it
/// stands, the rest does too. Replacing isn't atomic: a crash in between leaves a key beside another's
/// certificate, which [`Identity::client_config`] notices.
pub fn write_identity(
    directory: &Path,
    certificate_pem: &str,
    key_pem: Option<&Plaintext>,
    authority_pem: &str,
    existing: Existing,
) -> Result<(), FileError> {
    files::make_directory(directory)?;
    let key_path = directory.join("key.pem");
    // Asked beforehand too, so that a refusal leaves the other two files as they were.
    if existing == Existing::Refuse && key_path.symlink_metadata().is_ok() {
        return Err(FileError::Exists { path: key_path });
    }
    files::replace(&directory.join("ca.pem"), authority_pem.as_bytes(), PUBLIC)?;
    files::replace(&directory.join("cert.pem"), certificate_pem.as_bytes(), PUBLIC)?;
    let Some(key_pem) = key_pem else { return Ok(()) };
    key_pem.lend(|key| match existing {
        Existing::Refuse => files::write_new(&key_path, key, PRIVATE),
        Existing::Replace => files::replace(&key_path, key, PRIVATE),
    })
}

impl Identity {
    /// Reads an identity directory; refuses a key that others can read, with the chmod to type.
    pub fn load(directory: &Path) -> Result<Self, IdentityError> {
        let certificates = |name: &str| {
            let path = directory.join(name);
            let text = files::read_public(&path, MAX_PEM)?;
            pem::certificates(text.as_bytes())
                .map_err(|_| FileError::Content { path, fault: "holds no certificate in PEM" })
        };
        let key_pem = files::read_private(&directory.join("key.pem"), MAX_PEM)?;
        let chain = certificates("cert.pem")?;
        let mut authority = RootCertStore::empty();
        for root in certificates("ca.pem")? {
            let path = || directory.join("ca.pem");
            authority
                .add(root)
                .map_err(|_| FileError::Content { path: path(), fault: "holds no CA certificate" })?;
        }
        Ok(Self { directory: directory.to_owned(), chain, key_pem, authority })
    }

    /// What the server will read in this identity's certificate.
    pub fn presented(&self) -> Result<Presented, IdentityError> {
        Ok(Presented::from_chain(Some(&self.chain))?)
    }

    /// TLS 1.3 to a server that this identity's CA vouches for, as `localhost` or a loopback address; never resumed.
    pub fn client_config(
        &self,
        protocols: Protocols,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<ClientConfig>, IdentityError> {
        let content = |name, fault| FileError::Content { path: self.directory.join(name), fault };
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(self.authority.clone()), provider())
                .build()
                .map_err(|_| content("ca.pem", "holds no CA certificate"))?;
        let key = pem::private_key(&self.key_pem)
            .ok_or_else(|| content("key.pem", "holds no private key in PEM"))?;
        let mut config = ClientConfig::builder_with_details(provider(), Arc::new(TlsTime(clock)))
            .with_protocol_versions(&[&TLS13])
            .map_err(|_| IdentityError::Crypto)?
            .with_webpki_verifier(verifier)
            .with_client_auth_cert(self.chain.clone(), key.clone_key())
            .map_err(|_| content("key.pem", "doesn't belong to cert.pem; have the identity made anew"))?;
        config.resumption = Resumption::disabled();
        config.alpn_protocols = match protocols {
            Protocols::Http2OrHttp1 => vec![HTTP2.to_vec(), HTTP1.to_vec()],
            Protocols::Http1 => vec![HTTP1.to_vec()],
        };
        Ok(Arc::new(config))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Site, authority, noon};
    use super::*;
    use crate::clock::ManualClock;
    use static_assertions::assert_not_impl_any;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    assert_not_impl_any!(Identity: std::fmt::Debug, Clone, serde::Serialize);

    #[test]
    fn an_identity_is_written_once_unless_told() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("identities/fsm");
        let site = Site::new();
        let (first, second) = (site.caller("fsm"), site.caller("fsm"));
        let write = |issued: &super::super::Issued, existing| {
            let ca = site.authority.certificate_pem();
            write_identity(&directory, &issued.certificate_pem, issued.key_pem.as_ref(), ca, existing)
        };
        write(&first, Existing::Refuse).unwrap();
        for (name, mode) in [("", 0o700), ("cert.pem", 0o644), ("key.pem", 0o600), ("ca.pem", 0o644)] {
            let found = fs::metadata(directory.join(name)).unwrap().permissions().mode() & 0o777;
            assert_eq!(found, mode, "{name}");
        }
        let serial = || Identity::load(&directory).unwrap().presented().unwrap().serial;
        assert!(matches!(write(&second, Existing::Refuse), Err(FileError::Exists { .. })));
        assert_eq!(serial(), first.speaking.serial);
        write(&second, Existing::Replace).unwrap();
        assert_eq!(serial(), second.speaking.serial);
    }

    #[test]
    fn bad_identities_name_the_file_to_mend() {
        let site = Site::new();
        let issued = site.caller("fsm");
        let other = site.caller("fsm").key_pem.unwrap().reveal_into_vec();
        for (name, content, mode, says) in [
            ("key.pem", None, 0o640, "chmod 600"),
            ("key.pem", Some(&b"x"[..]), 0o600, "key.pem holds no private key"),
            ("key.pem", Some(&other[..]), 0o600, "doesn't belong to cert.pem"),
            ("cert.pem", Some(b"x"), 0o644, "cert.pem holds no certificate"),
            ("ca.pem", Some(b"\xff"), 0o644, "ca.pem is no text"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let (ca, key) = (site.authority.certificate_pem(), issued.key_pem.as_ref());
            write_identity(folder.path(), &issued.certificate_pem, key, ca, Existing::Refuse).unwrap();
            let path = folder.path().join(name);
            if let Some(content) = content {
                fs::write(&path, content).unwrap();
            }
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let clock = Arc::new(ManualClock::at(noon()));
            let refused = Identity::load(folder.path())
                .and_then(|identity| identity.client_config(Protocols::Http1, clock))
                .err()
                .unwrap()
                .to_string();
            assert!(refused.contains(says), "{refused}");
        }
    }

    #[tokio::test]
    async fn another_vaults_server_is_not_believed() {
        let (site, other) = (Site::new(), authority());
        let issued = site.caller("fsm");
        let folder = tempfile::tempdir().unwrap();
        let key = issued.key_pem.as_ref();
        let ca = other.certificate_pem();
        write_identity(folder.path(), &issued.certificate_pem, key, ca, Existing::Refuse).unwrap();
        let identity = Identity::load(folder.path()).unwrap();
        let client = identity.client_config(Protocols::Http1, site.clock.clone()).unwrap();
        let met = site.meet(client).await;
        assert!(met.presented.is_none() && met.server_certificate.is_none());
    }
}
