//! The end of what is open: sealed by an operator or closed with the daemon, the keys wiped.

use std::sync::Arc;
use std::time::Duration;

use super::super::error::VaultError;
use super::super::manage::Cleared;
use super::super::session::Asker;
use super::super::state::{Live, Unsealed};
use super::super::turn::Turn;
use super::Vault;
use crate::audit::{Due, Entry, Outcome};
use crate::model::Itself;
use crate::policy::Action;

impl Vault {
    /// Seals the vault: the keys are wiped before this returns, and nothing is released afterwards.
    pub async fn seal(&self, asker: Asker<'_>) -> Result<(), VaultError> {
        let turn = self.urgent_turn_of(asker, Action::System).await;
        let cleared = self.clear_general(asker, Action::System, asker.entry(None, "vault.seal")).await?;
        self.write_late_refusals(&turn, &cleared.log).await?;
        cleared.log.flush_tallies(Due::All).await?;
        let uses = self.unrecorded_uses().await;
        let Cleared { entry, log, .. } = cleared;
        log.append_durably(entry).await?;
        // A store that can't be written is no reason to go on serving.
        if let Err(error) = self.write(&turn, &log, uses).await {
            tracing::error!(error = %error, "sealed, and what was fetched last is in the audit log alone");
        }
        drop(log);
        self.wipe(turn).await;
        self.departures.recall_all(asker.session).await;
        Ok(())
    }

    /// Ends the vault's life in this process: what is counted is written, the head recorded, the keys wiped.
    pub async fn close(&self) -> Result<(), VaultError> {
        let turn = self.urgent_turn().await;
        let log = match &*self.live() {
            Live::Sealed => return Ok(()),
            Live::Unsealed(unsealed) => Arc::clone(&unsealed.log),
        };
        let entry = Entry {
            caller: Some(Itself::Daemon.name().into()),
            action: "vault.close".into(),
            outcome: Outcome::Allowed,
            ..Entry::default()
        };
        if let Err(error) = self.write_late_refusals(&turn, &log).await {
            tracing::error!(error = %error, "what was refused while sealed can't be written");
        }
        if let Err(error) = log.flush_tallies(Due::All).await {
            tracing::error!(error = %error, "counted denials can't be written");
        }
        let uses = self.unrecorded_uses().await;
        let closed = self.commit_as(&turn, &log, entry, uses).await;
        drop(log);
        self.wipe(turn).await;
        closed
    }

    /// Drops all keys. Requests under way may hold the log, and with it the chain's key, a moment longer: closed,
    /// it answers them that the vault is sealed, and this waits for the last of them. Nobody is kept from the turn meanwhile:
    /// one of them may wait for it. Connections are told; whoever acknowledges it waits for what is on its way out, too.
    pub(in super::super) async fn wipe(&self, turn: Turn<'_>) {
        let _wiping = self.wiping.lock().await;
        let before = std::mem::replace(&mut *self.live_mut(), Live::Sealed);
        self.departures.warn();
        self.snapshots.end_all();
        self.feed.seal();
        self.forget_unsettled();
        let Live::Unsealed(unsealed) = before else { return };
        let Unsealed { log, .. } = *unsealed;
        // What was refused since they were written last.
        if let Err(error) = log.flush_tallies(Due::All).await {
            tracing::error!(error = %error, "counted denials can't be written");
        }
        let closing = Arc::clone(&log);
        if tokio::task::spawn_blocking(move || closing.close()).await.is_err() {
            tracing::error!("the audit log could not be closed in order");
        }
        drop(turn);
        while Arc::strong_count(&log) > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Waits until what was open before is gone.
    pub(in super::super) async fn wiped(&self) {
        drop(self.wiping.lock().await);
    }
}
