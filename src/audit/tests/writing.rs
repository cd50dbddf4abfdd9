//! Lines into the log: many at once, and where the disk does not take them.

use std::io::{self};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::super::*;
use super::site::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tasks_write_one_chain() {
    for durability in [Durability::Fsync, Durability::Write] {
        let mut place = Place::new();
        place.settings.durability = durability;
        place.settings.segment_bytes = 20_000;
        let log = Arc::new(place.open(None).0);
        let tasks: Vec<_> = (0..64)
            .map(|task| {
                let log = log.clone();
                tokio::spawn(async move {
                    let mut seqs = Vec::new();
                    for nth in 0..20 {
                        let entry = entry(task * 100 + nth);
                        seqs.push(if nth % 5 == 4 {
                            log.append_durably(entry).await.unwrap()
                        } else {
                            log.append(entry).await.unwrap()
                        });
                        if nth == 10 && task % 16 == 0 {
                            log.checkpoint().await.unwrap();
                        }
                    }
                    assert!(seqs.is_sorted());
                    seqs
                })
            })
            .collect();
        let mut seqs = Vec::new();
        for task in tasks {
            seqs.extend(task.await.unwrap());
        }
        let checkpoint = log.checkpoint().await.unwrap();
        let report = log.verify(checkpoint.clone()).await.unwrap();
        assert_eq!((report.first_bad, report.entries), (None, 64 * 20));
        seqs.sort_unstable();
        seqs.dedup();
        assert_eq!(seqs.len(), 64 * 20);
        // The only other lines are the headers.
        assert_eq!(checkpoint.unwrap().seq, 64 * 20 + u64::from(report.segments));
    }
}

/// A task that goes away leaves its line behind; the log stays whole and usable.
#[tokio::test]
async fn a_task_that_gives_up_harms_nobody() {
    let mut place = Place::new();
    place.settings.durability = Durability::Write;
    let (log, _) = place.open(None);
    {
        let mut given_up = Box::pin(log.append(entry(0)));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(given_up.as_mut().poll(&mut context).is_pending());
    }
    assert_eq!(log.append(entry(1)).await.unwrap(), 3);
    log.close();
    assert!(matches!(log.append(entry(2)).await, Err(AuditError::Closed)));
    assert!(matches!(log.checkpoint().await, Err(AuditError::Closed)));
    let (log, _) = place.open(None);
    assert_eq!(log.verify(None).await.unwrap().entries, 2);
}

#[tokio::test]
async fn a_failure_refuses_and_then_heals() {
    for durability in [Durability::Fsync, Durability::Write] {
        let mut place = Place::small();
        place.settings.durability = durability;
        let faults = Arc::new(Faults::default());
        let log = place.open_faulty(&faults);
        assert_eq!(log.append(entry(0)).await.unwrap(), 2);
        let kinds: [fn(&Faults) -> &AtomicU32; 2] = [|faults| &faults.append, |faults| &faults.sync];
        for (kind, next) in kinds.into_iter().zip(3..) {
            kind(&faults).store(1, Ordering::SeqCst);
            let refused = log.append_durably(entry(1)).await;
            assert!(matches!(refused, Err(AuditError::Unavailable(io::ErrorKind::StorageFull))));
            assert!(!log.is_available());
            assert_eq!(log.append(entry(2)).await.unwrap(), next, "no number is lost");
            assert!(log.is_available());
        }
        let report = log.verify(None).await.unwrap();
        assert_eq!((report.first_bad, report.entries), (None, 3));
        assert_eq!(log.damage(), None);
    }
}

#[tokio::test]
async fn no_room_for_a_new_segment_refuses_until_there_is() {
    let place = Place::small();
    let faults = Arc::new(Faults { create: AtomicU32::new(1), ..Faults::default() });
    let log = place.open_faulty(&faults);
    assert!(!log.is_available(), "opening doesn't fail, it says so");
    for nth in 0..6 {
        log.append(entry(nth)).await.unwrap();
    }
    let full = log.checkpoint().await.unwrap().unwrap();
    let kinds: [fn(&Faults) -> &AtomicU32; 3] =
        [|faults| &faults.create, |faults| &faults.append, |faults| &faults.sync];
    for kind in kinds {
        kind(&faults).store(1, Ordering::SeqCst);
        let large = Entry { domain: Some("d".repeat(1000).into()), ..entry(7) };
        assert!(log.append(large).await.is_err());
        assert_eq!(place.numbers(), [1]);
    }
    assert_eq!(log.append_durably(entry(8)).await.unwrap(), full.seq + 1, "a small one still fits");
    let large = Entry { domain: Some("d".repeat(1000).into()), ..entry(7) };
    assert_eq!(log.append(large).await.unwrap(), full.seq + 3);
    assert_eq!(log.verify(None).await.unwrap().first_bad, None);
}

#[tokio::test]
async fn what_is_done_to_the_files_meanwhile_is_noticed() {
    type Meddling = (&'static str, fn(&Place), Flaw, Option<(u32, u64, Flaw)>);
    let table: &[Meddling] = &[
        (
            "deleted",
            |place| std::fs::remove_file(place.path(1)).unwrap(),
            Flaw::Missing,
            at(1, 0, Flaw::Missing),
        ),
        (
            "directory deleted",
            |place| std::fs::remove_dir_all(&place.settings.dir).unwrap(),
            Flaw::Missing,
            at(1, 0, Flaw::Missing),
        ),
        (
            "replaced by a copy",
            |place| {
                let lines = place.lines(1);
                std::fs::remove_file(place.path(1)).unwrap();
                place.rewrite(1, &lines);
            },
            Flaw::Replaced,
            at(2, 1, Flaw::AfterDamage),
        ),
        (
            "truncated",
            |place| place.rewrite(1, &place.lines(1)[..2]),
            Flaw::Truncated,
            at(2, 1, Flaw::AfterDamage),
        ),
        (
            "written to",
            |place| {
                let lines = place.lines(1);
                place.rewrite(1, &[lines.clone(), lines[1..].to_vec()].concat());
            },
            Flaw::ForeignBytes,
            at(1, 5, Flaw::OutOfOrder),
        ),
    ];
    for (what, meddle, flaw, first_bad) in table {
        for durability in [Durability::Fsync, Durability::Write] {
            let mut place = Place::new();
            place.settings.durability = durability;
            let (log, _) = place.open(None);
            for nth in 0..3 {
                log.append(entry(nth)).await.unwrap();
            }
            meddle(&place);
            if durability == Durability::Write {
                log.checkpoint().await.unwrap();
            }
            log.append(entry(3)).await.unwrap();
            assert_eq!(place_of(log.damage()), at(1, 0, *flaw), "{what}");
            assert_eq!(tail(&log, 1, None, |_| true).await.unwrap()[0].seq, 7, "{what}");
            let report = log.verify(None).await.unwrap();
            assert_eq!(place_of(report.first_bad), *first_bad, "{what}");
        }
    }
}

#[tokio::test]
async fn each_line_goes_to_the_journal_too() {
    let mut place = Place::new();
    let socket: PathBuf = place.dir.path().join("journal");
    let listener = std::os::unix::net::UnixDatagram::bind(&socket).unwrap();
    listener.set_nonblocking(true).unwrap();
    place.settings.journal = Some(socket);
    let (log, _) = place.open(None);
    log.append(entry(0)).await.unwrap();
    for line in place.lines(1) {
        let mut buffer = [0; 2000];
        let length = listener.recv(&mut buffer).unwrap();
        let told = String::from_utf8_lossy(&buffer[..length]);
        assert!(told.starts_with(&format!("MESSAGE={line}")), "{told}");
    }
    drop(listener);
    log.append(entry(1)).await.unwrap();
}

/// A full disk: the reserve has room for one last word, then all is refused until there is room again.
#[tokio::test]
async fn on_a_full_disk_it_says_so_and_goes_on_by_itself() {
    let place = Place::new();
    let faults = Arc::<Faults>::default();
    let (log, _) = (place.open_faulty(&faults), ());
    let actions = async |log: &Log| {
        let all = tail(log, 99, None, |_| true).await.unwrap();
        all.into_iter()
            .map(|logged| (logged.entry.action.to_string(), logged.entry.count))
            .collect::<Vec<_>>()
    };
    log.append(entry(0)).await.unwrap();
    let reserve = place.settings.dir.join("reserve");
    assert_eq!(reserve.metadata().unwrap().len(), 16 * 1024);
    for round in 1..3 {
        faults.full.store(true, Ordering::SeqCst);
        for nth in 0..3 {
            assert!(matches!(
                log.append(entry(nth)).await,
                Err(AuditError::Unavailable(io::ErrorKind::StorageFull))
            ));
            assert!(log.append_durably(entry(nth)).await.is_err());
        }
        assert!(!reserve.exists() && !log.is_available());
        assert_eq!(actions(&log).await[0], ("audit.refusing".to_owned(), None), "round {round}");
        faults.full.store(false, Ordering::SeqCst);
        log.append(entry(9)).await.unwrap();
        assert!(reserve.exists() && log.is_available());
        assert_eq!(actions(&log).await[1], ("audit.resume".to_owned(), Some(6)), "round {round}");
    }
    assert_eq!(log.verify(None).await.unwrap().first_bad, None);
    assert_eq!(log.damage(), None);
}

/// Of a change whose entries got in only in part, those that did are told to have failed.
#[tokio::test]
async fn half_written_entries_of_one_change_are_followed_by_failures() {
    let place = Place::small();
    let faults = Arc::<Faults>::default();
    let (log, _) = (place.open_faulty(&faults), ());
    // The next segment can't be begun, once: what is in the first one stays.
    faults.create.store(1, Ordering::SeqCst);
    let change: Vec<_> = (0..40).map(entry).collect();
    assert!(log.append_all_durably(&change).await.is_err());
    log.append(entry(99)).await.unwrap();
    let all = tail(&log, 999, None, |_| true).await.unwrap();
    let outcomes = |wanted| all.iter().filter(|logged| logged.entry.outcome == wanted).count();
    let failed = outcomes(Outcome::Failed);
    assert!(failed > 0 && failed < 40, "{failed}");
    assert_eq!(outcomes(Outcome::Allowed), failed + 1, "each has its failure, and the last entry none");
}
