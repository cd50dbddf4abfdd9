//! The store in memory: for tests, and for trials that should leave nothing behind.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard};

use super::{Batch, PAGE, Page, Reply, Store, StoreError};
use crate::keys::{Sealed, StoreKey};

/// Keeps the contract of [`Store`] but for durability: it lasts as long as its process.
pub struct MemoryStore {
    /// Bytes of keys, records and header together.
    capacity: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    header: Option<Vec<u8>>,
    records: BTreeMap<StoreKey, Sealed>,
}

impl MemoryStore {
    /// A store bounded by the machine's memory alone.
    pub fn new() -> Self {
        Self::with_capacity(usize::MAX)
    }

    /// A store that answers `Full` to a batch after which keys, records and header would exceed `bytes`.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { capacity: bytes, held: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // A batch is checked in full before it is applied, and applying can't panic half-way.
        self.held.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        let mut held = self.lock();
        batch.check(|key| Ok(held.records.get(key).cloned()))?;
        if held.bytes_after(&batch) > self.capacity {
            return Err(StoreError::Full);
        }
        if let Some(header) = batch.header {
            held.header = Some(header);
        }
        for (key, sealed) in batch.changes {
            match sealed {
                Some(sealed) => held.records.insert(key, sealed),
                None => held.records.remove(&key),
            };
        }
        Ok(())
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Held {
    fn bytes_after(&self, batch: &Batch) -> usize {
        let kept = self.records.iter().filter(|(key, _)| !batch.changes.contains_key(key));
        let records: usize = kept.map(|(_, sealed)| StoreKey::LEN + sealed.as_bytes().len()).sum();
        let header = if batch.header.is_some() { 0 } else { self.header.as_ref().map_or(0, Vec::len) };
        records + header + batch.bytes()
    }
}

impl Store for MemoryStore {
    fn header(&self) -> Reply<'_, Option<Vec<u8>>> {
        Box::pin(async { Ok(self.lock().header.clone()) })
    }

    fn read(&self, key: StoreKey) -> Reply<'_, Option<Sealed>> {
        Box::pin(async move { Ok(self.lock().records.get(&key).cloned()) })
    }

    fn page(&self, from: Option<StoreKey>) -> Reply<'_, Page> {
        Box::pin(async move {
            let held = self.lock();
            let begin = from.map_or(Bound::Unbounded, Bound::Included);
            let (mut page, mut bytes) = (Page::default(), 0);
            for (key, sealed) in held.records.range((begin, Bound::Unbounded)) {
                if bytes >= PAGE {
                    page.next = Some(*key);
                    break;
                }
                bytes += sealed.as_bytes().len();
                page.records.push((*key, sealed.clone()));
            }
            Ok(page)
        })
    }

    fn commit(&self, batch: Batch) -> Reply<'_, ()> {
        Box::pin(async { self.apply(batch) })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Expect;
    use super::*;

    #[tokio::test]
    async fn a_batch_beyond_the_capacity_changes_nothing() {
        let key = |n| StoreKey::from_bytes(&[n; StoreKey::LEN]).unwrap();
        let sealed = |n| Sealed::from_store(vec![1; n]);
        let store = MemoryStore::with_capacity(2 * (StoreKey::LEN + 10));
        store.commit(Batch::new().put(key(1), Expect::Absent, sealed(10))).await.unwrap();
        let two = Batch::new().put(key(2), Expect::Absent, sealed(10)).header(vec![0]);
        assert!(matches!(store.commit(two).await, Err(StoreError::Full)));
        assert!(store.header().await.unwrap().is_none());
        assert_eq!(store.scan().await.unwrap().len(), 1);
        // Exactly full is not too full, and a record that leaves makes room in the same batch.
        store.commit(Batch::new().put(key(2), Expect::Absent, sealed(10))).await.unwrap();
        let swap = Batch::new().delete(key(1), Expect::Any).put(key(3), Expect::Absent, sealed(10));
        store.commit(swap).await.unwrap();
    }
}
