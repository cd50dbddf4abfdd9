//! Integration records and their pair: the FSM record in one step, list, see.

use std::sync::Arc;

use super::burial;
use super::change::Noun;
use super::error::VaultError;
use super::lifecycle::Vault;
use super::manage::Cleared;
use super::registry::Kept;
use super::revision::Revision;
use super::secrets::{Page, check_half, first_version, lower};
use super::session::Asker;
use super::state::Unsealed;
use crate::audit::Entry;
use crate::crypto;
use crate::model::{
    Employee, Encoding, FSM_NAME, Integration, IntegrationName, Origin, Release, Secret, SecretId, Version,
};
use crate::policy::Action;
use crate::secret::Plaintext;

/// The FSM record to be made, with the pair that NetSuite showed once.
pub struct NewFsm {
    pub redirect_uris: Vec<String>,
    pub client_id: Plaintext,
    pub client_secret: Plaintext,
}

/// A record as it stands, and the version of its pair that readers get.
pub struct SeenIntegration {
    pub record: Arc<Integration>,
    pub version: Option<u64>,
    pub revision: Revision,
}

/// What `create_fsm` writes: the record, and its two secrets with their values, client ID first.
struct MadePair {
    record: Integration,
    halves: [(Secret, Plaintext); 2],
}

impl Vault {
    /// Makes both FSM secrets and the integration `fsm`, as NETSUITE.md's table has them, in one atomic batch.
    pub async fn create_fsm(&self, asker: Asker<'_>, new: NewFsm) -> Result<SeenIntegration, VaultError> {
        let turn = self.turn().await;
        let entry = Entry { integration: Some(FSM_NAME.into()), ..asker.entry(None, "integration.create") };
        let cleared = self.clear_general(asker, Action::Create, entry).await?;
        let prepared = self.prepare_fsm(&cleared, new);
        let (mut cleared, MadePair { record, halves }) = cleared.prepared(prepared).await?;
        let fingerprints = halves.each_ref().map(|(secret, _)| secret.versions[0].fingerprint.0.as_str());
        cleared.entry.fingerprint = Some(fingerprints.join("+").into());
        let (name, number) = (record.name.clone(), halves[0].0.last_version);
        cleared.entry.version = Some(number);
        let mut nouns = Vec::with_capacity(5);
        for (secret, value) in halves {
            let id = secret.id.clone();
            nouns.extend([Noun::Secret(secret), Noun::Value { id, number, value }]);
        }
        nouns.push(Noun::Integration(record));
        self.commit(&turn, cleared, nouns).await?;
        self.found_integration(&name)
    }

    /// A record that is there.
    pub(super) fn found_integration(&self, name: &IntegrationName) -> Result<SeenIntegration, VaultError> {
        let live = self.live();
        let unsealed = live.unsealed()?;
        let kept = unsealed.registry.integrations.get(name).ok_or(VaultError::NotFound("integration"))?;
        Ok(seen(unsealed, kept))
    }

    fn prepare_fsm(&self, cleared: &Cleared, new: NewFsm) -> Result<MadePair, VaultError> {
        let encodings = check_pair(&new)?;
        let by = cleared.by.clone();
        let record = Integration::fsm(application_id()?, new.redirect_uris, by, cleared.now);
        let ids = [record.client_id_secret.clone(), record.client_secret_secret.clone()];
        let values = [new.client_id, new.client_secret];
        let live = self.live();
        let unsealed = live.unsealed()?;
        if unsealed.registry.integrations.contains_key(&record.name) {
            let why = format!(
                "there is an integration {0} already; replace its pair with: fsm-vault integration rotate {0}",
                record.name
            );
            return Err(VaultError::Conflict(why));
        }
        let numbers = [burial::free(unsealed, &ids[0])?, burial::free(unsealed, &ids[1])?];
        let number = numbers[0].max(numbers[1]) + 1;
        let [first_name, second_name] = record.secret_names();
        let [first_id, second_id] = ids;
        let [first_value, second_value] = values;
        let half = |id, name, value: Plaintext, encoding| {
            let version = first_version(cleared, number, encoding, unsealed.keys.fingerprint(&value));
            (half_of(&record, cleared, id, name, version), value)
        };
        let halves = [
            half(first_id, first_name, first_value, encodings[0]),
            half(second_id, second_name, second_value, encodings[1]),
        ];
        Ok(MadePair { record, halves })
    }

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
            Page::of(visible.map(|(_, kept)| seen(unsealed, kept)), limit)
        };
        cleared.looked().await?;
        Ok(page)
    }

    /// One integration record.
    pub async fn see_integration(
        &self,
        asker: Asker<'_>,
        name: &IntegrationName,
    ) -> Result<SeenIntegration, VaultError> {
        let entry = Entry { integration: Some(name.shared()), ..asker.entry(None, "integration.show") };
        let owners = |unsealed: &Unsealed| {
            unsealed.registry.integrations.get(name).map(|kept| owners(unsealed, &kept.noun))
        };
        let cleared = self.clear(asker, Action::See, entry, "integration", owners).await?;
        let found = self.found_integration(name)?;
        cleared.looked().await?;
        Ok(found)
    }
}

/// A record is owned by whoever owns its pair.
pub(super) fn owners(unsealed: &Unsealed, record: &Integration) -> Vec<Employee> {
    let secret = |id: &SecretId| unsealed.registry.secrets.get(id);
    secret(&record.client_id_secret).map(|kept| kept.noun.owners.clone()).unwrap_or_default()
}

fn seen(unsealed: &Unsealed, kept: &Kept<Integration>) -> SeenIntegration {
    let record = &kept.noun;
    let secret = unsealed.registry.secrets.get(&record.client_id_secret);
    let version = secret.and_then(|kept| kept.noun.current()).map(|version| version.number);
    let revision = Revision::new(kept.revision, record.created_at);
    SeenIntegration { record: Arc::clone(record), version, revision }
}

/// One of a record's two secrets, with its first version. Its rules are the record's.
fn half_of(record: &Integration, cleared: &Cleared, id: SecretId, name: String, version: Version) -> Secret {
    Secret {
        id,
        name,
        description: String::new(),
        owners: vec![cleared.rights.employee.clone()],
        restrictions: None,
        integration: Some(record.name.clone()),
        origin: Origin::ThisAccount,
        release: Release::Reveal,
        expires_on: None,
        max_age_days: None,
        created_at: cleared.now,
        created_by: cleared.by.clone(),
        changed_at: cleared.now,
        last_version: version.number,
        versions: vec![version],
    }
}

fn check_pair(new: &NewFsm) -> Result<[Encoding; 2], VaultError> {
    let checked = (
        check_half(&new.client_id, "/credentials/client_id"),
        check_half(&new.client_secret, "/credentials/client_secret"),
    );
    match checked {
        (Ok(_), Ok(_)) if new.client_id.same_as(&new.client_secret) => {
            let why = "is the same as the client ID; NetSuite shows two different values";
            Err(VaultError::invalid("/credentials/client_secret", why))
        }
        (Ok(id), Ok(secret)) => Ok([id, secret]),
        (id, secret) => Err(VaultError::Invalid([id.err(), secret.err()].into_iter().flatten().collect())),
    }
}

/// Like NetSuite's: a random UUID (RFC 9562, version 4) in capitals.
fn application_id() -> Result<String, VaultError> {
    let mut bytes = [0; 16];
    crypto::fill(&mut bytes)?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    Ok([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"))
}
