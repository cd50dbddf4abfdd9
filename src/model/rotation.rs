//! How versions move: pending → current → previous, until a grace ends → retired. Pure.
//!
//! At most one version is current, one previous and one pending. A number is given once and never again, also
//! when its version is gone. A retired version stays retired.

use jiff::{SignedDuration, Timestamp};

use super::secret::{Secret, Standing, Version, VersionState};

/// Retired versions whose metadata is kept, the latest ones; their values are gone either way.
const REMEMBERED: usize = 32;

/// What a change of versions means for the values: those that are to be destroyed.
#[derive(Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Rotation {
    pub destroyed: Vec<u64>,
}

/// Why a version can't be moved as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Standstill {
    #[error("there is no such version")]
    Unknown,
    #[error("the version is current already")]
    Current,
    #[error("the version is retired, and retired versions never come back; store the value as a new one")]
    Retired,
    #[error(
        "the version is current; rotate, or activate another one first; with a grace of 0s this one ends at once"
    )]
    InUse,
    #[error("the version is retired already")]
    Gone,
}

impl Secret {
    /// The number that the next version gets, where those up to `floor` are given, or may be.
    pub fn next_version(&self, floor: u64) -> u64 {
        self.last_version.max(floor) + 1
    }

    /// Adds `version`, which bears [`Self::next_version`], as the pending one. A pending one before it is retired.
    pub fn add_pending(&mut self, version: Version, now: Timestamp) -> Rotation {
        self.move_all(|state| match state {
            VersionState::Pending => VersionState::Retired,
            other => other,
        });
        self.last_version = version.number;
        self.versions.push(Version { state: VersionState::Pending, ..version });
        self.tidy(now)
    }

    /// Makes a pending or previous version the current one. What was current is previous for `grace` (retired at
    /// once if that is zero); what was previous is retired.
    pub fn activate(
        &mut self,
        number: u64,
        grace: SignedDuration,
        now: Timestamp,
    ) -> Result<Rotation, Standstill> {
        let chosen = self.versions.iter().find(|each| each.number == number).ok_or(Standstill::Unknown)?;
        match chosen.standing(now) {
            Standing::Pending | Standing::Previous => {}
            Standing::Current => return Err(Standstill::Current),
            Standing::Retired => return Err(Standstill::Retired),
        }
        let left = if grace.is_positive() {
            VersionState::Previous { until: now.checked_add(grace).unwrap_or(Timestamp::MAX) }
        } else {
            VersionState::Retired
        };
        for each in &mut self.versions {
            each.state = match each.state {
                _ if each.number == number => VersionState::Current,
                VersionState::Current => left,
                VersionState::Previous { .. } => VersionState::Retired,
                other => other,
            };
        }
        Ok(self.tidy(now))
    }

    /// Retires a pending or previous version before its time.
    pub fn retire(&mut self, number: u64, now: Timestamp) -> Result<Rotation, Standstill> {
        let chosen =
            self.versions.iter_mut().find(|each| each.number == number).ok_or(Standstill::Unknown)?;
        match chosen.standing(now) {
            Standing::Pending | Standing::Previous => chosen.state = VersionState::Retired,
            Standing::Current => return Err(Standstill::InUse),
            Standing::Retired => return Err(Standstill::Gone),
        }
        Ok(self.tidy(now))
    }

    /// Retires every version that can be read: from now on the secret serves nobody until a new one comes.
    pub fn retire_readable(&mut self, now: Timestamp) -> Rotation {
        self.move_all(|state| match state {
            VersionState::Current | VersionState::Previous { .. } => VersionState::Retired,
            other => other,
        });
        self.tidy(now)
    }

    /// Its value is lost: the version serves nobody any more, whatever it was.
    pub fn lose(&mut self, number: u64) {
        for each in self.versions.iter_mut().filter(|each| each.number == number) {
            each.state = VersionState::Retired;
        }
    }

    /// Records the end of graces that are over.
    pub fn retire_lapsed(&mut self, now: Timestamp) -> Rotation {
        self.tidy(now)
    }

    /// Whether a grace is over that isn't recorded yet.
    pub fn has_lapsed(&self, now: Timestamp) -> bool {
        let lapsed = |each: &Version| {
            matches!(each.state, VersionState::Previous { .. }) && each.standing(now) == Standing::Retired
        };
        self.versions.iter().any(lapsed)
    }

    fn move_all(&mut self, to: impl Fn(VersionState) -> VersionState) {
        for each in &mut self.versions {
            each.state = to(each.state);
        }
    }

    /// Writes lapsed graces down as retirements, names the values that are nobody's now, and forgets the oldest of
    /// the retired.
    fn tidy(&mut self, now: Timestamp) -> Rotation {
        for each in &mut self.versions {
            if each.standing(now) == Standing::Retired {
                each.state = VersionState::Retired;
            }
        }
        let retired = |each: &&Version| each.state == VersionState::Retired;
        let destroyed = self.versions.iter().filter(retired).map(|each| each.number).collect();
        let surplus = self.versions.iter().filter(retired).count().saturating_sub(REMEMBERED);
        let mut left = surplus;
        self.versions.retain(|each| {
            let forget = left > 0 && each.state == VersionState::Retired;
            left -= usize::from(forget);
            !forget
        });
        Rotation { destroyed }
    }
}

#[cfg(test)]
mod tests;
