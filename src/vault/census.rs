//! What is kept about the store as a whole: the log's head and the census, in one record that changes with every commit.
//!
//! The record's revision is the *epoch*: how often the store has been written.

use serde::{Deserialize, Serialize};

use super::error::VaultError;
use super::lifecycle::Vault;
use crate::audit::Checkpoint;
use crate::keys::{Census, KeyRing, RecordKind, Sealed, StoreKey};

/// The record of kind 6.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Head {
    #[serde(flatten)]
    pub checkpoint: Checkpoint,
    /// None: written before there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub census: Option<Census>,
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

/// Holds the census of what was read against the one that was kept.
pub(super) fn compare(kept: Option<Census>, found: Census) -> Result<(), VaultError> {
    let Some(kept) = kept.filter(|kept| *kept != found) else { return Ok(()) };
    let (kept, found) = (kept.records(), found.records());
    let what = match kept.cmp(&found) {
        std::cmp::Ordering::Equal => "a record was replaced by an older one".to_owned(),
        std::cmp::Ordering::Greater => format!("there are {found} records and there should be {kept}"),
        std::cmp::Ordering::Less => {
            format!(
                "there are {found} records and there should be {kept}: a deleted one was put back, or one added"
            )
        }
    };
    Err(VaultError::Damaged(format!("{what}, although each one opens")))
}
