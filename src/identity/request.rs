//! Certificate requests (PKCS#10, RFC 2986). Only the public key is taken; names and extensions are ignored,
//! because what a caller is called is the vault's to say.

use rcgen::SubjectPublicKeyInfo;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateSigningRequestDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_PKCS1_RSAENCRYPTION, OID_SIG_ED25519,
};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509;

use super::error::RequestFault;

/// Bytes of a request in PEM.
const MAX_REQUEST: usize = 16 * 1024;
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// A request whose sender has proved to hold the key.
pub struct CertificateRequest(SubjectPublicKeyInfo);

impl CertificateRequest {
    /// Reads a request and checks its signature.
    pub fn from_pem(pem: &[u8]) -> Result<Self, RequestFault> {
        if pem.len() > MAX_REQUEST {
            return Err(RequestFault::TooLarge);
        }
        let der = CertificateSigningRequestDer::from_pem_slice(pem).map_err(|_| RequestFault::Unreadable)?;
        let Ok(([], request)) = X509CertificationRequest::from_der(&der) else {
            return Err(RequestFault::Unreadable);
        };
        let key = &request.certification_request_info.subject_pki;
        if !accepted(key) {
            return Err(RequestFault::Key);
        }
        if !signed_by_own_key(&request) {
            return Err(RequestFault::Signature);
        }
        SubjectPublicKeyInfo::from_der(key.raw).map(Self).map_err(|_| RequestFault::Key)
    }

    pub(super) fn key(&self) -> &SubjectPublicKeyInfo {
        &self.0
    }
}

fn accepted(key: &x509::SubjectPublicKeyInfo) -> bool {
    let kind = &key.algorithm.algorithm;
    if *kind == OID_KEY_TYPE_EC_PUBLIC_KEY {
        let curve = key.algorithm.parameters.as_ref().and_then(|curve| curve.as_oid().ok());
        curve.is_some_and(|curve| curve == OID_EC_P256 || curve == OID_NIST_EC_P384)
    } else if *kind == OID_PKCS1_RSAENCRYPTION {
        matches!(key.parsed(), Ok(PublicKey::RSA(rsa)) if RSA_BITS.contains(&bits(rsa.modulus)))
    } else {
        *kind == OID_SIG_ED25519
    }
}

fn bits(number: &[u8]) -> usize {
    let significant = number.iter().skip_while(|&&octet| octet == 0);
    let zeros = significant.clone().next().map_or(0, |first| first.leading_zeros() as usize);
    significant.count() * 8 - zeros
}

/// Whether some algorithm that TLS would accept, of the kind that the request names, says so. That leaves
/// out SHA-1 and everything weaker. At most a handful of tries: those that share both identifiers.
fn signed_by_own_key(request: &X509CertificationRequest) -> bool {
    let info = &request.certification_request_info;
    let (key, signature) = (&info.subject_pki.subject_public_key, &request.signature_value);
    // One encoding only: neither is ever anything but whole octets.
    if key.unused_bits != 0 || signature.unused_bits != 0 {
        return false;
    }
    let named = |identifier: &[u8], oid: &x509_parser::der_parser::Oid| {
        x509_parser::der_parser::Oid::from_der(identifier).is_ok_and(|(_, each)| each == *oid)
    };
    aws_lc_rs::default_provider()
        .signature_verification_algorithms
        .all
        .iter()
        .filter(|each| {
            named(&each.signature_alg_id(), &request.signature_algorithm.algorithm)
                && named(&each.public_key_alg_id(), &info.subject_pki.algorithm.algorithm)
        })
        .any(|each| each.verify_signature(&key.data, info.raw, &signature.data).is_ok())
}

#[cfg(test)]
mod tests {
    use super::super::testing::openssl;
    use super::*;

    fn request_of(kind: &[&str]) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key.pem");
        let key = key.to_str().unwrap();
        openssl(&[&["genpkey", "-quiet", "-out", key], kind].concat());
        openssl(&[
            "req",
            "-new",
            "-key",
            key,
            "-subj",
            "/CN=whoever",
            "-addext",
            "subjectAltName=URI:spiffe://a/b",
        ])
    }

    #[test]
    fn keys_and_their_near_misses() {
        let curve = |name: &'static str| vec!["-algorithm", "EC", "-pkeyopt", name];
        let rsa = |bits: &'static str| vec!["-algorithm", "RSA", "-pkeyopt", bits];
        for (kind, expected) in [
            (curve("ec_paramgen_curve:P-256"), Ok(())),
            (curve("ec_paramgen_curve:P-384"), Ok(())),
            (vec!["-algorithm", "ED25519"], Ok(())),
            (rsa("rsa_keygen_bits:2048"), Ok(())),
            (rsa("rsa_keygen_bits:1024"), Err(RequestFault::Key)),
            (rsa("rsa_keygen_bits:2040"), Err(RequestFault::Key)),
            (curve("ec_paramgen_curve:P-521"), Err(RequestFault::Key)),
            (curve("ec_paramgen_curve:secp256k1"), Err(RequestFault::Key)),
            (vec!["-algorithm", "ED448"], Err(RequestFault::Key)),
        ] {
            let read = CertificateRequest::from_pem(&request_of(&kind)).map(|_| ());
            assert_eq!(read, expected, "{kind:?}");
        }
    }

    #[test]
    fn a_request_is_signed_by_its_own_key() {
        let pem = request_of(&["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        let der = CertificateSigningRequestDer::from_pem_slice(&pem).unwrap();
        let right = CertificateRequest::from_pem(&armoured(&der)).unwrap();
        // Whatever is bent: no panic, and never another key. (The octets around the signed part aren't signed.)
        for at in 0..der.len() {
            let mut bent = der.to_vec();
            bent[at] ^= 1;
            let read = CertificateRequest::from_pem(&armoured(&bent));
            assert!(read.is_err() || read.is_ok_and(|read| read.key() == right.key()), "{at}");
        }
        let mut bent = der.to_vec();
        // The last octet belongs to the signature.
        *bent.last_mut().unwrap() ^= 1;
        assert_eq!(CertificateRequest::from_pem(&armoured(&bent)).err(), Some(RequestFault::Signature));
    }

    #[test]
    fn garbage_is_refused() {
        let trailing = {
            let pem = request_of(&["-algorithm", "ED25519"]);
            let der = CertificateSigningRequestDer::from_pem_slice(&pem).unwrap();
            armoured(&[&der[..], b"x"].concat())
        };
        for (wrong, fault) in [
            (Vec::new(), RequestFault::Unreadable),
            (b"garbage".to_vec(), RequestFault::Unreadable),
            (armoured(b"garbage"), RequestFault::Unreadable),
            (trailing, RequestFault::Unreadable),
            (vec![b'\n'; MAX_REQUEST + 1], RequestFault::TooLarge),
        ] {
            assert_eq!(CertificateRequest::from_pem(&wrong).err(), Some(fault));
        }
    }

    #[test]
    fn sizes_are_counted_in_bits() {
        for (number, size) in [(vec![], 0), (vec![0, 0], 0), (vec![0, 0x80], 8), (vec![1, 0], 9)] {
            assert_eq!(bits(&number), size);
        }
    }

    fn armoured(der: &[u8]) -> Vec<u8> {
        use base64::Engine;
        let body = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN CERTIFICATE REQUEST-----\n{body}\n-----END CERTIFICATE REQUEST-----\n")
            .into_bytes()
    }
}
