//! Why a store isn't taken for the newest, and what its acceptance takes.

use jiff::Timestamp;
use serde_json::json;

use super::census::Flaws;
use super::error::VaultError;
use super::noun::Noun;
use super::registry::Registry;
use crate::audit::{Change, Passed};
use crate::model::{Secret, SecretId};

/// Names in an audit entry; more are counted.
const NAMED: usize = 100;

/// A store that is older than what is known of it, or lacks records, or of which that can't be told.
#[derive(Debug)]
pub struct RolledBack {
    /// How often it was written.
    pub(super) store: u64,
    pub(super) age: Option<Age>,
    pub(super) flaws: Flaws,
    /// Changes that the log has and the store lacks, and the last of them.
    pub(super) lacks: (u64, Option<Change>),
    /// The highest epoch that anything tells of.
    pub(super) witnessed: u64,
}

/// What the witnesses say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    Older {
        witness: u64,
        by: &'static str,
    },
    /// The log is a newer store's.
    Passed(Passed),
    /// A witness is gone.
    Unknown {
        why: &'static str,
    },
}

impl RolledBack {
    /// None: there is nothing to say against the store.
    pub(super) fn if_any(self) -> Option<Self> {
        (self.age.is_some() || !self.flaws.are_none()).then_some(self)
    }

    /// Whether the log may tell of changes that the store lacks.
    pub(super) fn may_be_older(&self) -> bool {
        self.age.is_some()
    }

    /// For the audit log. Names, never values.
    pub(super) fn told(&self) -> serde_json::Value {
        let Self { store, age, flaws, .. } = self;
        let (witness, by) = match age {
            Some(Age::Older { witness, by }) => (Some(witness), Some(*by)),
            Some(Age::Passed(_)) => (None, Some("the audit log")),
            Some(Age::Unknown { why }) => (None, Some(*why)),
            None => (None, None),
        };
        let mut told = json!({ "store": store, "witness": witness, "by": by });
        if !flaws.are_none() {
            let lost: Vec<_> =
                flaws.values.iter().take(NAMED).map(|(id, number)| json!([id, number])).collect();
            told["records"] = json!({
                "flaw": flaws.to_string(), "lost_values": lost, "lost_values_count": flaws.values.len(),
                "removed": flaws.strays.len(),
            });
        }
        told
    }

    /// What an accepted store needs in order to be whole again: versions whose value is lost are retired, with both
    /// halves of a pair; records that belong to nothing any more go.
    pub(super) fn mend(&self, registry: &Registry, now: Timestamp) -> Vec<Noun> {
        let mut nouns: Vec<Noun> = self
            .flaws
            .strays
            .iter()
            .map(|(key, revision)| Noun::Stray { key: *key, revision: *revision })
            .collect();
        let mut mended = std::collections::BTreeMap::<SecretId, Secret>::new();
        for (id, number) in &self.flaws.values {
            let owner = registry.secrets.get(id).and_then(|kept| registry.owner(&kept.noun));
            let pair = owner.map(|record| record.secret_ids().cloned().collect());
            for half in pair.unwrap_or_else(|| vec![id.clone()]) {
                let Some(kept) = registry.secrets.get(&half) else { continue };
                let secret = mended.entry(half.clone()).or_insert_with(|| Secret::clone(&kept.noun));
                secret.lose(*number);
                secret.changed_at = now;
                if kept.values.get(*number).is_some() {
                    nouns.push(Noun::Gone { id: half, number: *number });
                }
            }
        }
        nouns.extend(mended.into_values().map(Noun::Secret));
        nouns
    }
}

impl std::fmt::Display for RolledBack {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        let Self { store, age, flaws, lacks, .. } = self;
        match age {
            Some(Age::Older { witness, by }) => write!(
                out,
                "the store is an older copy: it was written {store} times, and {by} knows of {witness}. "
            )?,
            Some(Age::Passed(Passed::Outrun)) => out.write_str(
                "the store is an older copy: the audit log went on, and has retired the place that the store knows as its end. ",
            )?,
            Some(Age::Passed(Passed::Rekeyed)) => out.write_str(
                "the store is an older copy: the audit log tells of a rekey, and goes on under another root key. ",
            )?,
            Some(Age::Passed(Passed::Resumed)) => out.write_str(
                "the store isn't the one that was used last: the audit log goes on under the root key from before its rekey, as an older copy was accepted. ",
            )?,
            Some(Age::Passed(Passed::Foreign)) => out.write_str(
                "whether the store is the newest can't be told: the audit log goes on under a root key that it doesn't know, or is another vault's. ",
            )?,
            Some(Age::Passed(Passed::Restored)) => out.write_str(
                "the store is an older copy: the audit log is that of a vault that was restored from a backup of it. ",
            )?,
            Some(Age::Unknown { why }) => {
                write!(out, "whether the store is the newest can't be told: {why}. ")?;
            }
            None => {}
        }
        if let (Some(_), (changes @ 1.., Some(last))) = (age, lacks) {
            let what =
                if *changes == 1 { "a change".to_owned() } else { format!("{changes} changes, the last") };
            write!(out, "It lacks {what} that stands in the audit log: {last}. ")?;
        }
        if !flaws.are_none() {
            write!(out, "the store's records aren't those that it had: {flaws}. ")?;
        }
        out.write_str(
            "Put back the newest copy of the data directory, or restore the newest backup. To go on with what is there, in \
             which a revoked caller may be active again, a changed rule undone and a value gone, add --accept-rollback (to \
             serve, unseal or operator recover)",
        )
    }
}

impl From<RolledBack> for VaultError {
    fn from(found: RolledBack) -> Self {
        Self::RolledBack(Box::new(found))
    }
}
