//! Where sealed records lie: put-if-revision, atomic batches, durable when acknowledged.
//!
//! Two stores keep one contract: [`SledStore`] on disk and [`MemoryStore`] for tests and trials. Both see sealed
//! bytes only; this room never opens a record, derives no key and knows no ID. How the disk's entries look is
//! drawn in `pieces.rs`.

mod batch;
mod committer;
mod disk;
mod entries;
mod error;
mod memory;
mod pieces;
mod sled;
#[cfg(test)]
mod tests;

use std::pin::Pin;

pub use batch::{Batch, Expect};
pub use error::{Damage, Fault, StoreError};
pub use memory::MemoryStore;
pub use sled::SledStore;

use crate::keys::{Sealed, StoreKey};

/// What a store's calls return: a boxed future, so that stores can be `dyn`.
pub type Reply<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A store of sealed records. Reads see committed batches only, each whole or not at all.
pub trait Store: Send + Sync {
    /// The vault header as written, or None in an empty store.
    fn header(&self) -> Reply<'_, Option<Vec<u8>>>;

    /// The record at `key`, or None.
    fn read(&self, key: StoreKey) -> Reply<'_, Option<Sealed>>;

    /// Every record, in the order of the keys. Reads each one from disk, and fails with the first that is damaged.
    fn scan(&self) -> Reply<'_, Vec<(StoreKey, Sealed)>>;

    /// All or nothing, durable when it returns. Dropping the future does not take the batch back.
    fn commit(&self, batch: Batch) -> Reply<'_, ()>;
}
