//! One segment after the other: a damaged one is given up, a new one begun, the oldest are retired.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::sync::atomic::Ordering;

use super::super::chain::Reason;
use super::super::disk::Sink;
use super::super::finding::{Finding, Flaw};
use super::super::own::{damaged, retired};
use super::super::stray::counts;
use super::{Current, Parts, Place, Writer};

/// Those of the segments that don't count where so many are to be kept. None where all are: nothing is read then.
pub(super) fn uncounted(parts: &Parts, segments: &[u32]) -> BTreeSet<u32> {
    let looked_at = if parts.retain > 0 { segments } else { &[] };
    looked_at.iter().copied().filter(|number| !counts(&*parts.disk, &parts.chain, *number)).collect()
}

impl Writer {
    /// Gives the current segment up as damaged as a whole.
    pub(super) fn abandon(&mut self, flaw: Flaw) {
        let Some((segment, _)) = self.current() else { return };
        self.give_up(Finding { segment, line: 0, seq: Some(self.head.seq), flaw });
    }

    /// Gives the current segment up, which is damaged there.
    pub(super) fn give_up(&mut self, finding: Finding) {
        let Finding { segment, line, flaw, .. } = finding;
        tracing::error!(segment, line, flaw = flaw.word(), "audit log is damaged");
        self.parts.health.set_damage(finding);
        self.owed.push(damaged(finding));
        if flaw == Flaw::Missing {
            self.segments.retain(|number| *number != segment);
        }
        self.place = Place::Between(Reason::Damage);
    }

    /// Begins a new segment. Until its header is on the disk, nothing has changed.
    pub(super) fn begin(&mut self, reason: Reason) -> io::Result<()> {
        if matches!(self.place, Place::Writing(_)) {
            self.sync()?;
        }
        let (number, mut sink) = self.create()?;
        let mut header = Vec::new();
        let now = self.parts.clock.now();
        let head = self.parts.chain.add_header(&mut header, self.head, now, number, reason);
        let written =
            sink.append(&header).and_then(|()| sink.sync()).and_then(|()| self.parts.disk.sync_entries());
        if let Err(error) = written {
            let _ = self.parts.disk.remove(number);
            return Err(error);
        }
        let length = header.len() as u64;
        self.place =
            Place::Writing(Current { number, sink, length, synced: true, refuses: false, faults: 0 });
        self.head = head;
        self.highest = number;
        self.segments.push(number);
        if let Some(journal) = &self.parts.journal {
            journal.send(&header);
        }
        if reason == Reason::Damage {
            // Nothing goes while what is there isn't what it should be.
            self.uncounted.insert(number);
            return Ok(());
        }
        self.retire()
    }

    /// A number that something else took, such as a stray, or a header that could neither be written nor removed, is
    /// left to the verifier and passed over.
    fn create(&self) -> io::Result<(u32, Box<dyn Sink>)> {
        let mut number = self.highest;
        loop {
            number = number.checked_add(1).ok_or(ErrorKind::StorageFull)?;
            match self.parts.disk.create(number) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                created => return created.map(|sink| (number, sink)),
            }
        }
    }

    /// Removes the oldest segments beyond those to be kept, and what lies between them and doesn't count, after saying so in the
    /// log. None is removed that the last stored checkpoint lies in or that comes after it: without it, nothing could be
    /// checked at start.
    fn retire(&mut self) -> io::Result<()> {
        let counts = |number: &&u32| !self.uncounted.contains(number);
        let mut excess = match self.parts.retain {
            0 => 0,
            retain => self.segments.iter().filter(counts).count().saturating_sub(retain),
        };
        let safe = self.parts.health.recorded.load(Ordering::Relaxed);
        let goes = |number: &&u32| {
            let goes = excess > 0 && **number < safe;
            excess -= usize::from(goes && counts(number));
            goes
        };
        let count = self.segments.iter().take_while(goes).count();
        if count == 0 || self.parts.readers.load(Ordering::SeqCst) > 0 {
            return Ok(());
        }
        let entry = retired(self.segments[count - 1], count as u64, self.parts.lines_before);
        self.put_own(&entry.body())?;
        for number in self.segments.drain(..count) {
            self.uncounted.remove(&number);
            if let Err(error) = self.parts.disk.remove(number) {
                tracing::warn!(%error, segment = number, "retired audit segment can't be removed");
            }
        }
        Ok(())
    }
}
