//! What the store must hold once it has been opened again.

use std::collections::HashMap;

use super::super::registry::Registry;
use crate::keys::{KeyRing, RecordKind, RecordName, StoreKey};

/// What the store must hold.
pub(super) struct Expected {
    pub records: HashMap<StoreKey, u64>,
    pub header: Vec<u8>,
    /// Records of the change.
    pub touched: Vec<StoreKey>,
}

impl Expected {
    pub fn is(&self, found: &HashMap<StoreKey, u64>, header: Option<&[u8]>) -> bool {
        let there = self.records.iter().all(|(key, revision)| found.get(key) == Some(revision));
        let mut more = found.keys().filter(|key| is_known(key.kind()) && !self.records.contains_key(key));
        // A value that no secret owns is passed over at each start too, unless it is the change's own.
        let stray = |key: &StoreKey| key.kind() == RecordKind::Value && !self.touched.contains(key);
        header == Some(&self.header) && there && more.all(stray)
    }
}

/// Kinds of records that the registry tells of.
fn is_known(kind: RecordKind) -> bool {
    match kind {
        RecordKind::Authority => false,
        RecordKind::Secret
        | RecordKind::Value
        | RecordKind::Integration
        | RecordKind::Caller
        | RecordKind::Checkpoint
        | RecordKind::Tombstone
        | RecordKind::Uses
        | RecordKind::UsesMark
        | RecordKind::Notice
        | RecordKind::Slots
        | RecordKind::FormerChain => true,
    }
}

/// Where each record of the registry lies, and its revision.
pub(super) fn standing(keys: &KeyRing, registry: &Registry) -> HashMap<StoreKey, u64> {
    let mut all = HashMap::new();
    let mut lies = |name: RecordName, revision| all.insert(keys.store_key(&name), revision);
    for kept in registry.secrets.values() {
        let id = &kept.noun.id;
        lies(RecordName::Secret(id), kept.revision);
        for number in kept.values.numbers() {
            // Written once.
            lies(RecordName::Value(id, number), 1);
        }
        if let Some(revision) = kept.uses.revision() {
            lies(RecordName::Uses(id), revision);
        }
    }
    for (name, kept) in &registry.integrations {
        lies(RecordName::Integration(name), kept.revision);
    }
    for (name, kept) in &registry.callers {
        lies(RecordName::Caller(name), kept.revision);
    }
    for (id, kept) in &registry.tombstones {
        lies(RecordName::Tombstone(id), kept.revision);
    }
    for (id, kept) in &registry.notices {
        lies(RecordName::Notice(id), kept.revision);
    }
    if let Some(kept) = &registry.checkpoint {
        lies(RecordName::Checkpoint, kept.revision);
    }
    if let Some(kept) = &registry.slots {
        lies(RecordName::Slots, kept.revision);
    }
    for former in &registry.former_chains {
        // Written once.
        lies(RecordName::FormerChain(former.until), 1);
    }
    if let Some(revision) = registry.mark.revision {
        lies(RecordName::UsesMark, revision);
    }
    all
}
