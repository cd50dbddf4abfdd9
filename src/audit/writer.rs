//! Writes lines to the current segment, begins new ones, repairs after failures, retires old ones.
//!
//! The chain's head moves only once a write (and, where asked for, its fdatasync) has succeeded. So
//! whatever fails, the log ends with the last confirmed line, and what was to follow it fails too instead
//! of chaining onto nothing.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::chain::{Chain, Checkpoint, Link, Reason, mac_to_hex};
use super::disk::{Disk, Sink};
use super::entry::Entry;
use super::figures::Figures;
use super::finding::Finding;
use super::journal::Journal;
use super::lot::{Lot, Piece};
use super::opening::{Found, Start};
use super::own::{damaged, recovered};
use crate::clock::Clock;

mod full;
mod lines;
mod repair;
mod segments;

use full::Refusing;
use segments::uncounted;

/// What the writer is made of, besides the state that it finds.
pub(super) struct Parts {
    pub disk: Arc<dyn Disk>,
    pub chain: Arc<Chain>,
    pub clock: Arc<dyn Clock>,
    pub journal: Option<Journal>,
    pub health: Arc<Health>,
    pub figures: Arc<Figures>,
    /// Readers under way; nothing is retired under their hands.
    pub readers: Arc<AtomicUsize>,
    pub segment_bytes: u64,
    pub retain: usize,
    /// Lines of the logs before this one.
    pub lines_before: u64,
}

/// What others may ask at any time, without waiting for the writer.
pub(super) struct Health {
    pub available: AtomicBool,
    pub damage: Mutex<Option<Finding>>,
    /// Segment of the checkpoint that is known to be stored.
    pub recorded: AtomicU32,
    /// The checkpoint taken last isn't.
    pub unrecorded: AtomicBool,
}

pub(super) struct Writer {
    parts: Parts,
    head: Link,
    place: Place,
    /// Highest number that a segment has had.
    highest: u32,
    segments: Vec<u32>,
    /// Those that don't count where so many are to be kept; known only where that is so.
    uncounted: BTreeSet<u32>,
    checkpoint: Option<Checkpoint>,
    /// Entries that are still to be written, before anything else.
    owed: Vec<Entry>,
    buffer: Vec<u8>,
    /// The disk is full, and the log has said so.
    refusing: Option<Refusing>,
}

/// Where the next line goes.
enum Place {
    Writing(Current),
    /// A write failed: bytes after `length` have to be cut off first (`writer/repair.rs`).
    Torn(Current),
    /// A new segment has to be begun first.
    Between(Reason),
    Closed,
}

struct Current {
    number: u32,
    sink: Box<dyn Sink>,
    /// Confirmed bytes.
    length: u64,
    synced: bool,
    /// The file takes no more, whatever its disk does: it was made immutable, say.
    refuses: bool,
    /// Failures since the last line that was written, those left out that may be the disk's.
    faults: u32,
}

impl Writer {
    /// Takes up what was found. If it can't be written to yet (disk full), that is tried again with each
    /// entry.
    pub fn new(parts: Parts, found: Found, checkpoint: Option<Checkpoint>) -> io::Result<Self> {
        let mut owed = Vec::new();
        let place = match found.start {
            Start::Begin(reason) => Place::Between(reason),
            Start::GoOn { number, length } => {
                let sink = parts.disk.reopen(number)?;
                // Lines that a killed daemon wrote may not be on the disk yet.
                let current = Current { number, sink, length, synced: false, refuses: false, faults: 0 };
                if found.torn > 0 { Place::Torn(current) } else { Place::Writing(current) }
            }
        };
        if found.torn > 0 {
            owed.push(recovered(found.torn));
        }
        if let Some(finding) = found.damage {
            owed.push(damaged(finding));
            parts.health.set_damage(finding);
        }
        let uncounted = uncounted(&parts, &found.segments);
        let stored = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.segment);
        parts.health.recorded.store(stored, Ordering::Relaxed);
        let mut writer = Self {
            parts,
            head: found.head,
            place,
            highest: found.highest,
            segments: found.segments,
            uncounted,
            checkpoint,
            owed,
            buffer: Vec::new(),
            refusing: None,
        };
        // Where there is no room for it, the first entry fails, and says what there is to say.
        let _ = writer.parts.disk.reserve();
        let ready = writer.ready();
        writer.report(&ready);
        Ok(writer)
    }

    /// The number of the last line, and of the segment that the next one goes to.
    pub fn end(&self) -> (u64, u32) {
        let next = self.current().map_or_else(|| self.highest.saturating_add(1), |(segment, _)| segment);
        (self.head.seq, next)
    }

    /// Writes the lines. With `sync`, they are on the disk by then.
    pub fn commit(&mut self, lot: &Lot, sync: bool) -> Vec<Piece> {
        let (mut pieces, mut done) = (Vec::with_capacity(1), 0);
        while done < lot.len() {
            let written = self.write_some(lot, done, sync);
            self.report(&written);
            let (first, count) = match written {
                Ok((first, count)) => {
                    self.parts.figures.wrote(count);
                    (Ok(first), count)
                }
                Err(error) => {
                    let count = lot.len() - done;
                    self.parts.figures.failed(count);
                    self.refuse(&error, count);
                    (Err(error.kind()), count)
                }
            };
            done += count;
            pieces.push(Piece { until: done, first });
        }
        pieces
    }

    /// Has these written before anything else.
    pub fn owe(&mut self, entries: impl IntoIterator<Item = Entry>) {
        self.owed.extend(entries);
    }

    /// Makes all lines durable; the head, if it has moved since the last time.
    pub fn checkpoint(&mut self) -> io::Result<Option<Checkpoint>> {
        let head = self.look().and_then(|()| self.sync()).map(|()| self.here());
        self.report(&head);
        let head = head?;
        let unrecorded = self.parts.health.unrecorded.swap(false, Ordering::Relaxed);
        if head == self.checkpoint && !unrecorded {
            return Ok(None);
        }
        self.checkpoint.clone_from(&head);
        Ok(head)
    }

    /// Makes all lines durable: the head as it is now.
    pub fn head(&mut self) -> io::Result<Checkpoint> {
        let head = self.look().and_then(|()| self.sync());
        self.report(&head);
        head.and_then(|()| self.here().ok_or_else(|| ErrorKind::NotConnected.into()))
    }

    fn here(&self) -> Option<Checkpoint> {
        let (segment, offset) = self.current()?;
        Some(Checkpoint {
            seq: self.head.seq,
            mac: mac_to_hex(&self.head.mac),
            segment,
            offset,
            oldest_segment: self.segments.first().copied().unwrap_or(segment),
            segments: u32::try_from(self.segments.len()).unwrap_or(u32::MAX),
        })
    }

    /// Goes on under another key, in a new segment, after the head that has been recorded with it.
    pub fn rekeyed(&mut self, chain: Arc<Chain>, head: Checkpoint) {
        self.parts.chain = chain;
        self.checkpoint = Some(head);
        self.place = Place::Between(Reason::Rekeyed);
        let ready = self.ready();
        self.report(&ready);
    }

    /// Number and confirmed length of the segment being written, if there is one.
    pub fn current(&self) -> Option<(u32, u64)> {
        match &self.place {
            Place::Writing(current) | Place::Torn(current) => Some((current.number, current.length)),
            Place::Between(_) | Place::Closed => None,
        }
    }

    /// The number above which no file is of this log.
    pub fn highest(&self) -> u32 {
        self.highest
    }

    /// Notices a segment that was deleted, replaced, cut or written to by others, and begins another.
    pub fn look(&mut self) -> io::Result<()> {
        self.ready()?;
        if let Place::Writing(current) = &self.place
            && let Some(flaw) = current.sink.flaw(current.length)?
        {
            self.abandon(flaw);
            self.ready()?;
        }
        Ok(())
    }

    /// Begins another segment if this damage is in the one that is written to. Where that can't be, it is done before the next
    /// line.
    pub fn distrust(&mut self, damage: Finding) {
        if self.current().is_some_and(|(segment, _)| segment == damage.segment) {
            self.give_up(damage);
            let ready = self.ready();
            self.report(&ready);
        }
    }

    /// Ends all writing.
    pub fn close(&mut self) {
        // Or the next start would find a line that was answered as not written.
        if let Place::Torn(current) = &mut self.place {
            let _ = current.restore();
        }
        let _ = self.sync();
        self.place = Place::Closed;
    }

    fn report<T>(&self, done: &io::Result<T>) {
        let now = done.is_ok();
        let before = self.parts.health.available.swap(now, Ordering::Relaxed);
        match done {
            Err(error) if before => tracing::error!(%error, "audit log can't be written"),
            Ok(_) if !before => tracing::info!("audit log can be written again"),
            _ => {}
        }
    }

    /// Makes the current segment durable. After a failure the kernel may forget what it couldn't write, so
    /// a later success promises nothing for quick lines before it; a power cut that loses them shows as
    /// damage.
    fn sync(&mut self) -> io::Result<()> {
        match &mut self.place {
            Place::Writing(current) if !current.synced => {
                current.sync(&self.parts.figures)?;
                current.synced = true;
                Ok(())
            }
            Place::Writing(_) => Ok(()),
            Place::Torn(_) | Place::Between(_) | Place::Closed => Err(ErrorKind::NotConnected.into()),
        }
    }

    /// Repairs and begins what has to be, so that a line can be written.
    fn ready(&mut self) -> io::Result<()> {
        if matches!(self.place, Place::Closed) {
            return Err(ErrorKind::NotConnected.into());
        }
        self.resume()?;
        self.repair()?;
        if let Place::Between(reason) = self.place {
            self.begin(reason)?;
        }
        while let Some(entry) = self.owed.first() {
            let body = entry.body();
            self.put_own(&body)?;
            self.owed.remove(0);
        }
        Ok(())
    }
}

impl Current {
    fn sync(&mut self, figures: &Figures) -> io::Result<()> {
        let begun = Instant::now();
        let synced = self.sink.sync();
        figures.synced(begun.elapsed());
        synced
    }
}

impl Health {
    pub fn new() -> Self {
        Self {
            available: AtomicBool::new(true),
            damage: Mutex::new(None),
            recorded: AtomicU32::new(0),
            unrecorded: AtomicBool::new(false),
        }
    }

    fn set_damage(&self, finding: Finding) {
        *self.damage.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(finding);
    }
}
