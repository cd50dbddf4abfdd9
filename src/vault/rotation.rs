//! Rotation: a new version beside the old, promotion, rollback, a hard cut; of a pair, both halves as one.

use jiff::{SignedDuration, Timestamp};

use super::error::VaultError;
use super::integrations::owners;
use super::lifecycle::Vault;
use super::manage::Cleared;
use super::noun::Noun;
use super::pair::{IssuedPair, MadeUp, PairSource, joined};
use super::revision::IfMatch;
use super::session::Asker;
use super::state::Unsealed;
use crate::audit::Entry;
use crate::model::{
    Employee, Fingerprint, Integration, IntegrationName, Secret, SecretId, Standing, Standstill, Version,
    VersionState,
};
use crate::policy::Action;
use crate::secret::Plaintext;

mod incoming;
mod moved;
mod shift;

use incoming::{Incoming, Settling};
use moved::{Moved, nouns, rotating};

/// How long the version before stays readable unless one is told: NetSuite's own delay.
const USUAL_GRACE: SignedDuration = SignedDuration::from_hours(1);
const LONGEST_GRACE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How a new version comes into use.
pub struct Spread {
    /// None: one hour. Zero is a hard cut.
    pub grace: Option<SignedDuration>,
    /// False leaves it pending, to be verified before it is activated.
    pub activate: bool,
    pub note: Option<Box<str>>,
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
    /// The version that stays readable beside the current one.
    pub previous: Option<Replaced>,
    /// A pair that was made up here, to be shown this once.
    pub issued: Option<IssuedPair>,
}

/// A version that was replaced, within its grace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replaced {
    pub version: u64,
    pub until: Timestamp,
}

impl Replaced {
    fn of(secret: &Secret, now: Timestamp) -> Option<Self> {
        secret.versions.iter().find_map(|each| match each.state {
            VersionState::Previous { until } if until > now => Some(Self { version: each.number, until }),
            _ => None,
        })
    }
}

/// What is rotated: one secret, or the two of an integration.
#[derive(Clone, Copy)]
enum Rotating<'a> {
    Secret(&'a SecretId),
    Pair(&'a IntegrationName),
}

/// What a rotation writes, and what it comes to.
struct Turned {
    moved: Vec<Moved>,
    /// The integration, if it changes too.
    record: Option<Integration>,
    issued: Option<MadeUp>,
    rotated: Rotated,
}

impl Vault {
    /// Stores a secret's next version, if it is in a state that `if_match` names.
    pub async fn rotate_secret(
        &self,
        asker: Asker<'_>,
        id: &SecretId,
        new: NewVersion,
        if_match: &IfMatch,
    ) -> Result<Rotated, VaultError> {
        self.rotate(asker, Incoming::Value(id, new.value), new.spread, if_match).await
    }

    /// Stores an integration's next pair: both halves in one batch, under one number.
    pub async fn rotate_pair(
        &self,
        asker: Asker<'_>,
        name: &IntegrationName,
        new: NewPair,
        if_match: &IfMatch,
    ) -> Result<Rotated, VaultError> {
        self.rotate(asker, Incoming::Pair(name, new.source), new.spread, if_match).await
    }

    async fn rotate(
        &self,
        asker: Asker<'_>,
        incoming: Incoming<'_>,
        spread: Spread,
        if_match: &IfMatch,
    ) -> Result<Rotated, VaultError> {
        let turn = self.turn().await;
        let cleared = self.clear_rotation(asker, incoming.what(), "rotate").await?;
        let force = spread.force;
        let prepared = self.prepare_rotation(&cleared, incoming, spread, if_match).and_then(|turned| {
            let lost = self.spare(&turned.moved, force, cleared.now)?;
            Ok((turned, lost))
        });
        let (mut cleared, (turned, lost)) = cleared.prepared(prepared).await?;
        let Turned { moved, record, issued, mut rotated } = turned;
        cleared.entry.changes = lost;
        cleared.entry.version = Some(rotated.version);
        if rotated.unchanged {
            cleared.entry.reason = Some("unchanged".into());
            self.looked(cleared).await?;
            return Ok(rotated);
        }
        let prints =
            moved.iter().filter_map(|each| each.secret.versions.iter().find(|v| v.number == rotated.version));
        cleared.entry.fingerprint = Some(joined(prints.map(|version| &version.fingerprint)).into());
        if issued.is_some() {
            cleared.entry.changes.get_or_insert_with(|| serde_json::json!({}))["pair"] = "issued".into();
        }
        let mut nouns = nouns(self.live().unsealed()?, moved);
        nouns.extend(record.map(|record| Noun::Integration(Box::new(record))));
        self.commit(&turn, cleared, nouns).await?;
        if let Some(made_up) = issued {
            rotated.issued = Some(made_up.leaves(self.departing(asker)?));
        }
        Ok(rotated)
    }

    fn prepare_rotation(
        &self,
        cleared: &Cleared,
        incoming: Incoming,
        spread: Spread,
        if_match: &IfMatch,
    ) -> Result<Turned, VaultError> {
        let grace = bounded(spread.grace)?;
        let live = self.live();
        let unsealed = live.unsealed()?;
        let secrets = rotating(unsealed, incoming.what(), if_match)?;
        let Settling { values, record, issued } = incoming.settle(unsealed)?;
        let fingerprints: Vec<_> = values.iter().map(|(value, _)| unsealed.keys.fingerprint(value)).collect();
        let same = |(secret, print): (&Secret, &Fingerprint)| {
            secret.current().is_some_and(|current| current.fingerprint == *print)
        };
        // What is stored for later is stored, whatever it is: who isn't told of the current value must not try it out unseen.
        if spread.activate
            && let Some(current) = secrets[0].current()
            && secrets.iter().zip(&fingerprints).all(same)
        {
            let (version, state) = (current.number, Standing::Current);
            let rotated = Rotated { version, state, unchanged: true, previous: None, issued: None };
            return Ok(Turned { moved: Vec::new(), record: None, issued: None, rotated });
        }
        let floor = unsealed.registry.past.floor;
        let number = secrets.iter().map(|secret| secret.next_version(floor)).max().unwrap_or(1);
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
        let previous = moved.first().and_then(|each| Replaced::of(&each.secret, cleared.now));
        let rotated = Rotated { version: number, state, unchanged: false, previous, issued: None };
        Ok(Turned { moved, record, issued, rotated })
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
