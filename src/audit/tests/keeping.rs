//! What the log does not keep: old segments, and the same refusal over and over.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::SignedDuration;

use super::super::disk::name_of;
use super::super::*;
use super::site::*;

#[tokio::test]
async fn old_segments_are_retired_and_only_those() {
    let mut place = Place::small();
    place.settings.retain = 3;
    let (log, _) = place.open(None);
    for nth in 0..30 {
        log.append(entry(nth)).await.unwrap();
    }
    assert_eq!(place.numbers()[0], 1, "nothing goes before there is a checkpoint");
    let mut checkpoint = None;
    for nth in 30..60 {
        checkpoint = log.checkpoint().await.unwrap();
        log.append(entry(nth)).await.unwrap();
    }
    assert_eq!(place.numbers()[0], 1, "nor before the store has it");
    for nth in 60..90 {
        checkpoint = log.checkpoint().await.unwrap();
        log.is_recorded(checkpoint.as_ref().unwrap());
        log.append(entry(nth)).await.unwrap();
    }
    let kept = place.numbers();
    assert!(kept.len() == 3 && kept[0] > 5, "{kept:?}");
    let told = tail(&log, 99, None, |logged| logged.entry.action == "audit.retire").await.unwrap();
    assert_eq!(told[0].entry.subject.as_deref(), Some(&*name_of(kept[0] - 1)));
    let report = log.verify(checkpoint.clone()).await.unwrap();
    assert_eq!((report.first_bad, report.segments), (None, 3));
    drop(log);
    for checkpoint in [checkpoint.clone(), None] {
        assert_eq!(place.open(checkpoint).1.damage, None);
    }

    std::fs::remove_file(place.path(kept[0])).unwrap();
    let (log, opened) = place.open(checkpoint);
    assert_eq!(place_of(opened.damage), at(kept[0], 0, Flaw::Missing));
    let report = log.verify(None).await.unwrap();
    assert_eq!(place_of(report.first_bad), at(kept[0], 0, Flaw::Missing));
}

/// Or whoever may leave files there would have the log itself take its past away.
#[tokio::test]
async fn what_others_leave_there_drives_no_segment_out() {
    for (junk, flaw) in
        [("", Flaw::NoHeader), ("nothing\n", Flaw::NotAnEntry), ("a copy", Flaw::DoesNotFollow)]
    {
        let mut place = Place::small();
        let checkpoint = place.written(21).await;
        let real = place.numbers();
        let last = *real.last().unwrap();
        assert_eq!(checkpoint.segment, last);
        place.settings.retain = u32::try_from(real.len()).unwrap();
        let content = if junk == "a copy" { place.lines(last).concat() } else { junk.to_owned() };
        for number in last + 1..=last + 9 {
            std::fs::write(place.path(number), &content).unwrap();
        }
        let mut checkpoint = Some(checkpoint);
        // The second time, all of it lies before the checkpoint, and isn't read.
        for round in 0..2 {
            let (log, _) = place.open(checkpoint.clone());
            log.append(entry(round)).await.unwrap();
            checkpoint = log.checkpoint().await.unwrap();
            log.is_recorded(checkpoint.as_ref().unwrap());
            assert!(place.numbers().starts_with(&real), "{junk:?} {:?}", place.numbers());
            let found = log.verify(checkpoint.clone()).await.unwrap();
            assert_eq!(
                found.first_bad.map(|bad| (bad.segment, bad.flaw)),
                Some((last + 1, flaw)),
                "{junk:?}"
            );
        }
        // As many of the log's own drive them out, and what lies between with them.
        let (log, opened) = place.open(checkpoint);
        assert_eq!(opened.damage, None, "{junk:?}");
        for nth in 0..60 {
            let checkpoint = log.checkpoint().await.unwrap();
            checkpoint.iter().for_each(|checkpoint| log.is_recorded(checkpoint));
            log.append(entry(nth)).await.unwrap();
        }
        let kept = place.numbers();
        assert_eq!((kept.len(), kept[0] > last + 10), (real.len(), true), "{junk:?} {kept:?}");
        assert_eq!(log.verify(None).await.unwrap().first_bad, None, "{junk:?}");
    }
}

/// Each damage begins a segment.
#[tokio::test]
async fn damage_again_and_again_drives_no_segment_out() {
    let mut place = Place::small();
    place.written(21).await;
    let real = place.numbers();
    place.settings.retain = u32::try_from(real.len()).unwrap();
    let (log, _) = place.open(None);
    for nth in 0..9 {
        let checkpoint = log.checkpoint().await.unwrap();
        checkpoint.iter().for_each(|checkpoint| log.is_recorded(checkpoint));
        let newest = *place.numbers().last().unwrap();
        let mut lines = place.lines(newest);
        lines.push("foreign".to_owned());
        place.rewrite(newest, &lines);
        let _ = log.append(entry(nth)).await;
    }
    let found = place.numbers();
    assert!(found.len() > real.len() + 5 && found.starts_with(&real), "{found:?}");
    // One that is gone all the same is missed.
    std::fs::remove_file(place.path(1)).unwrap();
    let report = log.verify(None).await.unwrap();
    assert_eq!(place_of(report.first_bad), at(1, 0, Flaw::Missing));
}

/// Killed between the entry and the removal: the removal is made up for.
#[tokio::test]
async fn an_interrupted_retirement_is_finished() {
    let mut place = Place::small();
    place.settings.retain = 2;
    let (log, _) = place.open(None);
    let mut nth = 0;
    let mut append = async || {
        log.append(entry(nth)).await.unwrap();
        nth += 1;
    };
    while place.numbers().len() < 2 {
        append().await;
    }
    let (first, checkpoint) = (place.lines(1), log.checkpoint().await.unwrap());
    log.is_recorded(checkpoint.as_ref().unwrap());
    while place.numbers()[0] == 1 {
        append().await;
    }
    log.close();
    place.rewrite(1, &first);
    let (log, opened) = place.open(checkpoint);
    assert_eq!(opened.damage, None);
    assert_eq!(place.numbers(), [2, 3]);
    assert_eq!(log.verify(None).await.unwrap().first_bad, None);
}

#[tokio::test]
async fn a_looping_caller_writes_ten_entries_and_one_a_minute() {
    let place = Place::new();
    let (log, _) = place.open(None);
    let denial = || Entry { outcome: Outcome::Denied, reason: Some("use_only".into()), ..entry(0) };
    for _ in 0..3 {
        for _ in 0..500 {
            log.append_denial(denial()).await.unwrap();
        }
        place.clock.turn(SignedDuration::from_secs(60));
    }
    log.flush_tallies(Due::Ended).await.unwrap();
    log.flush_tallies(Due::All).await.unwrap();
    let all = tail(&log, 99, None, |_| true).await.unwrap();
    let counts: Vec<u64> = all.iter().filter_map(|logged| logged.entry.count).collect();
    assert_eq!((all.len(), counts), (33, vec![490, 490, 490]));
    assert_eq!(all[0].entry.caller.as_deref(), Some("mobile"));
}

/// While the first of several lines is written.
#[tokio::test]
async fn who_goes_away_takes_no_denial_along() {
    let place = Place::new();
    let (log, _) = place.open(None);
    let denial = || Entry { outcome: Outcome::Denied, reason: Some("use_only".into()), ..entry(0) };
    for _ in 0..12 {
        log.append_denial(denial()).await.unwrap();
    }
    place.clock.turn(SignedDuration::from_secs(60));
    let before = log.last_line().await.unwrap();
    {
        let mut refusing = std::pin::pin!(log.append_denial(denial()));
        let begun = std::future::poll_fn(|context| std::task::Poll::Ready(refusing.as_mut().poll(context)));
        assert!(begun.await.is_pending());
    }
    assert_eq!(log.last_line().await.unwrap(), before + 2);
    let last = tail(&log, 2, None, |_| true).await.unwrap();
    let counts: Vec<_> = last.iter().map(|logged| logged.entry.count).collect();
    assert!(counts.contains(&Some(2)) && counts.contains(&None), "{counts:?}");
}

#[tokio::test]
async fn uncounted_denials_are_kept_while_the_log_is_unavailable() {
    let place = Place::new();
    let faults = Arc::new(Faults::default());
    let log = place.open_faulty(&faults);
    faults.append.store(1, Ordering::SeqCst);
    log.append_denial(entry(0)).await.unwrap_err();
    log.flush_tallies(Due::All).await.unwrap();
    assert_eq!(tail(&log, 9, None, |_| true).await.unwrap()[0].entry.count, Some(1));
}
