//! A change of a record's settings.

use serde::Serialize;

use super::super::burial;
use super::super::difference::difference;
use super::super::error::VaultError;
use super::super::lifecycle::Vault;
use super::super::manage::Cleared;
use super::super::named::{check_employees, check_rules};
use super::super::noun::Noun;
use super::super::revision::IfMatch;
use super::super::session::Asker;
use super::{SeenIntegration, care, record_of, revision};
use crate::model::{Integration, IntegrationForm, IntegrationName, PairCare, Secret};
use crate::policy::Action;

/// Fields of which the log tells only that they changed: a redirect URI may carry a capability token.
const HIDDEN: &[&str] = &["redirect_uris"];

/// A record with what its secrets have from it, as the log tells of it.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    record: &'a Integration,
    #[serde(flatten)]
    care: &'a PairCare,
}

impl Vault {
    /// Changes what `change` makes of the record's form; the pair isn't touched.
    pub async fn edit_integration(
        &self,
        asker: Asker<'_>,
        name: &IntegrationName,
        if_match: &IfMatch,
        change: impl FnOnce(&mut IntegrationForm),
    ) -> Result<SeenIntegration, VaultError> {
        let turn = self.turn().await;
        let cleared = self.clear_record(asker, name, Action::Edit, "integration.edit").await?;
        let prepared = self.prepare_record_edit(&cleared, name, if_match, change);
        let (mut cleared, edited) = cleared.prepared(prepared).await?;
        match edited {
            None => {
                cleared.entry.reason = Some("unchanged".into());
                self.looked(cleared).await?;
            }
            Some((changes, nouns)) => {
                cleared.entry.changes = Some(changes);
                self.commit(&turn, cleared, nouns).await?;
            }
        }
        self.found_integration(name)
    }

    /// What changes, and the records that tell it; None if nothing does.
    fn prepare_record_edit(
        &self,
        cleared: &Cleared,
        name: &IntegrationName,
        if_match: &IfMatch,
        change: impl FnOnce(&mut IntegrationForm),
    ) -> Result<Option<(serde_json::Value, Vec<Noun>)>, VaultError> {
        let live = self.live();
        let unsealed = live.unsealed()?;
        let kept = record_of(unsealed, name)?;
        if_match.check(&revision(unsealed, kept))?;
        let (before, care_before) = (&*kept.noun, care(unsealed, &kept.noun));
        let mut form = before.form(&care_before);
        change(&mut form);
        let (record, care) = form.check(before.clone()).map_err(VaultError::Invalid)?;
        if care.owners.is_empty() {
            return Err(VaultError::invalid("/owners", "is empty; name at least one"));
        }
        check_employees(&unsealed.registry, &care_before.owners, &care.owners, "/owners")?;
        check_rules(&unsealed.registry, before.restrictions.as_ref(), record.restrictions.as_ref())?;
        let told = |record, care| Told { record, care };
        let Some(changes) = difference(&told(before, &care_before), &told(&record, &care), HIDDEN) else {
            return Ok(None);
        };
        let mut nouns = Vec::with_capacity(3);
        for half in record.secret_ids().filter_map(|id| unsealed.registry.secrets.get(id)) {
            let rules = record.restrictions.as_ref();
            nouns.extend(burial::remember_sharing(&unsealed.registry, half, rules, cleared));
        }
        if care != care_before {
            for id in record.secret_ids() {
                let kept = unsealed.registry.secrets.get(id).ok_or(VaultError::NotFound("secret"))?;
                let PairCare { owners, expires_on, max_age_days } = care.clone();
                let changed_at = cleared.now;
                let half = Secret::clone(&kept.noun);
                nouns.push(Noun::Secret(Secret { owners, expires_on, max_age_days, changed_at, ..half }));
            }
        }
        // Also where only its secrets change: the entity tag that an operator has is the record's.
        let record = Integration { changed_at: cleared.now, ..record };
        nouns.push(Noun::Integration(Box::new(record)));
        Ok(Some((changes, nouns)))
    }
}
