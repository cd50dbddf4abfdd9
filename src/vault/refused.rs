//! Refused unsealings, kept until there is a log to write them to.
//!
//! Under a lock of their own: a stranger is refused at once, however long others are at an Argon2id or an unsealing.

use std::collections::VecDeque;
use std::sync::MutexGuard;

use super::error::VaultError;
use super::lifecycle::Vault;
use super::state::Live;
use super::turn::Turn;
use super::unseal::named;
use crate::audit::{Entry, Log, Outcome};

/// So many are kept as they were; the rest are counted.
const MOST_KEPT: usize = 100;

/// Those that no log has yet, oldest first.
#[derive(Default)]
pub(super) struct Refused {
    kept: VecDeque<Entry>,
    surplus: u64,
}

impl Refused {
    pub fn remember(&mut self, entry: Entry) {
        if self.kept.len() < MOST_KEPT {
            self.kept.push_back(entry);
        } else {
            self.surplus += 1;
        }
    }
}

impl Vault {
    pub(super) fn refused(&self) -> MutexGuard<'_, Refused> {
        self.refused.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Writes those down that were refused in the last moment of an unsealing.
    pub(super) async fn write_late_refusals(&self, turn: &Turn<'_>, log: &Log) -> Result<(), VaultError> {
        let known = |entry| match &*self.live() {
            Live::Unsealed(unsealed) => named(entry, &unsealed.registry),
            Live::Sealed => entry,
        };
        self.write_refused(turn, log, known).await
    }

    /// Writes them down, as `known` names whoever is known. Each is forgotten once it is written, so that none is written twice
    /// if the log fails on the way, and in a turn: two at a time would write the same.
    pub(super) async fn write_refused(
        &self,
        _turn: &Turn<'_>,
        log: &Log,
        known: impl Fn(Entry) -> Entry,
    ) -> Result<(), VaultError> {
        loop {
            let next = self.refused().kept.front().cloned();
            let Some(entry) = next else { break };
            log.append_durably(known(entry)).await?;
            self.refused().kept.pop_front();
        }
        let surplus = self.refused().surplus;
        if surplus > 0 {
            let (count, reason) = (Some(surplus), Some("not_kept_while_sealed".into()));
            let action = "vault.unseal".into();
            let outcome = Outcome::Denied;
            log.append_durably(Entry { action, outcome, reason, count, ..Entry::default() }).await?;
            self.refused().surplus -= surplus;
        }
        Ok(())
    }
}
