//! All secrets with what belongs to them, counted as they change.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use super::super::uses::Uses;
use super::values::{SealedValue, Values};
use crate::model::{Secret, SecretId, Version, VersionState};

pub struct KeptSecret {
    pub revision: u64,
    pub noun: Arc<Secret>,
    pub values: Values,
    /// Who fetched it.
    pub uses: Uses,
}

/// All secrets, found by ID in constant time, and listed in the order of their IDs.
#[derive(Default)]
pub struct Secrets {
    /// In the order in which they came; None: free.
    kept: Vec<Option<KeptSecret>>,
    free: Vec<u32>,
    by_id: HashMap<SecretId, u32>,
    order: BTreeMap<SecretId, u32>,
    /// Those with a version whose grace is recorded, whether it has ended or not.
    in_grace: BTreeSet<SecretId>,
    /// Versions of them that are pending.
    pending: usize,
}

impl KeptSecret {
    pub fn version(&self, number: u64) -> Option<&Version> {
        self.noun.versions.iter().find(|each| each.number == number)
    }

    /// A version that has a value, and that.
    pub fn at(&self, number: u64) -> Option<(&Version, &SealedValue)> {
        Some((self.version(number)?, self.values.get(number)?))
    }
}

impl Secrets {
    pub fn get(&self, id: &SecretId) -> Option<&KeptSecret> {
        self.named(id.as_str())
    }

    /// The same by its spelling.
    pub fn named(&self, id: &str) -> Option<&KeptSecret> {
        self.at(*self.by_id.get(id)?)
    }

    /// For what isn't the secret's metadata.
    pub fn get_mut(&mut self, id: &SecretId) -> Option<&mut KeptSecret> {
        let place = *self.by_id.get(id)?;
        self.kept.get_mut(place as usize)?.as_mut()
    }

    fn at(&self, place: u32) -> Option<&KeptSecret> {
        self.kept.get(place as usize)?.as_ref()
    }

    pub fn contains_key(&self, id: &SecretId) -> bool {
        self.by_id.contains_key(id)
    }

    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Versions that wait to be activated.
    pub fn pending(&self) -> usize {
        self.pending
    }

    /// Those with a version whose grace is recorded.
    pub fn in_grace(&self) -> impl Iterator<Item = &KeptSecret> {
        self.in_grace.iter().filter_map(|id| self.get(id))
    }

    /// In no order.
    pub fn values(&self) -> impl Iterator<Item = &KeptSecret> {
        self.kept.iter().flatten()
    }

    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut KeptSecret> {
        self.kept.iter_mut().flatten()
    }

    /// In the order of their IDs.
    pub fn range(&self, from: Bound<&SecretId>) -> impl Iterator<Item = (&SecretId, &KeptSecret)> {
        let ids = self.order.range::<SecretId, _>((from, Bound::Unbounded));
        ids.filter_map(|(id, place)| Some((id, self.at(*place)?)))
    }

    pub(super) fn insert(&mut self, kept: KeptSecret) {
        let id = kept.noun.id.clone();
        self.remove(&id);
        self.pending += kept.pending();
        if kept.noun.versions.iter().any(|version| matches!(version.state, VersionState::Previous { .. })) {
            self.in_grace.insert(id.clone());
        }
        let place = self.free.pop().unwrap_or_else(|| {
            self.kept.push(None);
            u32::try_from(self.kept.len() - 1).expect("4 billion secrets are more than memory can hold")
        });
        self.kept[place as usize] = Some(kept);
        self.order.insert(id.clone(), place);
        self.by_id.insert(id, place);
    }

    pub fn remove(&mut self, id: &SecretId) -> Option<KeptSecret> {
        let place = self.by_id.remove(id)?;
        let kept = self.kept.get_mut(place as usize)?.take()?;
        self.free.push(place);
        self.order.remove(id);
        self.in_grace.remove(id);
        self.pending -= kept.pending();
        Some(kept)
    }
}

impl KeptSecret {
    fn pending(&self) -> usize {
        self.noun.versions.iter().filter(|version| version.state == VersionState::Pending).count()
    }
}
