//! What somebody does to the files of a closed log, and what is said of it.

use std::path::Path;

use proptest::prelude::*;

use super::super::chain::Chain;
use super::super::disk::{Directory, Disk};
use super::super::verify::{Extent, verify};
use super::super::*;
use super::site::*;

/// What somebody with an editor does to a closed log, and what verifying says.
#[tokio::test]
async fn each_tampering_is_found_where_it_is() {
    type Tampering = (&'static str, fn(&Place), Option<(u32, u64, Flaw)>, OnlyByCheckpoint);
    type OnlyByCheckpoint = bool;
    let table: &[Tampering] = &[
        ("nothing", |_| (), None, false),
        (
            "a byte edited",
            |place| {
                let mut lines = place.lines(2);
                lines[2] = lines[2].replacen("allowed", "allowee", 1);
                place.rewrite(2, &lines);
            },
            at(2, 3, Flaw::Changed),
            false,
        ),
        (
            "a header edited",
            |place| {
                let mut lines = place.lines(2);
                lines[0] = lines[0].replacen("full", "fall", 1);
                place.rewrite(2, &lines);
            },
            at(2, 1, Flaw::Changed),
            false,
        ),
        (
            "the mac in upper case",
            |place| {
                let mut lines = place.lines(1);
                let end = lines[1].len() - 3;
                let upper = lines[1][end - 64..end].to_uppercase();
                lines[1].replace_range(end - 64..end, &upper);
                place.rewrite(1, &lines);
            },
            at(1, 2, Flaw::NotAnEntry),
            false,
        ),
        (
            "a line dropped",
            |place| {
                let mut lines = place.lines(2);
                lines.remove(2);
                place.rewrite(2, &lines);
            },
            at(2, 3, Flaw::OutOfOrder),
            false,
        ),
        (
            "two lines swapped",
            |place| {
                let mut lines = place.lines(1);
                lines.swap(3, 4);
                place.rewrite(1, &lines);
            },
            at(1, 4, Flaw::OutOfOrder),
            false,
        ),
        (
            "a line repeated",
            |place| {
                let mut lines = place.lines(1);
                lines.insert(3, lines[2].clone());
                place.rewrite(1, &lines);
            },
            at(1, 4, Flaw::OutOfOrder),
            false,
        ),
        (
            "a segment's end cut off",
            |place| {
                let mut lines = place.lines(2);
                lines.pop();
                place.rewrite(2, &lines);
            },
            at(3, 1, Flaw::DoesNotFollow),
            false,
        ),
        (
            "a segment's header removed",
            |place| place.rewrite(2, &place.lines(2)[1..]),
            at(2, 1, Flaw::NoHeader),
            false,
        ),
        ("a segment emptied", |place| place.rewrite(2, &[]), at(2, 1, Flaw::NoHeader), false),
        (
            "the log's end cut off",
            |place| {
                let mut lines = place.lines(3);
                lines.pop();
                place.rewrite(3, &lines);
            },
            at(3, 7, Flaw::CheckpointNotMet),
            true,
        ),
        (
            "the log's end cut off in the middle of a line",
            |place| {
                let text = place.lines(3).concat();
                std::fs::write(place.path(3), &text[..text.len() - 20]).unwrap();
            },
            at(3, 7, Flaw::NotAnEntry),
            true,
        ),
        (
            "the last segment deleted",
            |place| std::fs::remove_file(place.path(3)).unwrap(),
            at(3, 0, Flaw::Missing),
            true,
        ),
        (
            "the first segment deleted",
            |place| std::fs::remove_file(place.path(1)).unwrap(),
            at(1, 0, Flaw::Missing),
            false,
        ),
        (
            "a middle segment deleted",
            |place| std::fs::remove_file(place.path(2)).unwrap(),
            at(2, 0, Flaw::Missing),
            false,
        ),
        (
            "two segments swapped",
            |place| {
                let (one, other) = (place.lines(1), place.lines(2));
                place.rewrite(1, &other);
                place.rewrite(2, &one);
            },
            at(1, 1, Flaw::DoesNotFollow),
            false,
        ),
        (
            "a segment renamed over another",
            |place| std::fs::rename(place.path(3), place.path(2)).unwrap(),
            at(2, 1, Flaw::DoesNotFollow),
            false,
        ),
        (
            "a forged line appended",
            |place| {
                let mut lines = place.lines(3);
                lines.push(lines[5].replacen("r-00", "r-99", 1));
                place.rewrite(3, &lines);
            },
            at(3, 8, Flaw::OutOfOrder),
            false,
        ),
        (
            "a segment appended",
            |place| place.rewrite(4, &place.lines(3)),
            at(4, 1, Flaw::DoesNotFollow),
            false,
        ),
        (
            "a file of a number far away",
            |place| std::fs::write(place.path(4_000_000_000), "junk").unwrap(),
            at(4_000_000_000, 0, Flaw::Stray),
            false,
        ),
        (
            "the last of all numbers, on a copy",
            |place| place.rewrite(u32::MAX, &place.lines(3)),
            at(u32::MAX, 0, Flaw::Stray),
            false,
        ),
        (
            "strays beyond one that is missing",
            |place| {
                std::fs::remove_file(place.path(2)).unwrap();
                [5, 6, 900].iter().for_each(|number| std::fs::write(place.path(*number), "").unwrap());
            },
            at(2, 0, Flaw::Missing),
            false,
        ),
        (
            "a hole of four TiB at a segment's end",
            |place| {
                let file = std::fs::OpenOptions::new().append(true).open(place.path(2)).unwrap();
                file.set_len(4 << 40).unwrap();
            },
            at(2, 0, Flaw::TooLarge),
            false,
        ),
        (
            "a hole of four TiB at the log's end",
            |place| {
                let file = std::fs::OpenOptions::new().append(true).open(place.path(3)).unwrap();
                file.set_len(4 << 40).unwrap();
            },
            at(3, 0, Flaw::TooLarge),
            false,
        ),
        (
            "a link in place of a segment",
            |place| {
                let aside = place.dir.path().join("aside");
                std::fs::rename(place.path(2), &aside).unwrap();
                std::os::unix::fs::symlink(&aside, place.path(2)).unwrap();
            },
            at(2, 0, Flaw::Unreadable),
            false,
        ),
        (
            "a long line of anything",
            |place| {
                let mut lines = place.lines(2);
                lines.insert(1, "x".repeat(5 << 20));
                place.rewrite(2, &lines);
            },
            at(2, 2, Flaw::NotAnEntry),
            false,
        ),
    ];
    for (what, tamper, expected, only_by_checkpoint) in table {
        for with_checkpoint in [true, false] {
            if *only_by_checkpoint && !with_checkpoint {
                continue;
            }
            let place = Place::small();
            let checkpoint = place.written(20).await;
            assert_eq!((checkpoint.segment, place.lines(3).len()), (3, 7));
            tamper(&place);
            let checkpoint = with_checkpoint.then_some(checkpoint);
            let (log, opened) = place.open(checkpoint.clone());
            let report = log.verify(checkpoint.clone()).await.unwrap();
            assert_eq!(place_of(report.first_bad), *expected, "{what}, checkpoint: {with_checkpoint}");
            if !with_checkpoint {
                assert_eq!(place_of(opened.damage), *expected, "{what}, at opening");
            }
            log.append(entry(99)).await.unwrap();
            let told = tail(&log, 30, None, |entry| &*entry.entry.action == "secret.read").await.unwrap();
            assert_eq!(told[0].entry.request_id.as_deref(), Some("r-0099"), "{what}");
        }
    }
}

fn verify_files(dir: &Path, current: u32, length: u64, checkpoint: &Checkpoint) -> Report {
    let directory = Directory::prepare(dir).unwrap();
    let extent =
        Extent { present: directory.list().unwrap(), strays: Vec::new(), current: Some((current, length)) };
    let chain = Chain::new(key(), VAULT.into());
    verify(&directory, &chain, &extent, Some(checkpoint), || false).unwrap().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Any change of any one byte of any segment is found, in the line where it is or the one after.
    #[test]
    fn any_changed_byte_is_found(changes in prop::collection::vec((any::<prop::sample::Index>(), 1..=255u8), 64)) {
        let place = Place::small();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let checkpoint = runtime.block_on(place.written(15));
        let files: Vec<Vec<u8>> =
            (1..=checkpoint.segment).map(|number| std::fs::read(place.path(number)).unwrap()).collect();
        let check = || verify_files(&place.settings.dir, checkpoint.segment, checkpoint.offset, &checkpoint);
        prop_assert_eq!(check().first_bad, None);
        for (index, flip) in changes {
            let mut at = index.index(files.iter().map(Vec::len).sum());
            let which = files.iter().position(|file| {
                let inside = at < file.len();
                if !inside {
                    at -= file.len();
                }
                inside
            });
            let which = which.unwrap();
            let mut changed = files[which].clone();
            changed[at] ^= flip;
            let number = u32::try_from(which).unwrap() + 1;
            std::fs::write(place.path(number), &changed).unwrap();
            let found = check().first_bad;
            let line = 1 + files[which][..at].iter().filter(|byte| **byte == b'\n').count() as u64;
            prop_assert_eq!(found.map(|found| (found.segment, found.line)), Some((number, line)));
            std::fs::write(place.path(number), &files[which]).unwrap();
        }
    }
}
