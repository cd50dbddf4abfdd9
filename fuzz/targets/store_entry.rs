//! A record's entries in the store (docs/formats.md, The store): what was cut is put together again; a record is never
//! made of other entries than those that it is cut into.
#![no_main]

use fsm_vault::store::fuzzing::{entries, record};
use fsm_vault_fuzz::Input;
use libfuzzer_sys::fuzz_target;

const KEY: &[u8] = b"\x02key";

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    // A record's length decides how it is cut; its bytes are the input's, over and over.
    let length = input.number() % 20_000;
    let pattern = [input.take(64), &[0]].concat();
    let whole: Vec<u8> = pattern.iter().copied().cycle().take(length).collect();
    let mut cut = entries(KEY, &whole);
    assert_eq!(record(KEY, &cut), Ok(whole));

    // Whatever is then done to them.
    while !input.0.is_empty() {
        let (what, which, bytes) = (input.byte(), input.number() % cut.len().max(1), input.number());
        match what % 6 {
            0 if !cut.is_empty() => drop(cut.remove(which)),
            1 if !cut.is_empty() => cut.insert(which, cut[which].clone()),
            2 if !cut.is_empty() => cut[which].1.truncate(bytes),
            3 if !cut.is_empty() => cut[which].1.extend_from_slice(input.take(bytes % 8)),
            4 if cut.len() > 1 => cut.swap(0, which),
            _ => {
                if let Some(byte) = cut.get_mut(which).and_then(|(_, value)| value.get_mut(bytes)) {
                    *byte ^= input.byte().max(1);
                }
            }
        }
    }
    if let Ok(read) = record(KEY, &cut) {
        assert_eq!(entries(KEY, &read), cut);
    }
});
