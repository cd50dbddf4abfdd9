//! Who fetched a secret, as it is recorded: the callers of one secret, and up to where the log is counted.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::name::{CallerName, SecretId};

/// What one caller did with a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallerUse {
    pub caller: CallerName,
    /// The version last fetched.
    pub version: u64,
    /// When that was.
    pub at: Timestamp,
    /// Fetches in all.
    pub count: u64,
    /// Of the registration that the caller's name had. None in records of before it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrolled_at: Option<Timestamp>,
}

/// The uses of one secret, by caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretUses {
    pub id: SecretId,
    pub callers: Vec<CallerUse>,
}

/// All fetches that the audit log tells of up to this line are in the [`SecretUses`]; later ones are counted from
/// the log when the vault is unsealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsesMark {
    pub seq: u64,
}
