//! Many secrets in one step: all of them, or none.

use std::collections::BTreeMap;

use super::error::VaultError;
use super::lifecycle::Vault;
use super::lives::Reborn;
use super::manage::Cleared;
use super::noun::Noun;
use super::secrets::NewSecret;
use super::session::Asker;
use crate::audit::Entry;
use crate::model::{FieldError, Origin, SecretId};
use crate::policy::Action;

/// Secrets to be made together, as far as they could be read.
pub struct Import {
    /// Each with its place in the list that it comes from, from 0.
    pub secrets: Vec<(usize, NewSecret)>,
    /// What was found wrong in reading them, each with its place and the pointer in there. Anything here, and none is made.
    pub wrong: Vec<(usize, FieldError)>,
    /// How many there are, those that couldn't be read too.
    pub count: u64,
}

/// A secret that was made, with its first version.
pub struct Imported {
    pub id: SecretId,
    pub version: u64,
}

impl Vault {
    /// Makes all the secrets in one atomic batch, each with an audit entry of its own. All that is wrong with any
    /// of them is told at once.
    pub async fn import_secrets(
        &self,
        asker: Asker<'_>,
        import: Import,
    ) -> Result<Vec<Imported>, VaultError> {
        let turn = self.turn().await;
        let entry = Entry { count: Some(import.count), ..asker.entry(None, "secret.import") };
        let cleared = self.clear_general(asker, Action::Create, entry).await?;
        let names = Reborn::secrets(import.secrets.iter().map(|(_, new)| &new.id));
        let (mut cleared, line, _rebirth) = self.told_until_now(cleared, names).await?;
        let mut taken = Vec::new();
        let prepared = self.prepare_import(&cleared, line, import, &mut taken);
        // Whoever is told which IDs there are has asked for them.
        cleared.entry.changes = (!taken.is_empty()).then(|| serde_json::json!({ "taken": taken }));
        let (cleared, made) = cleared.prepared(prepared).await?;
        let Cleared { entry, log, .. } = cleared;
        let told = |(secret, _): &(crate::model::Secret, _)| Entry {
            secret: Some(secret.id.shared()),
            version: Some(secret.last_version),
            fingerprint: secret.current().map(|first| first.fingerprint.as_str().into()),
            count: None,
            ..entry.clone()
        };
        let entries = made.iter().map(told).collect();
        let mut imported = Vec::with_capacity(made.len());
        let mut nouns = Vec::with_capacity(2 * made.len());
        for (secret, value) in made {
            let (id, number) = (secret.id.clone(), secret.last_version);
            imported.push(Imported { id: id.clone(), version: number });
            nouns.extend([Noun::Secret(secret), Noun::Value { id, number, value }]);
        }
        self.commit_all(&turn, &log, entries, nouns).await?;
        Ok(imported)
    }

    fn prepare_import(
        &self,
        cleared: &Cleared,
        line: u64,
        import: Import,
        taken: &mut Vec<SecretId>,
    ) -> Result<Vec<(crate::model::Secret, crate::secret::Plaintext)>, VaultError> {
        let Import { secrets, mut wrong, .. } = import;
        let mut made = Vec::with_capacity(secrets.len());
        let mut places: BTreeMap<SecretId, usize> = BTreeMap::new();
        for (place, new) in secrets {
            if let Some(earlier) = places.insert(new.id.clone(), place) {
                let why = format!("is the same ID as that of /secrets/{earlier}");
                wrong.push((place, FieldError::new("/id", why)));
                continue;
            }
            let id = new.id.clone();
            match self.prepare_secret(cleared, line, new) {
                Ok((mut secret, value)) => {
                    secret.origin = Origin::External;
                    made.push((secret, value));
                }
                Err(VaultError::Invalid(errors)) => {
                    wrong.extend(errors.into_iter().map(|each| (place, each)));
                }
                Err(why @ (VaultError::Conflict(_) | VaultError::Tombstoned(_))) => {
                    taken.push(id);
                    let why = format!("can't be used: {why}");
                    wrong.push((place, FieldError::new("/id", why)));
                }
                Err(other) => return Err(other),
            }
        }
        if wrong.is_empty() {
            return Ok(made);
        }
        // Stable: what is wrong with one secret stays in the order in which it was found.
        wrong.sort_by_key(|(place, _)| *place);
        let told = |(place, each): (usize, FieldError)| FieldError {
            pointer: format!("/secrets/{place}{}", each.pointer),
            ..each
        };
        Err(VaultError::Invalid(wrong.into_iter().map(told).collect()))
    }
}
