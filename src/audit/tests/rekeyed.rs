//! A log that goes on with another key.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::super::chain::Chain;
use super::super::disk::Directory;
use super::super::verify::{Extent, verify};
use super::super::*;
use super::site::*;
use crate::crypto::{DerivedKey, MacKey};

fn key_of(byte: u8) -> MacKey {
    MacKey::new(&DerivedKey::from_bytes(&[byte; 32]))
}

impl Place {
    /// Opened with another key than the first, which segments up to `until` were written with.
    fn reopen(&self, until: u32, checkpoint: Option<Checkpoint>) -> (Log, Opened) {
        let keys = ChainKeys::from(key_of(8)).with_former(until, key());
        Log::open(self.settings.clone(), VAULT.into(), keys, checkpoint, self.clock.clone()).unwrap()
    }
}

impl EndsLog for AuditError {
    fn ends_log(&self) -> bool {
        matches!(self, Self::Closed)
    }
}

async fn rekey(log: &Log) -> Result<Checkpoint, AuditError> {
    let (tell, told) = std::sync::mpsc::channel();
    let switch = move |head: Checkpoint| {
        tell.send(head.clone()).unwrap();
        Ok::<_, AuditError>(ChainKeys::from(key_of(8)).with_former(head.segment, key()))
    };
    log.rekey(switch).await?;
    Ok(told.recv().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rekeyed_log_goes_on_in_a_new_segment_and_all_of_it_verifies() {
    let place = Place::small();
    let before = place.written(20).await;
    let last = *place.numbers().last().unwrap();
    let (log, _) = place.open(Some(before));
    let log = Arc::new(log);
    // Others write meanwhile: each line is under one key or the other.
    let writing: Vec<_> = (0..4)
        .map(|nth| {
            let log = log.clone();
            tokio::spawn(async move {
                for each in 0..5 {
                    log.append(entry(nth * 10 + each)).await.unwrap();
                }
            })
        })
        .collect();
    let head = rekey(&log).await.unwrap();
    for each in writing {
        each.await.unwrap();
    }
    log.append(entry(99)).await.unwrap();
    assert!(head.segment >= last && place.lines(head.segment + 1)[0].contains(r#""reason":"rekeyed""#));
    let report = log.verify(Some(head.clone())).await.unwrap();
    assert_eq!((report.first_bad, report.entries), (None, 41));
    let checkpoint = log.checkpoint().await.unwrap().unwrap();
    log.close();

    for checkpoint in [None, Some(head.clone()), Some(checkpoint)] {
        let (log, opened) = place.reopen(head.segment, checkpoint.clone());
        assert_eq!(opened.damage, None);
        assert_eq!(log.verify(checkpoint).await.unwrap().first_bad, None);
        assert!(!place.path(head.segment + 5).exists());
    }
    // The former key alone doesn't do any more, nor does the new one for what came before.
    let chain = Chain::new(key(), VAULT.into());
    let directory = Directory::prepare(&place.settings.dir).unwrap();
    let extent = Extent { present: place.numbers(), strays: Vec::new(), current: None };
    for (chain, bad) in [(chain, head.segment + 1), (Chain::new(key_of(8), VAULT.into()), 1)] {
        let report = verify(&directory, &chain, &extent, None, || false).unwrap().unwrap();
        assert_eq!(report.first_bad.map(|bad| bad.segment), Some(bad));
    }
}

#[tokio::test]
async fn a_rekey_that_fails_leaves_the_log_as_it_was() {
    let place = Place::new();
    let (log, _) = place.open(None);
    log.append(entry(1)).await.unwrap();
    let refused = log.rekey(|_| Err(AuditError::TooLarge)).await;
    assert!(matches!(refused, Err(AuditError::TooLarge)));
    log.append(entry(2)).await.unwrap();
    assert_eq!(log.verify(None).await.unwrap().entries, 2);
    assert_eq!(place.numbers(), [1]);
    // Under which key it goes on, nobody knows.
    assert!(matches!(log.rekey(|_| Err(AuditError::Closed)).await, Err(AuditError::Closed)));
    assert!(log.append(entry(3)).await.is_err());
    assert_eq!(place.lines(1).len(), 3);
    log.close();
    assert!(matches!(rekey(&log).await, Err(AuditError::Closed)));
}

/// The vault has its new key, and the daemon ended before, while or after the log's segment was begun.
#[tokio::test]
async fn a_crash_after_the_switch_is_made_up_for_at_opening() {
    for left in ["nothing", "an empty segment", "half a header", "a header", "a header and an entry"] {
        let place = Place::new();
        let head = place.written(3).await;
        let (log, _) = place.open(Some(head.clone()));
        let mut whole = None;
        if left != "nothing" {
            rekey(&log).await.unwrap();
            if left == "a header and an entry" {
                log.append(entry(9)).await.unwrap();
            }
            whole = Some(std::fs::read(place.path(2)).unwrap());
        }
        log.close();
        match (left, whole) {
            ("an empty segment", Some(_)) => std::fs::write(place.path(2), "").unwrap(),
            ("half a header", Some(whole)) => std::fs::write(place.path(2), &whole[..100]).unwrap(),
            _ => {}
        }
        let (log, opened) = place.reopen(head.segment, Some(head.clone()));
        assert_eq!(opened.damage, None, "{left}");
        log.append(entry(10)).await.unwrap();
        let report = log.verify(Some(head)).await.unwrap();
        assert_eq!(report.first_bad, None, "{left}");
        assert_eq!(place.numbers(), [1, 2], "{left}");
        assert!(place.lines(2)[0].contains(r#""reason":"rekeyed""#), "{left}");
    }
}

/// What whoever has the former key can't do.
#[tokio::test]
async fn the_past_of_a_rekeyed_log_cannot_be_written_anew_with_the_former_key() {
    let place = Place::new();
    let (log, _) = place.open(None);
    log.append(entry(1)).await.unwrap();
    log.append(entry(2)).await.unwrap();
    let head = rekey(&log).await.unwrap();
    log.append(entry(3)).await.unwrap();
    log.close();
    let other = Place { clock: place.clock.clone(), ..Place::new() };
    let (forged, _) = other.open(None);
    forged.append(entry(1)).await.unwrap();
    forged.append(entry(7)).await.unwrap();
    forged.close();
    std::fs::copy(other.path(1), place.path(1)).unwrap();
    let (log, _) = place.reopen(head.segment, None);
    let bad = log.verify(None).await.unwrap().first_bad;
    assert_eq!(place_of(bad), at(2, 1, Flaw::DoesNotFollow));
}

#[tokio::test]
async fn a_rekeyed_log_that_has_no_room_for_its_segment_begins_it_later() {
    let (place, faults) = (Place::new(), Arc::new(Faults::default()));
    let log = place.open_faulty(&faults);
    log.append(entry(1)).await.unwrap();
    faults.create.store(u32::MAX, Ordering::SeqCst);
    rekey(&log).await.unwrap();
    assert!(!log.is_available());
    assert!(log.append(entry(2)).await.is_err());
    faults.create.store(0, Ordering::SeqCst);
    log.append(entry(3)).await.unwrap();
    let report = log.verify(None).await.unwrap();
    assert_eq!((report.first_bad, report.entries), (None, 2));
}
