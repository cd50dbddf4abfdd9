//! A place for a log, and a disk that fails when told to.

use std::fs::File;
use std::io::{self};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use jiff::Timestamp;

use super::super::chain::Chain;
use super::super::disk::{Directory, Disk, Sink, name_of};
use super::super::*;
use crate::clock::ManualClock;
use crate::crypto::{DerivedKey, MacKey};

pub const VAULT: &str = "000102030405060708090a0b0c0d0e0f";

pub fn key() -> MacKey {
    MacKey::new(&DerivedKey::from_bytes(&[7; 32]))
}

pub fn entry(nth: usize) -> Entry {
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
pub struct Place {
    pub dir: tempfile::TempDir,
    pub clock: Arc<ManualClock>,
    pub settings: Settings,
}

impl Place {
    pub fn new() -> Self {
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
    pub fn small() -> Self {
        let mut place = Self::new();
        place.settings.segment_bytes = 2000;
        place
    }

    pub fn open(&self, checkpoint: Option<Checkpoint>) -> (Log, Opened) {
        Log::open(self.settings.clone(), VAULT.into(), key(), checkpoint, self.clock.clone()).unwrap()
    }

    pub fn open_faulty(&self, faults: &Arc<Faults>) -> Log {
        let directory = Directory::prepare(&self.settings.dir).unwrap();
        let lock = directory.lock().unwrap();
        let disk = Arc::new(FaultyDisk { directory, faults: faults.clone() });
        let chain = Chain::new(key(), VAULT.into());
        let surveyed = Surveyed::on(disk, lock, self.settings.clone(), chain, None).unwrap();
        surveyed.open(self.clock.clone(), 0).unwrap().0
    }

    pub fn path(&self, number: u32) -> PathBuf {
        self.settings.dir.join(name_of(number))
    }

    pub fn numbers(&self) -> Vec<u32> {
        Directory::prepare(&self.settings.dir).unwrap().list().unwrap()
    }

    pub fn lines(&self, number: u32) -> Vec<String> {
        let text = std::fs::read_to_string(self.path(number)).unwrap();
        text.split_inclusive('\n').map(str::to_owned).collect()
    }

    pub fn rewrite(&self, number: u32, lines: &[String]) {
        std::fs::write(self.path(number), lines.concat()).unwrap();
    }

    /// A closed log of so many entries, and its head.
    pub async fn written(&self, entries: usize) -> Checkpoint {
        let (log, _) = self.open(None);
        for nth in 0..entries {
            log.append(entry(nth)).await.unwrap();
        }
        log.checkpoint().await.unwrap().unwrap()
    }
}

/// How many of the next calls of each kind fail.
#[derive(Default)]
pub struct Faults {
    pub append: AtomicU32,
    pub sync: AtomicU32,
    pub cut: AtomicU32,
    pub create: AtomicU32,
    /// Nothing can be written, but for what the reserve makes room for.
    pub full: AtomicBool,
    /// The number of a segment that can neither be written to nor cut.
    pub immutable: AtomicU32,
    /// Nothing can be written, cut or made durable.
    pub down: AtomicBool,
    /// Lines that still go into what the reserve took.
    pub room: AtomicU32,
}

pub fn fails(count: &AtomicU32) -> bool {
    count.try_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

impl Faults {
    fn is_up(&self) -> io::Result<()> {
        if self.down.load(Ordering::SeqCst) { Err(io::Error::from_raw_os_error(libc::EIO)) } else { Ok(()) }
    }

    fn lets_change(&self, segment: u32) -> io::Result<()> {
        self.is_up()?;
        let is_kept = self.immutable.load(Ordering::SeqCst) == segment;
        if is_kept { Err(io::Error::from_raw_os_error(libc::EPERM)) } else { Ok(()) }
    }
}

pub struct FaultyDisk {
    pub directory: Directory,
    pub faults: Arc<Faults>,
}

pub struct FaultySink {
    pub number: u32,
    pub sink: Box<dyn Sink>,
    pub faults: Arc<Faults>,
}

pub fn no_room<T>() -> io::Result<T> {
    Err(io::ErrorKind::StorageFull.into())
}

impl Disk for FaultyDisk {
    fn list(&self) -> io::Result<Vec<u32>> {
        self.directory.list()
    }
    fn create(&self, number: u32) -> io::Result<Box<dyn Sink>> {
        self.faults.is_up()?;
        if fails(&self.faults.create) {
            return no_room();
        }
        Ok(Box::new(FaultySink { number, sink: self.directory.create(number)?, faults: self.faults.clone() }))
    }
    fn reopen(&self, number: u32) -> io::Result<Box<dyn Sink>> {
        Ok(Box::new(FaultySink { number, sink: self.directory.reopen(number)?, faults: self.faults.clone() }))
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
    fn takes_writes(&self) -> io::Result<()> {
        self.faults.is_up()?;
        if self.faults.full.load(Ordering::SeqCst) { no_room() } else { self.directory.takes_writes() }
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
        self.faults.lets_change(self.number)?;
        let full = self.faults.full.load(Ordering::SeqCst) && !fails(&self.faults.room);
        if full || fails(&self.faults.append) {
            self.sink.append(&bytes[..bytes.len() / 2])?;
            return no_room();
        }
        self.sink.append(bytes)
    }
    fn sync(&mut self) -> io::Result<()> {
        self.faults.is_up()?;
        if fails(&self.faults.sync) { no_room() } else { self.sink.sync() }
    }
    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.faults.lets_change(self.number)?;
        if fails(&self.faults.cut) { no_room() } else { self.sink.cut(length) }
    }
    fn flaw(&self, length: u64) -> io::Result<Option<Flaw>> {
        self.sink.flaw(length)
    }
}

pub fn at(segment: u32, line: u64, flaw: Flaw) -> Option<(u32, u64, Flaw)> {
    Some((segment, line, flaw))
}

pub fn place_of(finding: Option<Finding>) -> Option<(u32, u64, Flaw)> {
    finding.map(|finding| (finding.segment, finding.line, finding.flaw))
}

/// What is in the directory, byte for byte.
pub fn contents(place: &Place) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all: Vec<_> =
        std::fs::read_dir(&place.settings.dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

pub fn surveyed(place: &Place, checkpoint: Option<Checkpoint>) -> Surveyed {
    Log::survey(place.settings.clone(), VAULT.into(), key(), checkpoint).unwrap()
}

/// The last entries numbered below `before` that `keep` says yes to, newest first.
pub async fn tail(
    log: &Log,
    limit: usize,
    before: Option<u64>,
    keep: impl Fn(&LoggedEntry) -> bool + Send + 'static,
) -> Result<Vec<LoggedEntry>, AuditError> {
    let look =
        Look { start: Start::Newest, limit, numbers: 0..=before.map_or(u64::MAX, |before| before - 1) };
    Ok(log.page(look, keep).await?.entries)
}
