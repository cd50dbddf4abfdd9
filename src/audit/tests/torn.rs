//! What a failed write left: taken back, however long that takes, or left behind in its segment.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::super::*;
use super::site::*;

#[tokio::test]
async fn what_cannot_be_repaired_is_left_behind_in_its_segment() {
    let place = Place::new();
    let faults = Arc::new(Faults::default());
    let log = place.open_faulty(&faults);
    log.append(entry(0)).await.unwrap();
    faults.append.store(1, Ordering::SeqCst);
    // Time after time, though the disk takes other files.
    faults.cut.store(2, Ordering::SeqCst);
    log.append(entry(1)).await.unwrap_err();
    log.append(entry(1)).await.unwrap_err();
    log.append(entry(2)).await.unwrap();
    assert_eq!(place.numbers(), [1, 2]);
    assert_eq!(place_of(log.damage()), at(1, 0, Flaw::NotRepaired));
    let report = log.verify(None).await.unwrap();
    assert_eq!(place_of(report.first_bad), at(1, 3, Flaw::NotAnEntry));
}

/// As at a bad block behind its end: all is well but for lines.
#[tokio::test]
async fn a_file_that_takes_no_lines_is_left_behind_too() {
    let place = Place::new();
    let faults = Arc::new(Faults::default());
    let log = place.open_faulty(&faults);
    log.append(entry(0)).await.unwrap();
    faults.append.store(3, Ordering::SeqCst);
    for _ in 0..3 {
        log.append(entry(1)).await.unwrap_err();
    }
    log.append(entry(2)).await.unwrap();
    assert_eq!(place.numbers(), [1, 2]);
}

/// However long the disk is in trouble, and whichever step of a write came upon it: afterwards all is as it was.
#[tokio::test]
async fn a_disk_that_comes_back_leaves_no_damage() {
    type Fault = fn(&Faults) -> &AtomicU32;
    let first: [Option<Fault>; 3] = [None, Some(|faults| &faults.append), Some(|faults| &faults.sync)];
    for durability in [Durability::Fsync, Durability::Write] {
        for (first, lasts) in first.into_iter().zip([1, 2, 5]) {
            let mut place = Place::new();
            place.settings.durability = durability;
            let faults = Arc::new(Faults::default());
            let log = place.open_faulty(&faults);
            log.append_durably(entry(0)).await.unwrap();
            let before = place.lines(1);
            if let Some(kind) = first {
                // It leaves a part of the line, or all of it.
                kind(&faults).store(1, Ordering::SeqCst);
                assert!(log.append_durably(entry(1)).await.is_err());
            }
            faults.down.store(true, Ordering::SeqCst);
            for nth in 0..lasts {
                let refused = log.append_durably(entry(2 + nth)).await;
                assert!(matches!(refused, Err(AuditError::Unavailable(_))), "{refused:?}");
                assert!(log.append(entry(2 + nth)).await.is_err() && log.checkpoint().await.is_err());
                assert!(!log.is_available());
            }
            faults.down.store(false, Ordering::SeqCst);
            assert_eq!(log.append(entry(9)).await.unwrap(), 3, "no number is lost");
            assert_eq!((log.damage(), place.numbers(), log.is_available()), (None, vec![1], true));
            let report = log.verify(None).await.unwrap();
            assert_eq!((report.first_bad, report.entries), (None, 2));
            let after = place.lines(1);
            assert_eq!((&after[..2], after.len()), (&*before, 3), "what was acknowledged, and nothing else");
        }
    }
}

/// A line that isn't durable was answered as not written; a stop doesn't leave it to the next start.
#[tokio::test]
async fn a_line_that_was_refused_is_none_after_a_stop() {
    let place = Place::new();
    let faults = Arc::new(Faults::default());
    let log = place.open_faulty(&faults);
    log.append(entry(0)).await.unwrap();
    faults.sync.store(1, Ordering::SeqCst);
    log.append_durably(entry(1)).await.unwrap_err();
    log.close();
    drop(log);
    assert_eq!(place.lines(1).len(), 2);
    let (log, _) = place.open(None);
    assert_eq!((log.append(entry(2)).await.unwrap(), log.damage()), (3, None));
}

#[tokio::test]
async fn a_segment_that_became_immutable_is_given_up() {
    let place = Place::new();
    let faults = Arc::new(Faults::default());
    let log = place.open_faulty(&faults);
    log.append(entry(0)).await.unwrap();
    let before = place.lines(1);
    faults.immutable.store(1, Ordering::SeqCst);
    log.append(entry(1)).await.unwrap_err();
    log.append(entry(2)).await.unwrap();
    assert_eq!((place_of(log.damage()), place.lines(1)), (at(1, 0, Flaw::NotRepaired), before));
    assert_eq!(place.numbers(), [1, 2]);
}

#[tokio::test]
async fn a_torn_segment_that_others_take_away_is_given_up() {
    type Meddling = (fn(&Place), Flaw);
    let table: [Meddling; 2] = [
        (|place| std::fs::remove_file(place.path(1)).unwrap(), Flaw::Missing),
        (|place| place.rewrite(1, &place.lines(1)[..1]), Flaw::Truncated),
    ];
    for (meddle, flaw) in table {
        let place = Place::new();
        let faults = Arc::new(Faults::default());
        let log = place.open_faulty(&faults);
        log.append(entry(0)).await.unwrap();
        faults.append.store(1, Ordering::SeqCst);
        log.append(entry(1)).await.unwrap_err();
        meddle(&place);
        log.append(entry(2)).await.unwrap();
        assert_eq!(place_of(log.damage()), at(1, 0, flaw));
        assert!(place.path(2).exists());
    }
}
