//! What is written when a secret is deleted, and what its ID may be used for afterwards.

use super::error::VaultError;
use super::manage::Cleared;
use super::noun::Noun;
use super::registry::{KeptSecret, Registry};
use super::state::Unsealed;
use crate::model::{Restrictions, SecretId, SuiteAppId, Tombstone};

/// The records of a secret's end: its metadata and values go, a tombstone stays.
pub(super) fn bury(registry: &Registry, kept: &KeptSecret, cleared: &Cleared) -> Vec<Noun> {
    let id = &kept.noun.id;
    let mut nouns: Vec<_> =
        kept.values.numbers().map(|number| Noun::Gone { id: id.clone(), number }).collect();
    if kept.uses.revision().is_some() {
        nouns.push(Noun::UsesGone(id.clone()));
    }
    nouns.push(Noun::SecretGone(id.clone()));
    let earlier = || registry.tombstones.get(id).and_then(|kept| kept.noun.suiteapp.clone());
    nouns.push(tombstone(kept, shared_with(registry, kept).or_else(earlier), cleared));
    nouns
}

/// What is written beside an edit that ends a secret's sharing with a SuiteApp: its tombstone beforehand, so that the
/// ID is never used again however it ends. None: it is shared with nobody, or still with the same.
pub(super) fn remember_sharing(
    registry: &Registry,
    kept: &KeptSecret,
    after: Option<&Restrictions>,
    cleared: &Cleared,
) -> Option<Noun> {
    let before = shared_with(registry, kept)?;
    let ends = after.and_then(|rules| rules.suiteapp.as_ref()) != Some(&before);
    ends.then(|| tombstone(kept, Some(before), cleared))
}

fn tombstone(kept: &KeptSecret, suiteapp: Option<SuiteAppId>, cleared: &Cleared) -> Noun {
    Noun::Tombstone(Tombstone {
        id: kept.noun.id.clone(),
        last_version: kept.noun.last_version,
        revision: kept.revision,
        suiteapp,
        deleted_at: cleared.now,
        deleted_by: cleared.by.clone(),
    })
}

/// The SuiteApp that a secret is shared with, by its own rules or by its integration's.
fn shared_with(registry: &Registry, kept: &KeptSecret) -> Option<SuiteAppId> {
    let rules = match &kept.noun.integration {
        Some(_) => registry.owner(&kept.noun).and_then(|record| record.restrictions.as_ref()),
        None => kept.noun.restrictions.as_deref(),
    };
    rules.and_then(|rules| rules.suiteapp.clone())
}

/// Refuses an ID that is in use, or that can't be used again. Else the highest version number that it had, or may have had.
pub(super) fn free(unsealed: &Unsealed, id: &SecretId) -> Result<u64, VaultError> {
    if unsealed.registry.secrets.contains_key(id) {
        return Err(VaultError::Conflict(format!("there is a secret {id} already")));
    }
    match unsealed.registry.tombstones.get(id).map(|kept| &kept.noun) {
        Some(buried) if buried.suiteapp.is_some() => Err(VaultError::Tombstoned(id.clone())),
        Some(buried) => Ok(buried.last_version.max(unsealed.registry.past.floor)),
        None => Ok(unsealed.registry.past.floor),
    }
}
