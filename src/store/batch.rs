//! A batch: changes that are made together or not at all, and what they expect to find.

use std::collections::BTreeMap;

use super::StoreError;
use crate::keys::{Sealed, StoreKey};

/// What a change expects to lie at its key before the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// No record.
    Absent,
    /// A record that claims this revision.
    Revision(u64),
    /// Anything, or nothing.
    Any,
}

/// Changes to be made together.
///
/// All expectations are held against the state before the batch. Where a key is named twice, both expectations
/// must hold and the later change is the one made.
#[derive(Default)]
#[must_use]
pub struct Batch {
    pub(super) header: Option<Vec<u8>>,
    pub(super) expected: Vec<(StoreKey, Expect)>,
    /// None takes the record away.
    pub(super) changes: BTreeMap<StoreKey, Option<Sealed>>,
}

impl Batch {
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes `sealed` at `key`.
    pub fn put(self, key: StoreKey, expected: Expect, sealed: Sealed) -> Self {
        self.change(key, expected, Some(sealed))
    }

    /// Takes the record at `key` away. Where none is, `Absent` and `Any` are content.
    pub fn delete(self, key: StoreKey, expected: Expect) -> Self {
        self.change(key, expected, None)
    }

    /// Writes the vault header, whatever was there.
    pub fn header(mut self, bytes: Vec<u8>) -> Self {
        self.header = Some(bytes);
        self
    }

    pub fn is_empty(&self) -> bool {
        self.header.is_none() && self.changes.is_empty()
    }

    /// Where the changes are.
    pub fn keys(&self) -> impl Iterator<Item = &StoreKey> {
        self.changes.keys()
    }

    fn change(mut self, key: StoreKey, expected: Expect, sealed: Option<Sealed>) -> Self {
        self.expected.push((key, expected));
        self.changes.insert(key, sealed);
        self
    }

    /// Conflict, unless every expectation holds. `find` gives at least the first bytes of a record.
    pub(super) fn check(
        &self,
        mut find: impl FnMut(&StoreKey) -> Result<Option<Sealed>, StoreError>,
    ) -> Result<(), StoreError> {
        for (key, expected) in &self.expected {
            let holds = match expected {
                Expect::Any => true,
                Expect::Absent => find(key)?.is_none(),
                Expect::Revision(wanted) => find(key)?.is_some_and(|found| found.revision() == Some(*wanted)),
            };
            if !holds {
                return Err(StoreError::Conflict);
            }
        }
        Ok(())
    }

    /// Bytes that the batch brings; 0 where it only takes away.
    pub(super) fn bytes(&self) -> usize {
        let records = self.changes.values().flatten().map(|sealed| StoreKey::LEN + sealed.as_bytes().len());
        self.header.as_ref().map_or(0, Vec::len) + records.sum::<usize>()
    }
}
