//! What a certificate says: the one file that reads X.509.
//!
//! The bytes come from a peer that isn't authenticated yet: everything is bounded before it is read.

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use super::error::CertificateFault;
use super::recent;
use crate::model::{KeyHash, SpiffeId, TrustDomain};

/// Bytes of one certificate.
pub(super) const MAX_CERTIFICATE: usize = 16 * 1024;
/// Subject alternative names of one certificate, of any kind.
const MAX_NAMES: usize = 16;
/// Octets of a serial number (RFC 5280, 4.1.2.2).
const MAX_SERIAL: usize = 20;

/// Who the peer of a finished handshake is, by its certificate. Read once for each connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented {
    pub spiffe_id: SpiffeId,
    /// SHA-256 of the SubjectPublicKeyInfo.
    pub key: KeyHash,
    /// Lower-case hex without leading zero octets.
    pub serial: String,
    /// Whoever serves a request compares this with the time of the request: a connection may outlive it. Of all
    /// certificates that came with it what ends first: the leaf is believed no longer than who vouches for it.
    pub not_after: Timestamp,
}

/// What this room reads from any certificate, its own ones included.
pub(super) struct Facts {
    pub key: KeyHash,
    pub serial: String,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    /// URIs among the subject alternative names.
    uris: Vec<String>,
}

impl Presented {
    /// From the peer's chain as a finished connection has it, the leaf first.
    pub fn from_chain(chain: Option<&[CertificateDer<'_>]>) -> Result<Self, CertificateFault> {
        let (leaf, others) = chain.and_then(<[_]>::split_first).ok_or(CertificateFault::Missing)?;
        let mut presented = recent::recall(leaf).map_or_else(|| Self::from_leaf(leaf), Ok)?;
        for other in others {
            presented.not_after = presented.not_after.min(end_of(other)?);
        }
        Ok(presented)
    }

    pub(super) fn from_leaf(leaf: &CertificateDer<'_>) -> Result<Self, CertificateFault> {
        let facts = Facts::read(leaf)?;
        let [uri] = facts.uris.as_slice() else { return Err(CertificateFault::NoCaller) };
        let spiffe_id = uri.parse().map_err(|_| CertificateFault::NoCaller)?;
        Ok(Self { spiffe_id, key: facts.key, serial: facts.serial, not_after: facts.not_after })
    }
}

/// When a certificate ends that was sent after a leaf.
pub(super) fn end_of(certificate: &[u8]) -> Result<Timestamp, CertificateFault> {
    let end = parsed(certificate)?.validity().not_after.timestamp();
    // RFC 5280, 4.1.2.5: the last second of 9999 says that there is no end. Nothing else there is beyond a `Timestamp`.
    Ok(Timestamp::from_second(end).unwrap_or(Timestamp::MAX))
}

fn parsed(certificate: &[u8]) -> Result<X509Certificate<'_>, CertificateFault> {
    if certificate.len() > MAX_CERTIFICATE {
        return Err(CertificateFault::TooLarge);
    }
    match X509Certificate::from_der(certificate) {
        Ok(([], parsed)) => Ok(parsed),
        _ => Err(CertificateFault::Unreadable),
    }
}

impl Facts {
    pub fn read(certificate: &[u8]) -> Result<Self, CertificateFault> {
        let parsed = parsed(certificate)?;
        let validity = parsed.validity();
        Ok(Self {
            key: key_hash(parsed.public_key().raw),
            serial: serial(parsed.raw_serial())?,
            not_before: instant(validity.not_before.timestamp())?,
            not_after: instant(validity.not_after.timestamp())?,
            uris: uris(&parsed)?,
        })
    }

    /// The trust domain that a CA's certificate names: its only URI, `spiffe://<trust-domain>`, without a path.
    pub fn trust_domain(&self) -> Option<TrustDomain> {
        let [uri] = self.uris.as_slice() else { return None };
        uri.strip_prefix("spiffe://")?.parse().ok()
    }
}

/// The hash by which a key is known, of its SubjectPublicKeyInfo in DER.
pub(super) fn key_hash(spki: &[u8]) -> KeyHash {
    KeyHash(Sha256::digest(spki).into())
}

fn uris(parsed: &X509Certificate) -> Result<Vec<String>, CertificateFault> {
    // An error here also means that the extension stands there twice.
    let names = parsed.subject_alternative_name().map_err(|_| CertificateFault::Unreadable)?;
    let names = names.map(|extension| extension.value.general_names.as_slice()).unwrap_or_default();
    if names.len() > MAX_NAMES {
        return Err(CertificateFault::TooManyNames);
    }
    let mut uris = Vec::new();
    for name in names {
        match name {
            GeneralName::URI(uri) => uris.push((*uri).to_owned()),
            // It might have been a second URI.
            GeneralName::Invalid(..) => return Err(CertificateFault::Unreadable),
            _ => {}
        }
    }
    Ok(uris)
}

fn serial(octets: &[u8]) -> Result<String, CertificateFault> {
    let start = octets.iter().position(|&octet| octet != 0).unwrap_or(octets.len());
    let significant = &octets[start..];
    if significant.is_empty() || significant.len() > MAX_SERIAL {
        return Err(CertificateFault::Unreadable);
    }
    Ok(significant.iter().map(|octet| format!("{octet:02x}")).collect())
}

fn instant(seconds: i64) -> Result<Timestamp, CertificateFault> {
    Timestamp::from_second(seconds).map_err(|_| CertificateFault::Unreadable)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Leaf, authority, noon};
    use super::*;

    #[test]
    fn the_one_uri_is_the_caller() {
        let authority = authority();
        let one = "spiffe://fsm-vault.internal/caller/fsm";
        let sentences: [(&[&str], Result<&str, CertificateFault>); 6] = [
            (&[one], Ok(one)),
            (&[], Err(CertificateFault::NoCaller)),
            (&[one, one], Err(CertificateFault::NoCaller)),
            (&[one, "https://example.org/"], Err(CertificateFault::NoCaller)),
            (&["https://example.org/"], Err(CertificateFault::NoCaller)),
            (&["spiffe://fsm-vault.internal"], Err(CertificateFault::NoCaller)),
        ];
        for (uris, expected) in sentences {
            let leaf = Leaf { uris, ..Leaf::default() }.signed_by(&authority).certificate;
            let read = Presented::from_leaf(&leaf).map(|presented| presented.spiffe_id.to_string());
            assert_eq!(read, expected.map(str::to_owned), "{uris:?}");
        }
    }

    #[test]
    fn what_is_read_is_bounded() {
        let authority = authority();
        let names: Vec<String> = (0..17).map(|each| format!("host{each}.example")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let read = |dns: &[&str]| {
            Presented::from_leaf(&Leaf { dns, ..Leaf::default() }.signed_by(&authority).certificate)
        };
        assert!(read(&names[..15]).is_ok());
        assert_eq!(read(&names[..16]), Err(CertificateFault::TooManyNames));

        let long = "x".repeat(MAX_CERTIFICATE);
        assert_eq!(read(&[&long]), Err(CertificateFault::TooLarge));
        assert_eq!(Presented::from_chain(None), Err(CertificateFault::Missing));
        assert_eq!(Presented::from_chain(Some(&[])), Err(CertificateFault::Missing));
    }

    #[test]
    fn whoever_vouches_and_ends_first_ends_it() {
        let authority = authority();
        let ends = |hours| {
            let until = jiff::SignedDuration::from_hours(hours);
            Leaf { until, ..Leaf::default() }.signed_by(&authority).certificate
        };
        let end = |chain: &[CertificateDer<'static>]| {
            Presented::from_chain(Some(chain))
                .map(|presented| presented.not_after.duration_since(noon()).as_hours())
        };
        assert_eq!(end(&[ends(24)]), Ok(24));
        assert_eq!(end(&[ends(24), ends(48)]), Ok(24));
        assert_eq!(end(&[ends(24), ends(48), ends(2), ends(36)]), Ok(2));
        let ends_never = CertificateDer::from(authority_without_end());
        assert_eq!(end(&[ends(24), ends_never]), Ok(24));

        let whole = ends(48);
        for cut in [0, 1, whole.len() / 2, whole.len() - 1] {
            let damaged = CertificateDer::from(whole[..cut].to_vec());
            assert_eq!(end(&[ends(24), damaged]), Err(CertificateFault::Unreadable), "{cut}");
        }
        let large = CertificateDer::from(vec![0; MAX_CERTIFICATE + 1]);
        assert_eq!(end(&[ends(24), large]), Err(CertificateFault::TooLarge));
    }

    fn authority_without_end() -> Vec<u8> {
        let mut params = rcgen::CertificateParams::default();
        params.not_after = rcgen::date_time_ymd(9999, 12, 31) + std::time::Duration::from_secs(86_399);
        params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn damaged_certificates_are_refused_without_a_panic() {
        let leaf = Leaf::default().signed_by(&authority()).certificate;
        for cut in 0..leaf.len() {
            assert!(Facts::read(&leaf[..cut]).is_err(), "{cut}");
        }
        assert!(Facts::read(&[&leaf[..], b"x"].concat()).is_err());
        for at in 0..leaf.len() {
            let mut bent = leaf.to_vec();
            bent[at] ^= 0x81;
            let _ = Presented::from_leaf(&CertificateDer::from(bent));
        }
    }

    #[test]
    fn serials_have_one_spelling() {
        assert_eq!(serial(&[0, 0xab, 0x01]).as_deref(), Ok("ab01"));
        assert_eq!(serial(&[0x0b]).as_deref(), Ok("0b"));
        assert!(serial(&[0; 3]).is_err() && serial(&[]).is_err() && serial(&[1; 21]).is_err());
        assert_eq!(
            Presented::from_leaf(&Leaf::default().signed_by(&authority()).certificate)
                .unwrap()
                .not_after
                .as_second(),
            noon().as_second() + 24 * 3600
        );
    }
}
