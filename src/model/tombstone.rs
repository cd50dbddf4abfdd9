//! What is left of a deleted secret.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::name::{CallerName, SecretId, SuiteAppId};

/// Remembers of a deleted secret what must outlive it: its version numbers, which are never given again, and
/// whether its ID may be used again (NETSUITE.md, API secrets: one that was shared with a SuiteApp never).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tombstone {
    pub id: SecretId,
    /// The highest version number given so far, over all lives of the ID.
    pub last_version: u64,
    /// The last revision of the secret's record, so that an entity tag is never given twice.
    pub revision: u64,
    /// The SuiteApp that it was shared with. Some: the ID is never used again.
    pub suiteapp: Option<SuiteAppId>,
    pub deleted_at: Timestamp,
    pub deleted_by: CallerName,
}
