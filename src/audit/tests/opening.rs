//! How a log is found, and what its opening makes of it.

use std::io::Write;

use super::super::disk::Directory;
use super::super::*;
use super::site::*;

#[tokio::test]
async fn a_log_of_several_segments_verifies_and_goes_on_after_reopening() {
    let place = Place::small();
    let checkpoint = place.written(20).await;
    assert!(checkpoint.segment >= 3, "{checkpoint:?}");
    let (log, opened) = place.open(Some(checkpoint.clone()));
    assert_eq!(opened, Opened { damage: None, recovered_bytes: 0 });
    assert_eq!(log.checkpoint().await.unwrap(), None, "nothing new");
    assert_eq!(log.append_durably(entry(20)).await.unwrap(), checkpoint.seq + 1);
    let report = log.verify(Some(checkpoint)).await.unwrap();
    assert_eq!((report.entries, report.first_bad, report.findings), (21, None, 0));
    assert_eq!(report.head_matches_checkpoint, Some(true));
    for number in place.numbers() {
        assert!(std::fs::metadata(place.path(number)).unwrap().len() <= 2000);
    }
}

#[tokio::test]
async fn without_a_checkpoint_all_is_checked_at_opening() {
    let place = Place::small();
    let checkpoint = place.written(20).await;
    let (log, opened) = place.open(None);
    assert_eq!(opened, Opened { damage: None, recovered_bytes: 0 });
    assert_eq!(log.append(entry(20)).await.unwrap(), checkpoint.seq + 1);
    assert_eq!(log.verify(None).await.unwrap().first_bad, None);
}

#[tokio::test]
async fn an_unfinished_last_line_is_cut_off() {
    let place = Place::new();
    let checkpoint = place.written(3).await;
    let whole = place.lines(1);
    for (length, checkpoint) in [(1, None), (200, Some(checkpoint))] {
        let mut torn = whole.concat();
        torn.push_str(&"{\"seq\":6,".repeat(40)[..length]);
        std::fs::write(place.path(1), torn).unwrap();
        let (log, opened) = place.open(checkpoint);
        assert_eq!(opened, Opened { damage: None, recovered_bytes: length as u64 });
        assert_eq!(log.append(entry(3)).await.unwrap(), 6);
        let told = &tail(&log, 9, None, |logged| logged.entry.action == "audit.recover").await.unwrap()[0];
        assert_eq!(told.entry.changes, Some(serde_json::json!({ "bytes": length })));
        assert_eq!(log.verify(None).await.unwrap().first_bad, None);
    }
}

#[tokio::test]
async fn an_unfinished_header_is_begun_again() {
    for rest in ["", "{\"seq\":"] {
        let place = Place::small();
        let checkpoint = place.written(18).await;
        std::fs::write(place.path(4), rest).unwrap();
        let (log, opened) = place.open(Some(checkpoint));
        assert_eq!(opened, Opened { damage: None, recovered_bytes: rest.len() as u64 });
        for nth in 0..7 {
            log.append(entry(nth)).await.unwrap();
        }
        assert_eq!(place.numbers(), [1, 2, 3, 4]);
        assert_eq!(log.verify(None).await.unwrap().first_bad, None);
    }
    let place = Place::new();
    Directory::prepare(&place.settings.dir).unwrap();
    std::fs::write(place.path(1), "{").unwrap();
    let (log, _) = place.open(None);
    log.append(entry(0)).await.unwrap();
    assert_eq!(log.verify(None).await.unwrap().first_bad, None);
}

#[tokio::test]
async fn a_second_writer_and_a_huge_entry_are_refused() {
    let place = Place::new();
    let (log, _) = place.open(None);
    let second = Log::open(place.settings.clone(), VAULT.into(), key(), None, place.clock.clone());
    assert!(matches!(second.err(), Some(AuditError::InUse)));
    let huge = Entry { domain: Some("d".repeat(1 << 20).into()), ..entry(0) };
    assert!(matches!(log.append(huge).await, Err(AuditError::TooLarge)));
    let large = Entry { domain: Some("d".repeat(1_000_000).into()), ..entry(0) };
    log.append(large).await.unwrap();
    assert_eq!(log.verify(None).await.unwrap().first_bad, None);
}

#[tokio::test]
async fn a_survey_changes_nothing_however_the_log_is_found() {
    let (cut, torn, hollow) = (Place::small(), Place::small(), Place::small());
    let checkpoint = cut.written(20).await;
    cut.rewrite(checkpoint.segment, &cut.lines(checkpoint.segment)[..1]);
    torn.written(5).await;
    std::fs::OpenOptions::new().append(true).open(torn.path(1)).unwrap().write_all(b"{\"seq\":").unwrap();
    hollow.written(5).await;
    std::fs::write(hollow.path(2), "").unwrap();
    for (place, checkpoint) in [(cut, Some(checkpoint)), (torn, None), (hollow, None)] {
        let before = contents(&place);
        drop(surveyed(&place, checkpoint.clone()));
        assert_eq!(contents(&place), before);
        place.open(checkpoint);
        assert_ne!(contents(&place), before, "opened, it would have been written to");
    }
}

#[tokio::test]
async fn a_checkpoint_in_a_retired_segment_is_an_older_stores_and_no_damage() {
    let mut place = Place::small();
    place.settings.retain = 2;
    let (log, _) = place.open(None);
    log.append(entry(0)).await.unwrap();
    let older = log.checkpoint().await.unwrap();
    for nth in 0..60 {
        let epoch = (nth == 40).then_some(9);
        let change =
            Entry { action: "caller.revoke".into(), secret: None, subject: Some("crm".into()), ..entry(nth) };
        log.append(if epoch.is_some() { Entry { epoch, ..change } } else { entry(nth) }).await.unwrap();
        let checkpoint = log.checkpoint().await.unwrap().unwrap();
        if nth < 39 {
            log.is_recorded(&checkpoint);
        }
    }
    drop(log);
    assert!(place.numbers()[0] > older.as_ref().unwrap().segment);
    let before = contents(&place);
    let ahead = surveyed(&place, older.clone()).ahead().clone();
    assert_eq!((ahead.is_outrun, ahead.epoch, ahead.changes), (true, Some(9), 1));
    assert!(ahead.last.unwrap().to_string().ends_with("Z caller.revoke crm"));
    assert_eq!(contents(&place), before);
    let (log, opened) = place.open(older);
    assert_eq!(opened.damage, None);
    log.append(entry(0)).await.unwrap();
    assert_eq!(log.verify(None).await.unwrap().first_bad, None);
}

#[tokio::test]
async fn a_log_that_went_on_far_beyond_what_the_store_knows_is_a_newer_stores() {
    let place = Place::new();
    let checkpoint = Some(place.written(3).await);
    assert_eq!(surveyed(&place, checkpoint.clone()).ahead().passed(0), None);
    std::fs::rename(place.path(1), place.path(11)).unwrap();
    assert_eq!(surveyed(&place, checkpoint.clone()).ahead().passed(0), Some(Passed::Foreign));
    // Nothing tells any more.
    std::fs::remove_file(place.path(11)).unwrap();
    assert_eq!(surveyed(&place, checkpoint).ahead().passed(0), None);
}
