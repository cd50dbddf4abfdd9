//! API secrets: changing what is known of one, and deleting it.

use jiff::civil::Date;
use serde_json::Value;

use super::burial;
use super::difference::difference;
use super::error::VaultError;
use super::lifecycle::Vault;
use super::manage::Cleared;
use super::named::{check_employees, check_rules};
use super::noun::Noun;
use super::registry::KeptSecret;
use super::revision::{IfMatch, Revision};
use super::secrets::{SeenSecret, check_release};
use super::session::Asker;
use super::state::Unsealed;
use crate::audit::Entry;
use crate::model::{Employee, Release, Restrictions, Secret, SecretId};
use crate::policy::Action;

/// Bytes of old and new metadata that one audit entry tells; of larger changes it tells the fields alone.
const MOST_TOLD: usize = 256 * 1024;

/// Metadata to be changed; what is none stays as it is. The ID never changes.
#[derive(Debug, Default)]
pub struct SecretEdit {
    pub name: Option<String>,
    pub description: Option<String>,
    pub owners: Option<Vec<Employee>>,
    pub release: Option<Release>,
    pub restrictions: Option<Restrictions>,
    /// `Some(None)`: it expires on no known day.
    pub expires_on: Option<Option<Date>>,
    pub max_age_days: Option<Option<u32>>,
}

impl Vault {
    /// Changes a secret's metadata, if it is in a state that `if_match` names. An edit that changes nothing is
    /// no new revision. Who takes himself from the owners loses sight of the secret with it.
    pub async fn edit_secret(
        &self,
        asker: Asker<'_>,
        id: &SecretId,
        edit: SecretEdit,
        if_match: &IfMatch,
    ) -> Result<SeenSecret, VaultError> {
        let turn = self.turn().await;
        let cleared = self.clear_secret(asker, Action::Edit, id, "secret.edit").await?;
        let prepared = self.prepare_secret_edit(&cleared, id, edit, if_match);
        let (mut cleared, edited) = cleared.prepared(prepared).await?;
        let at = cleared.now;
        match edited {
            Some((nouns, changes)) => {
                cleared.entry.changes = Some(changes);
                self.commit(&turn, cleared, nouns).await?;
            }
            None => {
                cleared.entry.reason = Some("unchanged".into());
                self.looked(cleared).await?;
            }
        }
        self.found(id, at)
    }

    /// Deletes a secret and destroys its values. The ID may be used again, unless it is shared with a SuiteApp; its
    /// version numbers then go on.
    pub async fn delete_secret(
        &self,
        asker: Asker<'_>,
        id: &SecretId,
        if_match: &IfMatch,
    ) -> Result<(), VaultError> {
        let turn = self.turn().await;
        let cleared = self.clear_secret(asker, Action::Delete, id, "secret.delete").await?;
        let prepared = {
            let live = self.live();
            let registry = &live.unsealed()?.registry;
            let found = registry.secrets.get(id).ok_or(VaultError::NotFound("secret"));
            found.and_then(|kept| {
                changeable(kept, if_match)?;
                Ok(burial::bury(registry, kept, &cleared))
            })
        };
        let (cleared, nouns) = cleared.prepared(prepared).await?;
        self.commit(&turn, cleared, nouns).await
    }

    /// [`Self::clear`] for one secret.
    pub(super) async fn clear_secret(
        &self,
        asker: Asker<'_>,
        action: Action,
        id: &SecretId,
        word: &'static str,
    ) -> Result<Cleared, VaultError> {
        let entry = Entry { secret: Some(id.shared()), ..asker.entry(None, word) };
        let owners =
            |unsealed: &Unsealed| unsealed.registry.secrets.get(id).map(|kept| kept.noun.owners.clone());
        self.clear(asker, action, entry, "secret", owners).await
    }

    /// The records of the secret as it is to be, and what that changes; none if it is so already.
    fn prepare_secret_edit(
        &self,
        cleared: &Cleared,
        id: &SecretId,
        edit: SecretEdit,
        if_match: &IfMatch,
    ) -> Result<Option<(Vec<Noun>, Value)>, VaultError> {
        let live = self.live();
        let registry = &live.unsealed()?.registry;
        let kept = registry.secrets.get(id).ok_or(VaultError::NotFound("secret"))?;
        changeable(kept, if_match)?;
        let before = &*kept.noun;
        let mut secret = before.clone();
        edit.apply(&mut secret);
        if before.release == Release::UseOnly && secret.release == Release::Reveal {
            let why = "what was stored as use_only is never returned, so this secret stays use_only: to have it returned, delete it and create it anew with its value";
            return Err(VaultError::Conflict(why.to_owned()));
        }
        check_release(secret.release, secret.restrictions.as_deref())?;
        check_employees(registry, &before.owners, &secret.owners, "/owners")?;
        check_rules(registry, before.restrictions.as_deref(), secret.restrictions.as_deref())?;
        let Some(changes) = difference(before, &secret, &[]) else { return Ok(None) };
        let fields: Vec<&str> = changes.as_object().into_iter().flatten().map(|(name, _)| &**name).collect();
        let told = if changes.to_string().len() > MOST_TOLD {
            difference(before, &secret, &fields).unwrap_or_default()
        } else {
            changes
        };
        secret.changed_at = cleared.now;
        let sharing = burial::remember_sharing(registry, kept, secret.restrictions.as_deref(), cleared);
        Ok(Some((sharing.into_iter().chain([Noun::Secret(secret)]).collect(), told)))
    }
}

impl SecretEdit {
    fn apply(self, secret: &mut Secret) {
        let Self { name, description, owners, release, restrictions, expires_on, max_age_days } = self;
        set(&mut secret.name, name.map(String::into_boxed_str));
        set(&mut secret.description, description.map(String::into_boxed_str));
        set(&mut secret.owners, owners);
        set(&mut secret.release, release);
        set(&mut secret.restrictions, restrictions.map(|rules| Some(rules.into())));
        set(&mut secret.expires_on, expires_on);
        set(&mut secret.max_age_days, max_age_days);
    }
}

fn set<T>(field: &mut T, new: Option<T>) {
    if let Some(new) = new {
        *field = new;
    }
}

/// A secret is changed alone only if no integration owns it, and only in the state that the change was made on.
pub(super) fn changeable(kept: &KeptSecret, if_match: &IfMatch) -> Result<(), VaultError> {
    if let Some(owner) = &kept.noun.integration {
        return Err(VaultError::Managed(owner.clone()));
    }
    if_match.check(&Revision::new(kept.revision, kept.noun.created_at))
}
