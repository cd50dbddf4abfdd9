//! PEM (RFC 7468): reading and writing certificates and private keys, the keys in memory that is wiped.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::error::CertificateFault;
use crate::secret::Plaintext;

const LINE: usize = 64;

/// All certificates of a text, in its order; at least one. The text's length is the caller's to bound.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, CertificateFault> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|_| CertificateFault::Unreadable)?;
    if chain.is_empty() { Err(CertificateFault::Unreadable) } else { Ok(chain) }
}

/// The first private key of a text, wiped on drop; None if there is none that can be read.
pub(super) fn private_key(pem: &Plaintext) -> Option<Zeroizing<PrivateKeyDer<'static>>> {
    pem.lend(|text| PrivateKeyDer::from_pem_slice(text).ok()).map(Zeroizing::new)
}

/// A PKCS#8 key as PEM.
pub(super) fn of_private_key(pkcs8: &[u8]) -> Plaintext {
    armour("PRIVATE KEY", pkcs8).into()
}

pub(super) fn of_certificate(der: &[u8]) -> String {
    let text = armour("CERTIFICATE", der);
    text.iter().copied().map(char::from).collect()
}

/// Sized beforehand, so that growing leaves no copy of a key behind.
fn armour(label: &str, der: &[u8]) -> Zeroizing<Vec<u8>> {
    let body = Zeroizing::new(STANDARD.encode(der));
    let (begin, end) = (format!("-----BEGIN {label}-----\n"), format!("-----END {label}-----\n"));
    let room = begin.len() + body.len() + body.len().div_ceil(LINE) + end.len();
    let mut text = Zeroizing::new(Vec::with_capacity(room));
    text.extend_from_slice(begin.as_bytes());
    for line in body.as_bytes().chunks(LINE) {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    text.extend_from_slice(end.as_bytes());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back() {
        for length in [1, 47, 48, 49, 138] {
            let der = vec![0x30; length];
            let read = private_key(&of_private_key(&der)).unwrap();
            assert_eq!(read.secret_der(), der);
        }
    }

    #[test]
    fn texts_without_certificates_are_refused() {
        for wrong in [
            "",
            "x",
            "-----BEGIN CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
        ] {
            assert!(certificates(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
