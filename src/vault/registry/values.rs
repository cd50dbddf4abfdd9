//! Sealed values of a secret's versions.

use crate::keys::{Sealed, StoreKey};

/// Sealed values up to this many bytes stay in memory, so that a usual fetch touches no disk; larger ones are
/// read from the store when they are asked for.
pub(super) const HELD: usize = 16 * 1024;

/// Where a version's sealed bytes are.
#[derive(Clone)]
pub struct SealedValue {
    pub key: StoreKey,
    /// None: too large to hold.
    pub held: Option<Sealed>,
}

/// Sealed values by version number, ascending: there are few, and mostly one.
#[derive(Clone, Default)]
pub struct Values(Vec<(u64, SealedValue)>);

impl SealedValue {
    pub fn new(key: StoreKey, sealed: Sealed) -> Self {
        let held = (sealed.as_bytes().len() <= HELD).then_some(sealed);
        Self { key, held }
    }
}

impl Values {
    pub fn get(&self, number: u64) -> Option<&SealedValue> {
        self.0.iter().find(|(each, _)| *each == number).map(|(_, value)| value)
    }

    pub fn numbers(&self) -> impl Iterator<Item = u64> {
        self.0.iter().map(|(number, _)| *number)
    }

    pub fn insert(&mut self, number: u64, value: SealedValue) {
        self.remove(number);
        let at = self.0.partition_point(|(each, _)| *each < number);
        // Room for this one alone: a vector would begin with four.
        self.0.reserve_exact(1);
        self.0.insert(at, (number, value));
    }

    pub fn remove(&mut self, number: u64) {
        self.0.retain(|(each, _)| *each != number);
    }
}
