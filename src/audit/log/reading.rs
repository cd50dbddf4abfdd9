//! The log read, while it goes on being written.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::super::chain::{Chain, Checkpoint};
use super::super::disk::Disk;
use super::super::entry::LoggedEntry;
use super::super::error::AuditError;
use super::super::page::{Look, Most, Page, page};
use super::super::queue::Queue;
use super::super::stray::Listed;
use super::super::verify::{Extent, Report, verify};
use super::{Log, blocking, lock};

/// What a page costs. As entries in memory, lines of many short words take ten times their bytes.
const MOST: Most = Most { read: 8 << 20, kept: 1 << 20 };

/// What reading takes.
pub(super) struct Reading {
    pub disk: Arc<dyn Disk>,
    /// Replaced by a rekey, with the writer in hand.
    pub chain: Mutex<Arc<Chain>>,
    pub readers: Arc<AtomicUsize>,
    /// Whether the log is, for whoever asks at each line: not of the queue, which every fetch has to pass.
    pub closed: AtomicBool,
}

/// A reader under way: as long as it lives, no segment is retired.
struct Reader(Arc<AtomicUsize>);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Log {
    /// Reads and checks everything, while entries go on being written. If the segment that they are written to is damaged, they
    /// go on in a new one.
    pub async fn verify(&self, checkpoint: Option<Checkpoint>) -> Result<Report, AuditError> {
        let (queue, reading) = (self.queue.clone(), self.reading.clone());
        blocking(move || {
            let (extent, chain, _reader) = reading.extent(&queue)?;
            let stop = || queue.is_closed();
            let report = verify(&*reading.disk, &chain, &extent, checkpoint.as_ref(), stop)
                .map_err(AuditError::Unreadable)?
                .ok_or(AuditError::Closed)?;
            if let Some(damage) = report.newest_bad {
                queue.with_writer(|writer| writer.distrust(damage));
            }
            Ok(report)
        })
        .await
    }

    /// Entries that `look` asks for and `keep` says yes to, after reading 8 MiB at most, and a mebibyte of them at most or one.
    /// What they say isn't checked; [`Log::verify`] does that. It stops when the log is closed, or this is dropped.
    pub async fn page(
        &self,
        look: Look,
        keep: impl Fn(&LoggedEntry) -> bool + Send + 'static,
    ) -> Result<Page, AuditError> {
        self.read(look, MOST, keep).await
    }

    pub(in super::super) async fn read(
        &self,
        look: Look,
        most: Most,
        keep: impl Fn(&LoggedEntry) -> bool + Send + 'static,
    ) -> Result<Page, AuditError> {
        let (queue, reading) = (self.queue.clone(), self.reading.clone());
        // Gone with whoever waits for the page.
        let asker = Arc::new(());
        let asked = Arc::downgrade(&asker);
        let read = blocking(move || {
            let stop = || asked.strong_count() == 0 || reading.closed.load(Ordering::Relaxed);
            if stop() {
                return Err(AuditError::Closed);
            }
            let (extent, _, _reader) = reading.extent(&queue)?;
            let page = page(&*reading.disk, &extent, &look, most, keep, stop);
            page.map_err(AuditError::Unreadable)?.ok_or(AuditError::Closed)
        })
        .await;
        drop(asker);
        read
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
