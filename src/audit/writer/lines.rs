//! Lines into the current segment: chained, appended, and only then counted as written.

use std::io::{self, ErrorKind};
use std::mem;

use super::super::chain::{Link, Reason};
use super::super::lot::Lot;
use super::{Current, Place, Writer};

impl Writer {
    /// Writes as many of the lines after the first `done` as fit into one segment, at least one: its first number, and
    /// how many.
    pub(super) fn write_some(&mut self, lot: &Lot, done: usize, sync: bool) -> io::Result<(u64, usize)> {
        if sync { self.look() } else { self.ready() }?;
        let mut buffer = mem::take(&mut self.buffer);
        let (mut head, mut count) = self.fill(&mut buffer, lot, done, 0);
        if count == 0 {
            self.begin(Reason::Full)?;
            (head, count) = self.fill(&mut buffer, lot, done, 1);
        }
        let first = self.head.seq.saturating_add(1);
        let written = self.put(&buffer, head, sync);
        buffer.clear();
        self.buffer = buffer;
        written.map(|()| (first, count))
    }

    /// Chains lines into the buffer until the segment is full, `at_least` so many.
    fn fill(&self, buffer: &mut Vec<u8>, lot: &Lot, done: usize, at_least: usize) -> (Link, usize) {
        let room = self.current().map_or(0, |(_, length)| self.parts.segment_bytes.saturating_sub(length));
        let (mut head, mut count) = (self.head, 0);
        for (time, body) in lot.lines(done) {
            let start = buffer.len();
            let next = self.parts.chain.add_entry(buffer, head, time, body);
            if count >= at_least && buffer.len() as u64 > room {
                buffer.truncate(start);
                break;
            }
            (head, count) = (next, count + 1);
        }
        (head, count)
    }

    /// The one way in which lines get into a segment that is in use.
    fn put(&mut self, bytes: &[u8], head: Link, sync: bool) -> io::Result<()> {
        let Place::Writing(current) = &mut self.place else {
            return Err(ErrorKind::NotConnected.into());
        };
        let appended = current.sink.append(bytes);
        let written = appended.and_then(|()| if sync { current.sync(&self.parts.figures) } else { Ok(()) });
        if let Err(error) = written {
            let Place::Writing(current) = mem::replace(&mut self.place, Place::Closed) else {
                unreachable!("it was being written to a moment ago");
            };
            let refuses = error.kind() == ErrorKind::PermissionDenied;
            self.place = Place::Torn(Current { refuses, faults: current.faults + 1, ..current });
            return Err(error);
        }
        current.length += bytes.len() as u64;
        (current.synced, current.faults) = (sync, 0);
        self.head = head;
        if let Some(journal) = &self.parts.journal {
            journal.send(bytes);
        }
        Ok(())
    }

    pub(super) fn put_own(&mut self, body: &[u8]) -> io::Result<()> {
        let mut line = Vec::new();
        let head = self.parts.chain.add_entry(&mut line, self.head, self.parts.clock.now(), body);
        self.put(&line, head, true)?;
        self.parts.figures.wrote(1);
        Ok(())
    }
}
