//! A whole audit log (docs/formats.md, Verifying): one that was written verifies, and one to which anything at all was
//! done doesn't. What only a crash can leave, an unfinished last line, is told apart: no line is longer than the longest.
#![no_main]

use std::sync::LazyLock;

use fsm_vault::audit::fuzzing::{Bench, LONGEST_LINE};
use fsm_vault::audit::{Entry, Outcome};
use fsm_vault_fuzz::{Input, KEYS};
use libfuzzer_sys::fuzz_target;

static BENCH: LazyLock<Bench> = LazyLock::new(|| Bench::new(KEYS.chain_key().0, KEYS.vault().to_string()));

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let entries = |input: &mut Input| -> Vec<Entry> {
        let entry = |number: u8| Entry {
            action: "secret.read".into(),
            secret: Some(format!("custsecret_{number}").into()),
            outcome: Outcome::Allowed,
            ..Entry::default()
        };
        (0..input.byte() % 4).map(entry).collect()
    };
    let kept: Vec<Vec<Entry>> = (0..1 + input.byte() % 3).map(|_| entries(&mut input)).collect();
    let slices: Vec<&[Entry]> = kept.iter().map(Vec::as_slice).collect();
    let (written, checkpoint) = BENCH.log(&slices, jiff::Timestamp::UNIX_EPOCH);
    assert_eq!(BENCH.verify(&written, &checkpoint), (0, 0), "as it was written");

    let mut files = written.clone();
    for _ in 0..16 {
        if input.0.is_empty() {
            break;
        }
        bend(&mut files, &mut input);
    }
    let (findings, torn) = BENCH.verify(&files, &checkpoint);
    // The last segment, up to its last whole line.
    let last = files.len() - 1;
    let unfinished = files[last].rsplit(|byte| *byte == b'\n').next().map_or(0, <[u8]>::len);
    let mut whole_lines = files.clone();
    whole_lines[last].truncate(files[last].len() - unfinished);
    if files == written {
        assert_eq!((findings, torn), (0, 0));
    } else if whole_lines == written && unfinished <= LONGEST_LINE {
        assert_eq!((findings, torn), (0, unfinished as u64), "bytes of an unfinished line");
    } else {
        assert!(findings > 0, "a changed log verifies");
    }
});

/// One thing that somebody may do to the files.
fn bend(files: &mut [Vec<u8>], input: &mut Input) {
    let (what, which) = (input.byte(), usize::from(input.byte()) % files.len());
    let (at, length) = (input.number() % (files[which].len() + 1), input.number() % 600);
    let end = (at + length).min(files[which].len());
    let lines = |file: &[u8]| -> Vec<Vec<u8>> {
        file.split_inclusive(|byte| *byte == b'\n').map(Into::into).collect()
    };
    match what % 7 {
        0 if at < files[which].len() => files[which][at] ^= input.byte().max(1),
        1 => drop(files[which].drain(at..end)),
        2 => drop(files[which].splice(at..at, input.take(length % 16).to_vec())),
        3 => files[which].truncate(at),
        4 => {
            let mut all = lines(&files[which]);
            if let Some(count @ 1..) = Some(all.len()) {
                all.swap(at % count, length % count);
            }
            files[which] = all.concat();
        }
        5 => {
            let mut all = lines(&files[which]);
            if let Some(line) = all.get(at % all.len().max(1)).cloned() {
                all.insert(length % (all.len() + 1), line);
            }
            files[which] = all.concat();
        }
        _ => files.swap(which, at % files.len()),
    }
}
