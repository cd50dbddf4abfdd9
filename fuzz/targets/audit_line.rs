//! A line of the audit log (docs/formats.md, The audit log): split and joined it is the same line; whatever an entry
//! says is one line, which reads as that entry and follows from the line before it alone.
#![no_main]

use std::sync::LazyLock;

use fsm_vault::audit::fuzzing::{Bench, split};
use fsm_vault::audit::{Entry, LoggedEntry, Outcome, Peer};
use fsm_vault_fuzz::{Input, KEYS};
use libfuzzer_sys::fuzz_target;

static BENCH: LazyLock<Bench> = LazyLock::new(|| Bench::new(KEYS.chain_key().0, KEYS.vault().to_string()));

fuzz_target!(|data: &[u8]| {
    if let Some((text, mac)) = split(data) {
        let mac: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!([text, b",\"mac\":\"", mac.as_bytes(), b"\"}\n"].concat(), data);
    }
    if let Ok(read) = serde_json::from_slice::<LoggedEntry>(data) {
        is_kept(&read.entry, read.time, read.seq.saturating_sub(1));
    }
    made(&mut Input(data));
});

/// An entry of the input's words, with control characters and all.
fn made(input: &mut Input) {
    let absent = input.number();
    let word = |input: &mut Input, bit: u32| (absent >> bit & 1 == 0).then(|| input.line().into());
    let entry = Entry {
        request_id: word(input, 0),
        caller: word(input, 1),
        serial: word(input, 2),
        peer: (absent >> 3 & 1 == 0).then(|| Peer::Process { uid: input.number() as u32, pid: None }),
        action: input.line().to_owned().into(),
        secret: word(input, 4),
        integration: word(input, 5),
        subject: word(input, 6),
        version: (absent >> 7 & 1 == 0).then(|| input.number() as u64),
        domain: word(input, 8),
        employee: word(input, 9),
        outcome: [Outcome::Allowed, Outcome::Denied, Outcome::Failed][usize::from(input.byte()) % 3],
        reason: (absent >> 10 & 1 == 0).then(|| input.line().to_owned().into()),
        fingerprint: word(input, 11),
        changes: serde_json::from_str(input.line())
            .ok()
            .filter(|changes: &serde_json::Value| !changes.is_null()),
        count: (absent >> 12 & 1 == 0).then(|| input.number() as u64),
        ..Entry::default()
    };
    is_kept(&entry, jiff::Timestamp::UNIX_EPOCH, input.number() as u64);
}

fn is_kept(entry: &Entry, time: jiff::Timestamp, seq: u64) {
    let before = [7; 32];
    let line = BENCH.line(entry, time, seq, before);
    assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1), "one line");
    let read: LoggedEntry = serde_json::from_slice(&line).expect("what the log writes reads");
    assert_eq!((read.seq, &read.entry), (seq.saturating_add(1), entry));
    assert!(read.time.duration_since(time).abs().as_micros() == 0, "{time}");
    assert!(BENCH.joins(&before, &line) && !BENCH.joins(&[8; 32], &line));
    // Written anew, it is the same to the byte.
    assert_eq!(BENCH.line(&read.entry, read.time, seq, before), line);
}
