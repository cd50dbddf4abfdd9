//! What a rekey keeps and drops: the slots whose passphrases were shown, and those of others.

use std::sync::Arc;

use super::super::attempts::Proof;
use super::super::error::VaultError;
use super::super::lifecycle::Vault;
use crate::audit::Entry;
use crate::crypto::{Argon2Cost, Failed};
use crate::keys::{Header, Renewed};
use crate::model::{SlotId, SlotNote, SlotNotes};
use crate::secret::Plaintext;

/// A rekey that may begin: the passphrases were right.
pub(super) struct Plan<'a> {
    pub proof: Proof<'a>,
    pub kept: Vec<SlotId>,
    pub dropped: Vec<SlotId>,
    pub renewed: Renewed,
}

impl Vault {
    pub(super) async fn plan(
        &self,
        entry: &Entry,
        passphrases: Vec<Plaintext>,
        drop_others: bool,
    ) -> Result<Plan<'_>, VaultError> {
        let (proof, opened) = self.prove_all(entry, passphrases).await?;
        let (kept, passphrases): (Vec<SlotId>, Vec<Plaintext>) = opened.into_iter().unzip();
        let dropped: Vec<SlotId> = proof.header.slots().filter(|id| !kept.contains(id)).collect();
        if !dropped.is_empty() && !drop_others {
            return Err(self.would_drop(&dropped)?);
        }
        let header = Arc::clone(&proof.header);
        let renewing = tokio::task::spawn_blocking(move || header.renewed(&passphrases, Argon2Cost::DEFAULT));
        let renewed = renewing.await.map_err(|_| Failed)??;
        Ok(Plan { proof, kept, dropped, renewed })
    }

    fn would_drop(&self, dropped: &[SlotId]) -> Result<VaultError, VaultError> {
        let notes = self.slot_notes()?;
        let name = |id: &SlotId| match notes.of(*id).and_then(|note| note.label.as_ref()) {
            Some(label) => format!("{id} ({})", label.as_str()),
            None => id.to_string(),
        };
        let names = dropped.iter().map(name).collect::<Vec<_>>().join(", ");
        Ok(VaultError::Conflict(format!(
            "the key slots of other passphrases would be lost: {names}; show these passphrases too \
             (--keep-passphrase-file), or say that they may go (--drop-other-slots)"
        )))
    }
}

/// The notes on the slots that are kept, under their new IDs.
pub(super) fn carried(before: &SlotNotes, kept: &[SlotId], header: &Header) -> SlotNotes {
    let note =
        |(old, new): (&SlotId, SlotId)| before.of(*old).map(|note| SlotNote { id: new, ..note.clone() });
    SlotNotes { slots: kept.iter().zip(header.slots()).filter_map(note).collect() }
}
