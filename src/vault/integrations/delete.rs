//! The end of a record: its secrets and their values go with it, in one batch.

use super::super::burial;
use super::super::error::VaultError;
use super::super::lifecycle::Vault;
use super::super::manage::Cleared;
use super::super::noun::Noun;
use super::super::revision::IfMatch;
use super::super::session::Asker;
use super::{record_of, revision};
use crate::model::IntegrationName;
use crate::policy::Action;

impl Vault {
    /// Deletes a record with its pair. Tombstones of its secrets remain.
    pub async fn delete_integration(
        &self,
        asker: Asker<'_>,
        name: &IntegrationName,
        if_match: &IfMatch,
    ) -> Result<(), VaultError> {
        let turn = self.turn().await;
        let cleared = self.clear_record(asker, name, Action::Delete, "integration.delete").await?;
        let prepared = self.prepare_end(&cleared, name, if_match);
        let (cleared, nouns) = cleared.prepared(prepared).await?;
        self.commit(&turn, cleared, nouns).await
    }

    fn prepare_end(
        &self,
        cleared: &Cleared,
        name: &IntegrationName,
        if_match: &IfMatch,
    ) -> Result<Vec<Noun>, VaultError> {
        let live = self.live();
        let unsealed = live.unsealed()?;
        let registry = &unsealed.registry;
        let kept = record_of(unsealed, name)?;
        if_match.check(&revision(unsealed, kept))?;
        let halves = kept.noun.secret_ids().filter_map(|id| registry.secrets.get(id));
        let mut nouns: Vec<_> = halves.flat_map(|half| burial::bury(registry, half, cleared)).collect();
        nouns.push(Noun::IntegrationGone(name.clone()));
        Ok(nouns)
    }
}
