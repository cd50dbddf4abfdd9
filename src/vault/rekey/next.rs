//! The vault under its new keys, beside the one that still stands: all records sealed anew and read back.

use std::sync::{Arc, OnceLock};

use tokio::runtime::Handle;

use super::super::census::Head;
use super::super::directory::Directory;
use super::super::epoch::EpochFile;
use super::super::error::VaultError;
use super::super::lifecycle::{Vault, shown};
use super::super::loading::{Loaded, load_while};
use super::super::registry::{Kept, Registry};
use super::super::resealing::Resealing;
use super::super::turn::Turn;
use crate::audit::{ChainKeys, Checkpoint};
use crate::crypto::Failed;
use crate::keys::{Census, Header, KeyRing, RecordName, Renewed};
use crate::model::SlotNotes;
use crate::store::{Batch, Expect, SledStore, Store};

/// A vault under new keys, complete but for what goes with the switch.
pub struct Next {
    pub store: Arc<dyn Store>,
    pub(super) loaded: Loaded,
    pub(super) header: Header,
    pub(super) slots: Option<Kept<SlotNotes>>,
    /// What opens the old store.
    pub(super) old: KeyRing,
    pub(super) records: u64,
    pub(super) checkpoint_revision: u64,
    /// Of all records, once the last are written.
    pub(super) census: OnceLock<Census>,
}

impl Vault {
    /// Step 2: all records under the new keys, read back as they will be at the next unsealing.
    pub(in super::super) async fn build_next(
        &self,
        _turn: &Turn<'_>,
        old: KeyRing,
        renewed: Renewed,
        notes: SlotNotes,
    ) -> Result<Next, VaultError> {
        self.settled()?;
        let (directory, path) = (self.directory.clone(), self.directory.next_store());
        let making = tokio::task::spawn_blocking(move || {
            let at = |source| VaultError::File { path: shown(&directory.next_store()), source };
            directory.clear_next().map_err(at)?;
            Ok::<_, VaultError>(SledStore::create(&path)?)
        });
        let store: Arc<dyn Store> = Arc::new(making.await.map_err(|_| Failed)??);
        let Renewed { header, keys } = renewed;
        let (resealing, counts, slots_revision, checkpoint_revision, past) = {
            let live = self.live();
            let registry = &live.unsealed()?.registry;
            let slots = registry.slots.as_ref().map_or(0, |kept| kept.revision);
            let checkpoint = registry.checkpoint.as_ref().map_or(0, |kept| kept.revision);
            let resealing = Resealing::new(registry, old, keys);
            (resealing, numbers(registry), slots + 1, checkpoint + 1, registry.past.clone())
        };
        let (old, keys, mut records) = resealing.run(&*self.store(), &*store, || self.unhurried()).await?;
        let slots = if notes.slots.is_empty() {
            None
        } else {
            let key = keys.store_key(&RecordName::Slots);
            let message = serde_json::to_vec(&notes).expect("nouns have string keys and serialise");
            let sealed = keys.seal(&key, slots_revision, &message)?;
            store.commit(Batch::new().put(key, Expect::Absent, sealed)).await?;
            records += 1;
            Some(Kept { revision: slots_revision, noun: Arc::new(notes) })
        };
        let mut loaded = load_while(&*store, keys, || self.unhurried()).await?;
        loaded.registry.past = past;
        // The log's head goes with the switch.
        loaded.flaws.miscount = None;
        loaded.flaws.refuse()?;
        if numbers(&loaded.registry) != counts {
            return Err(VaultError::Damaged(
                "the records sealed anew aren't those that there are".to_owned(),
            ));
        }
        let census = OnceLock::new();
        Ok(Next { store, loaded, header, slots, old, records, checkpoint_revision, census })
    }
}

impl Next {
    /// Step 4. On a thread for what blocks.
    pub fn finish(&self, head: &Checkpoint, directory: &Directory) -> Result<(), VaultError> {
        let keys = &self.loaded.keys;
        let former = self.old.former_chain(head.segment).to_record();
        let key = keys.store_key(&RecordName::FormerChain(head.segment));
        let former = keys.seal(&key, 1, &former)?;
        let mut census = self.loaded.registry.census;
        census.add(keys.tally(&key, 1, Some(&former)));
        let census = *self.census.get_or_init(|| census);
        let past = self.loaded.registry.past.clone();
        let head = Head { checkpoint: head.clone(), census: Some(census), past };
        let message = serde_json::to_vec(&head).expect("a checkpoint has string keys and serialises");
        let batch = Batch::new().put(key, Expect::Absent, former);
        let key = keys.store_key(&RecordName::Checkpoint);
        let sealed = keys.seal(&key, self.checkpoint_revision, &message)?;
        let batch = batch.put(key, Expect::Absent, sealed);
        Handle::current().block_on(self.store.commit(batch.header(self.header.to_bytes())))?;
        self.tell_epoch(directory)
    }

    /// The file beside the store, for the new keys, before the stores change places.
    fn tell_epoch(&self, directory: &Directory) -> Result<(), VaultError> {
        let path = directory.epoch();
        let told = EpochFile::at(path.clone()).write_next(&self.loaded.keys, self.checkpoint_revision);
        told.map_err(|source| VaultError::File { path: shown(&path.with_extension("next")), source })
    }

    /// What the log is written and checked with from then on.
    pub fn chain_keys(&self, head: &Checkpoint) -> ChainKeys {
        let former = self.old.former_chain(head.segment).chain_key().0;
        self.loaded.registry.chain_keys(&self.loaded.keys).with_former(head.segment, former)
    }
}

/// How many there are of each noun.
fn numbers(registry: &Registry) -> [usize; 5] {
    let Registry { secrets, integrations, callers, tombstones, notices, .. } = registry;
    [secrets.len(), integrations.len(), callers.len(), tombstones.len(), notices.len()]
}
