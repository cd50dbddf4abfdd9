//! A store that fails when it is told to, as on a disk that goes bad.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::super::*;
use super::site::*;
use crate::keys::StoreKey;
use crate::store::{Batch, Page, Reply, Store, StoreError};

/// A store whose next write fails, and that can't be opened again while the disk is bad.
pub struct Frail {
    pub store: Arc<dyn Store>,
    next: Mutex<Next>,
    failed: AtomicBool,
    pub bad_disk: AtomicBool,
    /// It can be opened again, and its records not be read.
    pub unreadable: AtomicBool,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Next {
    Works,
    /// It fails after all was written.
    FailsWritten,
    FailsUnwritten,
    /// It refuses, and goes on.
    Full,
}

impl Frail {
    /// The same vault on such a store, opened anew, sealed.
    pub async fn under(site: Site) -> (Site, Arc<Self>) {
        let Site { directory, clock, vault, admin, _keep } = site;
        drop(vault);
        let frail = Arc::new(Self {
            store: open_store(&directory).unwrap(),
            next: Mutex::new(Next::Works),
            failed: AtomicBool::new(false),
            bad_disk: AtomicBool::new(false),
            unreadable: AtomicBool::new(false),
        });
        let opening = Opening {
            directory: directory.clone(),
            store: frail.clone(),
            audit: settings(&directory),
            notices: NoticeRules::default(),
            clock: clock.clone(),
        };
        let vault = Vault::open(opening).await.unwrap();
        (Site { directory, clock, vault, admin, _keep }, frail)
    }

    pub fn fails(&self, next: Next, bad_disk: bool) {
        *self.next.lock().unwrap() = next;
        self.bad_disk.store(bad_disk, Ordering::SeqCst);
    }
}

impl Store for Frail {
    fn header(&self) -> Reply<'_, Option<Vec<u8>>> {
        if self.has_failed() { Box::pin(async { Err(StoreError::Closed) }) } else { self.store.header() }
    }

    fn read(&self, key: StoreKey) -> Reply<'_, Option<crate::keys::Sealed>> {
        if self.has_failed() { Box::pin(async { Err(StoreError::Closed) }) } else { self.store.read(key) }
    }

    fn page(&self, from: Option<StoreKey>) -> Reply<'_, Page> {
        if self.has_failed() || self.unreadable.load(Ordering::SeqCst) {
            return Box::pin(async { Err(StoreError::Io(std::io::Error::from_raw_os_error(libc::EIO))) });
        }
        self.store.page(from)
    }

    fn commit(&self, batch: Batch) -> Reply<'_, ()> {
        let next = std::mem::replace(&mut *self.next.lock().unwrap(), Next::Works);
        Box::pin(async move {
            if self.has_failed() {
                return Err(StoreError::Closed);
            }
            if next == Next::Full {
                return Err(StoreError::Full);
            }
            if next != Next::FailsUnwritten {
                self.store.commit(batch).await?;
            }
            if next == Next::Works {
                return Ok(());
            }
            self.failed.store(true, Ordering::SeqCst);
            Err(StoreError::Io(std::io::Error::from_raw_os_error(libc::EIO)))
        })
    }

    fn has_failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }

    fn reopen(&self) -> Reply<'_, ()> {
        Box::pin(async {
            if self.bad_disk.load(Ordering::SeqCst) {
                return Err(StoreError::Io(std::io::Error::from_raw_os_error(libc::EIO)));
            }
            self.failed.store(false, Ordering::SeqCst);
            Ok(())
        })
    }
}
