//! The local CA: one key, one root certificate, leaves for callers and for the daemon itself.
//!
//! As a record, which the vault seals:
//!
//! ```text
//! offset  bytes  what
//!      0      1  format, 1
//!      1      2  length of the certificate, big-endian
//!      3      n  the CA's certificate, DER; its only URI name is spiffe://<trust-domain>
//!    3+n      m  the CA's private key, PKCS#8 DER, to the end
//! ```

use jiff::{SignedDuration, Timestamp};
use rcgen::{CertificateParams, Issuer, PublicKeyData};
use rustls::pki_types::CertificateDer;
use zeroize::Zeroizing;

use super::error::IdentityError;
use super::key::OwnKey;
use super::presented::{Facts, Presented, key_hash};
use super::profile;
use super::request::CertificateRequest;
use crate::model::{CallerName, SpeakingKey, SpiffeId, TrustDomain};
use crate::secret::Plaintext;

const FORMAT: u8 = 1;

/// The vault's own CA. Exists only while the vault is unsealed.
pub struct Authority {
    issuer: Issuer<'static, OwnKey>,
    certificate: CertificateDer<'static>,
    certificate_pem: String,
    trust_domain: TrustDomain,
    not_before: Timestamp,
    not_after: Timestamp,
}

/// Whose key a caller's certificate is for.
pub enum SubjectKey<'a> {
    /// One made here and handed out with the certificate.
    Fresh,
    /// One that the caller keeps to itself.
    Requested(&'a CertificateRequest),
}

/// A caller's new certificate.
pub struct Issued {
    pub certificate_pem: String,
    /// PKCS#8 in PEM; only for [`SubjectKey::Fresh`].
    pub key_pem: Option<Plaintext>,
    /// What the registration remembers.
    pub speaking: SpeakingKey,
}

/// The daemon's new certificate and key, both in PEM.
pub struct ServerIdentity {
    pub certificate_pem: String,
    pub key_pem: Plaintext,
}

impl Authority {
    /// A new CA: ECDSA P-256, ten years.
    pub fn create(trust_domain: &TrustDomain, now: Timestamp) -> Result<Self, IdentityError> {
        let key = OwnKey::fresh()?;
        let certificate = profile::authority(trust_domain, now)?.self_signed(&key);
        let certificate = certificate.map_err(|_| IdentityError::Crypto)?;
        Self::assemble(certificate.der().clone(), key)
    }

    pub fn from_record(record: &[u8]) -> Result<Self, IdentityError> {
        const DAMAGED: IdentityError = IdentityError::AuthorityDamaged;
        let ([format, high, low], rest) = record.split_first_chunk().ok_or(DAMAGED)?;
        match *format {
            FORMAT => {}
            0 => return Err(DAMAGED),
            // It was sealed: nobody but a newer release wrote that.
            newer => return Err(IdentityError::AuthorityFormat(newer)),
        }
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (certificate, key) = rest.split_at_checked(length).ok_or(DAMAGED)?;
        Self::assemble(CertificateDer::from(certificate.to_vec()), OwnKey::from_pkcs8(key)?)
    }

    /// The CA with its private key, to be sealed. Sized beforehand, so that growing leaves no copy behind.
    pub fn to_record(&self) -> Zeroizing<Vec<u8>> {
        let length = u16::try_from(self.certificate.len()).expect("a certificate is read only below 16 KiB");
        self.issuer.key().lend_pkcs8(|key| {
            let mut record = Zeroizing::new(Vec::with_capacity(3 + self.certificate.len() + key.len()));
            record.push(FORMAT);
            record.extend_from_slice(&length.to_be_bytes());
            record.extend_from_slice(&self.certificate);
            record.extend_from_slice(key);
            record
        })
    }

    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    pub fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// Begin and end of the CA's certificate.
    pub fn life(&self) -> (Timestamp, Timestamp) {
        (self.not_before, self.not_after)
    }

    /// A caller's certificate, valid from five minutes ago until `now + validity`, never beyond the CA's own end.
    pub fn issue_caller(
        &self,
        spiffe: &SpiffeId,
        key: SubjectKey<'_>,
        validity: SignedDuration,
        now: Timestamp,
    ) -> Result<Issued, IdentityError> {
        let name = self.caller_name(spiffe)?;
        if validity < SignedDuration::from_secs(1) {
            return Err(IdentityError::Validity);
        }
        let until = profile::later(now, validity).min(self.not_after);
        let params = profile::caller(spiffe, &name, self.living(now)?, until)?;
        let (certificate, key_pem) = match key {
            SubjectKey::Fresh => {
                let key = OwnKey::fresh()?;
                (self.sign(&params, &key)?, Some(key.to_pem()))
            }
            SubjectKey::Requested(request) => (self.sign(&params, request.key())?, None),
        };
        let Presented { key, serial, not_after, .. } = Presented::from_leaf(certificate.der())?;
        let speaking = SpeakingKey { spki_sha256: key, serial, not_after };
        Ok(Issued { certificate_pem: certificate.pem(), key_pem, speaking })
    }

    /// The daemon's certificate for `localhost`, `127.0.0.1` and `::1`: a fresh key, one year.
    pub fn issue_server(&self, now: Timestamp) -> Result<ServerIdentity, IdentityError> {
        let until = profile::later(now, profile::SERVER_LIFE).min(self.not_after);
        let params = profile::server(self.living(now)?, until)?;
        let key = OwnKey::fresh()?;
        let certificate = self.sign(&params, &key)?;
        Ok(ServerIdentity { certificate_pem: certificate.pem(), key_pem: key.to_pem() })
    }

    pub(super) fn sign(
        &self,
        params: &CertificateParams,
        key: &impl PublicKeyData,
    ) -> Result<rcgen::Certificate, IdentityError> {
        params.signed_by(key, &self.issuer).map_err(|_| IdentityError::Crypto)
    }

    /// The certificate decides what the CA is; the key must be its own.
    fn assemble(certificate: CertificateDer<'static>, key: OwnKey) -> Result<Self, IdentityError> {
        const DAMAGED: IdentityError = IdentityError::AuthorityDamaged;
        let facts = Facts::read(&certificate).map_err(|_| DAMAGED)?;
        if facts.key != key_hash(&key.subject_public_key_info()) {
            return Err(IdentityError::KeyMismatch);
        }
        let trust_domain = facts.trust_domain().ok_or(DAMAGED)?;
        let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(|_| DAMAGED)?;
        let certificate_pem = super::pem::of_certificate(&certificate);
        let Facts { not_before, not_after, .. } = facts;
        Ok(Self { issuer, certificate, certificate_pem, trust_domain, not_before, not_after })
    }

    /// The time, unless the CA has ended by then.
    fn living(&self, now: Timestamp) -> Result<Timestamp, IdentityError> {
        if now < self.not_after { Ok(now) } else { Err(IdentityError::AuthorityExpired) }
    }

    /// The name inside a SPIFFE ID that this CA may certify.
    fn caller_name(&self, spiffe: &SpiffeId) -> Result<CallerName, IdentityError> {
        let last = spiffe.as_str().rsplit('/').next().unwrap_or_default();
        last.parse()
            .ok()
            .filter(|name| SpiffeId::of_caller(&self.trust_domain, name) == *spiffe)
            .ok_or_else(|| IdentityError::NotOurs(self.trust_domain.clone()))
    }
}

#[cfg(test)]
mod tests;
