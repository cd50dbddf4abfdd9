//! Versions that are there already change places: promotion, rollback, early retirement, a reset, graces that are over.

use super::super::error::VaultError;
use super::super::integrations::SeenIntegration;
use super::super::lifecycle::Vault;
use super::super::manage::Cleared;
use super::super::noun::Noun;
use super::super::revision::IfMatch;
use super::super::session::Asker;
use super::super::state::Live;
use super::super::turn::Turn;
use super::moved::{Moved, nouns, rotating};
use super::{Cut, Replaced, Rotated, Rotating, USUAL_GRACE, bounded, standstill};
use crate::audit::{Entry, Outcome};
use crate::model::{IntegrationName, Itself, Rotation, Secret, SecretId, Standing, Standstill};

/// Secrets whose lapsed versions are recorded in one batch.
const MOST_LAPSED: usize = 256;

impl Vault {
    /// Promotes a pending version, or rolls back to the previous one within its grace; as all here, if the secret is in a
    /// state that `if_match` names.
    pub async fn activate_secret(
        &self,
        asker: Asker<'_>,
        id: &SecretId,
        number: u64,
        cut: Cut,
        if_match: &IfMatch,
    ) -> Result<Rotated, VaultError> {
        self.activate(asker, (Rotating::Secret(id), if_match), number, cut).await
    }

    /// The same for both halves of a pair.
    pub async fn activate_pair(
        &self,
        asker: Asker<'_>,
        name: &IntegrationName,
        number: u64,
        cut: Cut,
        if_match: &IfMatch,
    ) -> Result<Rotated, VaultError> {
        self.activate(asker, (Rotating::Pair(name), if_match), number, cut).await
    }

    /// Retires a pending or previous version of a secret before its time. With `force` also one that an active
    /// caller fetched last.
    pub async fn retire_version(
        &self,
        asker: Asker<'_>,
        id: &SecretId,
        number: u64,
        force: bool,
        if_match: &IfMatch,
    ) -> Result<(), VaultError> {
        self.retire(asker, (Rotating::Secret(id), if_match), number, force).await
    }

    /// The same for both halves of a pair.
    pub async fn retire_pair(
        &self,
        asker: Asker<'_>,
        name: &IntegrationName,
        number: u64,
        force: bool,
        if_match: &IfMatch,
    ) -> Result<(), VaultError> {
        self.retire(asker, (Rotating::Pair(name), if_match), number, force).await
    }

    /// Invalidates an integration's pair at once, as NetSuite's Reset Credentials does. A pending pair stays. The record as it
    /// is then.
    pub async fn reset_pair(
        &self,
        asker: Asker<'_>,
        name: &IntegrationName,
        if_match: &IfMatch,
    ) -> Result<SeenIntegration, VaultError> {
        let turn = self.turn().await;
        let to = |secret: &mut Secret, now| Ok(secret.retire_readable(now));
        let at_once = Cut { grace: None, force: true };
        self.shift(&turn, asker, (Rotating::Pair(name), if_match), ("reset", None), at_once, to).await?;
        self.found_integration(name)
    }

    /// Records the graces that are over, and destroys what they kept. For a timer. Others have their turns between the batches.
    pub async fn retire_lapsed(&self) -> Result<(), VaultError> {
        while self.retire_some_lapsed().await? {}
        Ok(())
    }

    /// One batch. Whether there may be more.
    async fn retire_some_lapsed(&self) -> Result<bool, VaultError> {
        let turn = self.turn().await;
        let (nouns, log) = {
            let live = self.live();
            let Live::Unsealed(unsealed) = &*live else { return Ok(false) };
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
            return Ok(false);
        }
        let count = nouns.iter().filter(|noun| matches!(noun, Noun::Secret(_))).count();
        let (is_full, count) = (count == MOST_LAPSED, Some(count as u64));
        let (caller, outcome) = (Some(Itself::Daemon.name().into()), Outcome::Allowed);
        let entry = Entry { caller, action: "secret.lapse".into(), outcome, count, ..Entry::default() };
        self.commit_as(&turn, &log, entry, nouns).await?;
        Ok(is_full)
    }

    async fn activate(
        &self,
        asker: Asker<'_>,
        what: (Rotating<'_>, &IfMatch),
        number: u64,
        cut: Cut,
    ) -> Result<Rotated, VaultError> {
        let to = |secret: &mut Secret, now| secret.activate(number, cut.grace.unwrap_or(USUAL_GRACE), now);
        self.shift(&self.turn().await, asker, what, ("activate", Some(number)), cut, to).await
    }

    async fn retire(
        &self,
        asker: Asker<'_>,
        what: (Rotating<'_>, &IfMatch),
        number: u64,
        force: bool,
    ) -> Result<(), VaultError> {
        let to = |secret: &mut Secret, now| secret.retire(number, now);
        let cut = Cut { grace: None, force };
        self.shift(&self.turn().await, asker, what, ("retire", Some(number)), cut, to).await.map(|_| ())
    }

    /// Moves versions that are there already.
    async fn shift(
        &self,
        turn: &Turn<'_>,
        asker: Asker<'_>,
        (what, if_match): (Rotating<'_>, &IfMatch),
        (verb, number): (&'static str, Option<u64>),
        cut: Cut,
        to: impl Fn(&mut Secret, jiff::Timestamp) -> Result<Rotation, Standstill>,
    ) -> Result<Rotated, VaultError> {
        let mut cleared = self.clear_rotation(asker, what, verb).await?;
        cleared.entry.version = number;
        let prepared = bounded(cut.grace).and_then(|_| {
            let secrets = rotating(self.live().unsealed()?, what, if_match)?;
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
        let previous = moved.first().and_then(|each| Replaced::of(&each.secret, cleared.now));
        self.finish(turn, cleared, moved).await?;
        let (version, state) = (number.unwrap_or_default(), Standing::Current);
        Ok(Rotated { version, state, unchanged: false, previous, issued: None })
    }

    async fn finish(&self, turn: &Turn<'_>, cleared: Cleared, moved: Vec<Moved>) -> Result<(), VaultError> {
        let nouns = nouns(self.live().unsealed()?, moved);
        self.commit(turn, cleared, nouns).await
    }
}
