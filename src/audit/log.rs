//! The log as the rest of the daemon sees it.

use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use jiff::Timestamp;

use super::ahead::Ahead;
use super::chain::{Chain, Checkpoint, FORMAT};
use super::disk::{Directory, Disk, Lock};
use super::entry::{Entry, LoggedEntry, Outcome};
use super::figures::Figures;
use super::finding::Finding;
use super::journal::Journal;
use super::keys::ChainKeys;
use super::opening::{Found, survey};
use super::page::{Look, Page, page};
use super::queue::{Queue, Queued};
use super::stray::Listed;
use super::tally::{Due, MAX_CALLERS, Tallies};
use super::told::Told;
use super::verify::{Extent, Report, verify};
use super::writer::{Health, Parts, Writer};
use crate::clock::Clock;

/// Bytes that are read for a page. An answer that holds all of them is still one that a client takes.
const MOST_READ: u64 = 8 << 20;

/// When a decision's entry counts as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// On the disk: survives a power cut.
    Fsync,
    /// With the kernel: survives the end of the daemon, however it ends, but not a power cut.
    Write,
}

#[derive(Debug, Clone)]
pub struct Settings {
    /// The directory of the segments; made if it isn't there.
    pub dir: PathBuf,
    pub durability: Durability,
    /// A segment that would grow beyond this many bytes is closed and another begun.
    pub segment_bytes: u64,
    /// How many segments are kept; 0 keeps all. One is removed only once a checkpoint in a later segment
    /// was taken.
    pub retain: u32,
    /// Where to send a copy of each line ([`super::JOURNALD_SOCKET`]): best effort, never in the way of a
    /// release.
    pub journal: Option<PathBuf>,
    /// Where to count.
    pub figures: Arc<Figures>,
}

/// Why the log can't do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The entry isn't in the log, so what it tells of must not happen. Tried anew with the next entry.
    #[error("the audit log can't be written: {0}")]
    Unavailable(io::ErrorKind),
    /// The log was closed, as when the vault is sealed.
    #[error("the audit log is closed")]
    Closed,
    #[error("the audit entry is too large")]
    TooLarge,
    #[error("the audit log is in use by another process")]
    InUse,
    #[error("the audit log can't be read: {0}")]
    Unreadable(#[source] io::Error),
    /// A newer release has written to the log: it must be left as it is.
    #[error(
        "segment {segment} of the audit log has format {format}, and this program reads format {FORMAT}: install fsm-vault \
         {format}.0 or newer"
    )]
    Newer { segment: u32, format: u32 },
}

/// How the log was found when it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// What isn't as it was written. The log goes on in a new segment, for a stray in the one that it has; somebody should
    /// be told.
    pub damage: Option<Finding>,
    /// Bytes of an unfinished last line that were cut off.
    pub recovered_bytes: u64,
}

/// A log that was looked through from its checkpoint on, and held against other writers. It is as it was: nothing is
/// written before it is opened.
pub struct Surveyed {
    disk: Arc<dyn Disk>,
    lock: Lock,
    settings: Settings,
    chain: Chain,
    checkpoint: Option<Checkpoint>,
    found: Found,
}

/// The audit log, open for writing.
pub struct Log {
    queue: Arc<Queue>,
    reading: Arc<Reading>,
    health: Arc<Health>,
    clock: Arc<dyn Clock>,
    durability: Durability,
    tallies: Mutex<Tallies>,
    /// The thread behind durable entries, and the directory's lock; gone once closed.
    running: Mutex<Option<(JoinHandle<()>, Lock)>>,
}

/// An entry that is to be written next. Dropped, it is written all the same, whatever comes of it.
#[must_use]
pub struct Begun(Queued);

/// What reading takes.
struct Reading {
    disk: Arc<dyn Disk>,
    /// Replaced by a rekey, with the writer in hand.
    chain: Mutex<Arc<Chain>>,
    readers: Arc<AtomicUsize>,
}

/// A reader under way: as long as it lives, no segment is retired.
struct Reader(Arc<AtomicUsize>);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Log {
    /// Opens the log or begins one, and checks what was written after the checkpoint. Damage doesn't fail:
    /// it is told, and a new segment begun. A segment of a newer format does: nothing is written then. Blocks: it reads up to a few segments.
    ///
    /// `vault` is the vault's id in hex, `keys` its chain key, with those that it had before.
    pub fn open(
        settings: Settings,
        vault: String,
        keys: impl Into<ChainKeys>,
        checkpoint: Option<Checkpoint>,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Opened), AuditError> {
        Self::survey(settings, vault, keys, checkpoint)?.open(clock)
    }

    /// The same up to where it would be written to. Blocks likewise; makes the directory, and nothing in it.
    pub fn survey(
        settings: Settings,
        vault: String,
        keys: impl Into<ChainKeys>,
        checkpoint: Option<Checkpoint>,
    ) -> Result<Surveyed, AuditError> {
        let directory = Directory::prepare(&settings.dir).map_err(AuditError::Unreadable)?;
        let lock = directory.lock().map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => AuditError::InUse,
            _ => AuditError::Unreadable(error),
        })?;
        Surveyed::on(Arc::new(directory), lock, settings, Chain::new(keys, vault), checkpoint)
    }

    fn begin_writing(surveyed: Surveyed, clock: Arc<dyn Clock>) -> Result<(Self, Opened), AuditError> {
        let Surveyed { disk, lock, settings, chain, checkpoint, found } = surveyed;
        found.tidy(&*disk).map_err(AuditError::Unreadable)?;
        let opened = Opened { damage: found.damage, recovered_bytes: found.torn };
        let health = Arc::new(Health::new());
        let chain = Arc::new(chain);
        let readers = Arc::new(AtomicUsize::new(0));
        let parts = Parts {
            disk: disk.clone(),
            chain: chain.clone(),
            clock: clock.clone(),
            journal: settings.journal.map(Journal::new).transpose().map_err(AuditError::Unreadable)?,
            health: health.clone(),
            figures: settings.figures,
            readers: readers.clone(),
            segment_bytes: settings.segment_bytes,
            retain: usize::try_from(settings.retain).unwrap_or(usize::MAX),
        };
        let writer = Writer::new(parts, found, checkpoint).map_err(AuditError::Unreadable)?;
        let queue = Queue::new(writer);
        let thread = std::thread::Builder::new().name("audit-sync".into()).spawn({
            let queue = queue.clone();
            move || queue.write_durable()
        });
        let thread = thread.map_err(|error| AuditError::Unavailable(error.kind()))?;
        let log = Self {
            queue,
            reading: Arc::new(Reading { disk, chain: Mutex::new(chain), readers }),
            health,
            clock,
            durability: settings.durability,
            tallies: Mutex::new(Tallies::of(MAX_CALLERS)),
            running: Mutex::new(Some((thread, lock))),
        };
        Ok((log, opened))
    }

    /// Writes a decision's entry, as durably as the settings say: its number. Without `Ok`, it must not
    /// take effect.
    pub async fn append(&self, entry: Entry) -> Result<u64, AuditError> {
        self.queue.write(self.clock.now(), &entry.body(), self.durably()).await
    }

    /// Queues a decision's entry: nothing takes effect before [`Self::written`] has said that it is in the log.
    pub fn begin(&self, told: &Told<'_>, now: Timestamp) -> Result<Begun, AuditError> {
        thread_local! {
            /// Used again for each line of this thread.
            static BODY: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        BODY.with_borrow_mut(|body| {
            body.clear();
            told.write(body);
            self.queue.begin(now, body, self.durably()).map(Begun)
        })
    }

    /// Waits until an entry is written, as durably as the settings say: its number.
    pub async fn written(&self, begun: Begun) -> Result<u64, AuditError> {
        self.queue.written(begun.0).await
    }

    fn durably(&self) -> bool {
        self.durability == Durability::Fsync
    }

    /// Writes a change's entry; it is on the disk once this returns.
    pub async fn append_durably(&self, entry: Entry) -> Result<u64, AuditError> {
        self.queue.write(self.clock.now(), &entry.body(), true).await
    }

    /// Writes the entries of one change; all are on the disk once this returns. If it fails, nothing may come of the
    /// change: those that were written, the first ones, are followed by an entry `failed` each, as soon as there can be one.
    pub async fn append_all_durably(&self, entries: &[Entry]) -> Result<(), AuditError> {
        let bodies: Vec<_> = entries.iter().map(Entry::body).collect();
        let written = self.queue.write_all(self.clock.now(), &bodies).await;
        written.map_err(|(written, error)| {
            self.owe_failures(&entries[..written]);
            error
        })
    }

    /// Says of each of these that it came to nothing: now, or before anything else is written. Blocks for as long as a
    /// write takes.
    pub fn owe_failures(&self, entries: &[Entry]) {
        if !entries.is_empty() {
            let failed = entries.iter().map(|entry| Entry { outcome: Outcome::Failed, ..entry.clone() });
            self.queue.with_writer(|writer| {
                writer.owe(failed);
                // Best effort: the next entry tries it again.
                let _ = writer.look();
            });
        }
    }

    /// The store has this checkpoint: segments before its own may be retired.
    pub fn is_recorded(&self, checkpoint: &Checkpoint) {
        self.health.recorded.store(checkpoint.segment, Ordering::Relaxed);
    }

    /// Writes a denial, or counts it if its caller has had ten in this minute (`tally.rs`).
    pub async fn append_denial(&self, entry: Entry) -> Result<(), AuditError> {
        let write = lock(&self.tallies).note(entry, self.clock.now());
        self.append_tallied(write).await
    }

    /// Writes what was counted. To be called by a timer with [`Due::Ended`], and with [`Due::All`] before
    /// closing.
    pub async fn flush_tallies(&self, due: Due) -> Result<(), AuditError> {
        let write = lock(&self.tallies).take(due, self.clock.now());
        self.append_tallied(write).await
    }

    /// What can't be written is counted again, so that no denial is lost.
    async fn append_tallied(&self, entries: Vec<Entry>) -> Result<(), AuditError> {
        let mut outcome = Ok(());
        for entry in entries {
            if let Err(error) = self.append(entry.clone()).await {
                if matches!(error, AuditError::Unavailable(_)) {
                    lock(&self.tallies).put_back(entry, self.clock.now());
                }
                outcome = Err(error);
            }
        }
        outcome
    }

    /// Makes all that was written durable: the head, for the store to keep; `None` if it hasn't moved since
    /// the last call. What can't be stored is to be tried again, a later one takes its place.
    pub async fn checkpoint(&self) -> Result<Option<Checkpoint>, AuditError> {
        let queue = self.queue.clone();
        blocking(move || {
            if queue.is_closed() {
                return Err(AuditError::Closed);
            }
            queue
                .with_writer(|writer| writer.checkpoint())
                .map_err(|error| AuditError::Unavailable(error.kind()))
        })
        .await
    }

    /// Ends the log under the key that it has, and goes on in a new segment under another, if `switch` makes that one
    /// the vault's. `switch` is given the head, which is durable and stays it: whatever is to be written waits. If it
    /// fails, the log goes on as it was. What comes after it is taken up at the next opening, should it not come to
    /// that now (`opening.rs`).
    pub async fn rekey<E: From<AuditError> + Send + 'static>(
        &self,
        switch: impl FnOnce(Checkpoint) -> Result<ChainKeys, E> + Send + 'static,
    ) -> Result<(), E> {
        let (queue, reading) = (self.queue.clone(), self.reading.clone());
        let rekeying = tokio::task::spawn_blocking(move || {
            if queue.is_closed() {
                return Err(AuditError::Closed.into());
            }
            queue.with_writer(|writer| {
                let head = writer.head().map_err(|error| AuditError::Unavailable(error.kind()))?;
                let keys = switch(head.clone())?;
                let chain = Arc::new(Chain::new(keys, lock(&reading.chain).vault().to_owned()));
                *lock(&reading.chain) = chain.clone();
                writer.rekeyed(chain, head);
                Ok(())
            })
        });
        rekeying.await.unwrap_or_else(|error| Err(AuditError::Unreadable(io::Error::other(error)).into()))
    }

    /// Whether the last write succeeded.
    pub fn is_available(&self) -> bool {
        self.health.available.load(Ordering::Relaxed)
    }

    /// The damage noticed last, when the log was opened or since.
    pub fn damage(&self) -> Option<Finding> {
        *lock(&self.health.damage)
    }

    /// Reads and checks everything, while entries go on being written.
    pub async fn verify(&self, checkpoint: Option<Checkpoint>) -> Result<Report, AuditError> {
        let (queue, reading) = (self.queue.clone(), self.reading.clone());
        blocking(move || {
            let (extent, chain, _reader) = reading.extent(&queue)?;
            let stop = || queue.is_closed();
            verify(&*reading.disk, &chain, &extent, checkpoint.as_ref(), stop)
                .map_err(AuditError::Unreadable)?
                .ok_or(AuditError::Closed)
        })
        .await
    }

    /// Entries that `look` asks for and `keep` says yes to, after reading 8 MiB at most. What they say isn't checked;
    /// [`Log::verify`] does that.
    pub async fn page(
        &self,
        look: Look,
        keep: impl Fn(&LoggedEntry) -> bool + Send + 'static,
    ) -> Result<Page, AuditError> {
        self.read(look, MOST_READ, keep).await
    }

    pub(super) async fn read(
        &self,
        look: Look,
        most: u64,
        keep: impl Fn(&LoggedEntry) -> bool + Send + 'static,
    ) -> Result<Page, AuditError> {
        let (queue, reading) = (self.queue.clone(), self.reading.clone());
        blocking(move || {
            let (extent, _, _reader) = reading.extent(&queue)?;
            page(&*reading.disk, &extent, &look, most, keep).map_err(AuditError::Unreadable)
        })
        .await
    }

    /// Writes what waits, then lets go of files and lock; all later calls get [`AuditError::Closed`].
    /// Blocks for as long as a sync takes. Tallies and checkpoint come before.
    pub fn close(&self) {
        self.queue.close();
        if let Some((thread, lock)) = lock(&self.running).take() {
            // A panic in the thread has been reported already; its lines got no answer.
            let _ = thread.join();
            self.queue.with_writer(Writer::close);
            drop(lock);
        }
    }
}

impl Surveyed {
    pub(super) fn on(
        disk: Arc<dyn Disk>,
        lock: Lock,
        settings: Settings,
        chain: Chain,
        checkpoint: Option<Checkpoint>,
    ) -> Result<Self, AuditError> {
        let found = survey(&*disk, &chain, checkpoint.as_ref())?;
        Ok(Self { disk, lock, settings, chain, checkpoint, found })
    }

    /// What it tells of beyond the checkpoint.
    pub fn ahead(&self) -> &Ahead {
        &self.found.ahead
    }

    /// Goes on with it: takes what a crash has left away, and begins a segment after damage.
    pub fn open(self, clock: Arc<dyn Clock>) -> Result<(Log, Opened), AuditError> {
        Log::begin_writing(self, clock)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.close();
    }
}

impl Reading {
    /// What there is to read now, and the chain that it was written with. Looks for damage first, so that the writer and the reader agree about it.
    fn extent(&self, queue: &Queue) -> Result<(Extent, Arc<Chain>, Reader), AuditError> {
        if queue.is_closed() {
            return Err(AuditError::Closed);
        }
        queue.with_writer(|writer| {
            if let Err(error) = writer.look() {
                tracing::warn!(%error, "audit log is read although it can't be written");
            }
            self.readers.fetch_add(1, Ordering::SeqCst);
            let reader = Reader(self.readers.clone());
            let numbers = self.disk.list().map_err(AuditError::Unreadable)?;
            let Listed { present, strays } = Listed::up_to(writer.highest(), numbers);
            Ok((Extent { present, strays, current: writer.current() }, lock(&self.chain).clone(), reader))
        })
    }
}

async fn blocking<R: Send + 'static>(
    work: impl FnOnce() -> Result<R, AuditError> + Send + 'static,
) -> Result<R, AuditError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(AuditError::Unreadable(io::Error::other(error))))
}
