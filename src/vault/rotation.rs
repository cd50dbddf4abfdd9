//! Rotation: a new version beside the old, promotion, rollback, a hard cut; of a pair, both halves as one.

use jiff::SignedDuration;
use serde_json::Value;

use super::consumers::spare;
use super::error::VaultError;
use super::integrations::owners;
use super::lifecycle::Vault;
use super::manage::Cleared;
use super::noun::Noun;
use super::pair::{IssuedPair, PairSource, Settled, joined, refuse_made_up};
use super::session::Asker;
use super::state::{Live, Unsealed};
use super::turn::Turn;
use crate::audit::{Entry, Outcome};
use crate::model::{
    Employee, Encoding, Fingerprint, Integration, IntegrationName, Rotation, Secret, SecretId, Standing,
    Standstill, Version, VersionState, check_value,
};
use crate::policy::Action;
use crate::secret::Plaintext;

/// How long the version before stays readable unless one is told: NetSuite's own delay.
const USUAL_GRACE: SignedDuration = SignedDuration::from_hours(1);
const LONGEST_GRACE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Secrets whose lapsed versions are recorded in one batch.
const MOST_LAPSED: usize = 256;

/// How a new version comes into use.
pub struct Spread {
    /// None: one hour. Zero is a hard cut.
    pub grace: Option<SignedDuration>,
    /// False leaves it pending, to be verified before it is activated.
    pub activate: bool,
    pub note: Option<String>,
    /// Also if it takes the previous version, before its time, from callers that fetched it last.
    pub force: bool,
}

/// A value to replace a secret's.
pub struct NewVersion {
    pub value: Plaintext,
    pub spread: Spread,
}

/// A pair to replace an integration's.
pub struct NewPair {
    pub source: PairSource,
    pub spread: Spread,
}

/// How versions that are there already change places.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cut {
    /// None: one hour. Zero is a hard cut.
    pub grace: Option<SignedDuration>,
    /// As in [`Spread`].
    pub force: bool,
}

/// What a rotation came to.
pub struct Rotated {
    pub version: u64,
    pub state: Standing,
    /// The value is the current one already; nothing was changed.
    pub unchanged: bool,
    /// A pair that was made up here, to be shown this once.
    pub issued: Option<IssuedPair>,
}

/// What is rotated: one secret, or the two of an integration.
#[derive(Clone, Copy)]
enum Rotating<'a> {
    Secret(&'a SecretId),
    Pair(&'a IntegrationName),
}

/// What is to be stored, and of what it is the next version.
enum Incoming<'a> {
    Value(&'a SecretId, Plaintext),
    Pair(&'a IntegrationName, PairSource),
}

/// What may be stored: values with their encodings, client ID first; the record, where the pair's origin changes.
struct Settling {
    values: Vec<(Plaintext, Encoding)>,
    record: Option<Integration>,
    issued: Option<IssuedPair>,
}

/// What a rotation writes, and what it comes to.
struct Turned {
    moved: Vec<Moved>,
    /// The integration, if it changes too.
    record: Option<Integration>,
    rotated: Rotated,
}

/// A secret after its versions moved, and what its records become.
struct Moved {
    secret: Secret,
    destroyed: Vec<u64>,
    value: Option<(u64, Plaintext)>,
}

impl Vault {
    /// Stores a secret's next version.
    pub async fn rotate_secret(
        &self,
        asker: Asker<'_>,
        id: &SecretId,
        new: NewVersion,
    ) -> Result<Rotated, VaultError> {
        self.rotate(asker, Incoming::Value(id, new.value), new.spread).await
    }

    /// Stores an integration's next pair: both halves in one batch, under one number.
    pub async fn rotate_pair(
        &self,
        asker: Asker<'_>,
        name: &IntegrationName,
        new: NewPair,
    ) -> Result<Rotated, VaultError> {
        self.rotate(asker, Incoming::Pair(name, new.source), new.spread).await
    }

    /// Promotes a pending version, or rolls back to the previous one within its grace.
    pub async fn activate_secret(
        &self,
        asker: Asker<'_>,
        id: &SecretId,
        number: u64,
        cut: Cut,
    ) -> Result<Rotated, VaultError> {
        let to = |secret: &mut Secret, now| secret.activate(number, cut.grace.unwrap_or(USUAL_GRACE), now);
        self.shift(asker, Rotating::Secret(id), "activate", Some(number), cut, to).await
    }

    /// The same for both halves of a pair.
    pub async fn activate_pair(
        &self,
        asker: Asker<'_>,
        name: &IntegrationName,
        number: u64,
        cut: Cut,
    ) -> Result<Rotated, VaultError> {
        let to = |secret: &mut Secret, now| secret.activate(number, cut.grace.unwrap_or(USUAL_GRACE), now);
        self.shift(asker, Rotating::Pair(name), "activate", Some(number), cut, to).await
    }

    /// Retires a pending or previous version of a secret before its time. With `force` also one that an active
    /// caller fetched last.
    pub async fn retire_version(
        &self,
        asker: Asker<'_>,
        id: &SecretId,
        number: u64,
        force: bool,
    ) -> Result<(), VaultError> {
        let to = |secret: &mut Secret, now| secret.retire(number, now);
        let cut = Cut { grace: None, force };
        self.shift(asker, Rotating::Secret(id), "retire", Some(number), cut, to).await.map(|_| ())
    }

    /// Invalidates an integration's pair at once, as NetSuite's Reset Credentials does. A pending pair stays.
    pub async fn reset_pair(&self, asker: Asker<'_>, name: &IntegrationName) -> Result<(), VaultError> {
        let to = |secret: &mut Secret, now| Ok(secret.retire_readable(now));
        let at_once = Cut { grace: None, force: true };
        self.shift(asker, Rotating::Pair(name), "reset", None, at_once, to).await.map(|_| ())
    }

    /// Records the graces that are over, and destroys what they kept. For a timer.
    pub async fn retire_lapsed(&self) -> Result<(), VaultError> {
        let turn = self.turn().await;
        let (nouns, log) = {
            let live = self.live();
            let Live::Unsealed(unsealed) = &*live else { return Ok(()) };
            let now = self.clock.now();
            let lapsed = unsealed
                .registry
                .secrets
                .in_grace()
                .filter(|kept| kept.noun.has_lapsed(now))
                .take(MOST_LAPSED);
            let moved = lapsed.map(|kept| {
                let mut secret = Secret::clone(&kept.noun);
                let destroyed = secret.retire_lapsed(now).destroyed;
                Moved { secret, destroyed, value: None }
            });
            (nouns(unsealed, moved.collect()), std::sync::Arc::clone(&unsealed.log))
        };
        if nouns.is_empty() {
            return Ok(());
        }
        let count = Some(nouns.iter().filter(|noun| matches!(noun, Noun::Secret(_))).count() as u64);
        let (caller, outcome) = (Some("daemon".into()), Outcome::Allowed);
        let entry = Entry { caller, action: "secret.lapse".into(), outcome, count, ..Entry::default() };
        self.commit_as(&turn, &log, entry, nouns).await
    }

    async fn rotate(
        &self,
        asker: Asker<'_>,
        incoming: Incoming<'_>,
        spread: Spread,
    ) -> Result<Rotated, VaultError> {
        let turn = self.turn().await;
        let cleared = self.clear_rotation(asker, incoming.what(), "rotate").await?;
        let force = spread.force;
        let prepared = self.prepare_rotation(&cleared, incoming, spread).and_then(|turned| {
            let lost = self.spare(&turned.moved, force, cleared.now)?;
            Ok((turned, lost))
        });
        let (mut cleared, (turned, lost)) = cleared.prepared(prepared).await?;
        let Turned { moved, record, rotated } = turned;
        cleared.entry.changes = lost;
        cleared.entry.version = Some(rotated.version);
        if rotated.unchanged {
            cleared.entry.reason = Some("unchanged".into());
            cleared.looked().await?;
            return Ok(rotated);
        }
        let prints =
            moved.iter().filter_map(|each| each.secret.versions.iter().find(|v| v.number == rotated.version));
        cleared.entry.fingerprint = Some(joined(prints.map(|version| &version.fingerprint)).into());
        if rotated.issued.is_some() {
            cleared.entry.changes.get_or_insert_with(|| serde_json::json!({}))["pair"] = "issued".into();
        }
        let mut nouns = nouns(self.live().unsealed()?, moved);
        nouns.extend(record.map(|record| Noun::Integration(Box::new(record))));
        self.commit(&turn, cleared, nouns).await?;
        Ok(rotated)
    }

    fn prepare_rotation(
        &self,
        cleared: &Cleared,
        incoming: Incoming,
        spread: Spread,
    ) -> Result<Turned, VaultError> {
        let grace = bounded(spread.grace)?;
        let live = self.live();
        let unsealed = live.unsealed()?;
        let secrets = rotating(unsealed, incoming.what())?;
        let Settling { values, record, issued } = incoming.settle(unsealed)?;
        let fingerprints: Vec<_> = values.iter().map(|(value, _)| unsealed.keys.fingerprint(value)).collect();
        let same = |(secret, print): (&Secret, &Fingerprint)| {
            secret.current().is_some_and(|current| current.fingerprint == *print)
        };
        if let Some(current) = secrets[0].current()
            && secrets.iter().zip(&fingerprints).all(same)
        {
            let (version, state) = (current.number, Standing::Current);
            let rotated = Rotated { version, state, unchanged: true, issued: None };
            return Ok(Turned { moved: Vec::new(), record: None, rotated });
        }
        let number = secrets.iter().map(Secret::next_version).max().unwrap_or(1);
        let mut moved = Vec::with_capacity(secrets.len());
        for ((mut secret, (value, encoding)), fingerprint) in
            secrets.into_iter().zip(values).zip(fingerprints)
        {
            let (created_at, created_by) = (cleared.now, cleared.by.clone());
            let (state, note) = (VersionState::Pending, spread.note.clone());
            let version = Version { number, state, encoding, fingerprint, created_at, created_by, note };
            let mut destroyed = secret.add_pending(version, cleared.now).destroyed;
            if spread.activate {
                destroyed = secret.activate(number, grace, cleared.now).map_err(standstill)?.destroyed;
            }
            secret.changed_at = cleared.now;
            moved.push(Moved { secret, destroyed, value: Some((number, value)) });
        }
        let state = if spread.activate { Standing::Current } else { Standing::Pending };
        let rotated = Rotated { version: number, state, unchanged: false, issued };
        Ok(Turned { moved, record, rotated })
    }

    /// Moves versions that are there already.
    async fn shift(
        &self,
        asker: Asker<'_>,
        what: Rotating<'_>,
        verb: &'static str,
        number: Option<u64>,
        cut: Cut,
        to: impl Fn(&mut Secret, jiff::Timestamp) -> Result<Rotation, Standstill>,
    ) -> Result<Rotated, VaultError> {
        let turn = self.turn().await;
        let mut cleared = self.clear_rotation(asker, what, verb).await?;
        cleared.entry.version = number;
        let prepared = bounded(cut.grace).and_then(|_| {
            let secrets = rotating(self.live().unsealed()?, what)?;
            let moved = secrets.into_iter().map(|mut secret| {
                let destroyed = to(&mut secret, cleared.now).map_err(standstill)?.destroyed;
                secret.changed_at = cleared.now;
                Ok(Moved { secret, destroyed, value: None })
            });
            let moved = moved.collect::<Result<Vec<_>, VaultError>>()?;
            let lost = self.spare(&moved, cut.force, cleared.now)?;
            Ok((moved, lost))
        });
        let (mut cleared, (moved, lost)) = cleared.prepared(prepared).await?;
        cleared.entry.changes = lost;
        self.finish(&turn, cleared, moved).await?;
        Ok(Rotated {
            version: number.unwrap_or_default(),
            state: Standing::Current,
            unchanged: false,
            issued: None,
        })
    }

    /// [`spare`], for what was moved.
    fn spare(&self, moved: &[Moved], force: bool, now: jiff::Timestamp) -> Result<Option<Value>, VaultError> {
        let live = self.live();
        spare(&live.unsealed()?.registry, moved.iter().map(|each| &each.secret), force, now)
    }

    async fn finish(&self, turn: &Turn<'_>, cleared: Cleared, moved: Vec<Moved>) -> Result<(), VaultError> {
        let nouns = nouns(self.live().unsealed()?, moved);
        self.commit(turn, cleared, nouns).await
    }

    async fn clear_rotation(
        &self,
        asker: Asker<'_>,
        what: Rotating<'_>,
        verb: &str,
    ) -> Result<Cleared, VaultError> {
        match what {
            Rotating::Secret(id) => {
                let action = format!("secret.{verb}").into();
                let entry = Entry { secret: Some(id.shared()), action, ..asker.entry(None, "") };
                let owners = |unsealed: &Unsealed| {
                    unsealed.registry.secrets.get(id).map(|kept| kept.noun.owners.clone())
                };
                self.clear(asker, Action::Edit, entry, "secret", owners).await
            }
            Rotating::Pair(name) => {
                let action = format!("integration.{verb}").into();
                let entry = Entry { integration: Some(name.shared()), action, ..asker.entry(None, "") };
                let of = |unsealed: &Unsealed| -> Option<Vec<Employee>> {
                    unsealed.registry.integrations.get(name).map(|kept| owners(unsealed, &kept.noun))
                };
                self.clear(asker, Action::Edit, entry, "integration", of).await
            }
        }
    }
}

impl<'a> Incoming<'a> {
    fn what(&self) -> Rotating<'a> {
        match self {
            Self::Value(id, _) => Rotating::Secret(id),
            Self::Pair(name, _) => Rotating::Pair(name),
        }
    }

    fn settle(self, unsealed: &Unsealed) -> Result<Settling, VaultError> {
        match self {
            Self::Value(_, value) => {
                let encoding = value.lend(check_value).map_err(|why| VaultError::invalid("/value", why))?;
                Ok(Settling { values: vec![(value, encoding)], record: None, issued: None })
            }
            Self::Pair(name, source) => {
                let kept =
                    unsealed.registry.integrations.get(name).ok_or(VaultError::NotFound("integration"))?;
                let record = &*kept.noun;
                refuse_made_up(unsealed, record, &source)?;
                let Settled { halves, origin, issued } = source.settle(record.public_client, "")?;
                let changed = record.pair_origin != origin;
                let record = changed.then(|| Integration { pair_origin: origin, ..record.clone() });
                Ok(Settling { values: halves, record, issued })
            }
        }
    }
}

/// Copies of the secrets that move together. One that belongs to an integration doesn't move alone.
fn rotating(unsealed: &Unsealed, what: Rotating) -> Result<Vec<Secret>, VaultError> {
    let registry = &unsealed.registry;
    let secret = |id: &SecretId| {
        registry.secrets.get(id).map(|kept| Secret::clone(&kept.noun)).ok_or(VaultError::NotFound("secret"))
    };
    match what {
        Rotating::Secret(id) => {
            let secret = secret(id)?;
            match &secret.integration {
                Some(owner) => Err(VaultError::Managed(owner.clone())),
                None => Ok(vec![secret]),
            }
        }
        Rotating::Pair(name) => {
            let record = &registry.integrations.get(name).ok_or(VaultError::NotFound("integration"))?.noun;
            record.secret_ids().map(secret).collect()
        }
    }
}

/// The records of secrets that moved: metadata, the new value, and the destroyed ones that are still there.
fn nouns(unsealed: &Unsealed, moved: Vec<Moved>) -> Vec<Noun> {
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

fn bounded(grace: Option<SignedDuration>) -> Result<SignedDuration, VaultError> {
    let grace = grace.unwrap_or(USUAL_GRACE);
    if (SignedDuration::ZERO..=LONGEST_GRACE).contains(&grace) {
        Ok(grace)
    } else {
        Err(VaultError::invalid("/grace", "is out of bounds: from 0s (a hard cut) to 30 days"))
    }
}

fn standstill(why: Standstill) -> VaultError {
    match why {
        Standstill::Unknown => VaultError::NotFound("version"),
        Standstill::Current | Standstill::Retired | Standstill::InUse | Standstill::Gone => {
            VaultError::Conflict(why.to_string())
        }
    }
}
