//! Certificates, requests and PEM, as unauthenticated peers send them: what is read of one is well-formed; none but the
//! very one that the CA issued is believed.
#![no_main]

use std::sync::{Arc, LazyLock};

use fsm_vault::identity::fuzzing::{armoured, certificates};
use fsm_vault::identity::{Authority, CertificateRequest, ClientVerifier, Presented, SubjectKey, TrustRoot};
use fsm_vault_fuzz::Input;
use jiff::{SignedDuration, Timestamp};
use libfuzzer_sys::fuzz_target;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;

/// A verifier that believes one CA, and a leaf of it.
struct Door {
    verifier: Arc<ClientVerifier>,
    leaf: Vec<u8>,
}

static DOOR: LazyLock<Door> = LazyLock::new(|| {
    let domain = "fsm-vault.internal".parse().expect("a trust domain");
    let authority = Authority::create(&domain, Timestamp::now()).expect("a CA");
    let caller = "spiffe://fsm-vault.internal/caller/fsm".parse().expect("an ID");
    let valid = SignedDuration::from_hours(24);
    let issued = authority.issue_caller(&caller, SubjectKey::Fresh, valid, Timestamp::now()).expect("a leaf");
    let leaf = certificates(issued.certificate_pem.as_bytes()).expect("a certificate").remove(0);
    let root = TrustRoot::of_authority(authority.certificate_pem()).expect("its own root");
    let verifier = Arc::new(ClientVerifier::new(&root, &[]).expect("a verifier"));
    assert!(
        verifier.verify_client_cert(&CertificateDer::from(leaf.as_slice()), &[], UnixTime::now()).is_ok()
    );
    Door { verifier, leaf }
});

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    match input.byte() {
        // The CA's own leaf, bent.
        b'b' => {
            let mut leaf = DOOR.leaf.clone();
            for _ in 0..8 {
                if input.0.is_empty() {
                    break;
                }
                let (at, what) = (input.number() % leaf.len().max(1), input.byte());
                match what % 4 {
                    0 => drop(leaf.drain(at..(at + usize::from(input.byte())).min(leaf.len()))),
                    1 => drop(leaf.splice(at..at, input.take(usize::from(what)).to_vec())),
                    _ if at < leaf.len() => leaf[at] = input.byte(),
                    _ => {}
                }
            }
            is_read(&leaf);
            believed(&leaf, leaf == DOOR.leaf);
        }
        b'd' => {
            is_read(input.0);
            believed(input.0, false);
        }
        b'r' => drop(CertificateRequest::from_pem(input.0)),
        _ => {
            let Some(chain) = certificates(input.0) else { return };
            let again: String = chain.iter().map(|each| armoured(each)).collect();
            assert_eq!(certificates(again.as_bytes()), Some(chain));
            let domain = "example.org".parse().expect("a trust domain");
            let _ = TrustRoot::of_bundle(domain, input.0);
            let _ = str::from_utf8(input.0).map(TrustRoot::of_authority);
        }
    }
});

fn is_read(der: &[u8]) {
    let Ok(read) = Presented::from_chain(Some(&[CertificateDer::from(der)])) else { return };
    assert_eq!(read.spiffe_id.as_str().parse().as_ref(), Ok(&read.spiffe_id));
    assert!(!read.serial.starts_with("00") && (2..=40).contains(&read.serial.len()), "{}", read.serial);
    assert!(read.serial.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
    assert!(der.len() <= 16 * 1024);
}

fn believed(der: &[u8], expected: bool) {
    let verified = DOOR.verifier.verify_client_cert(&CertificateDer::from(der), &[], UnixTime::now());
    assert_eq!(verified.is_ok(), expected);
}
