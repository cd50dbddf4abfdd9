//! What stands in records (docs/formats.md, Plaintexts in JSON), and the record of the CA: what reads is written as
//! what reads as the same again.
#![no_main]

use fsm_vault::audit::Checkpoint;
use fsm_vault::identity::Authority;
use fsm_vault::model::{Caller, Integration, Notice, Secret, SecretUses, SlotNotes, Tombstone, UsesMark};
use fsm_vault_fuzz::{Input, reads_back};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    match input.byte() {
        b's' => {
            if let Some(secret) = reads_back::<Secret>(input.0) {
                let highest = secret.versions.last().map_or(0, |version| version.number);
                let now = secret.changed_at;
                let _ = (
                    secret.current(),
                    secret.versions.iter().map(|each| each.standing(now)).count(),
                    highest,
                );
            }
        }
        b'i' => {
            if let Some(record) = reads_back::<Integration>(input.0) {
                assert!(record.secret_ids().count() <= 2);
            }
        }
        b'c' => {
            if let Some(caller) = reads_back::<Caller>(input.0) {
                assert!(!caller.is_active_full_operator() || caller.is_active());
            }
        }
        b't' => drop(reads_back::<Tombstone>(input.0)),
        b'u' => drop(reads_back::<SecretUses>(input.0)),
        b'm' => drop(reads_back::<UsesMark>(input.0)),
        b'n' => drop(reads_back::<Notice>(input.0)),
        b'l' => drop(reads_back::<SlotNotes>(input.0)),
        b'k' => drop(reads_back::<Checkpoint>(input.0)),
        _ => {
            if let Ok(authority) = Authority::from_record(input.0) {
                assert_eq!(authority.to_record().as_slice(), input.0);
            }
        }
    }
});
