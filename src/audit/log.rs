//! The log as the rest of the daemon sees it.

use std::cell::RefCell;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use jiff::Timestamp;

use super::chain::{Chain, Checkpoint};
use super::disk::Lock;
use super::entry::{Entry, Outcome};
use super::error::AuditError;
use super::finding::Finding;
use super::keys::ChainKeys;
use super::queue::{Queue, Queued};
use super::tally::{Due, Tallies};
use super::told::Told;
use super::writer::{Health, Writer};
use crate::clock::Clock;

mod reading;
mod start;

use reading::Reading;
pub use start::{Durability, Opened, Settings, Surveyed};

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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Why a log doesn't go on under another key.
pub trait EndsLog {
    /// Whether it doesn't go on under its own either.
    fn ends_log(&self) -> bool;
}

impl Log {
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

    /// The same for an entry.
    pub fn begin_entry(&self, entry: &Entry) -> Result<Begun, AuditError> {
        self.queue.begin(self.clock.now(), &entry.body(), self.durably()).map(Begun)
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

    /// The checkpoint taken last isn't stored: the next call gives it once more, whether it has moved or not.
    pub fn is_unrecorded(&self) {
        self.health.unrecorded.store(true, Ordering::Relaxed);
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

    /// What can't be written is counted again, so that no denial is lost. All are queued before the first is waited for: whoever
    /// waits may go away.
    async fn append_tallied(&self, entries: Vec<Entry>) -> Result<(), AuditError> {
        let mut outcome = Ok(());
        let mut failed = |entry, error: AuditError| {
            if matches!(error, AuditError::Unavailable(_)) {
                lock(&self.tallies).put_back(entry, self.clock.now());
            }
            outcome = Err(error);
        };
        let mut queued = Vec::with_capacity(entries.len());
        for entry in entries {
            match self.begin_entry(&entry) {
                Ok(begun) => queued.push((entry, begun)),
                Err(error) => failed(entry, error),
            }
        }
        for (entry, begun) in queued {
            if let Err(error) = self.written(begun).await {
                failed(entry, error);
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

    /// The number of the last line, those that were queued by now among them: they are written first.
    pub async fn last_line(&self) -> Result<u64, AuditError> {
        Ok(self.end().await?.0)
    }

    /// That, and the number of the segment that the next line goes to.
    pub async fn end(&self) -> Result<(u64, u32), AuditError> {
        let queue = self.queue.clone();
        blocking(move || Ok(queue.end())).await
    }

    /// Ends the log under the key that it has, and goes on in a new segment under another, if `switch` makes that one
    /// the vault's. `switch` is given the head, which is durable and stays it: whatever is to be written waits. If it
    /// fails, the log goes on as it was, unless the failure ends it: under which key it goes on isn't known then. What comes after it is taken up at the next opening, should it not come to
    /// that now (`opening.rs`).
    pub async fn rekey<E: From<AuditError> + EndsLog + Send + 'static>(
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
                let keys = switch(head.clone()).inspect_err(|failure| {
                    if failure.ends_log() {
                        writer.close();
                    }
                })?;
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

    /// Writes what waits, then lets go of files and lock; all later calls get [`AuditError::Closed`].
    /// Blocks for as long as a sync takes. Tallies and checkpoint come before.
    pub fn close(&self) {
        self.reading.closed.store(true, Ordering::Relaxed);
        self.queue.close();
        if let Some((thread, lock)) = lock(&self.running).take() {
            // A panic in the thread has been reported already; its lines got no answer.
            let _ = thread.join();
            self.queue.with_writer(Writer::close);
            drop(lock);
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.close();
    }
}

async fn blocking<R: Send + 'static>(
    work: impl FnOnce() -> Result<R, AuditError> + Send + 'static,
) -> Result<R, AuditError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(AuditError::Unreadable(io::Error::other(error))))
}
