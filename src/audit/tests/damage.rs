//! Damage that is noticed at opening: strays, what is missing, what is older; told once, and remembered.

use super::super::*;
use super::site::*;

/// They use no numbers up, begin no segments, and are told until they are gone.
#[tokio::test]
async fn a_stray_is_told_and_the_log_goes_on_beside_it() {
    let place = Place::small();
    let mut checkpoint = place.written(20).await;
    // More of them in a row than there will be segments, a pipe and the highest number.
    let strays: Vec<u32> = (5..=40).chain([1_000_000, 2_000_000, u32::MAX]).collect();
    strays.iter().for_each(|number| std::fs::write(place.path(*number), "junk").unwrap());
    let at_rest = verify_at_rest(&place.settings.dir, VAULT.into(), key(), Some(&checkpoint)).unwrap();
    assert_eq!((place_of(at_rest.first_bad), at_rest.findings), (at(5, 0, Flaw::Stray), 39));
    for _ in 0..2 {
        let (log, opened) = place.open(Some(checkpoint.clone()));
        assert_eq!(place_of(opened.damage), at(5, 0, Flaw::Stray));
        assert_eq!(log.damage().unwrap().what().split(' ').next(), Some("audit-00000005.jsonl"));
        let told = tail(&log, 1, None, |_| true).await.unwrap();
        assert_eq!(&*told[0].entry.action, "audit.damage");
        let report = log.verify(Some(checkpoint.clone())).await.unwrap();
        assert_eq!((report.segments, report.findings), (checkpoint.segment, 39), "{report:?}");
        checkpoint = log.checkpoint().await.unwrap().unwrap();
        assert!(checkpoint.segment <= 4, "{checkpoint:?}");
    }
    {
        let (log, _) = place.open(Some(checkpoint.clone()));
        for nth in 0..20 {
            log.append(entry(nth)).await.unwrap();
        }
        checkpoint = log.checkpoint().await.unwrap().unwrap();
        assert!((41..45).contains(&checkpoint.segment), "passed over: {checkpoint:?}");
    }
    strays.iter().for_each(|number| std::fs::remove_file(place.path(*number)).unwrap());
    let (_, opened) = place.open(Some(checkpoint));
    assert_eq!(opened.damage, None, "only what lay in the way is missing now, before the checkpoint");
}

#[tokio::test]
async fn damage_is_told_once_and_remembered_for_ever() {
    let place = Place::small();
    let checkpoint = place.written(18).await;
    std::fs::remove_dir_all(&place.settings.dir).unwrap();
    let (log, opened) = place.open(Some(checkpoint.clone()));
    assert_eq!(place_of(opened.damage), at(3, 0, Flaw::Missing));
    assert_eq!(log.damage(), opened.damage);
    // A header and an `audit.damage` entry come first.
    assert_eq!(log.append(entry(0)).await.unwrap(), checkpoint.seq + 3);
    assert_eq!(place.numbers(), [4]);
    let tail = tail(&log, 9, None, |_| true).await.unwrap();
    assert_eq!(tail[1].entry.action, "audit.damage");
    assert_eq!(tail[1].entry.subject.as_deref(), Some("audit-00000003.jsonl"));

    // Killed before the new head could be stored: it goes on in the segment already begun.
    drop(log);
    let (log, opened) = place.open(Some(checkpoint));
    assert!(opened.damage.is_some());
    log.append(entry(1)).await.unwrap();
    assert_eq!(place.numbers(), [4]);

    let checkpoint = log.checkpoint().await.unwrap();
    drop(log);
    let (log, opened) = place.open(checkpoint.clone());
    assert_eq!(opened.damage, None);
    let report = log.verify(checkpoint).await.unwrap();
    assert_eq!(place_of(report.first_bad), at(1, 0, Flaw::Missing));
    assert_eq!((report.findings, report.head_matches_checkpoint), (2, Some(true)));
}

/// At equal length, so that nothing but the chain can tell.
fn bend(place: &Place, segment: u32, line: usize) {
    let mut lines = place.lines(segment);
    lines[line - 1] = lines[line - 1].replacen("mobile", "nobody", 1);
    place.rewrite(segment, &lines);
}

fn headers_after_damage(place: &Place) -> Vec<u32> {
    let is_one = |number: &u32| place.lines(*number)[0].contains(r#""reason":"damage""#);
    place.numbers().into_iter().filter(is_one).collect()
}

#[tokio::test]
async fn a_line_before_the_checkpoint_in_its_segment_is_noticed_at_opening() {
    let place = Place::small();
    let checkpoint = place.written(20).await;
    assert_eq!(checkpoint.segment, 3);
    bend(&place, 3, 4);
    // Killed before the new head could be stored, it tells it again, and goes on in the segment already begun.
    for _ in 0..2 {
        let (log, opened) = place.open(Some(checkpoint.clone()));
        assert_eq!(place_of(opened.damage), at(3, 4, Flaw::Changed));
        assert_eq!(log.damage(), opened.damage);
        let told = tail(&log, 1, None, |_| true).await.unwrap();
        assert_eq!(
            (&*told[0].entry.action, told[0].entry.reason.as_deref()),
            ("audit.damage", Some("changed"))
        );
        assert_eq!(told[0].entry.changes, Some(serde_json::json!({ "line": 4 })));
        assert_eq!(headers_after_damage(&place), [4]);
    }
    let (log, _) = place.open(Some(checkpoint.clone()));
    assert!(log.append(entry(20)).await.unwrap() > checkpoint.seq, "numbers never restart");
    let stored = log.checkpoint().await.unwrap();
    drop(log);
    let (log, opened) = place.open(stored.clone());
    assert_eq!((opened.damage, headers_after_damage(&place)), (None, vec![4]), "told once");
    let report = log.verify(stored).await.unwrap();
    assert_eq!((place_of(report.first_bad), report.findings), (at(3, 4, Flaw::Changed), 2));
}

/// Older segments aren't read at opening, and nothing is written to them.
#[tokio::test]
async fn damage_before_the_checkpoints_segment_is_a_verifications_and_begins_no_segment() {
    let place = Place::small();
    let checkpoint = Some(place.written(20).await);
    bend(&place, 2, 3);
    let (log, opened) = place.open(checkpoint.clone());
    assert_eq!(opened.damage, None);
    let report = log.verify(checkpoint).await.unwrap();
    assert_eq!((place_of(report.first_bad), log.damage()), (at(2, 3, Flaw::Changed), None));
    assert_eq!(place.numbers(), [1, 2, 3]);
}

#[tokio::test]
async fn a_verification_that_finds_the_segment_in_use_damaged_has_it_given_up_once() {
    let place = Place::small();
    let checkpoint = Some(place.written(20).await);
    let (log, opened) = place.open(checkpoint.clone());
    assert_eq!(opened.damage, None);
    bend(&place, 1, 2);
    bend(&place, 3, 4);
    for nth in 0..3 {
        let report = log.verify(checkpoint.clone()).await.unwrap();
        assert_eq!(place_of(report.first_bad), at(1, 2, Flaw::Changed));
        assert_eq!(place_of(log.damage()), at(3, 4, Flaw::Changed));
        assert_eq!(headers_after_damage(&place), [4], "once");
        log.append(entry(20 + nth)).await.unwrap();
    }
    let told = tail(&log, 9, None, |logged| logged.entry.action == "audit.damage").await.unwrap();
    assert_eq!((told.len(), told[0].entry.subject.as_deref()), (1, Some("audit-00000003.jsonl")));
    // What was begun is damaged in its turn.
    bend(&place, 4, 3);
    for _ in 0..2 {
        log.verify(checkpoint.clone()).await.unwrap();
        assert_eq!((headers_after_damage(&place), place.numbers().len()), (vec![4, 5], 5));
    }
    let stored = log.checkpoint().await.unwrap();
    drop(log);
    assert_eq!(place.open(stored).1.damage, None, "told once");
}

#[tokio::test]
async fn an_older_copy_of_the_log_is_noticed() {
    let place = Place::new();
    let _ = place.written(3).await;
    let old = place.lines(1);
    let (log, _) = place.open(None);
    log.append(entry(3)).await.unwrap();
    let checkpoint = log.checkpoint().await.unwrap().unwrap();
    drop(log);
    place.rewrite(1, &old);
    let (log, opened) = place.open(Some(checkpoint.clone()));
    assert_eq!(place_of(opened.damage), at(1, 5, Flaw::CheckpointNotMet));
    assert!(log.append(entry(4)).await.unwrap() > checkpoint.seq, "numbers never restart");
    let report = log.verify(Some(checkpoint)).await.unwrap();
    assert_eq!(report.head_matches_checkpoint, Some(false));
}

#[tokio::test]
async fn a_deleted_older_segment_is_noticed_at_opening() {
    let place = Place::small();
    let checkpoint = place.written(18).await;
    std::fs::remove_file(place.path(2)).unwrap();
    let (log, opened) = place.open(Some(checkpoint));
    assert_eq!(place_of(opened.damage), at(2, 0, Flaw::Missing));
    let checkpoint = log.checkpoint().await.unwrap();
    drop(log);
    assert_eq!(place.open(checkpoint).1.damage, None, "told once");
}
