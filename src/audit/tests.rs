//! The room as a whole: real files, real tampering, a disk that fails when told to.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use zeroize::Zeroizing;

use super::chain::Chain;
use super::disk::{Directory, Disk, Sink, name_of};
use super::verify::{Extent, verify};
use super::*;
use crate::clock::ManualClock;
use crate::crypto::{DerivedKey, MacKey};

const VAULT: &str = "000102030405060708090a0b0c0d0e0f";

fn key() -> MacKey {
    MacKey::new(DerivedKey::from_bytes(Zeroizing::new([7; 32])))
}

fn entry(nth: usize) -> Entry {
    Entry {
        request_id: Some(format!("r-{nth:04}").into()),
        caller: Some("mobile".into()),
        action: "secret.read".into(),
        secret: Some("custsecret_nx_fsm_client_id".into()),
        outcome: Outcome::Allowed,
        ..Entry::default()
    }
}

/// A place for a log, and a clock that only the test turns.
struct Place {
    dir: tempfile::TempDir,
    clock: Arc<ManualClock>,
    settings: Settings,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings {
            dir: dir.path().join("audit"),
            durability: Durability::Fsync,
            segment_bytes: 16 << 20,
            retain: 0,
            journal: None,
            figures: Arc::default(),
        };
        let start = Timestamp::from_second(1_790_000_000).unwrap();
        Self { dir, clock: Arc::new(ManualClock::at(start)), settings }
    }

    /// With segments of about seven entries each.
    fn small() -> Self {
        let mut place = Self::new();
        place.settings.segment_bytes = 2000;
        place
    }

    fn open(&self, checkpoint: Option<Checkpoint>) -> (Log, Opened) {
        Log::open(self.settings.clone(), VAULT.into(), key(), checkpoint, self.clock.clone()).unwrap()
    }

    fn open_faulty(&self, faults: &Arc<Faults>) -> Log {
        let directory = Directory::prepare(&self.settings.dir).unwrap();
        let lock = directory.lock().unwrap();
        let disk = Arc::new(FaultyDisk { directory, faults: faults.clone() });
        let chain = Chain::new(key(), VAULT.into());
        let surveyed = Surveyed::on(disk, lock, self.settings.clone(), chain, None).unwrap();
        surveyed.open(self.clock.clone()).unwrap().0
    }

    fn path(&self, number: u32) -> PathBuf {
        self.settings.dir.join(name_of(number))
    }

    fn numbers(&self) -> Vec<u32> {
        Directory::prepare(&self.settings.dir).unwrap().list().unwrap()
    }

    fn lines(&self, number: u32) -> Vec<String> {
        let text = std::fs::read_to_string(self.path(number)).unwrap();
        text.split_inclusive('\n').map(str::to_owned).collect()
    }

    fn rewrite(&self, number: u32, lines: &[String]) {
        std::fs::write(self.path(number), lines.concat()).unwrap();
    }

    /// A closed log of so many entries, and its head.
    async fn written(&self, entries: usize) -> Checkpoint {
        let (log, _) = self.open(None);
        for nth in 0..entries {
            log.append(entry(nth)).await.unwrap();
        }
        log.checkpoint().await.unwrap().unwrap()
    }
}

/// How many of the next calls of each kind fail.
#[derive(Default)]
struct Faults {
    append: AtomicU32,
    sync: AtomicU32,
    cut: AtomicU32,
    create: AtomicU32,
    /// Nothing can be written, but for what the reserve makes room for.
    full: AtomicBool,
    /// Lines that still go into what the reserve took.
    room: AtomicU32,
}

fn fails(count: &AtomicU32) -> bool {
    count.try_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

struct FaultyDisk {
    directory: Directory,
    faults: Arc<Faults>,
}

struct FaultySink {
    sink: Box<dyn Sink>,
    faults: Arc<Faults>,
}

fn no_room<T>() -> io::Result<T> {
    Err(io::ErrorKind::StorageFull.into())
}

impl Disk for FaultyDisk {
    fn list(&self) -> io::Result<Vec<u32>> {
        self.directory.list()
    }
    fn create(&self, number: u32) -> io::Result<Box<dyn Sink>> {
        if fails(&self.faults.create) {
            return no_room();
        }
        Ok(Box::new(FaultySink { sink: self.directory.create(number)?, faults: self.faults.clone() }))
    }
    fn reopen(&self, number: u32) -> io::Result<Box<dyn Sink>> {
        Ok(Box::new(FaultySink { sink: self.directory.reopen(number)?, faults: self.faults.clone() }))
    }
    fn read(&self, number: u32) -> io::Result<File> {
        self.directory.read(number)
    }
    fn remove(&self, number: u32) -> io::Result<()> {
        self.directory.remove(number)
    }
    fn sync_entries(&self) -> io::Result<()> {
        self.directory.sync_entries()
    }
    fn reserve(&self) -> io::Result<()> {
        if self.faults.full.load(Ordering::SeqCst) { no_room() } else { self.directory.reserve() }
    }
    fn is_roomy(&self) -> io::Result<bool> {
        Ok(!self.faults.full.load(Ordering::SeqCst))
    }
    fn release(&self) -> io::Result<bool> {
        // Other tests let single writes fail, on a disk that is anything but full.
        let released = self.faults.full.load(Ordering::SeqCst) && self.directory.release()?;
        self.faults.room.store(u32::from(released), Ordering::SeqCst);
        Ok(released)
    }
}

impl Sink for FaultySink {
    /// A failing write leaves half of it behind, as a full disk does.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let full = self.faults.full.load(Ordering::SeqCst) && !fails(&self.faults.room);
        if full || fails(&self.faults.append) {
            self.sink.append(&bytes[..bytes.len() / 2])?;
            return no_room();
        }
        self.sink.append(bytes)
    }
    fn sync(&mut self) -> io::Result<()> {
        if fails(&self.faults.sync) { no_room() } else { self.sink.sync() }
    }
    fn cut(&mut self, length: u64) -> io::Result<()> {
        if fails(&self.faults.cut) { no_room() } else { self.sink.cut(length) }
    }
    fn flaw(&self, length: u64) -> io::Result<Option<Flaw>> {
        self.sink.flaw(length)
    }
}

fn at(segment: u32, line: u64, flaw: Flaw) -> Option<(u32, u64, Flaw)> {
    Some((segment, line, flaw))
}

fn place_of(finding: Option<Finding>) -> Option<(u32, u64, Flaw)> {
    finding.map(|finding| (finding.segment, finding.line, finding.flaw))
}

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
async fn the_tail_is_read_backwards_across_segments() {
    let place = Place::small();
    place.written(20).await;
    let (log, _) = place.open(None);
    let ids = |entries: Vec<LoggedEntry>| -> Vec<String> {
        entries.iter().map(|logged| logged.entry.request_id.as_deref().unwrap()[2..].into()).collect()
    };
    let all = tail(&log, 100, None, |_| true).await.unwrap();
    assert_eq!(all.len(), 20);
    assert!(all.is_sorted_by(|newer, older| newer.seq > older.seq));
    assert_eq!(ids(tail(&log, 3, None, |_| true).await.unwrap()), ["0019", "0018", "0017"]);
    let before = Some(all[10].seq);
    assert_eq!(ids(tail(&log, 2, before, |_| true).await.unwrap()), ["0008", "0007"]);
    let odd = |logged: &LoggedEntry| logged.entry.request_id.as_deref().unwrap().ends_with('3');
    assert_eq!(ids(tail(&log, 9, None, odd).await.unwrap()), ["0013", "0003"]);
    assert!(tail(&log, 0, None, |_| true).await.unwrap().is_empty());
}

/// The last entries numbered below `before` that `keep` says yes to, newest first.
async fn tail(
    log: &Log,
    limit: usize,
    before: Option<u64>,
    keep: impl Fn(&LoggedEntry) -> bool + Send + 'static,
) -> Result<Vec<LoggedEntry>, AuditError> {
    let look =
        Look { start: Start::Newest, limit, numbers: 0..=before.map_or(u64::MAX, |before| before - 1) };
    Ok(log.page(look, keep).await?.entries)
}

/// All pages from one end, each after so much reading.
async fn pages(log: &Log, start: Start, limit: usize, most: u64) -> Vec<Vec<u64>> {
    let mut look = Look { start, limit, numbers: 0..=u64::MAX };
    let mut pages = Vec::new();
    loop {
        let page = log.read(look.clone(), most, |_| true).await.unwrap();
        pages.push(page.entries.iter().map(|logged| logged.seq).collect());
        match page.next {
            Some(next) => look.start = Start::At(next.to_string().parse().unwrap()),
            None => return pages,
        }
        assert!(pages.len() < 100, "{pages:?}");
    }
}

#[tokio::test]
async fn pages_from_either_end_leave_nothing_out_and_repeat_nothing() {
    let place = Place::small();
    place.written(20).await;
    let (log, _) = place.open(None);
    assert!(place.numbers().len() > 2);
    let newest: Vec<u64> =
        tail(&log, 100, None, |_| true).await.unwrap().iter().map(|logged| logged.seq).collect();
    let oldest: Vec<u64> = newest.iter().rev().copied().collect();
    for (limit, most) in [(1, u64::MAX), (3, u64::MAX), (7, 1), (100, 700), (5, 5000), (100, u64::MAX)] {
        let back = pages(&log, Start::Newest, limit, most).await;
        assert!(back.iter().all(|page| page.len() <= limit));
        assert_eq!(back.concat(), newest, "{limit} {most}");
        assert_eq!(pages(&log, Start::Oldest, limit, most).await.concat(), oldest, "{limit} {most}");
    }
    // The last page says that it is the last; of a page that may read a line, most find a line.
    assert_eq!(pages(&log, Start::Newest, 10, u64::MAX).await.len(), 2);
    assert!(pages(&log, Start::Oldest, 10, 1).await.len() > 20);
}

#[tokio::test]
async fn a_walk_from_the_beginning_ends_where_the_log_ended_when_it_began() {
    let place = Place::small();
    place.written(5).await;
    let (log, _) = place.open(None);
    let look = Look { start: Start::Oldest, limit: 2, numbers: 0..=u64::MAX };
    let mut page = log.page(look.clone(), |_| true).await.unwrap();
    let mut seen = page.entries.len();
    for nth in 5..30 {
        log.append(entry(nth)).await.unwrap();
    }
    while let Some(next) = page.next {
        page = log.page(Look { start: Start::At(next), ..look.clone() }, |_| true).await.unwrap();
        seen += page.entries.len();
    }
    assert_eq!(seen, 5);
}

#[tokio::test]
async fn numbers_are_found_in_whatever_segment_they_are() {
    let place = Place::small();
    place.written(20).await;
    let (log, _) = place.open(None);
    let all: Vec<u64> = tail(&log, 100, None, |_| true).await.unwrap().iter().map(|each| each.seq).collect();
    for (first, last) in [(0, 0), (2, 2), (5, 17), (19, u64::MAX), (all[0], all[0]), (all[0] + 1, u64::MAX)] {
        let expected: Vec<u64> = all.iter().copied().filter(|seq| (first..=last).contains(seq)).collect();
        for start in [Start::Newest, Start::Oldest] {
            let look = Look { start, limit: 100, numbers: first..=last };
            let mut found: Vec<u64> =
                log.page(look, |_| true).await.unwrap().entries.iter().map(|each| each.seq).collect();
            found.sort_by(|a, b| b.cmp(a));
            assert_eq!(found, expected, "{first} {last}");
        }
    }
}

#[tokio::test]
async fn a_cursor_that_leads_nowhere_is_harmless() {
    let place = Place::small();
    place.written(20).await;
    let (log, _) = place.open(None);
    for cursor in ["n0-0", "n4000000000-9", "n2-99999999", "n2-3", "o9-1-2-5", "o0-0-99-99999999", "o2-3-3-7"]
    {
        let start = Start::At(cursor.parse().unwrap());
        let page = log.page(Look { start, limit: 100, numbers: 0..=u64::MAX }, |_| true).await.unwrap();
        assert!(page.entries.len() <= 20 && page.next.is_none(), "{cursor}");
    }
    std::fs::remove_file(place.path(2)).unwrap();
    let rest = pages(&log, Start::Oldest, 3, u64::MAX).await.concat();
    assert!(rest.is_sorted() && rest.len() > 10, "{rest:?}");
}

fn key_of(byte: u8) -> MacKey {
    MacKey::new(DerivedKey::from_bytes(Zeroizing::new([byte; 32])))
}

impl Place {
    /// Opened with another key than the first, which segments up to `until` were written with.
    fn reopen(&self, until: u32, checkpoint: Option<Checkpoint>) -> (Log, Opened) {
        let keys = ChainKeys::from(key_of(8)).with_former(until, key());
        Log::open(self.settings.clone(), VAULT.into(), keys, checkpoint, self.clock.clone()).unwrap()
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
async fn what_cannot_be_repaired_is_left_behind_in_its_segment() {
    let place = Place::new();
    let faults = Arc::new(Faults::default());
    let log = place.open_faulty(&faults);
    log.append(entry(0)).await.unwrap();
    faults.append.store(1, Ordering::SeqCst);
    faults.cut.store(1, Ordering::SeqCst);
    log.append(entry(1)).await.unwrap_err();
    log.append(entry(2)).await.unwrap();
    assert_eq!(place.numbers(), [1, 2]);
    assert_eq!(place_of(log.damage()), at(1, 0, Flaw::NotRepaired));
    let report = log.verify(None).await.unwrap();
    assert_eq!(place_of(report.first_bad), at(1, 3, Flaw::NotAnEntry));
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

/// What is in the directory, byte for byte.
fn contents(place: &Place) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all: Vec<_> =
        std::fs::read_dir(&place.settings.dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

fn surveyed(place: &Place, checkpoint: Option<Checkpoint>) -> Surveyed {
    Log::survey(place.settings.clone(), VAULT.into(), key(), checkpoint).unwrap()
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
