//! What is written reads back; what was bent, cut, swapped or extended doesn't, whatever the place.

use proptest::prelude::*;
use static_assertions::assert_not_impl_any;

use super::*;
use crate::crypto::Argon2Cost;
use crate::keys::{Header, KeyRing, Sealed, StoreKey};
use crate::secret::Plaintext;

assert_not_impl_any!(Writer: std::fmt::Debug, Clone);
assert_not_impl_any!(Reader<&[u8]>: std::fmt::Debug, Clone);

const CHEAP: Argon2Cost = Argon2Cost { memory_kib: 19_456, passes: 2, lanes: 1 };

fn vault() -> (Header, KeyRing) {
    Header::create(&Plaintext::new(b"right".to_vec()), CHEAP).unwrap()
}

fn manifest() -> Manifest {
    Manifest {
        program: "0".into(),
        made_by: "admin".into(),
        own_passphrase: false,
        audit: LogHead { seq: 7, mac: "ab".repeat(32) },
    }
}

fn record(number: u32, length: usize) -> (StoreKey, Sealed) {
    let mut key = [2; StoreKey::LEN];
    key[1..5].copy_from_slice(&number.to_be_bytes());
    let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
    (StoreKey::from_bytes(&key).unwrap(), Sealed::from_store(bytes))
}

fn write((header, keys): &(Header, KeyRing), records: &[(StoreKey, Sealed)]) -> Vec<u8> {
    let head = Head::new(1_000, &header.to_bytes()).unwrap();
    let backup_keys = keys.backup_keys(head.salt());
    let mut writer = Writer::begin(head, backup_keys, &manifest()).unwrap();
    let mut bytes = Vec::new();
    for (key, sealed) in records {
        writer.record(*key, sealed).unwrap();
        bytes.extend(writer.take());
    }
    bytes.extend(writer.end().unwrap());
    bytes
}

fn read(keys: &KeyRing, bytes: &[u8]) -> Result<(Manifest, Vec<(StoreKey, Sealed)>), BackupError> {
    let closed = Closed::open(bytes)?;
    let backup_keys = keys.backup_keys(closed.head.salt());
    let (mut reader, manifest) = closed.unlock(backup_keys)?;
    let mut records = Vec::new();
    while let Some(record) = reader.record()? {
        records.push(record);
    }
    assert!(reader.record()?.is_none());
    Ok((manifest, records))
}

fn outlined(bytes: &[u8], pieces: usize) -> Result<(), BackupError> {
    let mut outline = Outline::default();
    bytes.chunks(pieces).try_for_each(|piece| outline.take(piece))?;
    outline.end()
}

#[test]
fn what_is_written_reads_back_at_every_length() {
    let vault = vault();
    // Around one frame and two: 5 of the item's start, 33 of the store key, and the manifest before it.
    let before = 5 + serde_json::to_vec(&manifest()).unwrap().len() + 5 + 33;
    for length in [0, 1, 65_535 - before, 65_536 - before, 65_537 - before, 131_072 - before, 200_000] {
        let records = [record(1, length), record(2, 3)];
        let bytes = write(&vault, &records);
        let (read_manifest, read_records) = read(&vault.1, &bytes).unwrap();
        assert_eq!(read_manifest, manifest());
        assert!(read_records == records, "{length}");
        for pieces in [1, 7, 65_557, bytes.len()] {
            outlined(&bytes, pieces).unwrap();
        }
    }
    assert!(read(&vault.1, &write(&vault, &[])).unwrap().1.is_empty());
}

#[test]
fn no_bent_or_missing_byte_goes_unnoticed() {
    let vault = vault();
    let bytes = write(&vault, &[record(1, 40), record(2, 70_000)]);
    let places = (0..260)
        .step_by(3)
        .chain([60_000, 65_300])
        .chain(65_690..65_760)
        .chain(bytes.len() - 80..bytes.len());
    for at in places {
        let mut bent = bytes.clone();
        bent[at] ^= 1 << (at % 8);
        // In the header's slots: whoever has the keys all the same.
        assert!(read(&vault.1, &bent).is_err(), "bent at {at}");
        assert!(read(&vault.1, &bytes[..at]).is_err(), "cut at {at}");
        assert!(outlined(&bytes[..at], 1000).is_err(), "cut at {at}");
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert!(matches!(read(&vault.1, &longer), Err(BackupError::Trailing)));
    assert!(matches!(outlined(&longer, 9), Err(BackupError::Trailing)));
    assert!(matches!(read(&vault.1, b""), Err(BackupError::NotABackup)));
    assert!(matches!(outlined(b"", 9), Err(BackupError::CutShort(0))));
    let mut newer = bytes.clone();
    newer[4] = 2;
    assert!(matches!(read(&vault.1, &newer), Err(BackupError::Format(2))));
}

#[test]
fn frames_keep_their_places_and_their_backup() {
    let vault = vault();
    let records = [record(1, 300_000)];
    let (one, two) = (write(&vault, &records), write(&vault, &records));
    let head = 47 + vault.0.to_bytes().len();
    let frame = 5 + 65_536 + 16;
    let part =
        |bytes: &[u8], number: usize| bytes[head + number * frame..head + (number + 1) * frame].to_vec();
    let with = |parts: &[&[u8]]| parts.concat();
    let rest = &one[head + 2 * frame..];
    let swapped = with(&[&one[..head], &part(&one, 1), &part(&one, 0), rest]);
    let dropped = with(&[&one[..head], &part(&one, 1), rest]);
    let doubled = with(&[&one[..head], &part(&one, 0), &part(&one, 0), &part(&one, 1), rest]);
    let foreign = with(&[&one[..head], &part(&two, 0), &part(&one, 1), rest]);
    for (what, bytes) in [("swapped", swapped), ("dropped", dropped), ("foreign", foreign)] {
        assert!(matches!(read(&vault.1, &bytes), Err(BackupError::Frame(0))), "{what}");
    }
    assert!(matches!(read(&vault.1, &doubled), Err(BackupError::Frame(1))));
    // Its end taken off at a frame's end: the frame before isn't the last.
    let mut short = one[..head + 2 * frame].to_vec();
    assert!(matches!(read(&vault.1, &short), Err(BackupError::CutShort(2))));
    short[head + frame] = 1;
    assert!(matches!(read(&vault.1, &short), Err(BackupError::Frame(1))));
    assert!(matches!(read(&crate::backup::tests::vault().1, &one), Err(BackupError::Frame(0))));
    let digest_of_two = with(&[&one[..one.len() - 32], &two[two.len() - 32..]]);
    assert!(matches!(read(&vault.1, &digest_of_two), Err(BackupError::Digest)));
}

/// Sealed by somebody who has the keys: the grammar still holds.
#[test]
fn items_out_of_order_are_refused() {
    let vault = vault();
    let head = || Head::new(1, &vault.0.to_bytes()).unwrap();
    let mut writer = {
        let head = head();
        let keys = vault.1.backup_keys(head.salt());
        Writer::begin(head, keys, &manifest()).unwrap()
    };
    let (key, sealed) = record(5, 9);
    writer.record(key, &sealed).unwrap();
    assert!(writer.record(key, &sealed).is_err());
    let (lower, sealed) = record(4, 9);
    assert!(writer.record(lower, &sealed).is_err());
}

#[test]
fn a_length_that_promises_the_moon_allocates_nothing() {
    let vault = vault();
    let bytes = write(&vault, &[]);
    let at = 47 + vault.0.to_bytes().len() + 1;
    let mut huge = bytes.clone();
    huge[at..at + 4].copy_from_slice(&u32::MAX.to_be_bytes());
    assert!(matches!(read(&vault.1, &huge), Err(BackupError::FrameLength(0))));
    let mut empty = bytes.clone();
    empty[at..at + 4].copy_from_slice(&[0; 4]);
    assert!(matches!(read(&vault.1, &empty), Err(BackupError::FrameLength(0))));
    let mut header = bytes;
    header[45..47].copy_from_slice(&u16::MAX.to_be_bytes());
    assert!(matches!(read(&vault.1, &header), Err(BackupError::NotABackup)));
    assert!(matches!(item::parse_start([2, 0xff, 0xff, 0xff, 0xff]), Err(BackupError::Content(_))));
}

proptest! {
    #[test]
    fn any_bytes_are_followed_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300), known: bool) {
        let bytes = if known { [b"FSMB\x01".as_slice(), &bytes].concat() } else { bytes };
        let whole = outlined(&bytes, 300);
        let single = outlined(&bytes, 1);
        prop_assert_eq!(whole.is_ok(), single.is_ok());
        prop_assert!(Closed::open(bytes.as_slice()).is_err());
    }
}
