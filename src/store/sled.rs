//! The store on disk, in sled.

use std::path::Path;
use std::sync::Arc;

use ::sled::Db;

use super::committer::Committer;
use super::disk::Disk;
use super::{Batch, Damage, Page, Reply, Store, StoreError, entries};
use crate::keys::{Sealed, StoreKey};

/// A directory that one process at a time holds.
///
/// Its calls need a Tokio runtime around them: reads go to the runtime's blocking threads, commits to a thread of
/// their own. A commit whose write fails is answered with that failure, as are all that were written with it;
/// whether they happened is unknown until the store is opened again ([`Store::reopen`]), and until then every call is
/// answered [`StoreError::Closed`].
///
/// Dropping it finishes the commits under way and lets go of the directory; that blocks for as long.
pub struct SledStore {
    committer: Committer,
    disk: Arc<Disk>,
}

impl SledStore {
    /// Opens the store in `dir`; `Io` with `NotFound` where none is. Blocks; finds damage only in part: going through
    /// every [`page`] reads every record.
    ///
    /// [`page`]: Store::page
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Self::start(Disk::open(dir)?)
    }

    /// Opens the store in `dir`, made with mode 0700 where it is missing. That nothing is overwritten is up to the
    /// caller, who looks for a header first.
    pub fn create(dir: &Path) -> Result<Self, StoreError> {
        Self::start(Disk::create(dir)?)
    }

    fn start(disk: Disk) -> Result<Self, StoreError> {
        let disk = Arc::new(disk);
        let committer = Committer::start(Arc::clone(&disk))?;
        Ok(Self { committer, disk })
    }

    fn blocking<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Db) -> Result<T, StoreError> + Send + 'static,
    ) -> Reply<'_, T> {
        let disk = Arc::clone(&self.disk);
        Box::pin(async move {
            match tokio::task::spawn_blocking(move || disk.lend(read)).await {
                Ok(outcome) => outcome,
                // sled panics on some kinds of damage.
                Err(stopped) if stopped.is_panic() => Err(Damage::Database.into()),
                Err(_) => Err(StoreError::Closed),
            }
        })
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        self.committer.finish();
        self.disk.close();
    }
}

impl Store for SledStore {
    fn header(&self) -> Reply<'_, Option<Vec<u8>>> {
        self.blocking(entries::header)
    }

    fn read(&self, key: StoreKey) -> Reply<'_, Option<Sealed>> {
        self.blocking(move |db| entries::record(db, key))
    }

    fn page(&self, from: Option<StoreKey>) -> Reply<'_, Page> {
        self.blocking(move |db| entries::page(db, from))
    }

    fn commit(&self, batch: Batch) -> Reply<'_, ()> {
        Box::pin(async move {
            if batch.is_empty() {
                return Ok(());
            }
            self.committer.commit(batch).await
        })
    }

    fn moved(&self, to: &Path) {
        self.disk.moved(to);
    }

    fn has_failed(&self) -> bool {
        self.disk.has_failed()
    }

    fn reopen(&self) -> Reply<'_, ()> {
        let disk = Arc::clone(&self.disk);
        Box::pin(async move {
            let opening = tokio::task::spawn_blocking(move || disk.reopen());
            opening.await.unwrap_or(Err(StoreError::Closed))
        })
    }
}
