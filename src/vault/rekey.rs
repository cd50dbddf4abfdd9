//! A new root key: every record is sealed anew beside the old store, and the two stores change places.
//!
//! ```text
//! step                                      a crash after it leaves
//! 1 entry `vault.rekey` in the log          the old vault; the log has an entry of what never happened
//! 2 `store.next`: all records, new keys     the old vault; `store.next` is removed at the next opening
//! 3 the log is held, its head durable       the old vault
//! 4 `store.next`: header, head, former      the old vault
//!   chain key, in one batch; `epoch.next`
//! 5 `store` and `store.next` change places  the new vault; the log's new segment is begun at the next opening
//! 6 the log's new segment                   the new vault; `store.next`, now the old one, is removed then
//! 7 published: keys, registry, store;       the same
//!   `epoch.next` becomes `epoch`
//! 8 `store.next` is removed                 the new vault
//! ```
//!
//! Readers go on all the time: until step 7 with the old keys and the old store, whose files stay open. Changes wait, but not a
//! seal, a revocation of a caller or the daemon's end: in step 2, which is the long one, it is given up for them between two
//! batches, and leaves what a failure leaves, the old vault.
//! Lines of the log wait from step 3 to step 6.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::aside::aside;
use super::attempts::Proof;
use super::directory::Directory;
use super::error::VaultError;
use super::keyslots::SeenSlot;
use super::lifecycle::{Vault, shown};
use super::loading::Loaded;
use super::manage::Cleared;
use super::registry::{KeptCheckpoint, Registry};
use super::session::Asker;
use super::state::Live;
use super::turn::Turn;
use crate::audit::{Checkpoint, EndsLog, Entry, Log};
use crate::crypto::Failed;
use crate::heap;
use crate::keys::{KeyRing, Renewed};
use crate::model::{SlotId, SlotNotes};
use crate::policy::Action;
use crate::secret::Plaintext;
use crate::store::Store;

mod next;
mod plan;

pub(super) use next::Next;
use plan::{Plan, carried};

/// Milliseconds for which reads from the old store are waited for.
const MOST_WAITS: u32 = 10_000;

/// What a rekey has come to.
#[derive(Debug)]
pub struct Rekeyed {
    /// The slots that there are now, for the passphrases that were shown.
    pub slots: Vec<SeenSlot>,
    /// Slots that there were, for others.
    pub dropped: Vec<SeenSlot>,
    /// Records that were sealed anew.
    pub records: u64,
}

/// Why the stores didn't change places.
pub(super) enum NotSwitched {
    /// All is as it was.
    Undone(VaultError),
    /// The disk may hold either: nothing may be changed any more.
    Unknown(VaultError),
}

impl EndsLog for NotSwitched {
    fn ends_log(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }
}

impl<E: Into<VaultError>> From<E> for NotSwitched {
    fn from(error: E) -> Self {
        Self::Undone(error.into())
    }
}

impl Vault {
    /// Gives the vault a new root key. The passphrases, each of a slot, go on unsealing it; slots of others are dropped,
    /// which `drop_others` has to allow: a root key can be wrapped only for who is there.
    pub async fn rekey(
        &self,
        asker: Asker<'_>,
        passphrases: Vec<Plaintext>,
        drop_others: bool,
    ) -> Result<Rekeyed, VaultError> {
        let entry = asker.entry(None, "vault.rekey");
        // The log is let go of while Argon2id runs: a seal waits for it.
        let Cleared { entry: told, .. } = self.clear_general(asker, Action::System, entry.clone()).await?;
        let plan = match self.plan(&told, passphrases, drop_others).await {
            // Its entry is written.
            Err(VaultError::WrongPassphrase) => return Err(VaultError::WrongPassphrase),
            plan => plan,
        };
        let turn = self.turn().await;
        let cleared = self.clear_general(asker, Action::System, entry).await?;
        let plan = plan.and_then(|plan| {
            self.directory.refuse_elsewhere()?;
            self.directory.refuse_in_the_way()?;
            self.still_has(&plan.proof.header)?;
            Ok(plan)
        });
        let (cleared, plan) = cleared.prepared(plan).await?;
        let Plan { proof, kept, dropped, renewed } = plan;
        let before = self.slot_notes()?;
        let seen = |id: SlotId| SeenSlot { id, note: before.of(id).cloned() };
        let dropped: Vec<SeenSlot> = dropped.into_iter().map(seen).collect();
        let notes = carried(&before, &kept, &renewed.header);
        let (slots, rekeyed) = (renewed.header.slots().collect::<Vec<_>>(), notes.clone());
        let Cleared { mut entry, log, .. } = cleared;
        entry.epoch = Some(self.next_epoch()?);
        entry.changes = Some(serde_json::json!({
            "slots": slots, "dropped": dropped.iter().map(|slot| slot.id).collect::<Vec<_>>(),
        }));
        log.append_durably(entry.clone()).await?;
        let Proof { attempts, keys, .. } = proof;
        let replaced = self.replace_everything(&turn, log, entry, keys, renewed, notes).await;
        drop(attempts);
        if matches!(replaced, Err(VaultError::Undecided)) {
            self.wipe(turn).await;
            self.departures.recall_all(asker.session).await;
        }
        let records = replaced?;
        let seen = |id: SlotId| SeenSlot { id, note: rekeyed.of(id).cloned() };
        Ok(Rekeyed { slots: slots.into_iter().map(seen).collect(), dropped, records })
    }

    /// Steps 2 to 8. A failure before the switch leaves everything as it was.
    async fn replace_everything(
        &self,
        turn: &Turn<'_>,
        log: Arc<Log>,
        entry: Entry,
        old: KeyRing,
        renewed: Renewed,
        notes: SlotNotes,
    ) -> Result<u64, VaultError> {
        let switched = async {
            let next = Arc::new(self.build_next(turn, old, renewed, notes).await?);
            let records = next.records;
            let head = self.switch(&log, Arc::clone(&next)).await?;
            // The log's thread has let go of it.
            let next = Arc::into_inner(next).ok_or(VaultError::Crypto(Failed))?;
            Ok((records, self.publish_next(next, head)))
        };
        let (records, (registry, store)) = match switched.await {
            Ok(done) => done,
            Err(NotSwitched::Undone(error)) => {
                // As of every change: the log has it before its next entry.
                aside(|| log.owe_failures(&[entry]));
                self.clear_next().await;
                return Err(match error {
                    // That is said of what is tried again.
                    VaultError::StoreUnavailable(cause) if self.settled().is_ok() => {
                        VaultError::NotRekeyed(cause)
                    }
                    other => other,
                });
            }
            Err(NotSwitched::Unknown(error)) => {
                // Either of the two may be the vault, and the next start finds out.
                self.next_owed.store(false, Ordering::Relaxed);
                self.is_undecided.store(true, Ordering::Relaxed);
                tracing::error!(error = %error, "{}", VaultError::Undecided);
                return Err(VaultError::Undecided);
            }
        };
        // The vault stands; what is left is tidying.
        if let Err(error) = self.epoch_file.take_next() {
            tracing::error!(error = %error, "the file epoch.next can't be put in the place of epoch; it is believed where it is");
        }
        if let Err(error) = self.write(turn, &log, Vec::new()).await {
            tracing::error!(error = %error, "the log's head can't be recorded after a rekey");
        }
        self.let_go(registry, store).await;
        self.clear_next().await;
        Ok(records)
    }

    /// Steps 3 to 6.
    pub(super) async fn switch(&self, log: &Log, next: Arc<Next>) -> Result<Checkpoint, NotSwitched> {
        self.snapshots.end_before_rekey();
        let directory = self.directory.clone();
        let (tell, told) = tokio::sync::oneshot::channel();
        log.rekey(move |head| {
            // Once more: all that lies in the old store goes with it.
            directory.refuse_in_the_way()?;
            next.finish(&head, &directory)?;
            exchange(&directory)?;
            next.store.moved(&directory.store());
            let keys = next.chain_keys(&head);
            // Whoever waits for it is there: nothing between here and there is given up.
            let _ = tell.send(head);
            Ok::<_, NotSwitched>(keys)
        })
        .await?;
        told.await.map_err(|_| NotSwitched::Undone(Failed.into()))
    }

    /// Step 7: from here on everybody reads the new. Returns what there was.
    pub(super) fn publish_next(
        &self,
        next: Next,
        head: Checkpoint,
    ) -> (Option<Box<Registry>>, Arc<dyn Store>) {
        let Next { store, loaded, header, slots, old, checkpoint_revision, census, .. } = next;
        let Loaded { keys, authority, mut registry, .. } = loaded;
        registry.former_chains.push(old.former_chain(head.segment));
        registry.slots = slots;
        registry.census = census.into_inner().unwrap_or(registry.census);
        registry.checkpoint = Some(KeptCheckpoint { revision: checkpoint_revision, checkpoint: head });
        let mut live = self.live_mut();
        let before = match &mut *live {
            // Only who has the turn seals.
            Live::Sealed => None,
            Live::Unsealed(unsealed) => {
                registry.take_uses(&mut unsealed.registry);
                unsealed.generation += 1;
                unsealed.keys_since = unsealed.generation;
                (unsealed.keys, unsealed.authority) = (keys, authority);
                Some(Box::new(std::mem::replace(&mut unsealed.registry, registry)))
            }
        };
        self.set_header(header);
        (before, self.replace_store(store))
    }

    /// Drops the registry that there was, and closes the store once nobody reads from it any more.
    async fn let_go(&self, registry: Option<Box<Registry>>, store: Arc<dyn Store>) {
        // Whoever is slower than that closes it: the files may go before.
        for _ in 0..MOST_WAITS {
            if Arc::strong_count(&store) == 1 || self.unhurried().is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let dropping = tokio::task::spawn_blocking(move || {
            drop((registry, store));
            heap::give_back();
        });
        if dropping.await.is_err() {
            tracing::error!("the store that was replaced could not be closed in order");
        }
    }

    /// Step 8. Until the old store is gone, its files wrap the old root key: what can't be removed now is tried again.
    async fn clear_next(&self) {
        self.next_owed.store(true, Ordering::Relaxed);
        let directory = self.directory.clone();
        let cleared = tokio::task::spawn_blocking(move || directory.clear_next()).await;
        match cleared.unwrap_or_else(|_| Err(std::io::Error::other("it stopped in the middle"))) {
            Ok(()) => self.next_owed.store(false, Ordering::Relaxed),
            Err(error) if is_others(&error) => {
                self.next_owed.store(false, Ordering::Relaxed);
                tracing::error!(error = %error, "something is in the way of a rekey");
            }
            Err(error) => tracing::error!(
                error = %error, path = %self.directory.next_store().display(),
                "what a rekey has left can't be removed; it is tried again each minute. Until then the old root key is in it: remove \
                 that directory by hand"
            ),
        }
    }

    /// Removes what a rekey couldn't. For a timer; does nothing otherwise, nor while a change is made: a rekey is one.
    pub async fn tend_next(&self) {
        if !self.next_owed.load(Ordering::Relaxed) {
            return;
        }
        if let Ok(_turn) = self.turn.try_lock() {
            self.clear_next().await;
        }
    }
}

/// Whether `store.next` isn't there for a rekey: what has that name is somebody else's.
pub(super) fn is_others(error: &std::io::Error) -> bool {
    error.kind() == ErrorKind::NotADirectory
}

/// Step 5.
pub(super) fn exchange(directory: &Directory) -> Result<(), NotSwitched> {
    directory.exchange_stores().map_err(|(source, unknown)| {
        let error = VaultError::File { path: shown(directory.path()), source };
        if unknown { NotSwitched::Unknown(error) } else { NotSwitched::Undone(error) }
    })
}
