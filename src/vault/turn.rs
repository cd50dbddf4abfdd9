//! Whose turn it is to change the vault, and who can't wait for it.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::error::VaultError;
use super::gate::recognised;
use super::lifecycle::Vault;
use super::session::Asker;
use super::state::Live;
use crate::policy::{Action, decide_manage};

/// The right to change the vault: one change at a time, from the look at what there is to the publication.
/// Readers go on meanwhile.
pub(super) struct Turn<'a>(#[expect(dead_code, reason = "held, never read")] tokio::sync::MutexGuard<'a, ()>);

/// Somebody waits for the turn with what can't wait. Dropped, they don't any more.
pub(super) struct Urgent<'a>(&'a AtomicUsize);

impl Drop for Urgent<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Vault {
    /// [`Self::urgent_turn`] for who may do it; for others the usual one, which gives nothing up.
    pub(super) async fn urgent_turn_of(&self, asker: Asker<'_>, action: Action) -> Turn<'_> {
        let may = match &*self.live() {
            Live::Sealed => false,
            Live::Unsealed(unsealed) => {
                decide_manage(recognised(&unsealed.registry, asker), action, &[], self.clock.now()).is_ok()
            }
        };
        if may { self.urgent_turn().await } else { self.turn().await }
    }

    /// The turn for a seal, a revocation or the end: a rekey that has it gives up for them, and of those who wait for it
    /// at most one goes first.
    pub(super) async fn urgent_turn(&self) -> Turn<'_> {
        let _waiting = self.hurry();
        self.turn_now().await
    }

    pub(super) fn hurry(&self) -> Urgent<'_> {
        self.urgent.fetch_add(1, Ordering::SeqCst);
        Urgent(&self.urgent)
    }

    /// Asked by what takes long between its steps, and may be left and done again.
    pub(super) fn unhurried(&self) -> Result<(), VaultError> {
        match self.urgent.load(Ordering::SeqCst) {
            0 => Ok(()),
            _ => Err(VaultError::Conflict(
                "a seal or a revocation came meanwhile and went first; nothing was changed: do it again"
                    .to_owned(),
            )),
        }
    }

    /// Whoever wants it stands in a queue, whose first alone waits for the turn itself.
    pub(super) async fn turn(&self) -> Turn<'_> {
        let _first = self.queue.lock().await;
        self.turn_now().await
    }

    /// After a failed write the store is opened again here, if it can be: a change is prepared on what there is then.
    async fn turn_now(&self) -> Turn<'_> {
        let turn = Turn(self.turn.lock().await);
        if self.settled().is_err() {
            Box::pin(self.settle_store(&turn)).await;
        }
        turn
    }
}
