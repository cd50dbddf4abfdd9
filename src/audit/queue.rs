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
use tokio::sync::oneshot;

use super::chain::MAX_LINE;
use super::log::AuditError;
use super::writer::Writer;

/// Lines that may wait. A task that gave up leaves its line behind, so the number of tasks is no bound.
const MAX_WAITING: usize = 8192;
/// What a line takes besides its body, generously: `seq`, `time` and `mac`.
const AROUND_BODY: usize = 256;

/// A line that waits, and the task that waits for it.
pub(super) struct Pending {
    pub time: Timestamp,
    pub body: Vec<u8>,
    told: oneshot::Sender<Result<u64, io::ErrorKind>>,
}

impl Pending {
    /// Tells the task its line's number, or that there is none.
    pub fn tell(self, outcome: Result<u64, io::ErrorKind>) {
        // A task that has gone away doesn't mind.
        let _ = self.told.send(outcome);
    }
}

/// The queue, and the writer behind it.
pub(super) struct Queue {
    lines: Mutex<Lines>,
    durable: Condvar,
    writer: Mutex<Writer>,
}

#[derive(Default)]
struct Lines {
    quick: Vec<Pending>,
    durable: Vec<Pending>,
    closed: bool,
}

async fn told_of(outcome: oneshot::Receiver<Result<u64, io::ErrorKind>>) -> Result<u64, AuditError> {
    match outcome.await {
        Ok(Ok(seq)) => Ok(seq),
        Ok(Err(kind)) => Err(AuditError::Unavailable(kind)),
        Err(_) => Err(AuditError::Closed),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Queue {
    pub fn new(writer: Writer) -> Arc<Self> {
        Arc::new(Self { lines: Mutex::default(), durable: Condvar::new(), writer: Mutex::new(writer) })
    }

    /// Queues a line and waits until it is written: its number. The line is queued at the first poll; a
    /// task that goes away later doesn't take it back.
    pub async fn write(&self, time: Timestamp, body: Vec<u8>, durable: bool) -> Result<u64, AuditError> {
        if body.len() + AROUND_BODY > MAX_LINE {
            return Err(AuditError::TooLarge);
        }
        let (told, outcome) = oneshot::channel();
        self.queue(Pending { time, body, told }, durable)?;
        if durable {
            self.durable.notify_one();
        } else {
            tokio::task::yield_now().await;
            self.write_quick();
        }
        told_of(outcome).await
    }

    /// Queues durable lines in their order and waits until all are written.
    pub async fn write_all(&self, time: Timestamp, bodies: Vec<Vec<u8>>) -> Result<(), AuditError> {
        if bodies.iter().any(|body| body.len() + AROUND_BODY > MAX_LINE) {
            return Err(AuditError::TooLarge);
        }
        let mut outcomes = Vec::with_capacity(bodies.len());
        for body in bodies {
            let (told, outcome) = oneshot::channel();
            self.queue(Pending { time, body, told }, true)?;
            outcomes.push(outcome);
        }
        self.durable.notify_one();
        for outcome in outcomes {
            told_of(outcome).await?;
        }
        Ok(())
    }

    fn queue(&self, line: Pending, durable: bool) -> Result<(), AuditError> {
        let mut lines = lock(&self.lines);
        if lines.closed {
            return Err(AuditError::Closed);
        }
        if lines.quick.len() + lines.durable.len() >= MAX_WAITING {
            return Err(AuditError::Unavailable(io::ErrorKind::WouldBlock));
        }
        if durable {
            lines.durable.push(line)
        } else {
            lines.quick.push(line)
        }
        Ok(())
    }

    fn write_quick(&self) {
        while !lock(&self.lines).quick.is_empty() {
            let mut writer = match self.writer.try_lock() {
                Ok(writer) => writer,
                // Whoever has it comes by here before it rests.
                Err(TryLockError::WouldBlock) => return,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            };
            let lines = std::mem::take(&mut lock(&self.lines).quick);
            writer.commit(lines, false);
        }
    }

    /// Has the writer for something else; blocks while others have it.
    pub fn with_writer<R>(&self, work: impl FnOnce(&mut Writer) -> R) -> R {
        let done = work(&mut lock(&self.writer));
        self.write_quick();
        done
    }

    /// The life of the thread behind durable lines: ends when the queue is closed and empty.
    pub fn write_durable(&self) {
        loop {
            let lines = lock(&self.lines);
            let lines = self
                .durable
                .wait_while(lines, |lines| lines.durable.is_empty() && !lines.closed)
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            let closed = lines.closed;
            drop(lines);
            let found = self.with_writer(|writer| {
                let mut lines = lock(&self.lines);
                let mut batch = std::mem::take(&mut lines.durable);
                batch.append(&mut lines.quick);
                drop(lines);
                let found = !batch.is_empty();
                writer.commit(batch, true);
                found
            });
            if closed && !found {
                return;
            }
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
