//! Where sealed records lie: put-if-revision, atomic batches, durable when acknowledged.
//!
//! Two stores keep one contract: [`SledStore`] on disk and [`MemoryStore`] for tests and trials. Both see sealed
//! bytes only; this room never opens a record, derives no key and knows no ID. How the disk's entries look is
//! drawn in `pieces.rs`.

mod ballast;
mod batch;
mod committer;
mod disk;
mod entries;
mod error;
#[cfg(fuzzing)]
pub mod fuzzing;
mod memory;
mod pieces;
mod sled;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::pin::Pin;

pub use batch::{Batch, Expect};
pub use error::{Damage, Fault, StoreError};
pub use memory::MemoryStore;
pub use sled::SledStore;

use crate::keys::{Sealed, StoreKey};

/// What a store's calls return: a boxed future, so that stores can be `dyn`.
pub type Reply<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// The first thing in the directory of a store on disk that isn't the store's own.
pub fn foreign_in(dir: &Path) -> std::io::Result<Option<PathBuf>> {
    disk::foreign_in(dir)
}

/// Bytes of records after which a page ends, so that going through a large store takes little memory.
const PAGE: usize = 1024 * 1024;

/// Some of the records, in the order of their keys.
#[derive(Default)]
pub struct Page {
    pub records: Vec<(StoreKey, Sealed)>,
    /// Where the next page begins; None: this was the last.
    pub next: Option<StoreKey>,
}

/// A store of sealed records. Reads see committed batches only, each whole or not at all.
pub trait Store: Send + Sync {
    /// The vault header as written, or None in an empty store.
    fn header(&self) -> Reply<'_, Option<Vec<u8>>>;

    /// The record at `key`, or None.
    fn read(&self, key: StoreKey) -> Reply<'_, Option<Sealed>>;

    /// The records from this key on (`None`: from the first), in the order of the keys, as many as make a page. Reads
    /// each one from disk, and fails with the first that is damaged. From the first page to the last nothing is left
    /// out, as long as nothing is written meanwhile.
    fn page(&self, from: Option<StoreKey>) -> Reply<'_, Page>;

    /// Every page as one.
    #[cfg(test)]
    fn scan(&self) -> Reply<'_, Vec<(StoreKey, Sealed)>> {
        Box::pin(async {
            let Page { mut records, mut next } = self.page(None).await?;
            while next.is_some() {
                let page = self.page(next).await?;
                (records, next) = ([records, page.records].concat(), page.next);
            }
            Ok(records)
        })
    }

    /// All or nothing, durable when it returns. Dropping the future does not take the batch back.
    fn commit(&self, batch: Batch) -> Reply<'_, ()>;

    /// The directory of a store on disk was moved here: there it is to be opened again.
    fn moved(&self, _to: &Path) {}

    /// Whether a write failed and the store was not opened again since: then it answers nothing else, and whether the
    /// batches of that write happened is unknown.
    fn has_failed(&self) -> bool {
        false
    }

    /// Opens a store that has failed anew, in place. What it holds then, it holds durably.
    fn reopen(&self) -> Reply<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}
