//! What is kept about the store as a whole: the log's head and the census, in one record that changes with every commit.
//!
//! The record's revision is the *epoch*: how often the store has been written.

use serde::{Deserialize, Serialize};

use super::error::VaultError;
use super::lifecycle::Vault;
use super::past::Past;
use crate::audit::Checkpoint;
use crate::keys::{Census, KeyRing, RecordKind, Sealed, StoreKey};
use crate::model::SecretId;

/// The record of kind 6.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Head {
    #[serde(flatten)]
    pub checkpoint: Checkpoint,
    /// None: written before there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub census: Option<Census>,
    #[serde(flatten)]
    pub past: Past,
}

/// A census over records, page by page or all at once.
#[derive(Default)]
pub(super) struct Counting(Census);

impl Counting {
    pub fn take(&mut self, keys: &KeyRing, key: &StoreKey, sealed: &Sealed) {
        if counts(key) {
            self.0.add(keys.tally(key, sealed.revision().unwrap_or_default(), Some(sealed)));
        }
    }

    pub fn done(self) -> Census {
        self.0
    }
}

/// What a change replaces or takes away: a record that is there now.
pub(super) struct Replaced {
    pub key: StoreKey,
    pub revision: u64,
    /// None: a value's, of which nothing more is needed.
    pub sealed: Option<Sealed>,
}

impl Vault {
    /// The census after a change.
    pub(super) fn census_after<'a>(
        keys: &KeyRing,
        before: Census,
        replaced: &[Replaced],
        written: impl Iterator<Item = (&'a StoreKey, &'a Sealed)>,
    ) -> Census {
        let mut census = before;
        for Replaced { key, revision, sealed } in replaced.iter().filter(|each| counts(&each.key)) {
            census.take_off(keys.tally(key, *revision, sealed.as_ref()));
        }
        for (key, sealed) in written.filter(|(key, _)| counts(key)) {
            census.add(keys.tally(key, sealed.revision().unwrap_or_default(), Some(sealed)));
        }
        census
    }
}

/// The record that keeps the census isn't in it.
fn counts(key: &StoreKey) -> bool {
    key.kind() != RecordKind::Checkpoint
}

/// In what a store isn't whole although each of its records opens.
#[derive(Debug, Default)]
pub(super) struct Flaws {
    pub miscount: Option<Miscount>,
    /// Versions whose value isn't there.
    pub values: Vec<(SecretId, u64)>,
    /// Values and counted fetches of no secret, with their revisions. Alone no flaw: nothing is read of them.
    pub strays: Vec<(StoreKey, u64)>,
}

/// How the records differ from those that were counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Miscount {
    /// The record that keeps the count is gone, and with it the epoch.
    NoHead,
    Records {
        kept: u64,
        found: u64,
    },
}

/// Holds the census of what was read against the one that was kept.
pub(super) fn compare(kept: Option<Census>, found: Census) -> Option<Miscount> {
    let kept = kept.filter(|kept| *kept != found)?;
    Some(Miscount::Records { kept: kept.records(), found: found.records() })
}

impl Flaws {
    pub fn are_none(&self) -> bool {
        self.miscount.is_none() && self.values.is_empty()
    }

    /// For whoever takes a whole store alone.
    pub fn refuse(&self) -> Result<(), VaultError> {
        if self.are_none() { Ok(()) } else { Err(VaultError::Damaged(self.to_string())) }
    }
}

impl std::fmt::Display for Flaws {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        let Self { miscount, values, .. } = self;
        match miscount {
            Some(Miscount::NoHead) => out.write_str("the record that counts them is missing")?,
            Some(Miscount::Records { kept, found }) if kept == found => {
                out.write_str("one was replaced by an older one, or by another")?;
            }
            Some(Miscount::Records { kept, found }) => {
                write!(out, "there are {found} and there should be {kept}")?;
                if found > kept {
                    out.write_str("; deleted ones were put back, or some added")?;
                }
            }
            None => {}
        }
        if let Some((id, number)) = values.first() {
            let between = if miscount.is_some() { "; " } else { "" };
            write!(out, "{between}the value of version {number} of {id} is missing")?;
            if let more @ 1.. = values.len() - 1 {
                write!(out, ", and {more} more")?;
            }
        }
        Ok(())
    }
}
