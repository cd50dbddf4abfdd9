//! Integration records and their pair: make, list, see, change, delete.

mod create;
mod delete;
mod edit;

use std::sync::Arc;

use jiff::Timestamp;

pub use create::{MadeIntegration, NewIntegration};

use super::error::VaultError;
use super::lifecycle::Vault;
use super::manage::Cleared;
use super::registry::Kept;
use super::revision::Revision;
use super::secrets::{Page, lower};
use super::session::Asker;
use super::state::Unsealed;
use crate::audit::Entry;
use crate::model::{Employee, Integration, IntegrationName, PairCare, Secret};
use crate::policy::Action;

/// A record as it stands.
pub struct SeenIntegration {
    pub record: Arc<Integration>,
    /// The client ID's secret, which says what the pair's two have in common: their versions, owners and dates.
    pub pair: Option<Arc<Secret>>,
    pub revision: Revision,
    pub at: Timestamp,
}

impl Vault {
    /// The integrations that the operator may see, ordered by name, from `after` on.
    pub async fn list_integrations(
        &self,
        asker: Asker<'_>,
        after: Option<&IntegrationName>,
        limit: usize,
    ) -> Result<Page<SeenIntegration>, VaultError> {
        let cleared = self.clear_general(asker, Action::List, asker.entry(None, "integration.list")).await?;
        let page = {
            let live = self.live();
            let unsealed = live.unsealed()?;
            let rest = unsealed
                .registry
                .integrations
                .range::<IntegrationName, _>((lower(after), std::ops::Bound::Unbounded));
            let visible = rest.filter(|(_, kept)| cleared.sees(&owners(unsealed, &kept.noun)));
            Page::of(visible.map(|(_, kept)| seen(unsealed, kept, cleared.now)), limit)
        };
        self.looked(cleared).await?;
        Ok(page)
    }

    /// One integration record.
    pub async fn see_integration(
        &self,
        asker: Asker<'_>,
        name: &IntegrationName,
    ) -> Result<SeenIntegration, VaultError> {
        let cleared = self.clear_record(asker, name, Action::See, "integration.show").await?;
        let found = self.found_integration(name)?;
        self.looked(cleared).await?;
        Ok(found)
    }

    /// A record that is there.
    pub(super) fn found_integration(&self, name: &IntegrationName) -> Result<SeenIntegration, VaultError> {
        let live = self.live();
        let unsealed = live.unsealed()?;
        Ok(seen(unsealed, record_of(unsealed, name)?, self.clock.now()))
    }

    /// Whether the asker may do this to the record.
    pub(super) async fn clear_record(
        &self,
        asker: Asker<'_>,
        name: &IntegrationName,
        action: Action,
        word: &'static str,
    ) -> Result<Cleared, VaultError> {
        let entry = Entry { integration: Some(name.shared()), ..asker.entry(None, word) };
        let owners = |unsealed: &Unsealed| {
            unsealed.registry.integrations.get(name).map(|kept| owners(unsealed, &kept.noun))
        };
        self.clear(asker, action, entry, "integration", owners).await
    }
}

/// A record is owned by whoever owns its pair.
pub(super) fn owners(unsealed: &Unsealed, record: &Integration) -> Vec<Employee> {
    care(unsealed, record).owners
}

/// What the pair's secrets have in common.
fn care(unsealed: &Unsealed, record: &Integration) -> PairCare {
    let kept = unsealed.registry.secrets.get(&record.client_id_secret);
    kept.map(|kept| PairCare::of(&kept.noun)).unwrap_or_default()
}

fn record_of<'a>(
    unsealed: &'a Unsealed,
    name: &IntegrationName,
) -> Result<&'a Kept<Integration>, VaultError> {
    unsealed.registry.integrations.get(name).ok_or(VaultError::NotFound("integration"))
}

/// A rotation changes it too: whoever looked saw the pair's version.
pub(super) fn revision(unsealed: &Unsealed, kept: &Kept<Integration>) -> Revision {
    let pair = unsealed.registry.secrets.get(&kept.noun.client_id_secret);
    Revision::new(kept.revision, kept.noun.created_at).with(pair.map_or(0, |kept| kept.revision))
}

fn seen(unsealed: &Unsealed, kept: &Kept<Integration>, at: Timestamp) -> SeenIntegration {
    let record = Arc::clone(&kept.noun);
    let pair = unsealed.registry.secrets.get(&record.client_id_secret).map(|kept| Arc::clone(&kept.noun));
    SeenIntegration { record, pair, revision: revision(unsealed, kept), at }
}
