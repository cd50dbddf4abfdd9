//! A backup (docs/formats.md, Backups): what was written reads back; one to which anything was done is never read to
//! its end; whoever has no key tells a whole one from one that is cut, wherever it is cut into pieces.
#![no_main]

use fsm_vault::backup::{BackupError, Closed, Head, LogHead, Manifest, Outline, Writer};
use fsm_vault::keys::{RecordName, Sealed, StoreKey};
use fsm_vault_fuzz::{HEADER, Input, KEYS};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    made_up(data);
    let mut input = Input(data);
    let written = records(&mut input);
    let file = backup(&written);
    assert!(read(&file).is_ok_and(|read| read == written), "as it was written");
    let at = input.number() % file.len();
    assert!(outline(&[&file[..at], &file[at..]]).is_ok() && outline(&[&file[..at]]).is_err());

    let mut bent = file.clone();
    for _ in 0..16 {
        if input.0.is_empty() {
            break;
        }
        let (what, at, length) = (input.byte(), input.number(), input.number() % 300);
        // Both ends of the file are as near as its middle.
        let at = if what & 1 == 0 { at % (bent.len() + 1) } else { bent.len().saturating_sub(at % 400) };
        let end = (at + length).min(bent.len());
        match what >> 1 & 3 {
            0 if at < bent.len() => bent[at] ^= input.byte().max(1),
            1 => drop(bent.drain(at..end)),
            2 => drop(bent.splice(at..at, input.take(length % 16).to_vec())),
            _ => bent.extend_from_within(at..end),
        }
    }
    assert_eq!(read(&bent).is_ok(), bent == file);
});

/// Nobody's file: it is refused, not believed.
fn made_up(bytes: &[u8]) {
    let cut = outline(&[bytes]).is_ok();
    assert_eq!(outline(&bytes.chunks(1).collect::<Vec<_>>()).is_ok(), cut);
    assert!(read(bytes).is_err());
}

fn records(input: &mut Input) -> Vec<(StoreKey, Sealed)> {
    let id = "_a".parse().expect("an ID");
    // The last one may fill frames.
    let record = |number: u8| {
        let length = if number == 3 { input.number() } else { input.number() % 300 };
        let mut bytes = vec![number; length];
        let beginning = input.take(length.min(32));
        bytes[..beginning.len()].copy_from_slice(beginning);
        (KEYS.store_key(&RecordName::Value(&id, number.into())), Sealed::from_store(bytes))
    };
    let mut records: Vec<_> = (0..4).map(record).collect();
    records.sort_by_key(|(key, _)| *key);
    records
}

fn backup(records: &[(StoreKey, Sealed)]) -> Vec<u8> {
    let head = Head::new(0, &HEADER).expect("a header");
    let keys = KEYS.backup_keys(head.salt());
    let audit = LogHead { seq: 1, mac: "00".repeat(32) };
    let (program, made_by) = ("0.0.0".to_owned(), "admin".to_owned());
    let manifest = Manifest { program, made_by, own_passphrase: false, audit };
    let mut writer = Writer::begin(head, keys, &manifest).expect("there is memory and chance");
    records.iter().for_each(|(key, sealed)| writer.record(*key, sealed).expect("in their order"));
    writer.end().expect("there is memory and chance")
}

fn read(file: &[u8]) -> Result<Vec<(StoreKey, Sealed)>, BackupError> {
    let closed = Closed::open(file)?;
    let keys = KEYS.backup_keys(closed.head.salt());
    let (mut reader, _) = closed.unlock(keys)?;
    let mut records = Vec::new();
    while let Some(record) = reader.record()? {
        records.push(record);
    }
    assert!(outline(&[file]).is_ok(), "whole for those who have the key, and not for those who haven't");
    Ok(records)
}

fn outline(pieces: &[&[u8]]) -> Result<(), BackupError> {
    let mut outline = Outline::default();
    pieces.iter().try_for_each(|piece| outline.take(piece))?;
    outline.end()
}
