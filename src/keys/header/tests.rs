//! Slots open with their passphrase alone, and no bent byte passes.

use super::*;

const CHEAP: Argon2Cost = Argon2Cost { memory_kib: 19_456, passes: 2, lanes: 1 };

fn passphrase(text: &str) -> Plaintext {
    Plaintext::new(text.as_bytes().to_vec())
}

#[test]
fn opens_with_its_passphrase_alone() {
    let (header, ring) = Header::create(&passphrase("right"), CHEAP).unwrap();
    let read = Header::parse(&header.to_bytes()).unwrap();
    let again = read.unlock(&passphrase("right")).unwrap();
    assert!(ring.root().lend(|a| again.root().lend(|b| a == b)));
    assert_eq!(read.unlock(&passphrase("wrong")).err(), Some(HeaderError::WrongPassphrase));
}

#[test]
fn every_byte_counts() {
    let (header, _) = Header::create(&passphrase("right"), CHEAP).unwrap();
    let bytes = header.to_bytes();
    for cut in 0..bytes.len() {
        assert!(Header::parse(&bytes[..cut]).is_err());
    }
    // Low bits of the cost stay within bounds and parse; then the slot must not open.
    for at in 0..bytes.len() {
        let mut bent = bytes.clone();
        bent[at] ^= 0x01;
        let opened = Header::parse(&bent).and_then(|header| header.unlock(&passphrase("right")));
        assert!(opened.is_err(), "byte {at}");
    }
}

#[test]
fn a_cheap_or_ruinous_cost_is_refused_before_it_is_paid() {
    let (header, _) = Header::create(&passphrase("right"), CHEAP).unwrap();
    for (at, value) in [(23, 19_455_u32), (23, u32::MAX), (27, 1), (27, u32::MAX), (31, 0), (31, u32::MAX)] {
        let mut bytes = header.to_bytes();
        bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
        assert!(matches!(Header::parse(&bytes), Err(HeaderError::Cost(_))), "{at} {value}");
    }
}

#[test]
fn slots_come_and_go_and_the_last_one_stays() {
    let (header, keys) = Header::create(&passphrase("right"), CHEAP).unwrap();
    let first = header.slots().next().unwrap();
    let opened = |header: &Header, text: &str| header.open(&passphrase(text)).map(|(id, _)| id).ok();
    assert_eq!(opened(&header, "right"), Some(first));
    assert_eq!(header.without(first).err(), Some(HeaderError::LastSlot));

    let (two, second) = header.with_slot(&keys, &passphrase("other"), CHEAP).unwrap();
    let two = Header::parse(&two.to_bytes()).unwrap();
    assert_eq!(two.slots().collect::<Vec<_>>(), [first, second]);
    assert_eq!((opened(&two, "right"), opened(&two, "other")), (Some(first), Some(second)));
    let (_, again) = two.open(&passphrase("other")).unwrap();
    assert!(keys.root().lend(|a| again.root().lend(|b| a == b)));
    for text in ["right", "other"] {
        let taken = two.with_slot(&keys, &passphrase(text), CHEAP).err();
        assert_eq!(taken, Some(HeaderError::InUse(opened(&two, text).unwrap())));
        assert!(two.replacing(first, &keys, &passphrase(text), CHEAP).is_err());
    }

    let (changed, third) = two.replacing(first, &keys, &passphrase("new"), CHEAP).unwrap();
    assert_eq!(changed.slots().collect::<Vec<_>>(), [third, second]);
    assert_eq!((opened(&changed, "right"), opened(&changed, "new")), (None, Some(third)));
    assert_eq!(changed.without(first).err(), Some(HeaderError::NoSuchSlot));
    let one = changed.without(second).unwrap();
    assert_eq!((opened(&one, "other"), opened(&one, "new")), (None, Some(third)));
}

#[test]
fn a_renewed_header_is_the_same_vaults_under_another_key() {
    let (header, keys) = Header::create(&passphrase("right"), CHEAP).unwrap();
    let both = [passphrase("right"), passphrase("other")];
    let Renewed { header: renewed, keys: new } = header.renewed(&both, CHEAP).unwrap();
    assert_eq!((renewed.vault(), renewed.slots().len()), (header.vault(), 2));
    assert!(renewed.slots().all(|id| header.slots().all(|old| old != id)));
    assert!(!keys.root().lend(|a| new.root().lend(|b| a == b)));
    for each in &both {
        assert!(new.root().lend(|a| renewed.unlock(each).unwrap().root().lend(|b| a == b)));
    }
    assert!(header.renewed(&[], CHEAP).is_err());
}

#[test]
fn there_is_room_for_eight_and_none_is_cheaper_than_another() {
    let (mut header, keys) = Header::create(&passphrase("0"), CHEAP).unwrap();
    let mut dear = CHEAP;
    dear.passes += 1;
    for nth in 1..MAX_SLOTS {
        let cost = if nth == 1 { dear } else { CHEAP };
        header = header.with_slot(&keys, &passphrase(&nth.to_string()), cost).unwrap().0;
    }
    assert_eq!(header.slots.iter().filter(|slot| slot.cost() == dear).count(), MAX_SLOTS - 1);
    let full = header.with_slot(&keys, &passphrase("8"), CHEAP).err();
    assert_eq!(full, Some(HeaderError::NoRoom));
    assert_eq!(Header::parse(&header.to_bytes()).unwrap().slots().len(), MAX_SLOTS);
    assert!(header.replacing(header.slots().nth(7).unwrap(), &keys, &passphrase("8"), CHEAP).is_ok());
}
