//! A sealed record (docs/formats.md, A record): what was sealed opens to the same plaintext, in its place alone; what
//! was bent, or made up, never opens.
#![no_main]

use fsm_vault::keys::{RecordName, Sealed, StoreKey};
use fsm_vault_fuzz::{Input, KEYS};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let name: Vec<u8> = input.take(8).to_vec();
    let name: String = std::iter::once(&0).chain(&name).map(|byte| char::from(b'a' + byte % 26)).collect();
    let (id, integration) = (format!("_{name}").parse().expect("an ID"), name.parse().expect("a name"));
    let names = [
        RecordName::Authority,
        RecordName::Secret(&id),
        RecordName::Value(&id, u64::from(input.byte())),
        RecordName::Integration(&integration),
        RecordName::Checkpoint,
        RecordName::Tombstone(&id),
        RecordName::UsesMark,
    ];
    let at = input.byte();
    let key = KEYS.store_key(&names[usize::from(at) % names.len()]);
    assert_eq!(StoreKey::from_bytes(&key.to_bytes()), Some(key));

    let made_up = Sealed::from_store(input.0.to_vec());
    assert!(KEYS.open(&key, &made_up).is_err(), "nobody sealed this");

    let (revision, bent, flip) = (input.number() as u64, input.number(), input.byte());
    let message = input.0;
    let sealed = KEYS.seal(&key, revision, message).expect("there is memory and chance");
    assert_eq!(sealed.revision(), Some(revision));
    let opened = KEYS.open(&key, &Sealed::from_store(sealed.as_bytes().to_vec()));
    assert_eq!(opened.as_deref().map(Vec::as_slice), Ok(message));

    let mut bytes = sealed.as_bytes().to_vec();
    let place = bent % bytes.len();
    bytes[place] ^= flip.max(1);
    assert!(KEYS.open(&key, &Sealed::from_store(bytes)).is_err(), "byte {place} was changed");
    let cut = &sealed.as_bytes()[..place];
    assert!(KEYS.open(&key, &Sealed::from_store(cut.to_vec())).is_err(), "cut to {place}");
    let elsewhere = names[usize::from(at).wrapping_add(1) % names.len()];
    assert!(KEYS.open(&KEYS.store_key(&elsewhere), &sealed).is_err(), "moved to {elsewhere:?}");
});
