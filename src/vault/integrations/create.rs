//! A new record, its secrets and, if there is one already, its pair: all in one atomic batch.

use std::num::NonZeroU64;

use super::super::burial;
use super::super::error::VaultError;
use super::super::lifecycle::Vault;
use super::super::lives::Reborn;
use super::super::manage::Cleared;
use super::super::named::{check_employees, check_rules};
use super::super::noun::Noun;
use super::super::pair::{IssuedPair, MadeUp, PairSource, Settled, joined};
use super::super::secrets::first_version;
use super::super::session::Asker;
use super::SeenIntegration;
use crate::audit::Entry;
use crate::crypto;
use crate::model::{
    FieldError, Integration, IntegrationForm, IntegrationName, Origin, PairCare, Release, Secret, SecretId,
    Version,
};
use crate::policy::Action;
use crate::secret::Plaintext;

/// A record to be made.
pub struct NewIntegration {
    pub name: IntegrationName,
    pub form: IntegrationForm,
    /// The form came from a template: what only its maker knows may follow later.
    pub is_template: bool,
    /// `custsecret_<name>_client_id` unless given.
    pub client_id_secret: Option<SecretId>,
    /// `custsecret_<name>_client_secret` unless given. A public client has none.
    pub client_secret_secret: Option<SecretId>,
    /// None: the record serves nobody until a pair is captured.
    pub pair: Option<PairSource>,
}

/// A record that was made, and its pair if it was issued: to be shown this once.
pub struct MadeIntegration {
    pub seen: SeenIntegration,
    pub issued: Option<IssuedPair>,
}

/// What is written: the record, and its secrets with their values, client ID first.
struct Made {
    record: Integration,
    halves: Vec<(Secret, Option<Plaintext>)>,
    issued: Option<MadeUp>,
}

impl Vault {
    /// Makes an integration record and its secrets in one atomic batch. Its maker owns it unless owners are named.
    pub async fn create_integration(
        &self,
        asker: Asker<'_>,
        new: NewIntegration,
    ) -> Result<MadeIntegration, VaultError> {
        let turn = self.turn().await;
        let name = new.name.clone();
        let entry = Entry { integration: Some(name.shared()), ..asker.entry(None, "integration.create") };
        let cleared = self.clear_general(asker, Action::Create, entry).await?;
        let ids = new.secret_ids().map(|(first, second)| std::iter::once(first).chain(second));
        let ids: Vec<_> = ids.into_iter().flatten().collect();
        let names = Reborn::integration(&name, &ids);
        let (mut cleared, line, _rebirth) = self.told_until_now(cleared, names).await?;
        let prepared = self.prepare_integration(&cleared, line, new);
        if prepared.is_err() {
            // Whoever is told which of them there are has asked for them.
            cleared.entry.changes = Some(serde_json::json!({ "secrets": ids }));
        }
        let (mut cleared, Made { record, halves, issued }) = cleared.prepared(prepared).await?;
        let firsts = halves.iter().filter_map(|(secret, _)| secret.versions.first());
        let fingerprints = joined(firsts.map(|version| &version.fingerprint));
        if !fingerprints.is_empty() {
            cleared.entry.fingerprint = Some(fingerprints.into());
            cleared.entry.version = halves.first().map(|(secret, _)| secret.last_version);
        }
        cleared.entry.changes = issued.is_some().then(|| serde_json::json!({ "pair": "issued" }));
        let mut nouns = Vec::with_capacity(5);
        for (secret, value) in halves {
            let (id, number) = (secret.id.clone(), secret.last_version);
            nouns.push(Noun::Secret(secret));
            nouns.extend(value.map(|value| Noun::Value { id, number, value }));
        }
        nouns.push(Noun::Integration(Box::new(record)));
        self.commit(&turn, cleared, nouns).await?;
        let issued = match issued {
            Some(made_up) => Some(made_up.leaves(self.departing(asker)?)),
            None => None,
        };
        Ok(MadeIntegration { seen: self.found_integration(&name)?, issued })
    }

    fn prepare_integration(
        &self,
        cleared: &Cleared,
        line: u64,
        new: NewIntegration,
    ) -> Result<Made, VaultError> {
        let ids = new.secret_ids();
        let NewIntegration { name, form, is_template, pair, .. } = new;
        let is_public = form.public_client;
        let settled = pair.map(|source| source.settle(is_public, "/credentials")).transpose();
        let made = (application_id()?, cleared.by.clone(), cleared.now);
        let checked = match ids {
            Ok(ids) => {
                let blank = Integration::blank(name, &form, is_template, made, ids);
                form.check(blank)
            }
            Err(wrong) => Err([vec![wrong], form.problems(is_template)].concat()),
        };
        let (record, mut care, settled) = match (checked, settled) {
            (Ok((record, care)), Ok(settled)) => (record, care, settled),
            (Err(wrong), Err(VaultError::Invalid(more))) => {
                return Err(VaultError::Invalid([wrong, more].concat()));
            }
            (Err(wrong), _) => return Err(VaultError::Invalid(wrong)),
            (_, Err(error)) => return Err(error),
        };
        if care.owners.is_empty() {
            care.owners.push(cleared.rights.employee.clone());
        }

        let live = self.live();
        let unsealed = live.unsealed()?;
        check_employees(&unsealed.registry, &[], &care.owners, "/owners")?;
        check_rules(&unsealed.registry, None, record.restrictions.as_ref())?;
        if unsealed.registry.integrations.contains_key(&record.name) {
            let why = format!(
                "there is an integration {0} already; replace its pair with: fsm-vault integration rotate {0}",
                record.name
            );
            return Err(VaultError::Conflict(why));
        }
        // Both halves bear the same numbers, whatever lives their IDs had before.
        let mut last = 0;
        for id in record.secret_ids() {
            last = last.max(burial::free(unsealed, id)?);
        }
        let (values, origin, issued) = match settled {
            Some(Settled { halves, origin, issued }) => (halves, origin, issued),
            None => (Vec::new(), record.pair_origin, None),
        };
        let record = Integration { pair_origin: origin, since_line: Some(line), ..record };
        let mut values = values.into_iter();
        let halves = record.secret_ids().zip(record.secret_names()).map(|(id, name)| match values.next() {
            Some((value, encoding)) => {
                let fingerprint = unsealed.keys.fingerprint(&value);
                let first = first_version(cleared, last + 1, encoding, fingerprint);
                (half_of(&record, &care, cleared, (id, name), (last + 1, vec![first])), Some(value))
            }
            None => (half_of(&record, &care, cleared, (id, name), (last, Vec::new())), None),
        });
        let halves = halves.collect();
        Ok(Made { record, halves, issued })
    }
}

/// One of a record's secrets. Its rules are the record's.
fn half_of(
    record: &Integration,
    care: &PairCare,
    cleared: &Cleared,
    (id, name): (&SecretId, String),
    (last_version, versions): (u64, Vec<Version>),
) -> Secret {
    Secret {
        id: id.clone(),
        name: name.into(),
        description: "".into(),
        owners: care.owners.clone(),
        restrictions: None,
        integration: Some(record.name.clone()),
        origin: Origin::ThisAccount,
        release: Release::Reveal,
        expires_on: care.expires_on,
        max_age_days: care.max_age_days,
        created_at: cleared.now,
        created_by: cleared.by.clone(),
        changed_at: cleared.now,
        last_version,
        versions,
        since_line: record.since_line.and_then(NonZeroU64::new),
    }
}

impl NewIntegration {
    /// The IDs of the pair's secrets: as given, or made of the record's name. A public client has one.
    fn secret_ids(&self) -> Result<(SecretId, Option<SecretId>), FieldError> {
        const AT: &str = "/client_secret_secret";
        let or_usual = |given: &Option<SecretId>, part: &str, pointer: &str| match given {
            Some(id) => Ok(id.clone()),
            None => SecretId::of_integration(&self.name, part).map_err(|why| FieldError::new(pointer, why)),
        };
        let client_id = or_usual(&self.client_id_secret, "client_id", "/client_id_secret")?;
        if self.form.public_client {
            return match self.client_secret_secret {
                Some(_) => Err(FieldError::new(AT, "is given, but a public client has no client secret")),
                None => Ok((client_id, None)),
            };
        }
        let client_secret = or_usual(&self.client_secret_secret, "client_secret", AT)?;
        if client_secret == client_id {
            return Err(FieldError::new(AT, "is the client ID's; the pair has two secrets"));
        }
        Ok((client_id, Some(client_secret)))
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
