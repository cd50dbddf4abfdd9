//! The local CA: its record, what it certifies, and what openssl says of that.

use super::super::testing::{Leaf, ask_openssl, authority, local, noon, openssl, request};
use super::*;
use static_assertions::assert_not_impl_any;

assert_not_impl_any!(Authority: std::fmt::Debug, Clone, serde::Serialize);
assert_not_impl_any!(Issued: std::fmt::Debug, Clone, serde::Serialize);
assert_not_impl_any!(ServerIdentity: std::fmt::Debug, Clone, serde::Serialize);

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn caller(name: &str) -> SpiffeId {
    SpiffeId::of_caller(&local(), &name.parse().unwrap())
}

#[test]
fn a_record_reads_back_and_damage_is_noticed() {
    let authority = authority();
    let record = authority.to_record();
    let again = Authority::from_record(&record).unwrap();
    assert_eq!(again.certificate_pem(), authority.certificate_pem());
    assert_eq!((again.trust_domain(), again.not_after()), (&local(), noon() + profile::AUTHORITY_LIFE));
    assert!(again.issue_caller(&caller("fsm"), SubjectKey::Fresh, DAY, noon()).is_ok());

    for cut in 0..record.len() {
        assert!(Authority::from_record(&record[..cut]).is_err(), "{cut}");
    }
    let other = super::super::testing::authority().to_record();
    let length = usize::from(u16::from_be_bytes([record[1], record[2]]));
    let other_length = usize::from(u16::from_be_bytes([other[1], other[2]]));
    let mixed = [&record[..3 + length], &other[3 + other_length..]].concat();
    assert!(matches!(Authority::from_record(&mixed), Err(IdentityError::KeyMismatch)));
}

#[test]
fn only_its_own_callers_are_certified() {
    let authority = authority();
    for wrong in [
        "spiffe://example.org/caller/fsm",
        "spiffe://fsm-vault.internal/fsm",
        "spiffe://fsm-vault.internal/caller/Fsm",
        "spiffe://fsm-vault.internal/caller/a/b",
    ] {
        let refused = authority.issue_caller(&wrong.parse().unwrap(), SubjectKey::Fresh, DAY, noon());
        assert!(matches!(refused, Err(IdentityError::NotOurs(_))), "{wrong}");
    }
}

#[test]
fn a_leaf_never_outlives_its_authority() {
    let authority = authority();
    let issue = |validity, now| authority.issue_caller(&caller("fsm"), SubjectKey::Fresh, validity, now);
    assert_eq!(issue(DAY, noon()).unwrap().speaking.not_after, noon() + DAY);
    assert_eq!(issue(SignedDuration::MAX, noon()).unwrap().speaking.not_after, authority.not_after());
    assert!(matches!(issue(SignedDuration::ZERO, noon()), Err(IdentityError::Validity)));
    assert!(matches!(issue(DAY, authority.not_after()), Err(IdentityError::AuthorityExpired)));
}

#[test]
fn serials_and_keys_are_fresh_unless_requested() {
    let authority = authority();
    let request = request();
    let issue = |key| authority.issue_caller(&caller("fsm"), key, DAY, noon()).unwrap();
    let (one, two) = (issue(SubjectKey::Requested(&request)), issue(SubjectKey::Requested(&request)));
    assert!(one.key_pem.is_none());
    assert_eq!(one.speaking.spki_sha256, two.speaking.spki_sha256);
    assert_ne!(one.speaking.serial, two.speaking.serial);
    assert_eq!(one.speaking.serial.len(), 32);
    assert_ne!(issue(SubjectKey::Fresh).speaking.spki_sha256, issue(SubjectKey::Fresh).speaking.spki_sha256);
}

/// The strictest reader at hand. Names with a dot are there for its habit with common names.
#[test]
fn openssl_accepts_every_leaf_strictly() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let now = Timestamp::now();
    let long: TrustDomain = "x".repeat(255).parse().unwrap();
    for domain in [local(), long] {
        let authority = Authority::create(&domain, now).unwrap();
        let ca = file("ca.pem", authority.certificate_pem());
        let verify = |purpose: &str, more: &[&str], leaf: &str| {
            let fixed = ["verify", "-x509_strict", "-check_ss_sig", "-purpose", purpose, "-CAfile", &ca];
            openssl(&[&fixed, more, &[leaf]].concat());
        };
        for name in ["fsm", "fsm-mobile.eu", "a_b.example.org", &"x".repeat(63)] {
            let id = SpiffeId::of_caller(&domain, &name.parse().unwrap());
            let issued = authority.issue_caller(&id, SubjectKey::Fresh, DAY, now).unwrap();
            verify("sslclient", &[], &file("leaf.pem", &issued.certificate_pem));
        }
        let server = file("server.pem", &authority.issue_server(now).unwrap().certificate_pem);
        verify("sslserver", &["-verify_hostname", "localhost"], &server);
        verify("sslserver", &["-verify_ip", "127.0.0.1"], &server);
        verify("sslserver", &["-verify_ip", "::1"], &server);
    }
}

/// What a stolen CA key could sign is no use beyond this machine.
#[test]
fn openssl_refuses_leaves_for_other_hosts() {
    let authority = authority();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let ca = file("ca.pem", authority.certificate_pem());
    let at = noon().as_second().to_string();
    for (host, right) in
        [("localhost", true), ("example.org", false), ("localhost.example.org", false), ("vault", false)]
    {
        let leaf = Leaf { dns: &[host], ..Leaf::default() }.signed_by(&authority).certificate;
        let leaf = file("leaf.pem", &super::super::pem::of_certificate(&leaf));
        let said = ask_openssl(&["verify", "-attime", &at, "-x509_strict", "-CAfile", &ca, &leaf]);
        assert_eq!(said.is_ok(), right, "{host}: {said:?}");
    }
}

#[test]
fn certificates_have_the_promised_form() {
    let authority = authority();
    let folder = tempfile::tempdir().unwrap();
    let show = |pem: &str| {
        let path = folder.path().join("shown.pem");
        std::fs::write(&path, pem).unwrap();
        let text = openssl(&["x509", "-noout", "-text", "-in", path.to_str().unwrap()]);
        String::from_utf8(text).unwrap()
    };
    let issued = authority.issue_caller(&caller("fsm"), SubjectKey::Fresh, DAY, noon()).unwrap();
    let server = authority.issue_server(noon()).unwrap();
    for (pem, parts) in [
        (
            authority.certificate_pem(),
            &[
                "CN = fsm-vault local CA fsm-vault.internal",
                "CA:TRUE, pathlen:0",
                "Certificate Sign, CRL Sign",
                "X509v3 Name Constraints: critical",
                "DNS:localhost",
                "IP:127.0.0.1/255.255.255.255",
                "URI:spiffe://fsm-vault.internal",
                "X509v3 Subject Key Identifier",
            ][..],
        ),
        (
            &issued.certificate_pem,
            &[
                "CN = fsm\n",
                "CA:FALSE",
                "TLS Web Client Authentication\n",
                "URI:spiffe://fsm-vault.internal/caller/fsm\n",
                "X509v3 Authority Key Identifier",
                "Digital Signature\n",
            ],
        ),
        (
            &server.certificate_pem,
            &[
                "TLS Web Server Authentication\n",
                "DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1",
            ],
        ),
    ] {
        let text = show(pem);
        for part in parts {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}

#[test]
fn a_damaged_certificate_is_no_authority() {
    assert!(matches!(Authority::from_record(&[]), Err(IdentityError::AuthorityDamaged)));
    assert!(matches!(Authority::from_record(&[0, 0, 0]), Err(IdentityError::AuthorityDamaged)));
    assert!(matches!(Authority::from_record(&[2, 0, 0]), Err(IdentityError::AuthorityFormat(2))));
}
