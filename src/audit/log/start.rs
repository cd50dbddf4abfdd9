//! How a log is opened: with what, and what is found.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex};

use super::super::ahead::Ahead;
use super::super::chain::{Chain, Checkpoint};
use super::super::disk::{Directory, Disk, Lock};
use super::super::error::AuditError;
use super::super::figures::Figures;
use super::super::finding::Finding;
use super::super::journal::Journal;
use super::super::keys::ChainKeys;
use super::super::opening::{Found, survey};
use super::super::queue::Queue;
use super::super::tally::{MAX_CALLERS, Tallies};
use super::super::writer::{Health, Parts, Writer};
use super::Log;
use super::reading::Reading;
use crate::clock::Clock;

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
    /// Where to send a copy of each line ([`super::super::JOURNALD_SOCKET`]): best effort, never in the way of a
    /// release.
    pub journal: Option<PathBuf>,
    /// Where to count.
    pub figures: Arc<Figures>,
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

/// A log that was looked through from its checkpoint's segment on, and held against other writers. It is as it was: nothing is
/// written before it is opened.
pub struct Surveyed {
    disk: Arc<dyn Disk>,
    lock: Lock,
    settings: Settings,
    chain: Chain,
    checkpoint: Option<Checkpoint>,
    found: Found,
}

impl Log {
    /// Opens the log or begins one, and checks the checkpoint's segment and what was written after it. Damage doesn't fail:
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
        Self::survey(settings, vault, keys, checkpoint)?.open(clock, 0)
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

    fn begin_writing(
        surveyed: Surveyed,
        clock: Arc<dyn Clock>,
        lines_before: u64,
    ) -> Result<(Self, Opened), AuditError> {
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
            lines_before,
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
            reading: Arc::new(Reading {
                disk,
                chain: Mutex::new(chain),
                readers,
                closed: AtomicBool::new(false),
            }),
            health,
            clock,
            durability: settings.durability,
            tallies: Mutex::new(Tallies::of(MAX_CALLERS)),
            running: Mutex::new(Some((thread, lock))),
        };
        Ok((log, opened))
    }
}

impl Surveyed {
    pub(in super::super) fn on(
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

    /// Whether the line that the store knows as the log's end is in its place; true without one.
    pub fn meets_checkpoint(&self) -> bool {
        self.found.is_met
    }

    /// Whether all that it tells of beyond the checkpoint is as it was written.
    pub fn is_sure(&self) -> bool {
        !self.found.is_unsure
    }

    /// Goes on with it: takes what a crash has left away, and begins a segment after damage. So many lines of other logs are
    /// behind it, which only the store knows once those that told of it are retired.
    pub fn open(self, clock: Arc<dyn Clock>, lines_before: u64) -> Result<(Log, Opened), AuditError> {
        Log::begin_writing(self, clock, lines_before)
    }
}
