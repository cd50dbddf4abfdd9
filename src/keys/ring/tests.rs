//! A record opens at its own place, in its own vault, as its own revision, and nowhere else.

use proptest::prelude::*;
use static_assertions::assert_not_impl_any;

use super::*;
use crate::crypto::Argon2Cost;
use crate::keys::Header;

assert_not_impl_any!(KeyRing: std::fmt::Debug, Clone, serde::Serialize);
assert_not_impl_any!(BackupKeys: std::fmt::Debug, Clone, serde::Serialize);
assert_not_impl_any!(ChainKey: std::fmt::Debug, Clone, serde::Serialize);

fn ring(vault: u8, root: u8) -> KeyRing {
    // A header of this vault with another's passphrase would do the same at the price of an Argon2id.
    KeyRing::new(VaultId::from_bytes([vault; 16]), DerivedKey::from_bytes(&[root; 32]))
}

fn names() -> impl Strategy<Value = (u8, String, u64)> {
    (0..6_u8, "[a-z0-9_]{1,12}", 0..4_u64)
}

fn key(ring: &KeyRing, (kind, text, number): &(u8, String, u64)) -> StoreKey {
    let id = text.parse().unwrap();
    match kind {
        0 => ring.store_key(&RecordName::Authority),
        1 => ring.store_key(&RecordName::Secret(&id)),
        2 => ring.store_key(&RecordName::Value(&id, *number)),
        3 => ring.store_key(&RecordName::Integration(&text.parse().unwrap())),
        4 => ring.store_key(&RecordName::Caller(&format!("c{text}").parse().unwrap())),
        _ => ring.store_key(&RecordName::Checkpoint),
    }
}

proptest! {
    #[test]
    fn opens_only_under_its_own_aad(here in names(), there in names(), message: Vec<u8>, revision in 1..u64::MAX) {
        let ours = ring(1, 1);
        let place = key(&ours, &here);
        let sealed = ours.seal(&place, revision, &message).unwrap();
        prop_assert_eq!(sealed.revision(), Some(revision));
        let opened = ours.open(&place, &sealed).unwrap();
        prop_assert_eq!(opened.as_slice(), &message[..]);

        let elsewhere = key(&ours, &there);
        prop_assert_eq!(ours.open(&elsewhere, &sealed).is_ok(), elsewhere == place, "moved");
        prop_assert!(ring(2, 1).open(&place, &sealed).is_err(), "another vault");
        prop_assert!(ring(1, 2).open(&place, &sealed).is_err(), "another root key");
    }

    #[test]
    fn no_byte_may_change(message: Vec<u8>, at: prop::sample::Index, bit in 0..8_u8) {
        let ring = ring(1, 1);
        let place = ring.store_key(&RecordName::Checkpoint);
        let sealed = ring.seal(&place, 7, &message).unwrap();
        let mut bytes = sealed.as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(ring.open(&place, &Sealed::from_store(bytes.clone())).is_err());
        bytes.truncate(at);
        prop_assert!(ring.open(&place, &Sealed::from_store(bytes)).is_err());
    }

    #[test]
    fn store_keys_tell_names_apart_and_show_none(one in names(), other in names()) {
        let ours = ring(1, 1);
        let (a, b) = (key(&ours, &one), key(&ours, &other));
        let kinds_without_name = matches!(one.0, 0 | 5);
        let same = one.0 == other.0 && (kinds_without_name || (one.1 == other.1 && (one.0 != 2 || one.2 == other.2)));
        prop_assert_eq!(a == b, same);
        prop_assert!(!a.to_bytes().windows(one.1.len().max(4)).any(|window| window == one.1.as_bytes()));
        prop_assert!(key(&ring(1, 2), &one) != a, "keyed");
    }
}

#[test]
fn two_seals_of_one_message_have_nothing_in_common() {
    let ring = ring(1, 1);
    let place = ring.store_key(&RecordName::Checkpoint);
    let [a, b] = [(); 2].map(|()| ring.seal(&place, 1, b"the same message").unwrap());
    assert_ne!(a.as_bytes()[10..42], b.as_bytes()[10..42], "salt");
    assert_ne!(a.as_bytes()[54..], b.as_bytes()[54..], "text");
}

#[test]
fn a_vault_reopened_is_the_same_vault() {
    let cheap = Argon2Cost { memory_kib: 19_456, passes: 2, lanes: 1 };
    let passphrase = Plaintext::new(b"right".to_vec());
    let (header, ring) = Header::create(&passphrase, cheap).unwrap();
    let again = Header::parse(&header.to_bytes()).unwrap().unlock(&passphrase).unwrap();
    let place = ring.store_key(&RecordName::Checkpoint);
    let sealed = ring.seal(&place, 1, b"message").unwrap();
    assert_eq!(
        again.open(&again.store_key(&RecordName::Checkpoint), &sealed).unwrap().as_slice(),
        b"message"
    );
    let value = Plaintext::new(b"value".to_vec());
    assert_eq!(ring.fingerprint(&value), again.fingerprint(&value));
}
