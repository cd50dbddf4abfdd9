//! The disk of a play: real files without real syncs, which knows what would survive a power cut, and fails by lot.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::stage::{happens, meanwhile};
use crate::audit::chain::Chain;
use crate::audit::disk::{Directory, Disk, Sink};
use crate::audit::finding::Flaw;
use crate::audit::opening::survey;
use crate::audit::tests::site::{Place, VAULT, key};
use crate::audit::writer::{Health, Parts, Writer};

/// What was written, and how much of it is safe.
#[derive(Default)]
struct Files {
    texts: BTreeMap<u32, Vec<u8>>,
    synced: BTreeMap<u32, usize>,
    /// Segments whose names are safe.
    named: BTreeSet<u32>,
}

#[derive(Clone)]
pub struct Scene {
    directory: Directory,
    files: Arc<Mutex<Files>>,
    /// It refuses something now and then.
    fails: Arc<AtomicBool>,
}

struct Played {
    number: u32,
    sink: Box<dyn Sink>,
    scene: Scene,
}

impl Scene {
    pub fn new(place: &Place, fails: bool) -> Self {
        let directory = Directory::prepare(&place.settings.dir).unwrap();
        Self { directory, files: Arc::default(), fails: Arc::new(AtomicBool::new(fails)) }
    }

    pub fn writer(&self, place: &Place) -> Writer {
        let chain = Chain::new(key(), VAULT.into());
        let found = survey(self, &chain, None).unwrap();
        let parts = Parts {
            disk: Arc::new(self.clone()),
            chain: Arc::new(chain),
            clock: place.clock.clone(),
            journal: None,
            health: Arc::new(Health::new()),
            figures: Arc::default(),
            readers: Arc::new(AtomicUsize::new(0)),
            segment_bytes: place.settings.segment_bytes,
            retain: 0,
            lines_before: 0,
        };
        Writer::new(parts, found, None).unwrap()
    }

    /// From now on it takes all.
    pub fn heal(&self) {
        self.fails.store(false, Ordering::SeqCst);
    }

    /// The line is in its file; if it is `durable`, it would survive a power cut.
    pub fn has(&self, name: &str, durable: bool) {
        let files = self.files();
        let found = files.texts.iter().find_map(|(number, text)| {
            let at = text.windows(name.len()).position(|window| window == name.as_bytes())?;
            let end = at + text[at..].iter().position(|byte| *byte == b'\n')?;
            Some((*number, end))
        });
        let (number, end) = found.unwrap_or_else(|| panic!("{name} was answered, and isn't written"));
        if durable {
            assert!(files.named.contains(&number), "{name} was answered before its file's name was safe");
            let synced = files.synced.get(&number).copied().unwrap_or(0);
            assert!(end < synced, "{name} was answered before it was synced");
        }
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap()
    }

    fn refuses(&self, seldom: usize) -> io::Result<()> {
        if self.fails.load(Ordering::SeqCst) && happens(seldom) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

impl Disk for Scene {
    fn list(&self) -> io::Result<Vec<u32>> {
        self.directory.list()
    }

    fn create(&self, number: u32) -> io::Result<Box<dyn Sink>> {
        self.refuses(6)?;
        let sink = self.directory.create(number)?;
        self.files().texts.insert(number, Vec::new());
        Ok(Box::new(Played { number, sink, scene: self.clone() }))
    }

    fn reopen(&self, number: u32) -> io::Result<Box<dyn Sink>> {
        self.directory.reopen(number)
    }

    fn read(&self, number: u32) -> io::Result<File> {
        self.directory.read(number)
    }

    fn remove(&self, number: u32) -> io::Result<()> {
        self.files().texts.remove(&number);
        self.directory.remove(number)
    }

    /// No file is at fault, the disk is.
    fn takes_writes(&self) -> io::Result<()> {
        if self.fails.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync_entries(&self) -> io::Result<()> {
        self.refuses(6)?;
        let mut files = self.files();
        let names = files.texts.keys().copied().collect();
        files.named = names;
        Ok(())
    }
}

impl Sink for Played {
    /// A failing write leaves half of it behind.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        meanwhile();
        let refused = self.scene.refuses(8);
        let taken = if refused.is_ok() { bytes } else { &bytes[..bytes.len() / 2] };
        self.sink.append(taken)?;
        self.scene.files().texts.entry(self.number).or_default().extend_from_slice(taken);
        meanwhile();
        refused
    }

    fn sync(&mut self) -> io::Result<()> {
        meanwhile();
        self.scene.refuses(8)?;
        let mut files = self.scene.files();
        let length = files.texts.get(&self.number).map_or(0, Vec::len);
        files.synced.insert(self.number, length);
        drop(files);
        meanwhile();
        Ok(())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.scene.refuses(8)?;
        self.sink.cut(length)?;
        let mut files = self.scene.files();
        let length = usize::try_from(length).unwrap();
        files.texts.entry(self.number).or_default().truncate(length);
        if let Some(synced) = files.synced.get_mut(&self.number) {
            *synced = (*synced).min(length);
        }
        Ok(())
    }

    fn flaw(&self, length: u64) -> io::Result<Option<Flaw>> {
        self.sink.flaw(length)
    }
}

/// The log as the next start finds it, whole: the numbers of its lines by their request IDs, as those stand in there.
pub fn opened(place: &Place) -> BTreeMap<String, u64> {
    let (log, opened) = place.open(None);
    assert_eq!((opened.damage, opened.recovered_bytes), (None, 0));
    log.close();
    let mut lines = BTreeMap::new();
    for line in place.numbers().into_iter().flat_map(|number| place.lines(number)) {
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        if let Some(id) = line["request_id"].as_str() {
            let before = lines.insert(format!("{id:?}"), line["seq"].as_u64().unwrap());
            assert_eq!(before, None, "{id} is there twice");
        }
    }
    lines
}
