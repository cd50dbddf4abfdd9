//! Secrets whose versions move together, and the records that come of it.

use serde_json::Value;

use super::super::consumers::spare;
use super::super::editing::changeable;
use super::super::error::VaultError;
use super::super::integrations::revision;
use super::super::lifecycle::Vault;
use super::super::noun::Noun;
use super::super::revision::IfMatch;
use super::super::state::Unsealed;
use super::Rotating;
use crate::model::{Secret, SecretId};
use crate::secret::Plaintext;

/// A secret after its versions moved, and what its records become.
pub(super) struct Moved {
    pub secret: Secret,
    pub destroyed: Vec<u64>,
    pub value: Option<(u64, Plaintext)>,
}

impl Vault {
    /// [`spare`], for what was moved.
    pub(super) fn spare(
        &self,
        moved: &[Moved],
        force: bool,
        now: jiff::Timestamp,
    ) -> Result<Option<Value>, VaultError> {
        let live = self.live();
        spare(&live.unsealed()?.registry, moved.iter().map(|each| &each.secret), force, now)
    }
}

/// Copies of the secrets that move together. One that belongs to an integration doesn't move alone. None moves but in the
/// state that the change was made on.
pub(super) fn rotating(
    unsealed: &Unsealed,
    what: Rotating,
    if_match: &IfMatch,
) -> Result<Vec<Secret>, VaultError> {
    let registry = &unsealed.registry;
    let kept = |id: &SecretId| registry.secrets.get(id).ok_or(VaultError::NotFound("secret"));
    match what {
        Rotating::Secret(id) => {
            let kept = kept(id)?;
            changeable(kept, if_match)?;
            Ok(vec![Secret::clone(&kept.noun)])
        }
        Rotating::Pair(name) => {
            let record = registry.integrations.get(name).ok_or(VaultError::NotFound("integration"))?;
            if_match.check(&revision(unsealed, record))?;
            record.noun.secret_ids().map(|id| Ok(Secret::clone(&kept(id)?.noun))).collect()
        }
    }
}

/// The records of secrets that moved: metadata, the new value, and the destroyed ones that are still there.
pub(super) fn nouns(unsealed: &Unsealed, moved: Vec<Moved>) -> Vec<Noun> {
    let mut nouns = Vec::with_capacity(moved.len() * 3);
    for Moved { secret, destroyed, value } in moved {
        let id = secret.id.clone();
        let held = unsealed.registry.secrets.get(&id).map(|kept| &kept.values);
        let gone =
            destroyed.into_iter().filter(|number| held.is_some_and(|values| values.get(*number).is_some()));
        nouns.extend(gone.map(|number| Noun::Gone { id: id.clone(), number }));
        nouns.push(Noun::Secret(secret));
        nouns.extend(value.map(|(number, value)| Noun::Value { id, number, value }));
    }
    nouns
}
