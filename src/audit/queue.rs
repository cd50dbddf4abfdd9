//! Lines waiting to be written, and who writes them.
//!
//! *Quick* lines need a `write(2)` before they are answered. Their task lets others queue theirs by
//! yielding once, then whoever comes first writes all of them, inline: handing them to a thread would cost
//! more than the write itself. *Durable* lines need an fdatasync too. One thread writes all that wait,
//! syncs once, and answers them all.
//!
//! No line is forgotten: a line is queued before its task tries for the writer, and whoever lets go of the
//! writer looks at the queue afterwards.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, TryLockError};

use jiff::Timestamp;
use tokio::runtime::Handle;

use super::chain::MAX_LINE;
use super::error::AuditError;
use super::lot::{Fate, Lot, Ticket};
use super::writer::Writer;

/// Lines that may wait. A task that gave up leaves its line behind, so the number of tasks is no bound.
const MAX_WAITING: usize = 8192;
/// What a line takes besides its body, generously: `seq`, `time` and `mac`.
const AROUND_BODY: usize = 256;

/// The queue, and the writer behind it.
pub(super) struct Queue {
    lines: Mutex<Lines>,
    durable: Condvar,
    writer: Mutex<Writer>,
    /// Where the tasks run that the thread behind durable lines has to wake.
    runtime: Option<Handle>,
}

/// A line that waits to be written.
pub(super) struct Queued {
    ticket: Ticket,
    durable: bool,
}

#[derive(Default)]
struct Lines {
    quick: Lot,
    durable: Lot,
    /// An empty one that has room already.
    spare: Lot,
    closed: bool,
    /// The thread behind durable lines waits to be woken once there are so many; 0: it doesn't.
    wake_at: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Queue {
    pub fn new(writer: Writer) -> Arc<Self> {
        Arc::new(Self {
            lines: Mutex::default(),
            durable: Condvar::new(),
            writer: Mutex::new(writer),
            runtime: Handle::try_current().ok(),
        })
    }

    /// Queues a line. Whoever goes away without [`Self::written`] doesn't take it back.
    pub fn begin(&self, time: Timestamp, body: &[u8], durable: bool) -> Result<Queued, AuditError> {
        Ok(Queued { ticket: self.queue(time, body, durable)?, durable })
    }

    /// Waits until the line is written: its number.
    pub async fn written(&self, line: Queued) -> Result<u64, AuditError> {
        let Queued { ticket, durable } = line;
        if !durable {
            tokio::task::yield_now().await;
            if let Some(outcome) = ticket.outcome() {
                return outcome;
            }
            self.write_quick();
        }
        ticket.settled().await
    }

    /// Queues a line and waits until it is written: its number.
    pub async fn write(&self, time: Timestamp, body: &[u8], durable: bool) -> Result<u64, AuditError> {
        let line = self.begin(time, body, durable)?;
        self.written(line).await
    }

    /// Queues durable lines in their order and waits until all are written; or says how many of them were, the first
    /// ones: they are of one lot, and what follows a line that isn't written isn't either.
    pub async fn write_all(&self, time: Timestamp, bodies: &[Vec<u8>]) -> Result<(), (usize, AuditError)> {
        if bodies.iter().any(|body| is_too_long(body)) {
            return Err((0, AuditError::TooLarge));
        }
        let tickets = self.queue_all(time, bodies).map_err(|error| (0, error))?;
        for (written, ticket) in tickets.into_iter().enumerate() {
            ticket.settled().await.map_err(|error| (written, error))?;
        }
        Ok(())
    }

    fn queue(&self, time: Timestamp, body: &[u8], durable: bool) -> Result<Ticket, AuditError> {
        if is_too_long(body) {
            return Err(AuditError::TooLarge);
        }
        let mut lines = self.with_room(1)?;
        if !durable {
            return Ok(lines.quick.add(time, body));
        }
        let ticket = lines.durable.add(time, body);
        self.rouse(lines);
        Ok(ticket)
    }

    /// All at once, or none: they are of one change.
    fn queue_all(&self, time: Timestamp, bodies: &[Vec<u8>]) -> Result<Vec<Ticket>, AuditError> {
        let mut lines = self.with_room(bodies.len())?;
        let tickets = bodies.iter().map(|body| lines.durable.add(time, body)).collect();
        self.rouse(lines);
        Ok(tickets)
    }

    /// The lines, if so many more may wait.
    fn with_room(&self, count: usize) -> Result<MutexGuard<'_, Lines>, AuditError> {
        let lines = lock(&self.lines);
        if lines.closed {
            return Err(AuditError::Closed);
        }
        if lines.quick.len() + lines.durable.len() + count > MAX_WAITING {
            return Err(AuditError::Unavailable(io::ErrorKind::WouldBlock));
        }
        Ok(lines)
    }

    /// Wakes the thread behind durable lines, if it waits for no more than there are.
    fn rouse(&self, mut lines: MutexGuard<'_, Lines>) {
        let wake = lines.wake_at > 0 && lines.durable.len() >= lines.wake_at;
        if wake {
            lines.wake_at = 0;
        }
        drop(lines);
        if wake {
            self.durable.notify_one();
        }
    }

    fn write_quick(&self) {
        while !lock(&self.lines).quick.is_empty() {
            let mut writer = match self.writer.try_lock() {
                Ok(writer) => writer,
                // Whoever has it comes by here before it rests.
                Err(TryLockError::WouldBlock) => return,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            };
            let lot = lock(&self.lines).take(|lines| &mut lines.quick);
            let fate = self.commit(&mut writer, lot, false);
            drop(writer);
            fate.wake();
        }
    }

    /// Writes a lot; those who wait for it are still to be woken.
    fn commit(&self, writer: &mut Writer, lot: Lot, sync: bool) -> Arc<Fate> {
        let pieces = writer.commit(&lot, sync);
        let (fate, spare) = lot.settle(pieces);
        lock(&self.lines).spare = spare;
        fate
    }

    /// Writes all that wait: then the number of the last line, and of the segment that the next one goes to.
    pub fn end(&self) -> (u64, u32) {
        let mut writer = lock(&self.writer);
        let quick = lock(&self.lines).take(|lines| &mut lines.quick);
        let durable = lock(&self.lines).take(|lines| &mut lines.durable);
        for (lot, sync) in [(quick, false), (durable, true)] {
            if !lot.is_empty() {
                let fate = self.commit(&mut writer, lot, sync);
                self.wake(fate);
            }
        }
        let end = writer.end();
        drop(writer);
        self.write_quick();
        end
    }

    /// Has the writer for something else; blocks while others have it.
    pub fn with_writer<R>(&self, work: impl FnOnce(&mut Writer) -> R) -> R {
        let done = work(&mut lock(&self.writer));
        self.write_quick();
        done
    }

    /// Wakes tasks from outside their runtime: one task in there wakes all the others, which costs far less than to
    /// reach in for each.
    fn wake(&self, fate: Arc<Fate>) {
        let waking = Waking(fate);
        if let Some(runtime) = &self.runtime {
            runtime.spawn(async move { drop(waking) });
        }
    }

    /// Takes no more lines; those that wait are still written.
    pub fn close(&self) {
        lock(&self.lines).closed = true;
        self.durable.notify_all();
    }

    pub fn is_closed(&self) -> bool {
        lock(&self.lines).closed
    }
}

/// Wakes those who wait for a lot when it is dropped, in a task or where there is none.
struct Waking(Arc<Fate>);

impl Drop for Waking {
    fn drop(&mut self) {
        self.0.wake();
    }
}

impl Lines {
    /// Takes one of the lots out.
    fn take(&mut self, which: impl FnOnce(&mut Self) -> &mut Lot) -> Lot {
        let spare = std::mem::take(&mut self.spare);
        std::mem::replace(which(self), spare)
    }
}

fn is_too_long(body: &[u8]) -> bool {
    body.len() + AROUND_BODY > MAX_LINE
}

mod thread;

#[cfg(test)]
mod tests;
