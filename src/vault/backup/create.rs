//! Making a backup: audited, then taken piece by piece.

use std::sync::Arc;

use jiff::Timestamp;

use super::snapshot::Snapshot;
use crate::audit::{Entry, Log, Outcome};
use crate::backup::{Head, LogHead, Manifest, Writer};
use crate::crypto::{Argon2Cost, Failed};
use crate::keys::Header;
use crate::policy::Action;
use crate::secret::Plaintext;
use crate::store::StoreError;
use crate::vault::VaultError;
use crate::vault::attempts::Proof;
use crate::vault::gate::recognised;
use crate::vault::lifecycle::Vault;
use crate::vault::manage::Cleared;
use crate::vault::session::Asker;
use crate::vault::state::{Live, Unsealed};
use crate::vault::turn::Turn;

/// A backup under way; dropped, it is given up.
pub struct Backup {
    snapshot: Arc<Snapshot>,
    pub made_at: Timestamp,
}

impl Drop for Backup {
    fn drop(&mut self) {
        self.snapshot.leave();
    }
}

impl Vault {
    /// Begins a backup of everything as it is now, that opens with the vault's passphrases.
    pub async fn begin_backup(&self, asker: Asker<'_>) -> Result<Backup, VaultError> {
        let turn = self.turn().await;
        let entry = asker.entry(None, "backup.create");
        let cleared = self.clear_general(asker, Action::System, entry).await?;
        let (made_by, log) = (cleared.by.to_string(), Arc::clone(&cleared.log));
        self.begin(&turn, &log, cleared.entry, made_by, None).await
    }

    /// Begins one for who shows a passphrase of the vault, which opens it; or a passphrase of its own alone does. Whoever has
    /// such a file and its own has the root key, and so every value: as for a key slot, one of the vault's is to be shown.
    pub async fn begin_backup_for(
        &self,
        asker: Asker<'_>,
        passphrase: Plaintext,
        own: Option<Plaintext>,
        cost: Argon2Cost,
    ) -> Result<Backup, VaultError> {
        let changes = own.as_ref().map(|_| serde_json::json!({ "own_passphrase": true }));
        let entry = || Entry { changes: changes.clone(), ..asker.entry(None, "backup.create") };
        // Decided before an Argon2id is paid, and again below. The log is let go of meanwhile: a seal waits for it.
        let Cleared { entry: told, .. } = self.clear_general(asker, Action::System, entry()).await?;
        let Proof { attempts, keys, .. } = self.prove(&told, passphrase).await?;
        let making = own.map(|own| tokio::task::spawn_blocking(move || Header::alone(&keys, &own, cost)));
        let header = match making {
            Some(making) => Some(making.await.map_err(|_| Failed)??),
            None => None,
        };
        let turn = self.turn().await;
        let cleared = self.clear_general(asker, Action::System, entry()).await?;
        let (made_by, log) = (cleared.by.to_string(), Arc::clone(&cleared.log));
        let begun = self.begin(&turn, &log, cleared.entry, made_by, header.as_ref()).await;
        drop(attempts);
        begun
    }

    /// The next bytes. None: that was all of it.
    pub async fn go_on(&self, backup: &Backup) -> Result<Option<Vec<u8>>, VaultError> {
        let Some(from) = backup.snapshot.next(self.clock.now())? else { return Ok(None) };
        let page = match self.store().page(from).await {
            Err(StoreError::Damaged(damage)) => return Err(VaultError::Damaged(damage.to_string())),
            other => other?,
        };
        let snapshot = Arc::clone(&backup.snapshot);
        let taking = tokio::task::spawn_blocking(move || snapshot.take(page));
        taking.await.map_err(|_| Failed)?.map(Some)
    }

    /// Writes down that a backup came to no end.
    pub async fn backup_failed(&self, asker: Asker<'_>, error: &VaultError) {
        let (entry, log) = match &*self.live() {
            // Its seal is an entry of its own.
            Live::Sealed => return,
            Live::Unsealed(open) => {
                let who = recognised(&open.registry, asker).caller;
                (asker.entry(who, "backup.create"), Arc::clone(&open.log))
            }
        };
        let reason = Some(error.reason().into());
        if let Err(error) = log.append(Entry { outcome: Outcome::Failed, reason, ..entry }).await {
            tracing::error!(error = %error, "the failure of a backup can't be audited");
        }
    }

    /// Audits it, brings what is counted into the store, and takes hold of this moment.
    pub(super) async fn begin(
        &self,
        turn: &Turn<'_>,
        log: &Log,
        entry: Entry,
        made_by: String,
        own: Option<&Header>,
    ) -> Result<Backup, VaultError> {
        if let Err(refused) = self.snapshots.have_room(self.clock.now()) {
            let reason = Some(refused.reason().into());
            log.append(Entry { outcome: Outcome::Failed, reason, ..entry }).await?;
            return Err(refused);
        }
        let uses = self.unrecorded_uses().await;
        // This commit comes after all that were handed to the store before: nothing is on its way any more.
        self.commit_as(turn, log, entry, uses).await?;
        let now = self.clock.now();
        let writer = {
            let live = self.live();
            let Unsealed { keys, registry, .. } = live.unsealed()?;
            let header = own.map_or_else(|| self.header().to_bytes(), Header::to_bytes);
            let head = Head::new(now.as_second().try_into().unwrap_or(0), &header)?;
            let kept = registry.checkpoint.as_ref().ok_or(Failed)?;
            let (seq, mac) = (kept.checkpoint.seq, kept.checkpoint.mac.clone());
            let manifest = Manifest {
                program: env!("CARGO_PKG_VERSION").to_owned(),
                made_by,
                own_passphrase: own.is_some(),
                audit: LogHead { seq, mac },
            };
            let backup_keys = keys.backup_keys(head.salt());
            Writer::begin(head, backup_keys, &manifest)?
        };
        Ok(Backup { snapshot: self.snapshots.begin(writer, now), made_at: now })
    }
}
